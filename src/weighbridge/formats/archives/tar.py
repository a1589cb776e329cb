"""Tar archives: POSIX ustar and pax, GNU, and the old form without a magic.

    header   512 bytes: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1, link 100,
             "ustar" 6, version 2, user 32, group 32, device 16, prefix 155
    data     size bytes, filled up with zeros to 512
    …        the archive ends with two blocks of zeros

Types L and K (GNU) carry a long name for the next header, x and g (pax) carry records "length key=value" that replace
its path, link or size; those of g hold for all that follow. Sizes too large for octal digits have the first bit set
and are big endian. Readers stop at the zero blocks unless told otherwise, so an archive behind them is hidden from
some. They also disagree on whether a directory or a link can have data, and on sizes that pax replaces.
Sources: POSIX pax interchange format; GNU tar manual, "Basic Tar Format"; CPython `Lib/tarfile.py`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Oddity, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

BLOCK = 512
PIECE = 256 * 1024
"""Bytes of zeros looked at in one go."""
EXTENDED = 1024 * 1024
"""Bytes of the longest extended header that is read."""
CHAIN = 8
"""Extended headers before one member."""
LONGEST_NAME = 4096
"""Characters of a name; no system opens a longer path."""
OCTAL_SIZES = 8**11
"""Bytes from which on a size does not fit into the digits of a header."""
_EXTENDED_TYPES = frozenset((b"L", b"K", b"x", b"X", b"g"))
_REGULAR = frozenset((b"0", b"\0", b"7"))
_LINKS = {b"1": "hard link", b"2": "symbolic link"}
_WITHOUT_DATA = _LINKS | {b"3": "character device", b"4": "block device", b"5": "directory", b"6": "pipe"}
_SPARSE = "GNU.sparse"


class Header(NamedTuple):
    """One header; `size` in bytes. `sparse` if the data of the member is not its content."""

    name: str
    link: str
    size: int
    type: bytes
    sparse: bool = False


class Tar:
    """A tar archive."""

    name = "tar"
    version = 1
    extensions = frozenset((".tar",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the checksum is right and there is a magic or, as in the old form, only numbers; MAYBE by the name."""
        del data
        head = info.head[:BLOCK]
        if len(head) == BLOCK and _checksum_holds(head) and (head[257:262] == b"ustar" or _plausible(head)):
            return Match.YES
        return Match.MAYBE if info.extension == ".tar" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield every member, those behind the end included."""
        del info
        seen: set[str] = set()
        everywhere: dict[str, str] = {}
        own: dict[str, str] = {}
        offset = chain = longest = 0
        while offset < data.size:
            zeros = _zeros(data, offset)
            if zeros:
                if own:
                    yield Oddity("header-mismatch", "an extended header describes no member", offset)
                    own, chain = {}, 0
                yield Span(offset, zeros, "parsed")
                longest = max(longest, zeros)
                offset += zeros
                continue
            block = data.peek(offset, BLOCK)
            if len(block) < BLOCK or not _checksum_holds(block):
                if longest:
                    yield Oddity("trailing-bytes", f"{data.size - offset} bytes behind the archive", offset)
                    return
                raise FormatError("a header of the archive is broken", offset)
            header = _header(block, offset)
            start = offset + BLOCK
            if header.type in _EXTENDED_TYPES:
                chain += 1
                if chain > CHAIN:
                    raise FormatError(f"more than {CHAIN} extended headers before one member", offset)
                if header.size > EXTENDED:
                    raise FormatError("an extended header is absurdly long", offset)
                records = _extended(data.read(start, header.size), header.type, offset)
                if header.type == b"g":
                    everywhere |= records
                else:
                    yield from _contradictions(own, records, offset)
                    own |= records
                yield Span(offset, BLOCK + header.size, "parsed")
            else:
                if budget.members <= 0:
                    yield Limit("members", budget.limits.members, offset)
                    return
                budget.members -= 1
                whole = _with(header, everywhere | own, offset)
                own, chain = {}, 0
                if longest:
                    yield Oddity("hidden-member", f"{whole.name[:100]!r} stands behind the end of the archive", offset)
                start = _behind_sparse_map(block, data, start)
                yield from _odd_size(header, whole, offset)
                if whole.type in _WITHOUT_DATA and _checksum_holds(data.peek(start, BLOCK)):
                    # Python goes on right here: what others skip as data are members to it.
                    whole = whole._replace(size=0)
                yield from _names(whole, offset, seen)
                yield Span(offset, start - offset, "parsed")
                yield from _content(whole, start, data)
                header = whole
            tail = start + header.size
            if tail > data.size:
                raise FormatError(f"{header.name[:100]!r} reaches beyond the end of the archive", offset)
            offset = min((tail + BLOCK - 1) // BLOCK * BLOCK, data.size)
            if tail < offset and not data.peek(tail, offset - tail).strip(b"\0"):
                yield Span(tail, offset - tail, "parsed")
        if longest < 2 * BLOCK:
            raise FormatError("the archive does not end in two blocks of zeros: it may have been cut off", data.size)


def _zeros(data: Reader, offset: int) -> int:
    """How many bytes of whole blocks of zeros begin at `offset`; the last block of the blob may be a part of one."""
    if data.peek(offset, BLOCK).strip(b"\0"):
        return 0
    place = offset
    while place < data.size:
        piece = data.peek(place, PIECE)
        rest = piece.lstrip(b"\0")
        if rest:
            return (place + len(piece) - len(rest)) // BLOCK * BLOCK - offset
        place += len(piece)
    return place - offset


def _contradictions(own: dict[str, str], records: dict[str, str], offset: int) -> Iterator[Fact]:
    for key in sorted(records.keys() & own.keys()):
        if records[key] != own[key]:
            yield Oddity("header-mismatch", f"two extended headers of one member differ in the {key}", offset)


def _odd_size(header: Header, whole: Header, offset: int) -> Iterator[Fact]:
    """Sizes that make readers see the next header at different places."""
    if whole.size != header.size and whole.size < OCTAL_SIZES:
        sizes = f"{header.size} and {whole.size} bytes"
        yield Oddity("size-mismatch", f"{whole.name[:100]!r} has {sizes} by two of its headers", offset)
    if whole.type in _WITHOUT_DATA and whole.size:
        kind = _WITHOUT_DATA[whole.type]
        yield Oddity("size-mismatch", f"{whole.name[:100]!r} is a {kind} that says it has data", offset)


def _names(header: Header, offset: int, seen: set[str]) -> Iterator[Fact]:
    """What is odd about the name and the kind of a member."""
    name = header.name
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":"):
        yield Oddity("path-escape", f"{name[:200]!r} leads out of the archive", offset)
    elif "\\" in name or "\0" in name:
        yield Oddity("path-escape", f"{name[:200]!r} is another path to another reader", offset)
    if not name or len(name) > LONGEST_NAME:
        yield Oddity("odd-name", f"{name[:100]!r} has {len(name)} characters", offset)
    kind = _WITHOUT_DATA.get(header.type, "")
    if header.type in _LINKS:
        yield Oddity("link", f"{name[:100]!r} is a {kind} to {header.link[:100]!r}", offset)
    elif kind and header.type != b"5":
        yield Oddity("odd-name", f"{name[:100]!r} is a {kind}", offset)
    if header.type == b"5":
        return
    path = "/".join(part for part in parts if part not in ("", ".")).lower()
    if len(path) > 256:
        from weighbridge.core.digests import digest_bytes

        # Many long names would cost more memory than is promised.
        path = digest_bytes(path.encode("utf-8", "surrogatepass")).hex
    if path in seen:
        yield Oddity("duplicate-name", f"{name[:200]!r} stands twice", offset)
    seen.add(path)


def _content(header: Header, start: int, data: Reader) -> Iterator[Fact | Child]:
    """The data of a member as a child, whatever its type: readers unpack types that they do not know as files."""
    size = min(header.size, data.size - start)
    if size or header.type in _REGULAR:
        yield Child(header.name[:LONGEST_NAME], start, size, data.part(start, size))
    if header.sparse:
        yield UnreadSpan(start, size, "the member is sparse: its content is not what stands here")
    elif header.type not in _REGULAR and header.type not in _WITHOUT_DATA:
        yield UnreadSpan(start, size, f"members of the type {header.type.decode('latin-1')!r} are not understood")


def _behind_sparse_map(block: bytes, data: Reader, start: int) -> int:
    """Where the data of a member begins: GNU's sparse members have further blocks of their map before it."""
    more = block[156:157] == b"S" and block[482] != 0
    while more:
        more = data.read(start, BLOCK)[504] != 0
        start += BLOCK
    return start


