"""What changed since the baseline, with tests that stay sane at ten rows and at ten million.

    numbers      population stability index over the deciles of the baseline, and the largest distance D of the two
                 distributions at its percentiles (Kolmogorov-Smirnov)
    categories   the same index over the values; the share of values that the baseline has not

An index of n against m rows is noise up to chi2(B - 1; 0.999) (1/n + 1/m): only what is above that and above 0.1 is
told, so the effect and the chance are both asked. p values are corrected for the number of columns by Benjamini and
Hochberg; D must be above 0.1 whatever they say, because at a million rows everything is significant.
"""

from __future__ import annotations

import math
from itertools import pairwise

from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.report import finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from weighbridge.dataset.report import DataFinding

SMALL, LARGE = 0.1, 0.25
RATE = 0.001
_UNSEEN = 0.01
_EACH = 5
"""Rows for each value from which on a column is one of categories: fewer are numbers that happen to be few."""
_CHI2_999 = (10.83, 13.82, 16.27, 18.47, 20.52, 22.46, 24.32, 26.12, 27.88)
"""Quantiles of chi2 for 1 to 9 degrees of freedom."""


class Shift(NamedTuple):
    """How far a column moved: index and distance, the chance of it, and what is said of it."""

    column: str
    moved: float
    distance: float
    p: float
    why: str


def drift(baseline: dict[str, Any], table: dict[str, Any]) -> list[DataFinding]:
    """Findings on one table of a profile against the same table of the baseline."""
    before = {column["name"]: column for column in baseline["columns"]}
    after = {column["name"]: column for column in table["columns"]}
    n, m = baseline["rows"], table["rows"]
    found = []
    if gone := [name for name in before if name not in after]:
        found.append(finding("schema", Severity.HIGH, (), f"columns are missing: {_names(gone)}", estimate=m))
    if come := [name for name in after if name not in before]:
        found.append(finding("schema", Severity.MEDIUM, (), f"columns are new: {_names(come)}", estimate=m))
    for name in before.keys() & after.keys():
        if before[name]["kind"] != after[name]["kind"] and after[name]["nulls"] < m:
            why = f"the column {name[:80]!r} was {before[name]['kind']} and is {after[name]['kind']}"
            found.append(finding("schema", Severity.HIGH, (), why, estimate=m))
        old, new = (one["nulls"] / max(1, count) for one, count in ((before[name], n), (after[name], m)))
        if new - old > max(SMALL, 4 * math.sqrt(0.25 * (1 / max(1, n) + 1 / max(1, m)))):
            why = f"the column {name[:80]!r} is empty in {new:.0%} of the rows and was in {old:.0%}"
            found.append(finding("drift", Severity.MEDIUM, (), why, estimate=round((new - old) * m)))
    shifts = [
        shift for name in sorted(before.keys() & after.keys()) for shift in _shift(before[name], after[name], n, m)
    ]
    for shift in _discovered(shifts):
        severity = Severity.MEDIUM if shift.moved > LARGE or shift.distance > LARGE else Severity.LOW
        why = f"{shift.why}: index {shift.moved:.2f}, distance {shift.distance:.2f}, p {shift.p:.1g}"
        found.append(finding("drift", severity, (), why, estimate=round(shift.distance * m)))
    return found


def _names(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:80]) for name in names[:10]) + (f" and {len(names) - 10} more" if names[10:] else "")


def _shift(old: dict[str, Any], new: dict[str, Any], n: int, m: int) -> list[Shift]:
    if n < 20 or m < 20 or old["kind"] != new["kind"]:
        return []
    name = old["name"]
    if old.get("values") and n >= _EACH * len(old["values"]) and (new.get("values") or new["kind"] != "number"):
        return _categories(name, old["values"], new.get("values") or [], n, m)
    for field, what in (("quantiles", "the values of"), ("lengths", "the lengths of")):
        if len(old.get(field) or ()) == 101 and len(new.get(field) or ()) == 101:
            return _numbers(f"{what} {name[:80]!r} moved", name, old[field], new[field], n, m)
    return []


