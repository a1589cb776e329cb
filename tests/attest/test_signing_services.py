"""Signers behind one seam: each signs the same statement, and the bundle verifies with what its kind is known by."""

from __future__ import annotations

import base64
import json
import socket
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from build.authorities import ISSUER, NOW, WORKFLOW, authority, clock, holder, sigstore
from build.keys import private_pem, public_pem, signer
from build.stand_in_services import (
    TOKEN,
    VAULT_HOST,
    VERSION,
    identity_token,
    keyless,
    stamping,
    trust_configuration,
    vault,
)
from weighbridge.attest.bundles import read_bundle
from weighbridge.attest.certified import certified
from weighbridge.attest.clock import Dated, asks
from weighbridge.attest.dsse import seal
from weighbridge.attest.identities import EVIDENCE, TrustedAuthority, TrustedIdentity
from weighbridge.attest.keyless_signing import open_keyless
from weighbridge.attest.open import open_signer
from weighbridge.attest.signers import create_key, digest_signature_holds, signature_holds
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.attest.timestamps import proven_time
from weighbridge.attest.trust import TrustedKey, TrustPolicy, verify
from weighbridge.attest.vault import open_vault_key
from weighbridge.core.digests import Digest
from weighbridge.core.errors import KeyMissing, Rejected, UsageError
from weighbridge.core.settings import Settings, SignerSettings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from build.stand_in_services import Service

SCAN, MODEL = "https://example.test/scan", Digest("ab" * 32)
PAYLOAD = write_statement([Subject("x", MODEL)], SCAN, {"ok": True})


def opened(bundle: bytes, policy: TrustPolicy, now: Any = NOW) -> str:
    return verify(bundle, policy, predicate_type=SCAN, subject=MODEL, now=now).signer_name


# Files


def test_an_encrypted_key_signs_with_its_passphrase_and_with_no_other(tmp_path: Path) -> None:
    path = str(tmp_path / "key.pem")
    made = create_key(path, b"correct horse")
    assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / "key.pem").read_bytes()
    ours = open_signer(Settings(key=path), b"correct horse")
    assert ours.key_id == made.key_id
    policy = TrustPolicy((TrustedKey("own", made.public_pem(), frozenset({"*"})),))
    assert opened(seal(PAYLOAD, PAYLOAD_TYPE, ours), policy) == "own"
    for passphrase, said in ((None, "no passphrase was given"), (b"wrong", "wrong passphrase")):
        with pytest.raises(KeyMissing, match=said):
            open_signer(Settings(key=path), passphrase)


def test_settings_name_signers(tmp_path: Path) -> None:
    file = tmp_path / "weighbridge.toml"
    file.write_text('key = "a.pem"\n[signer]\ncertificate = "chain.pem"\ntimestamp = "https://tsa.example"\n')
    settings = load_settings(str(file), {})
    assert settings.key == str(tmp_path / "a.pem")
    assert settings.signer == SignerSettings(str(tmp_path / "chain.pem"), True, "https://tsa.example")
    for key in ("sigstore", "azure-key-vault:https://v.example/keys/a/b"):
        file.write_text(f'key = "{key}"\n')
        assert load_settings(str(file), {}).key == key
    for text in ("signer = 1", "[signer]\nnotation = 1", "[signer]\nstamp = 'x'", "[signer]\ntimestamp = 1"):
        file.write_text(text)
        with pytest.raises(UsageError):
            load_settings(str(file), {})


# Certificates

ROOT = authority()
MIDDLE = authority(11, "Below", ROOT)
ADA = holder(MIDDLE, 1)
CHAIN = ADA.pem + MIDDLE.pem + ROOT.pem
HOUSE = TrustedAuthority("house", ROOT.pem, ("ada@example.org",), (EVIDENCE,), frozenset({SCAN}))


@pytest.mark.parametrize("pem", [CHAIN, ADA.pem + MIDDLE.pem])
def test_a_chain_signs_and_leaves_its_root_at_home(pem: bytes) -> None:
    bundle = seal(PAYLOAD, PAYLOAD_TYPE, certified(signer(1), pem, "chain.pem", lambda: NOW))
    read = read_bundle(bundle)
    assert read.certificates == (ADA.der, MIDDLE.der)
    assert b"keyid" not in bundle
    assert opened(bundle, TrustPolicy((), authorities=(HOUSE,))) == "house"


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (b"", "no certificates"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no certificates"),
        (holder(MIDDLE, 2).pem + MIDDLE.pem, "for another key"),
        (MIDDLE.pem + ROOT.pem, "for another key"),
        (holder(ROOT, 1, extensions=[]).pem, "not for signing"),
        (authority(1, "Own").pem, "not for signing"),
        (ADA.pem + ROOT.pem, "certificate 1 of chain.pem was not issued by certificate 2"),
        (ADA.pem + MIDDLE.pem + authority(12, "Root").pem, "certificate 2 of chain.pem was not issued"),
        (ADA.pem + MIDDLE.pem * 10, "holds 11 certificates"),
    ],
)
def test_certificates_that_do_not_belong_together_do_not_sign(pem: bytes, said: str) -> None:
    with pytest.raises(KeyMissing, match=said):
        certified(signer(1), pem, "chain.pem", lambda: NOW)


