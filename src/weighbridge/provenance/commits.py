"""The chain from a signature to the bytes that were scanned, every link of it computed again.

    signed tag → commit → tree → blob → sha256 of the bytes that were scanned
                    ↑              └──→ Git LFS pointer → sha256 of those bytes
              signature → key → trust store (owner, place, validity, revocation)

The objects come from the folder that the source kept and are hashed here once more, so a changed one has another id. A
plain blob was hashed by the source for its id and its sha256 in one pass over the same bytes; the tree names the one,
the scan found the other. The claims are apart, because they say different things: a commit without a signature still
says exactly which files it has, and a signed one proves nothing if the files are others.

SHA-1 is broken for whoever may choose both of two objects. git, as it is distributed, refuses objects of every known
attack when it fetches; an id is no more than that, so the claims say it, and what is stored goes by sha256 alone.
"""

from __future__ import annotations

from weighbridge.core.artifact import escape_name, unescape_name
from weighbridge.core.claims import Claim, Status
from weighbridge.core.errors import FormatError, NotFound
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.provenance.signed_objects import Judged, Signed, Signers
from weighbridge.sources.checkout import BELOW, inner_path
from weighbridge.sources.git_objects import (
    Commit,
    ObjectFolder,
    Tag,
    algorithm_of,
    parse_commit,
    parse_tag,
    parse_tree,
)
from weighbridge.sources.lfs import read_pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.origin import FileOrigin, Origin

COMMIT, TAG, FILES, HISTORY = "commit-signature", "tag-signature", "files-of-commit", "history-signed"
HISTORY_MOST = 50
"""Commits that the share of signed ones is taken of."""
_FOLDERS = 200_000
_SHOWN = 3


class _Broken(Exception):
    """A link of the chain does not hold; the text says which."""


def claims(
    origin: Origin,
    scanned: Mapping[str, str],
    trust: TrustPolicy,
    now: datetime,
    *,
    proven: datetime | None = None,
) -> tuple[Claim, ...]:
    """What the commit that a model comes from proves.

    `scanned` has the sha256 (hex) of every file that was scanned, by its escaped path. `proven` is a time at which this
    commit existed and that somebody else than its signer vouches for. Raises KeyMissing or UsageError if there is an
    OpenPGP signature and gpg cannot be used, or not with the keys of the trust store: then nothing is known.
    """
    if not origin.objects:
        why = _why_nothing(origin)
        return tuple(Claim(name, Status.ABSENT, why) for name in (COMMIT, TAG, FILES, HISTORY))
    kept = ObjectFolder(origin.objects)
    with Signers(trust, origin.place, now, proven) as signers:
        try:
            commit = _commit(kept, origin.revision)
        except _Broken as broken:
            why = f"the link to the commit is broken: {broken}"
            return tuple(
                Claim(name, Status.CONTRADICTED, why, origin.revision) for name in (COMMIT, TAG, FILES, HISTORY)
            )
        signature = _commit_claim(origin, commit, signers)
        return (
            signature,
            _tag_claim(origin, kept, signers),
            _files_claim(origin, kept, commit, scanned),
            _history_claim(origin, kept, signers),
        )


def commit_signatures(
    kept: ObjectFolder, identities: Iterable[str], place: str, trust: TrustPolicy, now: datetime
) -> dict[str, Claim]:
    """Who signed each of these commits, which are in the folder. Raises as `claims` does."""
    found = {}
    with Signers(trust, place, now, None) as signers:
        for identity in identities:
            try:
                judged = signers.judge(_signed_commit(identity, _commit(kept, identity)))
            except _Broken as broken:
                found[identity] = Claim(COMMIT, Status.CONTRADICTED, f"the commit is broken: {broken}")
                continue
            found[identity] = Claim(COMMIT, judged.status, judged.why, judged.who)
    return found


def _why_nothing(origin: Origin) -> str:
    if origin.kind == "git":
        return "the objects of the repository were not kept, so there is nothing to check signatures with"
    if origin.kind == "hub":
        return "the hub's interface gives files without their commit; ask for git+https:// to have signatures checked"
    return f"a source of the kind {origin.kind} has no commits"


def _commit_claim(origin: Origin, commit: Commit, signers: Signers) -> Claim:
    judged = signers.judge(_signed_commit(origin.revision, commit))
    parts = (Claim("hub-signature", Status.VERIFIED, judged.why, judged.who),) if judged.hub else ()
    return Claim(COMMIT, judged.status, f"{judged.why}{_names(commit, judged)}", judged.who, parts=parts)


