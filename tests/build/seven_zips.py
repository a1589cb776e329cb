"""7z archives, built field by field."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from typing import NamedTuple

Method = tuple[bytes, bytes]
COPY: Method = (b"\0", b"")
LZMA: Method = (b"\3\1\1", b"\x5d\0\0\1\0")
LZMA2: Method = (b"\x21", b"\x0c")
BZIP2: Method = (b"\4\2\2", b"")
DEFLATE: Method = (b"\4\1\x08", b"")
AES: Method = (b"\6\xf1\7\1", b"\x13\0")
PPMD: Method = (b"\3\4\1", bytes(5))
DELTA: Method = (b"\3", b"\3")


class Member(NamedTuple):
    """`content` is None for a folder, or what has no content."""

    name: str
    content: bytes | None = None
    attributes: int = 0
    anti: bool = False


def number(value: int) -> bytes:
    for size in range(9):
        if value < 1 << 7 * (size + 1) and size < 8:
            first = (0xFF << (8 - size)) & 0xFF | value >> 8 * size
            return bytes([first]) + (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    return b"\xff" + value.to_bytes(8, "little")


def bits(values: list[bool]) -> bytes:
    raw = bytearray((len(values) + 7) // 8)
    for index, value in enumerate(values):
        raw[index // 8] |= 0x80 >> index % 8 if value else 0
    return bytes(raw)


def prop(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + number(len(content)) + content


def packed_by(content: bytes, method: Method) -> bytes:
    """The content as one coder takes it; methods that nobody can write here leave it as it is."""
    if method == LZMA:
        forms = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
        return lzma.compress(content, lzma.FORMAT_RAW, filters=forms)
    if method == LZMA2:
        return lzma.compress(content, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 18}])
    if method == BZIP2:
        return bz2.compress(content)
    if method == DEFLATE:
        engine = zlib.compressobj(9, zlib.DEFLATED, -15)
        return engine.compress(content) + engine.flush()
    if method == DELTA:
        return bytes((byte - (content[at - 4] if at >= 4 else 0)) & 0xFF for at, byte in enumerate(content))
    return content


def coder(method: Method) -> bytes:
    name, properties = method
    return (
        bytes([len(name) | (0x20 if properties else 0)])
        + name
        + (number(len(properties)) + properties if properties else b"")
    )


def block(content: bytes, methods: list[Method]) -> tuple[bytes, bytes, bytes]:
    """The packed stream, the description of the block, and the sizes of its outputs. The first method is the outermost
    filter: what it gives is the content.
    """
    stages = [content]
    for method in methods:
        stages.append(packed_by(stages[-1], method))
    described = number(len(methods)) + b"".join(map(coder, methods))
    described += b"".join(number(index) + number(index + 1) for index in range(len(methods) - 1))
    return stages[-1], described, b"".join(number(len(stage)) for stage in stages[:-1])


def streams(place: int, blocks: list[tuple[bytes, bytes, bytes]], more: bytes = b"") -> bytes:
    sizes = b"".join(number(len(packed)) for packed, _, _ in blocks)
    pack = b"\6" + number(place) + number(len(blocks)) + b"\x09" + sizes + b"\0"
    unpack = b"\7\x0b" + number(len(blocks)) + b"\0" + b"".join(described for _, described, _ in blocks)
    return pack + unpack + b"\x0c" + b"".join(lengths for _, _, lengths in blocks) + b"\0" + more + b"\0"


def checks(contents: list[bytes]) -> bytes:
    return b"\x0a\1" + b"".join(struct.pack("<I", zlib.crc32(content)) for content in contents)


def files(members: list[Member]) -> bytes:
    empty = [member.content is None for member in members]
    out = b"\5" + number(len(members))
    if any(empty):
        out += prop(0x0E, bits(empty))
        out += prop(0x10, bits([member.anti for member in members if member.content is None]))
    out += prop(0x11, b"\0" + "".join(member.name + "\0" for member in members).encode("utf-16-le"))
    out += prop(0x19, bytes(3))
    out += prop(0x15, b"\1\0" + b"".join(struct.pack("<I", member.attributes) for member in members))
    return out + b"\0"


def enclosed(packed: bytes, header: bytes, tail: bytes = b"") -> bytes:
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + packed + header + tail


def archive(
    *members: Member,
    methods: tuple[Method, ...] = (LZMA2,),
    solid: bool = True,
    pack_header: bool = False,
    spoil: int = 0,
    slack: bytes = b"",
    extra_streams: tuple[bytes, ...] = (),
    tail: bytes = b"",
) -> bytes:
    """An archive. `spoil` is xored into the checksums, `slack` follows every packed stream inside of its size."""
    contents = [member.content for member in members if member.content is not None] + list(extra_streams)
    groups = [contents] if solid and contents else [[content] for content in contents]
    blocks = []
    for group in groups:
        packed, described, lengths = block(b"".join(group), list(methods))
        blocks.append((packed + slack, described, lengths))
    body = b"".join(packed for packed, _, _ in blocks)
    numbers = b"\x0d" + b"".join(number(len(group)) for group in groups)
    sizes = b"\x09" + b"".join(number(len(content)) for group in groups for content in group[:-1])
    sums = bytearray(checks(contents))
    if spoil:
        sums[-1] ^= spoil
    substreams = b"\x08" + numbers + sizes + bytes(sums) + b"\0" if contents else b""
    header = b"\1" + (b"\4" + streams(0, blocks, substreams) if contents else b"") + files(list(members)) + b"\0"
    if pack_header:
        packed, described, lengths = block(header, [LZMA])
        outer = b"\x17" + streams(len(body), [(packed, described, lengths)])
        return enclosed(body + packed, outer, tail)
    return enclosed(body, header, tail)


MARK_WITHOUT_SUM = b"7z\xbc\xaf\x27\x1c" + bytes(60)
"""What looks like a start header, and has a wrong checksum."""
