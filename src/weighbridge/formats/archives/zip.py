"""Zip archives, read both ways: from the end record, and by the local headers that lie between.

    local header     PK 03 04, 26 bytes of fields, name, extra      one for each member, its data behind it
    data descriptor  [PK 07 08] crc, sizes                          behind the data, if flag bit 3 is set
    central entry    PK 01 02, 42 bytes of fields, name, extra, comment
    end record       PK 05 06, 18 bytes of fields, comment          (zip64: PK 06 06 and PK 06 07 before it)

    extra                        u16 kind, u16 size, content …        → formats/archives/zip_extra.py

Loaders differ in which of the copies they believe, so a difference is a fact of its own. Source: APPNOTE.TXT 6.3.10.
"""

from __future__ import annotations

from struct import unpack_from

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Oddity, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.archives.compressed import decompressor, expand, lzma1
from weighbridge.formats.archives.zip_extra import odd_extra, wide_sizes
from weighbridge.formats.base import Match
from weighbridge.formats.magic import ZIP_TAIL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

END_RECORD = b"PK\x05\x06"
_METHODS = {8: "deflate", 12: "bzip2", 93: "zstd"}
_LZMA = 14
_MASKED = 0xFFFFFFFF
_SNIFFED = 1024 * 1024
"""Bytes at the end of a central directory that are looked at to recognize what the archive is for."""


class Member(NamedTuple):
    """One member by its central entry; `data` is the offset of its bytes, from its local header."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    local: int
    attributes: int
    data: int = 0
    end: int = 0
    extra: bytes = b""


class Directory(NamedTuple):
    """What the end record and the central directory say. `shift` is the number of bytes before the archive proper."""

    members: tuple[Member, ...]
    start: int
    size: int
    end: int
    shift: int


class Zip:
    """A zip archive of any purpose."""

    name = "zip"
    version = 1
    extensions = frozenset((".zip",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if a local header begins the blob or an end record that adds up is at its end."""
        if info.head.startswith((b"PK\x03\x04", END_RECORD)):
            return Match.YES
        if data.size > 64 and find_end_record(data) >= 0:
            return Match.YES
        return Match.MAYBE if info.extension == ".zip" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield every member as a child, and every way in which the copies of the directory disagree."""
        del info
        directory = read_directory(data, budget)
        yield from frame(directory, data, budget)
        for member in directory.members:
            yield from read_member(member, data, budget)


def find_end_record(data: Reader) -> int:
    """The offset of the last end record whose directory lies inside the blob, or -1."""
    start = max(0, data.size - ZIP_TAIL)
    tail = data.peek(start, data.size - start)
    place = tail.rfind(END_RECORD)
    while place >= 0:
        if len(tail) - place >= 22:
            size, offset, comment = unpack_from("<IIH", tail, place + 12)
            fits = _MASKED in (offset, size) or size + offset <= start + place
            if fits and place + 22 + comment <= len(tail):
                return start + place
        place = tail.rfind(END_RECORD, 0, place)
    return -1


def directory_end(data: Reader) -> bytes:
    """The last entries of the central directory, as bytes; empty if there is no archive. For sniffing alone."""
    record = find_end_record(data)
    if record < 0:
        return b""
    count, size, offset = unpack_from("<HII", data.read(record + 10, 10))
    try:
        _, size, _, first = _zip64(data, record, count, size, offset)
    except FormatError:
        size, first = _SNIFFED, record  # broken: whoever takes it for its own will say so
    most = min(size, first, _SNIFFED)
    return data.peek(first - most, most)


def read_directory(data: Reader, budget: Budget) -> Directory:
    """Read the end record and all central entries with their local headers. Raises FormatError if they differ."""
    record = find_end_record(data)
    if record < 0:
        raise FormatError("the zip archive has no end record", 0)
    raw = data.read(record, 22)
    count, size, offset, comment = unpack_from("<HIIH", raw, 10)
    # A zip64 record may be there though nothing needs it: torch writes one into every TorchScript archive.
    count, size, offset, first = _zip64(data, record, count, size, offset)
    shift = first - size - offset
    if shift < 0 or size > data.size:
        raise FormatError("the central directory is not where the end record says", record)
    if count > budget.members:
        raise FormatError(f"{count} members are more than are looked into", record)
    budget.members -= count
    start = offset + shift
    members = []
    place = start
    for _ in range(count):
        member, place = _central(data, place, start + size)
        members.append(_with_local(member, data, shift))
    return Directory(tuple(members), start, place - start, record + 22 + comment, shift)


def frame(directory: Directory, data: Reader, budget: Budget) -> Iterator[Fact | Span | Child]:
    """Account for everything that is no member's data, and say what is odd about the archive as a whole."""
    yield Span(directory.start, directory.end - directory.start, "parsed")
    if directory.shift or (directory.members and min(member.local for member in directory.members) > 0):
        yield Oddity("prefix", f"{directory.shift or 'some'} bytes before the archive", 0)
    if directory.end < data.size:
        yield Oddity("trailing-bytes", f"{data.size - directory.end} bytes behind the archive", directory.end)
    seen: dict[str, str] = {}
    end = 0
    for member in sorted(directory.members, key=lambda member: member.local):
        if member.local < end:
            yield Oddity("overlap", f"{member.name[:100]!r} shares bytes with the member before it", member.local)
        elif member.local > end:
            yield from _hidden(data, end, member.local, budget)
        end = max(end, member.end)
        folded = member.name.lower()
        if folded in seen:
            yield Oddity("duplicate-name", f"{seen[folded][:100]!r} and {member.name[:100]!r}", member.local)
        seen[folded] = member.name
        yield from _odd_name(member)
        yield Span(member.local, member.data - member.local, "parsed")
        yield Span(member.data + member.compressed, member.end - member.data - member.compressed, "parsed")
    if end < directory.start:
        yield from _hidden(data, end, directory.start, budget)