def _numbers(why: str, name: str, old: list[float], new: list[float], n: int, m: int) -> list[Shift]:
    edges = sorted(set(old[10:100:10]))
    if not edges:
        return []
    shares = [_shares(edges, grid) for grid in (old, new)]
    distance = max(abs(_below(old, value) - _below(new, value)) for value in (*old, *new))
    return [Shift(name, psi(*shares), distance, ks_p(distance, n, m), why)] if _loud(shares, n, m, distance) else []


def _categories(name: str, old: list[dict[str, Any]], new: list[dict[str, Any]], n: int, m: int) -> list[Shift]:
    before = {one["value"]: one["count"] for one in old}
    after = {one["value"]: one["count"] for one in new}
    kept = [value for value in before if before[value] >= 5][:50]
    shares = [
        [*(counts.get(value, 0) / rows for value in kept), 1 - sum(counts.get(v, 0) for v in kept) / rows]
        for counts, rows in ((before, n), (after, m))
    ]
    unseen = 1 - sum(after.get(value, 0) for value in before) / m
    distance = sum(abs(one - other) for one, other in zip(*shares, strict=True)) / 2
    shifts = []
    if unseen > _UNSEEN and unseen * m >= 5:
        why = f"{unseen:.1%} of the values of {name[:80]!r} were not there before"
        shifts.append(Shift(name, 1.0, unseen, 0.0, why))
    elif _loud(shares, n, m, distance):
        shifts.append(Shift(name, psi(*shares), distance, ks_p(distance, n, m), f"the values of {name[:80]!r} shifted"))
    return shifts


def _loud(shares: list[list[float]], n: int, m: int, distance: float) -> bool:
    return psi(*shares) > max(SMALL, noise(len(shares[0]), n, m)) or distance > max(
        SMALL, 2.3 * math.sqrt(1 / n + 1 / m)
    )


def psi(old: Sequence[float], new: Sequence[float]) -> float:
    """The population stability index of two lists of shares."""
    floor = 1e-4
    return sum(
        (max(b, floor) - max(a, floor)) * math.log(max(b, floor) / max(a, floor)) for a, b in zip(old, new, strict=True)
    )


def noise(bins: int, n: int, m: int) -> float:
    """The index that unchanged data stays below in 999 of 1,000 cases."""
    degrees = bins - 1
    if degrees < 1:
        return math.inf
    bar = (
        _CHI2_999[degrees - 1]
        if degrees <= len(_CHI2_999)
        else degrees * (1 - 2 / (9 * degrees) + 3.09 * math.sqrt(2 / (9 * degrees))) ** 3
    )
    return float(bar * (1 / n + 1 / m))


def ks_p(distance: float, n: int, m: int) -> float:
    """The chance of at least this distance between two samples of the same distribution."""
    root = math.sqrt(n * m / (n + m))
    scaled = (root + 0.12 + 0.11 / root) * distance
    return float(min(1.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 6))))


def _discovered(shifts: list[Shift]) -> list[Shift]:
    """Those that stay after Benjamini and Hochberg at `RATE`."""
    ordered = sorted(shifts, key=lambda shift: shift.p)
    last = max((rank for rank, shift in enumerate(ordered, 1) if shift.p <= RATE * rank / len(ordered)), default=0)
    return sorted(ordered[:last], key=lambda shift: shift.column)


def _below(grid: list[float], value: float) -> float:
    """Share of values at or below `value`, from the percentiles."""
    from bisect import bisect_left, bisect_right

    low, high = bisect_left(grid, value), bisect_right(grid, value)
    if high > low:
        return (high - 1) / 100
    if low in (0, 101):
        return low / 101
    return (low - 1 + (value - grid[low - 1]) / (grid[low] - grid[low - 1])) / 100


def _shares(edges: list[float], grid: list[float]) -> list[float]:
    marks = [0.0, *(_below(grid, edge) for edge in edges), 1.0]
    return [max(0.0, after - before) for before, after in pairwise(marks)]
