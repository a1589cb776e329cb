"""JSON documents from untrusted bytes: strict, bounded, and aware of keys that stand twice."""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

CONTAINERS = 1_000_000
"""Lists and objects of a document, counted as brackets; each takes 70 bytes. Merges of tokenizers are 500,000."""


def parse_json(raw: bytes, offset: int = 0) -> tuple[Any, tuple[str, ...]]:
    """Parse `raw`, which stands at `offset` of its blob; gives the tree and the keys that one object has twice.

    Raises FormatError for anything but one JSON value in UTF-8: NaN, trailing data, lone bytes, nesting too deep.
    """
    return parse_json_text(utf8(raw, offset), offset)


def utf8(raw: bytes, offset: int = 0) -> str:
    """Bytes that stand at `offset` of their blob as text. Raises FormatError where they are not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("the text is not UTF-8", offset + error.start) from None


def parse_json_text(text: str, offset: int = 0) -> tuple[Any, tuple[str, ...]]:
    """As `parse_json`, for a text that was decoded already."""
    import json

    duplicates: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(items)
        if len(table) != len(items):
            seen: set[str] = set()
            for key, _ in items:
                if key in seen and len(duplicates) < 100:
                    duplicates.append(key[:200])
                seen.add(key)
        return table

    def refuse(name: str) -> Any:
        raise FormatError(f"{name} is not JSON", offset)

    if text.count("[") + text.count("{") > CONTAINERS:
        raise FormatError(f"the JSON has more than {CONTAINERS} lists and objects", offset)
    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=refuse), tuple(duplicates)
    except json.JSONDecodeError as error:
        raise FormatError(f"the JSON is broken: {error.msg}", offset + error.pos) from None
    except RecursionError:
        raise FormatError("the JSON is nested too deeply", offset) from None
    except ValueError as error:
        raise FormatError(f"the JSON is broken: {error}"[:200], offset) from None
