"""Requirements on where a model lies and where it came from."""

from __future__ import annotations

from weighbridge.attest.trust import matches
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.claims import read_claims
from weighbridge.gate.reason import Reason, met, unknown, unmet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case

HUB = ("hf://", "https://huggingface.co/")
"""How places begin whose accounts are those of the Hub."""
INTERNAL = "internal"
"""In `registries`: the registry of the settings."""
SIGNATURES = ("commit-signature", "model-signature")
"""Claims that say who stands behind a model, if they are verified."""


def registry_allowed(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """The model lies in a registry that the stage deploys from."""
    del now
    name = "registry-allowed"
    if not policy.registries:
        return met(name, "models of any registry")
    needs = f"a model of {', '.join(policy.registries)}"
    patterns = [pattern for pattern in policy.registries if pattern != INTERNAL]
    if INTERNAL in policy.registries and case.internal and _below(case.place, case.internal):
        return met(name, "it lies in the internal registry", needs)
    if any(matches(pattern, case.place) for pattern in patterns):
        return met(name, f"it lies in {plain(case.place, 120)}", needs)
    if INTERNAL in policy.registries and not case.internal:
        return unknown(name, "the settings name no registry, so that none is the internal one", needs)
    return unmet(name, f"it lies in {plain(case.place, 120)}", needs)


def reference_steady(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """The tag that was asked for still names what was judged."""
    del policy, now
    needs = "a tag that nobody moves meanwhile, or a digest"
    if case.moved:
        return unmet("reference-steady", f"the tag was moved while it was judged: {case.moved}", needs)
    return met("reference-steady", "it names what was judged", needs)


def source_allowed(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """The signed provenance names a source that the stage takes models from."""
    del now
    name = "source-allowed"
    if not policy.sources:
        return met(name, "models of any source")
    needs = f"a model from {', '.join(policy.sources)}"
    if case.provenance is None:
        return unknown(name, "there is no provenance report to go by", needs)
    source = case.provenance.predicate.get("source")
    place = source.get("place") if isinstance(source, dict) else None
    if not isinstance(place, str) or not place:
        return unknown(name, "the provenance report names no source", needs)
    if any(matches(pattern, place) for pattern in policy.sources):
        return met(name, f"it comes from {plain(place, 120)}", needs)
    return unmet(name, f"it comes from {plain(place, 120)}", needs)


def publisher_allowed(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """Whoever published the model may; who signed it, if that is verified, counts before who is named."""
    del now
    name = "publisher-allowed"
    wanted = bool(policy.publishers or policy.blocked_publishers or not policy.lookalikes)
    if not wanted:
        return met(name, "models of any publisher")
    needs = f"a publisher of {', '.join(policy.publishers)}" if policy.publishers else "no blocked publisher"
    claims = read_claims(case.provenance.predicate) if case.provenance else None
    if claims is None:
        if not policy.publishers and not policy.blocked_publishers:
            return met(name, "nothing is said of a publisher", needs)
        return unknown(name, "there is no provenance report to go by", needs)
    found = next((claim for claim in claims if claim.claim == "signal/publisher"), None)
    named = found.value if found else ""
    signers = [claim.value for claim in claims if claim.claim in SIGNATURES and claim.status == "verified"]
    blocked = [who for who in (named, *signers) if who and _matches(policy.blocked_publishers, who)]
    if blocked:
        return unmet(name, f"{plain(blocked[0], 80)} is blocked", needs)
    who = signers or ([named] if named else [])
    if policy.publishers:
        if not who:
            return unknown(name, "nobody is named who published it", needs)
        good = next((one for one in who if _matches(policy.publishers, one)), None)
        if good is None:
            how = "signed by" if signers else "published by"
            return unmet(name, f"it is {how} {plain(who[0], 80)}", needs)
    if found is not None and found.confirm and not signers and not policy.lookalikes:
        return unmet(name, plain(found.evidence, 200), f"{needs}, and none that could be taken for another")
    if not who:
        return met(name, "nobody is named who published it", needs)
    return met(name, f"{'signed' if signers else 'published'} by {plain(who[0], 80)}", needs)


def country_allowed(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """Whoever stands behind the model has its seat where the stage takes models from.

    A verified signature outranks what is claimed: only if nobody signed does the account count that it came from.
    """
    del now
    name = "country-allowed"
    if not policy.countries and not policy.blocked_countries:
        return met(name, "publishers of any country")
    needs = f"a publisher from {', '.join(policy.countries)}" if policy.countries else "a publisher of a known country"
    if policy.blocked_countries:
        needs += f", not from {', '.join(policy.blocked_countries)}"
    claims = read_claims(case.provenance.predicate) if case.provenance else None
    if claims is None:
        return unknown(name, "there is no provenance report to go by", needs)
    signers = [claim.value for claim in claims if claim.claim in SIGNATURES and claim.status == "verified"]
    named = [claim.value for claim in claims if claim.claim == "signal/publisher" and claim.value]
    if not signers and not named:
        return unknown(name, "nobody is named who published it", needs)
    known = case.countries if signers or _from_hub(case) else {}
    found = {who: _country_of(who, known, policy) for who in signers or named}
    how = "signed" if signers else "published"
    for who, country in found.items():
        if country and (country in policy.blocked_countries or (policy.countries and country not in policy.countries)):
            return unmet(name, f"it is {how} by {plain(who, 80)}, whose seat is in {country}", needs)
    for who, country in found.items():
        if not country:
            why = f"it is {how} by {plain(who, 80)}, whose seat is not known here"
            return unknown(name, why, f"{needs}; publisher_countries can say where it is")
    return met(name, f"{how} by {', '.join(f'{plain(who, 80)} ({country})' for who, country in found.items())}", needs)


def _from_hub(case: Case) -> bool:
    """Whether accounts are those of the Hub: of another place anybody may call an account as they like."""
    source = case.provenance.predicate.get("source") if case.provenance else None
    place = source.get("place") if isinstance(source, dict) else None
    return isinstance(place, str) and place.startswith(HUB)


def _country_of(who: str, known: Mapping[str, str], policy: StagePolicy) -> str:
    """Two letters; empty if it is not known. What the stage says goes before what is known here."""
    said = next((code for name, code in policy.publisher_countries.items() if _matches([name], who)), "")
    return said or known.get(who.lower(), "")


def _matches(patterns: Iterable[str], name: str) -> bool:
    lowered = name.lower()
    bare = lowered.rpartition(":")[2]
    return any(matches(pattern.lower(), lowered) or matches(pattern.lower(), bare) for pattern in patterns)


def _below(place: str, start: str) -> bool:
    return place == start or place.startswith((start.rstrip("/") + "/", start + ":"))
