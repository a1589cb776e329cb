"""PyTorch checkpoints before 1.6, and later ones with `_use_new_zipfile_serialization=False`.

    pickle 1   the number 0x1950a86a20f9469cfc6c
    pickle 2   the protocol, 1001
    pickle 3   a dictionary about the system
    pickle 4   the object; tensors point to storages by persistent id
    pickle 5   the sorted list of storage keys
    then for each key: i64 little endian number of elements, and their raw bytes

A storage counts as data only where the object asks for one of this size. A file that computes its magic number is
not of this format: it is read as pickles, and what comes behind them stays opaque.
Source: pytorch 2.13, `torch/serialization.py`, _legacy_load.
"""

from __future__ import annotations

from weighbridge.core.facts import Native, Oddity, PickleEnd, Span, Tensor, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.magic import PROGRAM_HEAD, machine_code
from weighbridge.formats.pickles.stream import hidden_pickle
from weighbridge.formats.torch.zip import ITEM_BYTES
from weighbridge.pickle.machine import interpret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

MAGIC = 0x1950A86A20F9469CFC6C
_HEAD = b"\x8a\x0a" + MAGIC.to_bytes(10, "little") + b"."


class TorchLegacy:
    """Five pickles and the storages behind them."""

    name = "torch-legacy"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the first pickle is the magic number as a constant."""
        del data
        head = info.head
        # From protocol 4 on the number stands in a frame.
        start = 11 if head[2:3] == b"\x95" else 2
        return Match.YES if head[:1] == b"\x80" and head.startswith(_HEAD, start) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Follow the five pickles, then account for the storages that the fourth asks for."""
        del info
        start = 0
        storages: dict[str, tuple[str, int]] = {}
        for _ in range(5):
            program = interpret(data, start, budget, arrays=False)
            yield from program.facts
            yield PickleEnd(start, program.end - start, program.protocol, program.complete)
            yield Span(start, program.end - start, "parsed")
            if not program.complete:
                why = program.broken or "a limit was reached"
                yield UnreadSpan(program.end, data.size - program.end, f"the pickle cannot be followed: {why}")
                return
            start = program.end
            storages |= program.storages
        for key in sorted(storages):
            kind, elements = storages[key]
            item = ITEM_BYTES.get(kind.rpartition(".")[2])
            count = int.from_bytes(data.peek(start, 8), "little", signed=True)
            if item is None or count != elements or start + 8 + count * item > data.size:
                yield Oddity("storage-size", f"storage {key[:100]!r} is not what the object asks for", start)
                return
            yield Span(start, 8, "parsed")
            code = machine_code(data.peek(start + 8, min(PROGRAM_HEAD, count * item)))
            if code:
                yield Native(code, start + 8)
            yield Span(start + 8, count * item, "data")
            if budget.facts > 0:
                budget.facts -= 1
                yield Tensor(f"storage/{key[:100]}", kind.rpartition(".")[2], (elements,), start + 8, count * item)
            start += 8 + count * item
        if start < data.size:
            yield from hidden_pickle(data, start, budget)
            yield Oddity("trailing-bytes", f"{data.size - start} bytes behind the last storage", start)
