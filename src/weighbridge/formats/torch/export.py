"""Programs of torch.export: a zip archive with a graph as JSON and the bytes of its tensors.

    <top>/archive_format                         "pt2"
    <top>/archive_version, byteorder, .data/…    short notes
    <top>/models/<name>.json                     the program: nodes with the operators they call, symbolic sizes, guards
    <top>/data/weights/<name>_weights_config.json, data/constants/<name>_constants_config.json
                                                 tensor → {path_name, use_pickle, tensor_meta}
    <top>/data/weights/weight_0, data/constants/tensor_0    raw bytes, or a torch checkpoint if `use_pickle`
    <top>/data/constants/custom_obj_0            a pickled object
    <top>/data/sample_inputs/<name>.pt           a torch checkpoint
    <top>/data/aotinductor/<name>/…              libraries, kernels and their source
    serialized_exported_program.json, serialized_*.pt, version    the same before PyTorch 2.8, without a top folder

Loading looks up what a node calls by walking attributes from `torch`, hands symbolic sizes to `sympy.sympify`, which
evaluates them as Python, and compiles guards; a tree specification may name a module that is then imported. A
`Reference` is each of these: `torch-target`, `torch-expression`, `torch-import`; guards are children in Python.
Sources: pytorch 2.9, `torch/export/pt2_archive/_package.py`, `torch/_export/serde/serialize.py` and `schema.py`,
`torch/csrc/export/pt2_archive_constants.h`, `torch/utils/_pytree.py`; looked at on 2026-11-29.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Metadata, Native, Operator, OperatorSet, Reference, Span, Tensor
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.zip import directory_end, frame, read_directory, read_member
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.json_tree import parse_json
from weighbridge.formats.magic import machine_code

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.formats.archives.zip import Member
    from weighbridge.formats.base import BlobInfo

OLD = "serialized_exported_program.json"
ITEM_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 2, 7: 4, 8: 8, 9: 4, 10: 8, 11: 16, 12: 1, 13: 2, 28: 2, 29: 1, 30: 1}
ITEM_BYTES |= {31: 1, 32: 1}
"""Number of a type in the schema → bytes of an element."""
_CONFIGS = re.compile(r"data/(?:weights|constants)/.*_config\.json")
_MODEL = re.compile(r"models/[^/]+\.json")
_NOTES = frozenset(
    ("archive_format", "archive_version", "byteorder", "version", ".format_version", ".storage_alignment")
)


class TorchExport:
    """A `.pt2` archive."""

    name = "torch-export"
    version = 1
    extensions = frozenset((".pt2",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for a zip archive that names an archive format or an exported program in its directory."""
        names = directory_end(data) if info.head.startswith(b"PK\x03\x04") else b""
        return Match.YES if b"/archive_format" in names or OLD.encode() in names else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield what the program refers to, its tensors, and every other member as a child."""
        del info
        directory = read_directory(data, budget)
        yield from frame(directory, data, budget)
        inner = {member: member.name.partition("/")[2] for member in directory.members}
        raw: dict[str, list[dict[str, Any]]] = {}
        for member, name in inner.items():
            if _CONFIGS.fullmatch(name) and member.size <= budget.limits.document:
                for key, entry in _payloads(member, data):
                    raw.setdefault(f"{name.rpartition('/')[0]}/{key}", []).append(entry)
        for member, name in inner.items():
            if name in raw and member.method == 0 and not any(entry.get("use_pickle") for entry in raw[name]):
                yield from _tensor(member, name, raw[name], data, budget)
            elif (name in _NOTES or name.startswith(".data/") or member.name == "version") and member.size <= 64:
                yield from _note(member, name, data)
            else:
                if _MODEL.fullmatch(name) or member.name == OLD:
                    yield from _program(member, data, budget)
                yield from read_member(member, data, budget)


def _document(member: Member, data: Reader) -> Any:
    """A stored member as JSON. Torch stores all of its members; one that is compressed is not read as a program."""
    if member.method:
        raise FormatError(f"{member.name[:100]!r} is compressed, as torch.export never writes it", member.data)
    return parse_json(data.read(member.data, member.compressed), member.data)[0]


def _payloads(member: Member, data: Reader) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of a list of tensors, by the member that holds them."""
    tree = _document(member, data)
    entries = tree.get("config") if isinstance(tree, dict) else None
    for entry in entries.values() if isinstance(entries, dict) else ():
        if isinstance(entry, dict) and isinstance(entry.get("path_name"), str):
            yield entry["path_name"], entry


