"""Where the controls stand in published frameworks: `knowledge/control_mappings.json`, each entry with its source."""

from __future__ import annotations

from functools import cache

from weighbridge.core.known_texts import FOLDER, read_rows
from weighbridge.core.records import NamedTuple


class Mapping(NamedTuple):
    """One place of one framework that a control answers to, in part at least.

    `source` and `date` are those of the publication; that a control answers to it is a reading of ours.
    """

    framework: str
    clause: str
    about: str
    source: str
    date: str


@cache
def mappings() -> dict[str, tuple[Mapping, ...]]:
    """All mappings by control. Raises UsageError if the knowledge is missing or broken."""
    found: dict[str, tuple[Mapping, ...]] = {}
    for row in read_rows(FOLDER, "control_mappings", "mappings"):
        one = Mapping(row["framework"], row["clause"], row["about"], row["source"], row["date"])
        for control in row["controls"]:
            found[control] = (*found.get(control, ()), one)
    return found
