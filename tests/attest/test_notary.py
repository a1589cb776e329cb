"""Notary Project signatures: an independent JWS library reads them, and the rules for certificates hold."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from joserfc import jws
from joserfc.jwk import ECKey

from build.authorities import NOW, authority, holder, issued, name, usage
from build.keys import signer
from weighbridge.attest.certified import CertifiedKey, certified
from weighbridge.attest.identities import EVIDENCE, TrustedAuthority
from weighbridge.attest.notary import Target, broken_rule, notary_signature, thumbprints, verify_notary
from weighbridge.attest.trust import TrustPolicy
from weighbridge.core.digests import Digest
from weighbridge.core.errors import KeyMissing, Rejected

ROOT = authority()
MIDDLE = authority(11, "Below", ROOT)
ADA = holder(MIDDLE, 1)
CHAIN = certified(signer(1), ADA.pem + MIDDLE.pem + ROOT.pem, "chain.pem", lambda: NOW)
TARGET = Target("application/vnd.oci.image.manifest.v1+json", Digest("ab" * 32), 1234)
HOUSE = TrustedAuthority("house", ROOT.pem, ("ada@example.org",), (EVIDENCE,))
TRUST = TrustPolicy((), authorities=(HOUSE,))
SIGNED = notary_signature(TARGET, CHAIN, NOW)


def verified(envelope: bytes = SIGNED, trust: TrustPolicy = TRUST, target: Target = TARGET, now: Any = NOW) -> Any:
    return verify_notary(envelope, target, trust, now)


def refused(code: str, envelope: bytes = SIGNED, **named: Any) -> str:
    with pytest.raises(Rejected) as caught:
        verified(envelope, **named)
    assert caught.value.code == code, caught.value
    return caught.value.cause


def test_a_signature_is_verified_here() -> None:
    assert verified() == ("house", "ada@example.org")


def test_an_independent_library_verifies_it_and_reads_what_the_specification_wants() -> None:
    document = json.loads(SIGNED)
    assert document.keys() == {"payload", "protected", "header", "signature"}
    certificates = [base64.b64decode(item) for item in document["header"]["x5c"]]
    assert certificates == [ADA.der, MIDDLE.der, ROOT.der]
    leaf = x509.load_der_x509_certificate(certificates[0])
    # A critical header that the library does not know must be told to it; that is what `crit` is for.
    registry = jws.JWSRegistry(
        {key: jws_text() for key in ("io.cncf.notary.signingScheme", "io.cncf.notary.signingTime")}, strict_check_header=False
    )  # fmt: skip
    found = jws.deserialize_compact(
        f"{document['protected']}.{document['payload']}.{document['signature']}",
        ECKey.import_key(pem(leaf)),
        algorithms=["ES256"],
        registry=registry,
    )
    assert json.loads(found.payload) == {
        "targetArtifact": {"mediaType": TARGET.media_type, "digest": f"sha256:{'ab' * 32}", "size": 1234}
    }
    assert found.headers() == {
        "alg": "ES256",
        "cty": "application/vnd.cncf.notary.payload.v1+json",
        "crit": ["io.cncf.notary.signingScheme"],
        "io.cncf.notary.signingScheme": "notary.x509",
        "io.cncf.notary.signingTime": "2026-11-24T12:00:00Z",
    }


def jws_text() -> Any:
    from joserfc.registry import HeaderParameter

    return HeaderParameter("a header of the Notary Project", "str")


def pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_the_thumbprints_are_of_the_certificates() -> None:
    assert json.loads(thumbprints(CHAIN.certificates)) == [
        hashlib.sha256(entity.der).hexdigest() for entity in (ADA, MIDDLE, ROOT)
    ]


def unb64(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def b64(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def changed(member: str, **fields: Any) -> bytes:
    """The envelope with other fields in a member, signed again by the same key."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    document = json.loads(SIGNED)
    document[member] = b64({**unb64(document[member]), **fields})
    r, s = decode_dss_signature(signer(1).sign(f"{document['protected']}.{document['payload']}".encode()))
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    document["signature"] = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return json.dumps(document).encode()


def test_a_signature_that_was_made_again_is_verified() -> None:
    assert verified(changed("protected"))


@pytest.mark.parametrize(
    "fields",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "PS256"},
        {"crit": []},
        {"crit": ["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"], "io.cncf.notary.expiry": "2020-01-01T00:00:00Z"},
        {"cty": "text/plain"},
        {"io.cncf.notary.signingScheme": "notary.x509.signingAuthority"},
        {"io.cncf.notary.signingTime": "2026-11-25T12:00:00Z"},
        {"io.cncf.notary.signingTime": "2026-11-24T12:00:00"},
        {"io.cncf.notary.signingTime": 5},
    ],
)  # fmt: skip
def test_another_header_is_refused(fields: dict[str, Any]) -> None:
    refused("evidence-malformed", changed("protected", **fields))


