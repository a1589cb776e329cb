r"""7z archives: members one behind the other in blocks that are compressed as a whole, and a header at the end.

    offset 0    37 7A BC AF 27 1C, version (2 bytes)
    offset 8    u32 crc of the next 20 bytes: u64 where the header begins (from 32), u64 its size, u32 its crc
    offset 32   packed streams
    header      01 streams, files 00    or    17 streams 00: the header itself is packed, and so on

Programs that unpack themselves have the archive behind them: then everything is counted from the mark. Of members that
are packed together the content comes out in order, each is a child, and each answers for the whole packed range, so
that one unread member makes all of it unread. Encrypted blocks, and those of PPMd, BCJ2 and Deflate64, stay unread.
Up to 32 bytes at the end of a packed stream that the decoder does not need are not noticed. Attributes matter as far
as they say that a member is a link; times are read over. Source: 7-Zip 26, `DOC/7zFormat.txt`, `DOC/Methods.txt`.
"""

from __future__ import annotations

from itertools import pairwise
from struct import unpack

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Oddity, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.compressed import PIECE, Expanded
from weighbridge.formats.archives.seven_zip_header import Entry, Folder, read_header, read_streams
from weighbridge.formats.archives.seven_zip_streams import encrypted, is_copy, unpacked, unsupported
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

MARK = b"7z\xbc\xaf\x27\x1c"
START = 32
"""Bytes of the start header."""
SEARCHED = 1024 * 1024
"""Bytes in which the archive of a program that unpacks itself begins, as 7-Zip looks for it."""
NESTED = 4
"""Headers that may be packed in one another."""
_LINK, _UNIX, _REPARSE = 0xA, 0x8000, 0x400


