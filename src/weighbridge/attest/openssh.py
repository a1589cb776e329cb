"""SSH public keys and the signatures that `ssh-keygen -Y sign` makes, checked without a program.

    key line      <kind> SP <base64 of blob> [SP comment]
    blob          string kind, then for ed25519: string point; for ecdsa: string curve, string point;
                  for rsa: mpint e, mpint n; the sk- kinds end in string application
    signature     "-----BEGIN SSH SIGNATURE-----" LF base64 LF "-----END SSH SIGNATURE-----"
                  "SSHSIG", u32 1, string blob, string namespace, string reserved, string hash, string sig
    sig           string algorithm, string bytes; the sk- kinds end in u8 flags, u32 counter
    signed        "SSHSIG", string namespace, string reserved, string hash, string hash(message)
    sk- signed    sha256(application), u8 flags, u32 counter, sha256(signed)

A namespace keeps a signature made for one purpose from counting for another: git's is `git`. A key on a security token
(`sk-`) counts only if the token says that somebody touched it. RSA counts from 2048 bits on and never with SHA-1.
Certificates are refused: what their authority vouches for is not judged here.

Sources: openssh-portable, PROTOCOL.sshsig, PROTOCOL.u2f; RFC 4251, 4253, 5656, 8332, 8709.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from weighbridge.core.errors import KeyMissing, Rejected
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE = "git"
MAX_SIGNATURE = 64 * 1024
_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_HASHES = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_CURVES = {b"nistp256": 256, b"nistp384": 384, b"nistp521": 521}
_KINDS = (
    b"ssh-ed25519",
    b"ssh-rsa",
    *(b"ecdsa-sha2-" + curve for curve in _CURVES),
    b"sk-ssh-ed25519@openssh.com",
    b"sk-ecdsa-sha2-nistp256@openssh.com",
)
_TOUCHED = 0x01


class SshSignature(NamedTuple):
    """A signature taken apart: by which key it says to be, and what it is made of."""

    blob: bytes
    namespace: bytes
    reserved: bytes
    hash: bytes
    sig: bytes

    @property
    def fingerprint(self) -> str:
        """The name of the key as `ssh-keygen -l` writes it."""
        return fingerprint(self.blob)


def fingerprint(blob: bytes) -> str:
    """The name of a key as `ssh-keygen -l` writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def read_key(line: str) -> bytes:
    """The blob of a public key as OpenSSH writes it on one line.

    Raises KeyMissing for anything else: options in front, several lines, a private key, a certificate, a weak key.
    """
    mend = "give the one line of a .pub file"
    words = line.strip().split(None, 2)
    if "\n" in line.strip() or len(words) < 2:
        raise KeyMissing("this is no SSH public key", mend)
    try:
        blob = base64.b64decode(words[1], validate=True)
        kind = _Reader(blob).string()
        if kind != words[0].encode():
            raise KeyMissing("the SSH public key is of another kind than it says", mend)
        _verifier(blob)
    except (Rejected, ValueError) as error:
        cause = error.got if isinstance(error, Rejected) else "the SSH public key cannot be read"
        raise KeyMissing(cause, "give an ed25519, ecdsa or RSA key of 2048 bits or more") from error
    return blob


def read_signature(armored: bytes) -> SshSignature:
    """Raises Rejected (evidence-malformed) for what is no single SSH signature of version 1."""
    text = armored.strip()
    if len(armored) > MAX_SIGNATURE or not text.startswith(_BEGIN) or not text.endswith(_END):
        raise _malformed("what is no SSH signature")
    inner = text[len(_BEGIN) : -len(_END)]
    try:
        raw = base64.b64decode(b"".join(inner.split()), validate=True)
    except binascii.Error as error:
        raise _malformed("an SSH signature that is not base64") from error
    reader = _Reader(raw)
    if reader.take(6) != _MAGIC or reader.number() != 1:
        raise _malformed("an SSH signature of another version")
    found = SshSignature(*(reader.string() for _ in range(5)))
    reader.end()
    return found


def verify_ssh(signature: SshSignature, message: bytes, namespace: str = NAMESPACE) -> None:
    """Whether the key in the signature made it over `message`; whose key that is, is another question.

    Raises Rejected: evidence-malformed, or signature-invalid.
    """
    if signature.namespace != namespace.encode():
        raise Rejected(
            "signature-invalid",
            f"an SSH signature made for {plain(repr(signature.namespace), 60)}",
            f"one made for {namespace!r}",
        )
    if signature.hash not in _HASHES:
        raise _malformed(f"an SSH signature with the hash {plain(repr(signature.hash), 40)}")
    digest = _HASHES[signature.hash](message).digest()
    signed = _MAGIC + b"".join(
        _string(part) for part in (signature.namespace, signature.reserved, signature.hash, digest)
    )
    if not _verifier(signature.blob)(signature.sig, signed):
        raise Rejected(
            "signature-invalid",
            f"a signature that the key {signature.fingerprint} did not make over these bytes",
            "a valid signature",
        )


