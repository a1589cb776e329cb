"""Files of a model in quarantine, read with a limit and held against the digests that were inspected."""

from __future__ import annotations

import os
import stat
from hashlib import sha256

from weighbridge.core.claims import Claim, Status
from weighbridge.core.errors import FormatError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

MOST = 16
"""Files of one kind that are looked into."""
HEADER = 16 * 1024 * 1024
"""Bytes of a header of safetensors that are read."""
PAIRS = 4_000
"""Pairs of metadata that are kept of one file."""


class Quarantined:
    """The files below `folder`; `files` maps their escaped paths to hex SHA-256. Only what is named there is read."""

    def __init__(self, folder: str, files: Mapping[str, str]) -> None:
        self._folder = folder
        self._files = files
        self._problems: dict[str, str] = {}

    def problems(self) -> Iterator[Claim]:
        """What could not be read as it was inspected."""
        for path, why in sorted(self._problems.items()):
            changed = "is not what was inspected" in why
            status = Status.CONTRADICTED if changed else Status.ABSENT
            yield Claim("declared/unread", status, f"{plain(path, 120)} {why}", confirm=True)

    def paths(self, wanted: Callable[[str], bool]) -> list[str]:
        """Files whose name, in lower case, is wanted, those nearest to the top first; those beyond `MOST` are told."""
        found = sorted(
            (path for path in self._files if wanted(path.rpartition("/")[2].lower()) and path.count("/") <= 1),
            key=lambda path: (path.count("/"), path),
        )
        if len(found) > MOST:
            self._problems[found[MOST]] = f"and {len(found) - MOST - 1} more of its kind were not looked into"
        return found[:MOST]

    def read(self, path: str, most: int) -> bytes | None:
        """The bytes of a file; None if there is none, it is larger than `most`, or it is not what was inspected."""
        if path not in self._files:
            return None
        descriptor = self._open(path)
        if descriptor is None:
            return None
        try:
            size = os.fstat(descriptor).st_size
            if size > most:
                self._problems[path] = f"has {size} bytes; {most} are read at most"
                return None
            raw = os.pread(descriptor, size + 1, 0)
        finally:
            os.close(descriptor)
        if sha256(raw).hexdigest() != self._files[path].removeprefix("sha256:"):
            self._problems[path] = "is not what was inspected: its digest is another one"
            return None
        return raw

    def json(self, path: str, most: int) -> Any:
        """The tree of a document; None if it cannot be read. A key that stands twice is a problem."""
        from weighbridge.formats.grammars.json_tree import parse_json

        raw = self.read(path, most)
        if raw is None:
            return None
        try:
            tree, twice = parse_json(raw.removeprefix(b"\xef\xbb\xbf"))
        except FormatError as error:
            self._problems[path] = f"cannot be read: {error.cause}"
            return None
        if twice:
            self._problems[path] = f"has the key {plain(twice[0], 60)} twice"
        return tree

    def merged(self, path: str, most: int) -> list[str]:
        """The models that a configuration of mergekit names."""
        from weighbridge.formats.grammars.yaml_events import Scalar, events

        raw = self.read(path, most)
        names: dict[str, None] = {}
        try:
            for event in events(raw.decode("utf-8", "replace") if raw else ""):
                last = event.path.rpartition(".")[2] if isinstance(event, Scalar) else ""
                if isinstance(event, Scalar) and not event.is_key and last in ("model", "base_model"):
                    names[event.value[:200]] = None
                if len(names) >= MOST:
                    break
        except FormatError as error:
            self._problems[path] = f"cannot be read: {error.cause}"
        return list(names)

    def metadata(self, path: str) -> list[tuple[str, str]]:
        """The pairs of text in the header of weights: of GGUF, or of safetensors. The digest of the whole is not
        computed again; the header alone says nothing that is proven.
        """
        descriptor = self._open(path)
        if descriptor is None:
            return []
        try:
            size = os.fstat(descriptor).st_size
            read = _gguf if path.lower().endswith(".gguf") else _safetensors
            return read(descriptor, size, path)[:PAIRS]
        except FormatError as error:
            self._problems[path] = f"cannot be read: {error.cause}"
            return []
        finally:
            os.close(descriptor)

    def _open(self, path: str) -> int | None:
        """A file of the folder that is a plain file, reached through no link."""
        if "%" in path or path.startswith("/") or ".." in path.split("/"):
            self._problems[path] = "has a name that is not looked up"
            return None
        full = os.path.join(os.path.realpath(self._folder), path)
        try:
            if os.path.realpath(full) != full:
                self._problems[path] = "is reached through a link"
                return None
            descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._problems[path] = f"cannot be opened: {error.strerror}"
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            self._problems[path] = "is no file"
            return None
        return descriptor


def _gguf(descriptor: int, size: int, path: str) -> list[tuple[str, str]]:
    from weighbridge.core.facts import Metadata, Tensor
    from weighbridge.core.limits import Budget, Limits
    from weighbridge.core.reader import FileSource, Reader
    from weighbridge.formats.base import blob_info
    from weighbridge.formats.gguf import Gguf

    data = Reader(FileSource(descriptor, size))
    pairs: list[tuple[str, str]] = []
    for fact in Gguf().parse(data, blob_info(path, data), Budget(Limits(), size)):
        if isinstance(fact, Tensor) or len(pairs) >= PAIRS:
            break
        if isinstance(fact, Metadata):
            pairs.append((fact.key, fact.value))
    return pairs


def _safetensors(descriptor: int, size: int, path: str) -> list[tuple[str, str]]:
    from weighbridge.formats.grammars.json_tree import parse_json

    del path
    head = os.pread(descriptor, 8, 0)
    length = int.from_bytes(head, "little")
    if len(head) < 8 or length > min(HEADER, size - 8):
        raise FormatError("the header is longer than what is read", 0)
    tree, _ = parse_json(os.pread(descriptor, length, 8).rstrip(b" "), 8)
    metadata = tree.get("__metadata__") if isinstance(tree, dict) else None
    if not isinstance(metadata, dict):
        return []
    return [(str(key)[:200], value[:500]) for key, value in metadata.items() if isinstance(value, str)]
