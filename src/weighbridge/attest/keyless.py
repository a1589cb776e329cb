"""Sigstore without keys: a certificate of ten minutes, bound to an identity, logged, dated, checked without a network.

The library `sigstore` (extra `sigstore`) checks, with a trusted root that is a file: the certificate chain and its
entry in the certificate log, the entry in the transparency log (proof of inclusion, checkpoint and promise), the
timestamps, the signature, and that all of them are about each other. What it does not ask is asked here: whether the
log was in use at that time, and whether the identity may vouch for a model from this place.
Source: sigstore/protobuf-specs, sigstore_trustroot.proto.
"""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.attest.certificates import certificate_names, read_certificate, sigstore_extensions
from weighbridge.attest.identities import matches, matches_one, refusal_at
from weighbridge.attest.statement import malformed, strict_object
from weighbridge.core.errors import KeyMissing, Rejected, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from cryptography.x509 import Certificate

    from weighbridge.attest.bundles import Bundle
    from weighbridge.attest.identities import TrustedIdentity

PUBLIC_INSTANCE = "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev"
"""The folder of the library that holds the root of the public instance."""


class Identified(NamedTuple):
    """Who signed: the name in the trust store, the identity and its issuer, the time, and what is said of the build."""

    name: str
    identity: str
    issuer: str
    signed_at: datetime | None
    extensions: Mapping[str, str]


def identified(
    bundle: Bundle, identities: Sequence[TrustedIdentity], root: bytes, *, predicate_type: str, place: str
) -> Identified:
    """Who signed this bundle, if it is one of these identities. `root` is a trusted_root.json (empty: the public one).

    Raises Rejected: evidence-malformed, signature-invalid (a link of the chain does not hold; the sentence says which),
    signer-unknown, signer-revoked. Raises UsageError without the library, KeyMissing for a root that cannot be read.
    """
    text = root or public_root()
    _verify(bundle, text)
    signed_at = _logged_at(bundle, text)
    leaf = read_certificate(bundle.certificates[0])
    extensions = sigstore_extensions(leaf)
    return _one_of(identities, leaf, extensions, signed_at, predicate_type, place)


def public_root() -> bytes:
    """The trusted root of the public instance as the library brings it. Raises UsageError without the library."""
    _library()
    from importlib.resources import files

    try:
        return (files("sigstore._store") / PUBLIC_INSTANCE / "trusted_root.json").read_bytes()
    except (OSError, ModuleNotFoundError) as error:
        raise KeyMissing(
            "this version of sigstore brings no trusted root", "name a trusted_root.json in the settings"
        ) from error


def _library() -> None:
    try:
        import sigstore.models  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "a Sigstore signature cannot be checked without the library sigstore",
            "pip install 'weighbridge[sigstore]'",
        ) from error


def _verify(bundle: Bundle, root: bytes) -> None:
    _library()
    import warnings

    from cryptography import exceptions, x509
    from sigstore.errors import CertValidationError, Error
    from sigstore.hashes import Hashed
    from sigstore.models import Bundle as TheirBundle
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier
    from sigstore_models.common.v1 import HashAlgorithm
    from sigstore_models.trustroot.v1 import TrustedRoot as RootRecord

    try:
        verifier = Verifier(trusted_root=TrustedRoot(RootRecord.from_json(root)))
    except (Error, ValueError, TypeError) as error:
        raise KeyMissing(
            f"the trusted root of Sigstore cannot be used: {plain(str(error), 120)}", "name a trusted_root.json"
        ) from error
    # What the library and those below it raise on hostile bytes; whatever else it is ends in status 2.
    hostile = (
        *(Error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError),
        *(exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm, x509.ExtensionNotFound),
        *(x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType),
    )
    payload = b""
    try:
        with warnings.catch_warnings(action="ignore"):  # what a hostile certificate makes the library say
            theirs = TheirBundle.from_json(bundle.raw)
            if bundle.message_digest:
                digest = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(bundle.message_digest))
                verifier.verify_artifact(digest, theirs, _Whoever())
            else:
                _, payload = verifier.verify_dsse(theirs, _Whoever())
    except CertValidationError as error:
        raise Rejected(
            "signer-unknown",
            f"a Sigstore certificate that does not lead to the trusted root ({plain(str(error), 160)})",
            "a certificate by an authority of the trusted root, valid when it was used",
        ) from error
    except hostile as error:
        raise Rejected(
            "signature-invalid", f"a Sigstore bundle that does not hold: {plain(str(error), 200)}", "every link to hold"
        ) from error
    if payload != bundle.payload:
        raise malformed("a bundle that two readers read differently", "one payload")


class _Whoever:
    """The library's place for a policy: who it was is asked afterwards, so that a stranger is told from a forgery."""

    def verify(self, cert: Certificate) -> None:
        """Any holder."""


def _logged_at(bundle: Bundle, root: bytes) -> datetime | None:
    """The time of the log entry, if it has one. Raises Rejected if its log was not in use then."""
    material = strict_object(bundle.raw, "a bundle").get("verificationMaterial")
    entries = material.get("tlogEntries") if isinstance(material, dict) else None
    if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
        return None
    entry = entries[0]
    seconds = str(entry.get("integratedTime") or "")
    if not seconds.isdigit() or not entry.get("inclusionPromise") or len(seconds) > 11:
        return None
    at = datetime.fromtimestamp(int(seconds), UTC)
    log = entry.get("logId")
    for known in strict_object(root, "the trusted root").get("tlogs") or []:
        if isinstance(known, dict) and known.get("logId") == log and not _in_use(known.get("publicKey"), at):
            raise Rejected(
                "signature-invalid",
                f"an entry of {at:%Y-%m-%d} in a log that was not in use then",
                "an entry from the time of the log",
            )
    return at


def _in_use(key: Any, at: datetime) -> bool:
    period = key.get("validFor") if isinstance(key, dict) else None
    if not isinstance(period, dict):
        return True
    start, end = period.get("start"), period.get("end")
    return (not start or datetime.fromisoformat(start) <= at) and (not end or at <= datetime.fromisoformat(end))


def _one_of(
    identities: Sequence[TrustedIdentity],
    leaf: Certificate,
    extensions: Mapping[str, str],
    signed_at: datetime | None,
    predicate_type: str,
    place: str,
) -> Identified:
    issuer = extensions.get("issuer", "")
    names = certificate_names(leaf)
    known = [
        (entry, name)
        for entry in identities
        for name in names
        if entry.issuer == issuer and matches(entry.identity, name)
    ]
    who = f"{plain(names[0], 160)} (by {plain(issuer, 120) or 'nobody'})"
    if not known:
        raise Rejected("signer-unknown", f"a Sigstore signature by {who}", "one by a trusted identity")
    if refused := next((entry for entry, _ in known if refusal_at(entry, signed_at)), None):
        why = plain(refusal_at(refused, signed_at), 200)
        raise Rejected(
            "signer-revoked",
            f"a Sigstore signature by {plain(refused.name, 80)!r}, who does not count: {why}",
            "an identity that counts today",
        )
    for entry, name in known:
        if matches_one(entry.sources, place) and entry.allows(predicate_type):
            return Identified(entry.name, name, issuer, signed_at, extensions)
    raise Rejected(
        "signer-unknown",
        f"a Sigstore signature by {who}, who may not vouch for this",
        f"an identity that may sign what comes from {plain(place, 200)}",
    )
