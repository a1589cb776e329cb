"""Sigstore without keys and without a network: each link of the chain is broken once, and once everything holds."""

from __future__ import annotations

import base64
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from build.authorities import ISSUER, NOW, WORKFLOW, authority, b64, sigstore
from build.keys import private_key
from weighbridge.attest.bundles import read_bundle
from weighbridge.attest.certificates import certificate_holder
from weighbridge.attest.identities import TrustedIdentity
from weighbridge.attest.keyless import Identified, identified, public_root
from weighbridge.core.errors import KeyMissing, Rejected, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

STATEMENT = b'{"a":1}'
OURS = sigstore()
RELEASE = TrustedIdentity("release", "https://git.example/org/net/.github/workflows/*@refs/tags/*", ISSUER)
REAL = Path(__file__).parents[1] / "provenance" / "data" / "slsa-of-a-release.sigstore.json"
"""A GitHub attestation of 2024 that the source distribution of pypi-attestations 0.0.30 carries as test data."""


def check(
    raw: bytes, *identities: TrustedIdentity, root: bytes | None = None, place: str = "hf://org/net"
) -> Identified:
    return identified(
        read_bundle(raw),
        identities or (RELEASE,),
        OURS.trusted_root() if root is None else root,
        predicate_type="t",
        place=place,
    )


def refused(code: str, raw: bytes, *identities: TrustedIdentity, **options: Any) -> str:
    with pytest.raises(Rejected) as caught:
        check(raw, *identities, **options)
    assert caught.value.code == code, caught.value
    return str(caught.value)


def test_an_identity_is_known_and_dated() -> None:
    found = check(OURS.bundle(STATEMENT, OURS.certificate(build={12: "https://git.example/org/net"})))
    assert found[:4] == ("release", WORKFLOW, ISSUER, NOW + timedelta(minutes=1))
    assert found.extensions == {"issuer": ISSUER, "source-repository": "https://git.example/org/net"}


def test_a_clock_can_date_what_the_log_does_not() -> None:
    assert check(OURS.bundle(STATEMENT, promise=False, stamps=[NOW + timedelta(minutes=1)])).name == "release"
    refused("signature-invalid", OURS.bundle(STATEMENT, promise=False))
    late = OURS.bundle(STATEMENT, promise=False, stamps=[NOW + timedelta(minutes=11)])
    refused("signer-unknown", late)


def entry(change: Callable[[dict[str, Any]], None], raw: bytes | None = None) -> bytes:
    document = json.loads(raw or OURS.bundle(STATEMENT))
    change(document["verificationMaterial"]["tlogEntries"][0])
    return json.dumps(document).encode()


def flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return b64(bytes(raw))


def proof(name: str, change: Callable[[Any], Any]) -> bytes:
    def on(found: dict[str, Any]) -> None:
        found["inclusionProof"][name] = change(found["inclusionProof"][name])

    return entry(on)


def other_body(found: dict[str, Any]) -> None:
    """The entry of another signature, which is honestly in the log."""
    other = json.loads(OURS.bundle(b'{"a":2}'))
    found.update(other["verificationMaterial"]["tlogEntries"][0])


LINKS = {
    "the statement": lambda: OURS.bundle(STATEMENT).replace(b64(STATEMENT).encode(), b64(b'{"a":2}').encode()),
    "the certificate log": lambda: OURS.bundle(STATEMENT, OURS.certificate(logged_by=private_key(99))),
    "the transparency log": lambda: OURS.bundle(STATEMENT, log=private_key(99)),
    "the promise": lambda: entry(
        lambda found: found["inclusionPromise"].update(
            signedEntryTimestamp=flipped(found["inclusionPromise"]["signedEntryTimestamp"])
        )
    ),
    "the time": lambda: entry(lambda found: found.update(integratedTime=str(int(found["integratedTime"]) + 60))),
    "the path to the root": lambda: proof("hashes", lambda hashes: [flipped(hashes[0]), *hashes[1:]]),
    "the length of the path": lambda: proof("hashes", lambda hashes: hashes[:1]),
    "the root": lambda: proof("rootHash", flipped),
    "the place in the tree": lambda: proof("logIndex", lambda _: "0"),
    "the checkpoint": lambda: proof(
        "checkpoint", lambda found: {"envelope": found["envelope"].replace("\n3\n", "\n4\n")}
    ),
    "an entry of another statement": lambda: entry(other_body),
    "no entry": lambda: entry(lambda found: found.clear()),
}


@pytest.mark.parametrize("link", LINKS)
def test_each_broken_link_is_refused(link: str) -> None:
    assert "does not hold" in refused("signature-invalid", LINKS[link]())


