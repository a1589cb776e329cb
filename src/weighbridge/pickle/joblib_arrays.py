"""Arrays that joblib writes between the opcodes of a pickle.

Behind the BUILD that gives a `NumpyArrayWrapper` its state, joblib puts the array itself:

    [u8 n, n bytes FF]    only if the state has `numpy_array_alignment_bytes`, and not before a nested pickle
    raw bytes             product of the shape and the item size; for dtype object a complete pickle of its own

then the opcodes go on with the same stack and memo. Only joblib's loader skips them: `pickle.load` would take the raw
bytes for opcodes, so whoever uses this must look at them that way too. Source: joblib 1.6, `joblib/numpy_pickle.py`.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pickle.values import Container, Global, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_ITEM = {"b": 1, "i": 1, "u": 1, "f": 1, "c": 1, "V": 1, "S": 1, "a": 1, "U": 4, "M": 1, "m": 1}
"""Kind of an element type → bytes for each unit of the number behind it."""


class RawArray(NamedTuple):
    """What follows in the stream: after padding if `aligned`, `size` bytes, or a nested pickle if that is -1."""

    aligned: bool
    size: int


def announced_array(target: object, state: object) -> RawArray | None:
    """The array that a BUILD of `target` with `state` announces; None if it announces none.

    Raises ValueError if it announces one whose size cannot be told.
    """
    if not (isinstance(target, Result) and isinstance(target.callee, Global) and target.callee.name == WRAPPER):
        return None
    if not isinstance(state, Container) or state.more:
        raise ValueError("the state of an array wrapper is not known")
    # Text of Python 2 is kept as bytes.
    names = (name.decode("latin-1") if isinstance(name, bytes) else name for name in state.items[::2])
    fields = dict(zip(names, state.items[1::2], strict=False))
    item = _item_bytes(fields)
    shape = fields.get("shape")
    if not isinstance(shape, tuple) or not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError("the shape of an array is not known")
    size = item
    for length in shape:
        size *= length
    aligned = fields.get("numpy_array_alignment_bytes") is not None
    return RawArray(False, -1) if item < 0 else RawArray(aligned, size)


def _item_bytes(fields: Mapping[object, object]) -> int:
    """Bytes of one element; -1 for objects."""
    dtype = fields.get("dtype")
    if not isinstance(dtype, Result) or not isinstance(dtype.callee, Global) or dtype.callee.name != "numpy.dtype":
        raise ValueError("the element type of an array is not known")
    code = dtype.arguments[0] if isinstance(dtype.arguments, tuple) and dtype.arguments else None
    if isinstance(code, bytes):
        code = code.decode("latin-1")
    if not isinstance(code, str):
        raise ValueError("the element type of an array is not a constant")
    code = code.lstrip("<>|=")
    if code.startswith("O"):
        return -1
    if code[:1] not in _ITEM or not code[1:].isdigit() or len(code) > 12:
        raise ValueError(f"the element type {code[:20]!r} is not known")
    return _ITEM[code[0]] * int(code[1:])
