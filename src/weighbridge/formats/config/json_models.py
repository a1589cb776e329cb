"""JSON documents that are, or describe, a model: TorchServe, TensorFlow.js, MXNet, Core ML packages, Spark, Zarr.

    MANIFEST.json     {"model": {"handler", "modelFile", "requirementsFile", …}}   in a .mar archive, below MAR-INF
    model.json        {"modelTopology", "weightsManifest": [{"paths": […], "weights": [{"name", "shape", "dtype"}]}]}
    *-symbol.json     {"nodes": [{"op", "name", "attrs"}], "arg_nodes", "heads"}
    Manifest.json     {"itemInfoEntries": {id: {"path"}}, "rootModelIdentifier"}   in a Core ML package
    metadata/part-…   {"class", "timestamp", "sparkVersion", "uid", "paramMap"}   of a stage of Spark ML, in one line
    .zarray, zarr.json, .zmetadata    {"filters": [{"id"}], "codecs": [{"name"}]}

Everything that is said of any JSON document (hub-config) is said of these too. Roads of references: `torchserve` (the
handler that TorchServe imports, the model's source, what it installs), `mxnet-custom` (an operator that a program in
Python registered), `spark-class` (a class of Java that Spark loads by its name). Files: `weights`, `item`. Weights of
TensorFlow.js that lie in one file are tensors of it.
Sources: pytorch/serve `model-archiver`, README; tensorflow.js converter, `docs/model_format.md`; mxnet 1.9, `nnvm`;
coremltools 9, `modelpackage`; zarr-python 3 and numcodecs 0.16, `pickles.py`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import ExternalData, FileReference, Limit, Oddity, Reference
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match, within_budget
from weighbridge.formats.config.hub import HubConfig
from weighbridge.formats.grammars.json_tree import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

_NAMES = frozenset(("manifest.json", "model.json", "zarr.json", ".zarray", ".zmetadata", ".zgroup", ".zattrs"))
_MARKS = (
    b'"weightsManifest"',
    b'"modelTopology"',
    b'"arg_nodes"',
    b'"archiverVersion"',
    b'"itemInfoEntries"',
    b'"sparkVersion"',
)
_CODE = ("handler", "modelFile", "requirementsFile")
_ITEM_BYTES = {"float32": 4, "int32": 4, "bool": 1, "uint8": 1, "uint16": 2, "float16": 2, "complex64": 8}
"""Types of TensorFlow.js, also those that quantized weights are kept in → bytes of an element."""
_PICKLES = frozenset(("pickle", "numcodecs.pickle"))


class JsonModel:
    """A JSON document that a loader of models reads."""

    name = "json-model"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for an object under a known name or with a known key near its beginning."""
        del data
        head = info.head.lstrip(b" \t\r\n\xef\xbb\xbf")
        if head[:1] != b"{" or head[1:].lstrip(b" \t\r\n")[:1] not in (b'"', b"}"):
            return Match.NO
        name = info.name.lower()
        known = (
            name in _NAMES
            or name.startswith("part-")
            or name.endswith("-symbol.json")
            or any(mark in head for mark in _MARKS)
        )
        return Match.YES if known else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read it as any JSON document, and say what loaders would fetch."""
        yield from HubConfig().parse(data, info, budget)
        if data.size > budget.limits.document:
            yield Limit("document", budget.limits.document)
            return
        raw = data.read(0, data.size)
        tree, _ = parse_json(raw.removeprefix(b"\xef\xbb\xbf"))
        if not isinstance(tree, dict):
            raise FormatError("the document is not an object", 0)
        if not (yield from within_budget(_facts(tree), budget)):
            return


def _facts(tree: dict[str, Any]) -> Iterator[Fact]:
    model = tree.get("model")
    if isinstance(model, dict):
        for key in _CODE:
            if model.get(key):
                yield Reference("torchserve", str(model[key])[:1000], f"model.{key}")
    manifest = tree.get("weightsManifest")
    if isinstance(manifest, list):
        yield from _weights(manifest)
    symbols = tree.get("nodes")
    if isinstance(symbols, list):
        yield from _symbols(symbols)
    items = tree.get("itemInfoEntries")
    if isinstance(items, dict):
        for key, item in items.items():
            if isinstance(item, dict) and "path" in item:
                yield FileReference("item", str(item["path"])[:1000], f"itemInfoEntries.{key[:100]}")
    if ("sparkVersion" in tree or "paramMap" in tree) and isinstance(tree.get("class"), str):
        yield Reference("spark-class", tree["class"][:1000], "class")
    yield from _codecs(tree)


def _weights(manifest: list[Any]) -> Iterator[Fact]:
    for index, group in enumerate(manifest):
        paths = group.get("paths") if isinstance(group, dict) else None
        names = [str(path)[:1000] for path in paths] if isinstance(paths, list) else []
        for name in names:
            yield FileReference("weights", name, f"weightsManifest.{index}")
        weights = group.get("weights") if isinstance(group, dict) else None
        if len(names) != 1 or not isinstance(weights, list):
            continue
        start = 0
        for weight in weights:
            size = _size(weight)
            if size is None:
                break
            yield ExternalData(str(weight.get("name"))[:200], names[0], start, size, size, "", 0)
            start += size


def _size(weight: Any) -> int | None:
    """Bytes of one weight; None if its type has no fixed size or its shape is none."""
    if not isinstance(weight, dict) or not isinstance(weight.get("shape"), list):
        return None
    quantization = weight.get("quantization")
    dtype = quantization.get("dtype") if isinstance(quantization, dict) else weight.get("dtype")
    size = _ITEM_BYTES.get(dtype) if isinstance(dtype, str) else None
    for length in weight["shape"]:
        if type(length) is not int or not 0 <= length < 1 << 40 or size is None:
            return None
        size = min(size * length, 1 << 62)
    return size


def _symbols(symbols: list[Any]) -> Iterator[Fact]:
    for node in symbols:
        if isinstance(node, dict) and node.get("op") in ("Custom", "_NDArray", "_Native"):
            attributes = node.get("attrs") or node.get("attr") or node.get("param")
            type_ = attributes.get("op_type") if isinstance(attributes, dict) else None
            yield Reference("mxnet-custom", str(type_ or node["op"])[:1000], str(node.get("name"))[:200])


def _codecs(tree: Any) -> Iterator[Fact]:
    """Codecs of Zarr that unpickle what they decode."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if any(isinstance(node.get(key), str) and node[key] in _PICKLES for key in ("id", "name")):
                yield Oddity("pickle-codec", f"a codec {node.get('id', node.get('name'))!r}")
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
