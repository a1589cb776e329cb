"""The extra fields of a zip member that change what readers see: another name, other sizes, encryption.

    0x0001   zip64: the sizes and the place that the header has no room for, in this order and only those
    0x7075   Info-ZIP Unicode Path: u8 version, u32 crc of the name in the header, the name in UTF-8
    0x6375   the same for the comment, which nobody acts upon
    0x0017, 0x9901   strong encryption; AES of WinZip

Info-ZIP, 7-Zip, Python since 3.12 and others take the name from 0x7075; miniz, which torch reads with, and older
Pythons take that of the header. Source: APPNOTE.TXT 6.3.10, sections 4.5 and 4.6; WinZip "AES Encryption Information".
"""

from __future__ import annotations

from struct import unpack_from

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ZIP64 = 0x0001
UNICODE_PATH = 0x7075
ENCRYPTED = {0x0017: "strong encryption", 0x9901: "AES"}
_MASKED = 0xFFFFFFFF
_CODEPAGES = ("utf-8", "cp437", "cp850", "cp1252")
"""How writers spell a name in the header that does not fit into ASCII."""


def fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Each field as its kind and its content; the last one may be cut off."""
    place = 0
    while place + 4 <= len(extra):
        kind, size = unpack_from("<HH", extra, place)
        yield kind, extra[place + 4 : place + 4 + size]
        place += 4 + size


def odd_extra(raw_name: bytes, central: bytes, local: bytes) -> Iterator[tuple[str, str]]:
    """What is odd about the extra fields of a member, in its two headers: kind (name, field, encrypted) and words."""
    shown = repr(raw_name[:100])
    for where, extra in (("directory", central), ("member", local)):
        seen: set[int] = set()
        for kind, content in fields(extra):
            if kind == UNICODE_PATH:
                name = content[5:]
                if not _same(raw_name, name):
                    yield "name", f"{shown} by its header, {name[:100]!r} by its Unicode path in the {where}"
            if kind in ENCRYPTED:
                yield "encrypted", f"{shown} says in an extra field that it is encrypted: {ENCRYPTED[kind]}"
            if kind in (ZIP64, UNICODE_PATH) and kind in seen:
                yield "field", f"{shown} has two extra fields of the kind {kind:#06x} in the {where}"
            seen.add(kind)
        if _cut_off(extra):
            yield "field", f"{shown} has an extra field that is longer than what there is in the {where}"


def wide_sizes(extra: bytes, compressed: int, size: int) -> tuple[int, int]:
    """The two sizes of a local header, with those that stand in its zip64 field in their place."""
    for kind, content in fields(extra):
        if kind == ZIP64:
            place = 0
            if size == _MASKED and place + 8 <= len(content):
                size = int.from_bytes(content[place : place + 8], "little")
                place += 8
            if compressed == _MASKED and place + 8 <= len(content):
                compressed = int.from_bytes(content[place : place + 8], "little")
            break
    return compressed, size


def _same(raw: bytes, name: bytes) -> bool:
    """Whether both are one name: in UTF-8, or as a codepage spells it."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    for page in _CODEPAGES:
        try:
            if raw.decode(page) == text:
                return True
        except UnicodeDecodeError:
            continue
    return False


def _cut_off(extra: bytes) -> bool:
    place = 0
    while place + 4 <= len(extra):
        place += 4 + int(unpack_from("<H", extra, place + 2)[0])
    return place > len(extra)
