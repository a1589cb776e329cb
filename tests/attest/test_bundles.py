"""Signature files are taken apart strictly, and nothing that is no bundle looks like one."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.authorities import authority, certificate_bundle, holder, sigstore
from build.keys import public_pem, signer
from weighbridge.attest.bundles import MAX_SIGNATURE_FILE, read_bundle, read_bundles
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE
from weighbridge.core.errors import Rejected

STATEMENT = b'{"a":1}'
KEYED = seal(STATEMENT, PAYLOAD_TYPE, signer())
LOGGED = sigstore().bundle(STATEMENT)
CERTIFIED = certificate_bundle(STATEMENT, holder(authority()))
OVER_A_FILE = {
    "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "verificationMaterial": {"publicKey": {"hint": "a"}},
    "messageSignature": {
        "messageDigest": {"algorithm": "SHA2_256", "digest": base64.b64encode(bytes(32)).decode()},
        "signature": "AAAA",
    },
}


def changed(raw: bytes, *path: str, to: Any) -> bytes:
    document = json.loads(raw)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return json.dumps(document).encode()


@pytest.mark.parametrize(("raw", "method"), [(KEYED, "key"), (CERTIFIED, "certificate"), (LOGGED, "sigstore")])
def test_each_kind_of_signer_is_told(raw: bytes, method: str) -> None:
    bundle = read_bundle(raw)
    assert bundle.method == method
    assert bundle.payload == STATEMENT
    assert bundle.hint == (signer().key_id if method == "key" else "")
    assert len(bundle.certificates) == (0 if method == "key" else 1)


def test_the_signature_is_over_the_type_and_the_payload() -> None:
    assert read_bundle(KEYED).signed_by(public_pem())
    assert not read_bundle(KEYED).signed_by(public_pem(2))
    assert not read_bundle(KEYED)._replace(payload=b"{}").signed_by(public_pem())


def test_a_signature_over_a_file_is_read() -> None:
    bundle = read_bundle(json.dumps(OVER_A_FILE).encode())
    assert bundle.message_digest == "00" * 32
    assert bundle.payload == b""


def test_a_line_is_a_bundle() -> None:
    assert len(read_bundles(KEYED + b"\n" + LOGGED + b"\n\n")) == 2
    assert read_bundles(json.dumps(json.loads(KEYED), indent=2).encode()) != ()


WRONG = [
    (KEYED, ("mediaType",), "application/json"),
    (KEYED, ("mediaType",), "application/vnd.dev.sigstore.bundle.v0.4+json"),
    (KEYED, ("verificationMaterial",), {}),
    (KEYED, ("verificationMaterial",), {"publicKey": {"hint": "a"}, "certificate": {"rawBytes": ""}}),
    (KEYED, ("verificationMaterial",), {"publicKey": {"hint": 5}}),
    (CERTIFIED, ("verificationMaterial", "x509CertificateChain", "certificates"), []),
    (CERTIFIED, ("verificationMaterial", "x509CertificateChain", "certificates"), [5]),
    (CERTIFIED, ("verificationMaterial", "x509CertificateChain", "certificates"), [{"rawBytes": ""}] * 11),
    (CERTIFIED, ("verificationMaterial", "timestampVerificationData"), [5]),
    (CERTIFIED, ("verificationMaterial", "timestampVerificationData"), {"rfc3161Timestamps": [{}] * 9}),
    (CERTIFIED, ("verificationMaterial", "timestampVerificationData"), {"rfc3161Timestamps": [{}]}),
    (KEYED, ("messageSignature",), {}),
    (KEYED, ("dsseEnvelope", "signatures"), []),
    (KEYED, ("dsseEnvelope", "signatures"), [{"sig": ""}, {"sig": ""}]),
    (KEYED, ("dsseEnvelope", "payloadType"), "text/plain"),
    (KEYED, ("dsseEnvelope", "payload"), "no base64!"),
    (json.dumps(OVER_A_FILE).encode(), ("messageSignature", "messageDigest", "algorithm"), "SHA1"),
    (json.dumps(OVER_A_FILE).encode(), ("messageSignature", "messageDigest", "digest"), "AAAA"),
]


@pytest.mark.parametrize(("raw", "path", "value"), WRONG)
def test_what_is_no_bundle_is_malformed(raw: bytes, path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(Rejected) as caught:
        read_bundle(changed(raw, *path, to=value))
    assert caught.value.code == "evidence-malformed"


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"-----BEGIN PGP SIGNATURE-----", KEYED + KEYED, b"{}\n" * 201, b" " * (MAX_SIGNATURE_FILE + 1)]
)
def test_what_is_no_file_of_bundles_is_malformed(raw: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        read_bundles(raw)
    assert caught.value.code == "evidence-malformed"


@given(st.data())
def test_a_damaged_bundle_is_refused_and_nothing_else(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from([KEYED, CERTIFIED, LOGGED])))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Rejected):
        read_bundles(bytes(raw))
