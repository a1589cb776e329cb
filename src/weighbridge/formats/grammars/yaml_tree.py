"""YAML as a tree of texts: maps, lists and scalars, where every scalar stays the text that it is.

For files that decide something (deployments, workflows): readers of YAML disagree about keys that stand twice, names
(`&`) and what stands for them (`*`), merges (`<<`), tags and several documents, so that none of these is taken. Nothing
is built but dictionaries, lists and texts, of a document of at most MOST characters. Source: YAML 1.1, yaml.org.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Tree = str | list["Tree"] | dict[str, "Tree"]

MOST = 1024 * 1024
NESTING = 50


def tree(text: str) -> Tree:
    """The one document of a text; an empty one is an empty text. Raises FormatError."""
    import yaml  # type: ignore[import-untyped] # it has no type hints

    if len(text) > MOST:
        raise FormatError(f"the YAML has more than {MOST} characters", MOST)
    try:
        stream = yaml.parse(text, Loader=yaml.SafeLoader)
        documents = 0
        found: Tree = ""
        for event in stream:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    raise FormatError("there are several documents", event.start_mark.index)
                found = _node(next(stream), stream, 0)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise FormatError(
            f"the YAML is broken: {getattr(error, 'problem', error)}"[:200], mark.index if mark else 0
        ) from None
    except (ValueError, OverflowError) as error:
        raise FormatError(f"the YAML is broken: {error}"[:200], 0) from None
    return found


def _node(event: Any, stream: Iterator[Any], depth: int) -> Tree:
    kind, place = type(event).__name__, event.start_mark.index
    if depth > NESTING:
        raise FormatError("nodes are nested too deeply", place)
    if kind == "AliasEvent" or event.anchor is not None:
        raise FormatError("names (& and *) are not taken here: write it out", place)
    if event.tag is not None and event.tag != "!":
        raise FormatError(f"the tag {event.tag[:100]} is not taken here", place)
    if kind == "ScalarEvent":
        return str(event.value)
    if kind == "SequenceStartEvent":
        members: list[Tree] = []
        while type(inner := next(stream)).__name__ != "SequenceEndEvent":
            members.append(_node(inner, stream, depth + 1))
        return members
    fields: dict[str, Tree] = {}
    while type(inner := next(stream)).__name__ != "MappingEndEvent":
        key = _node(inner, stream, depth + 1)
        if not isinstance(key, str) or key == "<<":
            raise FormatError("a key is no text, or merges another map", inner.start_mark.index)
        if key in fields:
            raise FormatError(f"the key {key[:100]!r} stands twice", inner.start_mark.index)
        fields[key] = _node(next(stream), stream, depth + 1)
    return fields