def _names(commit: Commit, judged: Judged) -> str:
    """Author and committer are text that anybody can write; it is shown where it differs from who signed."""
    if judged.status is not Status.VERIFIED:
        return ""
    return f"; it names {plain(commit.author.name, 80)!r} as its author, which nothing but this signature proves"


def _tag_claim(origin: Origin, kept: ObjectFolder, signers: Signers) -> Claim:
    told = {item.key: item.value for item in origin.told}
    ref = told.get("ref", "")
    tags = [item.value for item in origin.told if item.key == "tag-object"]
    if not tags:
        lightweight = f"{plain(ref, 80)!r} is a name without a tag object, which cannot be signed"
        return Claim(TAG, Status.ABSENT, lightweight if ref.startswith("refs/tags/") else "no tag was asked for")
    try:
        tag = _checked_tag(kept, ref, tags, origin.revision)
    except _Broken as broken:
        return Claim(TAG, Status.CONTRADICTED, f"a broken link: {broken}", ref)
    judged = signers.judge(_signed_tag(tags[0], tag))
    parts = (Claim("hub-signature", Status.VERIFIED, judged.why, judged.who),) if judged.hub else ()
    return Claim(TAG, judged.status, judged.why, judged.who, parts=parts)


def _checked_tag(kept: ObjectFolder, ref: str, tags: list[str], revision: str) -> Tag:
    """The first of the tags that lead from `ref` to the commit. Raises _Broken if they do not."""
    first = tag = _tag(kept, tags[0])
    if ref.startswith("refs/tags/") and first.name != ref.removeprefix("refs/tags/"):
        named, own = plain(ref, 80), plain(first.name, 80)
        raise _Broken(f"the link from name to tag: {named!r} names a tag object that calls itself {own!r}")
    for identity in tags[1:]:
        if tag.kind != "tag" or tag.target != identity:
            raise _Broken(f"the link from tag to tag: {tag.kind} {tag.target} is not {identity}")
        tag = _tag(kept, identity)
    if tag.kind != "commit" or tag.target != revision:
        raise _Broken(f"the link from tag to commit: the tag leads to {tag.kind} {tag.target}, not to {revision}")
    return first


def _files_claim(origin: Origin, kept: ObjectFolder, commit: Commit, scanned: Mapping[str, str]) -> Claim:
    try:
        in_tree, others = _tree(kept, commit.tree)
        below = next((unescape_name(item.value) for item in origin.told if item.key == BELOW), "")
        in_tree = {
            escape_name(inner): identity
            for path, identity in in_tree.items()
            if (inner := inner_path(unescape_name(path), below))
        }
        _compare(origin, kept, in_tree, scanned)
    except _Broken as broken:
        return Claim(FILES, Status.CONTRADICTED, f"a broken link: {broken}", origin.revision)
    pointers = sum(bool(file.lfs_sha256) for file in origin.files)
    how = f"the {len(scanned)} files that were scanned are those of the commit {origin.revision}"
    lfs = f", {pointers} of them through Git LFS pointers" if pointers else ""
    left = f"; {others} links and submodules are not among them" if others else ""
    weak = (
        ""
        if algorithm_of(origin.revision) == "sha256"
        else "; its ids are SHA-1, which git searches for the known attacks"
    )
    return Claim(FILES, Status.VERIFIED, f"{how}{lfs}{left}{weak}", origin.revision)


def _compare(origin: Origin, kept: ObjectFolder, in_tree: Mapping[str, str], scanned: Mapping[str, str]) -> None:
    """Raises _Broken at the first link that does not hold."""
    named = {file.path: file for file in origin.files}
    for what, paths in (
        ("the commit has a file that was not scanned", in_tree.keys() - scanned.keys()),
        ("a file was scanned that the commit does not have", scanned.keys() - in_tree.keys()),
        ("a file of the commit did not come from the source", in_tree.keys() - named.keys()),
        ("the source gave a file that the commit does not have", named.keys() - in_tree.keys()),
    ):
        if paths:
            shown = ", ".join(plain(path, 80) for path in sorted(paths)[:_SHOWN])
            raise _Broken(f"the link from tree to files: {what} ({shown})")
    for path, identity in in_tree.items():
        _compare_file(kept, named[path], identity, scanned[path])


