"""Arrays of NumPy: in a pickle, between the opcodes of joblib, and in files of their own.

    numpy.core.multiarray._reconstruct(ndarray, (0,), b"b"), then BUILD (version, shape, dtype, Fortran order, bytes)
    numpy.core.numeric._frombuffer(bytes, dtype, shape, order)          protocol 5
    joblib NumpyArrayWrapper, BUILD {shape, order, dtype, …}            the bytes follow in the stream

Elements keep their type; those in the other byte order are turned round. Source: numpy 2.4 `_core/multiarray.py` and
`_core/numeric.py`, joblib 1.6 `numpy_pickle.py`.
"""

from __future__ import annotations

from weighbridge.convert.contents import items_of, pairs_of, text_of
from weighbridge.convert.region import Region, region_of
from weighbridge.convert.views import View
from weighbridge.core.errors import FormatError, NotConvertible
from weighbridge.core.reader import MemorySource
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.pickles.numpy import MAGIC, MOST_HEADER, parse_header
from weighbridge.formats.safetensors import BITS
from weighbridge.pickle.joblib_arrays import WRAPPER
from weighbridge.pickle.values import Bulk, Global, Result

if TYPE_CHECKING:
    from weighbridge.convert.contents import Contents
    from weighbridge.core.reader import Reader

DTYPES = {
    "b1": "BOOL",
    "?": "BOOL",
    "i1": "I8",
    "i2": "I16",
    "i4": "I32",
    "i8": "I64",
    "u1": "U8",
    "u2": "U16",
    "u4": "U32",
    "u8": "U64",
    "f2": "F16",
    "f4": "F32",
    "f8": "F64",
    "c8": "C64",
}
"""Code of an element type without its byte order → dtype of safetensors."""
_MADE = ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct")
_BUFFER = ("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer")


def is_array(value: object) -> bool:
    """Whether a value is an array of NumPy."""
    known = (*_MADE, *_BUFFER, WRAPPER)
    return isinstance(value, Result) and isinstance(value.callee, Global) and value.callee.name in known


def array_of(value: object, contents: Contents) -> tuple[View, Region] | None:
    """An array and where its bytes lie; None if the value is none. Raises NotConvertible if it cannot be carried."""
    if not (isinstance(value, Result) and isinstance(value.callee, Global)):
        return None
    name = value.callee.name
    if name in _MADE:
        return _built(value, contents)
    if name in _BUFFER and isinstance(value.arguments, tuple) and len(value.arguments) == 4:
        raw, dtype, shape, order = value.arguments
        return _array(raw, dtype, shape, text_of(order, contents) == "F", contents)
    if name == WRAPPER:
        return _wrapped(value, contents)
    return None


def npy_array(data: Reader, source: str) -> tuple[View, Region]:
    """The array of a `.npy` file. Raises FormatError, and NotConvertible for types that safetensors has not."""
    if data.peek(0, len(MAGIC)) != MAGIC:
        raise FormatError("it does not begin like an array", 0)
    width = 2 if data.read(6, 1) == b"\x01" else 4
    size = int.from_bytes(data.read(8, width), "little")
    if size > MOST_HEADER:
        raise FormatError(f"the header has more than {MOST_HEADER} bytes", 8)
    encoding = "utf-8" if data.read(6, 1) == b"\x03" else "latin-1"
    descr, shape, fortran = parse_header(data.read(8 + width, size), encoding)
    code = descr if isinstance(descr, str) else "a structure"
    name, swap = _typed(code[:1] if code[:1] in "<>|=" else "=", code.lstrip("<>|="))
    start = 8 + width + size
    view = _view(source, name, shape, fortran=fortran)
    if start + view.size != data.size:
        raise NotConvertible("the array is not as long as its header says", "the file is damaged: get it again")
    return view, region_of(data, start, view.size)._replace(swap=swap)


