"""What the bench of planted poison says: lines of three tables, and curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from poison_plants import Planted


class Line(NamedTuple):
    """An attack: recall under each amount of planted rows, and the most false alarms of all."""

    data: str
    attack: str
    recall: dict[str, float]
    false: float


class Clean(NamedTuple):
    """A set that nothing was planted in: what is said of it all the same. `accuracy` and `doubted` may be unknown."""

    data: str
    rows: int
    accuracy: float | None
    least: int
    links: int
    kept: int
    doubted: float | None


class Flips(NamedTuple):
    """Labels changed at random, in a share (percent) of the rows: those doubted, and those among the worst 5 %."""

    data: str
    share: int
    doubted: float
    false: float
    worst: float


def curve(planted: Planted, scores: Sequence[tuple[float, Sequence[int]]]) -> list[tuple[float, float]]:
    """Share of the other rows and of the planted ones that are told, from the strictest bar to none."""
    total = len(planted.labels) - len(planted.rows)
    told: set[int] = set()
    points = [(0.0, 0.0)]
    for _, rows in sorted(scores, key=lambda one: -one[0]):
        told.update(rows)
        hit = len(told & planted.rows)
        points.append(((len(told) - hit) / total, hit / len(planted.rows)))
    return points
