"""Which records two versions of a data set do not share."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.fingerprint import content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.dataset.canonical import Entry
    from weighbridge.dataset.fingerprint import Content

SCHEMA = "weighbridge.dataset-diff/1"
SHOWN = 100
PAIRED = 2_000_000
"""Differences of one side that are looked at for records that changed; beyond, all count as added or removed."""


class Place(NamedTuple):
    """Where a record stands."""

    file: str
    row: int


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
        }


def difference(before: str, after: str, *, most: int, key: str = "") -> Difference:
    """Compare two data sets record by record; `key` names the column that says which record is meant.

    Without it the columns `fingerprint.KEYS` are tried; a record without a key is added or removed, never changed.
    Raises SourceError.
    """
    old, new = content(before, most, key), content(after, most, key)
    try:
        same, removed, added = _compare(old.leaves.entries(), new.leaves.entries())
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
            tuple(sorted(_place(new, entry) for entry in only_new)[:SHOWN]),
            tuple(sorted(Change(_place(old, one), _place(new, other)) for one, other in pairs)[:SHOWN]),
            tuple(sorted(_place(old, entry) for entry in only_old)[:SHOWN]),
            (*old.incomplete, *new.incomplete),
        )
    finally:
        old.leaves.close()
        new.leaves.close()


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


def _place(found: Content, entry: Entry) -> Place:
    return Place(found.data[entry.file].shown, entry.row)