def _built(value: Result, contents: Contents) -> tuple[View, Region]:
    fillings = contents.keeper.of(value)
    state = fillings[0].values[0] if len(fillings) == 1 and fillings[0].mode == "build" else None
    kind = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else None
    if not (isinstance(kind, Global) and kind.name == "numpy.ndarray"):
        raise NotConvertible("it is a subclass of an array", "save numpy.asarray(array)")
    if not (isinstance(state, tuple) and len(state) == 5 and type(state[3]) is bool):
        raise NotConvertible("its state cannot be read", "save it again with numpy.save")
    return _array(state[4], state[2], state[1], state[3], contents)


def _wrapped(value: Result, contents: Contents) -> tuple[View, Region]:
    fillings = contents.keeper.of(value)
    state = pairs_of(fillings[0].values[0], contents) if len(fillings) == 1 else None
    place = contents.keeper.raw(value)
    if state is None or place is None:
        raise NotConvertible("it is an array of objects", "save its content as numbers")
    kind = state.get("subclass")
    if not (isinstance(kind, Global) and kind.name == "numpy.ndarray"):
        raise NotConvertible("it is a subclass of an array", "save numpy.asarray(array)")
    name, swap = _dtype(state.get("dtype"), contents)
    fortran = text_of(state.get("order"), contents) == "F"
    view = _view(f"array@{place[0]}", name, state.get("shape"), fortran=fortran)
    if view.size != place[1]:
        raise NotConvertible("its bytes are not as many as its shape says", "the file is damaged: get it again")
    return view, region_of(contents.data, *place)._replace(swap=swap)


def _array(raw: object, dtype: object, shape: object, fortran: bool, contents: Contents) -> tuple[View, Region]:
    name, swap = _dtype(dtype, contents)
    if isinstance(raw, Result) and isinstance(raw.callee, Global) and raw.callee.name == "builtins.bytearray":
        raw = raw.arguments[0] if isinstance(raw.arguments, tuple) and len(raw.arguments) == 1 else None
    if isinstance(raw, Bulk) and raw.kind in ("bytes", "payload"):
        source, region = f"array@{raw.offset}", region_of(contents.data, raw.offset, raw.size)
    elif isinstance(raw, bytes):
        source, region = f"array#{id(raw)}", Region(MemorySource(raw), 0, len(raw))
    else:
        raise NotConvertible("it is an array of objects", "save its content as numbers")
    view = _view(source, name, shape, fortran=fortran)
    if view.size != region.size:
        # Up to protocol 2 bytes are written as text, and then there are more of them.
        raise NotConvertible("its bytes are written as text (pickle protocol 2)", "save it again with protocol 4")
    return view, region._replace(swap=swap)


def _dtype(value: object, contents: Contents) -> tuple[str, int]:
    """The dtype of safetensors, and the size of the units that are turned round."""
    code = None
    order = "="
    if isinstance(value, Result) and isinstance(value.callee, Global) and value.callee.name == "numpy.dtype":
        code = text_of(value.arguments[0], contents) if isinstance(value.arguments, tuple) and value.arguments else None
        for _, values in contents.keeper.of(value):
            state = items_of(values[0], contents) or []
            order = text_of(state[1], contents) or "=" if len(state) > 1 else "="
    return _typed(order, code or "")


def _typed(order: str, code: str) -> tuple[str, int]:
    name = DTYPES.get(code)
    if name is None:
        raise NotConvertible(f"its elements are {code[:40]!r}, which safetensors has not", "save it under another type")
    item = BITS[name] // 8
    return name, (4 if name == "C64" else item) if order == ">" else 1


def _view(source: str, dtype: str, shape: object, *, fortran: bool) -> View:
    if not isinstance(shape, tuple) or len(shape) > 64 or any(type(item) is not int or item < 0 for item in shape):
        raise NotConvertible("its shape cannot be read", "save it again with numpy.save")
    strides: list[int] = []
    step = 1
    for length in shape if fortran else reversed(shape):
        strides.append(step)
        step *= length
    return View(source, dtype, shape, tuple(strides if fortran else reversed(strides)), 0)
