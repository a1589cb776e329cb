"""The check of federated credentials for people and programs."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.audit import judged_document, judged_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from weighbridge.controls.federated import Answered
    from weighbridge.render.terminal import Style

SCHEMA = "weighbridge.identity/1"


def identity_document(answers: Sequence[Answered], commands: Sequence[str], problems: Sequence[str]) -> dict[str, Any]:
    """The check as JSON (schema `weighbridge.identity/1`)."""
    return {
        "schema": SCHEMA,
        "holds": not problems and not any(answer.shuts for answer in answers),
        "rules": [
            {**judged_document(answer.judged), "severity": "fail" if answer.fails else "warn", "shuts": answer.shuts}
            for answer in answers
        ],
        "commands": list(commands),
        "problems": list(problems),
    }


def identity_text(answers: Sequence[Answered], commands: Sequence[str], problems: Sequence[str], style: Style) -> str:
    """The check for a terminal, with the commands that mend what fails."""
    shut = bool(problems) or any(answer.shuts for answer in answers)
    lines = ["DOES NOT HOLD" if shut else "HOLDS"]
    for answer in answers:
        if answer.judged.result.value == "not-applicable":
            continue
        lines += judged_lines(answer.judged, style)
        for check in answer.judged.checks:
            if check.result.value == "remark":
                lines.append(f"           remark: {plain(check.observed, 200)}; {plain(check.expected, 200)}")
    lines += [f"not read: {plain(problem, 200)}" for problem in problems]
    if commands:
        lines += ["commands that mend it:", *(f"  {plain(line, 1000)}" for one in commands for line in one.split("\n"))]
    return "\n".join(lines)