@pytest.mark.parametrize("days", [-400, 4000])
def test_a_certificate_signs_while_it_is_valid(days: int) -> None:
    ours = certified(signer(1), CHAIN, "chain.pem", lambda: NOW + timedelta(days=days))
    with pytest.raises(KeyMissing, match="valid from 2026-01-01 to 2036-01-01"):
        seal(PAYLOAD, PAYLOAD_TYPE, ours)


def test_the_settings_lead_to_certificates(tmp_path: Path) -> None:
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    key.write_bytes(private_pem(1))
    key.chmod(0o600)
    chain.write_bytes(CHAIN)
    settings = Settings(key=str(key), signer=SignerSettings(str(chain)))
    ours = open_signer(settings, None)
    assert ours.certified is not None
    assert ours.certified.certificates == (ADA.der, MIDDLE.der, ROOT.der)
    assert open_signer(settings._replace(signer=SignerSettings(str(chain), notation=False)), None).certified is None
    with pytest.raises(KeyMissing, match="cannot be read"):
        open_signer(settings._replace(signer=SignerSettings(str(tmp_path / "none.pem"))), None)


# Timestamps

CLOCK_ROOT = authority(30, "Clock root")
CLOCK = clock(CLOCK_ROOT, 31)
TIMED = TrustedAuthority("clock", CLOCK.pem + CLOCK_ROOT.pem, purpose="timestamp")


def test_a_signature_is_dated_by_an_authority() -> None:
    with stamping(CLOCK, NOW) as service:
        bundle = seal(PAYLOAD, PAYLOAD_TYPE, Dated(signer(1), asks(service.url)))
    assert proven_time(read_bundle(bundle), (TIMED,)) == NOW
    assert opened(bundle, TrustPolicy((TrustedKey("own", public_pem(), frozenset({"*"})),))) == "own"


@pytest.mark.parametrize("wrong", ["refused", "message", "nonce", "status", "garbage"])
def test_a_timestamp_that_does_not_hold_is_not_kept(wrong: str) -> None:
    with stamping(CLOCK, NOW) as service:
        service.wrong = wrong
        with pytest.raises(KeyMissing, match="timestamp authority") as caught:
            seal(PAYLOAD, PAYLOAD_TYPE, Dated(signer(1), asks(service.url)))
        assert caught.value.mend


def test_an_authority_that_is_not_there_and_one_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with stamping(CLOCK, NOW) as service:
        gone = service.url
    with pytest.raises(KeyMissing, match="cannot be asked"):
        asks(gone)(b"x")
    with pytest.raises(UsageError, match="no timestamp authority"):
        asks("file:///etc/passwd")
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(UsageError, match="without the library rfc3161-client") as caught:
        asks("https://tsa.example")
    assert "weighbridge[sigstore]" in caught.value.mend


# Azure Key Vault


