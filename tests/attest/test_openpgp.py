"""OpenPGP signatures: what gpg says counts, not how it ends; the user's own keys and settings are out of reach."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

import pytest

from build.repositories import GPG_MADE, KEYS_MADE, MADE, needs, pgp_home
from weighbridge.attest.openpgp import fingerprint_of, keyring
from weighbridge.core.errors import KeyMissing, Rejected, UsageError

pytestmark = needs("gpg")
NOW = datetime.fromisoformat(MADE) + timedelta(days=1)
MESSAGE = b"tree 0\n"


@pytest.fixture(scope="module")
def home():
    with pgp_home() as made:
        yield made


@pytest.fixture(scope="module")
def ada(home):
    return home.key("Ada <ada@example.org>")


@pytest.fixture(scope="module")
def bob(home):
    return home.key("Bob <bob@example.org>")


def sign(home, key, *words, message=MESSAGE, at=GPG_MADE):
    return home.gpg("--armor", "--detach-sign", "--local-user", key, *words, data=message, at=at)


def rejected(text, signature, message=MESSAGE, now=NOW):
    with keyring((text,)) as ring, pytest.raises(Rejected) as caught:
        ring.verify(signature, message, now)
    return caught.value.code, caught.value.got


def test_a_good_signature_names_its_key_and_its_time(home, ada):
    with keyring((home.public(ada),)) as ring:
        good = ring.verify(sign(home, ada), MESSAGE, NOW)
        assert ring.fingerprints == (ada,)
    assert good.fingerprint == ada
    assert good.made == int(datetime.fromisoformat(MADE).timestamp())
    assert fingerprint_of(home.public(ada)) == ada


def test_a_subkey_signs_for_its_primary_key(home):
    key = home.key("Cleo <cleo@example.org>")
    home.gpg("--passphrase", "", "--quick-add-key", key, "ed25519", "sign", "never")
    signature = sign(home, key, at="20260302T000000!")
    with keyring((home.public(key),)) as ring:
        assert ring.verify(signature, MESSAGE, NOW + timedelta(days=1)).fingerprint == key


def test_another_message_and_another_key_are_refused(home, ada, bob):
    code, got = rejected(home.public(ada), sign(home, ada), b"tree 1\n")
    assert (code, "did not make over these bytes" in got) == ("signature-invalid", True)
    code, got = rejected(home.public(bob), sign(home, ada))
    assert (code, "by the key" in got) == ("signer-unknown", True)


def test_two_signatures_are_not_one(home, ada, bob):
    both = home.gpg("--armor", "--detach-sign", "-u", ada, "-u", bob, data=MESSAGE, at=GPG_MADE)
    code, got = rejected(home.public(ada), both)
    assert code == "evidence-malformed"
    assert "2 OpenPGP signatures" in got


def test_a_weak_digest_is_refused(home, ada):
    signature = sign(home, ada, "--digest-algo", "SHA1", "--allow-weak-digest-algos")
    assert rejected(home.public(ada), signature)[0] == "signature-invalid"


def test_a_signature_that_ends_has_ended(home, ada):
    signature = sign(home, ada, "--default-sig-expire", "1d")
    code, got = rejected(home.public(ada), signature, now=NOW + timedelta(days=9))
    assert (code, "expired by its own word" in got) == ("signature-invalid", True)


def test_a_key_that_its_owner_revoked_is_refused_although_gpg_ends_well(home, ada):
    code, got = rejected(home.revoked(ada), sign(home, ada))
    assert (code, "by a key that its owner revoked" in got) == ("signature-invalid", True)


def test_a_signature_from_the_future_is_refused(home, ada):
    assert rejected(home.public(ada), sign(home, ada), now=NOW - timedelta(days=9))[0] == "signature-invalid"


@pytest.mark.parametrize("text", [b"", b"x", b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"])
def test_what_is_no_signature_is_refused(home, ada, text):
    assert rejected(home.public(ada), text)[0] in ("evidence-malformed", "signature-invalid")


def test_a_whole_message_in_place_of_a_detached_signature_is_refused(home, ada):
    for words in (("--sign",), ("--clear-sign",)):
        inline = home.gpg("--armor", *words, "--local-user", ada, data=b"another", at=GPG_MADE)
        assert rejected(home.public(ada), inline)[0] in ("evidence-malformed", "signature-invalid")


def test_what_is_no_single_public_key_is_refused(home, ada, bob):
    with open(f"{home.folder}/secret.asc", "wb") as file:
        file.write(home.gpg("--armor", "--export-secret-keys", ada))
    with open(f"{home.folder}/secret.asc", encoding="ascii") as file:
        secret = file.read()
    both = home.gpg("--armor", "--export", ada, bob).decode()
    for text, said in (
        (secret, "private"),
        (both, "2 keys"),
        ("x", "no OpenPGP"),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----", "0 keys"),
    ):
        with pytest.raises(KeyMissing, match=said):
            fingerprint_of(text)


def test_the_users_own_keys_and_settings_do_not_count(home, ada, bob, tmp_path, monkeypatch):
    os.mkdir(tmp_path / ".gnupg", 0o700)
    (tmp_path / ".gnupg/gpg.conf").write_text("no-such-option\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GNUPGHOME", home.folder)
    assert rejected(home.public(bob), sign(home, ada))[0] == "signer-unknown"


def test_nothing_is_left_and_no_agent_runs(home, ada, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with keyring((home.public(ada),)) as ring:
        ring.verify(sign(home, ada), MESSAGE, NOW)
        assert not [name for name in os.listdir(ring.home) if name.startswith("S.")]
    assert os.listdir(tmp_path) == []


def test_without_gpg_nothing_is_known(home, ada, monkeypatch):
    text = home.public(ada)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match="gpg is not installed"):
        fingerprint_of(text)


def test_the_keys_were_made_before_they_sign():
    assert KEYS_MADE < GPG_MADE
