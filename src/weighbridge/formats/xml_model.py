"""Models written as XML: PMML, the intermediate representation of OpenVINO, storages of OpenCV.

    <PMML version="4.4">            … <Apply function="…"> …           JPMML takes a dotted name for a class
    <net name="…" version="11">     <layers><layer type="Const" version="opset1">
                                      <data element_type="f32" shape="64, 3" offset="0" size="768"/> …
    <opencv_storage>                numbers and names
    <mapping>                       which layer of OpenVINO came from which of the original

An OpenVINO model keeps its constants in a file beside it with the same name and `.bin`: `offset` and `size` are bytes
in that. `version` of a layer is the set of operators that it belongs to; all but `opset1`, `opset2`, … come from a
library that somebody loads. Every text and attribute is searched for objects. Other documents are walked the same way
and said to be of an unknown kind. Roads of references: `pmml-function`, `openvino-layer` (`key`: its operator set),
`xml-include`. Sources: DMG PMML 4.4; openvino 2026.4, `src/frontends/ir`, page "Operation sets"; JPMML-Evaluator,
README.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import (
    ExternalData,
    FileReference,
    Limit,
    Metadata,
    Oddity,
    Operator,
    Reference,
    Span,
    UnreadSpan,
)
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.xml_walk import DocumentType, End, Entity, Instruction, Start, Text, events
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

KNOWN = frozenset(("PMML", "net", "opencv_storage", "mapping"))
"""Root elements of documents that no program takes for commands."""
BITS = {
    "boolean": 8,
    "bf16": 16,
    "f16": 16,
    "f32": 32,
    "f64": 64,
    "f4e2m1": 4,
    "f8e4m3": 8,
    "f8e5m2": 8,
    "f8e8m0": 8,
    "i4": 4,
    "i8": 8,
    "i16": 16,
    "i32": 32,
    "i64": 64,
    "nf4": 4,
    "u1": 1,
    "u2": 2,
    "u4": 4,
    "u8": 8,
    "u16": 16,
    "u32": 32,
    "u64": 64,
}
"""Element type of OpenVINO → bits; types that are packed in other ways, and text, have no fixed size."""
_MARKS = tuple("<?xml".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_ROOTS = tuple(f"<{root}".encode() for root in sorted(KNOWN))
_FOR_VIEWERS = frozenset((".svg", ".html", ".htm", ".xhtml"))


class XmlModel:
    """A model as an XML document."""

    name = "xml-model"
    version = 1
    extensions = frozenset((".xml", ".pmml"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if an XML declaration or a known root begins it; MAYBE by the name. What viewers render is not meant."""
        del data
        head = info.head.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
        head = head.lstrip(b" \t\r\n")
        if info.extension in _FOR_VIEWERS:
            return Match.NO
        if head.startswith(_MARKS):
            return Match.YES
        if head.startswith(_ROOTS):
            root = next(root for root in _ROOTS if head.startswith(root))
            return Match.YES if head[len(root) : len(root) + 1] in (b" ", b">", b"\n", b"\r", b"\t") else Match.NO
        return Match.MAYBE if info.extension in self.extensions else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the document; a document of an unknown kind is walked and stays unread."""
        walk = Walk(info.name, budget)
        try:
            for event in events(data):
                yield from walk.see(event)
        except FormatError as error:
            yield from walk.end()
            yield Span(0, error.offset, "parsed")
            raise
        yield from walk.end()
        if walk.root in KNOWN:
            yield Span(0, data.size, "parsed")
        else:
            yield UnreadSpan(0, data.size, f"an XML document of an unknown kind: its root is {walk.root[:100]!r}")


class Walk:
    """What is known at one place of a document."""

    __slots__ = ("_budget", "_defined", "_kept", "_layers", "_name", "_operators", "_over", "_path", "_text", "root")

    def __init__(self, name: str, budget: Budget) -> None:
        self.root = ""
        self._budget = budget
        stem, dot, extension = name.rpartition(".")
        self._name = (stem if dot and extension.lower() == "xml" else name) + ".bin"
        self._path: list[str] = []
        self._layers: list[str] = []
        self._operators: dict[tuple[str, str], tuple[int, int]] = {}
        self._defined: set[str] = set()
        self._text: list[str] = []
        self._kept = 0
        self._over = False

    def see(self, event: object) -> Iterator[Fact | Child]:
        """The facts of one event."""
        if isinstance(event, Text) and not event.comment:
            if self._kept <= self._budget.limits.embedded * 2:
                self._text.append(event.text)
                self._kept += len(event.text)
            return
        yield from self._flush(getattr(event, "offset", 0))
        if isinstance(event, Start):
            yield from self._start(event)
        elif isinstance(event, End):
            self._path.pop()
            if event.name == "layer" and self._layers:
                self._layers.pop()
        elif isinstance(event, Text):
            yield from embedded_in_text(event.text, "comment", event.offset, self._budget)
        elif isinstance(event, Instruction):
            odd = Oddity("xml-instruction", f"<?{event.target[:100]} {event.text[:200]}?>", event.offset)
            yield from self._keep(odd)
            yield from embedded_in_text(event.text, "instruction", event.offset, self._budget)
        elif isinstance(event, DocumentType):
            yield Oddity("xml-doctype", f"{event.name[:100]} {event.system[:200]}", event.offset)
        elif isinstance(event, Entity):
            kind = "xml-external-entity" if event.system else "xml-entity"
            yield Oddity(kind, f"{event.name[:100]!r} {event.system[:200]}", event.offset)

    def end(self) -> Iterator[Fact | Child]:
        """What only the whole document tells."""
        yield from self._flush(0)
        for (domain, name), (times, offset) in self._operators.items():
            yield Operator(domain, name, times, offset)
            number = domain.removeprefix("opset")
            if number == domain or not (number.isascii() and number.isdigit()):
                yield Reference("openvino-layer", name, domain, f"{times} times", offset)
        if self._over:
            yield Limit("facts", self._budget.limits.facts)

    def _flush(self, offset: int) -> Iterator[Fact | Child]:
        if self._kept >= SHORTEST:
            key = self._path[-1][:100] if self._path else "text"
            yield from embedded_in_text("".join(self._text), key, max(0, offset - self._kept), self._budget)
        self._text.clear()
        self._kept = 0

    def _start(self, event: Start) -> Iterator[Fact | Child]:
        if not self._path:
            self.root = event.name
            yield Metadata("root", event.name[:200], len(event.name), event.offset)
        parent = self._path[-1] if self._path else ""
        self._path.append(event.name)
        for key, value in event.attributes.items():
            if len(value) >= SHORTEST:
                yield from embedded_in_text(value, f"{event.name[:100]}.{key[:100]}", event.offset, self._budget)
            if value.lstrip().lower().startswith(("javascript:", "vbscript:")):
                odd = Oddity("xml-script", f"{event.name[:100]}.{key[:100]} is {value[:200]!r}", event.offset)
                yield from self._keep(odd)
        name = event.name.lower()
        if name == "script":
            yield from self._keep(Oddity("xml-script", f"an element {event.name[:100]!r}", event.offset))
        elif name == "include" and "href" in event.attributes:
            yield from self._keep(FileReference("xml-include", event.attributes["href"][:1000], name, event.offset))
        if self.root == "net":
            yield from self._openvino(event, parent)
        elif self.root == "PMML":
            yield from self._pmml(event)

    def _openvino(self, event: Start, parent: str) -> Iterator[Fact]:
        if event.name == "layer":
            kind = event.attributes.get("type", "")[:200]
            self._layers.append(event.attributes.get("name", "")[:200])
            key = (event.attributes.get("version", "")[:200], kind)
            if key in self._operators:
                times, offset = self._operators[key]
                self._operators[key] = (times + 1, offset)
            elif self._paid():
                self._operators[key] = (1, event.offset)
        elif (
            "offset" in event.attributes and "size" in event.attributes and (event.name == "data" or parent == "blobs")
        ):
            yield from self._constant(event)

    def _constant(self, event: Start) -> Iterator[Fact]:
        name = self._layers[-1] if self._layers else ""
        start, size = _natural(event.attributes["offset"]), _natural(event.attributes["size"])
        if start is None or size is None:
            odd = Oddity("tensor-size", f"constant {name!r} has no proper offset and size", event.offset)
            yield from self._keep(odd)
            return
        wanted = _wanted(event.attributes.get("element_type", ""), event.attributes.get("shape"))
        if wanted is not None and wanted != size:
            odd = Oddity("tensor-size", f"constant {name!r} has {size} bytes instead of {wanted}", event.offset)
            yield from self._keep(odd)
        yield from self._keep(ExternalData(name, self._name, start, size, size, "", event.offset))

    def _pmml(self, event: Start) -> Iterator[Fact]:
        name = event.attributes.get("function" if event.name == "Apply" else "name", "")
        if event.name == "DefineFunction":
            self._defined.add(name)
        elif event.name == "Apply" and "." in name and name not in self._defined:
            yield from self._keep(Reference("pmml-function", name[:1000], "Apply", "", event.offset))
        elif event.name == "Extension":
            value = event.attributes.get("value", "")
            yield from self._keep(Metadata(name[:200], value[:200], len(value), event.offset))

    def _keep(self, fact: Fact) -> Iterator[Fact]:
        if self._paid():
            yield fact

    def _paid(self) -> bool:
        """Whether one more fact may be kept."""
        if self._budget.facts <= 0:
            self._over = True
            return False
        self._budget.facts -= 1
        return True


def _natural(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _wanted(kind: str, shape: str | None) -> int | None:
    """Bytes that a shape and a type ask for; None if they do not say."""
    bits = BITS.get(kind)
    if bits is None or shape is None:
        return None
    elements = 1
    for part in shape.split(",") if shape.strip() else ():
        length = _natural(part)
        if length is None:
            return None
        elements *= length
        if elements >= 1 << 64:
            return -1
    return (elements * bits + 7) // 8
