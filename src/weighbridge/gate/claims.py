"""The claims of a signed provenance report, read back from its JSON and not believed beyond its signature."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

STATUSES = frozenset({"verified", "declared", "absent", "contradicted"})
MOST_CLAIMS = 10_000
DEEPEST = 8


class StoredClaim(NamedTuple):
    """One claim or part of one, as `core.claims.Claim` was written."""

    claim: str
    status: str
    evidence: str
    confirm: bool
    value: str = ""


def read_claims(predicate: Mapping[str, Any]) -> list[StoredClaim] | None:
    """All claims, each before its parts; None if the report does not have the shape that a report has."""
    found: list[StoredClaim] = []
    return found if _read(predicate.get("claims"), found, 0) and found else None


def contradiction(claims: Sequence[StoredClaim]) -> StoredClaim | None:
    """The first claim that the evidence speaks against; its sentence names the link that broke."""
    broken = [claim for claim in claims if claim.status == "contradicted"]
    return broken[0] if broken else None


def flags(claims: Sequence[StoredClaim]) -> list[StoredClaim]:
    """Claims that a person has to confirm before somebody counts on them."""
    return [claim for claim in claims if claim.confirm]


def named_by(claim: StoredClaim, entries: Collection[str]) -> bool:
    """Whether a policy names a claim, by its name or by `family/*`."""
    name = claim.claim
    return any(name == entry or (entry.endswith("*") and name.startswith(entry.removesuffix("*"))) for entry in entries)


def _read(value: object, found: list[StoredClaim], depth: int) -> bool:
    if not isinstance(value, list) or depth > DEEPEST:
        return False
    for entry in value:
        if not isinstance(entry, dict) or len(found) >= MOST_CLAIMS:
            return False
        claim, status, evidence = entry.get("claim"), entry.get("status"), entry.get("evidence")
        confirm = entry.get("confirm")
        if not isinstance(claim, str) or not isinstance(evidence, str) or status not in STATUSES:
            return False
        if not isinstance(confirm, bool):
            return False
        value = entry.get("value", "")
        found.append(StoredClaim(claim, str(status), evidence, confirm, value if isinstance(value, str) else ""))
        if not _read(entry.get("parts"), found, depth + 1):
            return False
    return True
