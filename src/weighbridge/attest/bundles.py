"""Signature files that come with a model: Sigstore bundles of every kind, taken apart and not yet believed.

    {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
     "verificationMaterial": {"publicKey": {"hint": …} | "certificate": {"rawBytes": …}
                              | "x509CertificateChain": {"certificates": [{"rawBytes": …}, …]},      leaf first
                              "tlogEntries": [{…}], "timestampVerificationData": {"rfc3161Timestamps": [{…}]}},
     "dsseEnvelope": {"payload", "payloadType", "signatures": [{"sig", "keyid"}]}
     | "messageSignature": {"messageDigest": {"algorithm", "digest"}, "signature"}}

`*.intoto.jsonl` holds one bundle on each line. Sources: sigstore/protobuf-specs, sigstore_bundle.proto and
sigstore_common.proto; github.com/in-toto/attestation, spec/v1/bundle.md.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from weighbridge.attest.dsse import decoded, envelope_of
from weighbridge.attest.signers import digest_signature_holds, pae, signature_holds
from weighbridge.attest.statement import PAYLOAD_TYPE, field, malformed, strict_object
from weighbridge.core.plain import plain
from weighbridge.core.records import NamedTuple

MAX_SIGNATURE_FILE = 4 * 1024 * 1024
"""Bytes of a signature file: 15,000 file names with their digests. Hostile JSON takes twenty times its size."""
MAX_LINES = 200
"""Bundles in one file."""
MAX_CERTIFICATES = 10
MAX_TIMESTAMPS = 8
MEDIA_TYPE = re.compile(r"application/vnd\.dev\.sigstore\.bundle(\+json;version=0\.[1-3]|\.v0\.3\+json)")

Method = Literal["key", "certificate", "sigstore"]


class Bundle(NamedTuple):
    """A bundle with one signature. `method` is how its signer wants to be known.

    `certificates` are DER, the signer's first; `timestamps` are RFC 3161 responses, DER. A signature over a file
    instead of a statement has `message_digest` (sha256, hex) and no payload. `raw` is the JSON text.
    """

    raw: bytes
    method: Method
    hint: str
    certificates: tuple[bytes, ...]
    timestamps: tuple[bytes, ...]
    payload: bytes
    message_digest: str
    signature: bytes

    def signed_by(self, pem: bytes) -> bool:
        """Whether the private half of this public key made the signature. Raises KeyMissing for another kind of key."""
        if self.message_digest:
            return digest_signature_holds(pem, bytes.fromhex(self.message_digest), self.signature)
        return signature_holds(pem, pae(PAYLOAD_TYPE, self.payload), self.signature)


def read_bundles(raw: bytes) -> tuple[Bundle, ...]:
    """The bundles of a signature file. Raises Rejected (evidence-malformed)."""
    if len(raw) > MAX_SIGNATURE_FILE:
        raise malformed(f"a signature file of {len(raw)} bytes", f"at most {MAX_SIGNATURE_FILE} bytes")
    lines = [line for line in raw.split(b"\n") if line.strip()]
    if len(lines) > 1 and all(line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}") for line in lines):
        if len(lines) > MAX_LINES:
            raise malformed(f"a file with {len(lines)} bundles", f"at most {MAX_LINES}")
        return tuple(read_bundle(line) for line in lines)
    return (read_bundle(raw),)


def read_bundle(raw: bytes) -> Bundle:
    """Take one bundle apart. Raises Rejected (evidence-malformed); a signature is not checked here."""
    top = strict_object(raw, "a bundle")
    media_type = field(top, "mediaType", str, "a bundle")
    if not MEDIA_TYPE.fullmatch(media_type):
        raise malformed(f"a bundle of type {plain(media_type, 80)}", "a Sigstore bundle up to version 0.3")
    material = field(top, "verificationMaterial", dict, "a bundle")
    method, hint, certificates = _signer(material)
    payload, message_digest, signature = _content(top)
    return Bundle(raw, method, hint, certificates, _timestamps(material), payload, message_digest, signature)


def _signer(material: dict[str, Any]) -> tuple[Method, str, tuple[bytes, ...]]:
    kinds = [kind for kind in ("publicKey", "certificate", "x509CertificateChain") if kind in material]
    if len(kinds) != 1:
        raise malformed(f"a bundle with {len(kinds)} kinds of signer", "a key, a certificate or a chain of them")
    if kinds == ["publicKey"]:
        return "key", field(field(material, "publicKey", dict, "a bundle"), "hint", str, "a public key"), ()
    if kinds == ["certificate"]:
        entries: list[Any] = [field(material, "certificate", dict, "a bundle")]
    else:
        chain = field(material, "x509CertificateChain", dict, "a bundle")
        entries = field(chain, "certificates", list, "a certificate chain")
    if not 0 < len(entries) <= MAX_CERTIFICATES or not all(isinstance(entry, dict) for entry in entries):
        raise malformed(f"a chain of {len(entries)} certificates", f"1 to {MAX_CERTIFICATES}")
    certificates = tuple(decoded(field(entry, "rawBytes", str, "a certificate"), "certificate") for entry in entries)
    logged = bool(material.get("tlogEntries"))
    return "sigstore" if logged else "certificate", "", certificates


def _content(top: dict[str, Any]) -> tuple[bytes, str, bytes]:
    if ("dsseEnvelope" in top) == ("messageSignature" in top):
        raise malformed("a bundle with no content, or with two", "an envelope or a signature over a file")
    if "messageSignature" in top:
        message = field(top, "messageSignature", dict, "a bundle")
        digest = field(message, "messageDigest", dict, "a signature over a file")
        if digest.get("algorithm") != "SHA2_256":
            raise malformed("a signature over a file with another digest", "SHA2_256")
        value = decoded(field(digest, "digest", str, "a digest"), "digest").hex()
        if len(value) != 64:
            raise malformed("a digest of another length", "32 bytes")
        return b"", value, decoded(field(message, "signature", str, "a signature"), "signature")
    envelope, said = envelope_of(top)
    payload = decoded(field(envelope, "payload", str, "an envelope"), "payload")
    return payload, "", decoded(field(said, "sig", str, "a signature"), "signature")


def _timestamps(material: dict[str, Any]) -> tuple[bytes, ...]:
    if not (data := material.get("timestampVerificationData")):
        return ()
    if not isinstance(data, dict):
        raise malformed("timestamps that are no object", "timestampVerificationData")
    entries = data.get("rfc3161Timestamps") or []
    if (
        not isinstance(entries, list)
        or len(entries) > MAX_TIMESTAMPS
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        raise malformed("timestamps that are no short list", f"at most {MAX_TIMESTAMPS}")
    return tuple(decoded(field(entry, "signedTimestamp", str, "a timestamp"), "timestamp") for entry in entries)
