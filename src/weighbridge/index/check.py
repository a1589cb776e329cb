"""Proving a log, of decisions or of changes: each entry chained to the one before, a signed head, witnesses inside."""

from __future__ import annotations

from weighbridge.core.errors import Rejected
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.log import Entry, Head, beginning, entry_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from weighbridge.index.log import ChainedLog

MOST_PROBLEMS = 20


class Checked(NamedTuple):
    """What was found. `signer` is who signed the head; `witnesses` how many heads kept elsewhere were found again."""

    whole: bool
    log: str
    entries: int
    hash: str
    signer: str
    witnesses: int
    problems: tuple[str, ...]


def check(log: ChainedLog, opens: Callable[[Head], str], witnesses: Sequence[Head] = ()) -> Checked:
    """Prove the log. `opens` verifies the signature of the head and gives who made it, or raises Rejected.

    A head that nobody signed is a problem unless a witness stands at the very end: without either, nobody can say
    that nothing was cut off. Raises IndexFailed if the log cannot be read.
    """
    problems: list[str] = []
    head, previous, count, last = Head("", 0, ""), "", 0, 0
    by_place: dict[int, list[Head]] = {}
    for witness in witnesses:
        by_place.setdefault(witness.sequence, []).append(witness)
    found, at_the_end = 0, False
    for item in log.whole():
        if isinstance(item, Head):
            head, previous = item, beginning(item.log)
            found += _met(by_place.pop(0, []), Entry(0, b"", "", previous), head, problems)
            continue
        count += 1
        _entry(item, last + 1, previous, head, problems)
        last = item.sequence if type(item.sequence) is int else last + 1
        kept = by_place.pop(item.sequence, [])
        good = _met(kept, item, head, problems)
        found, at_the_end = found + good, bool(good) and item.sequence == head.sequence
        previous = item.hash
        if len(problems) >= MOST_PROBLEMS:
            return Checked(False, head.log, count, previous, "", found, tuple(problems))
    if (last, previous) != (head.sequence, head.hash):
        problems.append(
            f"the head names entry {head.sequence}, and the log ends at {last}: entries were cut off or added"
        )
    problems += [
        f"a witness names entry {kept.sequence}, which is not there: the log was cut short or put back"
        for rest in by_place.values()
        for kept in rest
    ]
    signer = ""
    try:
        signer = opens(head) if head.bundle else ""
    except Rejected as error:
        problems.append(f"the head is not signed as it should be: {error.cause}")
    else:
        if not signer and not at_the_end:
            problems.append("nobody signed the head, so that entries may have been cut off: give --witness")
    return Checked(not problems, head.log, count, previous, signer, found, tuple(problems))


def _entry(entry: Entry, place: int, previous: str, head: Head, problems: list[str]) -> None:
    if entry.sequence != place:
        problems.append(f"entry {place} is missing: the next is {entry.sequence}")
    if entry.previous != previous:
        problems.append(f"entry {entry.sequence} does not follow the one before it")
    whole = isinstance(entry.document, bytes)  # SQLite stores what it is given, whatever the column says
    if not whole or entry.hash != entry_hash(head.log, entry.sequence, entry.previous, entry.document):
        problems.append(f"entry {entry.sequence} was changed")


def _met(kept: Sequence[Head], entry: Entry, head: Head, problems: list[str]) -> int:
    """How many witnesses of this place say what stands here."""
    good = 0
    for witness in kept:
        if witness.log == head.log and witness.hash == entry.hash:
            good += 1
        elif witness.log != head.log:
            problems.append(f"a witness is of log {witness.log[:12]}, which is not here")
        else:
            problems.append(f"a witness knows another entry {entry.sequence} than the log has")
    return good
