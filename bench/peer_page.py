"""docs/peers.md: what every scanner says about every route, rendered from the result of `routes.py`."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from corpus import HERE
from outcomes import OURS, TOOLS
from route import GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "weighbridge.bench.routes/1"
RESULTS = os.path.join(HERE, "results", "routes.json")
PAGE = os.path.join(os.path.dirname(HERE), "docs", "peers.md")
SIGNS = {"stops": "**stops**", "warns": "warns", "silent": "silent", "fails": "fails", "alarm": "**alarm**"}
_HEAD = """# What scanners say about every route

One row is one file, built from code with a payload that does nothing, and scanned with the installed command-line tool
of each scanner. Nothing here is copied from anybody's claims: `python bench/routes.py` builds the files, asks the tools
and writes this page, and `make bench` does so too.

- **stops**: the tool says that the file is dangerous. *warns*: it says that somebody must look, or that it could not
  read all.
- *silent*: it says that nothing is wrong, or nothing. *fails*: it crashed, or took more than {seconds:.0f} s.
- **alarm**: it calls an honest file dangerous.
"""


def page(document: dict[str, Any]) -> str:
    """The whole page."""
    tools = [tool.name for tool in TOOLS if tool.name in document["tools"]]
    parts = [_HEAD.format(seconds=document["seconds"]), "## In numbers", "", *_numbers(document["routes"], tools), ""]
    for group, title in GROUPS.items():
        rows = [row for row in document["routes"] if row["group"] == group]
        if rows:
            parts += [f"## {title}", "", *_table(rows, tools), ""]
    parts += ["## How it was measured", "", *_how(document, tools), ""]
    return "\n".join(parts)


def _numbers(rows: list[dict[str, Any]], tools: list[str]) -> list[str]:
    attacks = [row for row in rows if row["group"] != "honest"]
    honest = [row for row in rows if row["group"] == "honest"]
    attacked, harmless = f"{len(attacks)} attacks: stops", f"{len(honest)} honest files: alarm"
    lines = [
        f"| scanner | {attacked} | warns | silent | fails | {harmless} | warns |",
        "|---|---|---|---|---|---|---|",
    ]
    for tool in tools:
        said = _said(attacks, tool)
        of_honest = _said(honest, tool)
        cells = [said["stops"], said["warns"], said["silent"], said["fails"], of_honest["alarm"], of_honest["warns"]]
        lines.append(f"| {tool} | " + " | ".join(map(str, cells)) + " |")
    return lines


def _said(rows: Iterable[dict[str, Any]], tool: str) -> Counter[str]:
    return Counter(row["outcomes"][tool]["outcome"] for row in rows if tool in row["outcomes"])


def _table(rows: list[dict[str, Any]], tools: list[str]) -> list[str]:
    lines = ["| route | reference | " + " | ".join(tools) + " |", "|---|---|" + "---|" * len(tools)]
    for row in rows:
        cells = [SIGNS[row["outcomes"][tool]["outcome"]] if tool in row["outcomes"] else "" for tool in tools]
        about = row["about"].replace("|", "\\|")
        lines.append(f"| {about} (`{row['route']}`) | {row['reference']} | " + " | ".join(cells) + " |")
    return lines


def _how(document: dict[str, Any], tools: list[str]) -> list[str]:
    lines = ["| scanner | version | measured | stops | warns | silent |", "|---|---|---|---|---|---|"]
    readings = {tool.name: tool for tool in TOOLS}
    for name in tools:
        tool, about = readings[name], document["tools"][name]
        lines.append(f"| {name} | {about['version']} | {about['date']} | {tool.stops} | {tool.warns} | {tool.silent} |")
    lines += [
        "",
        f"An attack on which {OURS} is silent is a defect, or lies in a format whose rules are not written yet. Routes",
        "that you miss are welcome: one function in `bench/*_routes.py` is one route.",
    ]
    return lines
