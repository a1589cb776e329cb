"""Which part of a checkpoint is the state dictionary, and what is left out of the conversion.

Training programs put the weights under a key beside their optimizer and their counters. One table of tensors is taken:
the object itself, what stands under a usual key, or what `--key` names. Nothing is guessed: two tables are a question.
"""

from __future__ import annotations

from weighbridge.convert.arrays import is_array
from weighbridge.convert.contents import attributes_of, items_of, pairs_of
from weighbridge.convert.views import is_tensor
from weighbridge.core.errors import NotConvertible
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pickle.values import Bulk, class_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weighbridge.convert.contents import Contents

USUAL = ("state_dict", "model_state_dict", "model", "module", "net", "network", "weights", "params")
"""Keys that training programs keep the weights under (PyTorch Lightning, DeepSpeed, torchvision, timm, fairseq)."""
VISITS = 2_000_000
DEEPEST = 64
CHOOSE = "name one with --key KEY, or take all with --flatten"


class Selection(NamedTuple):
    """What is converted, by the name that it will have, and what is not, by its place in the checkpoint."""

    tensors: Mapping[str, object]
    rest: Mapping[str, object]
    attributes: tuple[str, ...]
    """Places of attributes that dictionaries were given; they only describe."""


def select(contents: Contents, key: str, *, flatten: bool) -> Selection:
    """Choose the table of tensors. Raises NotConvertible if there is none, or more than one."""
    value: object = contents.value
    rest: dict[str, object] = {}
    attributes: list[str] = []
    place = ""
    for word in key.split(".") if key else ():
        entries = _entries(value, contents)
        if entries is None or word not in entries:
            known = ", ".join(map(str, list(entries or {})[:12]))
            raise NotConvertible(f"there is no key {word!r}", f"keys are: {known[:300] or 'none'}")
        value, place = _descend(entries, word, place, rest)
    while not flatten:
        entries = _entries(value, contents)
        down = None if entries is None else _usual(entries, contents, asked=bool(key))
        if entries is None or down is None:
            break
        value, place = _descend(entries, down, place, rest)
    attributes += [f"{place}{name}" for name in attributes_of(value, contents)]
    tensors: dict[str, object] = {}
    if _is_leaf(value):
        tensors["tensor"] = value
    else:
        _take(value, contents, place, "", tensors, rest, flatten=flatten)
    if not tensors:
        what = class_name(value)[:100]
        raise NotConvertible(f"it holds no table of tensors ({what})", "save model.state_dict() instead of the object")
    return Selection(tensors, rest, tuple(attributes))


def holds_tensors(value: object, contents: Contents) -> bool:
    """Whether there is a tensor somewhere inside dictionaries and lists."""
    seen: set[int] = set()
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        found, depth = waiting.pop()
        if _is_leaf(found):
            return True
        if id(found) in seen or depth > DEEPEST:
            continue
        seen.add(id(found))
        if len(seen) > VISITS:
            raise NotConvertible("there is more in it than can be looked through", "save the state_dict alone")
        entries = _entries(found, contents)
        waiting.extend((item, depth + 1) for item in (entries or {}).values())
    return False


def _is_leaf(value: object) -> bool:
    return is_tensor(value) or is_array(value)


def _entries(value: object, contents: Contents) -> dict[object, object] | None:
    if value is None or isinstance(value, str | bytes | int | float | Bulk):
        return None
    entries = pairs_of(value, contents)
    if entries is not None:
        return entries
    items = items_of(value, contents)
    return None if items is None else dict(enumerate(items))


def _descend(entries: dict[object, object], word: object, place: str, rest: dict[str, object]) -> tuple[object, str]:
    """Go to one entry; all others are left out."""
    rest.update({f"{place}{name}": item for name, item in entries.items() if name != word})
    return entries[word], f"{place}{word}."


def _usual(entries: dict[object, object], contents: Contents, *, asked: bool) -> object:
    """The entry that is the table of tensors, or None if this is one itself. Raises NotConvertible if that is open."""
    tables = [name for name, item in entries.items() if not _is_leaf(item) and holds_tensors(item, contents)]
    direct = any(_is_leaf(item) for item in entries.values())
    if not tables:
        return None
    usual = [name for name in tables if name in USUAL]
    if len(usual) == 1 and not asked:
        return usual[0]
    if len(tables) == 1 and not direct and not asked:
        return tables[0]
    shown = ", ".join(map(str, tables[:8]))[:200]
    if direct:
        shown += " and beside them"
    raise NotConvertible(f"tensors lie in several places: in {shown}", CHOOSE)


def _take(
    value: object,
    contents: Contents,
    place: str,
    prefix: str,
    tensors: dict[str, object],
    rest: dict[str, object],
    *,
    flatten: bool,
) -> None:
    """Put tensors of a table into `tensors` and everything else into `rest`."""
    if prefix.count(".") > DEEPEST:
        raise NotConvertible("tables lie too deep in each other", CHOOSE)
    for key, item in (_entries(value, contents) or {}).items():
        name = f"{prefix}{key}"
        if _is_leaf(item):
            if name in tensors:
                raise NotConvertible(f"two tensors would be called {name[:100]!r}", "rename one of them")
            if len(tensors) >= VISITS:
                raise NotConvertible("there are too many tensors", "save them in several files")
            tensors[name] = item
        elif flatten and holds_tensors(item, contents):
            _take(item, contents, place, f"{name}.", tensors, rest, flatten=True)
        else:
            rest[f"{place}{name}"] = item
