"""One rule for people: as text for the terminal, and as the page in docs/rules/."""

from __future__ import annotations

from textwrap import fill, indent

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.rules.base import Rule


def rule_text(rule: Rule) -> str:
    """The documentation of a rule in 80 columns."""
    parts = rule.sections()
    lines = [f"{rule.id}  {rule.severity.value}", f"{rule.title}.", ""]
    for name in ("What it finds", "Why it matters", "What to do"):
        lines += [f"{name}:", fill(parts[name], 78, initial_indent="  ", subsequent_indent="  "), ""]
    for name in ("Fires on", "Stays silent on"):
        if parts[name]:
            lines += [f"{name}:", indent(parts[name], "  "), ""]
    if rule.references:
        lines.append(f"References: {', '.join(rule.references)}")
    lines.append(f"Since: {rule.since}")
    return "\n".join(lines)


def rule_page(rule: Rule) -> str:
    """The documentation of a rule as Markdown."""
    parts = rule.sections()
    lines = [f"# {rule.id}", "", f"{rule.title}.", "", f"Severity: {rule.severity.value}. Since {rule.since}.", ""]
    for name in ("What it finds", "Why it matters", "What to do"):
        lines += [f"## {name}", "", parts[name], ""]
    for name in ("Fires on", "Stays silent on"):
        if parts[name]:
            lines += [f"## {name}", "", "```python", parts[name], "```", ""]
    if rule.references:
        lines += ["## References", "", *(f"- {reference}" for reference in rule.references), ""]
    return "\n".join(lines)
