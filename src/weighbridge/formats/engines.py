"""Models compiled for one runtime or device: recognized, told what they are, and not read.

    TensorRT      "ptrt" or "ftrt"; Ultralytics: u32 size, JSON, then the engine       .engine .plan .trt
    RKNN          "RKNN", zeros; CYPTRKNN, CYPTRKNN                                    .rknn
    Hailo         01 "HEF"                                                             .hef
    Qualcomm      zip archive with model and dlc.metadata, or D5 0A and a version      .dlc
    MNN           a flatbuffer                                                         .mnn
    ncnn          i32 7767517 (binary .param); weights have no mark                    .param.bin
    Core ML       compiled: coremldata.bin, model.espresso.net, model.espresso.weights .espresso.*
    OpenVINO      compiled for one device                                              .blob
    VowpalWabbit  u32 size, version, NUL, "m" …                                        .vw
    Kaldi         NUL "B" "<TransitionModel>", "<Nnet3>" …                             .mdl .nnet .raw
    H2O MOJO      zip archive with model.ini: "[info]" …; trees without a mark
    Hadoop        "SEQ", u8 version, names of two classes (Mahout)
    Ambarella, Kendryte, DeepX, Tengine, …                                             .cvflow .kmodel .dxnn .tmfile

What they hold is machine code or tables for a device whose form nobody published, so that every byte stays unread and
the reason says which form to ask for. TensorRT can carry libraries for the host, and is told as a program.
Sources: TensorRT developer guide ("Version Compatibility", "Plugins"); netron 8 `source`; hailort `hef_internal.hpp`;
ncnn `src/datareader.cpp`; vowpal_wabbit `parse_regressor.cc`; kaldi `io-funcs.h`.
"""

from __future__ import annotations

import re

from weighbridge.core.facts import Native, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

ENGINE_METADATA = 1024 * 1024
"""Bytes of the JSON that may stand before an engine."""
_TRT = (b"ptrt", b"ftrt")
_ONNX = "ask for the ONNX or safetensors file that it was made of"


class Kind(NamedTuple):
    """How one kind is recognized and what is said of it. `program`: the kind of program that it is, if it is one."""

    name: str
    extensions: frozenset[str]
    begins: re.Pattern[bytes] | None
    why: str
    program: str = ""


KINDS = (
    Kind(
        "tensorrt",
        frozenset((".engine", ".plan", ".trt")),
        re.compile(rb"[pf]trt"),
        f"an engine of TensorRT is machine code for a GPU and can carry libraries that loading it starts: {_ONNX}",
        "tensorrt-engine",
    ),
    Kind(
        "rknn",
        frozenset((".rknn",)),
        re.compile(rb"(?:RKNN|CYPTRKNN)\0\0\0\0"),
        f"a model for Rockchip devices is compiled code in an unpublished form: {_ONNX}",
    ),
    Kind(
        "hailo",
        frozenset((".hef",)),
        re.compile(rb"\x01HEF\0\0\0"),
        f"a program for Hailo devices is compiled code in an unpublished form: {_ONNX}",
    ),
    Kind(
        "qualcomm",
        frozenset((".dlc",)),
        re.compile(rb"\xd5\x0a[\x01-\x08]\0"),
        f"a container for Qualcomm devices can hold compiled code for its processors: {_ONNX}",
    ),
    Kind(
        "mnn", frozenset((".mnn",)), None, f"a model of MNN is not read, and its forms can hold caches of code: {_ONNX}"
    ),
    Kind(
        "ncnn",
        frozenset(),
        re.compile(rb"\xdd\x85\x76\x00(?=[\s\S]{4,})"),
        "the binary form of ncnn's graph is not read: ask for the .param text and for ONNX or safetensors",
    ),
    Kind(
        "coreml-compiled",
        frozenset((".espresso", ".mlmodelc")),
        None,
        "a compiled Core ML model is not read: ask for the .mlpackage or .mlmodel that it was made of",
    ),
    Kind(
        "openvino-blob",
        frozenset((".blob",)),
        None,
        "a blob of OpenVINO is machine code for one device: ask for the .xml and .bin that it was made of",
    ),
    Kind(
        "vowpal-wabbit",
        frozenset((".vw",)),
        re.compile(rb"[\x06-\x10]\0\0\0[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}[^\0]{0,4}\0"),
        "a model of VowpalWabbit carries options of the command line, which its loader obeys: ask for ONNX",
    ),
    Kind(
        "kaldi",
        frozenset((".mdl", ".nnet", ".fst")),
        re.compile(rb"\0B<[A-Z][A-Za-z0-9]{2,40}> |\xd6\xfd\xb2\x7e"),
        "a model of Kaldi is not read, and tables of its kind can name commands to pipe from: ask for ONNX",
    ),
    Kind(
        "h2o-mojo",
        frozenset(),
        re.compile(rb"\[info\]\r?\n"),
        "the trees of a MOJO of H2O are in a form of its own that is not read: ask for PMML or ONNX",
    ),
    Kind(
        "hadoop-sequence",
        frozenset(),
        re.compile(rb"SEQ[\x04-\x06]"),
        "a sequence file of Hadoop names classes of Java that its reader creates: ask for Parquet or safetensors",
    ),
    Kind(
        "device-model",
        frozenset((".kmodel", ".dxnn", ".cvimodel", ".bmodel", ".tmfile", ".om", ".axmodel", ".xmodel", ".vela")),
        re.compile(rb"KMDL|LDMK|IMOD[\0-\x20]"),
        f"a model that is compiled for a device is not read: {_ONNX}",
    ),
)


class Engine:
    """A compiled model of one kind."""

    version = 1

    def __init__(self, kind: Kind) -> None:
        self.name = kind.name
        self.extensions = kind.extensions
        self._kind = kind

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark; MAYBE by the name."""
        begins = self._kind.begins
        if self.name == "h2o-mojo" and info.name != "model.ini":
            return Match.NO
        if begins is not None and begins.match(info.head):
            return Match.YES
        if self.name == "tensorrt" and _behind_json(data, info.head):
            return Match.YES
        by_name = self.name == "coreml-compiled" and (info.name == "coremldata.bin" or ".espresso." in info.name)
        return Match.MAYBE if by_name or info.extension in self.extensions else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Say what it is, and why it cannot be clean."""
        del info, budget
        if self._kind.program:
            yield Native(self._kind.program)
        yield UnreadSpan(0, data.size, self._kind.why)


def _behind_json(data: Reader, head: bytes) -> bool:
    """Whether an engine of TensorRT stands behind a size and that many bytes of JSON."""
    size = int.from_bytes(head[:4], "little")
    return head[4:5] == b"{" and 2 <= size <= ENGINE_METADATA and data.peek(4 + size, 4) in _TRT


ENGINES = tuple(Engine(kind) for kind in KINDS)
"""All kinds."""
