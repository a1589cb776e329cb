"""A signed, expiring waiver of one rule for one digest: what it says, and what of it counts now.

    {"schema": "weighbridge.exemption/1", "action": "grant", "id": "<16 hex>", "rule": "file/unread",
     "digest": "sha256:…", "reason": "…", "approver": "…", "expires": "2026-12-31T00:00:00Z",
     "envelope": {"made": "2026-11-29T12:00:00Z"}}

    {"schema": "weighbridge.exemption/1", "action": "revoke", "id": "<16 hex>", "reason": "…", "approver": "…",
     "envelope": {"made": "…"}}

The digest is that of the manifest, of the model (all its files), or of one file: then it covers what is found in that
file alone. A grant cannot be changed: whoever wants another one revokes it and grants again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from weighbridge.core.digests import Digest, canonical_json, digest_bytes, parse_digest
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from weighbridge.core.settings import StagePolicy

SCHEMA = "weighbridge.exemption/1"
CLOCK_SKEW = timedelta(minutes=10)


class Exemption(NamedTuple):
    """One grant as it was signed. `revoked` says why it was taken back; empty: it was not."""

    id: str
    rule: str
    digest: Digest
    reason: str
    approver: str
    made_at: datetime
    expires: datetime
    signer: str
    revoked: str = ""

    def refusal(self, policy: StagePolicy, now: datetime) -> str:
        """Why it does not count now at a stage; empty if it does."""
        if self.revoked:
            return f"it was revoked: {self.revoked}"
        if not policy.exemptions:
            return "this stage takes no exemptions"
        if self.made_at > now + CLOCK_SKEW:
            return f"it is dated {self.made_at:%Y-%m-%d}, which is to come"
        if now >= self.expires:
            return f"it expired on {self.expires:%Y-%m-%d %H:%M} UTC"
        if policy.max_exemption_days and self.expires - self.made_at > timedelta(days=policy.max_exemption_days):
            return f"it is for more than {policy.max_exemption_days} days"
        return ""


class Revocation(NamedTuple):
    """Takes the grant of this id back, from whenever it was written."""

    id: str
    reason: str
    signer: str


def grant_predicate(
    rule: str, digest: Digest, *, reason: str, approver: str, made_at: datetime, expires: datetime
) -> dict[str, Any]:
    """What is signed. Raises UsageError if something is missing or it would never count."""
    for name, value in (("rule", rule), ("reason", reason), ("approver", approver)):
        if not value.strip():
            raise UsageError(f"an exemption needs a {name}", f"give one that others understand with --{name}")
    if expires <= made_at:
        raise UsageError("the exemption would have expired already", "give a time that is to come")
    said = {
        "schema": SCHEMA,
        "action": "grant",
        "rule": rule,
        "digest": str(digest),
        "reason": reason,
        "approver": approver,
        "expires": stamp(expires),
        "envelope": {"made": stamp(made_at)},
    }
    return {**said, "id": _id(said)}


def revoke_predicate(identity: str, *, reason: str, approver: str, made_at: datetime) -> dict[str, Any]:
    """What is signed to take a grant back."""
    if not reason.strip() or not approver.strip():
        raise UsageError("a revocation needs a reason and who approves it", "give --reason and --approver")
    return {
        "schema": SCHEMA,
        "action": "revoke",
        "id": identity,
        "reason": reason,
        "approver": approver,
        "envelope": {"made": stamp(made_at)},
    }


def read_exemption(predicate: Mapping[str, Any], signer: str) -> Exemption | Revocation:
    """A grant or a revocation from a statement whose signature was verified. Raises ValueError for anything else."""
    texts = {key: predicate.get(key) for key in ("action", "id", "reason", "approver")}
    made = _time(predicate.get("envelope"))
    if predicate.get("schema") != SCHEMA or not all(isinstance(text, str) and text for text in texts.values()):
        raise ValueError("an exemption without its id, reason or approver")
    if texts["action"] == "revoke":
        return Revocation(str(texts["id"]), str(texts["reason"]), signer)
    rule, digest, expires = predicate.get("rule"), predicate.get("digest"), _moment(predicate.get("expires"))
    if texts["action"] != "grant" or not isinstance(rule, str) or not isinstance(digest, str):
        raise ValueError("an exemption without its rule or digest")
    if made is None or expires is None:
        raise ValueError("an exemption that does not say when it was made or when it expires")
    if _id({key: value for key, value in predicate.items() if key != "id"}) != texts["id"]:
        raise ValueError("an exemption whose id is that of another one")
    try:
        about = parse_digest(digest)
    except UsageError as error:
        raise ValueError(f"an exemption for {plain(digest, 80)}") from error
    return Exemption(str(texts["id"]), rule, about, str(texts["reason"]), str(texts["approver"]), made, expires, signer)


def with_revocations(found: Iterable[Exemption | Revocation]) -> tuple[Exemption, ...]:
    """Every grant once, the oldest first, with what was said against it."""
    items = list(found)
    revoked = {item.id: item for item in items if isinstance(item, Revocation)}
    grants: dict[str, Exemption] = {}
    for item in items:
        if isinstance(item, Exemption):
            against = revoked.get(item.id)
            grants[item.id] = item._replace(revoked=against.reason) if against else item
    return tuple(sorted(grants.values(), key=lambda grant: (grant.made_at, grant.id)))


def stamp(moment: datetime) -> str:
    """A time as it is written: UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _id(said: Mapping[str, Any]) -> str:
    return digest_bytes(canonical_json(dict(said))).hex[:16]


def _time(envelope: object) -> datetime | None:
    return _moment(envelope.get("made")) if isinstance(envelope, dict) else None


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
