"""OpenSSF Model Signing: one signature over the names and contents of all files of a model.

`model.sig` is a bundle (see `attest.dsse`) whose statement lists every file:

    subject         [{"name": <folder name>, "digest": {"sha256": <root>}}]
    predicateType   https://model_signing/signature/v1.0
    predicate       {"serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": false,
                                       "ignore_paths": ["model.sig"]},
                     "resources": [{"name": "a/b.bin", "algorithm": "sha256", "digest": <hex>}, …]}
    root            sha256 over the raw file digests in the order of `resources`
    order           by the parts of the path: a/b before a-b

Checked both ways against model-signing 1.1.1. Verification is narrower than the reference tool's, on purpose:
`ignore_paths` is chosen by the signer, so only the signature file and `.git` may be left out. The reference tool
always lists `.gitattributes`, `.gitignore` and `.github` there; the list is accepted, but a file of that name which
is not signed is refused like any other. The signature file is left out only if its bytes are the bundle itself.
The reference tool writes an empty keyid; here, and only here, that is accepted (the hint still names the key).
Empty folders and the folder's name are not covered by this format.
"""

from __future__ import annotations

import os
import stat

from weighbridge.attest.bundles import read_bundle
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import (
    PAYLOAD_TYPE,
    Subject,
    field,
    malformed,
    read_sha256,
    read_statement,
    write_statement,
)
from weighbridge.attest.trust import TrustPolicy, Verified, is_certified, open_statement
from weighbridge.attest.vouching import voucher
from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.errors import Rejected, SourceError
from weighbridge.core.evidence import MODEL_SIGNATURE_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.reader import FileSource, hash_file
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from weighbridge.attest.signers import Signer
    from weighbridge.attest.statement import Statement

SIGNATURE_FILE = "model.sig"
GIT_FOLDER = ".git"
ALWAYS_LISTED = frozenset({".gitattributes", ".gitignore", ".github"})
"""Ignore paths that the reference tool always writes. They are never left out here."""
SERIALIZATION = frozenset({"method", "hash_type", "allow_symlinks", "ignore_paths"})
NAMED_IN_ERROR = 20
"""Files that an error names one by one; it counts the others."""


class VerifiedModel(NamedTuple):
    """A folder whose files are exactly those that were signed by somebody who is trusted.

    `key_id` is the key, or what the certificate names. `name` is what the signer called it, `digest` the root digest.
    `unsigned` lists every file that the signature does not cover: the signature file itself and what lies below `.git`.
    """

    name: str
    digest: Digest
    signer_name: str
    key_id: str
    files: tuple[tuple[str, Digest], ...]
    unsigned: tuple[str, ...]


def sign_model(
    name: str,
    files: Sequence[tuple[str, Digest]],
    signer: Signer,
    *,
    signature_name: str = SIGNATURE_FILE,
    leave_out_git: bool = False,
) -> bytes:
    """The bundle to write to `signature_name` inside the model. `files` are POSIX paths relative to the model.

    `leave_out_git` says that `files` has nothing from the `.git` folder of a checkout. Raises SourceError if there
    are no files or a name cannot be signed (not UTF-8, not a plain relative path, listed twice).
    """
    ordered = sorted(files, key=lambda file: file[0].split("/"))
    if not ordered:
        raise SourceError("there are no files to sign", "name a folder with a model in it")
    for path in [name, *(path for path, _ in ordered)]:
        if not _encodable(path):
            raise SourceError(f"the name {plain(path, 200)} is not valid UTF-8 and cannot be signed", "rename it")
    previous = ""
    for path, _ in ordered:
        if not _is_plain(path) or path in (previous, signature_name):
            raise SourceError(
                f"the path {plain(path, 200)} cannot be signed",
                "sign each file once, by its path inside the model, without the signature file",
            )
        previous = path
    ignored = [GIT_FOLDER, signature_name] if leave_out_git else [signature_name]
    predicate = {
        "serialization": {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": ignored,
        },
        "resources": [{"name": path, "algorithm": "sha256", "digest": digest.hex} for path, digest in ordered],
    }
    subject = Subject(name, root_digest(digest for _, digest in ordered))
    return seal(write_statement([subject], MODEL_SIGNATURE_PREDICATE, predicate), PAYLOAD_TYPE, signer)


