"""YAML as a bounded stream of events: nothing is built of it, no tag is obeyed, no alias is expanded.

    stream = document*      node = [&anchor] [!tag] (scalar | sequence | mapping) | *alias

A tag tells a loader what to build: `!!python/object/apply:os.system` is a call. An alias stands for another node, and
aliases to lists of aliases grow without end. Keys and values are given with the path of keys that leads to them.
Source: YAML 1.1, yaml.org; the scanner and parser are those of libyaml or, without it, of PyYAML.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.grammars.offsets import Offsets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

NESTING = 200
"""Levels that nodes may be nested."""
EXPANSION = 100_000
"""Nodes that a document may come to when its aliases are expanded, or ten for each event if that is more."""
SECOND_CHANCE = 256 * 1024
"""Characters of a document that is given to the parser in Python when that of libyaml refuses it."""
ALIASED = 1000
"""Characters of a text that are given again where an alias stands for it: the whole text was given at its anchor."""
ORDINARY = frozenset(
    f"tag:yaml.org,2002:{name}"
    for names in (("binary", "bool", "float", "int", "null", "str", "timestamp", "value"), ("merge", "omap", "pairs"))
    for name in (*names, "map", "seq", "set")
)
"""Tags that every loader knows and that build nothing but values."""


class Scalar(NamedTuple):
    """A value at `path`, a list of keys joined by dots. `is_key` if it is itself a key, then the last of its path."""

    path: str
    value: str
    offset: int
    is_key: bool = False


class Tag(NamedTuple):
    """A node has a tag that not every loader knows."""

    path: str
    tag: str
    offset: int


class Twice(NamedTuple):
    """A mapping has a key that it already has."""

    path: str
    offset: int


class Grown(NamedTuple):
    """The document comes to more nodes than it may when its aliases are expanded; said once."""

    nodes: int
    offset: int


class Named(NamedTuple):
    """The node at `path` has a name (`&name`, an anchor), or stands for the node of that name (`*name`, an alias)."""

    path: str
    name: str
    offset: int
    is_alias: bool


Event = Scalar | Tag | Twice | Grown | Named


class _Anchored(NamedTuple):
    """What an alias stands for: how many nodes, and the beginning of its text if it is a text."""

    nodes: int
    text: str | None = None


class _Level:
    """An open sequence or mapping. `nodes` is what it comes to with its aliases expanded."""

    __slots__ = ("anchor", "is_mapping", "keys", "nodes", "path", "place")

    def __init__(self, path: str, anchor: str | None, *, is_mapping: bool) -> None:
        self.path = path
        self.anchor = anchor
        self.is_mapping = is_mapping
        self.keys: set[str] = set()
        self.nodes = 1
        self.place: str | None = None if is_mapping else "0"

    def child(self) -> str:
        """The path of the node that comes next."""
        place = "?" if self.place is None else self.place
        return f"{self.path}.{place}"[-300:] if self.path else place


def events(text: str) -> Iterator[Event]:
    """Walk all documents of a text; offsets are bytes of it in UTF-8. Raises FormatError where it is no YAML."""
    import yaml  # type: ignore[import-untyped] # it has no type hints

    offsets = Offsets(text)
    open_: list[_Level] = []
    anchors: dict[str, _Anchored] = {}
    count = 0
    grown = False
    try:
        for event in yaml.parse(text, Loader=_loader(text)):
            count += 1
            for seen in _event(event, open_, anchors, offsets, max(EXPANSION, 10 * count)):
                if not (grown and isinstance(seen, Grown)):
                    yield seen
                grown = grown or isinstance(seen, Grown)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = offsets.at(mark.index) if mark is not None else 0
        raise FormatError(f"the YAML is broken: {error.problem}"[:200], place) from None
    except yaml.YAMLError as error:
        place = getattr(error, "position", 0)
        reason = str(getattr(error, "reason", error))[:100]
        raise FormatError(f"the YAML is broken: {reason}", offsets.at(place if isinstance(place, int) else 0)) from None
    except (ValueError, OverflowError) as error:
        # An escape for a character that does not exist, a version that is no number.
        raise FormatError(f"the YAML is broken: {error}"[:200], 0) from None


def _loader(text: str) -> Any:
    """The parser of libyaml where it is there and takes the text; else that of PyYAML, which takes some more.

    It goes over the text once before: that costs .2 seconds for each megabyte, and the parser in Python 2 to 5.
    """
    import yaml

    fast = getattr(yaml, "CSafeLoader", None)
    if fast is None:
        return yaml.SafeLoader
    if len(text) > SECOND_CHANCE:
        return fast
    try:
        for _ in yaml.parse(text, Loader=fast):
            pass
    except (yaml.YAMLError, ValueError, OverflowError):
        return yaml.SafeLoader
    return fast


def _event(
    event: Any, open_: list[_Level], anchors: dict[str, _Anchored], offsets: Offsets, most: int
) -> Iterator[Event]:
    kind = type(event).__name__
    if kind not in ("ScalarEvent", "AliasEvent", "SequenceStartEvent", "MappingStartEvent"):
        if kind in ("SequenceEndEvent", "MappingEndEvent"):
            closed = open_.pop()
            if closed.anchor is not None:
                anchors[closed.anchor] = _Anchored(closed.nodes)
            yield from _done(open_, closed.nodes, most, offsets, event)
        elif kind == "DocumentStartEvent":
            anchors.clear()
        return
    offset = offsets.at(event.start_mark.index)
    parent = open_[-1] if open_ else None
    is_key = parent is not None and parent.is_mapping and parent.place is None
    meant = anchors.get(event.anchor, _Anchored(1)) if kind == "AliasEvent" else None
    text = event.value if kind == "ScalarEvent" else meant.text if meant is not None else None
    if text is not None and is_key and parent is not None:
        parent.place = text[:100]
        path = parent.child()
        if text in parent.keys and text != "<<":
            yield Twice(path, offset)
        parent.keys.add(text)
    else:
        path = parent.child() if parent is not None else ""
    tag = getattr(event, "tag", None)
    if tag is not None and tag not in ORDINARY and tag != "!":
        yield Tag(path, tag, offset)
    if event.anchor is not None:
        yield Named(path, event.anchor[:100], offset, kind == "AliasEvent")
    if kind in ("SequenceStartEvent", "MappingStartEvent"):
        if len(open_) >= NESTING:
            raise FormatError("nodes are nested too deeply", offset)
        open_.append(_Level(path, event.anchor, is_mapping=kind == "MappingStartEvent"))
        return
    if kind == "ScalarEvent":
        yield Scalar(path, event.value, offset, is_key)
        if event.anchor is not None:
            anchors[event.anchor] = _Anchored(1, event.value[:ALIASED])
        if is_key:
            return
        yield from _done(open_, 1, most, offsets, event)
    elif meant is not None:
        # An alias to a node that is still open holds itself: loaders make a loop of it, which ends nowhere.
        if meant.text is not None:
            yield Scalar(path, meant.text, offset, is_key)
            if is_key:
                return
        yield from _done(open_, meant.nodes, most, offsets, event)


def _done(open_: list[_Level], nodes: int, most: int, offsets: Offsets, event: Any) -> Iterator[Event]:
    """A node is complete: the level around it counts it and waits for the next one."""
    if not open_:
        return
    level = open_[-1]
    before = level.nodes
    level.nodes = min(before + nodes, 1 << 128)
    if before <= most < level.nodes:
        yield Grown(level.nodes, offsets.at(event.start_mark.index))
    if not level.is_mapping:
        level.place = str(int(level.place or "0") + 1)
    elif level.place is None:
        level.place = "?"  # the key was no scalar; its value comes next
    else:
        level.place = None
