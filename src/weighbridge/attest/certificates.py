"""Signatures by certificate: a chain to an authority of the trust store, valid at the time of signing.

When something was signed, nobody knows but a timestamp authority (RFC 3161). Without a timestamp that holds, the chain
must be valid now: a certificate says nothing after its end, whatever the signer claims.
Revocation lists are not asked (there is no network here): take the authority or the holder out of the trust store.
"""

from __future__ import annotations

from weighbridge.attest.identities import matches_one, refusal_at
from weighbridge.attest.statement import malformed
from weighbridge.attest.timestamps import proven_time
from weighbridge.core.errors import KeyMissing, Rejected
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate, ExtensionType

    from weighbridge.attest.bundles import Bundle
    from weighbridge.attest.identities import TrustedAuthority

ISSUER, ISSUER_OLD = "1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1"
FULCIO = {
    "1.3.6.1.4.1.57264.1.9": "build-signer",
    "1.3.6.1.4.1.57264.1.11": "runner-environment",
    "1.3.6.1.4.1.57264.1.12": "source-repository",
    "1.3.6.1.4.1.57264.1.13": "source-digest",
    "1.3.6.1.4.1.57264.1.14": "source-ref",
    "1.3.6.1.4.1.57264.1.18": "build-config",
    "1.3.6.1.4.1.57264.1.21": "run",
}
"""What a Sigstore certificate says of the build that asked for it. Source: sigstore/fulcio, docs/oid-info.md."""


class Holder(NamedTuple):
    """The holder of a certificate that holds: its authority, what the certificate names, and when it signed."""

    authority: str
    identity: str
    signed_at: datetime | None


def certificate_holder(
    bundle: Bundle, authorities: Sequence[TrustedAuthority], *, predicate_type: str, place: str, now: datetime
) -> Holder:
    """Who signed this bundle, by a certificate of one of these authorities.

    Raises Rejected: evidence-malformed, signature-invalid, signer-unknown (no authority knows it, or none that may
    vouch for this place and type), signer-revoked (the authority counts no more), evidence-stale (the certificate is
    not valid now and no timestamp says when it was used).
    """
    chain = [read_certificate(raw) for raw in bundle.certificates]
    leaf = chain[0]
    check_signature(leaf, bundle)
    _check_usage(leaf)
    names = certificate_names(leaf)
    shown = plain(names[0], 120)
    clocks = [entry for entry in authorities if entry.purpose == "timestamp" and not entry.refusal]
    signed_at = proven_time(bundle, clocks)
    signing = [entry for entry in authorities if entry.purpose == "sign"]
    knowing = [entry for entry in signing if chains(chain, entry, signed_at or now)]
    if not knowing:
        middle = leaf.not_valid_before_utc + (leaf.not_valid_after_utc - leaf.not_valid_before_utc) / 2
        if any(chains(chain, entry, middle) for entry in signing):
            raise Rejected("evidence-stale", *_not_valid(leaf, shown, signed_at, now))
        raise Rejected(
            "signer-unknown", f"a certificate of {shown} by an unknown authority", "one by a trusted authority"
        )
    if refused := next((entry for entry in knowing if refusal_at(entry, signed_at)), None):
        why = plain(refusal_at(refused, signed_at), 200)
        raise Rejected(
            "signer-revoked",
            f"a certificate by {plain(refused.name, 80)!r}, which does not count: {why}",
            "an authority that counts today",
        )
    for entry in knowing:
        named = [name for name in names if matches_one(entry.subjects, name)]
        if named and matches_one(entry.sources, place) and entry.allows(predicate_type):
            return Holder(entry.name, named[0], signed_at)
    raise Rejected(
        "signer-unknown",
        f"a certificate of {shown} by {plain(knowing[0].name, 80)!r}, which may not vouch for this holder here",
        f"a holder that may sign what comes from {plain(place, 200)}",
    )


def read_certificate(raw: bytes) -> Certificate:
    """A certificate from DER. Raises Rejected (evidence-malformed)."""
    import warnings

    from cryptography import x509

    try:
        with warnings.catch_warnings(action="ignore"):  # what a hostile certificate makes the library say
            return x509.load_der_x509_certificate(raw)
    except (ValueError, x509.InvalidVersion) as error:
        raise malformed(f"a certificate that cannot be read ({plain(str(error), 120)})", "X.509 in DER") from error


