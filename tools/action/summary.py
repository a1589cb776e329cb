"""The first lines of a job summary: the verdict as a table. Run by action.yml, with the standard library alone.

Usage: summary.py REPORT.json STATUS
"""

from __future__ import annotations

import json
import sys
from typing import Any

SIGNS = {
    "clean": ":white_check_mark: clean",
    "suspicious": ":warning: suspicious: a person must look",
    "malicious": ":no_entry: malicious",
    "incomplete": ":black_square_button: incomplete: something could not be inspected",
}
"""What GitHub draws for each verdict. Nothing of the model's own text stands here."""


def summary(report: dict[str, Any], status: int) -> str:
    """The table. A verdict that is not known counts as incomplete, and the gate is open for status 0 only."""
    artifact, findings = report["artifact"], report["findings"]
    counts = dict.fromkeys(("critical", "high", "medium", "low", "info"), 0)
    for finding in findings:
        counts[finding["severity"]] += 1
    rows = [
        ("verdict", SIGNS.get(report["verdict"], SIGNS["incomplete"])),
        ("gate", ":green_circle: open" if status == 0 else ":red_circle: shut"),
        ("digest", f"`{artifact['digest']}`"),
        ("files", f"{len(artifact['files']):,}"),
        ("findings", ", ".join(f"{count} {severity}" for severity, count in counts.items() if count) or "none"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""])


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(summary(json.load(file), int(sys.argv[2])))
