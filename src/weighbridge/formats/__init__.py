"""The formats, by family. `REGISTRY` is the list that the engine asks, the surest first.

A format's module is loaded only when the first bytes or the name could be its own, so that a scan of one small file
does not pay for thirty parsers. What `begins` lets through is then sniffed by the format itself.
"""

from __future__ import annotations

from functools import cache

from weighbridge.core.loading import load
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.magic import COMPRESSED, IMAGES, PROGRAMS, hdf5_place, zip_at_the_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo, Format

    FORMATS: tuple[Format, ...]

_LUA = (*(bytes((kind, 0, 0, 0)) for kind in (3, 4, 6, 8)), b"3\n1\n", b"4\n1\n")
_MARKS: tuple[bytes, ...] = (
    *(b"ptrt", b"ftrt", b"RKNN", b"CYPT", b"\x01HEF", b"\xd5\x0a", b"\xdd\x85\x76\x00", b"\0B<", b"\xd6\xfd", b"KMDL"),
    *(b"LDMK", b"IMOD", b"[info]", b"SEQ\x04", b"SEQ\x05", b"SEQ\x06"),
)
"""First bytes of models for devices."""
_ENGINES = {
    ".rknn": "rknn",
    ".hef": "hailo",
    ".dlc": "qualcomm",
    ".mnn": "mnn",
    ".blob": "openvino-blob",
    ".espresso": "coreml-compiled",
    ".mlmodelc": "coreml-compiled",
    ".vw": "vowpal-wabbit",
    **dict.fromkeys((".engine", ".plan", ".trt"), "tensorrt"),
    **dict.fromkeys((".mdl", ".nnet", ".fst"), "kaldi"),
    **dict.fromkeys((".kmodel", ".dxnn", ".cvimodel", ".bmodel", ".tmfile", ".om"), "device-model"),
    **dict.fromkeys((".axmodel", ".xmodel", ".vela"), "device-model"),
}
_JSON = b'{["'
_ONNX = dict.fromkeys((".onnxtxt", ".onnxjson"), "onnx-other")
_MAPS = frozenset((*range(0x81, 0x90), 0xDE, 0xDF))
"""First bytes of a map in MessagePack; an empty one, 0x80, is how every pickle begins."""
_TENSORFLOW = tuple(b"\x08\x0a\x12\x18\x1a\x22\x2a\x32\x3a"[index : index + 1] for index in range(9))
_BESIDE = ("fingerprint.pb", "keras_metadata.pb", "tfhub_module.pb")
_PROGRAMS = dict.fromkeys(
    (
        *(".so", ".dll", ".dylib", ".exe", ".pyd", ".node", ".sys", ".ko", ".scr", ".wasm", ".dex", ".class", ".pyc"),
        *(".msi", ".lnk", ".deb", ".rpm", ".cubin", ".fatbin", ".hsaco", ".metallib", ".spv", ".bc"),
    ),
    "program",
)
_SCRIPTS = dict.fromkeys(
    (
        *(".sh", ".bash", ".zsh", ".ksh", ".csh", ".fish", ".ps1", ".psm1", ".bat", ".cmd", ".vbs", ".vbe", ".wsf"),
        *(".hta", ".js", ".mjs", ".cjs", ".jse", ".pl", ".pm", ".rb", ".php", ".lua", ".tcl", ".r", ".jl", ".awk"),
        *(".java", ".groovy", ".applescript", ".reg", ".desktop", ".service", ".ptx"),
    ),
    "script",
)
_PACKAGES = dict.fromkeys(
    (
        *(".jar", ".war", ".ear", ".aar", ".apk", ".aab", ".whl", ".egg", ".xpi", ".crx", ".vsix", ".nupkg"),
        *(".msix", ".appx"),
    ),
    "package",
)
_CELLS = b'"cell_type"'
_SETTINGS = (".ini", ".cfg", ".conf", ".properties", ".env")
_BUILDS = ("dockerfile", "containerfile", "makefile", "gnumakefile", ".envrc")
_SPACE = b" \t\r\n\xef\xbb\xbf"


class Entry(NamedTuple):
    """How a format is found without loading it.

    `attribute` of the module is the format's class, or a tuple of formats. `promised` maps each extension that stands
    for a format to its name. `begins` may say yes to foreign bytes, never no to the format's own.
    """

    module: str
    attribute: str
    promised: dict[str, str]
    begins: Callable[[Reader, BlobInfo], bool]


class _Starts:
    """Begins with one of some marks; `firsts` are their first bytes."""

    __slots__ = ("_magics", "firsts")

    def __init__(self, magics: tuple[bytes, ...]) -> None:
        self._magics = magics
        self.firsts = frozenset(magic[0] for magic in magics)

    def __call__(self, _: Reader, info: BlobInfo) -> bool:
        return info.head.startswith(self._magics)


