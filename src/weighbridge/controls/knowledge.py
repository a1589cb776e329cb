"""Where the controls stand in published frameworks: `knowledge/control_mappings.json`, each entry with its source."""

from __future__ import annotations

from functools import cache

from weighbridge.core.knowledge_files import FOLDER
from weighbridge.core.known_texts import read_rows
from weighbridge.core.records import NamedTuple


class Mapping(NamedTuple):
    """One place of one framework that a control answers to, in part at least.

    `source` and `date` are those of the publication; that a control answers to it is a reading of ours. `checked` says
    what the clause was compared with; it is empty where nobody compared it, and then it is printed as unverified.
    """

    framework: str
    clause: str
    about: str
    source: str
    date: str
    checked: str = ""

    @property
    def shown(self) -> str:
        """The place as it is printed."""
        return f"{self.framework} {self.clause}{'' if self.checked else ' (unverified)'}"


@cache
def mappings() -> dict[str, tuple[Mapping, ...]]:
    """All mappings by control. Raises UsageError if the knowledge is missing or broken."""
    found: dict[str, tuple[Mapping, ...]] = {}
    for row in read_rows(FOLDER, "control_mappings", "mappings"):
        one = Mapping(row["framework"], row["clause"], row["about"], row["source"], row["date"], row["checked"])
        for control in row["controls"]:
            found[control] = (*found.get(control, ()), one)
    return found
