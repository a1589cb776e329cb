"""The signed envelope: DSSE inside a Sigstore bundle v0.3.

    {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
     "verificationMaterial": {"publicKey": {"hint": "<key id>"}, "tlogEntries": []},
     "dsseEnvelope": {"payload": "<base64>", "payloadType": "application/vnd.in-toto+json",
                      "signatures": [{"sig": "<base64 of DER ECDSA>", "keyid": "<key id>"}]}}

What is signed is the pre-authentication encoding (PAE) of the payload, so that its type is signed too:

    "DSSEv1" SP <bytes of type> SP <type> SP <bytes of payload> SP <payload>

Sources: github.com/secure-systems-lab/dsse, protocol.md v1.0.2; sigstore/protobuf-specs, sigstore_bundle.proto
(with a public key, keyid must equal hint, and there is exactly one signature). With a certificate, the material is
`x509CertificateChain` or `certificate`, and no keyid stands beside the signature; see `attest.bundles`.
"""

from __future__ import annotations

import base64
import binascii

from weighbridge.attest.signers import pae, signature_holds
from weighbridge.attest.statement import PAYLOAD_TYPE, field, malformed, strict_object
from weighbridge.core.digests import canonical_json
from weighbridge.core.errors import Rejected
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from weighbridge.attest.signers import Signer
    from weighbridge.attest.trust import TrustedKey

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE = 64 * 1024 * 1024
"""Bytes of a bundle. The largest evidence is the list of facts: about 20,000 facts of 500 bytes for each file."""


class Opened(NamedTuple):
    """A payload whose signature was verified, and by which trusted key."""

    payload: bytes
    key_id: str
    payload_type: str


def seal(payload: bytes, payload_type: str, signer: Signer) -> bytes:
    """Sign a payload: a bundle as canonical JSON. Raises Rejected (evidence-malformed) above MAX_BUNDLE."""
    made = signer.vouch(payload_type, payload)
    named = {"keyid": made.key_id} if made.key_id else {}
    bundle = canonical_json(
        {
            "mediaType": BUNDLE_TYPE,
            "verificationMaterial": made.material,
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": payload_type,
                "signatures": [{"sig": base64.b64encode(made.signature).decode(), **named}],
            },
        }
    )
    check_size(bundle)
    return bundle


def open_bundle(bundle: bytes, trusted: Mapping[str, TrustedKey], *, keyid_optional: bool = False) -> Opened:
    """Verify a bundle against the trusted keys (by key id) and give back its payload, which is not parsed here.

    `keyid_optional` allows an envelope without keyid, as the OpenSSF Model Signing tool writes it against the
    specification; the hint still names the key. Raises Rejected: evidence-malformed for a broken bundle,
    signer-unknown for a key that is not among `trusted`, signature-invalid.
    """
    check_size(bundle)
    top = strict_object(bundle, "a bundle")
    media_type = field(top, "mediaType", str, "a bundle")
    if media_type != BUNDLE_TYPE:
        raise malformed(f"a bundle of type {plain(media_type, 80)}", BUNDLE_TYPE)
    material = field(top, "verificationMaterial", dict, "a bundle")
    if "publicKey" not in material:
        raise Rejected("signer-unknown", "a signature without a public key hint", "a signature by a trusted public key")
    hint = field(field(material, "publicKey", dict, "a bundle"), "hint", str, "a public key")
    envelope, said = envelope_of(top)
    key_id = said.get("keyid", "")
    if key_id != hint and not (keyid_optional and key_id == ""):
        raise malformed(f"the keyid {plain(str(key_id), 80)!r} beside the hint {plain(hint, 80)!r}", "the same in both")
    payload = decoded(field(envelope, "payload", str, "an envelope"), "payload")
    signature = decoded(field(said, "sig", str, "a signature"), "signature")
    key = trusted.get(hint)
    if key is None:
        raise Rejected("signer-unknown", f"a signature by the key {plain(hint, 80)!r}", "a signature by a trusted key")
    if not signature_holds(key.pem, pae(PAYLOAD_TYPE, payload), signature):
        raise Rejected(
            "signature-invalid",
            f"a signature that the key {plain(key.name, 80)!r} did not make over this payload",
            "a valid signature",
        )
    return Opened(payload, hint, PAYLOAD_TYPE)


def envelope_of(top: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The envelope of a bundle and its only signature. Raises Rejected (evidence-malformed) for one of another kind."""
    envelope: dict[str, Any] = field(top, "dsseEnvelope", dict, "a bundle")
    payload_type = field(envelope, "payloadType", str, "an envelope")
    if payload_type != PAYLOAD_TYPE:
        raise malformed(f"an envelope of type {plain(payload_type, 80)}", PAYLOAD_TYPE)
    signatures = field(envelope, "signatures", list, "an envelope")
    if len(signatures) != 1 or not isinstance(signatures[0], dict):
        raise malformed(f"an envelope with {len(signatures)} signatures", "exactly one signature")
    return envelope, signatures[0]


def check_size(bundle: bytes) -> None:
    """Raises Rejected (evidence-malformed) above MAX_BUNDLE."""
    if len(bundle) > MAX_BUNDLE:
        raise malformed(f"a bundle of {len(bundle)} bytes", f"at most {MAX_BUNDLE} bytes")


def decoded(text: str, what: str) -> bytes:
    """Base64 in the standard or the URL-safe alphabet, for DSSE asks verifiers to take both.

    Raises Rejected (evidence-malformed) for anything else.
    """
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/").encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise malformed(f"a {what} that is not base64", "standard or URL-safe base64") from error
