"""List every rule with its severity and one line of what is wrong.

Examples:
  weighbridge rules
  weighbridge rules --format json
"""

from __future__ import annotations

from weighbridge.cli import common
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules import RULES

if TYPE_CHECKING:
    import argparse

    from weighbridge.render.sarif import RuleText


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `rules` takes."""
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Print the list."""
    ordered = sorted(RULES, key=lambda rule: rule.id)
    if options.format == "json":
        from weighbridge.render.documents import document_json

        rows = [
            {
                "id": rule.id,
                "severity": rule.severity.value,
                "title": rule.title,
                "since": rule.since,
                "references": list(rule.references),
            }
            for rule in ordered
        ]
        common.write(options, document_json({"schema": "weighbridge.rules/1", "rules": rows}))
        return 0
    width = max(len(rule.id) for rule in ordered)
    lines = [f"{rule.id:<{width}}  {rule.severity.value:<8}  {rule.title}" for rule in ordered]
    common.write(options, "\n".join(lines))
    return 0


def rule_texts() -> list[RuleText]:
    """The documentation of every rule, for reports that carry it."""
    from weighbridge.render.sarif import RuleText

    texts = []
    for rule in sorted(RULES, key=lambda rule: rule.id):
        parts = rule.sections()
        help_markdown = "\n\n".join(f"**{name}.** {parts[name]}" for name in list(parts)[:3])
        texts.append(
            RuleText(
                id=rule.id,
                title=rule.title,
                severity=rule.severity,
                why=parts["Why it matters"],
                remediation=parts["What to do"],
                references=rule.references,
                help_markdown=help_markdown,
            )
        )
    return texts
