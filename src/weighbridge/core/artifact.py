"""One model as it is judged: files, members inside them, and how a place in them is written."""

from __future__ import annotations

from weighbridge.core.digests import Digest
from weighbridge.core.records import NamedTuple


def escape_name(name: str) -> str:
    """A file or member name as one unambiguous part of a location.

    `%`, `!`, `@` and control characters are percent-encoded, and so are bytes that are not UTF-8, so that a
    hostile name can neither forge a location nor break the encoding of a report.
    """
    if name.isascii() and name.isprintable() and not ("%" in name or "!" in name or "@" in name):
        return name
    out = []
    for char in name:
        code = ord(char)
        if 0xDC80 <= code <= 0xDCFF:
            out.append(f"%{code - 0xDC00:02X}")
        elif 0xD800 <= code <= 0xDFFF or char in "%!@" or code < 0x20 or 0x7F <= code < 0xA0:
            out.append("".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass")))
        else:
            out.append(char)
    return "".join(out)


class Location(NamedTuple):
    """A place: `path` is the file and then the members, escaped and joined by `!`; `offset` is in bytes."""

    path: str
    offset: int | None = None

    def __str__(self) -> str:
        return self.path if self.offset is None else f"{self.path}@{self.offset}"

    def inside(self, member: str) -> Location:
        """The place of a member of the blob at this place."""
        return Location(f"{self.path}!{escape_name(member)}")


class CoverageBytes(NamedTuple):
    """How many bytes of one file were parsed, are data, or are opaque; the three add up to its size."""

    parsed: int
    data: int
    opaque: int


class InspectedFile(NamedTuple):
    """One file of the artifact after inspection. `path` is escaped; `format` is the name of its format or `opaque`."""

    path: str
    size: int
    sha256: Digest
    format: str
    coverage: CoverageBytes


class Unread(NamedTuple):
    """Bytes that nothing looked into, and why. One of these keeps a verdict from being `clean`."""

    location: str
    size: int
    why: str


class Artifact(NamedTuple):
    """A set of inspected files with one model digest (see `core.digests.model_digest`)."""

    name: str
    digest: Digest
    files: tuple[InspectedFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)
