"""Trust: a signature counts only if its key may say this kind of thing about this digest."""

from __future__ import annotations

import json

import pytest

from build.keys import public_pem, signer, trust
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.attest.trust import TrustedKey, TrustPolicy, verify
from weighbridge.core.digests import Digest
from weighbridge.core.errors import KeyMissing, Rejected, UsageError

SCAN, VSA = "https://example.test/scan", "https://slsa.dev/verification_summary/v1"
MODEL, MANIFEST, OTHER = Digest("ab" * 32), Digest("cd" * 32), Digest("ef" * 32)


def bundle(predicate_type=SCAN, subjects=(MODEL, MANIFEST), number=1, payload=None):
    payload = payload or write_statement([Subject("x", digest) for digest in subjects], predicate_type, {"ok": True})
    return seal(payload, PAYLOAD_TYPE, signer(number))


def refused(code, made, policy, predicate_type=SCAN, subject=MODEL):
    with pytest.raises(Rejected) as caught:
        verify(made, policy, predicate_type=predicate_type, subject=subject)
    assert caught.value.code == code
    assert caught.value.got
    assert caught.value.expected
    return str(caught.value)


@pytest.mark.parametrize("policy", [trust(1, SCAN), trust(1, VSA, SCAN), trust(1)])
@pytest.mark.parametrize("subject", [MODEL, MANIFEST])
def test_a_trusted_statement_is_given_back(policy, subject):
    verified = verify(bundle(), policy, predicate_type=SCAN, subject=subject)
    assert verified.signer_name == "builder"
    assert verified.key_id == signer().key_id
    assert verified.statement.predicate == {"ok": True}


def test_a_key_may_say_only_what_it_is_trusted_for():
    cause = refused("signer-unknown", bundle(VSA), trust(1, SCAN), VSA)
    assert "'builder', who may not sign" in cause
    refused("signer-unknown", bundle(), trust(1, SCAN[:-1]), SCAN)


def test_the_right_to_sign_is_checked_before_the_payload_is_read():
    refused("signer-unknown", bundle(payload=b"not JSON"), trust(1, VSA), SCAN)


def test_another_kind_of_statement_is_refused():
    cause = refused("evidence-malformed", bundle(VSA), trust(), SCAN)
    assert VSA in cause
    assert SCAN in cause


def test_another_digest_is_refused():
    cause = refused("digest-mismatch", bundle(), trust(), subject=OTHER)
    assert str(MODEL) in cause
    assert str(OTHER) in cause


def test_an_unknown_key_and_a_forged_signature_are_refused():
    refused("signer-unknown", bundle(number=2), trust(1))
    refused("signer-unknown", bundle(), TrustPolicy(()))
    forged = json.loads(bundle())
    forged["dsseEnvelope"]["payload"] = json.loads(bundle(VSA))["dsseEnvelope"]["payload"]
    refused("signature-invalid", json.dumps(forged).encode(), trust(), VSA)


def test_a_signed_payload_that_is_no_statement_is_refused():
    refused("evidence-malformed", bundle(payload=b"not JSON"), trust())


def test_the_key_id_comes_from_the_key():
    untidy = TrustedKey("builder", public_pem().replace(b"\n", b"\r\n"), frozenset({"*"}))
    assert list(TrustPolicy((untidy,)).by_id()) == [signer().key_id]
    verify(bundle(), TrustPolicy((untidy,)), predicate_type=SCAN, subject=MODEL)


def test_a_policy_with_a_bad_or_doubled_key_is_refused():
    first = TrustedKey("one", public_pem(), frozenset({SCAN}))
    with pytest.raises(UsageError, match="'one' and 'two' are the same key"):
        TrustPolicy((first, first._replace(name="two", may_sign=frozenset({"*"})))).by_id()
    with pytest.raises(KeyMissing, match="trusted key 'one'"):
        TrustPolicy((first._replace(pem=b"x"),)).by_id()
