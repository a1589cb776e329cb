"""OpenSSF model signatures that come with a model, and signatures over single files (as cosign makes them).

A signature proves nothing by being there: its signer must be trusted for this source, and it must be over exactly the
files that were inspected. What a signer chose to leave out (`ignore_paths`) is not taken from the signer: every file
that is not signed is named. Three names are excepted, `.gitattributes`, `.gitignore` and `.github`, which the
reference tool always leaves out: with one of them unsigned the claim is not verified, and not contradicted either.
"""

from __future__ import annotations

from weighbridge.attest.model_signing import ALWAYS_LISTED, signed_files
from weighbridge.attest.vouching import voucher
from weighbridge.core.artifact import escape_name
from weighbridge.core.claims import Claim, Status
from weighbridge.core.errors import Rejected, UsageError
from weighbridge.core.evidence import MODEL_SIGNATURE_PREDICATE
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.provenance.weighing import least, named, together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.attest.vouching import Voucher
    from weighbridge.provenance.signature_files import Found, Signed

MODEL_SIGNATURE = "model-signature"
FILE_SIGNATURE = "file-signature"
FILE_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
"""What an entry of the trust store must allow, so that a signature over a single file counts."""


def model_signature(
    found: Found, files: Mapping[str, str], links: Sequence[str], trust: TrustPolicy, *, place: str, now: datetime
) -> Claim:
    """Who signed the model as a whole. `files` are escaped paths with their sha256; `links` what is no regular file."""
    claims = []
    for entry in found.signed:
        if entry.statement is None or entry.statement.predicate_type != MODEL_SIGNATURE_PREDICATE:
            continue
        signer = signer_claim(f"{MODEL_SIGNATURE}/signer", entry, trust, MODEL_SIGNATURE_PREDICATE, place, now)
        content = _content(entry, files, links, found.evidence, signer)
        claims.append(together(MODEL_SIGNATURE, entry.path, (signer, content), signer.value))
    if claims:
        return least(claims)
    unread = [entry for entry in found.unusable if entry.path.lower().endswith(".sig")]
    if unread:
        why = f"{unread[0].path} is no model signature that can be read: {unread[0].why}"
        return Claim(MODEL_SIGNATURE, Status.DECLARED, why)
    return Claim(MODEL_SIGNATURE, Status.ABSENT, "there is no model signature among the files")


def file_signature(
    found: Found, files: Mapping[str, str], trust: TrustPolicy, *, place: str, now: datetime
) -> Claim | None:
    """Who signed single files; None if nobody did."""
    parts = []
    for entry in found.signed:
        if entry.statement is not None:
            continue
        beside = entry.path.rpartition("/")[2] if entry.given else entry.path
        for suffix in (".sigstore.json", ".sigstore", ".sig"):
            beside = beside.removesuffix(suffix)
        about = f"{FILE_SIGNATURE}/{beside}"
        digest = entry.bundle.message_digest
        if files.get(beside, digest) != digest:
            parts.append(Claim(about, Status.CONTRADICTED, f"{entry.path} is over other bytes than those of {beside}"))
            continue
        covered = sorted(path for path, sha256 in files.items() if sha256 == digest)
        if not covered:
            parts.append(Claim(about, Status.DECLARED, f"{entry.path} is over none of the files"))
            continue
        signer = signer_claim(about, entry, trust, FILE_PREDICATE, place, now)
        parts.append(signer._replace(evidence=f"{covered[0]}: {signer.evidence}"))
    if not parts:
        return None
    worst = min(parts, key=lambda part: (part.status is not Status.CONTRADICTED, part.status is Status.VERIFIED))
    more = f"; {len(parts)} signatures over single files" if len(parts) > 1 else ""
    return Claim(FILE_SIGNATURE, worst.status, worst.evidence + more, parts=tuple(parts))


def signer_claim(name: str, entry: Signed, trust: TrustPolicy, predicate_type: str, place: str, now: datetime) -> Claim:
    """Who signed a bundle: verified, declared (a stranger, or nothing to prove it with) or contradicted (a forgery)."""
    return signer_and_claim(name, entry, trust, predicate_type, place, now)[1]


def signer_and_claim(
    name: str, entry: Signed, trust: TrustPolicy, predicate_type: str, place: str, now: datetime
) -> tuple[Voucher | None, Claim]:
    """As `signer_claim`, and the signer too if it is verified."""
    try:
        signer = voucher(entry.bundle, trust, predicate_type=predicate_type, place=place, now=now)
    except Rejected as error:
        forged = error.code in ("signature-invalid", "evidence-malformed", "signer-revoked")
        return None, Claim(name, Status.CONTRADICTED if forged else Status.DECLARED, f"{entry.path}: {error.cause}")
    except UsageError as error:
        return None, Claim(name, Status.ABSENT, f"{entry.path}: {error.cause}: {error.mend}")
    value = f"{signer.method}:{signer.name}"
    return signer, Claim(name, Status.VERIFIED, f"{entry.path}: {signer.sentence}", value)


def _content(
    entry: Signed, files: Mapping[str, str], links: Sequence[str], evidence: frozenset[str], signer: Claim
) -> Claim:
    name = f"{MODEL_SIGNATURE}/files"
    assert entry.statement is not None  # noqa: S101 -- only statements come here
    try:
        listed, left_out = signed_files(entry.statement)
    except Rejected as error:
        return Claim(name, Status.CONTRADICTED, f"{entry.path}: {error.cause}")
    signed = {escape_name(path): digest.hex for path, digest in listed.items()}
    unsigned = files.keys() - signed.keys() - evidence
    excused = {path for path in unsigned if path.split("/")[0] in ALWAYS_LISTED & left_out}
    links_here = [path for path in links if path.split("/")[0] not in ALWAYS_LISTED & left_out]
    chosen = " (the signer chose to leave it out)" if any(path in left_out for path in unsigned - excused) else ""
    for odd, what in (
        (links_here, "is no regular file, and no signature is over what it leads to"),
        ([path for path in signed if path in files and files[path] != signed[path]], "is not what was signed"),
        (signed.keys() - files.keys(), "was signed and is not there"),
        (unsigned - excused, f"is not signed{chosen}"),
    ):
        if odd:
            return Claim(name, Status.CONTRADICTED, f"{entry.path}: {named(odd)} {what}")
    covered = f"{len(signed)} of {len(files.keys() - (evidence - signed.keys()))} files"
    if excused:
        return Claim(name, Status.DECLARED, f"{entry.path} is over {covered}, not over {named(excused)}", covered)
    status = Status.VERIFIED if signer.status is Status.VERIFIED else Status.DECLARED
    besides = evidence - signed.keys()
    also = f"; signatures themselves are not signed: {named(besides)}" if len(besides) > 1 else ""
    return Claim(name, status, f"{entry.path} is over exactly these {len(signed)} files{also}", covered)