class _First:
    """Begins with one of some bytes, `firsts`."""

    __slots__ = ("firsts",)

    def __init__(self, values: bytes | frozenset[int]) -> None:
        self.firsts = frozenset(values)

    def __call__(self, _: Reader, info: BlobInfo) -> bool:
        return bool(info.head) and info.head[0] in self.firsts


def _starts(*magics: bytes) -> _Starts:
    return _Starts(magics)


def _fourth(*magics: bytes) -> Callable[[Reader, BlobInfo], bool]:
    """The mark of a flatbuffer, which stands behind four bytes."""
    return lambda _, info: info.head[4:8] in magics


def _first(values: bytes | frozenset[int]) -> _First:
    return _First(values)


def _forms(head: bytes) -> bool:
    return b"ir_version" in head or b"irVersion" in head


def _ubjson(data: Reader, info: BlobInfo) -> bool:
    """An object whose first key is not the text of JSON."""
    del data
    head = info.head
    return head[:1] == b"{" and head[1:2] not in (b'"', b" ", b"\t", b"\r", b"\n", b"}")


def _compiled(info: BlobInfo) -> bool:
    """A number with dots behind its size, or a part of a compiled Core ML model."""
    dotted = info.head[1:4] == bytes(3) and b"." in info.head[5:7]
    return dotted or ".espresso." in info.name or info.name == "coremldata.bin"


def _tensorflow(data: Reader, info: BlobInfo) -> bool:
    """The first field of a model, a graph, or of either as text."""
    del data
    return info.head[:1] in _TENSORFLOW or info.extension in (".pb", ".pbtxt", ".pbtext") or b"node" in info.head[:64]


def _checkpoint(data: Reader, info: BlobInfo) -> bool:
    """A sorted table by its last bytes; or the text that names the newest checkpoint."""
    table = data.peek(data.size - 8, 8) == b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
    return table or info.name == "variables.index" or b"model_checkpoint_" in info.head[:64]


def _never(data: Reader, info: BlobInfo) -> bool:
    del data, info
    return False


def _always(data: Reader, info: BlobInfo) -> bool:
    del data, info
    return True


