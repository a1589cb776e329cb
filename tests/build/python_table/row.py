"""One row of the table, and the file that most of its sources are."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One row: what must be found in `hit` and in `disguised`, and the worst severity that `honest` may get."""

    hit: str
    found: tuple[str, str]
    honest: str
    most: str
    disguised: str
    still: tuple[str, str]


def called(body: str, imports: str = "") -> str:
    """A file whose function `load` has this body."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"{imports}\ndef load(x, name, path):\n{lines}\n"


SILENT = ""
