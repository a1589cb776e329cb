"""Pointers of Git LFS: what lies in a checkout in place of a large file that was not fetched.

    version https://git-lfs.github.com/spec/v1
    oid sha256:<64 hexadecimal digits>
    size <bytes>

Lines are `key SP value LF`, at most 1024 bytes together; keys of extensions (`ext-0-…`) may stand between them.
Source: git-lfs, `docs/spec.md`.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Pointer, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

FIRST_LINE = b"version https://git-lfs.github.com/spec/v1\n"
LONGEST = 1024
"""Bytes of a pointer, as the specification bounds them."""
_POINTER = re.compile(
    rb"(?:ext-[0-9]-[a-z0-9.-]{1,64} sha256:[0-9a-f]{64}\n)*"
    rb"oid (?P<oid>sha256:[0-9a-f]{64})\nsize (?P<size>[0-9]{1,19})\n?"
)


class LfsPointer:
    """A pointer to a file that is kept elsewhere."""

    name = "lfs-pointer"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the first line, whatever the name: git replaces the content of any file by one."""
        del data
        return Match.YES if info.head.startswith(FIRST_LINE) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Say where the content is. Raises FormatError for anything but a pointer."""
        del info, budget
        start = len(FIRST_LINE)
        found = _POINTER.fullmatch(data.read(start, data.size - start)) if data.size <= LONGEST else None
        if found is None:
            yield Pointer("git-lfs", "", 0)
            raise FormatError("it begins like a pointer of Git LFS and goes on as something else", start)
        yield Pointer("git-lfs", found["oid"].decode("ascii"), int(found["size"]))
        yield Span(0, data.size, "parsed")
