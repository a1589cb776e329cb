"""Rows of a table that models learn from: all of them, or as many as there is room for."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.report import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.dataset.database import Column, Database, Table

CHARACTERS = 24_000_000
"""Of all texts together that the models learn from; of more, the same share of rows is taken each time."""
LONGEST = 12_000
"""Characters of a text that are looked at."""
CELLS = 20_000_000
MOST_ROWS = 400_000
LABELS = 50
FEWEST = 60
"""Rows below which no model is made of anything."""


class Rows(NamedTuple):
    """What the models learn from."""

    places: list[Row]
    cells: list[tuple[object, ...]]
    whole: bool

    def at(self, found: Sequence[int]) -> list[Row]:
        """The places of some of the rows."""
        return [self.places[index] for index in found]

    def scaled(self, least: int, total: int) -> int:
        """So many rows of all are so many of those that were looked at."""
        return least if self.whole else int(least * total / max(1, len(self.places)))


def text_rows(database: Database, table: Table, texts: Sequence[Column], beside: Sequence[Column]) -> Rows:
    """Rows with texts, and what stands beside these."""
    size = " + ".join(f"least(coalesce(length(CAST({text.read} AS VARCHAR)), 0), {LONGEST})" for text in texts)
    total = database.ask(f"SELECT coalesce(sum({size}), 0) FROM {table.source}", *table.parameters)[0][0]  # noqa: S608
    share = min(CHARACTERS / max(1, int(total)), MOST_ROWS / max(1, table.rows))
    return _rows(database, table, [*texts, *beside], share)


def number_rows(database: Database, table: Table, columns: Sequence[Column]) -> Rows:
    """Rows of numbers."""
    return _rows(database, table, columns, CELLS / max(1, table.rows * len(columns)))


def _rows(database: Database, table: Table, columns: Sequence[Column], share: float) -> Rows:
    reads = ", ".join(column.read for column in columns)
    where = f"WHERE hash({reads}, {table.row}) >> 32 < {int(share * 2**32)}" if share < 1 else ""
    query = f"SELECT {table.file}, {table.row}, {reads} FROM {table.source} {where}"  # noqa: S608 -- our own words
    found = sorted(database.each(query, *table.parameters), key=lambda row: row[:2])
    return Rows([Row(table.files[row[0]].shown, row[1]) for row in found], [row[2:] for row in found], whole=share >= 1)


def numbered(labels: Sequence[object]) -> tuple[list[int], list[str]]:
    """Labels as numbers, and what they are called."""
    texts = [str(label) for label in labels]
    names = sorted(set(texts))
    places = {name: index for index, name in enumerate(names)}
    return [places[text] for text in texts], [name[:80] for name in names]


def labelled(y: Sequence[int], names: Sequence[str]) -> bool:
    """Enough rows, and few enough labels with enough rows each for five folds."""
    return len(y) >= FEWEST and 2 <= len(names) <= LABELS and min(y.count(one) for one in set(y)) >= 5