class SevenZip:
    """A 7z archive."""

    name = "7z"
    version = 1
    extensions = frozenset((".7z",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark, also behind a program whose start header adds up; MAYBE by the name."""
        if info.head.startswith(MARK):
            return Match.YES
        if _begin(data) >= 0:
            return Match.YES
        return Match.MAYBE if info.extension == ".7z" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read the header, then every block."""
        del info
        begin = 0 if data.peek(0, 6) == MARK else _begin(data)
        if begin < 0:
            raise FormatError("the mark of 7z is missing", 0)
        if begin:
            yield Oddity("prefix", f"{begin} bytes before the archive", 0)
        archive = data.part(begin, data.size - begin)
        for seen in _archive(archive, budget):
            yield _moved(seen, begin)


def _moved(seen: Fact | Span | Child, by: int) -> Fact | Span | Child:
    """The same, told of the file in which the archive begins later."""
    if by and isinstance(seen, Span | Child | Oddity | Limit | UnreadSpan):
        return seen._replace(offset=seen.offset + by)
    return seen


def _begin(data: Reader) -> int:
    """Where a start header begins whose checksum is right, or -1."""
    from zlib import crc32

    head = data.peek(0, SEARCHED + START)
    place = head.find(MARK)
    while place >= 0:
        raw = head[place : place + START]
        if len(raw) == START and crc32(raw[12:]) == unpack("<I", raw[8:12])[0]:
            return place
        place = head.find(MARK, place + 1)
    return -1


def _archive(data: Reader, budget: Budget) -> Iterator[Fact | Span | Child]:
    from zlib import crc32

    start = data.read(0, START)
    check, offset, size, header_check = unpack("<IQQI", start[8:])
    yield Span(0, START, "parsed")
    if crc32(start[12:]) != check:
        yield Oddity("header-mismatch", "the checksum of the start header is wrong", 8)
    if offset + size > data.size - START:
        raise FormatError("the header is not where the start header says", 12)
    place, end = START + offset, START + offset + size
    if size > budget.limits.document:
        yield Limit("document", budget.limits.document, place)
        return
    yield Span(place, size, "parsed")
    if end < data.size:
        yield Oddity("trailing-bytes", f"{data.size - end} bytes behind the archive", end)
    raw = data.read(place, size)
    if crc32(raw) != header_check:
        yield Oddity("header-mismatch", "the checksum of the header is wrong", place)
    packed: list[tuple[int, int]] = []
    for _ in range(NESTED):
        if raw[:1] != b"\x17":
            break
        (folder,) = read_streams(raw, 1, START) or (None,)
        if folder is None or len(folder.streams) != 1:
            raise FormatError("the packed header is not one stream", place)
        if folder.size > budget.limits.document:
            yield Limit("document", budget.limits.document, place)
            return
        if encrypted(folder):
            yield Oddity("encrypted", "the header says that it is encrypted", place)
        content, why = _whole(folder, data, budget)
        if why:
            raise FormatError(f"the packed header cannot be read: {why}", place)
        yield from (Span(*part, "parsed") for part in folder.packed)
        packed += folder.packed
        raw = content
        if folder.check not in (None, crc32(raw)):
            yield Oddity("header-mismatch", "the checksum of the packed header is wrong", place)
    if not raw and not size:
        return
    folders, entries = read_header(raw, START, budget)
    packed += [part for folder in folders for part in folder.packed]
    packed.sort()
    if any(first[0] + first[1] > second[0] for first, second in pairwise(packed)):
        yield Oddity("overlap", "packed streams share bytes", START)
    yield from _names(entries, place)
    named = iter([entry for entry in entries if entry.has_stream])
    for folder in folders:
        yield from _members(folder, named, data, budget)


def _whole(folder: Folder, data: Reader, budget: Budget) -> tuple[bytes, str]:
    out: list[bytes] = []
    try:
        out.extend(unpacked(folder, data, budget))
    except ValueError as error:
        return b"", str(error)
    return b"".join(out), ""


def _names(entries: list[Entry], place: int) -> Iterator[Fact]:
    """What is odd about the names: they are all in one place."""
    seen: dict[str, str] = {}
    for entry in entries:
        name = entry.name
        parts = name.replace("\\", "/").split("/")
        if name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":"):
            yield Oddity("path-escape", f"{name[:200]!r} leads out of the archive", place)
        if "\\" in name or not name:
            yield Oddity("odd-name", f"{name[:200]!r}", place)
        if (entry.attributes & _UNIX and entry.attributes >> 28 == _LINK) or entry.attributes & _REPARSE:
            yield Oddity("link", f"{name[:200]!r} is a link", place)
        if entry.anti:
            yield Oddity("anti-item", f"{name[:200]!r} says that a file is to be deleted", place)
        folded = name.lower()
        if folded in seen:
            yield Oddity("duplicate-name", f"{seen[folded][:100]!r} and {name[:100]!r}", place)
        seen[folded] = name


def _members(folder: Folder, named: Iterator[Entry], data: Reader, budget: Budget) -> Iterator[Fact | Span | Child]:
    """The members of one block."""
    start, size = folder.packed[0]
    names: list[str] = []
    for _ in folder.streams:
        entry = next(named, None)
        if entry is None:
            yield Oddity("hidden-member", f"stream {len(names)} of a block has no name", start)
        names.append(f"stream@{start}.{len(names)}" if entry is None else entry.name)
    why = unsupported(folder)
    if encrypted(folder):
        yield Oddity("encrypted", f"{names[0][:100] if names else 'a block'!r} says that it is encrypted", start)
        why = "it is encrypted"
    if why or not names:
        yield from (UnreadSpan(*part, why or "a block without members") for part in folder.packed)
        return
    if is_copy(folder) and size == folder.size:
        yield from _stored(folder, names, data)
        return
    pieces = unpacked(folder, data, budget)
    rest = b""
    for name, (length, check) in zip(names, folder.streams, strict=True):
        content, rest, why = _take(pieces, rest, length)
        reader = content.reader()
        yield Child(name, start, size, reader)
        if why:
            if why == "expansion":
                yield Limit("expansion_ratio", budget.limits.expansion_ratio, start)
            yield UnreadSpan(start, size, f"the block does not expand to its end: {why}")
            return
        yield from _checked(name, check, reader, start)
    for trouble in _rest(rest, pieces):
        yield UnreadSpan(start, size, trouble)


def _stored(folder: Folder, names: list[str], data: Reader) -> Iterator[Fact | Child]:
    """Members of a block that is not compressed: each is a part of the archive."""
    place, size = folder.packed[0]
    end = place + size
    for name, (length, check) in zip(names, folder.streams, strict=True):
        if length > end - place:
            raise FormatError(f"{name[:100]!r} is larger than its block", place)
        reader = data.part(place, length)
        yield Child(name, place, length, reader)
        yield from _checked(name, check, reader, place)
        place += length


def _checked(name: str, check: int | None, content: Reader, place: int) -> Iterator[Fact]:
    """Whether a member has the checksum that the header says; it may say none."""
    from zlib import crc32

    found = offset = 0
    while check is not None and offset < content.size:
        piece = content.peek(offset, PIECE)
        found = crc32(piece, found)
        offset += len(piece)
    if check not in (None, found):
        yield Oddity("header-mismatch", f"{name[:100]!r} has another checksum than its content", place)


def _rest(rest: bytes, pieces: Iterator[bytes]) -> Iterator[str]:
    """Behind the last member the block must end."""
    try:
        if rest or next(pieces, b""):
            yield "there is more in the block than its members"
    except ValueError as error:
        yield f"the block does not end where it should: {error}"


def _take(pieces: Iterator[bytes], rest: bytes, length: int) -> tuple[Expanded, bytes, str]:
    """The next `length` bytes of a block, what is left of the last piece, and why there are fewer."""
    out = Expanded()
    try:
        while out.size < length:
            piece = rest or next(pieces, b"")
            if not piece:
                return out, b"", "it ends too early"
            wanted = length - out.size
            out.add(piece[:wanted])
            rest = piece[wanted:]
    except ValueError as error:
        return out, b"", str(error)
    return out, rest, ""
