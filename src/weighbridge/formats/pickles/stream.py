"""Pickles: one, or several in a row, with or without bytes behind them.

    blob = stream* rest          stream = opcodes up to and with STOP (0x2E)

There is no magic: protocols 2 to 5 usually begin with 0x80 and the protocol number, all others with any opcode.
Source: CPython `Lib/pickletools.py`.
"""

from __future__ import annotations

from itertools import chain, islice

from weighbridge.core.facts import Call, Child, Import, Limit, Native, Oddity, PickleEnd, Span, UnreadSpan
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.magic import PROGRAM_HEAD, machine_code
from weighbridge.pickle.machine import interpret
from weighbridge.pickle.opcodes import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo
    from weighbridge.pickle.machine import Program

PROTO = 0x80
TRIAL = Limits(operations_floor=20_000, facts=200, values=2_000, memo=2_000, stack=20_000)
"""What finding out whether something without a header is a pickle may cost."""
GLANCE = TRIAL._replace(operations_floor=8)
"""What confirming a header may cost."""
GLIMPSE = TRIAL._replace(operations_floor=500)
"""What one place may cost where a pickle may be hidden."""
PLACE = 50
"""Operations that looking at a place costs besides."""
SHORTEST_ADDRESS = 24
"""Bytes of the shortest stretch of opcodes that can hold an address."""
NEAR = 256
FAR = 4 * 1024 * 1024
TRIES = 512
_NAMED = frozenset((".pkl", ".pickle", ".p", ".joblib", ".dill", ".pth", ".pt", ".ckpt", ".bin", ".dat", ".data"))


class PickleStream:
    """Raw pickles under any name."""

    name = "pickle"
    version = 1
    extensions = frozenset((".pkl", ".pickle"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if opcodes follow a protocol header, or lead to a call or to STOP; a name alone is a MAYBE."""
        head = info.head
        if not head or head[0] not in KNOWN or head.startswith(b"PK\x03\x04"):
            # A zip archive begins like PERSID, which raises in every loader that does not know such ids.
            return Match.NO
        if len(head) > 1 and head[0] == PROTO and head[1] <= 5:
            # The size of a safetensors header can look like this, but no opcodes follow it.
            first = interpret(data, 0, Budget(GLANCE, 0))
            return Match.YES if first.complete or first.exhausted or runs_something(first) else Match.MAYBE
        program = trial(data)
        if runs_something(program):
            return Match.YES
        # "N." is None pickled and also a line of text: without a header only the name can tell.
        whole = program.complete and program.end == data.size
        return Match.MAYBE if whole or info.extension in _NAMED else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Follow every stream; whatever is behind the last one and is no pickle stays opaque."""
        del info
        start = 0
        while start < data.size:
            if start and not _continues(data, start):
                yield from hidden_pickle(data, start, budget)
                return
            program = interpret(data, start, budget)
            yield from program.facts
            yield PickleEnd(start, program.end - start, program.protocol, program.complete)
            for span in _accounted(program, start):
                yield span
                if span.kind == "parsed" and span.size >= SHORTEST_ADDRESS:
                    yield from _addresses(data, span, budget)
            for offset, size in program.arrays:
                kind = machine_code(data.peek(offset, min(PROGRAM_HEAD, size)))
                if kind:
                    yield Native(kind, offset)
            yield from _other_reading(program, data)
            for offset, size in program.payloads:
                yield Child(f"bytes@{offset}", -1, size, data.part(offset, size))
            if program.texts:
                yield from _encoded(program, data, budget)
            if not program.complete:
                why = program.broken or "a limit was reached"
                yield UnreadSpan(program.end, data.size - program.end, f"the pickle cannot be followed: {why}")
                return
            start = program.end
            if budget.facts <= 0:
                yield Limit("facts", budget.limits.facts, start)
                return


def _encoded(program: Program, data: Reader, budget: Budget) -> Iterator[Fact | Child]:
    """Objects that are written as text in the constants of a pickle."""
    if not program.texts:
        return
    from weighbridge.formats.texts.embedded import embedded_in_text

    for offset, size in program.texts:
        text = data.read(offset, min(size, budget.limits.embedded * 2 + 1)).decode("latin-1")
        yield from embedded_in_text(text.strip("'\""), f"text@{offset}", offset, budget)


def _addresses(data: Reader, span: Span, budget: Budget) -> Iterator[Fact]:
    from weighbridge.formats.pickles.constants import searched_pickle

    return searched_pickle(data, span.offset, span.offset + span.size, budget)


def hidden_pickle(data: Reader, start: int, budget: Budget) -> Iterator[Child]:
    """A pickle somewhere behind `start` where the format ends: behind padding, behind other bytes.

    Loaders that read on from a known place find it there. Tried are the first `NEAR` bytes and the headers in the next
    `FAR` bytes, `TRIES` places in all; each costs the file operations. What is not found stays unread.
    """
    import re

    near = (place for place, byte in enumerate(data.peek(start, NEAR)) if byte in KNOWN)
    headers = (match.start() for match in re.finditer(rb"\x80[\x02-\x05]", data.peek(start, FAR)))
    for place in islice(chain(near, headers), TRIES):
        if budget.operations <= GLIMPSE.operations_floor:
            return
        reader = data.part(start + place, data.size - start - place)
        glimpse = Budget(GLIMPSE, 0)
        found = runs_something(interpret(reader, 0, glimpse))
        budget.operations -= PLACE + GLIMPSE.operations_floor - glimpse.operations
        if found:
            yield Child(f"hidden@{start + place}", start + place, reader.size, reader)
            return


def _accounted(program: Program, start: int) -> Iterator[Span]:
    """The opcodes of a stream, and the raw arrays between them."""
    for offset, size in sorted(program.arrays):
        yield Span(start, offset - start, "parsed")
        yield Span(offset, size, "data")
        start = offset + size
    yield Span(start, program.end - start, "parsed")


def _other_reading(program: Program, data: Reader) -> Iterator[Fact]:
    """What `pickle.load` would do with the first raw array: it knows nothing of joblib and takes it for opcodes."""
    if not program.arrays:
        return
    offset, _ = min(program.arrays)
    other = interpret(data, offset, Budget(TRIAL, 0), arrays=False)
    if runs_something(other):
        yield Oddity("polyglot", "the bytes of an array are opcodes for loaders other than joblib's", offset)
        yield from other.facts


def trial(data: Reader) -> Program:
    """Follow the first opcodes of a blob that may or may not be a pickle."""
    return interpret(data, 0, Budget(TRIAL, 0))


def runs_something(program: Program) -> bool:
    """Whether a stream calls or fetches something by a name that could be one: text and tensors do not."""
    called = any(isinstance(fact, Call) and fact.mode != "persistent" for fact in program.facts)
    named = any(isinstance(fact, Import) and _plausible(fact.name) for fact in program.facts)
    return named and (called or program.complete)


def _plausible(name: str) -> bool:
    return "." in name and all(part.isidentifier() for part in name.split("."))


def _continues(data: Reader, start: int) -> bool:
    head = data.peek(start, 2)
    if len(head) == 2 and head[0] == PROTO and head[1] <= 5:
        return True
    return head[0] in KNOWN and _follows(data, start)


def _follows(data: Reader, start: int) -> bool:
    program = interpret(data.part(start, data.size - start), 0, Budget(TRIAL, 0))
    return program.complete or runs_something(program)
