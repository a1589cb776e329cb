"""Tensors as the pickle describes them: which elements of which storage, in which order.

    _rebuild_tensor(storage, offset, size, stride)                               torch before 0.4
    _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])
    _rebuild_tensor_v3(… , hooks, dtype[, metadata])                             types without a storage of their own
    _rebuild_parameter(tensor, requires_grad, hooks), …_with_state(… , state)
    _rebuild_from_type_v2(function, type, arguments, state)                      tensors with attributes
    storage = persistent id ("storage", class, key, location, elements[, view])

What the loader would do afterwards to a tensor or its storage, in the pickle or by its state, is never overlooked: it
makes the file one that is not converted. Source: pytorch 2.13, `torch/_utils.py`, `torch/_tensor.py`,
`torch/serialization.py`.
"""

from __future__ import annotations

from weighbridge.core.errors import NotConvertible
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.safetensors import BITS
from weighbridge.pickle.values import Container, Global, Persistent, Result, describe

if TYPE_CHECKING:
    from weighbridge.pickle.keeper import Keeper

STORAGES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "UntypedStorage": "U8",
}
"""Storage class → dtype of safetensors."""
DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}
"""Element type of torch → dtype of safetensors (`safetensors/torch.py` 0.8, and e8m0 as its format names it)."""
_UTILS = "torch._utils."
_WRAPPED = ("torch._tensor._rebuild_from_type_v2", "torch._tensor._rebuild_from_type")
_TYPES = ("torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer", "torch.Tensor", "torch._tensor.Tensor")
_REFUSED = {
    "_rebuild_qtensor": "it is quantized, and safetensors has no place for scales: save its parts as tensors",
    "_rebuild_sparse_tensor": "it is sparse: save tensor.to_dense(), or its indices and values",
    "_rebuild_sparse_csr_tensor": "it is sparse: save tensor.to_dense(), or its indices and values",
    "_rebuild_nested_tensor": "it is nested: save its parts",
    "_rebuild_meta_tensor_no_storage": "it is on the meta device and has no content: load the weights before saving",
    "_rebuild_wrapper_subclass": "it is a subclass without a storage of its own: save what it wraps",
    "_rebuild_device_tensor_from_numpy": "it is on a device of its own: save tensor.cpu()",
    "_rebuild_device_tensor_from_cpu_tensor": "it is on a device of its own: save tensor.cpu()",
}
"""Function of `torch._utils` → why its tensor is not converted, and what to do."""
_OVERWRITES = frozenset(("data", "real", "imag"))
"""Attributes of a tensor that set its content."""
MOST_DIMENSIONS = 64


class View(NamedTuple):
    """A tensor: `storage` is the key of its bytes; offset and strides count elements of its dtype."""

    storage: str
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    typed: bool = True
    """Whether the storage has this type too; only then do loaders know how to turn its bytes round."""

    @property
    def item(self) -> int:
        """Bytes of an element."""
        return BITS[self.dtype] // 8

    @property
    def elements(self) -> int:
        """How many there are."""
        total = 1
        for length in self.shape:
            total *= length
        return total

    @property
    def size(self) -> int:
        """Bytes of the tensor when it is written."""
        return self.elements * self.item

    @property
    def contiguous(self) -> bool:
        """Whether its elements lie in their order, without gaps."""
        return self.elements == 0 or self.strides == row_major(self.shape, self.strides)

    @property
    def reach(self) -> int:
        """Bytes of the storage up to the end of the last element."""
        if self.elements == 0:
            return 0
        last = sum((length - 1) * stride for length, stride in zip(self.shape, self.strides, strict=True))
        return (self.offset + last + 1) * self.item