def test_another_target_is_refused() -> None:
    for target in (
        TARGET._replace(digest=Digest("cd" * 32)),
        TARGET._replace(size=1),
        TARGET._replace(media_type="text/plain"),
    ):
        refused("digest-mismatch", target=target)
    refused("evidence-malformed", changed("payload", targetArtifact=5))


def test_any_changed_part_is_refused() -> None:
    document = json.loads(SIGNED)
    for member in ("payload", "protected", "signature"):
        text = document[member]
        for place in range(0, len(text), 7):
            other = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
            with pytest.raises(Rejected):
                verified(json.dumps({**document, member: other}).encode())
    for other in ({**document, "more": 1}, {key: document[key] for key in ("payload", "protected", "header")}):
        refused("evidence-malformed", json.dumps(other).encode())
    refused("evidence-malformed", b"x" * (1024 * 1024 + 1))
    for chain in ([], [5], ["!"], ["AAAA"], [base64.b64encode(ADA.der).decode()] * 11):
        refused("evidence-malformed", json.dumps({**document, "header": {"x5c": chain}}).encode())


def test_any_byte_is_refused_or_changes_nothing() -> None:
    """The root that comes with it is not believed, so its bytes may change: that of the trust store counts."""
    good, said = verified(), set()
    for place in range(len(SIGNED)):
        changed_byte = SIGNED[:place] + bytes([SIGNED[place] ^ (1 << place % 8)]) + SIGNED[place + 1 :]
        try:
            assert verified(changed_byte) == good
        except Rejected as error:
            said.add(error.code)
    assert said >= {"signature-invalid", "signer-unknown", "evidence-malformed"}


def test_who_may_sign_is_what_the_trust_store_says() -> None:
    for entry in (
        HOUSE._replace(sources=("**",)),
        HOUSE._replace(subjects=("eve@example.org",)),
        HOUSE._replace(may_sign=frozenset({"https://example.org"})),
        HOUSE._replace(pem=authority(12, "Else").pem),
    ):
        refused("signer-unknown", trust=TrustPolicy((), authorities=(entry,)))
    refused("signer-revoked", trust=TrustPolicy((), authorities=(HOUSE._replace(refusal="it was revoked"),)))
    refused("signer-unknown", trust=TrustPolicy(()))
    refused("signer-unknown", now=NOW + timedelta(days=4000))


def entity(number: int, extensions: list[Any], above: Any = ROOT) -> Any:
    return issued(number, name("X"), above, extensions)


BASIC = (x509.BasicConstraints(ca=True, path_length=None), True)


@pytest.mark.parametrize(
    ("chain", "rule"),
    [
        ([ADA, MIDDLE], "does not end with its root"),
        ([ADA], "does not end with its root"),
        ([ROOT], "the signer is an authority"),
        ([MIDDLE, ROOT], "the signer is an authority"),
        ([entity(1, []), ROOT], "certificate 1 has no critical key usage"),
        ([entity(1, [(usage(digital_signature=True), False)]), ROOT], "certificate 1 has no critical key usage"),
        ([entity(1, [(usage(key_agreement=True), True)]), ROOT], "not for signatures"),
        (
            [
                entity(
                    1,
                    [
                        (usage(digital_signature=True), True),
                        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
                    ],
                ),
                ROOT,
            ],
            "not for code signing",
        ),
        ([ADA, entity(11, [BASIC, (usage(digital_signature=True), True)]), ROOT], "certificate 2 is of no authority"),
        ([ADA, entity(11, [(usage(key_cert_sign=True), True)]), ROOT], "certificate 2 is of no authority"),
        (
            [ADA, entity(11, [(BASIC[0], False), (usage(key_cert_sign=True), True)]), ROOT],
            "certificate 2 is of no authority",
        ),
        ([ADA, entity(11, [BASIC]), ROOT], "certificate 2 has no critical key usage"),
    ],
)
def test_the_rules_for_certificates(chain: list[Any], rule: str) -> None:
    assert rule in broken_rule([one.certificate for one in chain])
    with pytest.raises(KeyMissing, match="do not fit the Notary Project"):
        notary_signature(TARGET, CertifiedKey(signer(1), tuple(one.der for one in chain), lambda: NOW), NOW)


def test_good_chains_break_no_rule() -> None:
    assert broken_rule([one.certificate for one in (ADA, MIDDLE, ROOT)]) == ""
    assert broken_rule([holder(ROOT, 1).certificate, ROOT.certificate]) == ""
