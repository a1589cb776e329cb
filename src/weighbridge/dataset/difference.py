"""Which records two versions of a data set do not share."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.fingerprint import content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from weighbridge.dataset.canonical import Entry
    from weighbridge.dataset.fingerprint import Content

SCHEMA = "weighbridge.dataset-diff/1"
SHOWN = 100
PAIRED = 2_000_000
"""Differences of one side that are looked at for records that changed; beyond, all count as added or removed."""


class Place(NamedTuple):
    """Where a record stands, and the commit that put it there or took it away; empty: not known."""

    file: str
    row: int
    commit: str = ""


class Step(NamedTuple):
    """A commit that changed records, as far as they are among the differences.

    `author` is what it says, which nothing but the signature proves; `signature` how much stands behind that.
    """

    commit: str
    author: str
    signature: str
    why: str
    added: int
    removed: int


class Blame(NamedTuple):
    """Which commits added and removed records, by leaf, each as often as the record was; and the commits in order."""

    added: dict[bytes, list[str]]
    removed: dict[bytes, list[str]]
    steps: tuple[Step, ...]
    unknown: str = ""


class Change(NamedTuple):
    """A record with the same key that says something else."""

    before: Place
    after: Place


class Difference(NamedTuple):
    """How two data sets differ. Counts are exact; at most `SHOWN` places of each kind are named."""

    before: str
    after: str
    same: int
    added: int
    changed: int
    removed: int
    added_at: tuple[Place, ...]
    changed_at: tuple[Change, ...]
    removed_at: tuple[Place, ...]
    incomplete: tuple[str, ...]
    commits: tuple[Step, ...] = ()
    commits_unknown: str = ""

    @property
    def equal(self) -> bool:
        """Whether both were read whole and have the same records."""
        return not (self.added or self.changed or self.removed or self.incomplete)

    def document(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {
            "schema": SCHEMA,
            **self._asdict(),
            "added_at": [place._asdict() for place in self.added_at],
            "removed_at": [place._asdict() for place in self.removed_at],
            "changed_at": [{"before": c.before._asdict(), "after": c.after._asdict()} for c in self.changed_at],
            "incomplete": list(self.incomplete),
            "commits": [step._asdict() for step in self.commits],
        }


def difference(before: str, after: str, *, most: int, key: str = "") -> Difference:
    """Compare two data sets record by record; `key` names the column that says which record is meant.

    Without it the columns `fingerprint.KEYS` are tried; a record without a key is added or removed, never changed.
    Raises SourceError.
    """
    old, new = content(before, most, key), content(after, most, key)
    try:
        return compared(old, new)
    finally:
        old.leaves.close()
        new.leaves.close()


def compared(old: Content, new: Content, blame: Callable[[set[bytes]], Blame] | None = None) -> Difference:
    """How two contents differ. `blame` is asked which commits changed the records of these leaves."""
    same, removed, added = _compare(old.leaves.entries(), new.leaves.entries())
    known = blame({entry.leaf for entry in (*removed, *added)}) if blame else Blame({}, {}, ())
    pairs = _pairs(removed, added)
    gone = {id(one) for one, _ in pairs}
    come = {id(one) for _, one in pairs}
    only_old = [entry for entry in removed if id(entry) not in gone]
    only_new = [entry for entry in added if id(entry) not in come]
    return Difference(
        str(old.root),
        str(new.root),
        same,
        len(only_new),
        len(pairs),
        len(only_old),
        tuple(sorted(_place(new, entry, known.added) for entry in only_new)[:SHOWN]),
        tuple(sorted(Change(_place(old, one, {}), _place(new, other, known.added)) for one, other in pairs)[:SHOWN]),
        tuple(sorted(_place(old, entry, known.removed) for entry in only_old)[:SHOWN]),
        (*old.incomplete, *new.incomplete),
        known.steps,
        known.unknown,
    )


def _compare(old: Iterator[Entry], new: Iterator[Entry]) -> tuple[int, list[Entry], list[Entry]]:
    """Merge two sorted lists: how many leaves are in both, and those that are in one."""
    same, removed, added = 0, [], []
    left, right = next(old, None), next(new, None)
    while left or right:
        if left and right and left.leaf == right.leaf:
            same += 1
            left, right = next(old, None), next(new, None)
        elif left and (right is None or left.leaf < right.leaf):
            removed.append(left)
            left = next(old, None)
        elif right:
            added.append(right)
            right = next(new, None)
    return same, removed, added


def _pairs(removed: list[Entry], added: list[Entry]) -> list[tuple[Entry, Entry]]:
    if len(removed) > PAIRED or len(added) > PAIRED:
        return []
    waiting: dict[bytes, list[Entry]] = {}
    for entry in reversed(removed):
        if any(entry.key):
            waiting.setdefault(entry.key, []).append(entry)
    return [(waiting[entry.key].pop(), entry) for entry in added if waiting.get(entry.key)]


def _place(found: Content, entry: Entry, known: dict[bytes, list[str]]) -> Place:
    """Of records that are alike, each takes one of the commits that changed such a record."""
    commits = known.get(entry.leaf)
    return Place(found.data[entry.file].shown, entry.row, commits.pop(0) if commits else "")