def row_major(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a tensor whose elements lie in their order; where a length is 1, those that were given."""
    made: list[int] = []
    step = 1
    for length, given in zip(reversed(shape), reversed(strides), strict=True):
        made.append(given if length == 1 else step)
        step *= length
    return tuple(reversed(made))


def view_of(value: object, keeper: Keeper) -> View | None:
    """The tensor that a value is; None if it is none. Raises NotConvertible for one that cannot be carried over."""
    if not (isinstance(value, Result) and isinstance(value.callee, Global)):
        return None
    return _made(value.callee.name, value.arguments, keeper)


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor of torch, of whatever kind."""
    if not (isinstance(value, Result) and isinstance(value.callee, Global)):
        return False
    return value.callee.name.startswith(f"{_UTILS}_rebuild_") or value.callee.name in _WRAPPED


def untouched(keeper: Keeper) -> None:
    """Raise NotConvertible if the pickle changes a tensor or a storage after it was made."""
    for target in keeper.targets():
        if isinstance(target, Persistent) or is_tensor(target):
            cause = f"the pickle changes {describe(target)[:100]} after it was made"
            raise NotConvertible(cause, "save the state_dict again with torch.save")


def _made(name: str, arguments: object, keeper: Keeper) -> View | None:
    known = name.startswith(f"{_UTILS}_rebuild_") or name in _WRAPPED
    if not known:
        return None
    if not isinstance(arguments, tuple):
        raise _odd(arguments)
    short = name.rpartition(".")[2]
    if short in _REFUSED:
        cause, _, mend = _REFUSED[short].partition(": ")
        raise NotConvertible(cause, mend)
    if name in _WRAPPED:
        return _of_type(arguments, keeper)
    if short in ("_rebuild_parameter", "_rebuild_parameter_with_state") and len(arguments) in (3, 4):
        if len(arguments) == 4:
            _check_state(arguments[3], keeper)
        return view_of(arguments[0], keeper)
    if short == "_rebuild_tensor" and len(arguments) == 4:
        return _view(arguments, None)
    if short == "_rebuild_tensor_v2" and len(arguments) in (6, 7):
        _check_metadata(arguments[6:], keeper)
        return _view(arguments[:4], None)
    if short == "_rebuild_tensor_v3" and len(arguments) in (7, 8):
        _check_metadata(arguments[7:], keeper)
        return _view(arguments[:4], arguments[6])
    raise NotConvertible(f"it is made by {name[:100]}, which is not known here", "save it as an ordinary tensor")


def _of_type(arguments: tuple[object, ...], keeper: Keeper) -> View | None:
    if len(arguments) != 4:
        raise _odd(arguments)
    function, kind, inner, state = arguments
    if not (isinstance(function, Global) and isinstance(kind, Global) and kind.name in _TYPES):
        raise NotConvertible(f"it is of the class {describe(kind)[:100]}", "save it as an ordinary tensor")
    _check_state(state, keeper)
    return _made(function.name, inner, keeper)


def _check_state(state: object, keeper: Keeper) -> None:
    """Attributes that are set on a tensor must not set its content."""
    parts = state if isinstance(state, tuple) else (state,)
    for part in parts:
        if part is None:
            continue
        names = _keys(part, keeper)
        if names is None or not _OVERWRITES.isdisjoint(names):
            raise NotConvertible("it is given another content by its attributes", "save it as an ordinary tensor")


def _check_metadata(rest: tuple[object, ...], keeper: Keeper) -> None:
    """Marks such as `conj` and `neg` change what the elements mean."""
    for metadata in rest:
        if metadata is None:
            continue
        names = _keys(metadata, keeper)
        if names is None or names:
            marks = ", ".join(sorted(map(str, names or ("…",))))[:100]
            cause = f"it is marked as {marks}, which only torch can work out"
            raise NotConvertible(cause, "save tensor.resolve_conj().resolve_neg()")


def _keys(value: object, keeper: Keeper) -> set[str] | None:
    """The keys of a dictionary of the pickle's own; None if it is no such thing."""
    ordered = isinstance(value, Result) and isinstance(value.callee, Global) and value.arguments == ()
    named = ordered and value.callee.name == "collections.OrderedDict"  # type: ignore[attr-defined] # a Result of a Global
    if not named and not (isinstance(value, Container) and value.kind == "dict"):
        return None
    keys: set[str] = set()
    for mode, values in keeper.of(value):
        if mode != "setitem":
            return None
        for key in values[::2]:
            keys.add(key.decode("latin-1") if isinstance(key, bytes) else key if isinstance(key, str) else "data")
    return keys


def _view(arguments: tuple[object, ...], dtype: object) -> View:
    storage, offset, shape, strides = arguments
    if not isinstance(storage, Persistent):
        raise NotConvertible("its storage is not one of the file", "save it with torch.save")
    key, kind, elements, first = storage_of(storage.pid)
    lengths, steps = _naturals(shape), _naturals(strides)
    if lengths is None or steps is None or len(lengths) != len(steps) or type(offset) is not int or offset < 0:
        raise _odd(arguments)
    name, typed = STORAGES[kind], True
    if dtype is not None:
        short = dtype.name.removeprefix("torch.") if isinstance(dtype, Global) else describe(dtype)
        if short not in DTYPES:
            raise NotConvertible(f"its type {short[:60]} is none of safetensors", "save it under another type")
        name = DTYPES[short]
        typed = name == STORAGES[kind] or BITS[name] == 8
    view = View(key, name, lengths, steps, offset + first, typed)
    if view.elements >= 1 << 62 or view.reach > (first + elements) * BITS[STORAGES[kind]] // 8:
        raise NotConvertible("it reaches beyond its storage", "the file is damaged: get it again")
    return view


def storage_of(pid: object) -> tuple[str, str, int, int]:
    """Key, class, number of elements and first element of the storage that a persistent id asks for."""
    if not (isinstance(pid, tuple) and len(pid) in (5, 6) and pid[0] == "storage" and isinstance(pid[1], Global)):
        raise NotConvertible("its storage is not asked for as torch does", "save it with torch.save")
    kind, key, elements = pid[1].name.rpartition(".")[2], pid[2], pid[4]
    view = pid[5] if len(pid) == 6 else None
    if not isinstance(key, str) or type(elements) is not int or elements < 0:
        raise _odd(pid)
    if kind not in STORAGES:
        why = "quantized" if kind.startswith("Q") else "of a type that safetensors has not"
        raise NotConvertible(f"its elements are {why} ({kind[:60]})", "save it under another type")
    if view is None:
        return key, kind, elements, 0
    if not (isinstance(view, tuple) and len(view) == 3 and type(view[1]) is int and type(view[2]) is int):
        raise _odd(pid)
    if not (view[1] >= 0 and view[2] >= 0 and view[1] + view[2] <= elements):
        raise _odd(pid)
    return key, kind, view[2], view[1]


def _naturals(value: object) -> tuple[int, ...] | None:
    if isinstance(value, Result) and isinstance(value.callee, Global) and value.callee.name == "torch.Size":
        value = value.arguments[0] if isinstance(value.arguments, tuple) and len(value.arguments) == 1 else None
    if not isinstance(value, tuple) or len(value) > MOST_DIMENSIONS:
        return None
    numbers = tuple(item for item in value if type(item) is int and 0 <= item < 1 << 62)
    return numbers if len(numbers) == len(value) else None


def _odd(what: object) -> NotConvertible:
    return NotConvertible(f"its description cannot be read: {describe(what)[:100]}", "save it with torch.save")
