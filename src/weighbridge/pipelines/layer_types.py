"""What each file of a model is in ModelPack's manifest: weights, their configuration, code, a data set, a document.

    weight           what a runtime loads as the model: its tensors, and its graph where that is a file of its own
    weight.config    what tells how to load or use them: config.json, tokenizers and vocabularies, templates, settings
    code             what somebody may run: source, notebooks, programs, packages, lists of packages, build files
    dataset          tables and rows
    doc              what people read, and whatever is not known

The format that the inspection saw decides. What is inside decides for archives and compressed files, which are what
their most telling member is. A name decides only where the format is no more than text, or the file is empty.

A file that nobody could read stays a document, and its layer says `org.cncf.model.file.mediatype.untested: "true"`.
Sources: github.com/modelpack/model-spec, docs/spec.md, docs/annotations.md, specs-go/v1/mediatype.go.
"""

from __future__ import annotations

import re

from weighbridge.core.artifact import unescape_name
from weighbridge.core.facts import FileReference, Metadata
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats import promised
from weighbridge.registry.publish import CODE_TYPE, DATASET_TYPE, DOC_TYPE, WEIGHT_CONFIG_TYPE, WEIGHT_TYPE
from weighbridge.sbom.carriers import can_carry_code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from weighbridge.core.artifact import InspectedFile
    from weighbridge.core.facts import Fact
    from weighbridge.scan.report import BlobFacts, Inspection

WEIGHTS = {
    "caffe": "caffe",
    "catboost": "catboost",
    "coreml": "coreml",
    "coreml-compiled": "coreml",
    "device-model": "device",
    "executorch": "executorch",
    "external-data": "",
    "fasttext": "fasttext",
    "gguf": "gguf",
    "h2o-mojo": "h2o",
    "hadoop-sequence": "mahout",
    "hailo": "hailo",
    "hdf5": "hdf5",
    "java-serialized": "java",
    "joblib-zlib": "joblib",
    "kaldi": "kaldi",
    "keras": "keras",
    "lightgbm": "lightgbm",
    "mil-weights": "coreml",
    "mnn": "mnn",
    "msgpack": "msgpack",
    "mxnet-params": "mxnet",
    "ncnn": "ncnn",
    "ncnn-param": "ncnn",
    "numpy": "numpy",
    "onnx": "onnx",
    "onnx-other": "onnx",
    "openvino-blob": "openvino",
    "ort": "ort",
    "paddle": "paddle",
    "pickle": "pickle",
    "prototxt": "caffe",
    "qualcomm": "dlc",
    "r-data": "r",
    "rknn": "rknn",
    "safetensors": "safetensors",
    "skops": "skops",
    "svm-text": "libsvm",
    "tensorflow-checkpoint": "tensorflow",
    "tensorflow-checkpoint-data": "tensorflow",
    "tensorflow-graph": "tensorflow",
    "tensorflow-meta-graph": "tensorflow",
    "tensorflow-saved-model": "tensorflow",
    "tensorflow-text": "tensorflow",
    "tensorrt": "tensorrt",
    "tflite": "tflite",
    "torch-export": "pt2",
    "torch-legacy": "pt",
    "torch-zip": "pt",
    "torch7": "torch7",
    "tvm-params": "tvm",
    "ubjson": "xgboost",
    "vowpal-wabbit": "vowpal-wabbit",
    "word-vectors": "word2vec",
    "xgboost-binary": "xgboost",
    "xnnpack": "xnnpack",
}
"""Formats of weights → the word for them in ModelPack's `config.format`; empty: that of the model which names them."""
CONFIGS = frozenset(
    (
        "hub-config",
        "keras-metadata",
        "sentencepiece",
        "settings",
        "template",
        "tensorflow-checkpoint-state",
        "tensorflow-fingerprint",
        "tensorflow-hub-module",
        "tflite-metadata",
        "toml",
        "yaml",
    )
)
CODE = frozenset(
    (
        "dockerfile",
        "envrc",
        "makefile",
        "notebook",
        "package",
        "program",
        "python",
        "requirements",
        "script",
        "site-path",
    )
)
DATASETS = frozenset(("arrow", "json-lines", "parquet"))
DOCS = frozenset(("git-attributes", "html", "image", "markdown"))
CONTAINERS = frozenset(("7z", "bzip2", "gzip", "lz4", "lzma", "tar", "xz", "zip", "zlib", "zstd"))
"""Formats that are what they hold."""
XML = {"PMML": "pmml", "net": "openvino", "opencv_storage": "opencv"}
"""Root elements of documents that are a model or its graph; others are settings."""
XGBOOST = re.compile(rb'\s*\{\s*"learner"\s*:\s*\{')
"""How a model that XGBoost writes as JSON begins."""
VOCABULARIES = frozenset(("bpe.codes", "dict.txt", "merges.txt", "spiece.vocab", "vocab.bpe", "vocab.txt", "words.txt"))
"""Names of plain texts that tokenizers read."""
TABLES = (".csv", ".tsv")
"""Ends of names of plain texts that are rows."""
_TELLING = (WEIGHT_TYPE, CODE_TYPE, DATASET_TYPE, WEIGHT_CONFIG_TYPE, DOC_TYPE)
"""What an archive is, the first that one of its members is."""


