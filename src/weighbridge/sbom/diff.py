"""What changed between two bills of materials, in words: files first, then what the bills say of the model."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sbom.statements import PASSING, SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Literal

    from weighbridge.sbom.read import ListedFile, ReadBill

SHOWN = 120
"""Characters of a value in a sentence."""


class Change(NamedTuple):
    """One change. `subject` is `file` or a subject of statements; `text` says it in words.

    `before` and `after` are values as the bills have them, empty for what was not there.
    """

    subject: str
    kind: Literal["added", "removed", "changed", "renamed"]
    name: str
    before: str
    after: str
    text: str


class BillDiff(NamedTuple):
    """The changes from one bill to another. `same_files` says that both list files, and with the same digests.

    `not_compared` are subjects that only one of the bills can speak of.
    """

    before: str
    after: str
    same_files: bool
    changes: tuple[Change, ...]
    not_compared: tuple[str, ...]


def diff_bills(before: ReadBill, after: ReadBill) -> BillDiff:
    """Compare two bills, of whatever standard."""
    files = list(_files(before.files, after.files))
    both = before.subjects & after.subjects
    said = list(_statements(before, after, both))
    apart = sorted(SUBJECTS[name] for name in (before.subjects ^ after.subjects) if name in SUBJECTS)
    same = bool(before.files) and not files
    return BillDiff(_title(before), _title(after), same, (*files, *said), tuple(apart))


def _title(bill: ReadBill) -> str:
    return f"{bill.name} ({bill.digest or 'no digest'})"


def _files(before: Iterable[ListedFile], after: Iterable[ListedFile]) -> Iterator[Change]:
    old, new = _by_path(before), _by_path(after)
    gone = {path: file for path, file in old.items() if path not in new}
    came = {path: file for path, file in new.items() if path not in old}
    moved = {}
    by_digest = {file.sha256: path for path, file in sorted(came.items(), reverse=True) if file.sha256}
    for path, file in sorted(gone.items()):
        target = by_digest.pop(file.sha256, "") if file.sha256 else ""
        if target:
            moved[path] = target
    for path in sorted(old.keys() | new.keys()):
        shown = plain(path, SHOWN)
        if path in moved:
            text = f"{shown} is called {plain(moved[path], SHOWN)} now"
            yield Change("file", "renamed", path, path, moved[path], text)
        elif path in gone:
            yield Change("file", "removed", path, _identity(old[path]), "", f"{shown} is gone{_about(old[path])}")
        elif path in came and path not in moved.values():
            yield Change("file", "added", path, "", _identity(new[path]), f"{shown} is new{_about(new[path])}")
        elif path in old and path in new:
            yield from _changed(old[path], new[path])


def _by_path(files: Iterable[ListedFile]) -> dict[str, ListedFile]:
    """Files by their path; one that stands twice with different digests has both."""
    found: dict[str, ListedFile] = {}
    for file in files:
        other = found.setdefault(file.path, file)
        if file.sha256 not in other.sha256.split(", "):
            found[file.path] = file._replace(sha256=f"{other.sha256}, {file.sha256}")
    return found


def _changed(old: ListedFile, new: ListedFile) -> Iterator[Change]:
    shown = plain(old.path, SHOWN)
    if old.sha256 and new.sha256 and old.sha256 != new.sha256:
        text = f"{shown} has other bytes"
        if old.size is not None and new.size is not None:
            grown = new.size - old.size
            text += f": {abs(grown):,} {'more' if grown > 0 else 'fewer'}" if grown else ", as many as before"
        if old.format and new.format and old.format != new.format:
            text += f"; it was {plain(old.format, 40)} and is {plain(new.format, 40)}"
        yield Change("file", "changed", old.path, _identity(old), _identity(new), text)
    elif not old.sha256 or not new.sha256:
        without = "the first bill" if new.sha256 else "the second bill" if old.sha256 else "neither bill"
        text = f"whether {shown} changed is not known: {without} gives {'no' if without[0] == 't' else 'a'} sha256"
        yield Change("file", "changed", old.path, _identity(old), _identity(new), text)


def _identity(file: ListedFile) -> str:
    return f"sha256:{file.sha256}" if file.sha256 else "unknown"


def _about(file: ListedFile) -> str:
    parts = [plain(file.format, 40)] if file.format else []
    parts += [f"{file.size:,} bytes"] if file.size is not None else []
    return f" ({', '.join(parts)})" if parts else ""


def _statements(before: ReadBill, after: ReadBill, both: frozenset[str]) -> Iterator[Change]:
    for subject in SUBJECTS:
        if subject not in both or subject == "unknown":
            continue
        old, new = (_by_name(bill, subject) for bill in (before, after))
        for name in dict.fromkeys((*old, *new)):
            yield from _values(subject, name, old.get(name, []), new.get(name, []))


def _by_name(bill: ReadBill, subject: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in bill.statements:
        if one.subject == subject:
            found.setdefault(plain(one.name), []).append(plain(one.value))
    return found


def _values(subject: str, name: str, old: list[str], new: list[str]) -> Iterator[Change]:
    gone, came = [one for one in old if one not in new], [one for one in new if one not in old]
    what = f"{SUBJECTS[subject]}, {plain(name, SHOWN)}"
    if subject in PASSING and not (subject == "scan" and name == "verdict"):
        return
    if len(gone) == 1 and len(came) == 1:
        text = f"{what}: it was {plain(gone[0], SHOWN)} and is {plain(came[0], SHOWN)}"
        yield Change(subject, "changed", name, gone[0], came[0], text)
        return
    for one in gone:
        yield Change(subject, "removed", name, one, "", f"{what}: {plain(one, SHOWN)} is not said any more")
    for one in came:
        yield Change(subject, "added", name, "", one, f"{what}: {plain(one, SHOWN)} is new")