def _hidden(data: Reader, start: int, end: int, budget: Budget) -> Iterator[Fact | Span | Child]:
    """Members between `start` and `end` that have a local header but that the central directory does not name."""
    while start + 30 <= end and data.peek(start, 4) == b"PK\x03\x04" and budget.members > 0:
        budget.members -= 1
        raw = data.read(start, 30)
        flags, method = unpack_from("<HH", raw, 6)
        crc, compressed, size, name_size, extra_size = unpack_from("<IIIHH", raw, 14)
        content = start + 30 + name_size + extra_size
        if content > end:
            return
        raw_name = data.read(start + 30, name_size)
        if flags & 8 or compressed > end - content:
            compressed = size = end - content
        name = raw_name.decode("utf-8", "surrogateescape")
        yield Oddity("hidden-member", f"{name[:100]!r} is not named by the central directory", start)
        yield Span(start, content - start, "parsed")
        yield from read_member(
            Member(name, raw_name, flags, method, crc, compressed, size, start, 0, content, content + compressed),
            data,
            budget,
        )
        start = content + compressed


def read_member(member: Member, data: Reader, budget: Budget) -> Iterator[Fact | Span | Child]:
    """One member's content as a child; the differences between its two headers as facts."""
    local = data.read(member.local, 30)
    flags, method = unpack_from("<HH", local, 6)
    crc, compressed, size, name_size, extra_size = unpack_from("<IIIHH", local, 14)
    raw_name = data.read(member.local + 30, name_size)
    extra = data.read(member.local + 30 + name_size, extra_size)
    if raw_name != member.raw_name:
        detail = f"{member.raw_name[:100]!r} in the directory, {raw_name[:100]!r} at the member"
        yield Oddity("name-mismatch", detail, member.local)
    if method != member.method or (flags ^ member.flags) & 0x41:
        yield Oddity("header-mismatch", f"{member.name[:100]!r} has two methods or flags", member.local)
    for kind, detail in odd_extra(member.raw_name, member.extra, extra):
        if kind != "encrypted":
            yield Oddity("name-mismatch" if kind == "name" else "header-mismatch", detail, member.local)
        elif not (member.flags | flags) & 0x41:
            yield Oddity("encrypted", detail, member.local)
    sizes = (crc, *wide_sizes(extra, compressed, size))
    if not flags & 8 and crc != _MASKED and sizes != (member.crc, member.compressed, member.size):
        yield Oddity("header-mismatch", f"{member.name[:100]!r} has two sizes or checksums", member.local)
    if member.flags & 0x41 or flags & 0x41:
        yield Oddity("encrypted", f"{member.name[:100]!r} says that it is encrypted", member.local)
    if member.name.endswith("/") and not member.size:
        return
    if member.method == 0:
        if member.compressed != member.size:
            yield Oddity("header-mismatch", f"{member.name[:100]!r} is stored but has two sizes", member.local)
        yield Child(member.name, member.data, member.compressed, data.part(member.data, member.compressed))
        return
    start, packed = member.data, member.compressed
    if member.method == _LZMA:
        # APPNOTE 5.8.8: two bytes of version, the size of the properties, the properties, then the stream.
        head = data.peek(start, min(9, packed))
        try:
            engine = lzma1(head[4:] if head[2:4] == b"\x05\x00" else b"")
        except (ValueError, IndexError):
            yield UnreadSpan(start, packed, "the LZMA stream has odd properties")
            return
        start, packed = start + 9, packed - 9
    elif member.method in _METHODS:
        engine = decompressor(_METHODS[member.method])
    else:
        yield UnreadSpan(member.data, member.compressed, f"compression method {member.method} is not supported")
        return
    content, _, why = expand(data, start, packed, engine, budget)
    if member.method == _LZMA and not member.flags & 2 and content.size == member.size:
        why = ""  # without its end mark the stream ends where its size says
    yield Child(member.name, member.data, member.compressed, content.reader())
    if why == "expansion":
        yield Limit("expansion_ratio", budget.limits.expansion_ratio, member.data)
    if why:
        yield UnreadSpan(member.data, member.compressed, f"the member does not expand to its end: {why}")
    elif content.size != member.size:
        yield Oddity(
            "size-mismatch", f"{member.name[:100]!r} has {content.size} bytes, not {member.size}", member.local
        )


