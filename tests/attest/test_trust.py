"""Trust: a signature counts only if its key may say this kind of thing about this digest."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from build.authorities import END, NOW, authority, clock, holder, timestamp
from build.keys import public_pem, signer, trust
from weighbridge.attest.certified import CertifiedKey
from weighbridge.attest.clock import Dated
from weighbridge.attest.dsse import seal
from weighbridge.attest.identities import EVIDENCE, TrustedAuthority
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


CLOCK_ROOT = authority(30, "Clock root")
CLOCK = clock(CLOCK_ROOT, 31)
TIMED = TrustedAuthority("clock", CLOCK.pem + CLOCK_ROOT.pem, purpose="timestamp")


def dated(made, validity, now=LATE, stamp=None, clocks=(TIMED,)):
    predicate = {"envelope": {"finished": f"{made:%Y-%m-%dT%H:%M:%SZ}"}} if made else {}
    payload = write_statement([Subject("x", MODEL)], SCAN, predicate)
    (key,) = trust(1).keys
    policy = TrustPolicy((key._replace(validity=validity),), authorities=clocks)
    made_by = Dated(signer(1), lambda message: timestamp(CLOCK, message, stamp)) if stamp else signer(1)
    return verify(seal(payload, PAYLOAD_TYPE, made_by), policy, predicate_type=SCAN, subject=MODEL, now=now)


ENDED = [
    Validity(until=MIDDLE),
    Validity(EARLY - timedelta(days=1), MIDDLE),
    Validity(revoked_at=MIDDLE, reason="retired"),
    Validity(revoked_at=MIDDLE, reason="superseded"),
]


@pytest.mark.parametrize("validity", ENDED)
def test_old_evidence_stays_good_after_its_key_has_ended_if_a_clock_proves_that_it_is_old(validity):
    assert dated(EARLY, validity, stamp=EARLY).signer_name == "builder"
    assert dated(None, validity, stamp=EARLY).signer_name == "builder"
    assert dated(EARLY, validity, None, stamp=EARLY).signer_name == "builder"


@pytest.mark.parametrize("validity", ENDED)
def test_what_old_evidence_says_of_its_own_time_proves_nothing(validity):
    for stamp, clocks in ((None, (TIMED,)), (EARLY, ()), (EARLY, (TIMED._replace(refusal="it was revoked"),))):
        with pytest.raises(Rejected, match="no trusted timestamp says that it signed before") as caught:
            dated(EARLY, validity, stamp=stamp, clocks=clocks)
        assert caught.value.code == "signer-unknown"
    with pytest.raises(Rejected, match="2026-06-01"):
        dated(EARLY, validity, stamp=LATE)


def test_a_strangers_clock_proves_nothing():
    other = authority(32, "Another root")
    stranger = TrustedAuthority("other", clock(other, 33).pem + other.pem, purpose="timestamp")
    with pytest.raises(Rejected, match="no trusted timestamp"):
        dated(EARLY, Validity(until=MIDDLE), stamp=EARLY, clocks=(stranger,))
    with pytest.raises(Rejected, match="no trusted timestamp"):
        dated(EARLY, Validity(until=MIDDLE), stamp=EARLY, clocks=(TIMED._replace(purpose="sign"),))


@pytest.mark.parametrize("validity", [Validity(revoked_at=MIDDLE, reason="compromised"), Validity(revoked_at=MIDDLE)])
def test_no_timestamp_heals_a_compromise(validity):
    with pytest.raises(Rejected, match="which no time heals"):
        dated(EARLY, validity, stamp=EARLY)


@pytest.mark.parametrize(
    ("made", "validity", "said"),
    [
        (LATE, Validity(until=MIDDLE), "it expired on 2026-06-01"),
        (MIDDLE, Validity(until=MIDDLE), "it expired on 2026-06-01"),
        (EARLY, Validity(since=MIDDLE), "it counts from 2026-06-01 on"),
        (LATE, Validity(revoked_at=MIDDLE, reason="retired"), "it was revoked as retired on 2026-06-01"),
        (datetime(2027, 1, 1, tzinfo=UTC), Validity(until=datetime(2028, 1, 1, tzinfo=UTC)), "which is to come"),
        (None, Validity(until=MIDDLE), "it expired on 2026-06-01"),
    ],
)
def test_a_key_that_does_not_count_is_refused(made, validity, said):
    with pytest.raises(Rejected, match=said) as caught:
        dated(made, validity)
    assert caught.value.code == "signer-unknown"


def test_a_key_counts_today_for_what_it_signed_since_it_counts():
    for validity in (Validity(), Validity(since=EARLY), Validity(EARLY, LATE + timedelta(days=1))):
        assert dated(MIDDLE, validity).signer_name == "builder"
        assert dated(None, validity).signer_name == "builder"


def test_without_any_time_a_key_with_an_end_is_refused():
    for validity in (Validity(until=MIDDLE), Validity(since=EARLY), Validity(revoked_at=LATE, reason="retired")):
        for made in (EARLY, None):
            with pytest.raises(Rejected, match="'builder': it"):
                dated(made, validity, None)
    assert dated(None, Validity(), None)


# Certificates


ROOT = authority()
ADA = holder(ROOT, 1)
HOUSE = TrustedAuthority("house", ROOT.pem, ("ada@example.org",), (EVIDENCE,), frozenset({SCAN}))


def by_certificate(*authorities, now=NOW, predicate_type=SCAN, made_by=None):
    payload = write_statement([Subject("x", MODEL)], predicate_type, {})
    made = seal(payload, PAYLOAD_TYPE, made_by or CertifiedKey(signer(1), (ADA.der, ROOT.der), lambda: NOW))
    return verify(made, TrustPolicy((), authorities=authorities), predicate_type=predicate_type, subject=MODEL, now=now)


def test_evidence_can_be_signed_by_certificate():
    assert by_certificate(HOUSE)[:2] == ("house", "ada@example.org")


@pytest.mark.parametrize(
    ("authorities", "code"),
    [
        ((), "signer-unknown"),
        ((HOUSE._replace(sources=("**",)),), "signer-unknown"),
        ((HOUSE._replace(sources=("evidenc*",)),), "signer-unknown"),
        ((HOUSE._replace(subjects=("eve@example.org",)),), "signer-unknown"),
        ((HOUSE._replace(may_sign=frozenset({VSA})),), "signer-unknown"),
        ((HOUSE._replace(refusal="it was revoked"),), "signer-revoked"),
        ((HOUSE._replace(pem=authority(11, "Else").pem),), "signer-unknown"),
    ],
)
def test_whoever_may_vouch_for_models_may_not_speak_for_a_gate(authorities, code):
    with pytest.raises(Rejected) as caught:
        by_certificate(*authorities)
    assert caught.value.code == code


def test_evidence_outlives_its_certificate_only_with_a_timestamp():
    def stamped(at):
        return Dated(CertifiedKey(signer(1), (ADA.der,), lambda: NOW), lambda message: timestamp(CLOCK, message, at))

    later = END + timedelta(days=1)
    with pytest.raises(Rejected) as caught:
        by_certificate(HOUSE, now=later)
    assert caught.value.code == "evidence-stale"
    assert by_certificate(HOUSE, TIMED, now=later, made_by=stamped(NOW)).signer_name == "house"


def test_any_byte_of_a_dated_bundle_by_certificate():
    """It is refused for a reason, or it is the same statement by the same signer (a name of a field that nobody reads)."""
    made_by = Dated(CertifiedKey(signer(1), (ADA.der,), lambda: NOW), lambda message: timestamp(CLOCK, message, NOW))
    made = seal(write_statement([Subject("x", MODEL)], SCAN, {}), PAYLOAD_TYPE, made_by)
    policy = TrustPolicy((), authorities=(HOUSE, TIMED))
    later = END + timedelta(days=1)
    good = verify(made, policy, predicate_type=SCAN, subject=MODEL, now=later)
    same, codes = 0, set()
    for place in range(0, len(made), 3):
        changed = made[:place] + bytes([made[place] ^ (1 << place % 8)]) + made[place + 1 :]
        try:
            assert verify(changed, policy, predicate_type=SCAN, subject=MODEL, now=later) == good
            same += 1
        except Rejected as error:
            codes.add(error.code)
    assert codes >= {"signature-invalid", "signer-unknown", "evidence-stale", "evidence-malformed"}
    assert same < len(made) / 30


def test_an_authority_that_was_superseded_counts_for_what_is_proven_to_be_older():
    gone = Validity(revoked_at=NOW + timedelta(days=1), reason="superseded")
    later = NOW + timedelta(days=2)
    old = HOUSE._replace(refusal=gone.refusal(later), validity=gone)
    stamped = Dated(CertifiedKey(signer(1), (ADA.der,), lambda: NOW), lambda message: timestamp(CLOCK, message, NOW))
    assert by_certificate(old, TIMED, now=later, made_by=stamped).signer_name == "house"
    for authorities in ((old,), (old._replace(validity=gone._replace(reason="compromised")), TIMED)):
        with pytest.raises(Rejected) as caught:
            by_certificate(*authorities, now=later, made_by=stamped)
        assert caught.value.code == "signer-revoked"


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01T00:00:00", ""])
def test_a_time_that_is_none_is_none(text):
    assert made_at({"envelope": {"finished": text}}) is None
    assert made_at({"envelope": text}) is None
    assert made_at({"metadata": {"timestamp": "2026-03-01T01:00:00+01:00"}}) == EARLY
