"""The profile of a data set as one HTML page: for each column a drawing, and beside it a table of the same numbers.

Drawings are inline SVG without script. Whatever comes from the data is text, never markup.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.page import page_head

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_STYLES = """svg { width: 100%; max-width: 24rem; height: auto; }
svg text { font-size: 11px; fill: currentColor; }
rect { fill: #0b6e99; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
"""
_WIDTH, _HEIGHT, _BARS, _SHOWN = 320, 90, 20, 12


def profile_page(found: dict[str, Any]) -> str:
    """The whole page."""
    parts = [page_head("Weighbridge data set profile", _STYLES)]
    parts += [f"<p><strong>Not read:</strong> {_text(why, 300)}</p>\n" for why in found["incomplete"]]
    parts += map(_table, found["tables"])
    images = found["images"]
    if images["files"]:
        parts.append(f"<h2>{images['files']} pictures, {images['bytes']} bytes</h2>\n")
        parts.append(_bars("pictures by folder", [(one["value"], one["count"]) for one in images["folders"]]))
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def _table(table: dict[str, Any]) -> str:
    again, near = table["duplicates"], table["near"]
    files = ", ".join(_text(name, 100) for name in table["files"][:5])
    head = (
        f"<h2>{table['rows']} rows</h2>\n<p>{files}; label: {_text(table['label'] or 'none', 80)}; {again['rows']} "
        f"rows repeat another (one of them {again['largest']} times); of {near['looked_at']} rows {near['rows']} are "
        "nearly another.</p>\n"
    )
    lines = [head]
    for column in table["columns"]:
        lines.append(f"<h3>{_text(column['name'], 100)}</h3>\n")
        lines.append(
            f"<p>{_text(column['kind'], 20)}, about {column['distinct']} values, {column['nulls']} empty</p>\n"
        )
        if column.get("values"):
            lines.append(_bars("values", [(one["value"], one["count"]) for one in column["values"]]))
        elif column.get("quantiles"):
            lines.append(_spread("values", column["quantiles"]))
        elif column.get("lengths"):
            lines.append(_spread("lengths in characters", column["lengths"]))
        if column.get("scripts"):
            shares = [(name, round(100 * share)) for name, share in column["scripts"].items()]
            lines.append(_bars("scripts, % of texts", shares))
    return "".join(lines)


def _bars(what: str, counts: Sequence[tuple[str, int]]) -> str:
    """Bars, the longest value first as it comes; the table has them all."""
    most = max((count for _, count in counts), default=0) or 1
    shown = counts[:_SHOWN]
    drawn = [
        f'<text x="0" y="{18 * place + 13}">{_text(str(name), 18)}</text>'
        f'<rect x="130" y="{18 * place + 3}" width="{190 * count / most:.1f}" height="12"/>'
        for place, (name, count) in enumerate(shown)
    ]
    rows = "".join(f'<tr><td>{_text(str(name), 80)}</td><td class="number">{count}</td></tr>' for name, count in counts)
    return _beside(what, drawn, 18 * len(shown) + 4, f"<tr><th>value</th><th>number</th></tr>{rows}")


def _spread(what: str, grid: Sequence[float | None]) -> str:
    """How 101 percentiles lie: as many bars of the same width, as high as the share of rows in them."""
    known = [float(value) for value in grid if value is not None]
    if len(known) < 2:
        return ""
    low, high = known[0], known[-1]
    width = (high - low) / _BARS or 1.0
    shares = [0.0] * _BARS
    for start, end in pairwise(known):
        for bar in range(_BARS):
            left, right = low + bar * width, low + (bar + 1) * width
            if end > start:
                shares[bar] += max(0.0, min(end, right) - max(start, left)) / (end - start)
            elif left <= start < right or (bar == _BARS - 1 and start >= right):
                shares[bar] += 1.0
    most = max(shares) or 1.0
    drawn = [
        f'<rect x="{bar * _WIDTH / _BARS:.1f}" y="{_HEIGHT - _HEIGHT * share / most:.1f}" '
        f'width="{_WIDTH / _BARS - 1:.1f}" height="{_HEIGHT * share / most:.1f}"/>'
        for bar, share in enumerate(shares)
    ]
    drawn.append(f'<text x="0" y="{_HEIGHT + 14}">{low:.6g}</text>')
    drawn.append(f'<text x="{_WIDTH}" y="{_HEIGHT + 14}" text-anchor="end">{high:.6g}</text>')
    marks = ((0, "least"), (5, "5 %"), (25, "25 %"), (50, "half"), (75, "75 %"), (95, "95 %"), (100, "most"))
    told = [(name, known[place * (len(known) - 1) // 100]) for place, name in marks]
    rows = "".join(f'<tr><td>{name}</td><td class="number">{value:.6g}</td></tr>' for name, value in told)
    return _beside(what, drawn, _HEIGHT + 18, f"<tr><th>share of rows below</th><th>value</th></tr>{rows}")


def _beside(what: str, drawn: Sequence[str], height: int, rows: str) -> str:
    return (
        f'<table><caption>{what}</caption><tr><td><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{what}">{"".join(drawn)}</svg></td><td><table>{rows}</table></td></tr></table>\n'
    )


def _text(text: str, most: int) -> str:
    return escape(plain(text, most), quote=True)
