"""From measured runs to a result: ratios pair by pair, marks met or missed, the table, and the committed JSON.

    {"schema": "weighbridge.bench/1", "machine": {cores, processor, python}, "peers": {name: version},
     "rows": [{"row", "title", "input": {kind, size}, "note",
               "ours": {cpu, peak, wall, runs}, "verdict",
               "against": [{"name", cpu, peak, wall, runs, "ratio", "late", "answered", "status"}],
               "checks": [{"check", "got", "mark", "met"}]}]}

CPU and wall in seconds, peak in MB (10^6 bytes). A check whose answer is not known has "met": null, never true.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

from corpus import HERE
from measure import middle
from peers import PEERS

if TYPE_CHECKING:
    from measure import Run
    from rows import Against, Row

SCHEMA = "weighbridge.bench/1"
LATEST = os.path.join(HERE, "results", "latest.json")
SAME = 0.1
"""A figure within this share of the earlier one counts as the same: repeated runs differ by as much."""


class Pairs(NamedTuple):
    """The runs against one thing. `ours` and `theirs` stand pair by pair; a late one has a single run and no pair."""

    against: Against
    ours: tuple[Run, ...]
    theirs: tuple[Run, ...]

    @property
    def late(self) -> bool:
        return any(run.late for run in self.theirs)

    @property
    def ratio(self) -> float:
        """Median of the ratios. For a late one: against the CPU time that it had used when it was stopped."""
        if self.late:
            return middle(list(self.ours)).cpu / self.theirs[-1].cpu
        return statistics.median(mine.cpu / other.cpu for mine, other in zip(self.ours, self.theirs, strict=True))


def result(row: Row, size: int, ours: list[Run], pairs: list[Pairs], verdict: str) -> dict[str, Any]:
    """One row of the JSON, with its checks."""
    mine = middle(ours)
    shown = [
        {
            "name": pair.against.name,
            **_figures(list(pair.theirs)),
            "ratio": round(pair.ratio, 4),
            "late": pair.late,
            "answered": middle(list(pair.theirs)).answered,
            "status": pair.theirs[-1].status,
        }
        for pair in pairs
    ]
    checks = [
        _check(f"CPU / {pair.against.name}", pair.ratio, pair.against.mark, pair)
        for pair in pairs
        if pair.against.mark is not None
    ]
    if row.cpu is not None:
        checks.append(_check("CPU s", mine.cpu, row.cpu))
    if row.memory is not None:
        checks.append(_check("peak MB", mine.peak, row.memory))
    if row.verdict:
        met = verdict == row.verdict if row.verdict != "not clean" else verdict not in ("", "clean")
        checks.append({"check": "verdict", "got": verdict or "none", "mark": row.verdict, "met": met})
    return {**_head(row, size), "ours": _figures(ours), "verdict": verdict, "against": shown, "checks": checks}


def unmeasured(row: Row, size: int, why: str) -> dict[str, Any]:
    """The row of something that could not be run, and why. It meets no mark."""
    checks = [{"check": "measured", "got": "no", "mark": "yes", "met": False}]
    return {**_head(row, size), "note": why, "ours": None, "verdict": "", "against": [], "checks": checks}


def _head(row: Row, size: int) -> dict[str, Any]:
    return {"row": row.name, "title": row.title, "input": {"kind": row.input.kind, "size": size}, "note": ""}


def _figures(runs: list[Run]) -> dict[str, Any]:
    run = middle(runs)
    return {"cpu": round(run.cpu, 4), "peak": round(run.peak, 1), "wall": round(run.wall, 4), "runs": len(runs)}


def _check(name: str, got: float, mark: float, pair: Pairs | None = None) -> dict[str, Any]:
    met: bool | None = got <= mark
    if pair and not middle(list(pair.theirs)).answered and not (pair.late and met):
        # What failed is no measure. What was stopped gives an upper bound: it can meet a mark, and never miss one.
        met = None
    return {"check": name, "got": round(got, 4), "mark": round(mark, 4), "met": met}


def document(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole result. It says what the machine is like, and nothing of whose it is or where."""
    machine = {"cores": os.cpu_count(), "processor": _processor(), "python": platform.python_version()}
    return {
        "schema": SCHEMA,
        "machine": machine,
        "peers": {peer.name: peer.version for peer in PEERS.values()},
        "rows": rows,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def read(path: str) -> dict[str, dict[str, Any]]:
    """The rows of an earlier result by name; none if there is no such file."""
    try:
        with open(path, encoding="utf-8") as file:
            return {row["row"]: row for row in json.load(file)["rows"]}
    except FileNotFoundError:
        return {}


def write(path: str, rows: list[dict[str, Any]]) -> None:
    """Write a result, whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.partial", "w", encoding="utf-8") as file:
        json.dump(document(rows), file, indent=1)
        file.write("\n")
    os.replace(f"{path}.partial", path)


NOTE = 60
"""Characters of a note that the table shows; the JSON has it whole."""
HEADINGS = ("ROW", "WHAT", "CPU s", "PEAK MB", "WALL s", "RATIO", "MARK", "", "BEFORE")


def table(row: dict[str, Any], before: dict[str, Any] | None) -> list[tuple[str, ...]]:
    """The lines of one row: ours, then what it was compared with, then its other checks."""
    if row["ours"] is None:
        return [(row["row"], row["note"][:NOTE], "", "", "", "", "", "NOT MEASURED", "")]
    checks = {check["check"]: check for check in row["checks"]}
    earlier = {check["check"]: check["got"] for check in before["checks"]} if before else {}
    lines: list[tuple[str, ...]] = [
        (row["row"], f"ours: {row['verdict'] or 'done'}", *_three(row["ours"]), "", "", "", "")
    ]
    for other in row["against"]:
        check = checks.pop(f"CPU / {other['name']}", None)
        state = "" if other["answered"] else " (stopped)" if other["late"] else f" (failed, status {other['status']})"
        name = other["name"] + state
        ratio = f"{'<' if other['late'] else ''}{other['ratio']:.3f}"
        lines.append(("", name, *_three(other), ratio, *_judged(check, earlier)))
    for name, check in checks.items():
        got = f"{check['got']:.2f}" if isinstance(check["got"], float) else str(check["got"])
        lines.append(("", name, "", "", "", got, *_judged(check, earlier)))
    return lines


def _three(figures: dict[str, Any]) -> tuple[str, str, str]:
    return f"{figures['cpu']:.3f}", f"{figures['peak']:.0f}", f"{figures['wall']:.3f}"


def _judged(check: dict[str, Any] | None, earlier: dict[str, Any]) -> tuple[str, str, str]:
    if check is None:
        return "", "", ""
    mark = f"<= {check['mark']:.3g}" if isinstance(check["mark"], float | int) else check["mark"]
    word = {True: "met", False: "MISSED", None: "unknown"}[check["met"]]
    return mark, word, _change(check["got"], earlier.get(check["check"]))


def _change(now: Any, then: Any) -> str:
    """How a figure differs from the earlier one."""
    if then is None:
        return ""
    if not isinstance(now, float | int) or not isinstance(then, float | int) or not then:
        return "same" if now == then else f"was {then}"
    share = now / then - 1
    word = "same" if abs(share) <= SAME else "worse" if share > 0 else "better"
    return f"{word}, was {then:.3g}"


def render(lines: list[tuple[str, ...]]) -> str:
    """Columns set in line; figures to the right."""
    widths = [max(len(line[column]) for line in [HEADINGS, *lines]) for column in range(len(HEADINGS))]
    out = []
    for line in [HEADINGS, *lines]:
        cells = [
            cell.rjust(width) if 2 <= column <= 5 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.append("  ".join(cells).rstrip())
    return "\n".join(out)
