"""Values as Azure compares them: one text for numbers and booleans, keys without regard to case, bounded sizes."""

from __future__ import annotations

import json

from weighbridge.azure.policy.faults import EvaluationError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

LONGEST_TEXT = 131_072
MOST_NODES = 32_768
DEEPEST_VALUE = 128
"""What a function may be given or give; beyond it Azure's evaluation fails."""


class _Missing:
    """The one value that says that nothing is there."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "missing"


MISSING: Any = _Missing()


def kind_of(value: Any) -> str:
    """The name of a value's type, as Azure's messages have it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "value"


def is_number(value: Any) -> bool:
    """Whether a value is a number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_of(value: Any) -> str | None:
    """The text of a simple value; None for arrays, objects and null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value) if is_number(value) else None


def lookup(table: dict[str, Any], key: str) -> Any:
    """The value of a key, without regard to case; MISSING if there is none."""
    if key in table:
        return table[key]
    folded = key.casefold()
    return next((value for name, value in table.items() if name.casefold() == folded), MISSING)


def shown(value: Any, limit: int = 120, *, in_order: bool = False) -> str:
    """A value for a line of the trace, in ASCII and cut."""
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, sort_keys=not in_order, default=str)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def bounded(value: Any) -> Any:
    """The value itself. Raises EvaluationError if it is larger than Azure's functions take."""
    left = MOST_NODES
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        left -= 1
        if left < 0 or depth > DEEPEST_VALUE:
            raise EvaluationError("a value is larger than Azure's functions take")
        if isinstance(item, str) and len(item) > LONGEST_TEXT:
            raise EvaluationError(f"a text of {len(item):,} characters is longer than Azure's functions take")
        inside = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        pending.extend((inner, depth + 1) for inner in inside)
        if len(pending) > MOST_NODES:
            raise EvaluationError("a value is larger than Azure's functions take")
    return value
