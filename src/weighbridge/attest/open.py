"""From the settings to a signer: key, certificates, and a clock if one is set."""

from __future__ import annotations

from weighbridge.attest.signers import load_key
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import KEYLESS, VAULT_KEY

if TYPE_CHECKING:
    from weighbridge.attest.certified import CertifiedKey
    from weighbridge.attest.signers import Key, Signer, Vouched
    from weighbridge.core.settings import Settings


class OpenedSigner(NamedTuple):
    """Who signs, and the key with its certificates if they go up to the root: a Notary Project signature needs them."""

    signer: Signer
    certified: CertifiedKey | None

    @property
    def key_id(self) -> str:
        """What people can know the signer by."""
        return self.signer.key_id

    def vouch(self, payload_type: str, payload: bytes) -> Vouched:
        """As `signers.Signer` has it."""
        return self.signer.vouch(payload_type, payload)


def open_signer(settings: Settings, passphrase: bytes | None) -> OpenedSigner:
    """What the settings sign with. Raises KeyMissing, UsageError (a library is missing, or settings do not fit)."""
    extra = settings.signer
    signer: Signer
    chain: CertifiedKey | None = None
    if settings.key == KEYLESS:
        if extra.certificate:
            raise UsageError('key = "sigstore" has certificates of its own', "take certificate out of [signer]")
        from weighbridge.attest.keyless_signing import open_keyless

        signer = open_keyless(extra.sigstore_config)
    else:
        key = _key(settings.key, passphrase)
        signer = key
        if extra.certificate:
            from weighbridge.attest.certified import read_certified

            signer = chain = read_certified(key, extra.certificate)
    if extra.timestamp:
        from weighbridge.attest.clock import Dated, asks

        signer = Dated(signer, asks(extra.timestamp))
    whole = chain is not None and chain.issued != chain.certificates
    return OpenedSigner(signer, chain if extra.notation and whole else None)


def _key(name: str, passphrase: bytes | None) -> Key:
    if name.startswith(VAULT_KEY):
        from weighbridge.attest.vault import open_vault_key

        return open_vault_key(name)
    return load_key(name, passphrase)
