"""A document as XML: a browser reads a file with the name of a drawing so, and not as HTML.

The two disagree: on where a comment ends, on CDATA, on what a document type adds. An attribute that no element has may
be given to all of them by `<!ATTLIST svg onload CDATA "…">`. So both readings are judged. Source: XML 1.0, 3.3.2.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.grammars.xml_walk import End, Start, Text, events

if TYPE_CHECKING:
    from weighbridge.core.reader import Reader
    from weighbridge.formats.markup.walk import Seen


class Node:
    """An element, a text or a comment, in the words of the parser of HTML."""

    __slots__ = ("attrs", "children", "data", "name", "origin_offset", "template_content")

    def __init__(self, name: str, attrs: dict[str, str], data: str, place: int) -> None:
        self.name = name
        self.attrs = attrs
        self.children: list[Node] = []
        self.data = data
        self.origin_offset = place
        self.template_content = None


def drawn(data: Reader) -> tuple[list[Seen], FormatError | None]:
    """What a browser finds in a drawing, and where it stops being XML: what stands before is shown all the same."""
    from weighbridge.formats.markup.walk import walked_tree

    root = Node("#document", {}, "", -1)
    stack = [root]
    broken = None
    try:
        for event in events(data):
            if isinstance(event, Start):
                node = Node(event.name, event.attributes, "", event.offset)
                stack[-1].children.append(node)
                stack.append(node)
            elif isinstance(event, End):
                stack.pop()
            elif isinstance(event, Text):
                kind = "#comment" if event.comment else "#text"
                stack[-1].children.append(Node(kind, {}, event.text, event.offset))
    except FormatError as error:
        broken = error
    return [seen._replace(place=-1) for seen in walked_tree(root, drawing=True)], broken
