"""Scan reports as SARIF 2.1.0, in the shape that code scanning on the common forges accepts.

Findings in binary files have a region with line 1 and the byte offset; a member of an archive is a property, so that
the alert links to the file. Fingerprints do not depend on line numbers. What other engines say is no result, since
forges would show it as ours: it stands in notifications and in the properties of the run. Sources: OASIS SARIF 2.1.0;
GitHub's limits.
"""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from weighbridge.core.digests import digest_bytes
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from weighbridge.core.findings import Finding, Severity
    from weighbridge.engines.base import EngineReport
    from weighbridge.scan.report import ScanReport

MOST_OPINIONS = 100
"""Findings of one engine that are kept."""
MOST_RESULTS = 25_000
"""Results of one run that forges accept."""
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
_SECURITY_SEVERITY = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "3.0", "info": "0.0"}


class RuleText(NamedTuple):
    """What a report says about a rule besides its id."""

    id: str
    title: str
    severity: Severity
    why: str
    remediation: str
    references: tuple[str, ...]
    help_markdown: str


def scan_sarif(
    reports: Sequence[ScanReport], rules: Sequence[RuleText], opinions: Sequence[Sequence[EngineReport]] = ()
) -> str:
    """One run for each report, as JSON; everything in it is ASCII. `opinions` are what engines say of each."""
    import json

    answers = opinions or [()] * len(reports)
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [_run(report, rules, said) for report, said in zip(reports, answers, strict=True)],
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _run(report: ScanReport, rules: Sequence[RuleText], opinions: Sequence[EngineReport]) -> dict[str, Any]:
    index = {rule.id: number for number, rule in enumerate(rules)}
    digests = {file.path: file.sha256.hex for file in report.artifact.files}
    kept = report.findings[:MOST_RESULTS]
    notes = [_note(f"{unread.location}: {unread.size} bytes not inspected: {unread.why}") for unread in report.unread]
    if len(kept) < len(report.findings):
        notes.append(_note(f"{len(report.findings) - len(kept)} further findings are left out of this report"))
    properties: dict[str, Any] = {"verdict": report.verdict.value, "digest": str(report.artifact.digest)}
    if opinions:
        from weighbridge.render.engines import engine_lines

        properties["engines"] = [_opinion(said) for said in opinions]
        notes[:0] = [_note(line) for line in engine_lines(report, opinions)]
    return {
        "tool": {
            "driver": {
                "name": report.tool.name,
                "semanticVersion": report.tool.version,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "automationDetails": {"id": f"weighbridge/{quote(report.artifact.name, safe='')}/"},
        "invocations": [
            {
                "executionSuccessful": not report.unread and not report.limits_reached,
                "toolExecutionNotifications": notes[:1000],
            }
        ],
        "properties": properties,
        "results": [_result(finding, index, digests) for finding in kept],
    }


def _rule(rule: RuleText) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why}\n\n{rule.remediation}", "markdown": rule.help_markdown},
        "defaultConfiguration": {"level": _LEVELS[rule.severity.value]},
        "properties": {
            "tags": ["security", *rule.references][:20],
            "precision": "high",
            "security-severity": _SECURITY_SEVERITY[rule.severity.value],
        },
    }


def _result(finding: Finding, rules: Mapping[str, int], digests: Mapping[str, str]) -> dict[str, Any]:
    path, _, inside = finding.location.partition("!")
    place, at, offset = (inside or path).rpartition("@")
    place = place if at else inside or path
    if not inside:
        path, place = place, ""
    identity = f"{finding.rule}\n{digests.get(path, '')}\n{finding.location}\n{finding.evidence.text}"
    fingerprint = digest_bytes(identity.encode("utf-8", "surrogatepass")).hex
    region: dict[str, int] = {"startLine": 1}
    if at and offset.isdigit() and not inside:
        region |= {"byteOffset": int(offset), "byteLength": 1}
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity.value],
        "message": {"text": f"{finding.title}: {plain(finding.evidence.text, 1000)} (at {plain(finding.location)})"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(path)}, "region": region}}],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint[:32]},
        "fingerprints": {"weighbridge/v1": fingerprint},
        "properties": {
            "severity": finding.severity.value,
            "times": finding.evidence.times,
            "bytes": plain(finding.evidence.bytes),
        },
    }
    if finding.rule in rules:
        result["ruleIndex"] = rules[finding.rule]
    if inside:
        result["properties"]["member"] = plain(place)
    return result


def _opinion(said: EngineReport) -> dict[str, Any]:
    """What one engine says, as a property."""
    return {
        "name": said.name,
        "version": plain(said.version, 80),
        "verdict": said.verdict,
        "status": said.status,
        "why": plain(said.why, 1000),
        "files": said.files,
        "leftOut": max(0, len(said.findings) - MOST_OPINIONS),
        "findings": [
            {
                "rule": plain(finding.rule),
                "severity": finding.severity.value,
                "title": plain(finding.title, 300),
                "location": plain(finding.location),
                "evidence": plain(finding.evidence.text, 1000),
            }
            for finding in said.findings[:MOST_OPINIONS]
        ],
    }


def _note(text: str) -> dict[str, Any]:
    return {"level": "warning", "message": {"text": plain(text, 1000)}}


def _uri(path: str) -> str:
    """A relative URI of an escaped path."""
    return quote(unquote_to_bytes(path.encode("utf-8", "surrogatepass")), safe="/")
