"""A document that is one value: what was read of it counts, even where it breaks off."""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Oddity
from weighbridge.core.records import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.formats.grammars.cursor import Cursor


class Walk(Protocol):
    """What goes through such a document with a cursor."""

    @property
    def cursor(self) -> Cursor: ...

    def document(self) -> Iterator[Fact | Child]: ...

    def spans(self, end: int) -> Iterator[Span]: ...


def one_value(walk: Walk) -> Iterator[Fact | Span | Child]:
    """The facts of the value and the spans of its bytes; what comes behind it is odd."""
    try:
        yield from walk.document()
    except FormatError as error:
        yield from walk.spans(min(error.offset, walk.cursor.reader.size))
        raise
    yield from walk.spans(walk.cursor.place)
    if walk.cursor.left:
        yield Oddity("trailing-bytes", f"{walk.cursor.left} bytes behind the value", walk.cursor.place)
