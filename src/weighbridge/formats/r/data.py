r"""Values that R serializes: `.rds`, and workspaces, `.rda` or `.RData`.

    [RDX2 LF | RDX3 LF | RDA2 LF | RDA3 LF | RDB2 LF | RDB3 LF]    only workspaces: one pairlist, tags name the objects
    X LF | A LF | B LF      how numbers are written (see `formats/r/stream.py`)
    version 2 or 3          the version of R that wrote it, the oldest that reads it; in 3 also the native encoding
    item                    one value: flags, then by the type in their lowest byte
      flags                 bits 0-7 type, 8 object, 9 has attributes, 10 has a tag, 12-27 levels

    2 pairlist, 3 closure, 5 promise, 6 call, 17 dots     [attributes] [tag or environment] first, rest
    4 environment           locked, enclosure, frame, hash table, attributes
    9 string                length (-1: NA), bytes              10, 13, 14, 15, 24 vectors of numbers: length, elements
    16 strings, 19 list, 20 expressions    length, items        1 symbol: its name       255 back-reference
    21 bytecode             number of shared parts, instructions, constants              7, 8 primitive: its name
    22 external pointer, 23 weak reference, 25 S4 object        238 compact vector: class, state, attributes
    243 persistent, 249 namespace, 250 package     0, length, strings      242, 247, 251-254 constants

Files are usually compressed as a whole, which is a format of its own. Nothing is deparsed or evaluated. What can run
later becomes a reference: `r-promise` (an expression evaluated at the first look at the value; `name` is its kind,
`key` says `bound` in an environment, else `loose`), `r-call` (a function that code calls; `key` is in which code),
`r-closure` and `r-bytecode` (a function; `arguments` are all functions that it calls), `r-active` (a binding that calls
a function at every look), `r-hook` (an object whose name R calls by itself), `r-package`, `r-external`, `r-persistent`,
`r-altrep`. Promises that already have their value are not evaluated again and only searched for calls.
Sources: R 4.2 to 4.5, `src/main/serialize.c`, `saveload.c`; CVE-2024-27322.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Metadata, Oddity, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.r.items import Items
from weighbridge.formats.r.stream import Source
from weighbridge.formats.texts.plain import search_strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

_WORKSPACE = re.compile(rb"RD[XAB][23]\n")
_BINARY = re.compile(rb"X\n\0\0\0[\2\3]\0|B\n(?:[\2\3]\0\0\0|\0\0\0[\2\3])", re.DOTALL)
_WORDS = re.compile(rb"A\n[23]\n\d{1,7}\n\d{1,7}\n")


class RData:
    """One serialized value of R, or a workspace."""

    name = "r-data"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark and the version. No extension is promised: the files are compressed streams."""
        del data
        mark = _WORKSPACE.match(info.head)
        head = info.head[mark.end() if mark else 0 :]
        return Match.YES if mark or _BINARY.match(head) or _WORDS.match(head) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the one value that the file is."""
        del info
        cursor = Cursor(data)
        workspace = _WORKSPACE.match(data.peek(0, 5)) is not None
        cursor.skip(5 if workspace else 0)
        form = cursor.take(2)
        if form not in (b"X\n", b"A\n", b"B\n"):
            raise FormatError("the form of the numbers is not known", cursor.place - 2)
        source = Source(cursor, form)
        version, writer, _ = source.integer(), source.integer(), source.integer()
        if version not in (2, 3):
            raise FormatError(f"version {version} of the format is not known", 0)
        wrote = f"{writer >> 16}.{writer >> 8 & 0xFF}.{writer & 0xFF}"
        yield Metadata("R", wrote, len(wrote), 0)
        if version == 3:
            size = source.integer()
            if not 0 < size <= 64:
                raise FormatError("the name of the encoding is absurdly long", cursor.place)
            encoding = source.text(size).decode("ascii", "replace")
            yield Metadata("encoding", encoding, size, 0)
        items = Items(source, budget, workspace=workspace)
        try:
            yield from items.walk()
        except FormatError as error:
            yield from items.spans(min(error.offset, data.size))
            raise
        if source.words and data.peek(cursor.place, 1) in (b"\n", b"\r"):
            cursor.skip(len(data.peek(cursor.place, 2)) - len(data.peek(cursor.place, 2).lstrip(b"\r\n")))
        yield from items.spans(cursor.place)
        yield from search_strings(data, 0, cursor.place, "text", budget)
        if cursor.left and not items.stopped:
            yield Oddity("trailing-bytes", f"{cursor.left} bytes behind the value", cursor.place)