def _verifier(blob: bytes) -> Callable[[bytes, bytes], bool]:
    """What checks a signature (as in `sig` above) of this key over bytes. Raises Rejected for a key we do not take."""
    reader = _Reader(blob)
    kind = reader.string()
    if kind not in _KINDS:
        raise _malformed(f"an SSH key of the kind {plain(repr(kind), 60)}")
    try:
        check = _check_of(kind, reader)
    except ValueError as error:
        raise _malformed("an SSH key whose numbers are those of no key") from error
    token = kind.startswith(b"sk-")
    application = hashlib.sha256(reader.string()).digest() if token else b""
    reader.end()

    def verify(sig: bytes, signed: bytes) -> bool:
        parts = _Reader(sig)
        algorithm, raw = parts.string(), parts.string()
        if kind == b"ssh-rsa":
            if algorithm not in (b"rsa-sha2-256", b"rsa-sha2-512"):
                raise _malformed(f"an RSA signature of the kind {plain(repr(algorithm), 40)}")
        elif algorithm != kind:
            raise _malformed("an SSH signature of another kind than its key")
        if token:
            state = parts.take(5)
            if not state[0] & _TOUCHED:
                raise Rejected("signature-invalid", "a token's signature that nobody touched it for", "a touch")
            signed = application + state + hashlib.sha256(signed).digest()
        parts.end()
        return check(algorithm, raw, signed)

    return verify


def _check_of(kind: bytes, reader: _Reader) -> Callable[[bytes, bytes, bytes], bool]:
    if b"ed25519" in kind:
        return _ed25519(reader.string())
    if kind == b"ssh-rsa":
        return _rsa(int.from_bytes(reader.string()), int.from_bytes(reader.string()))
    return _ecdsa(reader.string(), reader.string(), kind)


def _ed25519(point: bytes) -> Callable[[bytes, bytes, bytes], bool]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(point)

    def check(_: bytes, raw: bytes, signed: bytes) -> bool:
        try:
            key.verify(raw, signed)
        except InvalidSignature:
            return False
        return True

    return check


def _rsa(exponent: int, modulus: int) -> Callable[[bytes, bytes, bytes], bool]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

    if not 2048 <= modulus.bit_length() <= 16384:
        raise _malformed(f"an RSA key of {modulus.bit_length()} bits")
    if exponent.bit_length() > 64:
        raise _malformed("an RSA key with a huge exponent")
    key = RSAPublicNumbers(exponent, modulus).public_key()

    def check(algorithm: bytes, raw: bytes, signed: bytes) -> bool:
        digest = hashes.SHA256() if algorithm == b"rsa-sha2-256" else hashes.SHA512()
        try:
            # OpenSSH writes a signature whose first bytes are zero without them.
            key.verify(raw.rjust((modulus.bit_length() + 7) // 8, b"\0"), signed, padding.PKCS1v15(), digest)
        except InvalidSignature:
            return False
        return True

    return check


def _ecdsa(curve: bytes, point: bytes, kind: bytes) -> Callable[[bytes, bytes, bytes], bool]:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    if curve not in _CURVES or curve not in kind:
        raise _malformed("an ecdsa key on another curve than it says")
    curves = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
    algorithms = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    bits = _CURVES[curve]
    key = ec.EllipticCurvePublicKey.from_encoded_point(curves[bits], point)

    def check(_: bytes, raw: bytes, signed: bytes) -> bool:
        numbers = _Reader(raw)
        r, s = (int.from_bytes(numbers.string()) for _ in range(2))
        numbers.end()
        try:
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(algorithms[bits]))
        except InvalidSignature:
            return False
        return True

    return check


class _Reader:
    """Fields one after another; each raises Rejected (evidence-malformed) if it is not there."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, size: int) -> bytes:
        piece = self._raw[self._at : self._at + size]
        if len(piece) != size:
            raise _malformed("an SSH signature or key that ends too early")
        self._at += size
        return piece

    def number(self) -> int:
        return int.from_bytes(self.take(4))

    def string(self) -> bytes:
        return self.take(self.number())

    def end(self) -> None:
        if self._at != len(self._raw):
            raise _malformed("an SSH signature or key with bytes behind its end")


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4) + value


def _malformed(got: str) -> Rejected:
    return Rejected("evidence-malformed", got, "a signature as ssh-keygen -Y sign writes it")
