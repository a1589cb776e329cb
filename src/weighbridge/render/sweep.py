"""What a sweep found, for a terminal and as JSON."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pipelines.sweeping import ORDER

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.index.sheets import Change
    from weighbridge.pipelines.sweeping import Swept

MOST_SHOWN = 50


def sweep_document(found: Swept) -> dict[str, Any]:
    """The sweep as JSON, by `schemas/sweep-1.json`."""
    return {
        "sweep": found.sweep,
        "knowledge": found.knowledge,
        "models": found.models,
        "judged": found.judged,
        "verdicts": {verdict: found.counts.get(verdict, 0) for verdict in ORDER},
        "worse": [_change(change) for change in found.worse],
        "changed": [_change(change) for change in found.changes if change not in found.worse],
        "outdated": [_change(change) for change in found.outdated],
    }


def sweep_text(found: Swept) -> str:
    """The sweep as people read it: what became worse first."""
    worse, outdated = found.worse, found.outdated
    better = [change for change in found.changes if change not in worse and change.now != change.was]
    lines = [
        f"{len(worse)} of {found.models} models are judged worse than before",
        *_shown("WORSE", worse),
        *_shown("better", better),
    ]
    if outdated:
        lines.append(f"{len(outdated)} models were read by an older parser: take them through intake again")
        lines += [f"  {_name(change)}  {plain(', '.join(change.outdated), 120)}" for change in outdated[:MOST_SHOWN]]
    if "unknown" in found.counts:
        lines.append(f"{found.counts['unknown']} models have facts that cannot be judged: weighbridge index rebuild")
    counts = " · ".join(f"{count} {verdict}" for verdict, count in found.counts.items())
    return "\n".join([*lines, f"{counts} · knowledge {found.knowledge}"])


def _shown(word: str, changes: tuple[Change, ...] | list[Change]) -> list[str]:
    lines = []
    for change in changes[:MOST_SHOWN]:
        lines.append(f"{word}  {change.was} → {change.now}  {_name(change)}")
        lines += [f"    {plain(rule, 120)}" for rule in change.rules]
        lines += ["    its facts cannot be judged: weighbridge index rebuild"] if change.now == "unknown" else []
    rest = len(changes) - MOST_SHOWN
    return [*lines, f"  and {rest} more: --format json has them all"] if rest > 0 else lines


def _name(change: Change) -> str:
    return f"{plain(change.repository, 200)}@{change.manifest}"


def _change(change: Change) -> dict[str, Any]:
    return {**change._asdict(), "rules": list(change.rules), "outdated": list(change.outdated)}
