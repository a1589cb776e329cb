"""Git objects as data: ids recomputed, commits, tags and trees taken apart, and a folder that keeps them.

    object     "<kind> <bytes>" NUL content          its id is the SHA-1 or SHA-256 of all of this
    commit     "tree <id>" LF ("parent <id>" LF)* "author …" LF "committer …" LF (header LF)* LF message
    tag        "object <id>" LF "type <kind>" LF "tag <name>" LF "tagger …" LF LF message [signature]
    tree       ("<octal mode> <name>" NUL <id, raw>)*
    header     "<key> <value>", continued by lines that begin with a space; `gpgsig` holds a commit's signature

Everything here is read from untrusted bytes, so whatever git's own programs would bear with and read in another way
than we do (a second tree, a second signature, a header that is out of order) is refused.
Sources: git's documentation, gitformat-signature(5) and git-hash-object(1); git 2.39, commit.c and tree-walk.c.
"""

from __future__ import annotations

import os
import re
import zlib
from hashlib import sha1, sha256
from typing import Literal

from weighbridge.core.errors import FormatError, NotFound
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from hashlib import _Hash

Kind = Literal["commit", "tag", "tree", "blob"]
MAX_OBJECT = 16 * 1024 * 1024
"""Bytes of a tree that is read whole: 400,000 names."""
MAX_COMMIT = 1024 * 1024
"""Bytes of a commit or a tag; its message is what makes it large."""
SIGNATURES = (
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
)
"""How what git takes for a signature begins: OpenPGP in two ways, SSH, X.509."""
_ID = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_PERSON = re.compile(rb"([^\n\0]*) (-?\d{1,12}) [+-]\d{4,6}")
_BLOB_KINDS = {b"40000": "tree", b"100644": "file", b"100755": "file", b"100664": "file", b"120000": "link"}


class Person(NamedTuple):
    """Name and address as text that nobody proved, and the time in seconds since 1970 that they claim."""

    name: str
    time: int


class Commit(NamedTuple):
    """A commit. `signature` is the armored text, empty if there is none; `payload` is what it was made over."""

    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    signature: bytes
    payload: bytes


class Tag(NamedTuple):
    """An annotated tag: `target` is of the kind `kind`; `name` is the name inside, which a ref may contradict."""

    target: str
    kind: str
    name: str
    tagger: Person | None
    signature: bytes
    payload: bytes


class TreeEntry(NamedTuple):
    """One name of a tree; `kind` is tree, file, link or submodule."""

    name: bytes
    kind: str
    id: str


def new_hash(kind: str, size: int, algorithm: str) -> _Hash:
    """The hash of an object of `size` bytes, before its content. `algorithm` is sha1 or sha256."""
    state = sha256() if algorithm == "sha256" else sha1(usedforsecurity=False)
    state.update(b"%b %d\0" % (kind.encode(), size))
    return state


def object_id(kind: str, content: bytes, algorithm: str) -> str:
    """The id of an object."""
    state = new_hash(kind, len(content), algorithm)
    state.update(content)
    return state.hexdigest()


def blob_of_file(path: str, like: str) -> str:
    """The id that git gives the bytes of a file, by the hash that the id `like` is of."""
    with open(path, "rb") as file:
        state = new_hash("blob", os.fstat(file.fileno()).st_size, algorithm_of(like))
        while piece := file.read(MAX_COMMIT):
            state.update(piece)
    return state.hexdigest()


def algorithm_of(identity: str) -> str:
    """Which hash an id is of, by its length."""
    return "sha256" if len(identity) == 64 else "sha1"


def parse_commit(raw: bytes) -> Commit:
    """Raises FormatError for a commit that another reader could understand in another way."""
    head, _ = _split(raw)
    lines = list(_headers(head))
    names = [name for name, _, _, _ in lines]
    parents = 0
    while names[1 + parents : 2 + parents] == [b"parent"]:
        parents += 1
    if names[:1] != [b"tree"] or names[1 + parents : 3 + parents] != [b"author", b"committer"]:
        raise FormatError("a commit whose headers are not tree, parents, author and committer in this order", 0)
    extra = lines[3 + parents :]
    if {b"tree", b"parent", b"author", b"committer"} & {name for name, *_ in extra}:
        raise FormatError("a commit that says twice what it is of", 0)
    tree = _identity(lines[0][1])
    signature, payload = _signature_of(extra, raw, b"gpgsig-sha256" if len(tree) == 64 else b"gpgsig")
    return Commit(
        tree,
        tuple(_identity(value) for _, value, _, _ in lines[1 : 1 + parents]),
        _person(lines[1 + parents][1]),
        _person(lines[2 + parents][1]),
        signature,
        payload,
    )


def _signature_of(extra: list[tuple[bytes, bytes, int, int]], raw: bytes, key: bytes) -> tuple[bytes, bytes]:
    """The signature and what it is over: the commit without its signature headers."""
    signed = [line for line in extra if line[0] in (b"gpgsig", b"gpgsig-sha256")]
    if len({name for name, *_ in signed}) != len(signed):
        raise FormatError("a commit with two signatures of the same kind", 0)
    own = next((value for name, value, _, _ in signed if name == key), b"")
    kept, at = [], 0
    for _, _, start, end in signed:
        kept.append(raw[at:start])
        at = end
    return own, b"".join((*kept, raw[at:]))


