"""The scan in the words that other gates read: in-toto's test result.

    predicateType   https://in-toto.io/attestation/test-result/v0.1
    predicate       {"result": "PASSED" | "WARNED" | "FAILED",
                     "configuration": [{"name", "uri" and "digest"}, …],     the rules, the knowledge, the tool
                     "passedTests": [<rule id>, …], "warnedTests": […], "failedTests": […]}

FAILED is every verdict but clean; what could not be read fails the test `everything-read`. The whole report is the
statement of type `core.evidence.SCAN_PREDICATE` about the same digests.
Source: github.com/in-toto/attestation, spec/predicates/test-result.md.
"""

from __future__ import annotations

from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.evidence import TEST_RESULT_PREDICATE
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.rules import RULES

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.scan.report import ScanReport

EVERYTHING_READ = "everything-read"
_FAIL = (Severity.CRITICAL, Severity.HIGH)


class ScanResult(NamedTuple):
    """What the rules said of one model, each rule once."""

    report: ScanReport

    @property
    def kind(self) -> str:
        return "test-result"

    @property
    def predicate_type(self) -> str:
        return TEST_RESULT_PREDICATE

    @property
    def subject(self) -> Digest:
        return self.report.artifact.digest

    def predicate(self) -> dict[str, Any]:
        """The predicate: the same report and the same rules give the same one."""
        report = self.report
        failed = {finding.rule for finding in report.findings if finding.severity in _FAIL}
        warned = {finding.rule for finding in report.findings} - failed
        passed = {rule.id for rule in RULES} - failed - warned
        (failed if report.unread else passed).add(EVERYTHING_READ)
        result = "FAILED" if report.verdict.value != "clean" or failed else "WARNED" if warned else "PASSED"
        return {
            "result": result,
            "configuration": [_rules(), _knowledge(report.knowledge), _tool(report)],
            "passedTests": sorted(passed),
            "warnedTests": sorted(warned),
            "failedTests": sorted(failed),
        }


def _rules() -> dict[str, Any]:
    listed = sorted([rule.id, rule.severity.value] for rule in RULES)
    return {"name": "rules", "digest": {"sha256": digest_bytes(canonical_json(listed)).hex}}


def _knowledge(version: str) -> dict[str, Any]:
    return {"name": "knowledge", "uri": f"pkg:generic/weighbridge-knowledge@{version}"}


def _tool(report: ScanReport) -> dict[str, Any]:
    return {"name": report.tool.name, "uri": f"pkg:pypi/{report.tool.name}@{report.tool.version}"}
