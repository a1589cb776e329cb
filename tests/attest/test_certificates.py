"""Signatures by certificate: the chain, the time, the holder, and every way around them that stays shut."""

from __future__ import annotations

import base64
import json
import random
import sys
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from build.authorities import (
    NOW,
    Entity,
    authority,
    b64,
    certificate_bundle,
    clock,
    holder,
    timestamp,
    usage,
)
from weighbridge.attest.bundles import read_bundle
from weighbridge.attest.certificates import Holder, certificate_holder
from weighbridge.attest.identities import TrustedAuthority
from weighbridge.core.errors import KeyMissing, Rejected, UsageError

if TYPE_CHECKING:
    from datetime import datetime

STATEMENT = b'{"a":1}'
ROOT = authority()
CLOCK_ROOT = authority(31, "Clock root")
CLOCK = clock(CLOCK_ROOT)
ENDED = NOW - timedelta(days=100)
BEFORE = NOW - timedelta(days=110)
CORPORATE = TrustedAuthority("corporate", ROOT.pem)
DATING = TrustedAuthority("clock", CLOCK_ROOT.pem, purpose="timestamp")


def check(raw: bytes, *authorities: TrustedAuthority, place: str = "hf://org/net", now: datetime = NOW) -> Holder:
    return certificate_holder(
        read_bundle(raw), authorities or (CORPORATE, DATING), predicate_type="t", place=place, now=now
    )


def refused(code: str, raw: bytes, *authorities: TrustedAuthority, **options: Any) -> str:
    with pytest.raises(Rejected) as caught:
        check(raw, *authorities, **options)
    assert caught.value.code == code, caught.value
    return str(caught.value)


def dated(signer: Entity, at: datetime, by: Entity = CLOCK, over: bytes | None = None) -> bytes:
    document = json.loads(certificate_bundle(STATEMENT, signer))
    signature = base64.b64decode(document["dsseEnvelope"]["signatures"][0]["sig"])
    stamp = {"signedTimestamp": b64(timestamp(by, over or signature, at))}
    document["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": [stamp]}
    return json.dumps(document).encode()


def test_a_holder_of_a_trusted_authority_is_known() -> None:
    found = check(certificate_bundle(STATEMENT, holder(ROOT)))
    assert found == Holder("corporate", "ada@example.org", None)


def test_a_chain_leads_through_an_authority_below() -> None:
    below = authority(11, "Below", ROOT)
    assert check(certificate_bundle(STATEMENT, holder(below), [below])).authority == "corporate"
    refused("signer-unknown", certificate_bundle(STATEMENT, holder(below)))


def test_a_stranger_is_not_trusted_whatever_the_chain_says() -> None:
    other = authority(12, "Root")
    refused("signer-unknown", certificate_bundle(STATEMENT, holder(other), [other]))
    refused("signer-unknown", certificate_bundle(STATEMENT, holder(ROOT)), DATING)


def test_a_holder_cannot_issue_certificates() -> None:
    """Somebody with an honest certificate makes one for somebody else."""
    ada = holder(ROOT)
    forged = holder(ada, 21, "root@example.org")
    refused("signer-unknown", certificate_bundle(STATEMENT, forged, [ada]))


def test_a_signature_by_another_key_is_invalid() -> None:
    ada = holder(ROOT)
    refused("signature-invalid", certificate_bundle(STATEMENT, ada._replace(key=holder(ROOT, 21).key)))
    changed = certificate_bundle(STATEMENT, ada).replace(b64(STATEMENT).encode(), b64(b'{"a":2}').encode())
    refused("signature-invalid", changed)


def test_an_expired_certificate_needs_a_timestamp_from_before() -> None:
    ada = holder(ROOT, end=ENDED)
    assert "ended on" in refused("evidence-stale", certificate_bundle(STATEMENT, ada))
    assert check(dated(ada, BEFORE)).signed_at == BEFORE
    assert "used on" in refused("evidence-stale", dated(ada, NOW - timedelta(days=1)))


@pytest.mark.parametrize(
    "raw",
    [
        dated(holder(ROOT, end=ENDED), BEFORE, clock(authority(32, "Clock root"))),
        dated(holder(ROOT, end=ENDED), BEFORE, holder(CLOCK_ROOT)),
        dated(holder(ROOT, end=ENDED), BEFORE, over=b"another signature"),
    ],
    ids=["another authority", "a certificate that is no clock", "over something else"],
)
def test_a_timestamp_that_does_not_hold_proves_no_time(raw: bytes) -> None:
    refused("evidence-stale", raw)