class LayerType(NamedTuple):
    """What a file is: the media type of its layer, whether that was seen, and the word for the form of weights."""

    media_type: str
    seen: bool = True
    form: str = ""


def layer_types(inspection: Inspection, head: Callable[[str], bytes]) -> dict[str, LayerType]:
    """What every file of a model is, by its escaped path. `head` gives the first bytes of the file at such a path."""
    inside: dict[str, list[BlobFacts]] = {}
    for blob in inspection.facts.blobs:
        inside.setdefault(blob.location.partition("!")[0], []).append(blob)
    types = {}
    for file in inspection.report.artifact.files:
        one = _of_file(file, inside.get(file.path, ()))
        if file.format == "hub-config" and XGBOOST.match(head(file.path)):
            one = LayerType(WEIGHT_TYPE, form="xgboost")
        types[file.path] = one
    return types


def main_form(files: Sequence[InspectedFile], types: Mapping[str, LayerType]) -> str:
    """The word of ModelPack's `config.format` for a model; empty if it has no weights of a known form.

    A loader prefers forms that carry no code, and the folder of the model to those below it; then the largest counts.
    """
    weights = [file for file in files if types[file.path].form]
    if not weights:
        return ""
    first = min(weights, key=lambda file: (can_carry_code((file.format,)), file.path.count("/"), -file.size, file.path))
    return types[first.path].form


def _of_file(file: InspectedFile, blobs: Sequence[BlobFacts]) -> LayerType:
    name = unescape_name(file.path).rpartition("/")[2].lower()
    if file.size == 0:
        meant = promised("." + name.rpartition(".")[2]) if "." in name else []
        return LayerType(_of_format(meant[0], (), name).media_type) if meant else LayerType(DOC_TYPE, seen=False)
    if file.format in CONTAINERS:
        members = [
            _of_format(blob.format, blob.facts, re.split("[/!]", blob.location)[-1].lower())
            for blob in blobs
            if blob.location != file.path
        ]
        return min(members, key=_how_telling, default=LayerType(DOC_TYPE, seen=False))
    own = next((blob.facts for blob in blobs if blob.location == file.path), ())
    return _of_format(file.format, own, name)


def _how_telling(member: LayerType) -> tuple[bool, int, str]:
    return (not member.seen, _TELLING.index(member.media_type), member.form)


def _of_format(name: str, facts: Sequence[Fact], file: str) -> LayerType:
    """What something of a format is. `facts` are what was seen of it; `file` is its name in lower case."""
    if name in WEIGHTS:
        return LayerType(WEIGHT_TYPE, form=WEIGHTS[name])
    if name == "xml-model":
        roots = [fact.value for fact in facts if isinstance(fact, Metadata) and fact.key == "root"]
        return _described(XML.get(roots[0], "") if roots else "")
    if name == "json-model":
        names_weights = any(isinstance(fact, FileReference) and fact.road == "weights" for fact in facts)
        return _described("tensorflow.js" if names_weights else "")
    if name == "text":
        if file in VOCABULARIES:
            return LayerType(WEIGHT_CONFIG_TYPE)
        return LayerType(DATASET_TYPE if file.endswith(TABLES) else DOC_TYPE)
    for names, media_type in (
        (CONFIGS, WEIGHT_CONFIG_TYPE),
        (CODE, CODE_TYPE),
        (DATASETS, DATASET_TYPE),
        (DOCS, DOC_TYPE),
    ):
        if name in names:
            return LayerType(media_type)
    return LayerType(DOC_TYPE, seen=False)


def _described(form: str) -> LayerType:
    return LayerType(WEIGHT_TYPE, form=form) if form else LayerType(WEIGHT_CONFIG_TYPE)
