"""XML as a bounded stream of events: elements and their texts, and nothing that a document asks its reader to fetch.

    document = [declaration] [<!DOCTYPE …>] element          element = <name attribute="…"> (text | element)* </name>

A document type may define entities, which stand for other text, for files or for addresses. Reading a file by an
entity is CWE-611, entities made of entities grow without end (CWE-776), and no model format needs any. So the walk ends
at the first definition of one: it is said, nothing is expanded, and what follows stays unread.
Source: W3C XML 1.0, fifth edition; the parser is expat, which loads nothing by itself.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.reader import Reader

PIECE = 256 * 1024
"""Bytes of the document that are handed to the parser at a time."""
NESTING = 1000
"""Levels that elements may be nested: models have ten."""
_DECLARATIONS = 1024 * 1024
"""Bytes behind the first entity that are searched for one outside of the document."""


class Start(NamedTuple):
    """An element begins. `name` has no prefix of a namespace, and neither have the names of the attributes."""

    name: str
    attributes: dict[str, str]
    offset: int


class End(NamedTuple):
    """An element ends."""

    name: str
    offset: int


class Text(NamedTuple):
    """Text or a comment, perhaps only a part of it: the next event may continue it."""

    text: str
    offset: int
    comment: bool = False


class Instruction(NamedTuple):
    """A processing instruction: `<?target data?>`."""

    target: str
    text: str
    offset: int


class DocumentType(NamedTuple):
    """The document names a type, perhaps one that is kept elsewhere."""

    name: str
    system: str
    offset: int


class Entity(NamedTuple):
    """The document defines an entity; `system` is the file or address that it stands for, if it is one."""

    name: str
    system: str
    offset: int


Event = Start | End | Text | Instruction | DocumentType | Entity


def events(data: Reader, size: int = -1) -> Iterator[Event]:
    """The events of a document, or of its first `size` bytes.

    Raises FormatError where the document is broken, is nested too deeply, or defines an entity.
    """
    from xml.parsers import expat

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = False
    queue: list[Event] = []
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > NESTING:
            raise FormatError("elements are nested too deeply", parser.CurrentByteIndex)
        plain = {_local(key): value for key, value in attributes.items()}
        queue.append(Start(_local(name), plain, parser.CurrentByteIndex))

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        queue.append(End(_local(name), parser.CurrentByteIndex))

    def doctype(name: str, system: str | None, public: str | None, internal: object) -> None:
        del internal
        queue.append(DocumentType(name, system or public or "", parser.CurrentByteIndex))

    def entity(name: str, parameter: object, value: object, base: object, system: str | None, *more: object) -> None:
        del parameter, value, base, more
        queue.append(Entity(name, system or "", parser.CurrentByteIndex))
        raise FormatError("the document defines entities of its own, which are not expanded", parser.CurrentByteIndex)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: queue.append(Text(text, parser.CurrentByteIndex))
    parser.CommentHandler = lambda text: queue.append(Text(text, parser.CurrentByteIndex, comment=True))
    parser.ProcessingInstructionHandler = lambda target, text: queue.append(
        Instruction(target, text, parser.CurrentByteIndex)
    )
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = entity
    stop = data.size if size < 0 else min(size, data.size)
    place = 0
    try:
        while place < stop:
            piece = data.peek(place, min(PIECE, stop - place))
            place += len(piece)
            parser.Parse(piece, place == data.size)
            yield from queue
            queue.clear()
    except FormatError as error:
        yield from queue
        if queue and isinstance(queue[-1], Entity) and not queue[-1].system:
            yield from _outside(data, error.offset)
        raise
    except expat.ExpatError as error:
        yield from queue
        offset = max(0, min(parser.ErrorByteIndex, data.size))
        raise FormatError(f"the XML is broken: {expat.ErrorString(error.code)}", offset) from None
    except (LookupError, ValueError) as error:
        yield from queue
        raise FormatError(f"the XML is in no encoding that can be read: {error}"[:200], 0) from None


def _outside(data: Reader, offset: int) -> Iterator[Entity]:
    """Another entity of the same document type that stands for a file; the walk has stopped before it."""
    import re

    raw = data.peek(offset, _DECLARATIONS).replace(b"\0", b"")
    found = re.search(rb"<!ENTITY\s+(?:%\s+)?(\S{1,200})\s+(?:SYSTEM|PUBLIC)\s", raw)
    if found:
        yield Entity(found[1].decode("utf-8", "replace"), "an address outside of the document", offset)


def _local(name: str) -> str:
    return name.rpartition(":")[2]
