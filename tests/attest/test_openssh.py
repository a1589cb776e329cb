"""SSH signatures: the same answer as ssh-keygen's, and nothing else is taken."""

from __future__ import annotations

import base64
import hashlib
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from build.repositories import needs, ssh_key
from weighbridge.attest.openssh import fingerprint, read_key, read_signature, verify_ssh
from weighbridge.core.errors import KeyMissing, Rejected

MESSAGE = b"tree 0\n\na message\n"
KINDS = [("ed25519", ""), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "2048"), ("rsa", "3072")]
pytestmark = needs("ssh-keygen")


def string(value):
    return len(value).to_bytes(4) + value


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ssh")


@pytest.fixture(scope="session")
def made(folder):
    return {kind: ssh_key(folder, "ada", *kind) for kind in KINDS}


def sign(key, message=MESSAGE, namespace="git", *options):
    words = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", key.path, *options]
    return subprocess.run(words, input=message, capture_output=True, check=True, timeout=60).stdout


def reference(folder, line, armored, message=MESSAGE, namespace="git"):
    """What ssh-keygen says."""
    (folder / "allowed").write_text(f"ada {line}")
    (folder / "sig").write_bytes(armored)
    words = ["ssh-keygen", "-Y", "verify", "-n", namespace, "-f", str(folder / "allowed"), "-I", "ada"]
    done = subprocess.run(
        [*words, "-s", str(folder / "sig")], input=message, capture_output=True, check=False, timeout=60
    )
    return done.returncode == 0


def ours(line, armored, message=MESSAGE, namespace="git"):
    try:
        found = read_signature(armored)
        verify_ssh(found, message, namespace)
    except Rejected:
        return False
    return found.blob == read_key(line)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_what_ssh_keygen_signs_is_verified(made, folder, kind, digest):
    key = made[kind]
    armored = sign(key, MESSAGE, "git", "-O", f"hashalg={digest}")
    assert ours(key.public, armored)
    assert reference(folder, key.public, armored)
    for message in (MESSAGE + b"x", b"", MESSAGE.upper()):
        assert not ours(key.public, armored, message)
        assert not reference(folder, key.public, armored, message)


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_written_as_ssh_keygen_does(made, kind):
    listed = subprocess.run(["ssh-keygen", "-l", "-f", made[kind].path], capture_output=True, text=True, check=True)
    assert fingerprint(read_key(made[kind].public)) == listed.stdout.split()[1]


def test_a_signature_for_another_purpose_is_refused(made, folder):
    key = made["ed25519", ""]
    armored = sign(key, MESSAGE, "file")
    assert not ours(key.public, armored)
    assert not reference(folder, key.public, armored)
    with pytest.raises(Rejected, match="made for b'file'; expected one made for 'git'"):
        verify_ssh(read_signature(armored), MESSAGE)


