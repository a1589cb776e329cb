"""Whom the settings trust: the keys that they name, and every entry of the trust store."""

from __future__ import annotations

from weighbridge.attest.trust import TrustedKey, TrustPolicy, policy_of
from weighbridge.attest.trust_store import read_store
from weighbridge.core.errors import KeyMissing
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.core.settings import Settings


def trust_of(settings: Settings, *, needed: bool = True) -> TrustPolicy:
    """What the settings and the trust store trust, read anew; KeyMissing if a key cannot be read, or if `needed` and
    there is none that signs evidence.
    """
    keys = []
    for entry in settings.trust:
        try:
            with open(entry.key, "rb") as file:
                pem = file.read(64 * 1024)
        except OSError as error:
            cause = f"the trusted key {entry.name!r} cannot be read from {entry.key}: {error.strerror}"
            raise KeyMissing(cause, "mend the path in [[trust]]") from error
        keys.append(TrustedKey(entry.name, pem, frozenset(entry.may_sign)))
    policy = policy_of(tuple(keys), read_store(settings.trust_store) if settings.trust_store else ())
    if needed and not policy.keys:
        raise KeyMissing(
            "no key is trusted, so nothing can be verified", "run weighbridge init or weighbridge trust add"
        )
    return policy
