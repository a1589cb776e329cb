"""Azure policies for people and for programs: evaluations line by line, and the lint. All text is hostile."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.documents import document_json
from weighbridge.render.terminal import wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.azure.policy.effects import Judgement
    from weighbridge.azure.policy.lint import PolicyFinding
    from weighbridge.render.terminal import Style

_MARKS = {"true": "✓", "false": "✗", "error": "!", "unsupported": "?", "skipped": "·"}
_ASCII = {"true": "+", "false": "-", "error": "!", "unsupported": "?", "skipped": "."}
_COLOURS = {"compliant": "1;32", "not-applicable": "2", "disabled": "2", "audit": "33", "manual": "33"}
_SEVERITIES = {"critical": "1;31", "high": "31", "medium": "33", "low": "2", "info": "2"}
TEST_SCHEMA = "weighbridge.azure-policy-test/1"
RENDER_SCHEMA = "weighbridge.azure-policy-render/1"
LINT_SCHEMA = "weighbridge.azure-policy-lint/1"


def judgement_json(judgement: Judgement, knowledge: str) -> str:
    """The evaluation as a document."""
    return document_json(
        {
            "schema": TEST_SCHEMA,
            "matched": judgement.matched,
            "outcome": judgement.outcome,
            "effect": judgement.effect,
            "why": judgement.why,
            "operations": [operation._asdict() for operation in judgement.operations],
            "trace": [line._asdict() for line in judgement.trace],
            "knowledge": knowledge,
        }
    )


def judgement_text(judgement: Judgement, style: Style) -> str:
    """The outcome, why, and every line of the rule that was looked at."""
    head = style.paint(judgement.outcome.upper(), _COLOURS.get(judgement.outcome, "1;31"))
    lines = [f"{head}  {plain(judgement.why, 400)}"]
    lines += [
        f"  {plain(operation.operation)} {plain(operation.field, 120)} {plain(operation.value, 200)}".rstrip()
        for operation in judgement.operations
    ]
    marks = _MARKS if style.unicode else _ASCII
    for line in judgement.trace:
        depth = line.path.count(".") + line.path.count("[")
        why = f"  ({plain(line.why, 200)})" if line.why else ""
        lines.append(f"{'  ' * min(depth + 1, 12)}{marks[line.result]} {plain(line.says, 200)}{why}")
    return "\n".join(lines)


def lint_json(findings: Sequence[PolicyFinding], knowledge: str) -> str:
    """The findings as a document."""
    rows = [{**finding._asdict(), "severity": finding.severity.value} for finding in findings]
    return document_json({"schema": LINT_SCHEMA, "findings": rows, "knowledge": knowledge})


def lint_text(findings: Sequence[PolicyFinding], style: Style) -> str:
    """Every finding with its place, its reason and its mend."""
    if not findings:
        return style.paint("nothing found", "1;32")
    lines = []
    for finding in findings:
        severity = style.paint(finding.severity.value, _SEVERITIES[finding.severity.value])
        place = (
            f"{plain(finding.policy, 80)}: {plain(finding.location, 120)}"
            if finding.policy
            else plain(finding.location, 120)
        )
        lines.append(f"{severity}  {finding.rule}  {finding.title}")
        lines.append(f"  {place}: {plain(finding.evidence, 300)}")
        lines += wrapped("  ", finding.why, style.width, again="  ")
        lines += wrapped("  mend: ", finding.mend, style.width, again="        ")
    return "\n".join(lines)


def files_json(folder: str, names: Sequence[str]) -> str:
    """What was written, as a document."""
    return document_json({"schema": RENDER_SCHEMA, "folder": folder, "files": list(names)})
