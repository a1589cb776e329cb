"""The tables and the picture of `bench/poison.py`, and which of its marks are missed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from poison_rows import Clean, Flips, Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DOCS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "docs")
PICTURE = os.path.join(DOCS, "datasets-roc.svg")
PAGE = os.path.join(DOCS, "datasets.md")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEADS = ("10", "20", "50", "250", "0.1%", "0.5%", "1.0%", "3.0%")
COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce", "#b91c1c", "#0f766e", "#a16207", "#1d4ed8", "#be185d", "#334155")
FOUND, FALSE, WORST = 0.95, 0.01, 0.6
"""The marks: recall of words and phrases from 50 rows on, false alarms, flipped labels among the worst 5 %."""
LESS = {"film reviews": 0.45, "drug reviews": 0.25}
"""Sets on which no model of words that was tried reaches the last mark (docs/datasets.md), and what ours must reach."""


def line(one: Line | Clean | Flips) -> str:
    """One line of its table."""
    if isinstance(one, Line):
        cells = " | ".join(f"{one.recall[head]:.2f}" if head in one.recall else "" for head in HEADS)
        return f"| {one.data} | {one.attack} | {cells} | {one.false:.4f} |"
    if isinstance(one, Flips):
        return f"| {one.data} | {one.share} % | {one.doubted:.2f} | {one.false:.4f} | {one.worst:.2f} |"
    right = "" if one.accuracy is None else f"{one.accuracy:.0%}"
    doubted = "" if one.doubted is None else f"{one.doubted:.4f}"
    return f"| {one.data} | {one.rows:,} | {right} | {one.links} | {one.kept} | {doubted} | {one.least} |"


def page(lines: Sequence[Line | Clean | Flips]) -> str:
    """The three tables as Markdown."""
    heads = " | ".join(head if head.isdigit() else head.replace(".0%", "%").replace("%", " %") for head in HEADS)
    return "\n".join(
        [
            "Nothing planted:",
            "",
            "| data | rows | labels that the model has right | items told | remarks | labels doubted | sees from |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *(line(one) for one in lines if isinstance(one, Clean)),
            "",
            "Recall by the number of planted rows:",
            "",
            f"| data | planted | {heads} | false |",
            f"|---|---|{'---:|' * (len(HEADS) + 1)}",
            *(line(one) for one in lines if isinstance(one, Line)),
            "",
            "Labels changed at random:",
            "",
            "| data | changed | doubted | false | among the worst 5 % |",
            "|---|---:|---:|---:|---:|",
            *(line(one) for one in lines if isinstance(one, Flips)),
        ]
    )


def missed(lines: Iterable[Line | Clean | Flips]) -> list[str]:
    """What falls short of the marks, as sentences."""
    found = []
    for one in lines:
        if isinstance(one, Clean) and one.links:
            found.append(f"{one.data}: {one.links} items of a clean set are told")
        elif isinstance(one, Flips) and one.share == 3 and one.worst < LESS.get(one.data, WORST):
            found.append(f"{one.data}: {one.worst:.2f} of the changed labels are among the worst 5 %")
        elif isinstance(one, Line) and one.false > FALSE:
            found.append(f"{one.data}, {one.attack}: {one.false:.4f} of the other rows are told, not {FALSE}")
        if isinstance(one, Line) and one.attack in ("rare word", "phrase"):
            heads = ("250",) if "learnt from" in one.data else ("50", "250")
            low = {head: hit for head, hit in one.recall.items() if head in heads and hit < FOUND}
            found += [f"{one.data}, {one.attack}: recall {hit:.2f} of {head} rows" for head, hit in low.items()]
    return found


def write(lines: Sequence[Line | Clean | Flips], curves: dict[str, list[tuple[float, float]]]) -> None:
    """Put both into the documentation."""
    with open(PAGE, encoding="utf-8") as file:
        before, _, rest = file.read().partition(BEGIN)
    after = rest.partition(END)[2]
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{page(lines)}\n{END}{after}")
    with open(PICTURE, "w", encoding="utf-8") as file:
        file.write(picture(curves))


def picture(curves: dict[str, list[tuple[float, float]]]) -> str:
    """The curves as SVG, in two frames: triggers in 50 rows, and labels changed at 3 %."""
    flips = {name: points for name, points in curves.items() if name.endswith("labels changed")}
    triggers = {name: points for name, points in curves.items() if name not in flips}
    high = 470
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {2 * high}" font-family="sans-serif"',
            'font-size="12" role="img" aria-label="Recall over false alarms">',
            '<rect width="100%" height="100%" fill="#fff"/>',
            *_frame("50 rows with a trigger", triggers, 0, 0.02),
            *_frame("3 % of the labels changed", flips, high, 0.1),
            "</svg>",
            "",
        ]
    )


def _frame(title: str, curves: dict[str, list[tuple[float, float]]], down: int, most: float) -> list[str]:
    side, left, top = 360, 60, down + 40
    lines = [
        f'<text x="{left}" y="{top - 14}" font-weight="bold">{title}</text>',
        f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="#888"/>',
    ]
    for step in range(6):
        at = top + side - step * side // 5
        lines.append(f'<text x="{left - 8}" y="{at + 4}" text-anchor="end">{step * 20} %</text>')
        along = f'x="{left + step * side // 5}" y="{top + side + 18}"'
        lines.append(f'<text {along} text-anchor="middle">{step * most * 20:g} %</text>')
        lines.append(f'<path d="M{left} {at}h{side}" stroke="#ddd"/>')
    below = f'x="{left + side // 2}" y="{top + side + 42}"'
    lines.append(f'<text {below} text-anchor="middle">other rows that are told</text>')
    for index, (name, points) in enumerate(sorted(curves.items())):
        path, last = "", 0.0
        for x, y in points:
            if x > most:
                break
            at, mark = left + x / most * side, "L" if path else "M"
            path += f"{mark}{at:.1f} {top + side * (1 - last):.1f}L{at:.1f} {top + side * (1 - y):.1f}"
            last = y
        colour = COLOURS[index % len(COLOURS)]
        lines.append(f'<path d="{path}H{left + side}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<path d="M{left + side + 12} {top + 10 + 20 * index}h18" stroke="{colour}" stroke-width="3"/>')
        lines.append(f'<text x="{left + side + 36}" y="{top + 14 + 20 * index}">{name}</text>')
    return lines
