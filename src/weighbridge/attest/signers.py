"""Keys: what signs, how a key file is made and read, and how a signature is checked.

The seam is `Signer`: it is given a payload and gives back a signature with what a bundle must say of the signer. A key
alone is one (a file here, `vault.VaultKey`); `certified.CertifiedKey` adds its certificates, `clock.Dated` the time,
`keyless.KeylessSigner` does without a key of its own.

A key id is the hexadecimal sha256 of the public key's PEM SubjectPublicKeyInfo text, line breaks included. OpenSSF
Model Signing writes it as the hint of a bundle; the same id is used for every other attestation.
Signing is ECDSA P-256 with SHA-256, which every verifier, key vault and hardware module knows. Checking also takes
P-384 with SHA-384 and P-521 with SHA-512, because signatures made elsewhere use them.
"""

from __future__ import annotations

import hashlib
import os
import stat
from functools import lru_cache

from weighbridge.core.errors import KeyMissing, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol
from weighbridge.core.whole_files import sync_folder

if TYPE_CHECKING:
    from typing import Any

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

MAX_KEY_FILE = 64 * 1024
"""Bytes of a key file; an encrypted P-256 key has about 400."""


KEPT_KEYS = 256
"""Public keys that are not parsed again. What a text says as a key never changes; whether it is trusted is not kept."""


class Vouched(NamedTuple):
    """A signature over one payload, and how whoever verifies it can know its signer.

    `signature` is DER; `material` the verification material of a bundle; `key_id` stands beside the signature (empty:
    the signer is known by a certificate).
    """

    signature: bytes
    material: dict[str, Any]
    key_id: str


class Signer(Protocol):
    """Somebody who signs evidence."""

    @property
    def key_id(self) -> str:
        """What people can know the signer by."""

    def vouch(self, payload_type: str, payload: bytes) -> Vouched:
        """Sign a payload. Raises KeyMissing if that cannot be done now."""


class Key(Protocol):
    """A P-256 private key: in a file, a key vault, a hardware module. Each one is a `Signer` too."""

    @property
    def key_id(self) -> str: ...

    def public_pem(self) -> bytes:
        """The public key as PEM SubjectPublicKeyInfo text."""

    def sign(self, message: bytes) -> bytes:
        """ECDSA P-256 over the SHA-256 of `message`, DER encoded. Raises KeyMissing if the key cannot be used."""

    def vouch(self, payload_type: str, payload: bytes) -> Vouched:
        """As `by_key`."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's encoding of a payload and its type (see `attest.dsse`)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def by_key(key: Key, payload_type: str, payload: bytes) -> Vouched:
    """A signature by a key that whoever verifies it has: it is only named."""
    material = {"publicKey": {"hint": key.key_id}, "tlogEntries": []}
    return Vouched(key.sign(pae(payload_type, payload)), material, key.key_id)


class LocalKey:
    """A P-256 private key in this process's memory."""

    __slots__ = ("_key", "_pem", "key_id")

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self._key = key
        self._pem = _public_text(key.public_key())
        self.key_id = hashlib.sha256(self._pem).hexdigest()

    def __repr__(self) -> str:
        return f"LocalKey({self.key_id})"

    def public_pem(self) -> bytes:
        return self._pem

    def sign(self, message: bytes) -> bytes:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))

    def vouch(self, payload_type: str, payload: bytes) -> Vouched:
        return by_key(self, payload_type, payload)


