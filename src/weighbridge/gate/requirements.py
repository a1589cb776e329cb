"""One function per requirement: a case, the stage's policy and the time in, a reason out. Unknown is never a pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from weighbridge.core.artifact import escape_name
from weighbridge.core.evidence import (
    CYCLONEDX_PREDICATE,
    MODEL_SIGNATURE_PREDICATE,
    NOTARY_SIGNATURE,
    PROVENANCE_PREDICATE,
    REFERENCE_PREDICATE,
    SCAN_PREDICATE,
    SLSA_PROVENANCE_PREDICATE,
    TEST_RESULT_PREDICATE,
)
from weighbridge.core.findings import Severity, Verdict
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.claims import contradiction, flags, named_by, read_claims
from weighbridge.gate.contents import (
    engines_ran,
    facts_rejudged,
    formats_allowed,
    loader_advisories,
    no_known_bad,
    sbom_complete,
    size_allowed,
)
from weighbridge.gate.datasets import dataset_checked
from weighbridge.gate.origins import (
    country_allowed,
    publisher_allowed,
    reference_steady,
    registry_allowed,
    source_allowed,
)
from weighbridge.gate.reason import Reason, Result
from weighbridge.gate.times import clock_sane, knowledge_fresh
from weighbridge.gate.weighing import hub_said, scanned, verdict_of, weigh, worse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case, FileIdentity

CLOCK_SKEW = timedelta(minutes=10)
"""How far in the future a scan may seem to lie before its time is not believed."""


def scan_present(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """There is a scan report that a trusted key signed for this very manifest."""
    del policy, now
    needs = "a scan report, signed by a trusted key"
    if case.scan is not None:
        return Reason("scan-present", Result.MET, f"signed by {case.scan.signer}", needs)
    return _missing("scan-present", case, SCAN_PREDICATE, needs)


def scan_verdict(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """The verdict of the scan, without what exemptions cover and with what a hub's scanners said, is accepted."""
    needs = f"the verdict {' or '.join(policy.verdicts)}, and no finding that is {policy.severity} or worse"
    if case.scan is None:
        return Reason("scan-verdict", Result.UNKNOWN, "there is no scan to go by", needs)
    said = str(case.scan.predicate.get("verdict"))
    if said not in {verdict.value for verdict in Verdict}:
        return Reason("scan-verdict", Result.UNKNOWN, "the scan has no verdict", needs)
    seen = scanned(case.scan.predicate)
    weighed = weigh((*seen, *hub_said(case)), case, policy, now)
    verdict = weighed.verdict
    if not weighed.used or verdict_of(seen) is not Verdict(said):
        # What the report says and does not list, no exemption can take off.
        verdict = worse(verdict, Verdict(said))
    worst = weighed.worst(Severity(policy.severity))
    accepted = verdict.value in policy.verdicts and verdict is not Verdict.MALICIOUS and worst is None
    why = f"the verdict is {verdict.value}"
    if weighed.used:
        why += f" with {', '.join(f'the exemption {one.id} of {one.rule}' for one in weighed.used)} (scan: {said})"
    if worst is not None:
        why += f"; {worst.rule} is {worst.severity.value}"
    if weighed.refused:
        why += f"; {'; '.join(weighed.refused)}"
    return Reason("scan-verdict", Result.MET if accepted else Result.UNMET, why, needs)