REGISTRY: tuple[Entry, ...] = (
    Entry("lfs_pointer", "LfsPointer", {}, _starts(b"version https://git-lfs")),
    Entry("safetensors", "Safetensors", {".safetensors": "safetensors"}, lambda _, info: info.head[8:9] == b"{"),
    Entry("gguf", "Gguf", {".gguf": "gguf"}, _starts(b"GGUF", b"lmgg", b"fmgg", b"tjgg", b"algg")),
    Entry("pickles.numpy", "Npy", {".npy": "numpy"}, _starts(b"\x93NUMPY")),
    Entry("hdf5.container", "Hdf5", dict.fromkeys((".h5", ".hdf5"), "hdf5"), lambda data, _: hdf5_place(data) >= 0),
    Entry("keras.archive", "Keras", {".keras": "keras"}, _starts(b"PK\x03\x04")),
    Entry("torch.zip", "TorchZip", {}, _starts(b"PK\x03\x04")),
    Entry(
        "torch.legacy", "TorchLegacy", {}, lambda _, info: info.head[:1] == b"\x80" and b"\x8a\x0a" in info.head[:24]
    ),
    Entry("tflite.model", "Tflite", dict.fromkeys((".tflite", ".lite"), "tflite"), _fourth(b"TFL3")),
    Entry(
        "tflite.metadata",
        "TfliteMetadata",
        {".tflitemeta": "tflite-metadata"},
        lambda _, info: info.head[4:8] == b"M001" or info.name == "CONVERSION_METADATA",
    ),
    Entry("torch.export", "TorchExport", {".pt2": "torch-export"}, _starts(b"PK\x03\x04")),
    Entry("pickles.skops", "Skops", {".skops": "skops"}, _starts(b"PK\x03\x04")),
    Entry("archives.packages", "Package", _PACKAGES, _starts(b"PK\x03\x04")),
    Entry("archives.zip", "Zip", {".zip": "zip"}, lambda data, _: zip_at_the_end(data)),
    Entry("archives.seven_zip", "SevenZip", {".7z": "7z"}, _starts(b"7z\xbc\xaf\x27\x1c", b"MZ", b"\x7fELF", b"#!")),
    Entry("archives.tar", "Tar", {".tar": "tar"}, lambda data, _: data.size >= 512),
    Entry("images", "Image", dict.fromkeys((".png", ".jpg", ".jpeg", ".gif"), "image"), _starts(*IMAGES)),
    Entry("archives.compressed", "STREAMS", {}, _starts(*COMPRESSED)),
    Entry("pickles.joblib", "JoblibFile", {}, _starts(b"ZF0x")),
    Entry("onnx.model", "Onnx", {".onnx": "onnx"}, _first(b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca\xd2")),
    Entry(
        "executorch.program",
        "Executorch",
        dict.fromkeys((".pte", ".ptd", ".bpte"), "executorch"),
        _fourth(b"ET12", b"FT01", b"BP08"),
    ),
    Entry("executorch.xnnpack", "Xnnpack", {}, _fourth(b"XH00", b"XN00", b"XN01")),
    Entry("onnx.ort", "Ort", {".ort": "ort"}, _fourth(b"ORTM")),
    Entry("onnx.model", "OnnxOtherForms", _ONNX, lambda _, info: _forms(info.head)),
    Entry(
        "xml_model", "XmlModel", dict.fromkeys((".xml", ".pmml"), "xml-model"), lambda _, info: b"<" in info.head[:64]
    ),
    Entry(
        "messages.mil_weights",
        "MilWeights",
        {},
        lambda _, info: info.head[4:8] == b"\2\0\0\0" and not any(info.head[8:64]),
    ),
    Entry("classic.xgboost_binary", "XgboostBinary", {}, _starts(b"binf")),
    Entry("classic.fasttext", "FastText", {".ftz": "fasttext"}, _starts(b"\xba\x16\x4f\x2f")),
    Entry("classic.array_lists", "MxnetParams", {}, _starts(b"\x12\x01" + bytes(14))),
    Entry("classic.array_lists", "TvmParams", {}, _starts(b"\xb7\x9c\x04\x05\x4f\x8d\xe5\xf7")),
    Entry("classic.java_stream", "JavaStream", {".ser": "java-serialized"}, _starts(b"\xac\xed\x00\x05")),
    Entry("torch.torch7", "Torch7", {".t7": "torch7"}, _starts(*_LUA)),
    Entry(
        "classic.line_models",
        "LINE_MODELS",
        {},
        _starts(b"svm_type ", b"solver_type ", b"SVM-light Version", b"7767517"),
    ),
    Entry(
        "classic.vectors",
        "Vectors",
        {".vec": "word-vectors", ".w2v": "word-vectors", ".floret": "word-vectors"},
        _first(b"0123456789"),
    ),
    Entry("messages.prototxt", "Prototxt", {".prototxt": "prototxt"}, lambda _, info: b"layer" in info.head),
    Entry("classic.ubjson", "Ubjson", {".ubj": "ubjson"}, _ubjson),
    Entry("tables.parquet", "Parquet", {".parquet": "parquet"}, _starts(b"PAR1", b"PARE")),
    Entry(
        "tables.arrow",
        "Arrow",
        dict.fromkeys((".arrow", ".arrows", ".feather"), "arrow"),
        _starts(b"ARROW1", b"FEA1", b"\xff\xff\xff\xff"),
    ),
    Entry("r.data", "RData", {}, _starts(b"X\n", b"A\n", b"B\n", b"RDX", b"RDA", b"RDB")),
    Entry("classic.boosters", "LightGbm", {}, _starts(b"tree")),
    Entry("classic.boosters", "CatBoost", {".cbm": "catboost"}, _starts(b"CBM1")),
    Entry(
        "messages.models",
        "MESSAGE_MODELS",
        {".spm": "sentencepiece", ".mlmodel": "coreml", ".caffemodel": "caffe", ".pdmodel": "paddle"},
        _first(b"\x08\x0a"),
    ),
    Entry("tensorflow.models", "BESIDE", {}, lambda _, info: info.name in _BESIDE),
    Entry("tensorflow.models", "GRAPHS", {}, _tensorflow),
    Entry("tensorflow.checkpoint", "PARTS", {}, _checkpoint),
    Entry("msgpack", "MessagePack", {".msgpack": "msgpack"}, _first(_MAPS)),
    Entry(
        "notebooks.notebook",
        "Notebook",
        {".ipynb": "notebook"},
        lambda _, info: b'"nbformat' in info.head or _CELLS in info.head,
    ),
    Entry(
        "config.json_lines",
        "JsonLines",
        dict.fromkeys((".jsonl", ".ndjson"), "json-lines"),
        lambda _, info: info.head.lstrip(_SPACE)[:1] in _JSON,
    ),
    Entry("config.json_models", "JsonModel", {}, lambda _, info: info.head.lstrip(_SPACE)[:1] == b"{"),
    Entry("python.source", "PythonSource", dict.fromkeys((".py", ".pyi", ".pyw"), "python"), _starts(b"#!")),
    Entry("templates.template", "Template", dict.fromkeys((".jinja", ".jinja2", ".j2"), "template"), _never),
    Entry("config.hub", "HubConfig", {".json": "hub-config"}, lambda _, info: info.head.lstrip(_SPACE)[:1] in _JSON),
    Entry(
        "config.yaml", "YamlConfig", dict.fromkeys((".yaml", ".yml"), "yaml"), lambda _, info: info.name == "MLmodel"
    ),
    Entry(
        "markup.documents",
        "Html",
        dict.fromkeys((".html", ".htm", ".xhtml", ".xht", ".svg", ".mhtml"), "html"),
        _first(b"<\xef \t\r\n"),
    ),
    Entry(
        "markup.documents",
        "Markdown",
        dict.fromkeys((".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"), "markdown"),
        _never,
    ),
    Entry(
        "engines",
        "ENGINES",
        _ENGINES,
        lambda _, info: info.head.startswith(_MARKS) or info.head[4:5] == b"{" or _compiled(info),
    ),
    Entry("programs", "Program", _PROGRAMS, lambda _, info: info.head.startswith(PROGRAMS) or ".so." in info.name),
    Entry(
        "programs",
        "Script",
        _SCRIPTS,
        lambda _, info: info.head.startswith(PROGRAMS) or info.extension in ("", ".pth"),
    ),
    Entry(
        "config.build_files",
        "BUILD_FILES",
        {".dockerfile": "dockerfile", ".containerfile": "dockerfile", ".mk": "makefile"},
        lambda _, info: info.name.lower().startswith(_BUILDS),
    ),
    Entry("config.git_files", "GitAttributes", {}, lambda _, info: info.name == ".gitattributes"),
    Entry("config.settings", "Toml", {".toml": "toml"}, _never),
    Entry(
        "config.settings",
        "SettingLines",
        dict.fromkeys(_SETTINGS, "settings"),
        lambda _, info: info.name[:1] == "." or info.name == "config",
    ),
    Entry("python.site_path", "SitePath", {}, lambda _, info: info.extension == ".pth"),
    Entry("config.requirements", "Requirements", {}, lambda _, info: info.extension in (".txt", ".in")),
    Entry("pickles.stream", "PickleStream", dict.fromkeys((".pkl", ".pickle"), "pickle"), _always),
)

LAST = Entry("texts.plain", "PlainText", {}, lambda _, info: b"\0" not in info.head)
"""What is asked if no format of the registry is sure."""

INCLUDES: dict[str, str] = {
    "torch-zip": "zip",
    "keras": "zip",
    "skops": "zip",
    "tflite": "zip",
    "torch-export": "zip",
    "package": "zip",
    "h2o-mojo": "settings",
    "prototxt": "settings",
    "torch-legacy": "pickle",
    "onnx-other": "hub-config",
    "json-model": "hub-config",
    "json-lines": "hub-config",
    "notebook": "hub-config",
}
"""A format that is also, and by design, one of a more general format: no second reading, no ambiguity."""

STAND_INS = frozenset(("lfs-pointer",))
"""Formats that lie in the place of any file: no name promises another content."""


def candidates(data: Reader, info: BlobInfo) -> Iterator[Format]:
    """The formats that could be that of `data`, in the order of the registry."""
    extension = info.extension if info.extension in _extensions() else ""
    for entry, sure in _asked(info.head[0] if info.head else -1, extension):
        if sure or entry.begins(data, info):
            yield from loaded(entry.module, entry.attribute)


@cache
def _extensions() -> frozenset[str]:
    return frozenset(extension for entry in REGISTRY for extension in entry.promised)


@cache
def _asked(first: int, extension: str) -> tuple[tuple[Entry, bool], ...]:
    """The entries that are not out of the question for a first byte, and whether the extension is enough."""
    return tuple(
        (entry, extension in entry.promised)
        for entry in REGISTRY
        if extension in entry.promised or _possible(entry.begins, first)
    )


def _possible(begins: Callable[[Reader, BlobInfo], bool], first: int) -> bool:
    if isinstance(begins, _Starts | _First):
        return first in begins.firsts
    return begins is not _never


def fallbacks(data: Reader, info: BlobInfo) -> Iterator[Format]:
    """The formats that are asked if no candidate is sure."""
    if LAST.begins(data, info):
        yield from loaded(LAST.module, LAST.attribute)


def promised(extension: str) -> list[str]:
    """The formats that an extension stands for."""
    return [entry.promised[extension] for entry in REGISTRY if extension in entry.promised]


@cache
def loaded(module: str, attribute: str) -> tuple[Format, ...]:
    """The formats of one entry."""
    found = getattr(load(f"weighbridge.formats.{module}"), attribute)
    return found if isinstance(found, tuple) else (found(),)


def __getattr__(name: str) -> tuple[Format, ...]:
    if name == "FORMATS":
        return tuple(found for entry in (*REGISTRY, LAST) for found in loaded(entry.module, entry.attribute))
    raise AttributeError(name)
