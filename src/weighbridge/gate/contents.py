"""Requirements on what a model is made of, and on what is known of that today."""

from __future__ import annotations

from datetime import timedelta
from fnmatch import fnmatchcase

from weighbridge.attest.trust import made_at
from weighbridge.core.findings import Severity
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import PICKLES
from weighbridge.gate.reason import Reason, met, unknown, unmet
from weighbridge.gate.weighing import Hit, weigh

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case

PLAIN = frozenset(("none", "opaque"))
"""What stands where no format does: judged by the verdict."""
COMPLETENESS = ("completeness", "completeness:score", "score:g7 minimum elements")
"""Ends of the names of properties in which a bill says how complete it is, in percent or from 0 to 1."""


def formats_allowed(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """Every file, and everything inside of files, has a format that the stage takes; none runs a pickle."""
    del now
    name = "formats-allowed"
    no_pickles = policy.pickle != "allow"
    if not policy.formats and not policy.blocked_formats and not no_pickles:
        return met(name, "files of any format")
    allowed = f"formats of {', '.join(policy.formats)}" if policy.formats else "formats"
    blocked = (*policy.blocked_formats, *(["pickles"] if no_pickles else []))
    needs = allowed + (f" but no {', '.join(blocked)}" if blocked else "")
    found = _formats(case)
    if found is None:
        return unknown(name, "no signed scan says which formats it has", needs)
    for one in sorted(found - PLAIN):
        if no_pickles and one in PICKLES:
            return unmet(name, f"it has {one}, whose loading runs a pickle", needs)
        if any(fnmatchcase(one, pattern) for pattern in policy.blocked_formats):
            return unmet(name, f"it has {plain(one, 60)}, which is blocked", needs)
        if policy.formats and not any(fnmatchcase(one, pattern) for pattern in policy.formats):
            return unmet(name, f"it has {plain(one, 60)}", needs)
    return met(name, ", ".join(sorted(found)) or "no file with a format", needs)


def size_allowed(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """All files together are not larger than the stage takes."""
    del now
    if not policy.most_bytes:
        return met("size-allowed", "models of any size")
    needs = f"at most {policy.most_bytes} bytes"
    why = f"it has {case.size} bytes"
    return met("size-allowed", why, needs) if case.size <= policy.most_bytes else unmet("size-allowed", why, needs)


def engines_ran(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """The other scanners that the stage asks for looked at the model, not longer ago than a scan may be, and found
    nothing; they make nothing better.
    """
    name = "engines-ran"
    if not policy.engines:
        return met(name, "no other scanner")
    needs = f"an answer of {', '.join(policy.engines)} that finds nothing"
    if case.engines is None:
        return unmet(name, "evidence-missing: no trusted key signed an answer of another scanner", needs)
    made = made_at(dict(case.engines.predicate))
    if made is None:
        return unknown(name, "the answers do not say when they were given", needs)
    if now - made > timedelta(days=policy.max_scan_age_days):
        return unmet(name, f"the answers are of {made:%Y-%m-%d}", f"{needs}, not older than a scan may be")
    reports = case.engines.predicate.get("engines")
    told = {str(report.get("name")): report for report in _records(reports)}
    for engine in policy.engines:
        report = told.get(engine)
        if report is None:
            return unmet(name, f"there is no answer of {engine}", needs)
        if report.get("status") != "ran":
            return unknown(name, f"{engine} gave no whole answer: {plain(str(report.get('why')), 120)}", needs)
        if report.get("verdict") not in ("clean", "not-applicable"):
            return unmet(name, f"{engine} says {plain(str(report.get('verdict')), 40)}", needs)
    return met(name, f"{len(policy.engines)} of {len(policy.engines)} found nothing", needs)


def sbom_complete(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """The bill of materials says of itself that it is as complete as the stage wants."""
    del now
    name = "sbom-complete"
    if not policy.sbom_completeness:
        return met(name, "bills of any completeness")
    needs = f"a signed bill of materials that is {policy.sbom_completeness} % complete"
    if case.sbom is None:
        return unknown(name, "there is no bill of materials to go by", needs)
    score = _completeness(case.sbom.predicate)
    if score is None:
        return unknown(name, "the bill of materials does not say how complete it is", needs)
    why = f"it is {score:.0f} % complete"
    return met(name, why, needs) if score >= policy.sbom_completeness else unmet(name, why, needs)


def facts_rejudged(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """What is known today has nothing against the stored facts; what they could not see is the scan's verdict."""
    name = "facts-rejudged"
    needs = f"signed facts, in which today's knowledge finds nothing that is {policy.severity} or worse"
    if case.today is None:
        if not policy.facts:
            return met(name, "not needed at this stage")
        return unmet(name, "evidence-missing: no facts are attached that a trusted key signed", needs)
    if case.today.broken:
        return unknown(name, f"the facts cannot be judged: {case.today.broken}", f"{needs}: scan the model again")
    if case.today.outdated and not policy.old_parsers:
        more = f" and {len(case.today.outdated) - 1} more" if len(case.today.outdated) > 1 else ""
        why = f"an older parser saw them: {case.today.outdated[0]}{more}"
        return unknown(name, why, f"{needs}, seen by today's parsers: scan the model again")
    hits = [Hit(one.rule, one.severity, one.location) for one in case.today.findings]
    weighed = weigh(hits, case, policy, now)
    worst = weighed.worst(Severity(policy.severity))
    verdict = weighed.verdict.value
    if worst is not None or verdict == "malicious" or verdict not in (*policy.verdicts, "clean"):
        named = f": {worst.rule} in {plain(worst.location, 80)} is {worst.severity.value}" if worst else ""
        told = f"; {'; '.join(weighed.refused)}" if weighed.refused else ""
        return unmet(name, f"today the findings are {verdict}{named}{told}", needs)
    covered = f", {len(weighed.used)} exemptions taken off" if weighed.used else ""
    return met(name, f"{len(hits)} findings today, none of which shuts the gate{covered}", needs)


def no_known_bad(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """No feed of bad digests names the model, its manifest or one of its files; every feed could be read."""
    del policy, now
    name, needs = "known-bad", "digests that no feed names"
    if case.bad:
        one = case.bad[0]
        return unmet(name, f"{one.digest} is known to be bad ({plain(one.reason, 120)}; {plain(one.feed, 80)})", needs)
    if case.feed_problems:
        return unknown(name, case.feed_problems[0], f"{needs}: mend the feed")
    return met(name, f"{case.feeds} digests of feeds, none of them here" if case.feeds else "no feed is set", needs)


def loader_advisories(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """No framework that loads this model has a known vulnerability in loading it."""
    del now
    name, wanted = "loader-advisories", policy.loader_advisories
    if wanted == "off":
        return met(name, "not asked for at this stage")
    needs = "frameworks without known vulnerabilities in loading such a model"
    if wanted == "required" and not case.runtime:
        return unknown(name, "no serving image is named", f"{needs}; give --runtime requirements.txt")
    hits = [one for one in case.affected if one.whose == "runtime" or wanted == "declared"]
    certain = [one for one in hits if one.version]
    for one in certain:
        mend = f"; mended in {one.fixed}" if one.fixed else ""
        whose = "the serving image has" if one.whose == "runtime" else "the model declares"
        more = f" (and {len(certain) - 1} more)" if len(certain) > 1 else ""
        return unmet(name, f"{whose} {one.package} {plain(one.version, 40)}: {one.advisory}{mend}{more}", needs)
    if hits:
        one = hits[0]
        why = f"the serving image does not say which {one.package} it has, and {one.advisory} is known"
        return unknown(name, why, f"{needs}; pin the version")
    if case.runtime_problems:
        return unknown(name, case.runtime_problems[0], needs)
    declared = [one for one in case.affected if one.whose == "declared"]
    told = f"; the model was made with {declared[0].package} {plain(declared[0].version, 40)}" if declared else ""
    return met(name, ("none in the serving image" if case.runtime else "no serving image is named") + told, needs)


def _formats(case: Case) -> frozenset[str] | None:
    if case.scan is None:
        return None
    artifact = case.scan.predicate.get("artifact")
    files = artifact.get("files") if isinstance(artifact, dict) else None
    if not isinstance(files, list):
        return None
    named = {str(file.get("format", "opaque")) for file in _records(files)}
    return frozenset(named | (case.today.formats if case.today else frozenset()))


def _completeness(bill: Mapping[str, Any]) -> float | None:
    metadata = bill.get("metadata")
    places = [bill.get("properties"), metadata.get("properties") if isinstance(metadata, dict) else None]
    for entry in (entry for place in places for entry in _records(place)):
        if str(entry.get("name", "")).lower().endswith(COMPLETENESS):
            told = str(entry.get("value"))
            try:
                score = float(told.removesuffix("%").removesuffix(" of 100"))
            except ValueError:
                return None
            if score <= 1 and not told.endswith((" of 100", "%")):
                score *= 100  # a share, as some generators write it
            return score if 0 <= score <= 100 else None
    return None


def _records(value: object) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