def scan_fresh(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """The scan is recent enough to have been made with knowledge that still counts."""
    needs = f"a scan of the last {policy.max_scan_age_days} days"
    if case.scan is None:
        return Reason("scan-fresh", Result.UNKNOWN, "there is no scan to go by", needs)
    made = _time(case.scan.predicate.get("envelope"))
    if made is None:
        return Reason("scan-fresh", Result.UNKNOWN, "the scan does not say when it was made", needs)
    age = now - made
    if age < -CLOCK_SKEW:
        return Reason("scan-fresh", Result.UNMET, f"the scan is dated {made:%Y-%m-%d}, which is to come", needs)
    ago = "less than a day ago" if age.days < 1 else f"{age.days} days ago"
    why = f"the scan is of {made:%Y-%m-%d}, {ago}"
    met = age <= timedelta(days=policy.max_scan_age_days)
    return Reason("scan-fresh", Result.MET if met else Result.UNMET, why, needs)


def files_match(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """The files that were scanned are the files of the manifest: same names, sizes and digests."""
    del policy, now
    needs = "a scan of exactly the files of the manifest"
    if case.scan is None:
        return Reason("files-match", Result.UNKNOWN, "there is no scan to go by", needs)
    artifact = case.scan.predicate.get("artifact")
    listed = artifact.get("files") if isinstance(artifact, dict) else None
    if not isinstance(listed, list) or not all(isinstance(file, dict) for file in listed):
        return Reason("files-match", Result.UNKNOWN, "the scan does not list its files", needs)
    scanned = frozenset((str(file.get("path")), file.get("size"), str(file.get("sha256"))) for file in listed)
    if scanned == case.files:
        return Reason("files-match", Result.MET, f"{len(case.files)} of {len(case.files)} files", needs)
    odd: list[FileIdentity] = sorted(scanned ^ case.files, key=str)
    return Reason("files-match", Result.UNMET, f"{odd[0][0]} is not what was scanned", needs)


def annotations_agree(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """What the manifest claims about its scan and its origin is what the signed reports say."""
    del policy, now
    needs = "annotations that repeat the signed reports"
    if case.scan is None:
        return Reason("annotations-agree", Result.UNKNOWN, "there is no scan to go by", needs)
    claimed = case.annotations.get("security.scan.result")
    signed = scan_result(str(case.scan.predicate.get("verdict")))
    if claimed != signed:
        why = f"the manifest says {claimed}, the signed scan {signed}"
        return Reason("annotations-agree", Result.UNMET, why, needs)
    if case.provenance is not None:
        source = case.provenance.predicate.get("source")
        place = source.get("place") if isinstance(source, dict) else None
        for key, said in (("source", place), ("signer", case.provenance.predicate.get("signer"))):
            found = case.annotations.get(f"security.provenance.{key}")
            if found != said:
                why = f"the manifest says {key} {found}, the signed provenance {said}"
                return Reason("annotations-agree", Result.UNMET, why, needs)
    return Reason("annotations-agree", Result.MET, f"both say {signed}", needs)


def sbom_present(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """There is a signed bill of materials, and it names every file of the manifest by its digest."""
    del now
    needs = "a signed CycloneDX bill of materials that names every file" if policy.sbom else "nothing"
    if case.sbom is None:
        if not policy.sbom:
            return Reason("sbom-present", Result.MET, "not needed at this stage", needs)
        return _missing("sbom-present", case, CYCLONEDX_PREDICATE, needs)
    named = set(_sbom_hashes(case.sbom.predicate))
    covered = sum(digest in named for _, _, digest in case.files)
    result = Result.MET if covered == len(case.files) or not policy.sbom else Result.UNMET
    why = f"signed by {case.sbom.signer}, names {covered} of {len(case.files)} files"
    return Reason("sbom-present", result, why, needs)


def model_signed(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """There is an OpenSSF model signature by a trusted key over every file of the manifest and no other."""
    del now
    needs = "a model signature by a trusted key over every file" if policy.model_signature else "nothing"
    if case.signature is None:
        if not policy.model_signature:
            return Reason("model-signed", Result.MET, "not needed at this stage", needs)
        return _missing("model-signed", case, MODEL_SIGNATURE_PREDICATE, needs)
    resources = case.signature.predicate.get("resources")
    if not isinstance(resources, list) or not all(isinstance(item, dict) for item in resources):
        return Reason("model-signed", Result.UNKNOWN, "the signature does not list its files", needs)
    signed = {(escape_name(str(item.get("name"))), str(item.get("digest"))) for item in resources}
    if signed == {(path, digest) for path, _, digest in case.files}:
        return Reason("model-signed", Result.MET, f"signed by {case.signature.signer}", needs)
    return Reason("model-signed", Result.UNMET, "the signature is over other files", needs)


def provenance_verified(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """Nothing speaks against what is claimed about the origin, and the claims that the stage names are verified."""
    del now
    name = "provenance-verified"
    needs = f"verified: {', '.join(policy.provenance)}" if policy.provenance else "no claim that is contradicted"
    if policy.contradicted and not policy.provenance:
        return Reason(name, Result.MET, "not needed at this stage", "nothing")
    if case.provenance is None:
        return _missing(name, case, PROVENANCE_PREDICATE, f"a signed provenance report; {needs}")
    claims = read_claims(case.provenance.predicate)
    if claims is None:
        return Reason(name, Result.UNKNOWN, "the provenance report does not list its claims", needs)
    broken = contradiction(claims)
    if broken and not policy.contradicted:
        return Reason(name, Result.UNMET, f"{broken.claim} is contradicted: {broken.evidence}", needs)
    found = {claim.claim: claim for claim in reversed(claims)}
    for wanted in policy.provenance:
        if wanted not in found:
            return Reason(name, Result.UNKNOWN, f"the provenance report says nothing of {wanted}", needs)
        if found[wanted].status != "verified":
            why = f"{wanted} is {found[wanted].status}: {found[wanted].evidence}"
            return Reason(name, Result.UNMET, why, needs)
    count = f"{len(policy.provenance)} of {len(policy.provenance)} claims verified" if policy.provenance else ""
    return Reason(name, Result.MET, count or "no claim is contradicted", needs)


def confirmations(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """Of what a person has to confirm about the model, the stage's policy acknowledges what it asks for."""
    del now
    name, needs = "confirmations", f"a person's word for every flag of {', '.join(policy.confirm)}"
    if not policy.confirm:
        return Reason(name, Result.MET, "not needed at this stage", "nothing")
    if case.provenance is None:
        return Reason(name, Result.UNKNOWN, "there is no provenance report to go by", needs)
    claims = read_claims(case.provenance.predicate)
    if claims is None:
        return Reason(name, Result.UNKNOWN, "the provenance report does not list its claims", needs)
    flagged = flags(claims)
    asked = [claim for claim in flagged if named_by(claim, policy.confirm)]
    left = [claim for claim in asked if not named_by(claim, policy.acknowledged)]
    if left:
        more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
        why = f"nobody has confirmed {left[0].claim}: {left[0].evidence}{more}"
        return Reason(name, Result.UNMET, why, needs)
    others = len(flagged) - len(asked)
    why = f"{len(asked)} of {len(asked)} confirmed" if asked else "there is no such flag"
    told = f"; others in the report: {others}" if others else ""
    return Reason(name, Result.MET, why + told, needs)


_BESIDE = (TEST_RESULT_PREDICATE, SLSA_PROVENANCE_PREDICATE, NOTARY_SIGNATURE)
"""Evidence that no requirement asks for."""


def evidence_agrees(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """What is said twice is said alike: the test result repeats the scan, the SLSA provenance the provenance report."""
    del policy, now
    name, needs = "evidence-agrees", "evidence that does not contradict itself"
    # What a stranger attached says nothing; what is broken, or was good once, must be looked at.
    for problem in case.problems:
        if problem.predicate_type in _BESIDE and problem.code != "signer-unknown":
            return Reason(name, Result.UNMET, f"{problem.code}: {problem.why}", needs)
    if case.result is not None and case.scan is not None:
        said, verdict = str(case.result.predicate.get("result")), str(case.scan.predicate.get("verdict"))
        if (said in ("PASSED", "WARNED")) != (verdict == "clean"):
            return Reason(name, Result.UNMET, f"the test result is {said}, the verdict of the scan {verdict}", needs)
    if case.slsa is not None and case.provenance is not None:
        source = case.provenance.predicate.get("source")
        place = source.get("place") if isinstance(source, dict) else None
        built = _slsa_source(case.slsa.predicate)
        if built != place:
            why = f"the SLSA provenance names {built}, the provenance report {place}"
            return Reason(name, Result.UNMET, why, needs)
    return Reason(name, Result.MET, "nothing is said twice and differently", needs)


def evidence_whole(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """Everything that was attached when the model was stored is still there, as a signed list names it."""
    del now
    name, needs = "evidence-whole", "every piece of evidence that was attached when the model was stored"
    if not case.lists:
        if not policy.evidence_list:
            return Reason(name, Result.MET, "not needed at this stage", "nothing")
        return _missing(name, case, REFERENCE_PREDICATE, f"a signed list of the evidence; {needs}")
    count = 0
    for proof in case.lists:
        references = proof.predicate.get("references")
        if not isinstance(references, list) or not references:
            return Reason(name, Result.UNKNOWN, "the list of the evidence names nothing", needs)
        for item in references:
            digests = item.get("digest") if isinstance(item, dict) else None
            digest = digests.get("sha256") if isinstance(digests, dict) else None
            if not isinstance(digest, str):
                return Reason(name, Result.UNKNOWN, "the list of the evidence has an entry without a digest", needs)
            if digest not in case.attached:
                why = f"the {item.get('name')} of that time is gone: sha256:{digest}"
                return Reason(name, Result.UNMET, why, needs)
            count += 1
    return Reason(name, Result.MET, f"{count} of {count} pieces", needs)


def bytes_intact(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """Where the bytes of the model were read, they are those that the manifest names."""
    del policy, now
    name = "bytes-intact"
    if case.damaged is None:
        return Reason(name, Result.MET, "not read here: whoever pulls proves each digest", "nothing")
    needs = "the bytes that the manifest names"
    if case.damaged:
        more = f" (and {len(case.damaged) - 1} more)" if len(case.damaged) > 1 else ""
        return Reason(name, Result.UNMET, f"{case.damaged[0]}{more}", needs)
    return Reason(name, Result.MET, f"{len(case.files)} of {len(case.files)} files", needs)


REQUIREMENTS = (
    scan_present,
    scan_verdict,
    scan_fresh,
    files_match,
    annotations_agree,
    sbom_present,
    model_signed,
    provenance_verified,
    confirmations,
    dataset_checked,
    registry_allowed,
    reference_steady,
    source_allowed,
    publisher_allowed,
    country_allowed,
    formats_allowed,
    size_allowed,
    engines_ran,
    sbom_complete,
    facts_rejudged,
    no_known_bad,
    loader_advisories,
    clock_sane,
    knowledge_fresh,
    evidence_agrees,
    evidence_whole,
    bytes_intact,
)


def scan_result(verdict: str) -> str:
    """The value of the annotation `security.scan.result` for a verdict: `clean`, `findings` or `error`."""
    return {"clean": "clean", "suspicious": "findings", "malicious": "blocked"}.get(verdict, "error")


def _missing(requirement: str, case: Case, predicate_type: str, needs: str) -> Reason:
    problems = [problem for problem in case.problems if problem.predicate_type == predicate_type]
    if problems:
        why = "; ".join(f"{problem.code}: {problem.why}" for problem in problems[:3])
        return Reason(requirement, Result.UNMET, why, needs)
    return Reason(requirement, Result.UNMET, "evidence-missing: none is attached", needs)


def _slsa_source(predicate: Mapping[str, Any]) -> str:
    definition = predicate.get("buildDefinition")
    parameters = definition.get("externalParameters") if isinstance(definition, dict) else None
    return str(parameters.get("source")) if isinstance(parameters, dict) else ""


def _time(envelope: object) -> datetime | None:
    text = envelope.get("finished") if isinstance(envelope, dict) else None
    if not isinstance(text, str):
        return None
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return None
    return made if made.tzinfo is not None else made.replace(tzinfo=UTC)


def _sbom_hashes(document: object) -> list[str]:
    """Every sha256 that the bill gives for a file, wherever the component stands."""
    found: list[str] = []
    stack = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if node.get("alg") == "SHA-256" and isinstance(node.get("content"), str):
                found.append(node["content"])
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return found
