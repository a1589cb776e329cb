"""Certificate authorities for tests, and a whole Sigstore of our own: authority, certificate log, transparency log, clock.

Everything is signed for real and checked for real, without a network. Keys are always the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from build.keys import private_key
from weighbridge.attest.signers import pae

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2036, 1, 1, tzinfo=UTC)
PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
ISSUER = "https://token.actions.example"
WORKFLOW = "https://git.example/org/net/.github/workflows/release.yml@refs/tags/v1"


class Entity(NamedTuple):
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def usage(**rights: bool) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    every += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{right: rights.get(right, False) for right in every})


def issued(
    number: int,
    subject: x509.Name,
    issuer: Entity | None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
    begin: datetime = BEGIN,
    end: datetime = END,
    public: ec.EllipticCurvePublicKey | None = None,
) -> Entity:
    """A certificate for the key with this number, or for a public key; without an issuer it is signed by itself."""
    key = private_key(number)
    public = public or key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(public)
        .serial_number(1000 + number)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    signing = issuer.key if issuer else key
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return Entity(builder.sign(signing, hashes.SHA256()), key)


def authority(number: int = 10, common: str = "Root", above: Entity | None = None, **times: datetime) -> Entity:
    """A certificate authority: a root, or one below another."""
    length = 1 if above is None else 0
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=length), True),
        (usage(key_cert_sign=True, crl_sign=True), True),
    ]
    if above is not None:
        extensions.append((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False))
    return issued(number, name(common), above, extensions, **times)


def holder(
    issuer: Entity,
    number: int = 20,
    mail: str = "ada@example.org",
    extensions: Sequence[tuple[x509.ExtensionType, bool]] | None = None,
    **times: datetime,
) -> Entity:
    """Somebody who may sign: a certificate with a mail address in it."""
    if extensions is None:
        extensions = [
            (usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
            (x509.SubjectAlternativeName([x509.RFC822Name(mail)]), False),
        ]
    return issued(number, name("Ada"), issuer, extensions, **times)


def certificate_bundle(payload: bytes, signer: Entity, chain: Sequence[Entity] = (), *stamps: bytes) -> bytes:
    """A bundle signed by certificate, as the reference tool of OpenSSF Model Signing writes one."""
    return bundle(
        payload, signer, {"x509CertificateChain": {"certificates": [raw(one) for one in (signer, *chain)]}}, stamps
    )


def raw(entity: Entity) -> dict[str, str]:
    return {"rawBytes": b64(entity.der)}


def bundle(payload: bytes, signer: Entity, material: dict[str, Any], stamps: Sequence[bytes] = ()) -> bytes:
    signature = signer.sign(pae(PAYLOAD_TYPE, payload))
    return written(payload, signature, material, stamps)


def written(payload: bytes, signature: bytes, material: dict[str, Any], stamps: Sequence[bytes] = ()) -> bytes:
    """A bundle of these parts. `stamps` are signatures that were dated: timestamps over the bytes of the signature."""
    dated = {"rfc3161Timestamps": [{"signedTimestamp": b64(stamp)} for stamp in stamps]}
    document = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {**material, **({"timestampVerificationData": dated} if stamps else {})},
        "dsseEnvelope": {
            "payload": b64(payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": b64(signature)}],
        },
    }
    return json.dumps(document).encode()


def clock(root: Entity, number: int = 30) -> Entity:
    """A timestamp authority."""
    return issued(
        number,
        name("Clock"),
        root,
        [
            (usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
        ],
    )


def timestamp(
    of: Entity,
    message: bytes,
    at: datetime,
    *,
    digest: bytes | None = None,
    nonce: int = 5,
    algorithm: str = "sha256",
) -> bytes:
    """An RFC 3161 response of this authority over `message`, or over its `digest`."""
    certificate = asn1_x509.Certificate.load(of.der)
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.3.6.1.4.1.57264.2",
            "message_imprint": {
                "hash_algorithm": {"algorithm": algorithm},
                "hashed_message": digest or hashlib.sha256(message).digest(),
            },
            "serial_number": 7,
            "gen_time": at,
            "nonce": nonce,
        }
    ).dump()
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(info).digest()]}),
            cms.CMSAttribute(
                {
                    "type": "signing_certificate_v2",
                    "values": [tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(of.der).digest()}]})],
                }
            ),
        ]
    )
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [algos.DigestAlgorithm({"algorithm": "sha256"})],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info)},
            "certificates": [certificate],
            "signer_infos": [
                cms.SignerInfo(
                    {
                        "version": "v1",
                        "sid": cms.IssuerAndSerialNumber(
                            {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
                        ),
                        "digest_algorithm": {"algorithm": "sha256"},
                        "signed_attrs": attributes,
                        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                        "signature": of.sign(attributes.dump()),
                    }
                )
            ],
        }
    )
    token = cms.ContentInfo({"content_type": "signed_data", "content": signed})
    return tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()


class Sigstore(NamedTuple):
    """A Sigstore of our own: the authority and the one below it, both logs, and the clock with its root."""

    root: Entity
    below: Entity
    certificate_log: ec.EllipticCurvePrivateKey
    log: ec.EllipticCurvePrivateKey
    clock_root: Entity
    clock: Entity

    def trusted_root(self, **changes: Any) -> bytes:
        """Its trusted_root.json."""
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self.log, "https://log.example")],
            "certificateAuthorities": [_chain((self.below, self.root), "https://authority.example")],
            "ctlogs": [_log(self.certificate_log, "https://certificates.example")],
            "timestampAuthorities": [_chain((self.clock, self.clock_root), "https://clock.example")],
            **changes,
        }
        return json.dumps(document).encode()

    def certificate(
        self,
        identity: str = WORKFLOW,
        issuer: str = ISSUER,
        at: datetime = NOW,
        build: Mapping[int, str] | None = None,
        number: int = 40,
        logged_by: ec.EllipticCurvePrivateKey | None = None,
        below: Entity | None = None,
        public: ec.EllipticCurvePublicKey | None = None,
    ) -> Entity:
        """A certificate of ten minutes for an identity; `build` has the last numbers of further extensions."""
        san = x509.UniformResourceIdentifier(identity) if "://" in identity else x509.RFC822Name(identity)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), False),
            (x509.SubjectAlternativeName([san]), True),
            *((fulcio(last, text), False) for last, text in {8: issuer, **(build or {})}.items()),
        ]
        times = {"begin": at, "end": at + timedelta(minutes=10)}
        above = below or self.below
        draft = issued(number, x509.Name([]), above, extensions, public=public, **times)
        entry = _certificate_entry(draft.certificate, above, logged_by or self.certificate_log, at)
        return issued(number, x509.Name([]), above, [*extensions, (entry, False)], public=public, **times)

    def bundle(
        self,
        payload: bytes,
        signer: Entity | None = None,
        at: datetime = NOW + timedelta(minutes=1),
        *,
        stamps: Sequence[datetime] = (),
        **changes: Any,
    ) -> bytes:
        """A keyless bundle over a statement. `changes` go into its log entry, before or after that was signed."""
        signer = signer or self.certificate()
        signature = signer.sign(pae(PAYLOAD_TYPE, payload))
        dated = [timestamp(self.clock, signature, when) for when in stamps]
        entry = self.entry(payload, signature, signer, at, **changes)
        return written(payload, signature, {"certificate": raw(signer), "tlogEntries": [entry]}, dated)

    def entry(
        self,
        payload: bytes,
        signature: bytes,
        signer: Entity,
        at: datetime,
        *,
        log: ec.EllipticCurvePrivateKey | None = None,
        promise: bool = True,
    ) -> dict[str, Any]:
        """An entry of the transparency log, the second of three, with its proof, checkpoint and promise."""
        log = log or self.log
        body = json.dumps(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
                    "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                    "signatures": [{"signature": b64(signature), "verifier": b64(signer.pem)}],
                },
            },
            sort_keys=True,
            separators=(",", ":"),
        ).encode()
        others = [_leaf(b"first"), _leaf(b"third")]
        top = _node(_node(others[0], _leaf(body)), others[1])
        seconds = int(at.timestamp())
        promised = {"body": b64(body), "integratedTime": seconds, "logID": _key_id(log).hex(), "logIndex": 1}
        text = json.dumps(promised, sort_keys=True, separators=(",", ":")).encode()
        return {
            "logIndex": "1",
            "logId": {"keyId": b64(_key_id(log))},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            **({"integratedTime": str(seconds)} if promise else {}),
            **({"inclusionPromise": {"signedEntryTimestamp": b64(_sign(log, text))}} if promise else {}),
            "inclusionProof": {
                "logIndex": "1",
                "rootHash": b64(top),
                "treeSize": "3",
                "hashes": [b64(others[0]), b64(others[1])],
                "checkpoint": {"envelope": _checkpoint(log, top)},
            },
            "canonicalizedBody": b64(body),
        }


def sigstore() -> Sigstore:
    root = authority(50, "Sigstore of our own")
    clock_root = authority(53, "Clock root")
    return Sigstore(
        root, authority(51, "Below", root), private_key(54), private_key(55), clock_root, clock(clock_root, 52)
    )


def fulcio(last: int, text: str) -> x509.UnrecognizedExtension:
    """A Sigstore extension: a DER UTF8String below 1.3.6.1.4.1.57264.1."""
    value = core.UTF8String(text).dump()
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{last}"), value)


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_public(key)).digest()


def _sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def _log(key: ec.EllipticCurvePrivateKey, url: str) -> dict[str, Any]:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(_public(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": "2026-01-01T00:00:00Z"},
        },
        "logId": {"keyId": b64(_key_id(key))},
    }


def _chain(chain: Sequence[Entity], uri: str) -> dict[str, Any]:
    return {
        "subject": {"organization": "example", "commonName": "example"},
        "uri": uri,
        "certChain": {"certificates": [raw(entity) for entity in chain]},
        "validFor": {"start": "2026-01-01T00:00:00Z"},
    }


def _certificate_entry(
    draft: x509.Certificate, above: Entity, log: ec.EllipticCurvePrivateKey, at: datetime
) -> x509.UnrecognizedExtension:
    """The log's promise to have seen the certificate (RFC 6962, 3.2): over what the certificate is without it."""
    milliseconds = int(at.timestamp() * 1000).to_bytes(8, "big")
    body = draft.tbs_certificate_bytes
    issuer = hashlib.sha256(_public(above.key)).digest()
    signed = b"\0\0" + milliseconds + b"\0\1" + issuer + len(body).to_bytes(3, "big") + body + b"\0\0"
    signature = _sign(log, signed)
    entry = b"\0" + _key_id(log) + milliseconds + b"\0\0" + b"\4\3" + len(signature).to_bytes(2, "big") + signature
    listed = len(entry).to_bytes(2, "big") + entry
    value = core.OctetString(len(listed).to_bytes(2, "big") + listed).dump()
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2"), value)


def _leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _checkpoint(log: ec.EllipticCurvePrivateKey, top: bytes) -> str:
    note = f"log.example - 1\n3\n{b64(top)}\n"
    return f"{note}\n— log.example {b64(_key_id(log)[:4] + _sign(log, note.encode()))}\n"
