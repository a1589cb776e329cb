"""DVC pointers: what a `.dvc` file stands for, and whether that lies beside it.

    outs:
    - md5: <32 hex digits>             of the bytes; with `.dir` behind it, of a list of the files in a folder
      size: <bytes>
      nfiles: <files of the folder>
      path: <name, relative to the pointer>

An MD5 finds a file and proves nothing of it: two files with one MD5 can be made at will. So data that is beside its
pointer counts as the data, hashed by us, and what the pointer says of it is declared; data that is not is not here.
Source: dvc.org, "`.dvc` files"; the list of a folder: dvc-data, `hashfile/tree.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re

from weighbridge.core.errors import FormatError, SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from weighbridge.dataset.files import DataFile

MOST = 1024 * 1024
PIECE = 1024 * 1024
NO_PROOF = "an MD5 finds data and proves nothing of it"
_MD5 = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


class Out(NamedTuple):
    """One thing that a pointer stands for. `size` and `files` are empty where it does not say."""

    path: str
    md5: str
    size: str = ""
    files: str = ""


class Followed(NamedTuple):
    """A pointer and what it led to: the paths of the files that are its data; empty `why`: all of it is here."""

    said: str
    data: tuple[str, ...]
    why: str


def outs(raw: bytes) -> tuple[Out, ...]:
    """What a `.dvc` file stands for. Raises FormatError."""
    from weighbridge.formats.grammars.yaml_tree import tree

    try:
        found = tree(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise FormatError("the pointer is no UTF-8", error.start) from error
    listed = found.get("outs") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not listed:
        raise FormatError("the pointer names no data", 0)
    result = []
    for one in listed:
        texts = {key: value for key, value in one.items() if isinstance(value, str)} if isinstance(one, dict) else {}
        if not texts.get("path") or not _MD5.fullmatch(texts.get("md5", "")):
            raise FormatError("the pointer names data without an MD5", 0)
        result.append(Out(texts["path"], texts["md5"], texts.get("size", ""), texts.get("nfiles", "")))
    return tuple(result)


def follow(pointer: DataFile, files: dict[str, DataFile]) -> Followed:
    """Look for the data of a pointer among the files of the data set. Raises SourceError if it cannot be read."""
    try:
        with open(pointer.full, "rb") as file:
            found = outs(file.read(MOST))
    except FormatError as error:
        return Followed("", (), f"a DVC pointer that cannot be read: {error.cause}")
    except OSError as error:
        raise SourceError(f"{pointer.full!r} cannot be read: {error.strerror}", "check its rights") from error
    said, data = [], []
    for out in found:
        path = os.path.normpath(os.path.join(os.path.dirname(pointer.path), out.path))
        own = _data(path, out, files)
        if not own:
            return Followed("", (), f"a DVC pointer: {path!r} itself is not here (md5 {out.md5}; {NO_PROOF})")
        if not _agrees(path, out, own):
            why = f"a DVC pointer that contradicts its data: {path!r} has not the md5 {out.md5}"
            return Followed("", (), why)
        data += [file.path for file in own]
        said.append(f"{path!r} has the md5 {out.md5} that its DVC pointer names; {NO_PROOF}")
    return Followed("; ".join(said), tuple(data), "")


def _data(path: str, out: Out, files: dict[str, DataFile]) -> list[DataFile]:
    if not out.md5.endswith(".dir"):
        return [files[path]] if path in files and files[path].kind != "pointer" else []
    return [file for name, file in files.items() if name.startswith(f"{path}/")]


def _agrees(path: str, out: Out, own: list[DataFile]) -> bool:
    if out.size and out.size != str(sum(file.size for file in own)):
        return False
    if not out.md5.endswith(".dir"):
        return _md5(own[0]) == out.md5
    if out.files and out.files != str(len(own)):
        return False
    listed = sorted(({"md5": _md5(file), "relpath": file.path[len(path) + 1 :]} for file in own), key=_relpath)
    written = json.dumps(listed, sort_keys=True).encode()
    return f"{hashlib.md5(written, usedforsecurity=False).hexdigest()}.dir" == out.md5


def _relpath(entry: dict[str, str]) -> str:
    return entry["relpath"]


def _md5(file: DataFile) -> str:
    state = hashlib.md5(usedforsecurity=False)
    try:
        with open(file.full, "rb") as stream:
            while piece := stream.read(PIECE):
                state.update(piece)
    except OSError as error:
        raise SourceError(f"{file.full!r} cannot be read: {error.strerror}", "check its rights") from error
    return state.hexdigest()
