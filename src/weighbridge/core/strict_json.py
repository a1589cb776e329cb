"""What `json.loads` is told so that every reader understands a document alike."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once each: of two values, readers take different ones. Raises ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key!r} stands twice")
            seen.add(key)
    return found


def no_constant(text: str) -> NoReturn:
    """Raises ValueError: NaN and the infinities are not JSON, though Python reads them."""
    raise ValueError(f"{text} is not JSON")


def finite(text: str) -> float:
    """A number that is not too large for a float. Raises ValueError."""
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def read_strict(raw: bytes, fraction: Callable[[str], object] = finite) -> Any:
    """The value of a document in UTF-8; `fraction` reads what is not whole. Raises ValueError or RecursionError."""
    import json

    found = json.loads(
        raw.decode("utf-8"), object_pairs_hook=unique_keys, parse_constant=no_constant, parse_float=fraction
    )
    if b"\\u" in raw:
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair cannot be encoded
    return found
