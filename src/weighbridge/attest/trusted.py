"""Whom the settings trust: the keys that they name, and every entry of the trust store."""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.attest.identities import authorities_of, identities_of
from weighbridge.attest.trust import TrustedKey, TrustPolicy, policy_of
from weighbridge.attest.trust_store import read_store
from weighbridge.core.errors import KeyMissing
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.core.settings import Settings


def trust_of(settings: Settings, *, needed: bool = True, now: datetime | None = None) -> TrustPolicy:
    """What the settings and the trust store trust at `now` (not given: at this moment), read anew.

    Raises KeyMissing if a key cannot be read, or if `needed` and there is nobody who may sign evidence.
    """
    now = now or datetime.now(UTC)
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
    policy = policy._replace(
        identities=identities_of(policy.entries, now),
        authorities=authorities_of(policy.entries, now),
        sigstore_root=_sigstore_root(settings),
    )
    certified = policy.for_evidence()
    signing = [entry for entry in certified.authorities if entry.purpose == "sign"]
    if needed and not (policy.keys or certified.identities or signing):
        raise KeyMissing(
            "no key is trusted, so nothing can be verified", "run weighbridge init or weighbridge trust add"
        )
    return policy


def _sigstore_root(settings: Settings) -> bytes:
    if not settings.sigstore_root:
        return b""
    try:
        with open(settings.sigstore_root, "rb") as file:
            return file.read(4 * 1024 * 1024)
    except OSError as error:
        cause = f"the trusted root of Sigstore cannot be read from {settings.sigstore_root}: {error.strerror}"
        raise KeyMissing(cause, "mend the path in sigstore_root") from error
