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

    if raw.count(b"[") + raw.count(b"{") > CONTAINERS:
        raise FormatError(f"the JSON has more than {CONTAINERS} lists and objects", offset)
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=pairs, parse_constant=refuse), tuple(duplicates)
    except UnicodeDecodeError as error:
        raise FormatError("the text is not UTF-8", offset + error.start) from None
    except json.JSONDecodeError as error:
        raise FormatError(f"the JSON is broken: {error.msg}", offset + error.pos) from None
    except RecursionError:
        raise FormatError("the JSON is nested too deeply", offset) from None
    except ValueError as error:
        raise FormatError(f"the JSON is broken: {error}"[:200], offset) from None
