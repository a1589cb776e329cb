"""Findings against exemptions: what is covered, what is left, and the verdict on what is left.

An exemption covers the findings of exactly its rule: of the whole model if its digest is that of the manifest or of the
model, else those in the file of that digest. What could not be read is covered by an exemption of `file/unread`,
a limit that was reached by one of `file/limit-reached`. Nothing else makes a verdict better.
"""

from __future__ import annotations

from weighbridge.core.findings import Evidence, Finding, Severity, Verdict, judge
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.claims import read_claims

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case
    from weighbridge.gate.exemption import Exemption

UNREAD, LIMIT = "file/unread", "file/limit-reached"
HUB = "signal/hub-scan"
"""The rule under which the scanners of a hub are heard: they may make a verdict worse."""
_ORDER = (Verdict.CLEAN, Verdict.INCOMPLETE, Verdict.SUSPICIOUS, Verdict.MALICIOUS)


class Hit(NamedTuple):
    """One finding, or one place that was not read, as far as a gate needs it. `unread` makes a verdict incomplete."""

    rule: str
    severity: Severity
    location: str
    unread: bool = False


class Weighed(NamedTuple):
    """What is left when exemptions are taken off. `used` are those that cover something."""

    verdict: Verdict
    left: tuple[Hit, ...]
    used: tuple[Exemption, ...]
    refused: tuple[str, ...]

    def worst(self, least: Severity) -> Hit | None:
        """The worst finding that is left, at or above a severity."""
        severe = [hit for hit in self.left if not hit.unread and hit.severity.rank >= least.rank]
        return max(severe, key=lambda hit: hit.severity.rank, default=None)


def weigh(hits: Iterable[Hit], case: Case, policy: StagePolicy, now: datetime) -> Weighed:
    """Take off what exemptions cover."""
    left: list[Hit] = []
    used: dict[str, Exemption] = {}
    refused: dict[str, None] = {}
    for hit in hits:
        covering = [one for one in case.exemptions if _covers(one, hit, case)]
        good = next((one for one in covering if not _refusal(one, hit, policy, now)), None)
        if good is not None:
            used[good.id] = good
            continue
        left.append(hit)
        for one in covering:
            refused[f"the exemption {one.id} does not count: {_refusal(one, hit, policy, now)}"] = None
    return Weighed(verdict_of(left), tuple(left), tuple(used.values()), tuple(refused))


def verdict_of(hits: Iterable[Hit]) -> Verdict:
    """The verdict that these findings alone ask for."""
    every = list(hits)
    findings = (Finding(hit.rule, hit.severity, "", "", Evidence(""), "", "", ()) for hit in every if not hit.unread)
    return judge(findings, unread=any(hit.unread for hit in every))


def scanned(predicate: Mapping[str, Any]) -> list[Hit]:
    """The findings of a stored scan report, and the places that it could not read. What is no finding is critical."""
    hits = []
    for finding in _list(predicate.get("findings")):
        known = isinstance(finding, dict)
        rule, location = (str(finding.get(key, "")) if known else "" for key in ("rule", "location"))
        try:
            severity = Severity(finding.get("severity") if known else None)
        except ValueError:
            severity = Severity.CRITICAL
        hits.append(Hit(rule, severity, location))
    coverage = predicate.get("coverage")
    unread = _list(coverage.get("unread")) if isinstance(coverage, dict) else []
    for place in unread:
        why, location = (str(place.get(key, "")) if isinstance(place, dict) else "" for key in ("why", "location"))
        hits.append(Hit(LIMIT if why.startswith("the limit ") else UNREAD, Severity.MEDIUM, location, unread=True))
    if not any(hit.rule == LIMIT and hit.unread for hit in hits):
        hits += [Hit(LIMIT, Severity.MEDIUM, "", unread=True) for _ in _list(predicate.get("limits_reached"))]
    return hits


def hub_said(case: Case) -> list[Hit]:
    """What the scanners of the place hold against the model, as a finding of its own."""
    claims = read_claims(case.provenance.predicate) if case.provenance else None
    bad = any(claim.claim == HUB and claim.status == "contradicted" for claim in claims or ())
    return [Hit(HUB, Severity.HIGH, "")] if bad else []


def worse(one: Verdict, other: Verdict) -> Verdict:
    """The worse of two verdicts."""
    return max(one, other, key=_ORDER.index)


def _covers(exemption: Exemption, hit: Hit, case: Case) -> bool:
    if exemption.rule != hit.rule:
        return False
    if exemption.digest in (case.manifest, case.model):
        return True
    path = hit.location.partition("!")[0].partition("@")[0]
    return any(name == path and digest == exemption.digest.hex for name, _, digest in case.files)


def _refusal(exemption: Exemption, hit: Hit, policy: StagePolicy, now: datetime) -> str:
    why = exemption.refusal(policy, now)
    if not why and hit.severity.rank > Severity(policy.exemptable).rank:
        return f"no exemption covers what is {hit.severity.value} at this stage"
    return why


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
