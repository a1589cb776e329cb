"""Regions that a format leaves over: which are looked into, and how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build.foreign import xgboost
from build.inspecting import scanned
from weighbridge.core.facts import UnreadSpan
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.scan.leftovers import REGIONS, left_over

if TYPE_CHECKING:
    from pathlib import Path


def begins(content: bytes, opaque: list[tuple[int, int]], broken: list[UnreadSpan] | None = None) -> list[str]:
    return [
        child.name
        for child in left_over(Reader(MemorySource(content)), opaque, broken or [], Budget(Limits(), len(content)))
    ]


def test_a_region_is_looked_at_where_it_begins_and_behind_its_zeros() -> None:
    content = b"head" + bytes(20) + b"something"
    assert begins(content, [(4, 33)]) == ["unread@4", "unread@23", "unread@24"]
    assert begins(content, [(0, 33)]) == [], "the head was asked already"


def test_the_place_where_a_format_breaks_off_is_looked_at_once() -> None:
    content = b"x" * 100
    assert begins(content, [(0, 100)], [UnreadSpan(40, 60, "broken")]) == ["unread@40"]
    assert begins(content, [(40, 100)], [UnreadSpan(40, 60, "broken")]) == ["unread@40"]
    assert begins(content, [(0, 100)], [UnreadSpan(400, 60, "beyond"), UnreadSpan(97, 3, "short")]) == []


def test_many_regions_cost_no_more_than_some() -> None:
    content = b"x" * 100_000
    assert len(begins(content, [(place, place + 20) for place in range(1, 99_000, 30)])) == REGIONS


def test_regions_within_regions_are_paid_from_one_budget(tmp_path: Path) -> None:
    nested = xgboost()
    for _ in range(40):
        nested = nested + b"binf" + bytes(3) + nested[:60]
    report = scanned(tmp_path, "m.model", nested)
    assert report.verdict is not Verdict.CLEAN
    assert len(report.unread) < 2000
