"""Envelopes: golden bytes, and no way to have a payload accepted that the key did not sign."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from build.keys import private_key, public_pem, signer, trust
from weighbridge.attest import dsse
from weighbridge.attest.dsse import open_bundle, pae, seal
from weighbridge.attest.signers import signature_holds
from weighbridge.attest.statement import PAYLOAD_TYPE
from weighbridge.core.digests import canonical_json
from weighbridge.core.errors import Rejected

PAYLOAD = b'{"hello":"world"}'
TRUSTED = trust().by_id()
# RFC 6979: the same signature in every run, so that a failing example stays the same.
SIGNATURE = private_key().sign(pae(PAYLOAD_TYPE, PAYLOAD), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
GOLDEN = (
    b'{"dsseEnvelope":{"payload":"eyJoZWxsbyI6IndvcmxkIn0=","payloadType":"application/vnd.in-toto+json","'
    b'signatures":[{"keyid":"a423111a6a996031fbecc062986d417ec1f76bac6e2ed3bace82a5e1f3533375","sig":"MEUC'
    b'IBqy9ssSQMkrqCY3SPBivKnY29g5UPZaCTnKuhBfNt9AAiEA2cad0OZj9oGOnD+jQnZuNiBGyMzu8TtsI4lZ3ZhSakk="}]},"me'
    b'diaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint"'
    b':"a423111a6a996031fbecc062986d417ec1f76bac6e2ed3bace82a5e1f3533375"},"tlogEntries":[]}}'
)


def test_pae_golden_bytes():
    # The example of the DSSE specification, protocol.md.
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae(PAYLOAD_TYPE, b"") == b"DSSEv1 28 application/vnd.in-toto+json 0 "
    assert pae("ü", "ü".encode()) == "DSSEv1 2 ü 2 ü".encode()


def test_golden_bundle():
    top = json.loads(seal(PAYLOAD, PAYLOAD_TYPE, signer()))
    top["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(SIGNATURE).decode()
    bundle = canonical_json(top)
    assert bundle == GOLDEN
    assert open_bundle(GOLDEN, TRUSTED).payload == PAYLOAD


def test_the_signature_in_the_specification_holds():
    # protocol.md, "Test vectors": key and signature (r and s, 32 bytes each) for "hello world".
    point = ec.EllipticCurvePublicNumbers(
        46950820868899156662930047687818585632848591499744589407958293238635476079160,
        5640078356564379163099075877009565129882514886557779369047442380624545832820,
        ec.SECP256R1(),
    )
    pem = point.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    raw = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    signature = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    assert signature_holds(pem, pae("http://example.com/HelloWorld", b"hello world"), signature)


def test_a_bundle_has_this_shape():
    bundle = seal(PAYLOAD, PAYLOAD_TYPE, signer())
    top = json.loads(bundle)
    signature = top["dsseEnvelope"]["signatures"][0].pop("sig")
    key_id = signer().key_id
    assert top == {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": key_id}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(PAYLOAD).decode(),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"keyid": key_id}],
        },
    }
    assert signature_holds(public_pem(), pae(PAYLOAD_TYPE, PAYLOAD), base64.b64decode(signature))
    assert bundle == canonical_json(json.loads(bundle))


def test_a_sealed_payload_is_opened():
    opened = open_bundle(seal(PAYLOAD, PAYLOAD_TYPE, signer()), TRUSTED)
    assert opened == (PAYLOAD, signer().key_id, PAYLOAD_TYPE)


def test_the_payload_is_not_parsed_before_its_signature_was_verified():
    assert open_bundle(seal(b"not JSON", PAYLOAD_TYPE, signer()), TRUSTED).payload == b"not JSON"


def refused(bundle, code, trusted=TRUSTED, **options):
    with pytest.raises(Rejected) as caught:
        open_bundle(bundle, trusted, **options)
    assert caught.value.code == code
    return str(caught.value)


def edited(change, number=1):
    top = json.loads(seal(PAYLOAD, PAYLOAD_TYPE, signer(number)))
    change(top)
    return json.dumps(top).encode()


def in_envelope(**fields):
    return edited(lambda top: top["dsseEnvelope"].update(fields))


def in_signature(**fields):
    return edited(lambda top: top["dsseEnvelope"]["signatures"][0].update(fields))


def test_an_unknown_signer_is_refused():
    refused(seal(PAYLOAD, PAYLOAD_TYPE, signer(2)), "signer-unknown")


def test_a_certificate_is_not_a_trusted_key():
    refused(edited(lambda top: top.update(verificationMaterial={"certificate": {"rawBytes": ""}})), "signer-unknown")


def test_another_payload_under_the_same_signature_is_refused():
    refused(in_envelope(payload=base64.b64encode(b'{"hello":"World"}').decode()), "signature-invalid")


def test_a_signature_of_another_key_under_a_trusted_hint_is_refused():
    other = json.loads(seal(PAYLOAD, PAYLOAD_TYPE, signer(2)))["dsseEnvelope"]["signatures"][0]["sig"]
    refused(in_signature(sig=other), "signature-invalid")


def test_a_signature_over_the_bare_payload_is_refused():
    refused(in_signature(sig=base64.b64encode(signer().sign(PAYLOAD)).decode()), "signature-invalid")


def test_the_encoding_of_model_signing_before_1_0_is_refused():
    old = f"DSSEV1 28 {PAYLOAD_TYPE} {len(PAYLOAD)} {PAYLOAD!r}".encode()
    refused(in_signature(sig=base64.b64encode(signer().sign(old)).decode()), "signature-invalid")


def test_exactly_one_signature():
    one = {"sig": "", "keyid": signer().key_id}
    assert "2 signatures" in refused(in_envelope(signatures=[one, one]), "evidence-malformed")
    assert "0 signatures" in refused(in_envelope(signatures=[]), "evidence-malformed")
    refused(in_envelope(signatures=["x"]), "evidence-malformed")


def test_another_payload_type_is_refused_even_if_signed():
    assert "text/plain" in refused(seal(PAYLOAD, "text/plain", signer()), "evidence-malformed")


def test_keyid_and_hint_must_agree():
    refused(in_signature(keyid="00"), "evidence-malformed")
    refused(in_signature(keyid="00"), "evidence-malformed", keyid_optional=True)
    refused(in_signature(keyid=None), "evidence-malformed", keyid_optional=True)


def test_an_absent_keyid_is_accepted_only_where_asked_for():
    without = edited(lambda top: top["dsseEnvelope"]["signatures"][0].pop("keyid"))
    for bundle in (in_signature(keyid=""), without):
        refused(bundle, "evidence-malformed")
        assert open_bundle(bundle, TRUSTED, keyid_optional=True).payload == PAYLOAD


def test_the_hint_may_not_be_empty():
    empty = edited(lambda top: top["verificationMaterial"]["publicKey"].update(hint=""))
    refused(empty, "evidence-malformed")
    absent = edited(lambda top: top["verificationMaterial"].update(publicKey={}))
    refused(absent, "evidence-malformed")


def test_duplicate_keys_are_refused():
    bundle = seal(PAYLOAD, PAYLOAD_TYPE, signer())
    twice = bundle.replace(b'"payloadType":', b'"payload":"aGVsbG8=","payloadType":')
    assert "stands twice" in refused(twice, "evidence-malformed")


def test_other_bundle_versions_are_refused():
    for media_type in ("application/vnd.dev.sigstore.bundle+json;version=0.1", None):
        refused(edited(lambda top, to=media_type: top.update(mediaType=to)), "evidence-malformed")


def test_url_safe_base64_is_accepted_and_other_text_is_not():
    payload = b"\xfb\xff\xfe" * 3
    sealed = json.loads(seal(payload, PAYLOAD_TYPE, signer()))
    for part, name in ((sealed["dsseEnvelope"], "payload"), (sealed["dsseEnvelope"]["signatures"][0], "sig")):
        part[name] = part[name].replace("+", "-").replace("/", "_")
    assert open_bundle(json.dumps(sealed).encode(), TRUSTED).payload == payload
    for bad in ("aGVsbG8", "aGVs bG8=", "aGVsbG8=\n", "ü", "====", 5):
        refused(in_envelope(payload=bad), "evidence-malformed")


def test_the_size_is_bounded(monkeypatch):
    bundle = seal(PAYLOAD, PAYLOAD_TYPE, signer())
    monkeypatch.setattr(dsse, "MAX_BUNDLE", len(bundle) - 1)
    refused(bundle, "evidence-malformed")
    with pytest.raises(Rejected):
        seal(PAYLOAD + b" " * 10, PAYLOAD_TYPE, signer())


@settings(max_examples=400)
@given(st.data())
def test_no_flipped_byte_verifies_as_something_else(data):
    bundle = bytearray(in_signature(sig=base64.b64encode(SIGNATURE).decode()))
    place = data.draw(st.integers(0, len(bundle) - 1))
    bundle[place] ^= data.draw(st.integers(1, 255))
    try:
        opened = open_bundle(bytes(bundle), TRUSTED)
    except Rejected:
        return
    assert opened.payload == PAYLOAD
    assert opened.key_id == signer().key_id


@settings(max_examples=400)
@given(st.data())
def test_no_flipped_payload_or_signature_byte_verifies(data):
    payload, signature = bytearray(PAYLOAD), bytearray(SIGNATURE)
    target = data.draw(st.sampled_from([payload, signature]))
    target[data.draw(st.integers(0, len(target) - 1))] ^= data.draw(st.integers(1, 255))

    def change(top):
        top["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
        top["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()

    assert "signature that the key" in refused(edited(change), "signature-invalid")


@given(st.binary())
def test_any_bytes_are_refused(bundle):
    refused(bundle, "evidence-malformed")


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["publicKey", "hint", "signatures", "sig", "keyid", "payload", "payloadType"]), inner)))  # fmt: skip
def test_any_bundle_shape_is_refused(part):
    refused(edited(lambda top: top.update(dsseEnvelope=part)), "evidence-malformed")
    with pytest.raises(Rejected):
        open_bundle(edited(lambda top: top.update(verificationMaterial=part)), TRUSTED)
