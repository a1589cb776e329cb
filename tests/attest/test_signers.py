"""Key files: made once, private, and refused with a cause and a mend when they cannot be used."""

from __future__ import annotations

import hashlib
import os
import stat

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from build.keys import CURVES, private_key, private_pem, public_pem
from weighbridge.attest.signers import create_key, key_id_of, load_key, normal_pem, signature_holds
from weighbridge.core.errors import KeyMissing, UsageError


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_a_key_is_made_private_and_loads_again(tmp_path, passphrase):
    path = str(tmp_path / "key.pem")
    made = create_key(path, passphrase)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    public = (tmp_path / "key.pem.pub").read_bytes()
    assert public == made.public_pem()
    assert made.key_id == hashlib.sha256(public).hexdigest() == key_id_of(public)
    assert (b"ENCRYPTED" in (tmp_path / "key.pem").read_bytes()) == (passphrase is not None)
    loaded = load_key(path, passphrase)
    assert loaded.key_id == made.key_id
    assert signature_holds(public, b"message", loaded.sign(b"message"))
    assert not signature_holds(public, b"massage", loaded.sign(b"message"))


def test_a_key_is_never_shown(tmp_path):
    key = create_key(str(tmp_path / "key"), None)
    assert repr(key) == f"LocalKey({key.key_id})"


@pytest.mark.parametrize("existing", ["key", "key.pub"])
def test_no_key_is_overwritten_and_nothing_is_left(tmp_path, existing):
    (tmp_path / existing).write_bytes(b"precious")
    with pytest.raises(UsageError, match=f"{existing} exists already"):
        create_key(str(tmp_path / "key"), None)
    assert os.listdir(tmp_path) == [existing]
    assert (tmp_path / existing).read_bytes() == b"precious"


def test_a_failed_write_leaves_no_key(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        create_key(str(tmp_path / "key"), None)
    assert os.listdir(tmp_path) == []


def test_both_files_and_their_folder_are_on_disk_when_a_key_is_made(tmp_path, monkeypatch):
    real, synced = os.fsync, []

    def noted(fd):
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        real(fd)

    monkeypatch.setattr(os, "fsync", noted)
    create_key(str(tmp_path / "key"), None)
    assert synced == [str(tmp_path / "key"), str(tmp_path / "key.pub"), str(tmp_path)]


def test_a_key_needs_a_folder_and_a_real_passphrase(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        create_key(str(tmp_path / "absent" / "key"), None)
    with pytest.raises(UsageError, match="passphrase is empty"):
        create_key(str(tmp_path / "key"), b"")


def refused(path, passphrase=None):
    with pytest.raises(KeyMissing) as caught:
        load_key(str(path), passphrase)
    assert caught.value.mend
    return caught.value.cause


def write(path, content, mode=0o600):
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_unusable_keys_are_refused_with_the_cause(tmp_path):
    encrypted = private_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"right")
    )
    ed = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert "there is no key" in refused(tmp_path / "absent")
    assert "no passphrase was given" in refused(write(tmp_path / "e", encrypted))
    assert "wrong passphrase" in refused(write(tmp_path / "e", encrypted), b"wrong")
    assert "has no passphrase" in refused(write(tmp_path / "p", private_pem()), b"extra")
    assert "not a PEM private key" in refused(write(tmp_path / "x", b"hello"))
    assert "not an ECDSA P-256 key" in refused(write(tmp_path / "c", private_pem(1, "P-384")))
    assert "not an ECDSA P-256 key" in refused(write(tmp_path / "d", ed))
    assert "cannot be opened: Not a directory" in refused(tmp_path / "x" / "key")
    assert "not a key file" in refused(tmp_path)
    assert "not a key file" in refused(write(tmp_path / "big", b"x" * 100_000))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_key_that_others_can_reach_is_refused(tmp_path, mode):
    cause = refused(write(tmp_path / "key", private_pem(), mode))
    assert "other users" in cause
    assert f"{mode:o}" in cause


def test_a_named_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a key file" in refused(tmp_path / "pipe")


def test_the_key_id_does_not_depend_on_how_the_text_is_broken():
    pem = public_pem()
    untidy = b"a remark\r\n" + pem.replace(b"\n", b"\r\n")
    assert normal_pem(untidy) == pem
    assert key_id_of(untidy) == key_id_of(pem) == hashlib.sha256(pem).hexdigest()


@pytest.mark.parametrize("curve", CURVES)
def test_signatures_of_all_three_curves_hold(curve):
    algorithm = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384(), "P-521": hashes.SHA512()}[curve]
    signature = private_key(1, curve).sign(b"message", ec.ECDSA(algorithm))
    assert signature_holds(public_pem(1, curve), b"message", signature)
    assert not signature_holds(public_pem(2, curve), b"message", signature)
    assert not signature_holds(public_pem(1, curve), b"message", b"not DER")


def test_other_public_keys_are_refused():
    ed = ed25519.Ed25519PrivateKey.generate().public_key()
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(KeyMissing, match="not an elliptic curve key"):
        normal_pem(ed.public_bytes(*form))
    with pytest.raises(KeyMissing, match="secp256k1"):
        normal_pem(ec.derive_private_key(7, ec.SECP256K1()).public_key().public_bytes(*form))
    with pytest.raises(KeyMissing, match="cannot be read"):
        normal_pem(b"hello")
