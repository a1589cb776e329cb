"""C12: Defender for Cloud watches the AI services; and what each of its parts sees of this estate.

What Defender scans itself is one more opinion and never the gate: its model scanning does not reach workspaces and
registries behind private link, which are those that are hardened. A subscription's plan alone scans nothing: the
extension AIModelScanner has to be on.
Sources: learn.microsoft.com, "Overview of AI threat protection", "AI model security" (March 2026);
Microsoft.Security/pricings 2024-01-01.
"""

from __future__ import annotations

from weighbridge.controls.base import Check, Result, az, equals, expect, is_true, not_exported, remark, unknown
from weighbridge.controls.estate import ACCOUNT, PRICING, WORKSPACE, Missing, Resource, items, look, walk
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate

HOW = "az rest --url /subscriptions/{id}/providers/Microsoft.Security/pricings?api-version=2024-01-01 > pricings.json"


class Row(NamedTuple):
    """One row of the coverage matrix: what is watched, by which plan or extension of it."""

    name: str
    plan: str
    extension: str
    about: str


class Covered(NamedTuple):
    """One row and what is known of it; `on` is yes, no, in part, unknown, or not offered."""

    name: str
    on: str
    evidence: str
    about: str


ROWS = (
    Row("Threats to AI services", "AI", "", "alerts on jailbreaks, stolen credentials, odd access (D17 reads them)"),
    Row("Prompt evidence", "AI", "AIPromptEvidence", "the suspicious part of a prompt stands in the alert"),
    Row("Prompts shared with Purview", "AI", "AIPromptSharingWithPurview", "personal data leaves for Purview: opt in"),
    Row("Model scanning", "AI", "AIModelScanner", "malware, unsafe operators, secrets; not behind private link"),
    Row("Posture of AI resources", "CloudPosture", "", "finds exposed endpoints and paths to them"),
    Row("Secrets in Key Vault", "KeyVaults", "", "alerts on unusual reading of a vault"),
    Row("Provenance and bills of materials", "", "", "not offered: weighbridge keeps both beside every model"),
)


def watched(estate: Estate) -> Iterator[Check]:
    """C12: the plan for AI is Standard in every subscription that has workspaces or accounts."""
    yield from not_exported(estate, "pricings", PRICING, HOW)
    for subscription in subscriptions(estate):
        plan = _plan(estate, subscription, "AI")
        if plan is None:
            if estate.has("pricings"):
                yield unknown(f"/subscriptions/{subscription}", "pricings/AI", "not in the export", "Standard", HOW)
            continue
        mend = az("security", "pricing", "create", "--name", "AI", "--tier", "Standard", "--subscription", subscription)
        path = "properties.pricingTier"
        yield expect(plan, path, equals("Standard"), "Standard", mend=mend, absent=Result.UNKNOWN)
        for row in ROWS:
            if row.plan == "AI" and row.extension and not _extension(plan, row.extension):
                yield remark(plan, f"properties.extensions.{row.extension}", "off", f"on: {row.about}")


def coverage(estate: Estate) -> tuple[Covered, ...]:
    """All rows of the matrix, over all subscriptions of the estate."""
    return tuple(_covered(estate, row) for row in ROWS)


def subscriptions(estate: Estate) -> tuple[str, ...]:
    """Subscriptions with something to watch."""
    there = {one.subscription.lower() for one in estate.of(WORKSPACE, ACCOUNT)} - {""}
    return tuple(sorted(there))


def _covered(estate: Estate, row: Row) -> Covered:
    if not row.plan:
        return Covered(row.name, "not offered", "", row.about)
    seen, evidence = [], []
    for subscription in subscriptions(estate):
        plan = _plan(estate, subscription, row.plan)
        if plan is None:
            seen.append("unknown")
            evidence.append(f"{subscription}: pricings/{row.plan} is not in the export")
            continue
        tier = look(plan, "properties.pricingTier")
        on = equals("Standard")(tier) and (not row.extension or _extension(plan, row.extension))
        seen.append("unknown" if tier is Missing.UNREAD else "yes" if on else "no")
        evidence.append(f"{plan.source}: {tier if isinstance(tier, str) else 'no tier'}, {row.extension or 'the plan'}")
    if not seen:
        return Covered(row.name, "unknown", "no subscription with workspaces or accounts", row.about)
    word = seen[0] if len(set(seen)) == 1 else "in part"
    if row.extension == "AIModelScanner" and word == "yes" and _behind_private_link(estate):
        word = "in part"
        evidence.append("workspaces without public access are not scanned")
    return Covered(row.name, word, "; ".join(evidence), row.about)


def _behind_private_link(estate: Estate) -> bool:
    return any(equals("Disabled")(look(one, "properties.publicNetworkAccess")) for one in estate.of(WORKSPACE))


def _plan(estate: Estate, subscription: str, name: str) -> Resource | None:
    for one in estate.of(PRICING):
        if one.name.lower() == name.lower() and one.subscription.lower() == subscription:
            return one
    return None


def _extension(plan: Resource, name: str) -> bool:
    return any(
        str(walk(one, ["name"])).lower() == name.lower() and is_true(walk(one, ["isEnabled"]))
        for one in items(look(plan, "properties.extensions"))
    )
