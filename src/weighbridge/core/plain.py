"""The one function that makes hostile text safe for a terminal or a log line."""

from __future__ import annotations

_BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}
_INVISIBLE = {0x00AD, 0x200B, 0x200C, 0x200D, 0x2028, 0x2029, 0x2060, 0xFEFF, *range(0xE0000, 0xE0080)}


def plain(text: str, limit: int = 0) -> str:
    """`text` on one line: control, escape, bidirectional and invisible characters become visible escapes.

    What remains cannot move the cursor, set a title, open a link, reorder the line or end it. With `limit` > 0
    longer results are cut and end in an ellipsis.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(char if _harmless(char) else _escape(char) for char in text)
    return text if limit <= 0 or len(text) <= limit else text[: limit - 1] + "…"


def _harmless(char: str) -> bool:
    code = ord(char)
    return char.isprintable() and code not in _BIDI and code not in _INVISIBLE


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
