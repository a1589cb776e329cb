"""Claims on small parts become one, and none is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Oddity, Span
from weighbridge.formats.grammars.spans import SMALL, joined

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_neighbours_are_one_and_large_data_stays_data() -> None:
    odd = Oddity("overlap", "")
    given = [Span(0, 4, "parsed"), Span(4, 9, "data"), odd, Span(13, SMALL, "data"), Span(13 + SMALL, 1, "parsed")]
    assert list(joined(iter(given))) == [
        odd,
        Span(0, 13, "parsed"),
        Span(13, SMALL, "data"),
        Span(13 + SMALL, 1, "parsed"),
    ]


def test_gaps_stay_gaps() -> None:
    given = [Span(0, 4, "parsed"), Span(5, 4, "parsed"), Span(2, 4, "parsed"), Span(2, 9, "parsed")]
    assert list(joined(iter(given))) == [Span(0, 4, "parsed"), Span(5, 4, "parsed"), Span(2, 9, "parsed")]


def test_what_was_claimed_before_an_error_is_told() -> None:
    def broken() -> Iterator[Span]:
        yield Span(0, 4, "parsed")
        raise FormatError("broken", 4)

    found = joined(broken())
    assert next(found) == Span(0, 4, "parsed")
    with pytest.raises(FormatError):
        next(found)