def root_digest(digests: Iterable[Digest]) -> Digest:
    """One digest for files in signing order: sha256 over their raw digests."""
    return digest_bytes(b"".join(digest.raw for digest in digests))


def verify_model(
    folder: str,
    bundle: bytes,
    trust: TrustPolicy,
    *,
    signature_name: str = SIGNATURE_FILE,
    now: datetime | None = None,
) -> VerifiedModel:
    """Verify that a folder holds exactly the files that somebody signed who is trusted, by hashing all of them here.

    At `now` a certificate must be valid; without it only signatures by key are verified. Raises Rejected:
    evidence-malformed, signer-unknown, signer-revoked, evidence-stale or signature-invalid for the bundle;
    digest-mismatch for a changed, missing or extra file, a symbolic link, or anything else that is not a regular file.
    The error names the files. Raises SourceError if the folder cannot be read.
    """
    verified = _open(bundle, trust, now)
    signed, ignores_git = _read_resources(verified.statement, signature_name)
    present, unsigned = _walk(folder, ignores_git=ignores_git)
    if signature_name in present and signature_name not in signed:
        present.discard(signature_name)
        unsigned.append(signature_name)
        if _hash(folder, signature_name) != digest_bytes(bundle):
            raise _mismatch(f"another {plain(signature_name, 200)} in the folder", "the signature that is verified")
    if extra := present - signed.keys():
        raise _mismatch(f"files that are not signed: {_names(extra)}", "only signed files")
    if missing := signed.keys() - present:
        raise _mismatch(f"no file for these signed names: {_names(missing)}", "every signed file")
    changed = [path for path, digest in signed.items() if _hash(folder, path) != digest]
    if changed:
        raise _mismatch(f"files that were changed after signing: {_names(changed)}", "the bytes that were signed")
    subject = verified.statement.subjects[0]
    return VerifiedModel(
        subject.name,
        subject.digest,
        verified.signer_name,
        verified.key_id,
        tuple(signed.items()),
        tuple(sorted(unsigned)),
    )


def _open(bundle: bytes, trust: TrustPolicy, now: datetime | None) -> Verified:
    """The statement of a bundle and who signed it: a key, or (only here) a certificate or an identity of Sigstore."""
    kind = MODEL_SIGNATURE_PREDICATE
    if now is None or not is_certified(bundle):
        return open_statement(bundle, trust, predicate_type=kind, keyid_optional=True, now=now)
    read = read_bundle(bundle)
    signer = voucher(read, trust, predicate_type=kind, place="", now=now)
    statement = read_statement(read.payload)
    if statement.predicate_type != kind:
        raise malformed(f"a statement of type {plain(statement.predicate_type, 120)}", kind)
    return Verified(signer.name, signer.identity, statement)


def _read_resources(statement: Statement, signature_name: str) -> tuple[dict[str, Digest], bool]:
    """The signed files in their order, and whether `.git` is left out."""
    signed, ignored = signed_files(statement)
    if unacceptable := ignored - ALWAYS_LISTED - {signature_name, GIT_FOLDER}:
        raise malformed(
            f"a signature that leaves out {_names(unacceptable)}",
            f"one that leaves out nothing but {plain(signature_name, 200)} and {GIT_FOLDER}",
        )
    return signed, GIT_FOLDER in ignored


