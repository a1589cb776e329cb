"""The memo of the simulated pickle machine: complete in meaning, bounded in memory.

The first entries are kept as they are. Behind `Limits.memo` entries only eight bytes each remain: the place of a
constant in the stream, or the index of a shared value that keeps the kind (a global keeps its name, a result what
was called). Runs of constants that were skipped in one go are numbered only when somebody asks.
"""

from __future__ import annotations

from array import array

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pickle.opcodes import memoized_constant
from weighbridge.pickle.values import Container, Global, Opaque, Persistent, Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.pickle.values import Run


LONG = 64
"""Characters of a string from which on its place in the stream is kept instead of the string."""


class Later:
    """A constant that stays in the stream until it is asked for."""

    __slots__ = ("offset",)

    def __init__(self, offset: int) -> None:
        self.offset = offset


WAITING = 50_000
"""Entries that may wait for their number."""
_A_TUPLE = Opaque("tuple")
_CONSTANT_TUPLE = Opaque("tuple", "constants")
_TUPLES = (b"\x85", b"\x86", b"\x87")


class MemoFull(Exception):
    """Keys out of order beyond the limit: the pickle cannot be followed any further within the memory allowed."""


class Memo:
    """Keys and values. `read` gives bytes of the stream by offset and size; `constant` decodes one at an offset.

    `kept` and `pending` are open to the machine's loop, which handles the common case itself: while nothing is
    pending and fewer than `keep` entries are kept, `kept` is the whole memo.
    """

    __slots__ = ("_base", "_constant", "_late", "_read", "_shared", "_shared_index", "keep", "kept", "pending")

    def __init__(self, keep: int, read: Callable[[int, int], bytes], constant: Callable[[int], object]) -> None:
        self.keep = keep
        self.kept: dict[int, object] = {}
        self._base = -1
        self._late: array[int] = array("q")
        self._shared: list[object] = []
        self._shared_index: dict[tuple[str, str], int] = {}
        self.pending: list[Run | tuple[int, object, int]] = []
        self._read = read
        self._constant = constant

    def skipped(self, run: Run) -> None:
        """Constants of this run may have been memoized; they are numbered when the next key is needed."""
        self.pending.append(run)

    def memoize(self, value: object, offset: int) -> None:
        """MEMOIZE: the key is the number of keys so far."""
        if self.pending:
            self._wait(-1, value, offset)
        else:
            self._put(len(self.kept) + len(self._late), value, offset)

    def put(self, key: int, value: object, offset: int) -> None:
        """PUT, BINPUT, LONG_BINPUT. `offset` is where the value's own opcode stands if it is a constant, else -1."""
        if self.pending:
            self._wait(key, value, offset)
        else:
            self._put(key, value, offset)

    def get(self, key: int) -> object:
        """GET, BINGET, LONG_BINGET. Raises KeyError if nothing was stored."""
        if self.pending:
            self._number_pending()
        try:
            value = self.kept[key]
            if isinstance(value, Later):
                value = self._constant(value.offset)
                if not isinstance(value, str | bytes) or len(value) <= LONG:
                    self.kept[key] = value
            return value
        except KeyError:
            place = key - self._base
            if self._base < 0 or not 0 <= place < len(self._late):
                raise
            entry = self._late[place]
            return self._constant(entry) if entry >= 0 else self._shared[-1 - entry]

    def _wait(self, key: int, value: object, offset: int) -> None:
        """Behind runs that are not numbered yet nothing can be numbered either; key -1 is the next number."""
        self.pending.append((key, value, offset))
        if len(self.pending) > WAITING:
            self._number_pending()

    def _put(self, key: int, value: object, offset: int, *, later: bool = False) -> None:
        kept = self.kept
        if key in kept or len(kept) < self.keep:
            later = later or (offset >= 0 and isinstance(value, str | bytes) and len(value) > LONG)
            kept[key] = Later(offset) if later else value
            return
        if self._base < 0:
            self._base = key
        place = key - self._base
        if offset < 0 and isinstance(value, str | bytes):
            # No pickler stores a string again that it just fetched; its content would be lost here.
            raise MemoFull
        entry = offset if offset >= 0 and isinstance(value, str | bytes | int | float) else -1 - self._share(value)
        if place == len(self._late):
            self._late.append(entry)
        elif 0 <= place < len(self._late):
            self._late[place] = entry
        else:
            raise MemoFull

    def _share(self, value: object) -> int:
        if value is _CONSTANT_TUPLE:
            key = ("other", "tuple of constants")
        elif type(value) is tuple:
            key, value = ("other", "tuple"), _A_TUPLE
        elif isinstance(value, Global):
            key = ("global", value.name)
        elif isinstance(value, Result) and isinstance(value.callee, Global):
            key, value = ("result", value.callee.name), Result(value.callee, Opaque("arguments"))
        elif isinstance(value, Result):
            key, value = ("result", ""), Result(Opaque("callable"), Opaque("arguments"))
        elif isinstance(value, Container):
            key, value = ("container", value.kind), _emptied(value.kind)
        elif isinstance(value, Persistent):
            key, value = ("persistent", ""), Persistent(Opaque("id"))
        else:
            kind = type(value).__name__.lower()
            key, value = ("other", kind), Opaque(kind)
        index = self._shared_index.get(key)
        if index is None:
            index = self._shared_index[key] = len(self._shared)
            self._shared.append(value)
        return index

    def _number_pending(self) -> None:
        pending, self.pending = self.pending, []
        pattern = memoized_constant()
        for run in pending:
            if isinstance(run, tuple):
                key, value, offset = run
                self._put(len(self.kept) + len(self._late) if key < 0 else key, value, offset)
                continue
            data = self._read(run.start, run.end - run.start)
            for match in pattern.finditer(data):
                opcode = match[2]
                if opcode is None:
                    break
                offset = run.start + match.start(1)
                key = len(self.kept) + len(self._late) if len(opcode) == 1 else int.from_bytes(opcode[1:], "little")
                if match[1] in _TUPLES:
                    self._put(key, _CONSTANT_TUPLE, -1)
                else:
                    self._put(key, "", offset, later=True)


def _emptied(kind: str) -> Container:
    container = Container(kind)
    container.more = True
    container.constant = False
    return container
