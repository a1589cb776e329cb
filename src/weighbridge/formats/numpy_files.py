"""NumPy arrays in files.

    offset 0   93 "NUMPY"
    offset 6   u8 major, u8 minor version (1.0, 2.0 or 3.0)
    offset 8   u16 (version 1) or u32 little endian: bytes of the header
    then       a Python literal: {'descr': …, 'fortran_order': bool, 'shape': (…)}, filled up with spaces and LF
    then       the elements; if any field of them is an object, one pickle instead

Source: numpy 2.4, `numpy/lib/_format_impl.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Oddity, Span, Tensor
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

MAGIC = b"\x93NUMPY"
MOST_HEADER = 10_000
"""Bytes of the header that numpy itself accepts without being asked to trust the file."""
FIELDS = 1_000
"""Fields of one element type, nested ones included."""
_UNIT = {"b": 1, "i": 1, "u": 1, "f": 1, "c": 1, "V": 1, "S": 1, "a": 1, "U": 4, "M": 1, "m": 1, "?": 1, "B": 1}


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
        major = data.read(6, 2)[0]
        if major not in (1, 2, 3):
            raise FormatError(f"version {major} of the format does not exist", 6)
        width = 2 if major == 1 else 4
        size = int.from_bytes(data.read(8, width), "little")
        if size > MOST_HEADER:
            raise FormatError(f"the header says that it is {size} bytes long", 8)
        start = 8 + width + size
        descr, shape = _header(data.read(8 + width, size), 8 + width)
        item, objects = _item(descr, [FIELDS])
        yield Span(0, start, "parsed")
        if objects:
            yield Child("objects", start, data.size - start, data.part(start, data.size - start))
            return
        total = item
        for length in shape:
            total *= length
        if start + total > data.size:
            raise FormatError(f"the array has {total} bytes, the file {data.size - start}", start)
        yield Tensor("array", str(descr)[:100], shape, start, total)
        yield Span(start, total, "data")
        if start + total < data.size:
            yield Oddity("trailing-bytes", f"{data.size - start - total} bytes behind the array", start + total)


def _header(raw: bytes, offset: int) -> tuple[Any, tuple[int, ...]]:
    """The element type and the shape. Only literals are understood; nothing is evaluated."""
    import ast
    import re
    import warnings

    try:
        # Python 2 wrote long numbers with an L.
        text = re.sub(r"(?<=\d)L(?=\s*[,)])", "", raw.decode("utf-8").strip())
        with warnings.catch_warnings():
            # The parser warns about odd escapes, and would print them.
            warnings.simplefilter("ignore")
            tree = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        raise FormatError("the header is no Python literal", offset) from None
    if not isinstance(tree, dict) or set(tree) != {"descr", "fortran_order", "shape"}:
        raise FormatError("the header has not exactly the three fields", offset)
    shape = tree["shape"]
    if not isinstance(shape, tuple) or len(shape) > 64 or not all(type(part) is int and part >= 0 for part in shape):
        raise FormatError("the shape is no tuple of numbers", offset)
    if type(tree["fortran_order"]) is not bool:
        raise FormatError("fortran_order is neither True nor False", offset)
    return tree["descr"], shape


def _item(descr: Any, left: list[int]) -> tuple[int, bool]:
    """Bytes of one element, and whether any part of it is an object. Raises FormatError for what is no type."""
    left[0] -= 1
    if left[0] < 0:
        raise FormatError("the element type has too many fields", 8)
    if isinstance(descr, str):
        return _simple(descr)
    if isinstance(descr, tuple) and len(descr) == 2:
        size, objects = _item(descr[0], left)
        return size * _product(descr[1]), objects
    if not isinstance(descr, list) or not descr:
        raise FormatError("the element type is none", 8)
    total, any_objects = 0, False
    for field in descr:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            raise FormatError("a field of the element type is none", 8)
        size, objects = _item(field[1], left)
        total += size * (_product(field[2]) if len(field) == 3 else 1)
        any_objects = any_objects or objects
    return total, any_objects


def _simple(descr: str) -> tuple[int, bool]:
    code = descr.lstrip("<>|=")
    if code[:1] == "O" or code == "object":
        return 8, True
    number = code[1:].partition("[")[0]
    if code[:1] == "?" and not number:
        return 1, False
    if code[:1] not in _UNIT or not number.isdigit() or len(number) > 12:
        raise FormatError(f"the element type {descr[:40]!r} is not known", 8)
    return _UNIT[code[0]] * int(number), False


def _product(shape: Any) -> int:
    parts = shape if isinstance(shape, tuple) else (shape,)
    total = 1
    for part in parts:
        if type(part) is not int or part < 0:
            raise FormatError("the shape of a field is none", 8)
        total *= part
    return total
