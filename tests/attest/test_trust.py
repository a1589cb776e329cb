"""Trust: a signature counts only if its key may say this kind of thing about this digest."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from build.keys import public_pem, signer, trust
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.attest.trust import TrustedKey, TrustPolicy, Validity, made_at, verify
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


# Time


EARLY, LATE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
MIDDLE = datetime(2026, 6, 1, tzinfo=UTC)


def dated(made, validity, now=LATE):
    predicate = {"envelope": {"finished": f"{made:%Y-%m-%dT%H:%M:%SZ}"}} if made else {}
    payload = write_statement([Subject("x", MODEL)], SCAN, predicate)
    (key,) = trust(1).keys
    policy = TrustPolicy((key._replace(validity=validity),))
    return verify(bundle(payload=payload), policy, predicate_type=SCAN, subject=MODEL, now=now)


@pytest.mark.parametrize(
    "validity",
    [
        Validity(),
        Validity(until=MIDDLE),
        Validity(EARLY, MIDDLE),
        Validity(revoked_at=MIDDLE, reason="retired"),
        Validity(revoked_at=MIDDLE, reason="superseded"),
    ],
)
def test_old_evidence_stays_good_after_its_key_has_ended(validity):
    assert dated(EARLY, validity).signer_name == "builder"


@pytest.mark.parametrize(
    ("made", "validity", "said"),
    [
        (LATE, Validity(until=MIDDLE), "it expired on 2026-06-01"),
        (MIDDLE, Validity(until=MIDDLE), "it expired on 2026-06-01"),
        (EARLY, Validity(since=MIDDLE), "it counts from 2026-06-01 on"),
        (LATE, Validity(revoked_at=MIDDLE, reason="retired"), "it was revoked as retired on 2026-06-01"),
        (EARLY, Validity(revoked_at=MIDDLE, reason="compromised"), "which no time heals"),
        (EARLY, Validity(revoked_at=MIDDLE), "which no time heals"),
        (datetime(2027, 1, 1, tzinfo=UTC), Validity(until=datetime(2028, 1, 1, tzinfo=UTC)), "which is to come"),
        (None, Validity(until=MIDDLE), "it expired on 2026-06-01"),
    ],
)
def test_a_key_that_does_not_count_is_refused(made, validity, said):
    with pytest.raises(Rejected, match=said) as caught:
        dated(made, validity)
    assert caught.value.code == "signer-unknown"


def test_without_any_time_a_key_with_an_end_is_refused():
    for validity in (Validity(until=MIDDLE), Validity(since=EARLY), Validity(revoked_at=LATE, reason="retired")):
        with pytest.raises(Rejected, match="'builder': it"):
            dated(None, validity, None)
    assert dated(None, Validity(), None)
    assert dated(EARLY, Validity(until=MIDDLE), None)


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01T00:00:00", ""])
def test_a_time_that_is_none_is_none(text):
    assert made_at({"envelope": {"finished": text}}) is None
    assert made_at({"envelope": text}) is None
    assert made_at({"metadata": {"timestamp": "2026-03-01T01:00:00+01:00"}}) == EARLY