def test_a_certificate_by_a_stranger_is_not_trusted() -> None:
    other = authority(60, "Below")
    refused("signer-unknown", OURS.bundle(STATEMENT, OURS.certificate(below=other)))


def test_a_certificate_used_after_its_ten_minutes_is_not_trusted() -> None:
    refused("signer-unknown", OURS.bundle(STATEMENT, at=NOW + timedelta(minutes=11)))


@pytest.mark.parametrize(
    "identity",
    [
        RELEASE._replace(identity="https://git.example/org/other/*"),
        RELEASE._replace(issuer="https://token.actions.example.evil.example"),
        RELEASE._replace(issuer="*"),
        RELEASE._replace(sources=("hf://other/*",)),
        RELEASE._replace(may_sign=frozenset({"another type"})),
    ],
)
def test_another_identity_may_not_vouch(identity: TrustedIdentity) -> None:
    refused("signer-unknown", OURS.bundle(STATEMENT), identity)


def test_an_identity_that_was_revoked_counts_for_nothing() -> None:
    revoked = RELEASE._replace(refusal="it was revoked as compromised (2026-11-01)")
    assert "2026-11-01" in refused("signer-revoked", OURS.bundle(STATEMENT), revoked)


def test_without_its_log_entry_a_bundle_is_a_certificate_by_a_stranger() -> None:
    document = json.loads(OURS.bundle(STATEMENT))
    document["verificationMaterial"]["tlogEntries"] = []
    bundle = read_bundle(json.dumps(document).encode())
    assert bundle.method == "certificate"
    with pytest.raises(Rejected, match="unknown authority"):
        certificate_holder(bundle, (), predicate_type="t", place="", now=NOW)


def test_one_of_several_identities_is_enough() -> None:
    assert check(OURS.bundle(STATEMENT), RELEASE._replace(name="x", sources=()), RELEASE).name == "release"


def test_a_log_that_was_not_in_use_dates_nothing() -> None:
    root = json.loads(OURS.trusted_root())
    root["tlogs"][0]["publicKey"]["validFor"]["end"] = (NOW - timedelta(days=1)).isoformat()
    message = refused("signature-invalid", OURS.bundle(STATEMENT), root=json.dumps(root).encode())
    assert "not in use" in message


@pytest.mark.parametrize("root", [b"no root", b"{}", b"[]"])
def test_a_root_that_cannot_be_used_is_said(root: bytes) -> None:
    with pytest.raises(KeyMissing, match="trusted root"):
        check(OURS.bundle(STATEMENT), root=root)


def test_a_missing_library_is_said_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigstore.models", None)
    with pytest.raises(UsageError) as caught:
        check(OURS.bundle(STATEMENT))
    assert "weighbridge[sigstore]" in caught.value.mend


def test_a_damaged_bundle_is_refused_and_nothing_else() -> None:
    """One bit in each of a hundred places: whatever the libraries make of it, it is a refusal."""
    raw = OURS.bundle(STATEMENT, stamps=[NOW + timedelta(minutes=1)])
    for place in range(0, len(raw), len(raw) // 100):
        damaged = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        try:
            found = check(damaged)
        except Rejected:
            continue
        assert found.name == "release"
        assert read_bundle(damaged).payload == STATEMENT


class TestAPublishedAttestation:
    """A real one, with the root of the public instance that the library brings."""

    IDENTITY = TrustedIdentity(
        "publisher",
        "https://github.com/trailofbits/pypi-attestations/**",
        "https://token.actions.githubusercontent.com",
    )

    def test_it_holds(self) -> None:
        found = check(REAL.read_bytes(), self.IDENTITY, root=b"")
        assert found.extensions["source-digest"] == "08802efe1f8e5fec4ad842d6b8ce97656092ee72"
        assert found.signed_at is not None
        assert f"{found.signed_at:%Y-%m-%d}" == "2024-12-04"

    def test_it_holds_for_its_identity_only(self) -> None:
        refused("signer-unknown", REAL.read_bytes(), RELEASE, root=b"")

    def test_it_does_not_hold_with_another_root(self) -> None:
        refused("signer-unknown", REAL.read_bytes(), self.IDENTITY)
        refused("signer-unknown", OURS.bundle(STATEMENT), root=public_root())

    def test_it_does_not_hold_when_it_was_changed(self) -> None:
        document = json.loads(REAL.read_bytes())
        document["dsseEnvelope"]["payload"] = b64(
            base64.b64decode(document["dsseEnvelope"]["payload"]).replace(b"9bb1add0", b"9bb1add1")
        )
        refused("signature-invalid", json.dumps(document).encode(), self.IDENTITY, root=b"")
