"""Which files of a data set hold records, and how they are read. Names are hints, the first bytes decide."""

from __future__ import annotations

import os
import re

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import FormatError, SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.delta import LOG, delta_tables, inside
from weighbridge.dataset.pointers import follow
from weighbridge.dataset.unpacking import PACKED
from weighbridge.scan.walk import walk
from weighbridge.sources.lfs import MAX_POINTER, read_pointer

if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["parquet", "jsonl", "json", "csv", "text", "image", "pointer", "unknown", "beside"]

_BY_NAME: dict[str, Kind] = {
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "text",
    ".text": "text",
}
_IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
_HELD = (".arrow", ".feather", ".avro", ".orc", ".zst", ".gz", ".bz2", ".xz", ".zip", ".tar",
         ".xlsx", ".sqlite", ".db", ".npy", ".npz", ".tfrecord", ".wav", ".mp3", ".mp4", ".flac")  # fmt: skip
"""Ends of names behind which records may stand that are not read here: to pass over them would call them clean."""
_BESIDE = re.compile(
    r"(?:readme|licen[cs]e|notice|changelog|citation|authors|dataset_infos?|croissant)\b|\.", re.IGNORECASE
)

_DESCRIPTIONS = ("croissant.json", "dataset_info.json", "dataset_infos.json")
"""Documents that tell of a data set and hold none of it. By their whole names: others could be data."""
REMOVED = "whoever reads all Parquet files of the folder reads it too"


class DataFile(NamedTuple):
    """One file. `path` is relative, with `/`; `full` opens it; `label` is the folder that it lies in.

    `packed` is the end of its name if it is compressed; `parts` are columns that its place in a table gives all of its
    rows. `said` is what was found out about other files through it; `follows` are those.
    """

    path: str
    full: str
    size: int
    kind: Kind
    label: str = ""
    note: str = ""
    packed: str = ""
    parts: tuple[tuple[str, str | None], ...] = ()
    said: tuple[str, str] = ("", "")
    follows: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The path as people and reports see it."""
        return escape_name(self.path)


def data_files(root: str, most: int) -> list[DataFile]:
    """Every file below `root`, sorted by path. Raises SourceError as `scan.walk.walk` does.

    DVC pointers whose data is here and files that a Delta table no longer has are `beside`: said, and no trouble.
    """
    found: list[DataFile] = []
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
        kind, note, packed = _unpacked_kind(entry.path, head)
        found.append(DataFile(entry.path, entry.full, size, kind, folder, note, packed))
    return sorted(_followed(_tabled({file.path: file for file in found})).values())


def _followed(files: dict[str, DataFile]) -> dict[str, DataFile]:
    """DVC pointers, followed."""
    for path in [path for path in files if path.lower().endswith(".dvc") and files[path].kind == "pointer"]:
        found = follow(files[path], files)
        kind: Kind = "pointer" if found.why else "beside"
        said = ("dvc-pointer", found.said) if found.said else ("", "")
        files[path] = files[path]._replace(kind=kind, note=found.why, said=said, follows=found.data)
    return files


def _tabled(files: dict[str, DataFile]) -> dict[str, DataFile]:
    """Delta tables: what is not in the newest version is no data, what is missing or cannot be read is said."""
    tables = delta_tables(files)
    folders = [table.folder for table in tables]
    for table in tables:
        live: dict[str, tuple[tuple[str, str | None], ...]] = {}
        for path, parts in table.files.items():
            place = inside(table, path)
            live[place] = parts
            if not place or place not in files:
                note = f"the Delta table names the file {path[:200]!r}, which is not here"
                files[place or f"{table.folder}{path}"] = DataFile(place or path, "", 0, "pointer", note=note)
        removed = {inside(table, path) for path in table.removed}
        for path, file in list(files.items()):
            if not file.full or _owner(path, folders) != table.folder:
                continue
            if path.startswith(f"{table.folder}{LOG}/"):
                files[path] = file._replace(kind="beside", note="")
            elif file.kind == "parquet" and (table.broken or path in removed):
                note = "" if table.broken else f"it was removed from a Delta table and lies there still: {REMOVED}"
                files[path] = file._replace(kind="beside", note=note)
            elif path in live:
                files[path] = file._replace(parts=live[path])
        log = max(path for path in files if path.startswith(f"{table.folder}{LOG}/") and not path.endswith(".crc"))
        if table.broken:
            files[log] = files[log]._replace(kind="unknown", note=f"a Delta table cannot be read: {table.broken}")
        else:
            name = table.folder.rstrip("/") or "."
            said = f"{name} is version {table.version} of a Delta table, in {len(live)} files"
            files[log] = files[log]._replace(said=("delta-table", said))
    return files


def _owner(path: str, folders: list[str]) -> str | None:
    """The innermost table that a file lies in."""
    return max((folder for folder in folders if path.startswith(folder)), key=len, default=None)


def _unpacked_kind(path: str, head: bytes) -> tuple[Kind, str, str]:
    """As `_kind`, through the compression of a file: `packed` is the end of its name."""
    stem, end = os.path.splitext(path)
    inner = os.path.splitext(stem)[1].lower()
    if end.lower() in PACKED and inner in _BY_NAME:
        if not head.startswith(PACKED[end.lower()]):
            return "unknown", f"it is called {end[1:]} and is not compressed so", ""
        return _BY_NAME[inner], "", end.lower()
    return (*_kind(path, head), "")


def _kind(path: str, head: bytes) -> tuple[Kind, str]:
    name = os.path.basename(path).lower()
    try:
        if read_pointer(head):
            return "pointer", "a Git LFS pointer: the data itself is not here"
    except FormatError:
        return "pointer", "a broken Git LFS pointer"
    if name.endswith(".dvc"):
        return "pointer", ""
    end = os.path.splitext(name)[1]
    if head.startswith(b"PAR1"):
        return "parquet", ""
    if end in _BY_NAME:
        if name in _DESCRIPTIONS or (_BY_NAME[end] == "text" and _BESIDE.match(name)):
            return "beside", ""
        return _BY_NAME[end], ""
    if head.startswith(_IMAGES):
        return "image", ""
    if end == ".lance":
        return "unknown", "Lance tables are not read: write the data as Parquet"
    if end in _HELD and not _BESIDE.match(name):
        return "unknown", f"{end[1:]} files are not read"
    return "beside", ""
