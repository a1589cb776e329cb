"""A git repository as a source: `git+https://host/repo@revision`, `git+file:///path@revision`, `git+ssh://…`.

What was asked for is resolved to one object before anything is read, and from then on only that object is meant: a
branch or a tag that moves meanwhile changes nothing, and a tag that moved is a refusal. The files come from the tree
of the commit; Git LFS objects are checked against their pointers. Beside the files lies a small bare repository with
the tag, the commit, its trees, its pointers and the commits before it: what `provenance.commits` verifies again.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime

from weighbridge.core.errors import FormatError, SourceError
from weighbridge.core.limits import Limits
from weighbridge.core.origin import Origin, Told
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sources.base import Fetched
from weighbridge.sources.git_address import Address, git_folder, parse_address
from weighbridge.sources.git_files import Leaf, Writing, leaves, write_files
from weighbridge.sources.git_objects import MAX_COMMIT, Commit, ObjectFolder, algorithm_of, parse_commit, parse_tag
from weighbridge.sources.git_program import Git, GitBounds, Objects, git, opened, run
from weighbridge.sources.lfs_remote import lfs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.settings import Settings
    from weighbridge.scan.engine import Watcher

FILES, OBJECTS = "files", "objects.git"
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LISTED = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64})\t([^\n]+)")
_MAX_TAGS = 4
"""A tag may be of a tag; nobody does this more than once or twice."""


class Resolved(NamedTuple):
    """The object that was asked for, and the name it had: a ref, or empty for a commit that was named itself."""

    id: str
    ref: str


class ReadCommit(NamedTuple):
    """A commit, the tags on the way to it, and every file and folder of its tree."""

    id: str
    tags: tuple[str, ...]
    commit: Commit
    leaves: list[Leaf]


class GitRepository(NamedTuple):
    """A repository and the revision that is wanted of it."""

    address: Address
    limits: Limits = Limits()
    bounds: GitBounds = GitBounds()

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Write the files of the revision below `into`/files, and what proves them below `into`/objects.git."""
        with places(into) as (home, files):
            return self._fetch(into, home, files, watcher)

    def _fetch(self, into: str, home: str, files: str, watcher: Watcher) -> Fetched:
        tool = git(home, self.address.scheme, self.bounds, os.environ)
        folder = local_folder(self.address)
        watcher.note("resolving the revision")
        asked = resolve(tool, self.address)
        bare = transfer(tool, self.address, asked, "--depth=1")
        if asked.ref.startswith("refs/tags/"):
            _check_unmoved(tool, self.address, asked)
        kept = ObjectFolder(os.path.join(into, OBJECTS))
        kept.create(algorithm_of(asked.id))
        with opened(tool, bare) as objects:
            read = read_commit(objects, asked.id, kept, self.limits.files, self.bounds)
            if not any(leaf.kind == "file" for leaf in read.leaves):
                raise SourceError(f"nothing to inspect: the commit {read.id} has no file", "name another revision")
            lfs = lfs_of(self.address, folder, tool)
            origins, left_out = write_files(
                read.leaves, Writing(objects, lfs, kept, files, watcher, self.bounds, packed_bytes(bare))
            )
        told = (
            Told("commit-time", f"{_time(read.commit.committer.time)}"),
            *people(read.commit),
            *([Told("ref", asked.ref)] if asked.ref else []),
            *(Told("tag-object", tag) for tag in read.tags),
            history(tool, self.address, read.id, kept),
            *left_out,
        )
        name = self.address.name
        origin = Origin("git", self.address.place, self.address.revision, read.id, origins, told, kept.folder)
        return Fetched(files, name, origin)


def open_git(text: str, settings: Settings) -> GitRepository:
    """The repository that `text` names. Raises UsageError if it cannot be one."""
    return GitRepository(parse_address(text), settings.limits)


def resolve(tool: Git, address: Address) -> Resolved:
    """Ask the repository what the revision is now. Raises SourceError if it has none, or two, of that name."""
    wanted = address.revision
    if _ID.fullmatch(wanted):
        return Resolved(wanted, "")
    refs = _refs(tool, address)
    if not wanted:
        if "HEAD" not in refs:
            raise SourceError("the repository does not say which branch is its main one", "name one after an @")
        return Resolved(refs["HEAD"], "HEAD")
    names = (wanted,) if wanted.startswith("refs/") else (f"refs/heads/{wanted}", f"refs/tags/{wanted}")
    there = [name for name in names if name in refs]
    if len(there) > 1:
        raise SourceError(
            f"the repository has a branch and a tag of the name {plain(wanted, 80)!r}",
            f"write @{there[0]} or @{there[1]}",
        )
    if not there:
        short = re.fullmatch(r"[0-9a-f]{4,39}", wanted)
        mend = "write the commit in full" if short else "name a commit, branch or tag that it has"
        raise SourceError(f"the repository has no branch and no tag {plain(wanted, 80)!r}", mend)
    return Resolved(refs[there[0]], there[0])


