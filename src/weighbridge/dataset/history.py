"""Which commits changed which records between two versions of a data set in one git repository.

    commits that the new version has and the old one has not, parents first
        → files whose blob is another than in the first parent → their records → records that came and went

Only records among the differences are followed, and only files that a commit changed are read. A merge is blamed for
what none of the merged commits did. Who wrote a commit is what it says; who signed it is judged by the trust store.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from contextlib import contextmanager

from weighbridge.core.artifact import unescape_name
from weighbridge.core.errors import FormatError, SourceError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.difference import Blame, Difference, Step, compared
from weighbridge.dataset.fingerprint import content
from weighbridge.provenance.commits import commit_signatures
from weighbridge.sources.checkout import BELOW, inner_path
from weighbridge.sources.git import Resolved, local_folder, packed_bytes, transfer
from weighbridge.sources.git_address import parse_address
from weighbridge.sources.git_files import Leaf, Writing, leaves, write_files
from weighbridge.sources.git_objects import MAX_COMMIT, ObjectFolder, algorithm_of, parse_commit
from weighbridge.sources.git_program import GitBounds, git, opened, run
from weighbridge.sources.lfs_remote import lfs_of
from weighbridge.sources.quarantine import quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.origin import Origin
    from weighbridge.core.settings import QuarantineSettings
    from weighbridge.scan.engine import Watcher
    from weighbridge.sources.base import Source
    from weighbridge.sources.git_address import Address
    from weighbridge.sources.git_program import Git, Objects

MOST_COMMITS = 2000
"""Commits between two versions that are looked at."""


class Asked(NamedTuple):
    """How two versions are compared: at most `most` files each, records by the column `key`."""

    most: int
    key: str
    trust: TrustPolicy
    now: datetime
    settings: QuarantineSettings
    watcher: Watcher


def sourced_difference(before: Source, after: Source, asked: Asked) -> Difference:
    """Compare two data sets from wherever they come; of one repository, with the commits. Raises SourceError."""
    with quarantine(asked.settings) as first, quarantine(asked.settings) as second:
        one, two = first.take(before, asked.watcher), second.take(after, asked.watcher)
        old = content(one.folder, asked.most, asked.key)
        try:
            new = content(two.folder, asked.most, asked.key)
            try:
                if not (one.origin.kind == two.origin.kind == "git" and one.origin.place == two.origin.place):
                    return compared(old, new)
                place = second.beside("history")
                return compared(old, new, lambda wanted: _blame(one.origin, two.origin, wanted, place, asked))
            finally:
                new.leaves.close()
        finally:
            old.leaves.close()


def _blame(old: Origin, new: Origin, wanted: set[bytes], place: str, asked: Asked) -> Blame:
    if not wanted or old.revision == new.revision:
        return Blame({}, {}, ())
    home = os.path.join(place, "git-home")
    os.mkdir(home, 0o700)
    address = parse_address(new.place)
    tool = git(home, address.scheme, GitBounds(), os.environ)
    try:
        bare = transfer(tool, address, Resolved(new.revision, ""))
        run(tool, "--git-dir", bare, "merge-base", "--is-ancestor", old.revision, new.revision)
        span = (new.revision, f"^{old.revision}")
        listed = run(tool, "--git-dir", bare, "rev-list", "--topo-order", f"--max-count={MOST_COMMITS + 1}", *span)
    except SourceError as error:
        return Blame({}, {}, (), f"the commits between them are not known: {error.cause}")
    identities = listed.decode("ascii").split()[::-1]
    if len(identities) > MOST_COMMITS:
        return Blame({}, {}, (), f"there are more than {MOST_COMMITS} commits between them")
    below = next((unescape_name(one.value) for one in new.told if one.key == BELOW), "")
    kept = ObjectFolder(os.path.join(place, "objects.git"))
    kept.create(algorithm_of(new.revision))
    with opened(tool, bare) as objects:
        walking = _Walking(tool, address, objects, kept, place, below, wanted, asked, packed_bytes(bare))
        try:
            for identity in identities:
                walking.step(identity)
        except (SourceError, FormatError) as error:
            return Blame({}, {}, (), f"the commits between them cannot be read: {error.cause}")
    return walking.blame(new.place)


class _Walking:
    """From commit to commit, and what each of them did."""

    def __init__(
        self,
        tool: Git,
        address: Address,
        objects: Objects,
        kept: ObjectFolder,
        place: str,
        below: str,
        wanted: set[bytes],
        asked: Asked,
        packed: int,
    ) -> None:
        folder = local_folder(address)
        self._lfs = lfs_of(address, folder, tool)
        self._objects, self._kept, self._place, self._below = objects, kept, place, below
        self._wanted, self._asked, self._packed = wanted, asked, packed
        self._trees: dict[str, dict[str, Leaf]] = {}
        self._records: dict[tuple[str, str], Counter[bytes]] = {}
        self._added: dict[bytes, list[str]] = {}
        self._removed: dict[bytes, list[str]] = {}
        self._authors: dict[str, str] = {}

    def step(self, identity: str) -> None:
        """Take one commit in."""
        raw = self._objects.read(identity, "commit", MAX_COMMIT)
        self._kept.put("commit", raw, algorithm_of(identity))
        commit = parse_commit(raw)
        self._authors[identity] = plain(commit.author.name, 80)
        files = self._tree(identity, commit.tree)
        before: dict[str, Leaf] = {}
        if commit.parents:
            first = parse_commit(self._objects.read(commit.parents[0], "commit", MAX_COMMIT))
            before = self._tree(commit.parents[0], first.tree)
        delta: Counter[bytes] = Counter()
        for path in files.keys() | before.keys():
            one, other = before.get(path), files.get(path)
            if (one and one.id) != (other and other.id):
                delta.update(self._of(path, other))
                delta.subtract(self._of(path, one))
        for leaf, number in delta.items():
            self._note(identity, leaf, number, merged=len(commit.parents) > 1)

    def _note(self, identity: str, leaf: bytes, number: int, *, merged: bool) -> None:
        own, other = (self._added, self._removed) if number > 0 else (self._removed, self._added)
        for _ in range(abs(number)):
            if merged and own.get(leaf):
                return
            if other.get(leaf):
                other[leaf].pop()
            else:
                own.setdefault(leaf, []).append(identity)

    def _tree(self, identity: str, tree: str) -> dict[str, Leaf]:
        if identity not in self._trees:
            found = leaves(self._objects, tree, self._kept, self._asked.most, GitBounds())
            self._trees[identity] = {
                path: leaf for leaf in found if leaf.kind == "file" and (path := inner_path(leaf.path, self._below))
            }
        return self._trees[identity]

    def _of(self, path: str, leaf: Leaf | None) -> Counter[bytes]:
        """The records of a file that are followed."""
        if leaf is None:
            return Counter()
        key = (path, leaf.id)
        if key not in self._records:
            with self._written(leaf._replace(path=path)) as folder:
                found = content(folder, self._asked.most, self._asked.key)
                try:
                    records = (entry.leaf for entry in found.leaves.entries())
                    self._records[key] = Counter(one for one in records if one in self._wanted)
                finally:
                    found.leaves.close()
        return self._records[key]

    @contextmanager
    def _written(self, leaf: Leaf) -> Iterator[str]:
        folder = os.path.join(self._place, "file")
        os.mkdir(folder, 0o700)
        try:
            watcher = self._asked.watcher
            writing = Writing(self._objects, self._lfs, self._kept, folder, watcher, GitBounds(), self._packed)
            write_files([leaf], writing)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def blame(self, place: str) -> Blame:
        """What was found out."""
        added = Counter(one for commits in self._added.values() for one in commits)
        removed = Counter(one for commits in self._removed.values() for one in commits)
        own = [identity for identity in self._authors if added[identity] or removed[identity]]
        signed = commit_signatures(self._kept, own, place, self._asked.trust, self._asked.now)
        steps = (
            Step(one, self._authors[one], signed[one].status.value, signed[one].evidence, added[one], removed[one])
            for one in own
        )
        return Blame(self._added, self._removed, tuple(steps))
