"""Which files of a data set hold records, and how they are read. Names are hints, the first bytes decide."""

from __future__ import annotations

import os
import re

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import FormatError, SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.scan.walk import walk
from weighbridge.sources.lfs import MAX_POINTER, read_pointer

if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["parquet", "jsonl", "csv", "text", "image", "pointer", "unknown", "beside"]

_BY_NAME: dict[str, Kind] = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
    ".text": "text",
}
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
_HELD = (".arrow", ".feather", ".lance", ".avro", ".orc", ".zst", ".gz", ".bz2", ".xz", ".zip", ".tar", ".json",
         ".xlsx", ".sqlite", ".db", ".npy", ".npz", ".tfrecord", ".wav", ".mp3", ".mp4", ".flac")  # fmt: skip
"""Ends of names behind which records may stand that are not read here: to pass over them would call them clean."""
_BESIDE = re.compile(
    r"(?:readme|licen[cs]e|notice|changelog|citation|authors|dataset_infos?|croissant)\b|\.", re.IGNORECASE
)


class DataFile(NamedTuple):
    """One file. `path` is relative, with `/`; `full` opens it; `label` is the folder that it lies in."""

    path: str
    full: str
    size: int
    kind: Kind
    label: str = ""
    note: str = ""

    @property
    def shown(self) -> str:
        """The path as people and reports see it."""
        return escape_name(self.path)


def data_files(root: str, most: int) -> list[DataFile]:
    """Every file below `root`, sorted by path. Raises SourceError as `scan.walk.walk` does."""
    found = []
    for entry in walk(root, most):
        if entry.kind == "left-out":
            continue
        if entry.kind != "file":
            found.append(DataFile(entry.path, entry.full, 0, "pointer", note="a link or no regular file"))
            continue
        folder = os.path.dirname(entry.path).rpartition("/")[2]
        try:
            with open(entry.full, "rb") as file:
                head = file.read(MAX_POINTER)
            size = os.stat(entry.full).st_size
        except OSError as error:
            raise SourceError(f"{entry.full!r} cannot be read: {error.strerror}", "check its rights") from error
        kind, note = _kind(entry.path, head)
        found.append(DataFile(entry.path, entry.full, size, kind, folder, note))
    return found


def _kind(path: str, head: bytes) -> tuple[Kind, str]:
    name = os.path.basename(path).lower()
    try:
        if read_pointer(head):
            return "pointer", "a Git LFS pointer: the data itself is not here"
    except FormatError:
        return "pointer", "a broken Git LFS pointer"
    if name.endswith(".dvc"):
        return "pointer", "a DVC pointer: the data itself is not here, and an MD5 is no proof of it"
    end = os.path.splitext(name)[1]
    if head.startswith(b"PAR1"):
        return "parquet", ""
    if end in _BY_NAME:
        if _BY_NAME[end] == "text" and _BESIDE.match(name):
            return "beside", ""
        return _BY_NAME[end], ""
    if head.startswith(_IMAGES):
        return "image", ""
    if end in _HELD and not _BESIDE.match(name):
        return "unknown", f"{end[1:]} files are not read"
    return "beside", ""
