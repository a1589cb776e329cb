"""Keys for tests: always the same, so that what they sign can be compared. Never use them for anything else."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from weighbridge.attest.signers import LocalKey
from weighbridge.attest.trust import TrustedKey, TrustPolicy

CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


def private_key(number: int = 1, curve: str = "P-256") -> ec.EllipticCurvePrivateKey:
    """The private key whose secret is this small number plus a constant."""
    return ec.derive_private_key(0xC0FFEE + number, CURVES[curve])


def signer(number: int = 1) -> LocalKey:
    return LocalKey(private_key(number))


def private_pem(number: int = 1, curve: str = "P-256") -> bytes:
    return private_key(number, curve).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(number: int = 1, curve: str = "P-256") -> bytes:
    return (
        private_key(number, curve)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def trust(number: int = 1, *may_sign: str, curve: str = "P-256") -> TrustPolicy:
    """A policy with one key, named `builder`, that may sign these predicate types, or anything if none are named."""
    return TrustPolicy((TrustedKey("builder", public_pem(number, curve), frozenset(may_sign or {"*"})),))
