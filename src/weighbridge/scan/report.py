"""The scan report: the first evidence. Same bytes, same knowledge, same limits → the same bytes of JSON."""

from __future__ import annotations

from weighbridge.core.evidence import FACTS_PREDICATE, SCAN_PREDICATE, Tool
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.artifact import Artifact, Unread
    from weighbridge.core.digests import Digest
    from weighbridge.core.facts import Fact
    from weighbridge.core.findings import Finding, Verdict

SCHEMA = "weighbridge.scan/1"
SET_SCHEMA = "weighbridge.scan-set/1"


class Envelope(NamedTuple):
    """What differs between two runs on the same bytes: times in UTC (RFC 3339) and the host."""

    started: str
    finished: str
    host: str


class ScanReport(NamedTuple):
    """Everything that one inspection of one artifact says."""

    verdict: Verdict
    artifact: Artifact
    findings: tuple[Finding, ...]
    unread: tuple[Unread, ...]
    limits_reached: tuple[str, ...]
    knowledge: str
    tool: Tool
    envelope: Envelope

    @property
    def kind(self) -> str:
        return "scan"

    @property
    def predicate_type(self) -> str:
        return SCAN_PREDICATE

    @property
    def subject(self) -> Digest:
        return self.artifact.digest

    def predicate(self) -> dict[str, Any]:
        """The report as JSON, in the shape that `schemas/scan.json` fixes."""
        files = self.artifact.files
        return {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "artifact": {
                "name": self.artifact.name,
                "digest": str(self.artifact.digest),
                "files": [
                    {
                        "path": file.path,
                        "size": file.size,
                        "sha256": file.sha256.hex,
                        "format": file.format,
                        "coverage": file.coverage._asdict(),
                    }
                    for file in files
                ],
            },
            "findings": [
                {
                    "rule": finding.rule,
                    "severity": finding.severity.value,
                    "title": finding.title,
                    "location": finding.location,
                    "evidence": finding.evidence._asdict(),
                    "why": finding.why,
                    "remediation": finding.remediation,
                    "references": list(finding.references),
                }
                for finding in self.findings
            ],
            "coverage": {
                "bytes": self.artifact.size,
                "parsed": sum(file.coverage.parsed for file in files),
                "data": sum(file.coverage.data for file in files),
                "opaque": sum(file.coverage.opaque for file in files),
                "unread": [unread._asdict() for unread in self.unread],
            },
            "limits_reached": list(self.limits_reached),
            "knowledge": self.knowledge,
            "tool": self.tool._asdict(),
            "envelope": self.envelope._asdict(),
        }


class BlobFacts(NamedTuple):
    """The facts of one blob: where it lies, the format that read it, and that parser's version."""

    location: str
    format: str
    version: int
    facts: tuple[Fact, ...]


class FactSheet(NamedTuple):
    """All facts of one artifact: stored with the evidence, so that new rules can judge it without reading it again."""

    subject: Digest
    blobs: tuple[BlobFacts, ...]
    tool: Tool

    @property
    def kind(self) -> str:
        return "facts"

    @property
    def predicate_type(self) -> str:
        return FACTS_PREDICATE

    def predicate(self) -> dict[str, Any]:
        """The facts as JSON: each is its fields and `fact`, the name of its type."""
        return {
            "schema": "weighbridge.facts/1",
            "digest": str(self.subject),
            "tool": self.tool._asdict(),
            "blobs": [
                {
                    "location": blob.location,
                    "format": blob.format,
                    "version": blob.version,
                    "facts": [{"fact": type(fact).__name__, **fact._asdict()} for fact in blob.facts],
                }
                for blob in self.blobs
            ],
        }


class Inspection(NamedTuple):
    """What the engine gives back: the judgement, and the facts that it rests on."""

    report: ScanReport
    facts: FactSheet