def test_without_a_trusted_clock_a_timestamp_proves_no_time() -> None:
    refused("evidence-stale", dated(holder(ROOT, end=ENDED), BEFORE), CORPORATE)


def test_a_signing_authority_dates_nothing_and_a_clock_signs_nothing() -> None:
    both = TrustedAuthority("both", CLOCK_ROOT.pem)
    refused("evidence-stale", dated(holder(ROOT, end=ENDED), BEFORE), CORPORATE, both)
    refused("signer-unknown", certificate_bundle(STATEMENT, holder(CLOCK_ROOT)), DATING)


def test_what_is_no_timestamp_is_malformed() -> None:
    document = json.loads(dated(holder(ROOT), NOW))
    document["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"] = "AAAA"
    refused("evidence-malformed", json.dumps(document).encode())


def test_a_certificate_of_tomorrow_is_not_valid_today() -> None:
    ada = holder(ROOT, begin=NOW + timedelta(days=1))
    assert "not valid on" in refused("evidence-stale", certificate_bundle(STATEMENT, ada))


def test_whom_an_authority_may_vouch_for_is_limited() -> None:
    raw = certificate_bundle(STATEMENT, holder(ROOT))
    assert check(raw, CORPORATE._replace(subjects=("*@example.org",))).identity == "ada@example.org"
    assert check(raw, CORPORATE._replace(subjects=("CN=Ada",))).identity == "CN=Ada"
    refused("signer-unknown", raw, CORPORATE._replace(subjects=("bob@example.org",)))
    refused("signer-unknown", raw, CORPORATE._replace(sources=("hf://another/*",)))
    refused("signer-unknown", raw, CORPORATE._replace(may_sign=frozenset({"another type"})))
    assert check(raw, CORPORATE._replace(sources=("hf://another/*",)), CORPORATE).authority == "corporate"


def test_an_authority_that_was_revoked_counts_for_nothing() -> None:
    gone = CORPORATE._replace(refusal="it was revoked as retired on 2026-11-01")
    assert "2026-11-01" in refused("signer-revoked", certificate_bundle(STATEMENT, holder(ROOT)), gone)
    ada = holder(ROOT, end=ENDED)
    refused("evidence-stale", dated(ada, BEFORE), CORPORATE, DATING._replace(refusal="it was revoked"))


@pytest.mark.parametrize(
    "extensions",
    [
        [(usage(key_cert_sign=True), True)],
        [],
        [(usage(digital_signature=True), True), (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)],
        [(usage(digital_signature=True, key_cert_sign=True), True), (x509.BasicConstraints(True, None), True)],
    ],
)
def test_a_certificate_for_something_else_signs_no_model(
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> None:
    refused("evidence-malformed", certificate_bundle(STATEMENT, holder(ROOT, extensions=extensions)))


def test_what_is_no_certificate_is_malformed() -> None:
    document = json.loads(certificate_bundle(STATEMENT, holder(ROOT)))
    document["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"] = b64(b"0\x03abc")
    refused("evidence-malformed", json.dumps(document).encode())


def test_an_authority_that_cannot_be_read_is_said() -> None:
    with pytest.raises(KeyMissing, match="cannot be read"):
        check(certificate_bundle(STATEMENT, holder(ROOT)), TrustedAuthority("broken", b"no certificate"))


def test_without_the_library_a_timestamp_is_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(UsageError) as caught:
        check(dated(holder(ROOT, end=ENDED), BEFORE))
    assert "weighbridge[sigstore]" in caught.value.mend
    assert check(certificate_bundle(STATEMENT, holder(ROOT))).authority == "corporate"


def test_damaged_certificates_and_timestamps_are_refused_and_nothing_else() -> None:
    """Bytes inside of what libraries take apart: whatever they make of it, it is a refusal or the same signer."""
    document = json.loads(dated(holder(ROOT), NOW))
    material = document["verificationMaterial"]
    dice = random.Random(7)
    for _ in range(400):
        places = (
            (material["x509CertificateChain"]["certificates"][0], "rawBytes"),
            (
                material["timestampVerificationData"]["rfc3161Timestamps"][0],
                "signedTimestamp",
            ),
        )
        record, key = dice.choice(places)
        kept = record[key]
        raw = bytearray(base64.b64decode(kept))
        raw[dice.randrange(len(raw))] = dice.randrange(256)
        record[key] = b64(bytes(raw[: dice.choice((len(raw), len(raw), dice.randrange(len(raw))))]))
        with suppress(Rejected):
            assert check(json.dumps(document).encode())[:2] == ("corporate", "ada@example.org")
        record[key] = kept