def check_signature(leaf: Certificate, bundle: Bundle) -> None:
    """Raises Rejected (signature-invalid) unless the key in the certificate made the bundle's signature."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        pem = leaf.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        holds = bundle.signed_by(pem)
    except (KeyMissing, ValueError, UnsupportedAlgorithm) as error:
        raise malformed("a certificate with a key that signs no bundle", "a key on P-256, P-384 or P-521") from error
    if not holds:
        raise Rejected(
            "signature-invalid",
            "a signature that the key of its own certificate did not make over this payload",
            "a valid signature",
        )


def certificate_names(leaf: Certificate) -> list[str]:
    """Everything that the certificate names its holder by; at least the distinguished name."""
    from cryptography import x509

    names: list[str] = []
    for found in _extensions(leaf):
        if isinstance(found, x509.SubjectAlternativeName):
            for kind in (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName):
                names += map(str, found.get_values_for_type(kind))
    try:
        subject = leaf.subject.rfc4514_string()
    except ValueError as error:
        raise malformed("a certificate with a subject that cannot be read", "a distinguished name") from error
    return [*names, subject] if subject or not names else names


def sigstore_extensions(leaf: Certificate) -> dict[str, str]:
    """The issuer (`issuer`) and the build that a Sigstore certificate names. What is no text is left out."""
    from cryptography import x509

    extensions = {
        found.oid.dotted_string: found.value
        for found in _extensions(leaf)
        if isinstance(found, x509.UnrecognizedExtension)
    }
    said = {name: _utf8_string(extensions.get(oid, b"")) for oid, name in ((ISSUER, "issuer"), *FULCIO.items())}
    if ISSUER not in extensions:
        said["issuer"] = extensions.get(ISSUER_OLD, b"").decode("utf-8", "replace")
    return {name: text for name, text in said.items() if text}


def _extensions(leaf: Certificate) -> list[ExtensionType]:
    """Raises Rejected (evidence-malformed) for extensions that cannot be read."""
    from cryptography import x509

    try:
        return [found.value for found in leaf.extensions]
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise malformed("a certificate with extensions that cannot be read", "X.509 version 3") from error


def _utf8_string(raw: bytes) -> str:
    """A DER UTF8String of at most 65,535 bytes; empty for anything else."""
    if len(raw) < 2 or raw[0] != 0x0C:
        return ""
    length, start = raw[1], 2
    if length in (0x81, 0x82):
        start = 2 + (length & 0x7F)
        length = int.from_bytes(raw[2:start], "big")
    if start + length != len(raw):
        return ""
    return raw[start:].decode("utf-8", "replace")


def signs_code(leaf: Certificate) -> bool:
    """Whether a certificate is for signing, and not for something else (a server, another authority).

    Raises Rejected (evidence-malformed) for extensions that cannot be read.
    """
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    found = _extensions(leaf)
    usage = [entry for entry in found if isinstance(entry, x509.KeyUsage)]
    extended = [entry for entry in found if isinstance(entry, x509.ExtendedKeyUsage)]
    basic = [entry for entry in found if isinstance(entry, x509.BasicConstraints)]
    return (
        bool(usage or extended)
        and all(entry.digital_signature for entry in usage)
        and all(ExtendedKeyUsageOID.CODE_SIGNING in entry for entry in extended)
        and not any(entry.ca for entry in basic)
    )


def _check_usage(leaf: Certificate) -> None:
    if not signs_code(leaf):
        raise malformed("a certificate that is not for signing", "one for digital signatures or code signing")


def chains(chain: Sequence[Certificate], authority: TrustedAuthority, at: datetime) -> bool:
    """Whether a chain (the signer's first) leads to this authority and is valid at this time. Raises KeyMissing."""
    from cryptography import x509
    from cryptography.x509 import verification

    try:
        roots = x509.load_pem_x509_certificates(authority.pem)
    except ValueError as error:
        raise KeyMissing(
            f"the certificates of the authority {plain(authority.name, 80)!r} cannot be read", "give them as PEM"
        ) from error
    extended = verification.Criticality.AGNOSTIC
    issuers = verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(x509.ExtendedKeyUsage, extended, None)
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store(roots))
        .time(at)
        .extension_policies(ca_policy=issuers, ee_policy=verification.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    try:
        verifier.verify(chain[0], list(chain[1:]))
    except (verification.VerificationError, x509.UnsupportedGeneralNameType, ValueError):
        return False
    return True


def _not_valid(leaf: Certificate, shown: str, signed_at: datetime | None, now: datetime) -> tuple[str, str]:
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if signed_at is not None:
        got = f"a certificate of {shown}, valid from {start:%Y-%m-%d} to {end:%Y-%m-%d}, used on {signed_at:%Y-%m-%d}"
        return got, "one that was valid when it was used"
    if now > end:
        got = f"a certificate of {shown} that ended on {end:%Y-%m-%d}, with no trusted timestamp from before"
        return got, "a certificate that is valid now, or a timestamp that says when it was used"
    return f"a certificate of {shown} whose chain is not valid on {now:%Y-%m-%d}", "a chain that is valid now"