@pytest.mark.parametrize("kind", KINDS[:5])
def test_a_changed_signature_is_refused_as_the_reference_does(made, folder, kind):
    key = made[kind]
    raw = base64.b64decode(b"".join(sign(key).splitlines()[1:-1]))
    for at in range(3, len(raw), max(1, len(raw) // 12)):
        changed = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
        armored = b"-----BEGIN SSH SIGNATURE-----\n%b\n-----END SSH SIGNATURE-----\n" % base64.b64encode(changed)
        assert not ours(key.public, armored), at
        assert not reference(folder, key.public, armored), at


# Keys on a token: software stands in for it


class Token:
    """A security token: it signs what it is given together with its flags and its counter."""

    def __init__(self, kind):
        self.kind = kind
        self.application = b"ssh:"
        if kind == "ed25519":
            self.name = b"sk-ssh-ed25519@openssh.com"
            self.key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
            point = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            inner = string(point)
        else:
            self.name = b"sk-ecdsa-sha2-nistp256@openssh.com"
            self.key = ec.derive_private_key(77, ec.SECP256R1())
            point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            inner = string(b"nistp256") + string(point)
        self.blob = string(self.name) + inner + string(self.application)
        self.line = f"{self.name.decode()} {base64.b64encode(self.blob).decode()} token\n"

    def sign(self, message=MESSAGE, flags=1):
        signed = b"SSHSIG" + b"".join(map(string, (b"git", b"", b"sha512", hashlib.sha512(message).digest())))
        state = bytes((flags,)) + (5).to_bytes(4)
        whole = hashlib.sha256(self.application).digest() + state + hashlib.sha256(signed).digest()
        if self.kind == "ed25519":
            raw = self.key.sign(whole)
        else:
            numbers = decode_dss_signature(self.key.sign(whole, ec.ECDSA(hashes.SHA256())))
            raw = b"".join(string(b"\0" + number.to_bytes(32)) for number in numbers)
        sig = string(self.name) + string(raw) + state
        content = b"SSHSIG" + (1).to_bytes(4)
        content += b"".join(map(string, (self.blob, b"git", b"", b"sha512", sig)))
        return b"-----BEGIN SSH SIGNATURE-----\n%b-----END SSH SIGNATURE-----\n" % base64.encodebytes(content)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_token_that_was_touched_is_verified(folder, kind):
    token = Token(kind)
    for flags in (1, 5):
        armored = token.sign(flags=flags)
        assert ours(token.line, armored)
        assert not ours(token.line, armored, b"another")
        if kind == "ed25519":
            # ssh-keygen takes an ecdsa number only without the leading zero that is not needed
            assert reference(folder, token.line, armored)
            assert not reference(folder, token.line, armored, b"another")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_token_that_nobody_touched_is_refused(kind):
    token = Token(kind)
    with pytest.raises(Rejected, match="nobody touched"):
        verify_ssh(read_signature(token.sign(flags=4)), MESSAGE)


# Keys that are not taken


def test_a_weak_or_another_kind_of_key_is_refused(folder, made):
    weak = ssh_key(folder, "weak", "rsa", "1024")
    with pytest.raises(KeyMissing, match="an RSA key of 1024 bits"):
        read_key(weak.public)
    key = made["ed25519", ""]
    authority = ssh_key(folder, "authority")
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority.path, "-I", "ada", "-n", "ada", f"{key.path}.pub"],
        check=True,
        capture_output=True,
    )
    with open(f"{key.path}-cert.pub", encoding="ascii") as file:
        line = file.read()
    with pytest.raises(KeyMissing, match="an SSH key of the kind b'ssh-ed25519-cert"):
        read_key(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 x",
        "ssh-ed25519 " + base64.b64encode(string(b"ssh-rsa")).decode(),
        "ssh-dss " + base64.b64encode(string(b"ssh-dss") + string(b"1") * 4).decode(),
        "ssh-ed25519 " + base64.b64encode(string(b"ssh-ed25519") + string(b"x")).decode(),
        "ssh-rsa " + base64.b64encode(string(b"ssh-rsa") + string(b"\3") + string(b"\xff" * 5000)).decode(),
        "ecdsa-sha2-nistp256 "
        + base64.b64encode(string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\4" + b"x" * 64)).decode(),
        "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n",
    ],
)
def test_what_is_no_key_is_refused(line):
    with pytest.raises(KeyMissing):
        read_key(line)


def test_several_lines_and_options_are_refused(made):
    line = made["ed25519", ""].public
    for text in (line + line, "cert-authority " + line, 'namespaces="git" ' + line):
        with pytest.raises(KeyMissing):
            read_key(text)


def test_a_signature_with_sha1_is_refused(made):
    key = made["rsa", "2048"]
    raw = base64.b64decode(b"".join(sign(key).splitlines()[1:-1]))
    changed = raw.replace(string(b"rsa-sha2-512"), string(b"ssh-rsa"))
    # The outer length says how long the changed part is now.
    at = changed.index(string(b"ssh-rsa"), 300) - 4
    changed = changed[:at] + (int.from_bytes(changed[at : at + 4]) - 5).to_bytes(4) + changed[at + 4 :]
    armored = b"-----BEGIN SSH SIGNATURE-----\n%b\n-----END SSH SIGNATURE-----\n" % base64.b64encode(changed)
    with pytest.raises(Rejected, match="an RSA signature of the kind b'ssh-rsa'"):
        verify_ssh(read_signature(armored), MESSAGE)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_signature_or_rejected(raw):
    for content in (raw, b"SSHSIG\0\0\0\1" + raw):
        armored = b"-----BEGIN SSH SIGNATURE-----\n%b\n-----END SSH SIGNATURE-----" % base64.b64encode(content)
        for text in (armored, raw):
            try:
                verify_ssh(read_signature(text), MESSAGE)
            except Rejected:
                continue
            raise AssertionError(raw)


@given(
    st.binary(max_size=120),
    st.sampled_from(["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"]),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_key_or_refused(raw, kind):
    blob = string(kind.encode()) + raw
    with pytest.raises(KeyMissing):
        read_key(f"{kind} {base64.b64encode(blob).decode()}")
