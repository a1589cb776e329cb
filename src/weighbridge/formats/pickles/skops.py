"""skops: scikit-learn objects as a zip archive with a tree of nodes in JSON and the arrays beside it.

    schema.json    {"__class__", "__module__", "__loader__", "content", …}, nodes in nodes; "protocol", "_skops_version"
    <id>.npy       an array without objects, named by a node's "file"        <id>.npz    a sparse matrix
    <id>.bin       bytes, named by a BytesNode

`__loader__` says how the class is used: created with a state (ObjectNode), called (DictNode, NdArrayNode, …), only
fetched (TypeNode, FunctionNode), or an attribute of an object (MethodNode, whose name is in its content) or of the
module operator (OperatorFuncNode, called with "attrs"). Every class that a node names is a reference of the road
`skops`, with the loader as `key`. Sources: skops 0.16, `skops/io`; CVE-2024-37065, CVE-2025-54412, CVE-2025-54413.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Oddity, Reference, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.zip import Zip, find_end_record, frame, read_directory, read_member
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.json_tree import parse_json
from weighbridge.formats.texts.embedded import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.archives.zip import Member
    from weighbridge.formats.base import BlobInfo

SCHEMA = "schema.json"
_PIECE = 1024 * 1024
_RECORDS = 76
"""Bytes of the two further end records that a large archive has."""
_LARGEST = 64 * 1024 * 1024
"""Bytes of the longest directory that is searched for the schema."""


class Skops:
    """An object of skops."""

    name = "skops"
    version = 1
    extensions = frozenset((".skops",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for a zip archive whose directory names a schema; MAYBE by the name."""
        if info.head.startswith(b"PK\x03\x04") and _names_schema(data):
            return Match.YES
        return Match.MAYBE if info.extension == ".skops" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield the classes that the schema names, and the members of the archive."""
        directory = read_directory(data, budget)
        schemas = [member for member in directory.members if member.name == SCHEMA]
        if not schemas:
            yield from Zip().parse(data, info, budget)
            return
        yield from frame(directory, data, budget)
        raw_bytes: set[str] = set()
        for member in directory.members:
            for seen in read_member(member, data, budget):
                if member.name == SCHEMA and isinstance(seen, Child):
                    # With two members of that name, which is a finding, both are read.
                    yield from _schema(seen, budget, raw_bytes)
                    yield seen
                elif isinstance(seen, Child) and member.name.endswith(".bin"):
                    continue
                else:
                    yield seen
        for member in directory.members:
            if member.name != SCHEMA and member.name.endswith(".bin"):
                yield from _bytes(member, data, budget, known=member.name in raw_bytes)


def _bytes(member: Member, data: Reader, budget: Budget, *, known: bool) -> Iterator[Fact | Span | Child]:
    """Bytes that the object holds are data if they are nothing that another loader could take for an object."""
    for seen in read_member(member, data, budget):
        if isinstance(seen, Child) and known and not kind_of(seen.reader.peek(0, 64 * 1024)):
            yield Span(seen.offset, seen.size, "data")
        elif isinstance(seen, Child):
            yield seen


def _schema(child: Child, budget: Budget, raw_bytes: set[str]) -> Iterator[Fact]:
    """The references of a schema; the members that it reads as bytes are added to `raw_bytes`."""
    size = child.reader.size
    if size > budget.limits.document:
        yield Limit("document", budget.limits.document, child.offset)
        return
    try:
        tree, _ = parse_json(child.reader.read(0, size))
    except FormatError as error:
        yield UnreadSpan(child.offset, child.size, f"the schema cannot be read: {error.cause}")
        return
    if not isinstance(tree, dict):
        yield UnreadSpan(child.offset, child.size, "the schema is not an object")
        return
    seen: dict[Reference, None] = {}
    over = False
    for node in nodes(tree):
        for reference in references(node):
            if reference not in seen:
                over = over or len(seen) >= budget.facts
                if not over:
                    seen[reference] = None
        if node.get("__loader__") in ("BytesNode", "BytearrayNode") and isinstance(node.get("file"), str):
            raw_bytes.add(node["file"])
    budget.facts -= len(seen)
    for reference in seen:
        yield reference._replace(offset=child.offset)
    if over:
        yield Limit("facts", budget.limits.facts, child.offset)
    if "__loader__" in tree and not isinstance(tree.get("protocol"), int):
        yield Oddity("skops-node", "the schema has no protocol", child.offset)


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object of a tree that could be a node."""
    stack = [tree]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            if "__loader__" in value or "__class__" in value or "__module__" in value:
                yield value
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)


def references(node: dict[str, Any]) -> Iterator[Reference]:
    """What a loader would fetch for one node."""
    loader, module, class_ = (node.get(key) for key in ("__loader__", "__module__", "__class__"))
    if not (isinstance(module, str) and isinstance(class_, str) and isinstance(loader, str)):
        yield Reference("skops", f"{module}.{class_}"[:300], "a node without a class or a loader")
        return
    name, arguments = f"{module}.{class_}"[:1000], ""
    content = node.get("content")
    if loader == "MethodNode":
        func = content.get("func") if isinstance(content, dict) else None
        name, arguments = f"{name}.{func}"[:1000], str(func)[:200]
    elif loader == "OperatorFuncNode":
        arguments = ", ".join(_texts(node.get("attrs")))[:200]
    elif loader == "RandomGeneratorNode":
        yield Reference("skops", f"numpy.random.{_generator(content)}"[:300], "RandomGeneratorNode")
    yield Reference("skops", name, loader[:100], arguments)


def _generator(content: Any) -> str:
    """The name of the bit generator, which the loader fetches from numpy.random."""
    for key in ("bit_generator", "content", "bit_generator"):
        content = content.get(key) if isinstance(content, dict) else None
    text = content.get("content") if isinstance(content, dict) else None
    return text.strip('"') if isinstance(text, str) else "?"


def _texts(tree: Any) -> Iterator[str]:
    """The texts of the values below a node, shortened."""
    for node in nodes(tree):
        content = node.get("content")
        if node.get("__loader__") == "JsonNode" and isinstance(content, str):
            yield content[:100]


def _names_schema(data: Reader) -> bool:
    record = find_end_record(data)
    if record < 0:
        return False
    size = int.from_bytes(data.read(record + 12, 4), "little")
    start = max(0, record - min(size, _LARGEST) - _RECORDS)
    while start < record:
        if SCHEMA.encode() in data.peek(start, min(_PIECE + len(SCHEMA), record - start)):
            return True
        start += _PIECE
    return False
