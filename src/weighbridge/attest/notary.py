"""Notary Project signatures: what Notation and Ratify look for beside an artifact.

The signature is a referrer of the manifest that it signs, with one layer:

    artifactType    application/vnd.cncf.notary.signature
    layer           application/jose+json, a flattened JWS:
                    {"payload": …, "protected": …, "header": {"x5c": […], "io.cncf.notary.signingAgent": …},
                     "signature": …}                       base64url without padding; x5c: base64 of DER, leaf to root
    annotation      io.cncf.notary.x509chain.thumbprint#S256: JSON list of the certificates' SHA-256, hexadecimal

    payload         {"targetArtifact": {"mediaType", "digest", "size"}}
    protected       {"alg": "ES256", "cty": "application/vnd.cncf.notary.payload.v1+json",
                     "crit": ["io.cncf.notary.signingScheme"], "io.cncf.notary.signingScheme": "notary.x509",
                     "io.cncf.notary.signingTime": "2026-06-23T10:00:00Z"}

What is signed is `protected.payload` as ASCII; an ES256 signature is r and s, 32 bytes each (RFC 7518, 3.4).
Certificates: authorities with critical basic constraints and key usage keyCertSign, the signer's with critical key
usage digitalSignature and code signing, and the chain complete up to its root.
Sources: github.com/notaryproject/specifications, signature-specification.md, signature-envelope-jws.md and
"Certificate Requirements". No program of the project was at hand: the form is checked by an independent JWS library.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import warnings
from datetime import UTC, datetime, timedelta

from weighbridge import __version__
from weighbridge.attest.certificates import certificate_names, chains, read_certificate
from weighbridge.attest.identities import matches_one
from weighbridge.attest.signers import signature_holds
from weighbridge.attest.statement import field, malformed, strict_object
from weighbridge.core.digests import canonical_json
from weighbridge.core.errors import KeyMissing, Rejected
from weighbridge.core.evidence import NOTARY_SIGNATURE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cryptography.x509 import Certificate

    from weighbridge.attest.certified import CertifiedKey
    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.digests import Digest

ENVELOPE_TYPE = "application/jose+json"
PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
THUMBPRINTS = "io.cncf.notary.x509chain.thumbprint#S256"
SCHEME, X509 = "io.cncf.notary.signingScheme", "notary.x509"
SIGNING_TIME, AGENT = "io.cncf.notary.signingTime", "io.cncf.notary.signingAgent"
MAX_SIGNATURE = 1024 * 1024
MAX_CERTIFICATES = 10
CLOCK_SKEW = timedelta(minutes=10)


class Target(NamedTuple):
    """The manifest that is signed: media type, digest and size in bytes."""

    media_type: str
    digest: Digest
    size: int


class NotarySigned(NamedTuple):
    """Who signed a manifest."""

    authority: str
    identity: str


def notary_signature(target: Target, signer: CertifiedKey, at: datetime) -> bytes:
    """A JWS envelope over a manifest. Raises KeyMissing if the chain breaks the project's rules."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    if why := broken_rule([read_certificate(raw) for raw in signer.certificates]):
        raise KeyMissing(
            f"the certificates do not fit the Notary Project: {why}", "mend them, or set notation = false in [signer]"
        )
    payload = {"targetArtifact": {"mediaType": target.media_type, "digest": str(target.digest), "size": target.size}}
    protected = {
        "alg": "ES256",
        "crit": [SCHEME],
        "cty": PAYLOAD_TYPE,
        SCHEME: X509,
        SIGNING_TIME: f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    first, second = _b64url(canonical_json(protected)), _b64url(canonical_json(payload))
    r, s = decode_dss_signature(signer.key.sign(f"{first}.{second}".encode()))
    return canonical_json(
        {
            "payload": second,
            "protected": first,
            "header": {
                "x5c": [base64.b64encode(raw).decode() for raw in signer.certificates],
                AGENT: f"weighbridge/{__version__}",
            },
            "signature": _b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big")),
        }
    )


def thumbprints(certificates: Sequence[bytes]) -> str:
    """The value of the annotation THUMBPRINTS."""
    return json.dumps([hashlib.sha256(raw).hexdigest() for raw in certificates], separators=(",", ":"))


def verify_notary(envelope: bytes, target: Target, trust: TrustPolicy, now: datetime) -> NotarySigned:
    """Verify a signature of this manifest by a certificate of an authority that may sign evidence (see `attest.trust`).

    Only ES256 is read, as it is written here. The signature's own time proves nothing: the chain must be valid at
    `now`. Raises Rejected: evidence-malformed, signature-invalid, digest-mismatch, signer-unknown, signer-revoked.
    """
    if len(envelope) > MAX_SIGNATURE:
        raise malformed(f"a signature of {len(envelope)} bytes", f"at most {MAX_SIGNATURE}")
    top = strict_object(envelope, "a Notary signature")
    if top.keys() != {"payload", "protected", "header", "signature"}:
        raise malformed("a Notary signature with other members", "payload, protected, header and signature")
    first, second = field(top, "protected", str, "a signature"), field(top, "payload", str, "a signature")
    protected = strict_object(_unb64url(first), "the protected header")
    _check_header(protected, now)
    chain = _chain(field(top, "header", dict, "a signature"))
    try:
        with warnings.catch_warnings(action="ignore"):  # what a hostile certificate makes the library say
            why = broken_rule(chain)
    except (ValueError, TypeError) as error:  # the library reads the parts of a certificate when they are asked for
        raise malformed("a chain with a certificate that cannot be read", "X.509 in DER") from error
    if why:
        raise malformed(f"a chain that breaks the project's rules: {why}", "a chain for code signing up to its root")
    _check_signature(chain[0], f"{first}.{second}".encode(), _unb64url(field(top, "signature", str, "a signature")))
    payload = strict_object(_unb64url(second), "the payload")
    signed = field(payload, "targetArtifact", dict, "the payload")
    wanted = {"mediaType": target.media_type, "digest": str(target.digest), "size": target.size}
    if {key: signed.get(key) for key in wanted} != wanted:
        raise Rejected(
            "digest-mismatch", f"a signature of {plain(str(signed.get('digest')), 120)}", f"one of {target.digest}"
        )
    with warnings.catch_warnings(action="ignore"):
        return _known(chain, trust, now)


def broken_rule(chain: Sequence[Certificate]) -> str:
    """The rule for certificates that a chain breaks, the signer's first; empty if none is."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    if chain[-1].issuer != chain[-1].subject:
        return "the chain does not end with its root"
    for number, certificate in enumerate(chain):
        try:
            found = {type(entry.value): entry for entry in certificate.extensions}
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            return f"certificate {number + 1} has extensions that cannot be read"
        usage, basic = found.get(x509.KeyUsage), found.get(x509.BasicConstraints)
        if usage is None or not usage.critical or not isinstance(usage.value, x509.KeyUsage):
            return f"certificate {number + 1} has no critical key usage"
        is_authority = basic is not None and isinstance(basic.value, x509.BasicConstraints) and basic.value.ca
        if number:
            if not is_authority or basic is None or not basic.critical or not usage.value.key_cert_sign:
                return f"certificate {number + 1} is of no authority"
            continue
        extended = found.get(x509.ExtendedKeyUsage)
        if is_authority:
            return "the signer is an authority"
        if not usage.value.digital_signature:
            return "the signer's certificate is not for signatures"
        if extended is not None and (
            not isinstance(extended.value, x509.ExtendedKeyUsage)
            or ExtendedKeyUsageOID.CODE_SIGNING not in extended.value
        ):
            return "the signer's certificate is not for code signing"
    return ""


def _check_header(protected: dict[str, Any], now: datetime) -> None:
    wanted = {"alg": "ES256", "cty": PAYLOAD_TYPE, SCHEME: X509, "crit": [SCHEME]}
    for key, value in wanted.items():
        if protected.get(key) != value:
            raise malformed(f"{key} = {plain(str(protected.get(key)), 80)}", str(value))
    try:
        claimed = datetime.fromisoformat(field(protected, SIGNING_TIME, str, "the protected header"))
    except ValueError as error:
        raise malformed("a signing time that is none", "RFC 3339") from error
    if claimed.tzinfo is None or claimed > now + CLOCK_SKEW:
        raise malformed("a signing time without a zone, or to come", "the time of signing")


def _chain(header: dict[str, Any]) -> list[Certificate]:
    listed = field(header, "x5c", list, "a header")
    if not 0 < len(listed) <= MAX_CERTIFICATES or not all(isinstance(item, str) for item in listed):
        raise malformed(f"a chain of {len(listed)} certificates", f"1 to {MAX_CERTIFICATES}")
    try:
        return [read_certificate(base64.b64decode(item, validate=True)) for item in listed]
    except (binascii.Error, ValueError) as error:
        raise malformed("a certificate that is not base64", "standard base64 of DER") from error


def _check_signature(leaf: Certificate, message: bytes, raw: bytes) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        pem = leaf.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        holds = len(raw) == 64 and signature_holds(pem, message, der)
    except (KeyMissing, ValueError, UnsupportedAlgorithm) as error:
        raise malformed("a certificate with another kind of key", "a key on P-256") from error
    if not holds:
        raise Rejected(
            "signature-invalid", "a Notary signature that the key of its certificate did not make", "a valid signature"
        )


def _known(chain: Sequence[Certificate], trust: TrustPolicy, now: datetime) -> NotarySigned:
    names = certificate_names(chain[0])
    shown = plain(names[0], 120)
    signing = [entry for entry in trust.for_evidence().authorities if entry.purpose == "sign"]
    knowing = [entry for entry in signing if chains(chain, entry, now)]
    for entry in knowing:
        named = [name for name in names if matches_one(entry.subjects, name)]
        if named and entry.allows(NOTARY_SIGNATURE):
            if entry.refusal:
                raise Rejected("signer-revoked", f"a Notary signature by {shown}: {entry.refusal}", "one that counts")
            return NotarySigned(entry.name, named[0])
    raise Rejected(
        "signer-unknown",
        f"a Notary signature by {shown}, who may not sign evidence, or not any more",
        "a certificate that is valid now, of an authority that may sign evidence",
    )


def _b64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64url(text: str) -> bytes:
    if not text or not set(text) <= _ALPHABET:
        raise malformed("a part that is not base64url", "base64url without padding")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise malformed("a part that is not base64url", "base64url without padding") from error
    if _b64url(raw) != text:
        raise malformed("a part that is base64url with loose bits", "base64url in its one form")
    return raw


_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