def _header(block: bytes, offset: int) -> Header:
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    name = _text(block[:100])
    kind = block[156:157]
    if kind == b"\0" and name.endswith("/"):
        kind = b"5"
    joined = f"{prefix}/{name}" if prefix else name
    return Header(joined, _text(block[157:257]), _size(block[124:136], offset), kind, kind == b"S")


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(raw: bytes) -> int | None:
    """A number as Python's reader takes it, which is the most generous; None if it is none even so."""
    if raw[:1] in (b"\x80", b"\xff"):
        return int.from_bytes(raw[1:], "big") - (256 ** (len(raw) - 1) if raw[0] == 0xFF else 0)
    try:
        return int(raw.partition(b"\0")[0].strip() or b"0", 8)
    except ValueError:
        return None


def _size(raw: bytes, offset: int) -> int:
    """A size that every reader takes for the same one. Raises FormatError for all others."""
    value = _number(raw)
    digits = raw.strip(b" \0")
    octal = all(digit in b"01234567" for digit in digits) and not (digits and raw[:1] == b"\0")
    if value is None or value < 0 or not (octal or raw[0] == 0x80):
        raise FormatError("a size in a header is no number that all readers agree on", offset)
    return value


def _extended(raw: bytes, kind: bytes, offset: int) -> dict[str, str]:
    """What an extended header says of the next member, or of all: `path`, `linkpath`, `size`, and if it is sparse."""
    if kind in (b"L", b"K"):
        text = raw.rstrip(b"\0").decode("utf-8", "surrogateescape")
        return {"path" if kind == b"L" else "linkpath": text}
    found: dict[str, str] = {}
    place = 0
    while place < len(raw):
        digits, space, _ = raw[place : place + 12].partition(b" ")
        if not space or not digits.isdigit() or not 0 < int(digits) <= len(raw) - place:
            raise FormatError("a pax record is broken", offset)
        end = place + int(digits)
        key, equals, value = raw[place + len(digits) + 1 : end - 1].partition(b"=")
        if not equals or raw[end - 1 : end] != b"\n":
            raise FormatError("a pax record is broken", offset)
        if key in (b"path", b"linkpath", b"size"):
            found[key.decode("ascii")] = value.decode("utf-8", "surrogateescape")
        elif key.startswith(_SPARSE.encode()):
            found[_SPARSE] = "yes"
        place = end
    if kind == b"g" and "size" in found:
        raise FormatError("one size for all members: readers disagree on where the next one begins", offset)
    return found


def _with(header: Header, records: dict[str, str], offset: int) -> Header:
    size = records.get("size")
    if size is not None and not (size.isascii() and size.isdigit() and len(size) < 20):
        raise FormatError("a pax size is no number", offset)
    return Header(
        records.get("path", header.name),
        records.get("linkpath", header.link),
        header.size if size is None else int(size),
        header.type,
        header.sparse or _SPARSE in records,
    )


def _checksum_holds(block: bytes) -> bool:
    """The sum of all bytes, the checksum's own taken as spaces; some writers took bytes as signed."""
    stored = _number(block[148:156].lstrip(b"\0")) if len(block) == BLOCK else None
    if not stored:
        return False
    rest = block[:148] + b" " * 8 + block[156:]
    unsigned = sum(rest)
    return stored == unsigned or stored == unsigned - 256 * sum(byte > 127 for byte in rest)


def _plausible(block: bytes) -> bool:
    """Whether mode, owner, group, size and time are numbers."""
    fields = (block[100:108], block[108:116], block[116:124], block[124:136], block[136:148])
    return all(_number(field) is not None for field in fields)