class Credential:
    """An identity that has a token; what it was asked for is kept."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **named: Any) -> Any:
        from azure.core.credentials import AccessToken

        self.scopes += scopes
        assert named.get("tenant_id") == "tenant"
        return AccessToken(TOKEN, int(time.time()) + 3600)


@pytest.fixture
def a_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    real = socket.getaddrinfo

    def here(host: Any, *rest: Any, **named: Any) -> Any:
        return real("127.0.0.1" if host == VAULT_HOST else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "vault-ca.pem"))
    monkeypatch.setenv("NO_PROXY", VAULT_HOST)
    with vault(tmp_path) as service:
        yield service


def key_of(service: Service, version: str = f"/{VERSION}") -> Any:
    return open_vault_key(f"azure-key-vault:{service.url}/keys/release{version}", Credential())


@pytest.mark.parametrize("version", [f"/{VERSION}", ""])
def test_a_vault_signs_digests_and_its_signatures_are_der(a_vault: Service, version: str) -> None:
    credential = Credential()
    key = open_vault_key(f"azure-key-vault:{a_vault.url}/keys/release{version}", credential)
    assert (key.key_id, key.public_pem()) == (signer(1).key_id, public_pem())
    for number in range(8):
        message = b"message %d" % number
        assert signature_holds(public_pem(), message, key.sign(message))
    assert (
        opened(seal(PAYLOAD, PAYLOAD_TYPE, key), TrustPolicy((TrustedKey("v", public_pem(), frozenset("*")),))) == "v"
    )
    assert set(credential.scopes) == {f"https://vault.test:{a_vault.url.rpartition(':')[2]}/.default"}
    signed = [path for _, path, _ in a_vault.seen if "/sign" in path]
    assert all(f"/keys/release/{VERSION}/sign" in path for path in signed), "the version is pinned"
    assert not any(b"message" in body or b"_type" in body for _, _, body in a_vault.seen), "only digests go there"


def test_a_key_in_a_vault_can_have_certificates(a_vault: Service) -> None:
    ours = certified(key_of(a_vault), CHAIN, "chain.pem", lambda: NOW)
    assert opened(seal(PAYLOAD, PAYLOAD_TYPE, ours), TrustPolicy((), authorities=(HOUSE,))) == "house"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("denied", "the caller may not sign"),
        ("signature", "did not make"),
        ("short", "63 bytes"),
        ("token", "cannot be used"),
    ],
)
def test_a_vault_that_does_not_sign_is_said_and_no_token_is_shown(a_vault: Service, wrong: str, said: str) -> None:
    key = key_of(a_vault)
    a_vault.wrong = wrong
    with pytest.raises(KeyMissing, match=said) as caught:
        key.sign(b"x")
    assert TOKEN not in f"{caught.value}{caught.value.mend}{key!r}"


def test_a_key_that_is_not_there_or_is_none(a_vault: Service) -> None:
    with pytest.raises(KeyMissing, match="cannot be used"):
        open_vault_key(f"{a_vault.url}/keys/other", Credential())
    for address in ("http://v.example/keys/a", "https://v.example/secrets/a", "https://v.example/keys/a/b/c", "x"):
        with pytest.raises(UsageError, match="is no key of a vault"):
            open_vault_key(address)


def test_another_curve_in_a_vault_is_refused(tmp_path: Path, a_vault: Service) -> None:
    with vault(tmp_path, 1, "P-384") as other, pytest.raises(KeyMissing, match="not an ECDSA P-256 key"):
        open_vault_key(f"{other.url}/keys/release", Credential())


def test_without_the_library_of_the_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.keyvault.keys", None)
    with pytest.raises(UsageError, match="azure-keyvault-keys"):
        open_signer(Settings(key="azure-key-vault:https://v.example/keys/a"), None)


# Sigstore

OURS = sigstore()
RELEASE = TrustedIdentity("release", WORKFLOW, ISSUER, (EVIDENCE,), frozenset({SCAN}))


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", identity_token(WORKFLOW, ISSUER))
    with keyless(OURS, WORKFLOW, ISSUER) as service:
        yield service


def config_of(tmp_path: Path, service: Service) -> str:
    path = tmp_path / "sigstore.json"
    path.write_bytes(trust_configuration(OURS, service.url))
    return str(path)


def test_an_identity_signs_and_is_verified_without_a_network(tmp_path: Path, services: Service) -> None:
    ours = open_signer(
        Settings(key="sigstore", signer=SignerSettings(sigstore_config=config_of(tmp_path, services))), None
    )
    assert ours.key_id == WORKFLOW
    bundle = seal(PAYLOAD, PAYLOAD_TYPE, ours)
    second = seal(PAYLOAD, PAYLOAD_TYPE, ours)
    assert read_bundle(second).certificates == read_bundle(bundle).certificates, "one certificate for one intake"
    assert read_bundle(bundle).method == "sigstore"
    assert read_bundle(bundle).timestamps
    policy = TrustPolicy((), identities=(RELEASE,), sigstore_root=OURS.trusted_root())
    assert opened(bundle, policy) == "release"
    for other in (RELEASE._replace(sources=("**",)), RELEASE._replace(issuer="https://else.example")):
        with pytest.raises(Rejected) as caught:
            opened(bundle, policy._replace(identities=(other,)))
        assert caught.value.code == "signer-unknown"
    document = json.loads(bundle)
    document["dsseEnvelope"]["payload"] = base64.b64encode(PAYLOAD.replace(b"true", b"null")).decode()
    with pytest.raises(Rejected):
        opened(json.dumps(document).encode(), policy)


@pytest.mark.parametrize("wrong", ["authority", "log", "certificate"])
def test_a_service_that_fails_is_said(tmp_path: Path, services: Service, wrong: str) -> None:
    ours = open_keyless(config_of(tmp_path, services))
    services.wrong = wrong
    with pytest.raises(KeyMissing, match="nothing was signed with Sigstore"):
        seal(PAYLOAD, PAYLOAD_TYPE, ours)


def test_without_an_identity_nothing_begins(tmp_path: Path, services: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path, services)
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", "no.token.x")
    with pytest.raises(KeyMissing, match="cannot be used"):
        open_keyless(config)
    monkeypatch.delenv("SIGSTORE_ID_TOKEN")
    for name in ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("id.detect_credential", lambda audience: None)
    with pytest.raises(KeyMissing, match="no identity that Sigstore could certify"):
        open_keyless(config)


def test_a_configuration_that_is_none(tmp_path: Path, services: Service) -> None:
    (tmp_path / "bad.json").write_text("{}")
    for path in ("bad.json", "none.json"):
        with pytest.raises(KeyMissing, match="configuration of Sigstore"):
            open_keyless(str(tmp_path / path))
    with pytest.raises(UsageError, match="certificates of its own"):
        open_signer(Settings(key="sigstore", signer=SignerSettings("chain.pem")), None)


def test_without_the_library_of_sigstore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigstore.models", None)
    with pytest.raises(UsageError, match="without the library sigstore"):
        open_keyless()


def test_der_and_digest_agree() -> None:
    import hashlib

    made = signer(1).sign(b"x")
    assert digest_signature_holds(public_pem(), hashlib.sha256(b"x").digest(), made)
