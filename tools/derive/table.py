"""The judgements of several versions as one table, in the form in which the product reads it.

One file for each package; a line for classes of one module of which the same is said, in columns parted by tabs:

    module    trust    first version    last version    names parted by spaces    why
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.derive.classify import Judgement

SCHEMA = "weighbridge.knowledge.classes/1"
WEAKEST = ("container", "inert", "inert-dict", "review")
"""What holds for all versions is the last of these that is said of any."""


SILENT = frozenset(("its module is not one of numerical functions", "reaches more than is followed"))
"""Reasons that say nothing of the class: leaving it out says the same."""


class Row(NamedTuple):
    """What is said of one class over all versions that were read."""

    trust: str
    first: str
    last: str
    why: str


def merged(versions: Sequence[tuple[str, Mapping[str, Judgement]]]) -> dict[str, Row]:
    """One row for each class, by `module:name`. What needs review in any version needs it; why is part of the row."""
    rows: dict[str, Row] = {}
    for name in sorted({name for _, judged in versions for name in judged}):
        found = [(version, judged[name]) for version, judged in versions if name in judged]
        trusts = {judgement.trust for _, judgement in found}
        if "review" in trusts:
            trust = "review"
        elif {"enum", "function"} & trusts and len(trusts) > 1:
            continue
        else:
            trust = max(trusts, key=lambda each: WEAKEST.index(each) if each in WEAKEST else 0)
        why = next(judgement.why for _, judgement in reversed(found) if judgement.trust == trust)
        if why in SILENT or " is not at hand" in why or " leads nowhere" in why:
            continue
        rows[name] = Row(trust, found[0][0], found[-1][0], why)
    return rows


def written(package: str, date: str, sources: Sequence[str], rows: Mapping[str, Row]) -> str:
    """The file of one package."""
    groups: dict[tuple[str, Row], list[str]] = defaultdict(list)
    for name, row in rows.items():
        module, _, qualified = name.partition(":")
        groups[module, row].append(qualified)
    lines = [f"# {SCHEMA} {package} {date}", f"# read: {' '.join(sources)}"]
    for (module, row), names in sorted(groups.items()):
        lines.append("\t".join((module, row.trust, row.first, row.last, " ".join(sorted(names)), row.why)))
    return "\n".join([*lines, ""])