def create_key(path: str, passphrase: bytes | None) -> LocalKey:
    """Make a P-256 key: `path` is PKCS#8 PEM that only its owner may read, `path`.pub the public key.

    Both files are on disk when this returns. Raises UsageError if either file exists or cannot be written; then
    neither is left behind.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if passphrase is not None and not passphrase:
        raise UsageError("the passphrase is empty", "give a passphrase, or none at all")
    private = ec.generate_private_key(ec.SECP256R1())
    protection = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    text = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
    key = LocalKey(private)
    made: list[str] = []
    try:
        for name, content, mode in ((path, text, 0o600), (f"{path}.pub", key.public_pem(), 0o644)):
            _write_new(name, content, mode, made)
        sync_folder(os.path.dirname(path) or ".")
    except OSError as error:
        for name in made:
            os.unlink(name)
        if isinstance(error, FileExistsError):
            raise UsageError(
                f"{plain(os.fsdecode(error.filename))} exists already", "choose another path; no key is overwritten"
            ) from error
        raise UsageError(
            f"the key {plain(path)} cannot be written: {error.strerror}", "choose a folder that exists and is yours"
        ) from error
    return key


def load_key(path: str, passphrase: bytes | None) -> LocalKey:
    """Read a PEM private key file. Raises KeyMissing if it is absent, readable by others, encrypted with another
    passphrase, malformed, or not a P-256 key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    shown = plain(path)
    text = _read_private(path, shown)
    try:
        key = serialization.load_pem_private_key(text, passphrase or None)
    except TypeError as error:
        if passphrase:
            raise KeyMissing(f"the key {shown} has no passphrase, but one was given", "leave it out") from error
        raise KeyMissing(f"the key {shown} is encrypted and no passphrase was given", "give its passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyMissing(
            f"the key {shown} cannot be read: wrong passphrase, or not a PEM private key",
            "check the passphrase, or make a new key",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyMissing(f"the key {shown} is not an ECDSA P-256 key", "make a P-256 key; other kinds do not sign here")
    return LocalKey(key)


def normal_pem(pem: bytes) -> bytes:
    """The one PEM text of a public key, whatever line ends or remarks it came with: key ids are taken of this.

    Raises KeyMissing if it is not a public key on P-256, P-384 or P-521.
    """
    return _public_text(_public_key(pem))


@lru_cache(KEPT_KEYS)
def key_id_of(pem: bytes) -> str:
    """The key id of a PEM public key. Raises KeyMissing as `normal_pem` does."""
    return hashlib.sha256(normal_pem(pem)).hexdigest()


def signature_holds(pem: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (DER) over `message` was made with the private half of the public key `pem`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = _public_key(pem)
    algorithms = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    try:
        key.verify(signature, message, ec.ECDSA(algorithms[key.curve.key_size]))
    except InvalidSignature:
        return False
    return True


def digest_signature_holds(pem: bytes, digest: bytes, signature: bytes) -> bool:
    """As `signature_holds`, for a SHA-256 that was taken already. Only P-256 signs one."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    key = _public_key(pem)
    if not isinstance(key.curve, ec.SECP256R1):
        return False
    try:
        key.verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except InvalidSignature:
        return False
    return True


@lru_cache(KEPT_KEYS)
def _public_key(pem: bytes) -> EllipticCurvePublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    mend = "give a PEM public key on P-256, P-384 or P-521"
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyMissing("the public key cannot be read", mend) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise KeyMissing("the public key is not an elliptic curve key", mend)
    if not isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)):
        raise KeyMissing(f"the public key is on the curve {key.curve.name}", mend)
    return key


def _public_text(key: EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _read_private(path: str, shown: str) -> bytes:
    try:
        # Without O_NONBLOCK a named pipe at this path would wait for a writer for ever.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise KeyMissing(f"there is no key at {shown}", "make one with `weighbridge init`, or name another") from error
    except OSError as error:
        raise KeyMissing(f"the key {shown} cannot be opened: {error.strerror}", "make it readable for you") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_KEY_FILE:
            raise KeyMissing(f"{shown} is not a key file", "name a PEM private key file")
        if status.st_mode & 0o077:
            raise KeyMissing(
                f"the key {shown} can be reached by other users (mode {status.st_mode & 0o777:o})",
                "run chmod 600 on it, and make a new key if others may have read it",
            )
        return os.read(fd, MAX_KEY_FILE)
    finally:
        os.close(fd)


def _write_new(path: str, content: bytes, mode: int, made: list[str]) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    made.append(path)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
