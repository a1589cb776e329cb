"""NumPy arrays in files.

    offset 0   93 "NUMPY"
    offset 6   u8 major, u8 minor version (1.0, 2.0 or 3.0)
    offset 8   u16 (version 1) or u32 little endian: bytes of the header
    then       a Python literal in Latin-1 (version 3: UTF-8), filled up with spaces and LF:
               {'descr': …, 'fortran_order': bool, 'shape': (…)}
    then       the elements; if any field of them is an object, one pickle instead

The limit of numpy on the header does not hold for who allows pickles, and numpy understands more spellings of types
than it writes. So whatever stands behind a header that is not understood is looked into as well, and stays unread.
Source: numpy 2.4, `numpy/lib/_format_impl.py`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Native, Oddity, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.magic import PROGRAM_HEAD, machine_code

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

MAGIC = b"\x93NUMPY"
MOST_HEADER = 10_000
"""Bytes of the header that numpy itself accepts without being asked to trust the file."""
MOST_BYTES = 1 << 63
"""numpy counts elements in 64 bits with a sign: no length and no product of them may reach this."""
_SIZES = {
    "b": (1,),
    "i": (1, 2, 4, 8),
    "u": (1, 2, 4, 8),
    "f": (2, 4, 8, 12, 16),
    "c": (8, 16, 24, 32),
    "M": (8,),
    "m": (8,),
}
"""Kinds of a fixed choice of sizes, in bytes."""
_PER_CHARACTER = {"V": 1, "S": 1, "a": 1, "U": 4}
"""Kinds of any length: bytes of one character."""


class Npy:
    """One array."""

    name = "numpy"
    version = 1
    extensions = frozenset((".npy",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by magic."""
        del data
        return Match.YES if info.head.startswith(MAGIC) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield the array as a tensor, or its objects as a pickle; what is behind it stays opaque."""
        del info, budget
        major, minor = data.read(6, 2)
        if major not in (1, 2, 3) or minor:
            raise FormatError(f"version {major}.{minor} of the format does not exist", 6)
        width = 2 if major == 1 else 4
        size = int.from_bytes(data.read(8, width), "little")
        start = 8 + width + size
        if start > data.size:
            raise FormatError(f"the header says that it is {size} bytes long", 8)
        payload = Child("object-array", start, data.size - start, data.part(start, data.size - start))
        try:
            descr, shape = _header(
                data.peek(8 + width, min(size, MOST_HEADER + 1)), "utf-8" if major == 3 else "latin-1"
            )
            item, objects = _item(descr)
        except FormatError:
            # A loader that understands more may find objects here. They are looked into and stay unread all the same.
            yield payload
            raise
        yield Span(0, start, "parsed")
        if objects:
            yield payload
            return
        total = _times(item, shape)
        if start + total > data.size:
            raise FormatError(f"the array has {total} bytes, the file {data.size - start}", start)
        yield Tensor("array", str(descr)[:100], shape, start, total)
        program = machine_code(data.peek(start, min(PROGRAM_HEAD, total)))
        if program:
            yield Native(program, start)
        yield Span(start, total, "data")
        if start + total < data.size:
            yield Oddity("trailing-bytes", f"{data.size - start - total} bytes behind the array", start + total)


def _header(raw: bytes, encoding: str) -> tuple[Any, tuple[int, ...]]:
    """The element type and the shape. Only literals are understood; nothing is evaluated."""
    if len(raw) > MOST_HEADER:
        raise FormatError(f"the header has more than {MOST_HEADER} bytes", 8)
    try:
        tree = _literal(raw.decode(encoding).strip())
    except UnicodeDecodeError:
        raise FormatError(f"the header is not {encoding}", 8) from None
    if not isinstance(tree, dict) or set(tree) != {"descr", "fortran_order", "shape"}:
        raise FormatError("the header has not exactly the three fields", 8)
    shape = tree["shape"]
    if not isinstance(shape, tuple) or len(shape) > 64:
        raise FormatError("the shape is no tuple of numbers", 8)
    _times(1, shape)
    if type(tree["fortran_order"]) is not bool:
        raise FormatError("fortran_order is neither True nor False", 8)
    return tree["descr"], shape


def _literal(text: str) -> Any:
    import ast
    import re
    import warnings

    with warnings.catch_warnings():
        # The parser warns about odd escapes, and would print them.
        warnings.simplefilter("ignore")
        # Python 2 wrote long numbers with an L.
        for spelling in (text, re.sub(r"(?<=[0-9])L(?=\s*[,)])", "", text)):
            try:
                return ast.literal_eval(spelling)
            except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                continue
    raise FormatError("the header is no Python literal", 8)


def _item(descr: Any) -> tuple[int, bool]:
    """Bytes of one element, and whether any part of it is an object. Raises FormatError for what is no type.

    The limit on the header bounds the fields, and the parser of literals how deep they nest.
    """
    if isinstance(descr, str):
        return _simple(descr)
    if isinstance(descr, tuple) and len(descr) == 2:
        size, objects = _item(descr[0])
        return _times(size, descr[1]), objects
    if not isinstance(descr, list):
        raise FormatError("the element type is none", 8)
    total, any_objects = 0, False
    for field in descr:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            raise FormatError("a field of the element type is none", 8)
        size, objects = _item(field[1])
        total += _times(size, field[2]) if len(field) == 3 else size
        any_objects = any_objects or objects
    return total, any_objects


def _simple(descr: str) -> tuple[int, bool]:
    """A type of one part: byte order, kind, size, and for times their unit in brackets."""
    code = descr[1:] if descr[:1] in ("<", ">", "|", "=") else descr
    if code in ("O", "O4", "O8", "object"):
        return 8, True
    if code == "?":
        return 1, False
    kind, (number, bracket, unit) = code[:1], code[1:].partition("[")
    timed = kind in ("M", "m") and unit.endswith("]") and unit[:-1].isalnum()
    if number.isascii() and number.isdigit() and len(number) < 12 and (timed or not bracket):
        size = int(number)
        if size in _SIZES.get(kind, ()):
            return size, False
        if kind in _PER_CHARACTER:
            return _PER_CHARACTER[kind] * size, False
    raise FormatError(f"the element type {descr[:40]!r} is not known", 8)


def _times(size: int, shape: Any) -> int:
    """`size` times all lengths of a shape. Raises FormatError for lengths that are none, and where numpy overflows."""
    for length in shape if isinstance(shape, tuple) else (shape,):
        if type(length) is not int or length < 0:
            raise FormatError("a length of a shape is no natural number", 8)
        size *= length
        if length >= MOST_BYTES or size >= MOST_BYTES:
            raise FormatError("a shape has more elements than fit", 8)
    return size
