"""One file: its tensors with their names, those that are the same one, and what is left out."""

from __future__ import annotations

from weighbridge.convert.arrays import array_of, is_array
from weighbridge.convert.checkpoint import opened
from weighbridge.convert.contents import Telling, items_of, pairs_of
from weighbridge.convert.region import Region
from weighbridge.convert.select import select
from weighbridge.convert.strides import folded
from weighbridge.convert.views import is_tensor, untouched, view_of
from weighbridge.convert.write import Source
from weighbridge.core.errors import FormatError, NotConvertible
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pickle.values import class_name, describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from weighbridge.convert.checkpoint import Checkpoint
    from weighbridge.convert.contents import Contents
    from weighbridge.convert.views import View
    from weighbridge.core.limits import Limits
    from weighbridge.core.reader import Reader

RESERVED = "__metadata__"
GROWTH, GROWTH_FLOOR = 4, 64 * 1024 * 1024
"""Views of one storage may overlap, and one element may be repeated: how many bytes may come of a file of this size."""


class Choice(NamedTuple):
    """What the user asked for."""

    key: str = ""
    flatten: bool = False
    only_tensors: bool = False


class Plan(NamedTuple):
    """What becomes of one file: tensors to write, names that share one, and what is left out with its JSON."""

    sources: tuple[Source, ...]
    shared: Mapping[str, str]
    rest: tuple[tuple[str, str], ...]
    """Place and kind of everything that is left out."""
    told: Mapping[str, Any]
    """What of it is told as JSON, by place."""

    @property
    def metadata(self) -> dict[str, str]:
        """The `__metadata__` of the output, as `safetensors.torch.save_model` writes it."""
        return {"format": "pt"} | {name: kept for name, kept in self.shared.items() if name != "format"}


def plan(data: Reader, kind: str, choice: Choice, limits: Limits) -> Plan:
    """Read a file of this format as far as its tensors are described. Raises NotConvertible with the reason."""
    try:
        checkpoint = opened(data, kind, limits)
        if checkpoint.arrays is not None:
            sources = [Source(name, view, region) for name, (view, region) in checkpoint.arrays.items()]
            return planned(sources, data.size, (), {})
        return _pickled(checkpoint, data.size, choice)
    except FormatError as error:
        raise NotConvertible(f"its bytes cannot be read: {error.cause}", "get the file again") from error


def _pickled(checkpoint: Checkpoint, size: int, choice: Choice) -> Plan:
    contents = checkpoint.contents
    if contents is None:
        raise NotConvertible("it holds no pickle", "name a checkpoint")
    untouched(contents.keeper)
    selection = select(contents, choice.key, flatten=choice.flatten)
    sources = [_source(name, value, checkpoint, contents) for name, value in selection.tensors.items()]
    telling = Telling(contents, lambda value: _described(value, contents))
    told: dict[str, Any] = {}
    rest = [(place, "an attribute that only describes") for place in selection.attributes]
    for place, value in selection.rest.items():
        rest.append((place, _kind(value, contents)))
        if not choice.only_tensors:
            told[place] = telling.of(value)
    if telling.full:
        raise NotConvertible("what is left out is too much to write down", "leave it away with --only-tensors")
    return planned(sources, size, rest, told)


def planned(sources: list[Source], size: int, rest: Iterable[tuple[str, str]], told: Mapping[str, Any]) -> Plan:
    """The plan for these tensors, if they may be written. `size`: bytes of the file that they come from."""
    for source in sources:
        _check_name(source.name)
    kept, shared = _apart(sources)
    if sum(source.view.size for source in kept) > GROWTH_FLOOR + GROWTH * size:
        raise NotConvertible(
            "its tensors overlap or repeat so much that the output would be many times as large",
            "save tensor.clone() of each",
        )
    return Plan(tuple(kept), shared, tuple(rest), told)


def _check_name(name: str) -> None:
    if name == RESERVED:
        raise NotConvertible(f"a tensor is called {RESERVED}, which safetensors keeps for itself", "rename it")
    if any("\ud800" <= char <= "\udfff" for char in name):
        raise NotConvertible(f"the name {name[:100]!r} is not Unicode", "rename the tensor")


def _source(name: str, value: object, checkpoint: Checkpoint, contents: Contents) -> Source:
    try:
        found = array_of(value, contents) if is_array(value) else _tensor(value, checkpoint, contents)
    except NotConvertible as error:
        raise NotConvertible(f"the tensor {name[:200]!r}: {error.cause}", error.mend) from error
    if found is None:
        raise NotConvertible(f"the tensor {name[:200]!r} cannot be read", "save it again")
    return Source(name, *found)


def _tensor(value: object, checkpoint: Checkpoint, contents: Contents) -> tuple[View, Region] | None:
    view = view_of(value, contents.keeper)
    if view is None:
        return None
    region = checkpoint.storages.get(view.storage, Region(contents.data.source, 0, 0))
    if view.reach > region.size:
        raise NotConvertible("its storage is not in the file, or is too short", "get the file again")
    if checkpoint.reversed and view.item > 1:
        if not view.typed:
            raise NotConvertible("it is big-endian and of a type without a storage", "save it on another machine")
        region = region._replace(swap=4 if view.dtype == "C64" else view.item)
    return view, region


def _apart(sources: list[Source]) -> tuple[list[Source], dict[str, str]]:
    """One source for each tensor, and the names of the others that are the very same elements, by their name."""
    firsts: dict[tuple[Any, ...], str] = {}
    kept: list[Source] = []
    shared: dict[str, str] = {}
    for source in sorted(sources, key=lambda source: source.name):
        view = source.view
        lengths, steps = folded(view.shape, view.strides)
        same = (view.storage, view.dtype, view.shape, view.offset, tuple(lengths), tuple(steps))
        if view.elements and same in firsts:
            shared[source.name] = firsts[same]
        else:
            firsts[same] = source.name
            kept.append(source)
    return kept, shared


def _described(value: object, contents: Contents) -> dict[str, Any] | None:
    if not (is_tensor(value) or is_array(value)):
        return None
    try:
        found = array_of(value, contents) if is_array(value) else None
        view = found[0] if found else view_of(value, contents.keeper)
    except (NotConvertible, FormatError) as error:
        return {"why": error.cause}
    return {"dtype": view.dtype, "shape": list(view.shape)} if view else {}


def _kind(value: object, contents: Contents) -> str:
    """What was left out, in a few words."""
    tensor = _described(value, contents)
    if tensor is not None:
        return f"a tensor {tensor.get('dtype', '')} {tensor.get('shape', '')}".strip()
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return describe(value)[:100]
    entries = pairs_of(value, contents)
    if entries is not None:
        return f"a dictionary of {len(entries)}"
    items = items_of(value, contents)
    return class_name(value)[:100] if items is None else f"a list of {len(items)}"
