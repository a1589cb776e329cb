"""The conversion record: evidence of what was made into what, tensor by tensor."""

from __future__ import annotations

from weighbridge.core.evidence import CONVERSION_PREDICATE, Tool
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.digests import Digest

SCHEMA = "weighbridge.convert/1"


class ConvertedTensor(NamedTuple):
    """One tensor of the output.

    `sha256` is of its bytes there, `before` of the storage that it was read from as it lies in the source: they are
    equal where the tensor is the whole storage, in its order. `file` is of the output, `source` of the input.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    before: str
    file: str
    source: str


class SharedName(NamedTuple):
    """A name whose tensor is the very same as that of `kept`: it is written once, and the file's metadata says so."""

    name: str
    kept: str
    file: str


class LeftOut(NamedTuple):
    """Something of `source` that is no tensor of the output. `file` is where it is told as JSON; empty: nowhere."""

    source: str
    key: str
    what: str
    file: str


class ConvertedFile(NamedTuple):
    """A file of the input or of the output; `size` in bytes."""

    path: str
    size: int
    sha256: str


class Side(NamedTuple):
    """One side of the conversion: a model digest and its files."""

    name: str
    digest: Digest
    files: tuple[ConvertedFile, ...]


class ConversionRecord(NamedTuple):
    """What was converted. `road` is `symbolic` (nothing was loaded) or `torch` (by torch itself, behind walls)."""

    source: Side
    target: Side
    tensors: tuple[ConvertedTensor, ...]
    shared: tuple[SharedName, ...]
    left_out: tuple[LeftOut, ...]
    road: str = "symbolic"
    walls: str = ""
    """The walls that the conversion ran behind; empty: none were asked for."""
    tool: Tool = Tool()

    @property
    def kind(self) -> str:
        return "conversion"

    @property
    def predicate_type(self) -> str:
        return CONVERSION_PREDICATE

    @property
    def subject(self) -> Digest:
        """The output: the original's digest stands in the record."""
        return self.target.digest

    def predicate(self) -> dict[str, Any]:
        """The record as JSON, in the shape that `schemas/convert.json` fixes."""
        return {
            "schema": SCHEMA,
            "converted": True,
            "from": _side(self.source),
            "to": _side(self.target),
            "tensors": [{**tensor._asdict(), "shape": list(tensor.shape)} for tensor in self.tensors],
            "shared": [shared._asdict() for shared in self.shared],
            "left_out": [left_out._asdict() for left_out in self.left_out],
            "road": self.road,
            "walls": self.walls,
            "tool": self.tool._asdict(),
        }


def _side(side: Side) -> dict[str, Any]:
    return {"name": side.name, "digest": str(side.digest), "files": [file._asdict() for file in side.files]}


def parsed_record(tree: Any) -> ConversionRecord:
    """The record that `predicate` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    from weighbridge.core.digests import parse_digest

    def side(entry: Any) -> Side:
        files = tuple(ConvertedFile(**file) for file in entry["files"])
        return Side(entry["name"], parse_digest(entry["digest"]), files)

    if tree["schema"] != SCHEMA or tree["converted"] is not True:
        raise ValueError("it is no record")
    tensors = tuple(ConvertedTensor(**{**entry, "shape": tuple(entry["shape"])}) for entry in tree["tensors"])
    return ConversionRecord(
        side(tree["from"]),
        side(tree["to"]),
        tensors,
        tuple(SharedName(**entry) for entry in tree["shared"]),
        tuple(LeftOut(**entry) for entry in tree["left_out"]),
        tree["road"],
        tree["walls"],
        Tool(**tree["tool"]),
    )
