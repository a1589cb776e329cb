"""Tar archives: POSIX ustar and pax, GNU, and the old form without a magic.

    header   512 bytes: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1, link 100,
             "ustar" 6, version 2, user 32, group 32, device 16, prefix 155
    data     size bytes, filled up with zeros to 512
    …        the archive ends with two blocks of zeros

Types L and K (GNU) carry a long name for the next header, x and g (pax) carry records "length key=value" that replace
its path, link or size. Sizes too large for octal digits have the first bit set and are big endian.
Readers stop at the zero blocks unless told otherwise, so an archive behind them is hidden from some. Sources: POSIX
pax interchange format; GNU tar manual, "Basic Tar Format"; CPython `Lib/tarfile.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Oddity, Span, UnreadSpan
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

BLOCK = 512
EXTENDED = 64 * 1024
"""Bytes of the longest extended header that is read."""
_REGULAR = frozenset((b"0", b"\0", b"7"))
_NAMED_TYPES = {b"1": "hard link", b"2": "symbolic link", b"3": "device", b"4": "device", b"6": "pipe"}


class Header(NamedTuple):
    """One header block; `name` and `link` as they are written, `size` in bytes."""

    name: str
    link: str
    size: int
    type: bytes


class Tar:
    """A tar archive."""

    name = "tar"
    version = 1
    extensions = frozenset((".tar",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by magic and checksum, MAYBE by the name."""
        del data
        head = info.head[:BLOCK]
        if len(head) == BLOCK and head[257:262] == b"ustar" and _checksum_holds(head):
            return Match.YES
        old = len(head) == BLOCK and head[0] != 0 and head[156:157] in b"\x00012" and _checksum_holds(head)
        return Match.YES if old else Match.MAYBE if info.extension == ".tar" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield every member, those behind the end included."""
        del info
        seen: set[str] = set()
        override: dict[str, str] = {}
        offset, ended = 0, False
        while offset < data.size:
            block = data.peek(offset, BLOCK)
            if not block.strip(b"\0"):
                ended = True
                yield Span(offset, len(block), "parsed")
                offset += len(block)
                continue
            if len(block) < BLOCK or not _checksum_holds(block):
                if ended:
                    yield Oddity("trailing-bytes", f"{data.size - offset} bytes behind the archive", offset)
                    return
                raise FormatError("a header of the archive is broken", offset)
            budget.members -= 1
            if budget.members < 0:
                raise FormatError("more members than are looked into", offset)
            header = _header(block, offset)
            if header.type in (b"L", b"K", b"x", b"g"):
                if header.size > EXTENDED:
                    raise FormatError("an extended header is absurdly long", offset)
                raw = data.read(offset + BLOCK, header.size)
                override |= _extended(raw, header.type, offset)
            else:
                whole = _with(header, override, offset)
                override = {}
                if ended:
                    yield Oddity("hidden-member", f"{whole.name[:100]!r} stands behind the end of the archive", offset)
                yield from _member(whole, offset, data, seen)
                header = whole
            padded = (header.size + BLOCK - 1) // BLOCK * BLOCK
            end = min(offset + BLOCK + padded, data.size)
            if offset + BLOCK + header.size > data.size:
                raise FormatError(f"{header.name[:100]!r} reaches beyond the end of the archive", offset)
            yield Span(offset, BLOCK, "parsed")
            if header.type in (b"L", b"K", b"x", b"g"):
                yield Span(offset + BLOCK, header.size, "parsed")
            tail = offset + BLOCK + header.size
            if not data.peek(tail, end - tail).strip(b"\0"):
                yield Span(tail, end - tail, "parsed")
            offset = end


def _member(header: Header, offset: int, data: Reader, seen: set[str]) -> Iterator[Fact | Child]:
    name = header.name
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":"):
        yield Oddity("path-escape", f"{name[:200]!r} leads out of the archive", offset)
    if "\\" in name or not name:
        yield Oddity("odd-name", f"{name[:200]!r}", offset)
    if name.lower() in seen:
        yield Oddity("duplicate-name", f"{name[:200]!r} stands twice", offset)
    seen.add(name.lower())
    if header.type in _REGULAR and not name.endswith("/"):
        size = min(header.size, data.size - offset - BLOCK)
        yield Child(name, offset + BLOCK, size, data.part(offset + BLOCK, size))
    elif header.type in _NAMED_TYPES:
        yield Oddity("link", f"{name[:100]!r} is a {_NAMED_TYPES[header.type]} {header.link[:100]!r}", offset)
    elif header.type != b"5" and header.size:
        kind = header.type.decode("latin-1")
        yield UnreadSpan(offset + BLOCK, header.size, f"members of the type {kind!r} are not understood")


def _header(block: bytes, offset: int) -> Header:
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    name = _text(block[:100])
    joined = f"{prefix}/{name}" if prefix else name
    return Header(joined, _text(block[157:257]), _number(block[124:136], offset), block[156:157])


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(raw: bytes, offset: int) -> int:
    if raw[:1] == b"\x80":
        return int.from_bytes(raw[1:], "big")
    digits = raw.strip(b" \0")
    if not digits:
        return 0
    try:
        value = int(digits, 8)
    except ValueError:
        raise FormatError("a size in a header is no number", offset) from None
    if value < 0:
        raise FormatError("a size in a header is negative", offset)
    return value


def _extended(raw: bytes, kind: bytes, offset: int) -> dict[str, str]:
    """What an extended header says of the next one: `path`, `linkpath` and `size`."""
    if kind in (b"L", b"K"):
        return {"path" if kind == b"L" else "linkpath": _text(raw)}
    found: dict[str, str] = {}
    place = 0
    while place < len(raw):
        digits, space, _ = raw[place : place + 12].partition(b" ")
        if not space or not digits.isdigit() or not 0 < int(digits) <= len(raw) - place:
            raise FormatError("a pax record is broken", offset)
        record = raw[place + len(digits) + 1 : place + int(digits)]
        key, equals, value = record.rstrip(b"\n").partition(b"=")
        if not equals:
            raise FormatError("a pax record has no value", offset)
        if key.startswith(b"GNU.sparse"):
            raise FormatError("sparse members are not understood", offset)
        if key in (b"path", b"linkpath", b"size"):
            found[key.decode("ascii")] = value.decode("utf-8", "surrogateescape")
        place += int(digits)
    return found


def _with(header: Header, override: dict[str, str], offset: int) -> Header:
    size = override.get("size")
    if size is not None and not (size.isascii() and size.isdigit() and len(size) < 20):
        raise FormatError("a pax size is no number", offset)
    return Header(
        override.get("path", header.name),
        override.get("linkpath", header.link),
        header.size if size is None else int(size),
        header.type,
    )


def _checksum_holds(block: bytes) -> bool:
    """The sum of all bytes, the checksum's own taken as spaces; some writers took bytes as signed."""
    digits = block[148:156].strip(b" \0")
    if not digits or any(digit not in b"01234567" for digit in digits):
        return False
    rest = block[:148] + b" " * 8 + block[156:]
    unsigned = sum(rest)
    signed = unsigned - 256 * sum(byte > 127 for byte in rest)
    return int(digits, 8) in (unsigned, signed)
