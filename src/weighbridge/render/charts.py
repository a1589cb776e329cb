"""Pictures of numbers as SVG: no script, no style of their own, a text for who cannot see them.

What they look like is the page's affair: marks carry class names, and lengths are numbers in the picture's own units.
Every text is made plain and escaped here. The same numbers stand in a table beside each picture.
"""

from __future__ import annotations

from html import escape

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_NODES = 60


class Svg(NamedTuple):
    """A picture; `text` is markup."""

    text: str


class Node(NamedTuple):
    """A box of a chain or of a lineage: what it says, a second line, and how it stands (a class name of ours)."""

    label: str
    note: str
    state: str
    column: int = 0


def strip(parts: Mapping[str, int], title: str, width: int = 240) -> Svg:
    """One bar of parts, drawn to scale; what is there at all is at least one unit wide."""
    total = sum(parts.values())
    drawn = {name: max(1.0, width * size / total) for name, size in parts.items() if size} if total else {}
    over = sum(drawn.values()) - width
    if over > 0:  # the widest gives what the narrow ones took
        widest = max(drawn, key=lambda name: drawn[name])
        drawn[widest] -= over
    marks, at = [], 0.0
    for name, size in drawn.items():
        marks.append(f'<rect class="{_class(name)}" x="{at:.1f}" y="0" width="{size:.1f}" height="12"/>')
        at += size
    return _svg(width, 12, title, marks, "strip")


def stacks(columns: Sequence[tuple[str, Mapping[str, int]]], title: str, height: int = 90) -> Svg:
    """Bars side by side, each of parts: counts by day. The first and the last are named below."""
    top = max((sum(parts.values()) for _, parts in columns), default=0) or 1
    marks = [f'<text class="axis" x="0" y="9">{top:,}</text>']
    for place, (name, parts) in enumerate(columns):
        at = float(height)
        for part, count in parts.items():
            size = (height - 14) * count / top
            at -= size
            if count:
                box = f'x="{place * 14 + 30}" y="{at:.1f}" width="11" height="{size:.1f}"'
                marks.append(
                    f'<rect class="{_class(part)}" {box}><title>{_text(name)}: {count} {_text(part)}</title></rect>'
                )
    width = len(columns) * 14 + 30
    marks.append(f'<line class="axis" x1="30" y1="{height}" x2="{width}" y2="{height}"/>')
    if columns:
        marks.append(f'<text class="axis" x="30" y="{height + 12}">{_text(columns[0][0])}</text>')
        marks.append(f'<text class="axis end" x="{width}" y="{height + 12}">{_text(columns[-1][0])}</text>')
    return _svg(width, height + 16, title, marks, "stacks")


def dots(rows: Sequence[tuple[str, Sequence[float], str]], title: str, ends: tuple[str, str], width: int = 640) -> Svg:
    """A row of dots for each name: places from 0 to 1 on a line of time, and their class."""
    marks = []
    for place, (name, places, state) in enumerate(rows[:MOST_NODES]):
        y = place * 22 + 14
        marks.append(f'<text class="label" x="0" y="{y + 4}">{_text(name, 34)}</text>')
        marks.append(f'<line class="axis" x1="230" y1="{y}" x2="{width}" y2="{y}"/>')
        marks += [
            f'<circle class="{_class(state)}" cx="{230 + one * (width - 236):.1f}" cy="{y}" r="5"/>' for one in places
        ]
    height = min(len(rows), MOST_NODES) * 22 + 24
    marks.append(f'<text class="axis" x="230" y="{height - 4}">{_text(ends[0])}</text>')
    marks.append(f'<text class="axis end" x="{width}" y="{height - 4}">{_text(ends[1])}</text>')
    return _svg(width, height, title, marks, "dots")


def chain(subject: Node, links: Sequence[Node], title: str) -> Svg:
    """A model and everything that hangs on it, one line each; the line says whether it holds."""
    marks = _box(0, 0, 250, subject)
    for place, node in enumerate(links[:MOST_NODES]):
        y = (place + 1) * 52
        marks.append(f'<path class="link {_class(node.state)}" d="M 20 46 V {y + 20} H 60"/>')
        marks += _box(60, y, 420, node)
    return _svg(480, (min(len(links), MOST_NODES) + 1) * 52, title, marks, "chain")


def layers(nodes: Sequence[Node], edges: Sequence[tuple[int, int]], title: str) -> Svg:
    """Boxes in columns from left to right, and lines between them by their places in `nodes`."""
    nodes = nodes[:MOST_NODES]
    rows: dict[int, int] = {}
    places = []
    for node in nodes:
        row = rows.get(node.column, 0)
        rows[node.column] = row + 1
        places.append((node.column * 270, row * 56))
    marks = []
    for source, target in edges:
        if source < len(nodes) and target < len(nodes):
            (x1, y1), (x2, y2) = places[source], places[target]
            bend = f"C {x1 + 245} {y1 + 20} {x2 - 25} {y2 + 20}"
            marks.append(f'<path class="link" d="M {x1 + 220} {y1 + 20} {bend} {x2} {y2 + 20}"/>')
    for node, (x, y) in zip(nodes, places, strict=True):
        marks += _box(x, y, 220, node)
    width = (max((node.column for node in nodes), default=0) + 1) * 270 - 50
    return _svg(max(width, 220), max(rows.values(), default=1) * 56, title, marks, "layers")


def _box(x: int, y: int, width: int, node: Node) -> list[str]:
    most = width // 8
    return [
        f'<rect class="box {_class(node.state)}" x="{x}" y="{y}" width="{width}" height="44" rx="6"/>',
        f'<text class="label" x="{x + 10}" y="{y + 18}">{_text(node.label, most)}</text>',
        f'<text class="note" x="{x + 10}" y="{y + 35}">{_text(node.note, most + 6)}</text>',
    ]


def _svg(width: float, height: float, title: str, marks: list[str], kind: str) -> Svg:
    about = _text(title, 300)
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    head = f'<svg class="{kind}" role="img" aria-label="{about}" {size}>'
    return Svg(f"{head}<title>{about}</title>{''.join(marks)}</svg>")


def _class(name: str) -> str:
    """A class name of ours; whatever else is none."""
    return name if name.replace("-", "").isalpha() and name.isascii() and len(name) < 30 else "other"


def _text(text: str, most: int = 120) -> str:
    shown = plain(text, 1000)
    return escape(shown if len(shown) <= most else shown[: most - 1] + "…", quote=True)
