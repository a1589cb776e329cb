"""A key with its certificates: whoever verifies needs the authority, and no list of keys.

The file has PEM certificates, the signer's first, then who issued it and so on; the root may stand last. What a bundle
carries is the chain without the root, which whoever verifies must have already. A Notary Project signature carries all
of it (see `attest.notary`). The private key stays where it is: a file, or Azure Key Vault.
"""

from __future__ import annotations

import base64
import itertools
from datetime import UTC, datetime

from weighbridge.attest.certificates import signs_code
from weighbridge.attest.signers import Vouched, normal_pem, pae
from weighbridge.core.errors import KeyMissing
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.x509 import Certificate

    from weighbridge.attest.signers import Key

MAX_CHAIN_FILE = 1024 * 1024
MOST = 10


def now() -> datetime:
    """The time by the clock of this machine."""
    return datetime.now(UTC)


class CertifiedKey:
    """A P-256 key and its certificates (DER, the signer's first), which were checked to belong together."""

    __slots__ = ("_clock", "certificates", "key")

    def __init__(self, key: Key, certificates: tuple[bytes, ...], clock: Callable[[], datetime]) -> None:
        self.key = key
        self.certificates = certificates
        self._clock = clock

    def __repr__(self) -> str:
        return f"CertifiedKey({self.key.key_id})"

    @property
    def key_id(self) -> str:
        return self.key.key_id

    @property
    def issued(self) -> tuple[bytes, ...]:
        """The certificates without the root."""
        root = self.certificates[-1]
        return self.certificates[:-1] if len(self.certificates) > 1 and _is_root(root) else self.certificates

    def vouch(self, payload_type: str, payload: bytes) -> Vouched:
        """Sign, and say who by certificate. Raises KeyMissing if the certificate is not valid now."""
        check_time(self.certificates[0], self._clock())
        chain = [{"rawBytes": base64.b64encode(raw).decode()} for raw in self.issued]
        material = {"x509CertificateChain": {"certificates": chain}, "tlogEntries": []}
        return Vouched(self.key.sign(pae(payload_type, payload)), material, "")


def certified(key: Key, pem: bytes, where: str, clock: Callable[[], datetime] = now) -> CertifiedKey:
    """The key with the certificates of this text. Raises KeyMissing if they do not belong to it or to each other."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    shown = plain(where)
    try:
        chain = x509.load_pem_x509_certificates(pem)
        own = chain[0].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    except ValueError as error:
        raise KeyMissing(f"{shown} holds no certificates that can be read", "give PEM, the signer's first") from error
    if len(chain) > MOST:
        raise KeyMissing(f"{shown} holds {len(chain)} certificates", f"give at most {MOST}")
    if normal_pem(own) != normal_pem(key.public_pem()):
        raise KeyMissing(
            f"the first certificate of {shown} is for another key than the one that signs",
            "put the certificate of the signing key first, or name its key",
        )
    if not signs_code(chain[0]):
        raise KeyMissing(
            f"the certificate of {shown} is not for signing",
            "ask for one with the key usage digitalSignature and, if it has extended ones, codeSigning; no authority's",
        )
    _check_order(chain, shown)
    return CertifiedKey(key, tuple(one.public_bytes(Encoding.DER) for one in chain), clock)


def read_certified(key: Key, path: str) -> CertifiedKey:
    """As `certified`, from a file. Raises KeyMissing."""
    try:
        with open(path, "rb") as file:
            pem = file.read(MAX_CHAIN_FILE)
    except OSError as error:
        raise KeyMissing(
            f"the certificates {plain(path)} cannot be read: {error.strerror}", "mend certificate in [signer]"
        ) from error
    return certified(key, pem, path)


def check_time(leaf: bytes, at: datetime) -> None:
    """Raises KeyMissing if the certificate is not valid now: what it signs would count nowhere."""
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(leaf)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= at <= end:
        raise KeyMissing(
            f"the signing certificate is valid from {start:%Y-%m-%d} to {end:%Y-%m-%d}, not on {at:%Y-%m-%d}",
            "renew it",
        )


def _check_order(chain: Sequence[Certificate], shown: str) -> None:
    from cryptography.exceptions import InvalidSignature

    for number, (below, above) in enumerate(itertools.pairwise(chain), 1):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise KeyMissing(
                f"certificate {number} of {shown} was not issued by certificate {number + 1}",
                "put them in order: the signer's, then each one's issuer",
            ) from error


def _is_root(raw: bytes) -> bool:
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(raw)
    return certificate.issuer == certificate.subject
