"""Who vouches for what a bundle says: a trusted key, a holder of a certificate, or an identity of Sigstore."""

from __future__ import annotations

from weighbridge.attest.certificates import certificate_holder
from weighbridge.attest.identities import ANYWHERE, matches_one
from weighbridge.attest.keyless import identified
from weighbridge.attest.timestamps import proven_time
from weighbridge.core.errors import Rejected
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.bundles import Bundle, Method
    from weighbridge.attest.trust import TrustPolicy

NO_EXTENSIONS: Mapping[str, str] = {}


class Voucher(NamedTuple):
    """Who signed a bundle, and how that is known.

    `name` is the entry of the trust store; `identity` a key id, what a certificate names, or an identity of Sigstore,
    whose `issuer` it is; `signed_at` the proven time, if there is one; `extensions` what a Sigstore certificate says
    of a build.
    """

    name: str
    method: Method
    identity: str
    issuer: str = ""
    signed_at: datetime | None = None
    extensions: Mapping[str, str] = NO_EXTENSIONS

    @property
    def sentence(self) -> str:
        """Who it was, in words."""
        when = f" on {self.signed_at:%Y-%m-%d}" if self.signed_at else ""
        if self.method == "key":
            return f"signed by {plain(self.name, 80)} with the key {self.identity[:16]}{when}"
        how = f"as {plain(self.identity, 160)}" + (f" (by {plain(self.issuer, 120)})" if self.issuer else "")
        return f"signed by {plain(self.name, 80)} {how}{when}"


def voucher(bundle: Bundle, trust: TrustPolicy, *, predicate_type: str, place: str, now: datetime) -> Voucher:
    """Who vouches for a bundle that comes from `place`. The payload is judged by whoever asked.

    Raises Rejected: evidence-malformed, signature-invalid, signer-unknown, signer-revoked, evidence-stale. Raises
    UsageError if a library is missing that is needed to find out, KeyMissing if an entry of the trust store cannot be
    read.
    """
    if bundle.method == "key":
        return _by_key(bundle, trust, predicate_type, place, now)
    if bundle.method == "certificate":
        holder = certificate_holder(bundle, trust.authorities, predicate_type=predicate_type, place=place, now=now)
        return Voucher(holder.authority, "certificate", holder.identity, "", holder.signed_at)
    found = identified(bundle, trust.identities, trust.sigstore_root, predicate_type=predicate_type, place=place)
    return Voucher(found.name, "sigstore", found.identity, found.issuer, found.signed_at, found.extensions)


def _by_key(bundle: Bundle, trust: TrustPolicy, predicate_type: str, place: str, now: datetime) -> Voucher:
    key = trust.by_id().get(bundle.hint)
    if key is None:
        raise Rejected(
            "signer-unknown", f"a signature by the key {plain(bundle.hint, 80)!r}", "a signature by a trusted key"
        )
    if not bundle.signed_by(key.pem):
        raise Rejected(
            "signature-invalid",
            f"a signature that the key {plain(key.name, 80)!r} did not make over this payload",
            "a valid signature",
        )
    signed_at = None
    if why := key.validity.refusal(now):
        signed_at = proven_time(bundle, trust.clocks())
        why = key.validity.refusal(signed_at) if signed_at else why
    if why:
        raise Rejected(
            "signer-revoked",
            f"a signature by the key {plain(key.name, 80)!r}, which does not count: {plain(why, 200)}",
            "a key that counts today",
        )
    if not key.allows(predicate_type) or not matches_one(_sources(key), place):
        raise Rejected(
            "signer-unknown",
            f"a signature by {plain(key.name, 80)!r}, who may not vouch for this",
            f"a key that may sign what comes from {plain(place, 200)}",
        )
    return Voucher(key.name, "key", bundle.hint, signed_at=signed_at)


def _sources(entry: Any) -> tuple[str, ...]:
    return getattr(entry, "sources", ANYWHERE) or ANYWHERE