def _compare_file(kept: ObjectFolder, file: FileOrigin, identity: str, found: str) -> None:
    shown = plain(file.path, 120)
    if file.git_blob != identity:
        raise _Broken(f"the link from tree to blob at {shown}: the tree names {identity}, what came is {file.git_blob}")
    if file.lfs_sha256:
        try:
            pointer = read_pointer(kept.get(identity, "blob"))
        except (FormatError, NotFound) as error:
            raise _Broken(f"the link from tree to Git LFS pointer at {shown}: {error.cause}") from error
        if pointer is None or pointer.sha256 != file.lfs_sha256:
            raise _Broken(f"the link from Git LFS pointer to object at {shown}: the pointer names another object")
        if pointer.sha256 != found:
            raise _Broken(
                f"the link from Git LFS pointer to bytes at {shown}: the pointer names sha256:{pointer.sha256}, "
                f"what was scanned is sha256:{found}"
            )
    if file.sha256 != found:
        raise _Broken(
            f"the link from blob to bytes at {shown}: what came has sha256:{file.sha256}, "
            f"what was scanned sha256:{found}"
        )


def _tree(kept: ObjectFolder, root: str) -> tuple[dict[str, str], int]:
    """The ids of all files by escaped path, and how many links and submodules there are. Raises _Broken."""
    import os

    files: dict[str, str] = {}
    others, folders, pending = 0, 0, [("", root)]
    while pending:
        prefix, identity = pending.pop()
        folders += 1
        if folders > _FOLDERS:
            raise _Broken(f"the link from commit to tree: more than {_FOLDERS} folders")
        try:
            for entry in parse_tree(kept.get(identity, "tree"), algorithm_of(root)):
                path = prefix + os.fsdecode(entry.name)
                if entry.kind == "tree":
                    pending.append((f"{path}/", entry.id))
                elif entry.kind == "file":
                    files[escape_name(path)] = entry.id
                else:
                    others += 1
        except (FormatError, NotFound) as error:
            raise _Broken(f"the link from commit to tree: {error.cause}") from error
    return files, others


def _history_claim(origin: Origin, kept: ObjectFolder, signers: Signers) -> Claim:
    told = next((item.value for item in origin.told if item.key == "history"), "")
    counts = dict.fromkeys(Status, 0)
    hub = seen = 0
    pending, met = [origin.revision], {origin.revision}
    while pending and seen < HISTORY_MOST:
        identity = pending.pop(0)
        try:
            commit = parse_commit(kept.get(identity, "commit"))
        except NotFound:
            continue
        except FormatError as error:
            return Claim(HISTORY, Status.CONTRADICTED, f"a broken link: from commit to parent: {error.cause}")
        judged = signers.judge(_signed_commit(identity, commit))
        counts[judged.status] += 1
        hub += judged.hub
        seen += 1
        pending += [parent for parent in commit.parents if parent not in met]
        met.update(commit.parents)
    if not seen or told.startswith("unknown"):
        return Claim(HISTORY, Status.ABSENT, f"the commits before this one are not known ({plain(told, 200)})")
    good = counts[Status.VERIFIED]
    share = f"{good} of the last {seen} commits are signed by somebody who is trusted for this place"
    rest = [
        f"{number} {text}"
        for number, text in (
            (hub, "by the hub itself"),
            (counts[Status.DECLARED] - hub, "by others"),
            (counts[Status.CONTRADICTED], "with a signature that does not hold or a key that does not count"),
            (counts[Status.ABSENT], "not at all"),
        )
        if number
    ]
    value = f"{good}/{seen}"
    if counts[Status.CONTRADICTED]:
        return Claim(HISTORY, Status.CONTRADICTED, f"{share}; {', '.join(rest)}", value)
    status = (
        Status.VERIFIED if good == seen else Status.ABSENT if good + counts[Status.DECLARED] == 0 else Status.DECLARED
    )
    return Claim(HISTORY, status, "; ".join([share, ", ".join(rest)] if rest else [share]), value)


def _commit(kept: ObjectFolder, identity: str) -> Commit:
    try:
        return parse_commit(kept.get(identity, "commit"))
    except (FormatError, NotFound) as error:
        raise _Broken(error.cause) from error


def _tag(kept: ObjectFolder, identity: str) -> Tag:
    try:
        return parse_tag(kept.get(identity, "tag"))
    except (FormatError, NotFound) as error:
        raise _Broken(f"the link to the tag: {error.cause}") from error


def _signed_commit(identity: str, commit: Commit) -> Signed:
    return Signed("commit", identity, commit.signature, commit.payload, commit.committer.time)


def _signed_tag(identity: str, tag: Tag) -> Signed:
    return Signed("tag", identity, tag.signature, tag.payload, tag.tagger.time if tag.tagger else 0)
