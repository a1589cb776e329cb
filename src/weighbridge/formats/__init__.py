"""One file per format. `FORMATS` is the list that the engine asks, the surest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weighbridge.formats.archives import Zip
from weighbridge.formats.compressed import STREAMS
from weighbridge.formats.hub_config import HubConfig
from weighbridge.formats.images import Image
from weighbridge.formats.joblib_file import JoblibFile
from weighbridge.formats.numpy_files import Npy
from weighbridge.formats.onnx import Onnx, OnnxOtherForms
from weighbridge.formats.pickle_stream import PickleStream
from weighbridge.formats.safetensors import Safetensors
from weighbridge.formats.tar import Tar
from weighbridge.formats.text import PlainText
from weighbridge.formats.torch_legacy import TorchLegacy
from weighbridge.formats.torch_zip import TorchZip

if TYPE_CHECKING:
    from weighbridge.formats.base import Format

FORMATS: tuple[Format, ...] = (
    Safetensors(),
    Npy(),
    TorchZip(),
    TorchLegacy(),
    Zip(),
    Tar(),
    Image(),
    *STREAMS,
    JoblibFile(),
    Onnx(),
    OnnxOtherForms(),
    HubConfig(),
    PickleStream(),
    PlainText(),
)

INCLUDES: dict[str, str] = {"torch-zip": "zip", "torch-legacy": "pickle", "onnx-other": "hub-config"}
"""A format that is also, and by design, one of a more general format: no second reading, no ambiguity."""
