"""Delta tables: which Parquet files are the table now, by its log; the others lie there and are no part of it.

    _delta_log/00000000000000000003.json              one action for each line: protocol, metaData, add, remove, …
    _delta_log/00000000000000000010.checkpoint.parquet     all actions up to this version, reconciled; also in parts

    add         {"path": relative and percent-encoded, "partitionValues": {column: text}, "deletionVector": …, …}
    remove      {"path", …}
    metaData    {"partitionColumns": [column, …], "configuration": {"delta.columnMapping.mode": …}, …}
    protocol    {"minReaderVersion": …, "readerFeatures": […]}

What changes the meaning of a file and is not read here (deletion vectors, mapped columns, features that are not known)
makes the table unread: to count its rows would be wrong.
Source: github.com/delta-io/delta, PROTOCOL.md.
"""

from __future__ import annotations

import json
import os
import re
from urllib.parse import unquote

from weighbridge.core.errors import SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.dataset.files import DataFile

LOG = "_delta_log"
MOST = 256 * 1024 * 1024
"""Bytes of one file of a log."""
FEATURES = frozenset(("timestampNtz", "vacuumProtocolCheck", "v2Checkpoint", "domainMetadata"))
"""Features that leave the rows of a file what they are."""
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10}))?\.parquet")


class DeltaTable(NamedTuple):
    """A table at one version: its files by path relative to it, each with what its partition says of its rows.

    `removed` are paths that were part of it; Parquet files that its log never named are none of its business. `broken`
    says why the table cannot be read; empty: it can.
    """

    folder: str
    version: int
    files: dict[str, tuple[tuple[str, str | None], ...]]
    broken: str = ""
    removed: frozenset[str] = frozenset()


class _State:
    """What the actions so far come to."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[tuple[str, str | None], ...]] = {}
        self.broken = ""
        self.removed: set[str] = set()

    def act(self, action: dict[str, Any]) -> None:
        """Take one action in. Raises ValueError for one that is none."""
        for kind, take in (("add", self._add), ("remove", self._remove), ("protocol", self._protocol)):
            if isinstance(action.get(kind), dict):
                take(action[kind])
        if isinstance(action.get("metaData"), dict):
            mode = (action["metaData"].get("configuration") or {}).get("delta.columnMapping.mode", "none")
            if mode != "none":
                self.broken = "its columns are mapped, which is not read"

    def _add(self, add: dict[str, Any]) -> None:
        values = add.get("partitionValues") or {}
        if not isinstance(add.get("path"), str) or not isinstance(values, dict):
            raise TypeError("an add without a path")
        if add.get("deletionVector"):
            self.broken = "it has deletion vectors, which are not read"
        said = tuple((str(name), None if value is None else str(value)) for name, value in sorted(values.items()))
        self.files[unquote(add["path"])] = said
        self.removed.discard(unquote(add["path"]))

    def _remove(self, remove: dict[str, Any]) -> None:
        if not isinstance(remove.get("path"), str):
            raise TypeError("a remove without a path")
        self.files.pop(unquote(remove["path"]), None)
        self.removed.add(unquote(remove["path"]))

    def _protocol(self, protocol: dict[str, Any]) -> None:
        features = set(protocol.get("readerFeatures") or ()) - FEATURES - {"deletionVectors", "columnMapping"}
        if features or int(protocol.get("minReaderVersion") or 1) > 3:
            named = ", ".join(sorted(map(str, features)))[:100] or f"reader {protocol.get('minReaderVersion')}"
            self.broken = f"it demands of readers what is not known here ({named})"


def delta_tables(files: dict[str, DataFile]) -> list[DeltaTable]:
    """Every Delta table among these files, by its log. Raises SourceError if a log cannot be opened."""
    folders = {path.rpartition(f"{LOG}/")[0] for path in files if f"/{LOG}/" in f"/{path}"}
    return [_table(folder, files) for folder in sorted(folders)]


def _table(folder: str, files: dict[str, DataFile]) -> DeltaTable:
    log = {path.rpartition("/")[2]: file for path, file in files.items() if path.startswith(f"{folder}{LOG}/")}
    commits = {int(match[1]): log[name] for name in log if (match := _COMMIT.fullmatch(name))}
    checkpoints: dict[int, list[DataFile]] = {}
    for name in sorted(log):
        if match := _CHECKPOINT.fullmatch(name):
            checkpoints.setdefault(int(match[1]), []).append(log[name])
            if match[3] and len([one for one in log if one.startswith(f"{match[1]}.checkpoint.")]) != int(match[3]):
                del checkpoints[int(match[1])]
    if not commits and not checkpoints:
        return DeltaTable(folder, -1, {}, "its log has no version")
    last = max((*commits, *checkpoints))
    state, start = _State(), 0
    try:
        if not all(version in commits for version in range(last + 1)):
            start = max(checkpoints, default=-1) + 1
            if not start or not all(version in commits for version in range(start, last + 1)):
                return DeltaTable(folder, last, {}, "a version is missing in its log")
            for action in _checkpointed(checkpoints[start - 1]):
                state.act(action)
        for version in range(start, last + 1):
            for action in _actions(commits[version]):
                state.act(action)
    except SourceError as error:
        return DeltaTable(folder, last, {}, f"its log cannot be read ({error.cause[:150]})")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        return DeltaTable(folder, last, {}, f"its log cannot be read ({str(error)[:100]})")
    return DeltaTable(folder, last, state.files, state.broken, frozenset(state.removed))


def _actions(file: DataFile) -> Iterator[dict[str, Any]]:
    try:
        with open(file.full, "rb") as stream:
            raw = stream.read(MOST + 1)
    except OSError as error:
        raise SourceError(f"{file.full!r} cannot be read: {error.strerror}", "check its rights") from error
    if len(raw) > MOST:
        raise ValueError(f"more than {MOST} bytes in one version")
    for line in raw.decode("utf-8").splitlines():
        if line.strip():
            action = json.loads(line)
            if not isinstance(action, dict):
                raise TypeError("an action that is no object")
            yield action


def _checkpointed(files: list[DataFile]) -> Iterator[dict[str, Any]]:
    """The actions of a checkpoint. Columns that another writer leaves out are not there."""
    from weighbridge.dataset.database import opened

    with opened(files) as database:
        for index, file in enumerate(files):
            link = [database.link(file, index)]
            names = {row[0] for row in database.ask("DESCRIBE SELECT * FROM read_parquet(?)", link)}
            wanted = [name for name in ("add", "remove", "metaData", "protocol", "sidecar") if name in names]
            read = ", ".join(f'CAST(to_json("{name}") AS VARCHAR)' for name in wanted)
            for row in database.each(f"SELECT {read} FROM read_parquet(?)", link):  # noqa: S608 -- our own words
                action = {
                    name: json.loads(cell) for name, cell in zip(wanted, row, strict=True) if cell and cell != "null"
                }
                if "sidecar" in action:
                    raise ValueError("a checkpoint with sidecars")
                yield action


def inside(table: DeltaTable, path: str) -> str:
    """The path of a file of the table within the data set; empty if it lies somewhere else."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|/", path):
        return ""
    found = os.path.normpath(os.path.join(table.folder, path))
    return "" if found.startswith("..") else found