def parse_tag(raw: bytes) -> Tag:
    """Raises FormatError as `parse_commit` does."""
    head, message = _split(raw)
    lines = list(_headers(head))
    names = [name for name, *_ in lines]
    if names[:3] != [b"object", b"type", b"tag"] or names[3:4] not in ([], [b"tagger"]):
        raise FormatError("a tag whose headers are not object, type, tag and tagger in this order", 0)
    if any(name not in (b"gpgsig", b"gpgsig-sha256") for name in names[4:]):
        raise FormatError("a tag with a header that no tag has", 0)
    starts = [at for mark in SIGNATURES for at in _line_starts(raw, mark, len(raw) - len(message))]
    start = max(starts, default=len(raw))
    tagger = _person(lines[3][1]) if len(lines) > 3 else None
    # What a repository of the other hash would sign stands in a header, and is no part of what this one signs.
    _, payload = _signature_of(lines[4:], raw[:start], b"")
    return Tag(_identity(lines[0][1]), _text(lines[1][1]), _text(lines[2][1]), tagger, raw[start:], payload)


def parse_tree(raw: bytes, algorithm: str) -> Iterator[TreeEntry]:
    """The entries of a tree in its order. Raises FormatError for a broken one, a mode that git does not write, or
    a name that stands twice.
    """
    size = 32 if algorithm == "sha256" else 20
    seen: set[bytes] = set()
    at = 0
    while at < len(raw):
        space, end = raw.find(b" ", at, at + 8), raw.find(b"\0", at)
        if space < 0 or end < space or end + 1 + size > len(raw):
            raise FormatError("a tree that ends within an entry", at)
        mode, name = raw[at:space], raw[space + 1 : end]
        kind = "submodule" if mode == b"160000" else _BLOB_KINDS.get(mode, "")
        if not kind:
            raise FormatError(f"a tree with the mode {plain(repr(mode), 20)}, which git does not write", at)
        if not name or name in seen:
            raise FormatError(f"a tree in which the name {plain(os.fsdecode(name), 80)!r} stands twice or is empty", at)
        seen.add(name)
        yield TreeEntry(name, kind, raw[end + 1 : end + 1 + size].hex())
        at = end + 1 + size


class ObjectFolder(NamedTuple):
    """A bare repository of loose objects: what `git verify-commit` needs, and what is verified again later."""

    folder: str

    def create(self, algorithm: str) -> None:
        """Make the folder, which must not be there."""
        os.makedirs(os.path.join(self.folder, "objects"), 0o700)
        os.mkdir(os.path.join(self.folder, "refs"), 0o700)
        version = 1 if algorithm == "sha256" else 0
        config = f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n"
        if version:
            config += "[extensions]\n\tobjectFormat = sha256\n"
        for name, text in (("config", config), ("HEAD", "ref: refs/heads/none\n")):
            with open(os.path.join(self.folder, name), "x", encoding="ascii") as file:
                file.write(text)

    def put(self, kind: Kind, content: bytes, algorithm: str) -> str:
        """Keep an object; its id is computed here."""
        identity = object_id(kind, content, algorithm)
        path = self._path(identity)
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            with open(path, "xb") as file:
                file.write(zlib.compress(b"%b %d\0" % (kind.encode(), len(content)) + content, 1))
        return identity

    def get(self, identity: str, kind: Kind) -> bytes:
        """An object whose bytes hash to its id now. Raises NotFound, or FormatError if they hash to another."""
        if not _ID.fullmatch(identity.encode()):
            raise FormatError(f"{plain(identity, 80)!r} is no object id", 0)
        most = MAX_OBJECT if kind == "tree" else MAX_COMMIT
        try:
            with open(self._path(identity), "rb") as file:
                packed = file.read(most)
        except OSError as error:
            raise NotFound(f"the {kind} {identity} is not there", "fetch the source again") from error
        try:
            whole = zlib.decompressobj().decompress(packed, most + 64)
        except zlib.error as error:
            raise FormatError(f"the {kind} {identity} is broken", 0) from error
        head, _, content = whole.partition(b"\0")
        if (
            head != b"%b %d" % (kind.encode(), len(content))
            or object_id(kind, content, algorithm_of(identity)) != identity
        ):
            raise FormatError(f"the bytes of the {kind} {identity} have another id", 0)
        return content

    def _path(self, identity: str) -> str:
        return os.path.join(self.folder, "objects", identity[:2], identity[2:])


def _split(raw: bytes) -> tuple[bytes, bytes]:
    head, gap, message = raw.partition(b"\n\n")
    if not gap:
        # A commit without a message ends with its last header.
        head, message = raw.removesuffix(b"\n"), b""
    if b"\0" in head:
        raise FormatError("a NUL byte among the headers", head.index(b"\0"))
    return head, message


def _headers(head: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Key, value, and the bytes of the lines that hold them (from, to)."""
    key, value, start, at = b"", b"", 0, 0
    for line in head.split(b"\n"):
        end = at + len(line) + 1
        if line.startswith(b" ") and key:
            value += b"\n" + line[1:]
        else:
            if key:
                yield key, value, start, at
            key, space, value = line.partition(b" ")
            start = at
            if not space or not key:
                raise FormatError("a header line without a value", at)
        at = end
    yield key, value, start, at


def _line_starts(raw: bytes, mark: bytes, at: int) -> Iterator[int]:
    while (at := raw.find(mark, at)) >= 0:
        if raw[at - 1 : at] == b"\n":
            yield at
        at += len(mark)


def _identity(value: bytes) -> str:
    if not _ID.fullmatch(value):
        raise FormatError(f"{plain(repr(value), 80)} is no object id", 0)
    return value.decode()


def _person(value: bytes) -> Person:
    found = _PERSON.fullmatch(value)
    if not found:
        return Person(_text(value), 0)
    return Person(_text(found[1]), int(found[2]))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