def _refs(tool: Git, address: Address) -> dict[str, str]:
    listed = run(tool, "ls-remote", "--quiet", "--", address.url, size=64 * 1024 * 1024, seconds=300)
    return {name.decode("utf-8", "surrogateescape"): identity.decode() for identity, name in _LISTED.findall(listed)}


def _check_unmoved(tool: Git, address: Address, asked: Resolved) -> None:
    now = _refs(tool, address).get(asked.ref, "nowhere")
    if now != asked.id:
        raise SourceError(
            f"the tag {plain(asked.ref, 80)!r} was moved while it was fetched: from {asked.id} to {now}",
            "a tag that moves is no name for anything: ask its owner, and name a commit",
        )


def local_folder(address: Address) -> str:
    """The git folder of a repository on this machine; empty for others."""
    if address.scheme != "file":
        return ""
    folder = git_folder(address.path)
    if os.path.lexists(os.path.join(folder, "objects", "info", "alternates")):
        raise SourceError(
            f"the repository {plain(address.path)!r} takes objects from another one (objects/info/alternates)",
            "run git repack -a -d in it and remove that file",
        )
    return folder


def transfer(tool: Git, address: Address, asked: Resolved, *options: str, size: int = 0) -> str:
    """Fetch one object and what hangs on it into a bare repository of our own; gives back its folder."""
    bare = os.path.join(tool.home, f"fetched-{len(os.listdir(tool.home))}.git")
    algorithm = algorithm_of(asked.id)
    run(tool, "init", "--quiet", "--bare", "--template=", f"--object-format={algorithm}", bare)
    arguments = ("--no-tags", "--quiet", "--no-auto-maintenance", "--no-show-forced-updates", *options)
    refspec = f"{asked.id}:refs/weighbridge/asked"
    run(tool, "--git-dir", bare, "fetch", *arguments, "--", address.url, refspec, size=size)
    return bare


def packed_bytes(bare: str) -> int:
    """Bytes of the packs of a bare repository."""
    folder = os.path.join(bare, "objects")
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(folder) for name in names)


@contextmanager
def places(into: str) -> Iterator[tuple[str, str]]:
    """A home for git, which is gone afterwards, and the folder for the files."""
    home, files = os.path.join(into, "git-home"), os.path.join(into, FILES)
    for folder in (home, files):
        os.mkdir(folder, 0o700)
    try:
        yield home, files
    finally:
        shutil.rmtree(home, ignore_errors=True)


def read_commit(objects: Objects, identity: str, kept: ObjectFolder, most_files: int, bounds: GitBounds) -> ReadCommit:
    """The commit that an object is or leads to; it and its trees are kept."""
    revision, tags = _peel(objects, identity, kept)
    raw = objects.read(revision, "commit", MAX_COMMIT)
    kept.put("commit", raw, algorithm_of(revision))
    commit = parse_commit(raw)
    return ReadCommit(revision, tuple(tags), commit, leaves(objects, commit.tree, kept, most_files, bounds))


def people(commit: Commit) -> tuple[Told, Told]:
    """Who wrote a commit and who made it, by their own words."""
    return Told("author", plain(commit.author.name, 200)), Told("committer", plain(commit.committer.name, 200))


def _peel(objects: Objects, identity: str, kept: ObjectFolder) -> tuple[str, list[str]]:
    """From the object that was asked for to a commit, over the tags in between, which are kept."""
    tags: list[str] = []
    kind = objects.kind_of(identity)
    while kind == "tag" and len(tags) < _MAX_TAGS:
        raw = objects.read(identity, "tag", MAX_COMMIT)
        tags.append(kept.put("tag", raw, algorithm_of(identity)))
        tag = parse_tag(raw)
        identity, kind = tag.target, tag.kind
    if kind != "commit":
        raise SourceError(f"{identity} is no commit but a {plain(kind, 20)}", "name a commit, branch or tag")
    return identity, tags


def history(tool: Git, address: Address, revision: str, kept: ObjectFolder) -> Told:
    """Keep the commits before this one, without their files, and tell how many say that they are signed.

    It is no reason to refuse a model that they cannot be had: then nothing is claimed about them.
    """
    most = tool.bounds.history
    try:
        bare = transfer(
            tool,
            address,
            Resolved(revision, ""),
            f"--depth={most}",
            "--filter=tree:0",
            size=tool.bounds.history_bytes,
        )
        listed = run(tool, "--git-dir", bare, "rev-list", f"--max-count={most}", "refs/weighbridge/asked")
        signed, ids = 0, listed.decode("ascii").split()
        with opened(tool, bare) as objects:
            for identity in ids:
                raw = objects.read(identity, "commit", MAX_COMMIT)
                kept.put("commit", raw, algorithm_of(identity))
                signed += bool(parse_commit(raw).signature)
    except (SourceError, FormatError) as error:
        return Told("history", f"unknown: {plain(error.cause, 200)}")
    return Told("history", f"{signed} of {len(ids)} commits have a signature")


def _time(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return "no time"
