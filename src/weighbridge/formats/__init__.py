"""One file per format. `REGISTRY` is the list that the engine asks, the surest first.

A format's module is loaded only when the first bytes or the name could be its own, so that a scan of one small file
does not pay for thirty parsers. What `begins` lets through is then sniffed by the format itself.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from weighbridge.formats.magic import COMPRESSED, IMAGES, hdf5_place, zip_at_the_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo, Format

    FORMATS: tuple[Format, ...]

_JSON = b'{["'
_ONNX = dict.fromkeys((".ort", ".onnxtxt", ".onnxjson"), "onnx-other")
_CELLS = b'"cell_type"'
_MAPS = frozenset((*range(0x81, 0x90), 0xDE, 0xDF))
"""First bytes of a map in MessagePack; an empty one, 0x80, is how every pickle begins."""
_SETTINGS = (".ini", ".cfg", ".conf", ".properties", ".env")
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


def _starts(*magics: bytes) -> Callable[[Reader, BlobInfo], bool]:
    return lambda _, info: info.head.startswith(magics)


def _first(values: bytes | frozenset[int]) -> Callable[[Reader, BlobInfo], bool]:
    return lambda _, info: bool(info.head) and info.head[0] in values


def _forms(head: bytes) -> bool:
    return head[4:8] == b"ORTM" or b"ir_version" in head or b"irVersion" in head


def _ubjson(data: Reader, info: BlobInfo) -> bool:
    """An object whose first key is not the text of JSON; or the older form of XGBoost."""
    del data
    head = info.head
    return (head[:1] == b"{" and head[1:2] not in (b'"', b" ", b"\t", b"\r", b"\n", b"}")) or head[:4] == b"binf"


def _always(data: Reader, info: BlobInfo) -> bool:
    del data, info
    return True


REGISTRY: tuple[Entry, ...] = (
    Entry("lfs_pointer", "LfsPointer", {}, _starts(b"version https://git-lfs")),
    Entry("safetensors", "Safetensors", {".safetensors": "safetensors"}, lambda _, info: info.head[8:9] == b"{"),
    Entry("gguf", "Gguf", {".gguf": "gguf"}, _starts(b"GGUF", b"lmgg", b"fmgg", b"tjgg", b"algg")),
    Entry("numpy_files", "Npy", {".npy": "numpy"}, _starts(b"\x93NUMPY")),
    Entry("hdf5", "Hdf5", dict.fromkeys((".h5", ".hdf5"), "hdf5"), lambda data, _: hdf5_place(data) >= 0),
    Entry("keras", "Keras", {".keras": "keras"}, _starts(b"PK\x03\x04")),
    Entry("torch_zip", "TorchZip", {}, _starts(b"PK\x03\x04")),
    Entry(
        "torch_legacy", "TorchLegacy", {}, lambda _, info: info.head[:1] == b"\x80" and b"\x8a\x0a" in info.head[:24]
    ),
    Entry("skops", "Skops", {".skops": "skops"}, _starts(b"PK\x03\x04")),
    Entry("archives", "Zip", {".zip": "zip"}, lambda data, _: zip_at_the_end(data)),
    Entry("tar", "Tar", {".tar": "tar"}, lambda data, _: data.size >= 512),
    Entry("images", "Image", dict.fromkeys((".png", ".jpg", ".jpeg", ".gif"), "image"), _starts(*IMAGES)),
    Entry("compressed", "STREAMS", {}, _starts(*COMPRESSED)),
    Entry("joblib_file", "JoblibFile", {}, _starts(b"ZF0x")),
    Entry("onnx", "Onnx", {".onnx": "onnx"}, _first(b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca\xd2")),
    Entry("onnx", "OnnxOtherForms", _ONNX, lambda _, info: _forms(info.head)),
    Entry(
        "xml_model", "XmlModel", dict.fromkeys((".xml", ".pmml"), "xml-model"), lambda _, info: b"<" in info.head[:64]
    ),
    Entry("ubjson", "Ubjson", {".ubj": "ubjson"}, _ubjson),
    Entry("boosters", "LightGbm", {}, _starts(b"tree")),
    Entry("boosters", "CatBoost", {".cbm": "catboost"}, _starts(b"CBM1")),
    Entry(
        "message_models",
        "MESSAGE_MODELS",
        {".spm": "sentencepiece", ".mlmodel": "coreml", ".caffemodel": "caffe", ".pdmodel": "paddle"},
        _first(b"\x08\x0a"),
    ),
    Entry("msgpack", "MessagePack", {".msgpack": "msgpack"}, _first(_MAPS)),
    Entry(
        "notebook", "Notebook", {".ipynb": "notebook"}, lambda _, info: b'"nbformat' in info.head or _CELLS in info.head
    ),
    Entry("json_models", "JsonModel", {}, lambda _, info: info.head.lstrip(_SPACE)[:1] == b"{"),
    Entry("python_source", "PythonSource", dict.fromkeys((".py", ".pyi", ".pyw"), "python"), _starts(b"#!")),
    Entry("template", "Template", dict.fromkeys((".jinja", ".jinja2", ".j2"), "template"), lambda *_: False),
    Entry("hub_config", "HubConfig", {".json": "hub-config"}, lambda _, info: info.head.lstrip(_SPACE)[:1] in _JSON),
    Entry(
        "yaml_config", "YamlConfig", dict.fromkeys((".yaml", ".yml"), "yaml"), lambda _, info: info.name == "MLmodel"
    ),
    Entry("settings_files", "Toml", {".toml": "toml"}, lambda *_: False),
    Entry(
        "settings_files",
        "SettingLines",
        dict.fromkeys(_SETTINGS, "settings"),
        lambda _, info: info.name[:1] == "." or info.name == "config",
    ),
    Entry("site_path", "SitePath", {}, lambda _, info: info.extension == ".pth"),
    Entry("requirements_file", "Requirements", {}, lambda _, info: info.extension in (".txt", ".in")),
    Entry("pickle_stream", "PickleStream", dict.fromkeys((".pkl", ".pickle"), "pickle"), _always),
    Entry("text", "PlainText", {}, _always),
)

INCLUDES: dict[str, str] = {
    "torch-zip": "zip",
    "keras": "zip",
    "skops": "zip",
    "torch-legacy": "pickle",
    "onnx-other": "hub-config",
    "json-model": "hub-config",
    "notebook": "hub-config",
}
"""A format that is also, and by design, one of a more general format: no second reading, no ambiguity."""

STAND_INS = frozenset(("lfs-pointer",))
"""Formats that lie in the place of any file: no name promises another content."""


def candidates(data: Reader, info: BlobInfo) -> Iterator[Format]:
    """The formats that could be that of `data`, in the order of the registry."""
    for entry in REGISTRY:
        if entry.begins(data, info) or info.extension in entry.promised:
            yield from loaded(entry.module, entry.attribute)


def promised(extension: str) -> list[str]:
    """The formats that an extension stands for."""
    return [entry.promised[extension] for entry in REGISTRY if extension in entry.promised]


@cache
def loaded(module: str, attribute: str) -> tuple[Format, ...]:
    """The formats of one entry."""
    found = getattr(import_module(f"weighbridge.formats.{module}"), attribute)
    return found if isinstance(found, tuple) else (found(),)


def __getattr__(name: str) -> tuple[Format, ...]:
    if name == "FORMATS":
        return tuple(found for entry in REGISTRY for found in loaded(entry.module, entry.attribute))
    raise AttributeError(name)