def _tensor(
    member: Member, name: str, entries: list[dict[str, Any]], data: Reader, budget: Budget
) -> Iterator[Fact | Span]:
    """Raw bytes of a storage: data if some tensor reaches exactly to its end; anything else stays opaque."""
    ends = [_extent(entry.get("tensor_meta")) for entry in entries]
    kind = machine_code(data.peek(member.data, 512))
    if kind:
        yield Native(kind, member.data)
    elif max(ends) == member.compressed:
        if budget.facts > 0:
            budget.facts -= 1
            meta = entries[0]["tensor_meta"]
            yield Tensor(name, str(meta["dtype"]), tuple(_integers(meta["sizes"])), member.data, member.compressed)
        yield Span(member.data, member.compressed, "data")


def _extent(meta: Any) -> int:
    """Bytes of a storage up to the end of a tensor in it; -1 if the description does not say."""
    if not isinstance(meta, dict) or meta.get("dtype") not in ITEM_BYTES:
        return -1
    sizes, strides = _integers(meta.get("sizes")), _integers(meta.get("strides"))
    (offset,) = _integers([meta.get("storage_offset")]) or [-1]
    if len(sizes) != len(strides) or offset < 0 or -1 in (*sizes, *strides):
        return -1
    if 0 in sizes:
        return 0
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    return (last + 1) * ITEM_BYTES[meta["dtype"]]


def _integers(values: Any) -> list[int]:
    """`[{"as_int": 2}, …]` as numbers; -1 for one that is symbolic or none."""
    found = [value.get("as_int") if isinstance(value, dict) else -1 for value in values or ()]
    return [value if type(value) is int and 0 <= value < 1 << 48 else -1 for value in found]


def _note(member: Member, name: str, data: Reader) -> Iterator[Fact | Span]:
    content = data.read(member.data, member.compressed)
    if member.method == 0 and content.strip().replace(b".", b"").isalnum():
        yield Span(member.data, member.compressed, "parsed")
        yield Metadata(name or member.name, content.decode("ascii", "replace"), len(content), member.data)


def _program(member: Member, data: Reader, budget: Budget) -> Iterator[Fact | Child]:
    """Everything in a program that its loader looks up, evaluates or imports."""
    if member.size > budget.limits.document:
        yield Limit("document", budget.limits.document, member.data)
        return
    tree = _document(member, data)
    operators: dict[str, int] = {}
    found: dict[Reference, None] = {}
    guards: list[str] = []
    sets = tree.get("opset_version") if isinstance(tree, dict) else None
    for domain, number in sets.items() if isinstance(sets, dict) else ():
        if type(number) is int and 0 <= number < 1 << 32:
            yield OperatorSet(domain[:100], number, member.data)
    for key, value in _strings(tree):
        if key in ("target", "as_operator"):
            name = value.removeprefix("torch.")
            if name.startswith("ops."):
                library = ".".join(name.split(".")[:3])
                operators[library] = operators.get(library, 0) + 1
            else:
                found[Reference("torch-target", value[:200], key, "", member.data)] = None
        elif key == "expr_str":
            found[Reference("torch-expression", value[:200], key, "" if len(value) <= 200 else "…", member.data)] = None
        elif key == "guards_code":
            guards.append(value)
        elif "default_factory_module" in value:
            found[Reference("torch-import", value[:200], key, "", member.data)] = None
        if len(found) + len(operators) > budget.facts:
            yield Limit("facts", budget.limits.facts, member.data)
            return
    budget.facts -= len(found) + len(operators)
    yield from found
    for name, times in operators.items():
        yield Operator("torch", name[:200], times, member.data)
    if guards:
        source = "\n".join(guards).encode("utf-8", "surrogatepass")
        yield Child("guards.py", -1, 0, Reader(MemorySource(source)))


def _strings(tree: Any) -> Iterator[tuple[str, str]]:
    """Every text of a document with the last key on the way to it; keys are texts too."""
    waiting: list[tuple[str, Any]] = [("", tree)]
    while waiting:
        key, node = waiting.pop()
        if isinstance(node, str):
            yield key, node
        elif isinstance(node, list):
            waiting.extend((key, one) for one in reversed(node))
        elif isinstance(node, dict):
            waiting.extend((name, one) for name, one in reversed(node.items()))
