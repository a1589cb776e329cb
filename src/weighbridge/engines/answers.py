"""Reading what an engine says: every text of it may have been put there by the model."""

from __future__ import annotations

import json
import os

from weighbridge.core.artifact import escape_name
from weighbridge.core.findings import Evidence, Finding, Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.base import MOST_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.engines.base import Job
    from weighbridge.sandbox.records import Outcome

_REMEDY = "Read what the engine says together with the findings of Weighbridge; where they differ, a person must look."


def document(raw: bytes) -> dict[str, Any]:
    """A JSON object; ValueError with a sentence if it is none. The size was bounded when it was taken."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its answer is no JSON ({type(error).__name__}: {str(error)[:80]})") from None
    if not isinstance(said, dict):
        raise ValueError("its answer is no JSON object")
    return said


def rows(said: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """The objects in the list `key`; ValueError if it is missing or holds anything else."""
    found = said.get(key)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ValueError(f"its answer has no list {key!r}")
    yield from found


def text(row: dict[str, Any], key: str) -> str:
    """A text, cut to what is kept; empty if it is missing or no text."""
    value = row.get(key)
    return value[:MOST_TEXT] if isinstance(value, str) else ""


def number(value: object) -> int:
    """A count; 0 if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def location(seen: str, outcome: Outcome, job: Job, separator: str = "") -> str:
    """A place as Weighbridge writes it: relative to the artifact, escaped, members behind `!`.

    `seen` is a path from inside; `separator` stands before a member in it.
    """
    top = outcome.places["model"]
    if os.path.isdir(job.top):
        relative = seen.removeprefix(top).lstrip("/") if seen.startswith(f"{top}/") else seen
    else:
        relative = os.path.basename(top) + seen.removeprefix(top) if seen.startswith(top) else seen
    if not separator:
        return _escaped(relative)
    known = max((file.relative for file in job.files if relative.startswith(file.relative + separator)), default="")
    if not known:
        return _escaped(relative)
    return f"{_escaped(known)}!{escape_name(relative[len(known) + len(separator) :])}"


def _escaped(path: str) -> str:
    return "/".join(map(escape_name, path.split("/")))


def finding(engine: str, severity: Severity, title: str, place: str, said: str, *references: str) -> Finding:
    """One thing that an engine found, as a record of ours under the rule `engine/NAME`."""
    return Finding(
        rule=f"engine/{engine}",
        severity=severity,
        title=title[:MOST_TEXT],
        location=place[:MOST_TEXT],
        evidence=Evidence(said[:MOST_TEXT]),
        why=f"{engine} says so; Weighbridge did not check it.",
        remediation=_REMEDY,
        references=references,
    )
