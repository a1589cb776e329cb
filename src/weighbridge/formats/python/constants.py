"""Operations on constants of Python source that are done, on short ones: formatting, methods of texts, decoders."""

from __future__ import annotations

import binascii
import codecs

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

FOLDED = 64 * 1024
"""Characters or bytes of a constant that is put together."""
METHODS = frozenset(
    """join replace lower upper strip lstrip rstrip format encode decode split swapcase title hex zfill removeprefix
    removesuffix""".split()  # noqa: SIM905 -- words read better than a list of them
)


PATHS = frozenset(
    """os.path.join os.path.expanduser os.path.expandvars os.path.abspath os.path.realpath os.path.normpath os.fspath
    posixpath.join ntpath.join pathlib.Path pathlib.PurePath pathlib.PosixPath""".split()  # noqa: SIM905 -- as above
)
"""What makes a path of texts, or leaves it as it is."""


def formatted(pattern: str, values: Any) -> Any:
    """What `%` makes of texts; None for a pattern with a width."""
    # A width would fill the memory.
    if any(character.isdigit() or character == "*" for character in pattern):
        return None
    return pattern % (tuple(values) if isinstance(values, list) else values)


def method(held: Any, name: str, arguments: list[Any]) -> Any:
    """What a method of a text gives; None where the answer might not stay small, or for bytes in another encoding."""
    if name == "replace" and len(held) * max(1, len(arguments[1])) > FOLDED:
        return None
    if name == "join" and len(held) * len(arguments[0]) > FOLDED:
        return None
    if name in ("format", "zfill") and any(character.isdigit() for character in str(held)):
        return None
    if (
        name == "decode"
        and arguments
        and codecs.lookup(arguments[0]).name not in ("utf-8", "ascii", "latin-1", "iso8859-1")
    ):
        return None
    return getattr(held, name)(*arguments)


def decoded(function: str, arguments: list[Any]) -> Any:
    """What a function of the standard library makes of constants. The home folder is `~`."""
    if function in ("pathlib.Path.home", "pathlib.PosixPath.home"):
        return "~"
    if not arguments:
        return None
    if function in PATHS:
        return "/".join(arguments)
    first = arguments[0]
    if function == "builtins.chr":
        return chr(first)
    if function in ("builtins.str", "builtins.bytes") and len(arguments) == 1 and isinstance(first, list | str):
        return bytes(first) if isinstance(first, list) and function == "builtins.bytes" else str(first)
    if function in ("builtins.bytes.fromhex", "builtins.bytearray.fromhex", "binascii.unhexlify", "binascii.a2b_hex"):
        return bytes.fromhex(first if isinstance(first, str) else first.decode("ascii"))
    if function in ("base64.b64decode", "base64.urlsafe_b64decode", "base64.standard_b64decode", "binascii.a2b_base64"):
        raw = first.encode("ascii") if isinstance(first, str) else first
        return binascii.a2b_base64(raw.replace(b"-", b"+").replace(b"_", b"/"))
    if function in ("base64.b32decode", "base64.b16decode", "base64.b85decode", "base64.a85decode"):
        import base64

        return getattr(base64, function.partition(".")[2])(first)
    if function == "codecs.decode" and len(arguments) == 2:
        if str(arguments[1]).replace("_", "").lower() in ("rot13", "rot-13"):
            return codecs.decode(first, "rot13")
        if str(arguments[1]).lower() in ("hex", "hex_codec"):
            return bytes.fromhex(first if isinstance(first, str) else first.decode("ascii"))
        if str(arguments[1]).lower() in ("base64", "base64_codec"):
            return binascii.a2b_base64(first)
    if function == "zlib.decompress":
        import zlib

        return zlib.decompressobj().decompress(first, FOLDED)
    return None