def _zip64(data: Reader, record: int, count: int, size: int, offset: int) -> tuple[int, int, int, int]:
    """Count, size and offset of the central directory, and where the first of the end records stands."""
    locator = data.peek(record - 20, 20) if record >= 20 else b""
    if not locator.startswith(b"PK\x06\x07"):
        return count, size, offset, record
    place = record - 20 - 56
    if place < 0 or data.read(place, 4) != b"PK\x06\x06":
        place = int(unpack_from("<Q", locator, 8)[0])
    raw = data.read(place, 56)
    if not raw.startswith(b"PK\x06\x06"):
        raise FormatError("the zip64 end record is missing", record)
    total, size64, offset64 = unpack_from("<QQQ", raw, 32)
    narrow = (count & 0xFFFF, size & _MASKED, offset & _MASKED)
    for small, wide, mask in zip(narrow, (total, size64, offset64), (0xFFFF, _MASKED, _MASKED), strict=True):
        if small not in (mask, wide):
            raise FormatError("the two end records of the archive disagree", record)
    return total, size64, offset64, place


def _central(data: Reader, place: int, limit: int) -> tuple[Member, int]:
    raw = data.read(place, 46)
    if not raw.startswith(b"PK\x01\x02"):
        raise FormatError("an entry of the central directory is missing", place)
    flags, method = unpack_from("<HH", raw, 8)
    crc, compressed, size, name_size, extra_size, comment_size = unpack_from("<IIIHHH", raw, 16)
    attributes, local = unpack_from("<II", raw, 38)
    raw_name = data.read(place + 46, name_size)
    extra = data.read(place + 46 + name_size, extra_size)
    compressed, size, local = _wide(extra, compressed, size, local)
    end = place + 46 + name_size + extra_size + comment_size
    if end > limit:
        raise FormatError("the central directory is longer than the end record says", place)
    name = raw_name.decode("utf-8" if flags & 0x800 or raw_name.isascii() else "cp437", "surrogateescape")
    return Member(name, raw_name, flags, method, crc, compressed, size, local, attributes, extra=extra), end


def _wide(extra: bytes, compressed: int, size: int, local: int) -> tuple[int, int, int]:
    place = 0
    while place + 4 <= len(extra):
        kind, length = unpack_from("<HH", extra, place)
        if kind == 1:
            field = place + 4
            values = []
            for value in (size, compressed, local):
                wide = value == _MASKED and field + 8 <= len(extra)
                values.append(int(unpack_from("<Q", extra, field)[0]) if wide else value)
                field += 8 if wide else 0
            size, compressed, local = values
        place += 4 + length
    return compressed, size, local


def _with_local(member: Member, data: Reader, shift: int) -> Member:
    local = member.local + shift
    raw = data.read(local, 30)
    if not raw.startswith(b"PK\x03\x04"):
        raise FormatError(f"the local header of {member.name[:100]!r} is missing", local)
    (flags,) = unpack_from("<H", raw, 6)
    name_size, extra_size = unpack_from("<HH", raw, 26)
    start = local + 30 + name_size + extra_size
    end = start + member.compressed
    if end > data.size:
        raise FormatError(f"{member.name[:100]!r} reaches beyond the end of the archive", local)
    if flags & 8:
        signed = data.peek(end, 4) == b"PK\x07\x08"
        wide = member.size >= _MASKED or member.compressed >= _MASKED
        after = data.peek(end + (24 if signed else 20), 2)
        wide = wide or (signed and after == b"PK" and data.peek(end + 16, 2) != b"PK")
        end = min(data.size, end + (4 if signed else 0) + (20 if wide else 12))
    return member._replace(local=local, data=start, end=end)


def _odd_name(member: Member) -> Iterator[Fact]:
    name = member.name
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or (len(name) > 1 and name[1] == ":"):
        yield Oddity("path-escape", f"{name[:200]!r} leads out of the archive", member.local)
    if "\\" in name or "\0" in name or not name:
        yield Oddity("odd-name", f"{name[:200]!r}", member.local)
    if member.attributes >> 28 == 0xA:
        yield Oddity("link", f"{name[:200]!r} is a symbolic link", member.local)