def signed_files(statement: Statement) -> tuple[dict[str, Digest], frozenset[str]]:
    """The files that a model signature names, in their order, and the paths that its signer chose to leave out.

    What the signer left out must not matter to whoever compares: it says what is not signed, not that it need not be.
    Raises Rejected (evidence-malformed) for another way to sign a model, or names and digests that do not fit.
    """
    predicate = statement.predicate
    serialization = field(predicate, "serialization", dict, "the model signature")
    if unknown := serialization.keys() - SERIALIZATION:
        raise malformed(f"the serialization settings {_names(unknown)}", "files, each hashed whole")
    for setting, wanted in (("method", "files"), ("hash_type", "sha256")):
        if (found := serialization.get(setting)) != wanted:
            raise malformed(f"a model signed with the {setting} {plain(str(found), 40)!r}", repr(wanted))
    if field(serialization, "allow_symlinks", bool, "the serialization"):
        raise malformed("a model signed with symbolic links allowed", "a signature over regular files")
    ignored = frozenset(
        map(str, field({"ignore_paths": [], **serialization}, "ignore_paths", list, "the serialization"))
    )
    signed: dict[str, Digest] = {}
    for resource in field(predicate, "resources", list, "the model signature"):
        if not isinstance(resource, dict) or resource.get("algorithm") != "sha256":
            raise malformed("a signed file without a sha256 digest", "sha256 for every file")
        path = field(resource, "name", str, "a signed file")
        if not _is_plain(path) or path in signed:
            raise malformed(f"the signed name {plain(path, 200)!r}", "plain relative paths, each once")
        signed[path] = read_sha256(resource.get("digest"), "a signed file")
    if len(statement.subjects) != 1 or not signed:
        raise malformed(
            f"{len(statement.subjects)} subjects and {len(signed)} files", "one subject and at least one file"
        )
    root = root_digest(signed.values())
    if statement.subjects[0].digest != root:
        raise malformed(f"a root digest {statement.subjects[0].digest}", f"{root}, which the listed files have")
    return signed, ignored


def _walk(folder: str, *, ignores_git: bool) -> tuple[set[str], list[str]]:
    """Relative paths of all regular files that must be signed, and of those below `.git` that need not be."""
    present: set[str] = set()
    unsigned: list[str] = []
    waiting = [""]
    try:
        while waiting:
            inside = waiting.pop()
            with os.scandir(os.path.join(folder, inside)) as entries:
                for entry in entries:
                    path = f"{inside}{entry.name}"
                    in_git = ignores_git and path.split("/", 1)[0] == GIT_FOLDER
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{path}/")
                    elif in_git and path != GIT_FOLDER:
                        unsigned.append(path)
                    elif entry.is_file(follow_symlinks=False):
                        present.add(path)
                    else:
                        kind = "a symbolic link" if entry.is_symlink() else "a special file"
                        raise _mismatch(f"{kind}: {plain(path, 200)}", "regular files only")
    except OSError as error:
        raise _unreadable(folder, error) from error
    return present, unsigned


def _hash(folder: str, path: str) -> Digest:
    try:
        # O_NOFOLLOW and O_NONBLOCK: the file may have become a link or a pipe since it was listed.
        fd = os.open(os.path.join(folder, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _mismatch(f"a special file: {plain(path, 200)}", "regular files only")
            digest, same = hash_file(FileSource(fd, status.st_size))
            if not same or os.fstat(fd).st_size != status.st_size:
                raise _mismatch(f"a file that changed while it was read: {plain(path, 200)}", "files at rest")
            return digest
        finally:
            os.close(fd)
    except OSError as error:
        raise _unreadable(os.path.join(folder, path), error) from error


def _is_plain(path: str) -> bool:
    return "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _names(paths: Iterable[str]) -> str:
    ordered = sorted(paths)
    more = f" and {len(ordered) - NAMED_IN_ERROR} more" if len(ordered) > NAMED_IN_ERROR else ""
    return ", ".join(plain(path, 200) for path in ordered[:NAMED_IN_ERROR]) + more


def _mismatch(got: str, expected: str) -> Rejected:
    return Rejected("digest-mismatch", got, expected)


def _unreadable(path: str, error: OSError) -> SourceError:
    return SourceError(f"{plain(path, 200)} cannot be read: {error.strerror}", "check the path and its permissions")
