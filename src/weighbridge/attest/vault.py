"""A key in Azure Key Vault or Managed HSM: only digests go there, and the key never leaves.

    azure-key-vault:https://VAULT.vault.azure.net/keys/NAME/VERSION

VERSION pins the key; without it the newest one signs, and trust must follow each rotation. The identity is Azure's own
(`DefaultAzureCredential`: workload identity, managed identity, az login) and needs the rights `get` and `sign` on keys.
What comes back is r and s (RFC 7518, 3.4), 32 bytes each; bundles have them as DER. Each signature is checked here
before it is used.
Source: learn.microsoft.com/rest/api/keyvault/keys, "Get Key" and "Sign"; RFC 7518. Extra: azure.
"""

from __future__ import annotations

import hashlib
import re

from weighbridge.attest.signers import Vouched, by_key, digest_signature_holds, key_id_of
from weighbridge.core.azure_identity import azure_identity
from weighbridge.core.errors import KeyMissing, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from azure.core.credentials import TokenCredential
    from azure.keyvault.keys import KeyVaultKey
    from azure.keyvault.keys.crypto import CryptographyClient

PREFIX = "azure-key-vault:"
RETRIES = 3
_ADDRESS = re.compile(r"(https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?)/keys/([0-9A-Za-z-]{1,127})(?:/([0-9A-Za-z]{1,64}))?/?")


class VaultKey:
    """A P-256 key in a vault."""

    __slots__ = ("_client", "_pem", "key_id", "name")

    def __init__(self, client: CryptographyClient, pem: bytes, name: str) -> None:
        self._client = client
        self._pem = pem
        self.key_id = key_id_of(pem)
        self.name = name

    def __repr__(self) -> str:
        return f"VaultKey({self.name})"

    def public_pem(self) -> bytes:
        return self._pem

    def sign(self, message: bytes) -> bytes:
        """As `signers.Key.sign`: the SHA-256 of `message` is sent. Raises KeyMissing."""
        from azure.core.exceptions import AzureError
        from azure.keyvault.keys.crypto import SignatureAlgorithm
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        digest = hashlib.sha256(message).digest()
        try:
            raw = self._client.sign(SignatureAlgorithm.es256, digest).signature
        except (AzureError, ValueError) as error:
            raise _unusable(self.name, error) from error
        if len(raw) != 64:
            raise KeyMissing(f"the vault gave a signature of {len(raw)} bytes with {self.name}", "check the key")
        signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        if not digest_signature_holds(self._pem, digest, signature):
            raise KeyMissing(f"the vault gave a signature that {self.name} did not make", "check who answers for it")
        return signature

    def vouch(self, payload_type: str, payload: bytes) -> Vouched:
        return by_key(self, payload_type, payload)


def open_vault_key(address: str, credential: TokenCredential | None = None) -> VaultKey:
    """The key at this address (with or without `azure-key-vault:`). Raises UsageError, KeyMissing."""
    found = _ADDRESS.fullmatch(address.removeprefix(PREFIX))
    if not found:
        raise UsageError(
            f"{plain(address, 200)!r} is no key of a vault",
            f"write {PREFIX}https://VAULT.vault.azure.net/keys/NAME/VERSION",
        )
    vault, name, version = found.groups()
    try:
        from azure.core.exceptions import AzureError
        from azure.keyvault.keys import KeyClient
        from azure.keyvault.keys.crypto import CryptographyClient
    except ImportError as error:
        raise UsageError(
            "a key in Azure Key Vault needs the library azure-keyvault-keys", "pip install 'weighbridge[azure]'"
        ) from error
    if credential is None:
        credential = azure_identity()
    options: dict[str, Any] = {"retry_total": RETRIES}
    try:
        with KeyClient(vault, credential, **options) as client:
            key = client.get_key(name, version)
        pem = _public_pem(key)
        return VaultKey(CryptographyClient(key, credential, **options), pem, plain(str(key.id), 200))
    except (AzureError, ValueError) as error:
        raise _unusable(plain(f"{vault}/keys/{name}", 200), error) from error


def _public_pem(key: KeyVaultKey) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    parts: Any = key.key
    kind = str(getattr(parts.kty, "value", parts.kty))
    if kind not in ("EC", "EC-HSM") or str(getattr(parts.crv, "value", parts.crv)) != "P-256":
        raise KeyMissing(
            f"the key {plain(str(key.id), 200)} is not an ECDSA P-256 key", "make one: az keyvault key create --kty EC"
        )
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(parts.x, "big"), int.from_bytes(parts.y, "big"), ec.SECP256R1()
    )
    return numbers.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _unusable(name: str, error: Exception) -> KeyMissing:
    first = plain((str(error).splitlines() or [""])[0], 300)
    return KeyMissing(
        f"the key {name} cannot be used: {first}",
        "check its name, that it is enabled, and that this identity may get it and sign with it",
    )
