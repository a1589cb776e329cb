"""Rows of a table that models learn from: all of them, or as many as there is room for."""

from __future__ import annotations

from collections import Counter

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.association import FOLDS
from weighbridge.dataset.report import Row
from weighbridge.dataset.searching import search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from weighbridge.dataset.database import Column, Database, Table
    from weighbridge.dataset.searching import Text
    from weighbridge.scan.engine import Watcher

CHARACTERS = 24_000_000
"""Of all texts together that the models learn from; of more, the same share of rows is taken each time."""
LONGEST = 12_000
"""Characters of a text that are looked at."""
SEARCHED = 1_000_000_000
"""Characters up to which every text is asked for triggers, where the models do not learn from all."""
CELLS = 20_000_000
MOST_ROWS = 400_000
LABELS = 50
FEWEST = 60
"""Rows below which no model is made of anything."""


class Rows(NamedTuple):
    """What the models learn from. `keys`: file and row of each; `whole`: it is all there is.

    `searched`: it is not all, but every text was asked for triggers, and those with one in so many rows are here.
    """

    places: list[Row]
    cells: list[tuple[object, ...]]
    whole: bool
    keys: Sequence[tuple[int, int]] = ()
    searched: int = 0

    def at(self, found: Sequence[int]) -> list[Row]:
        """The places of some of the rows."""
        return [self.places[index] for index in found]

    def only(self, kept: Sequence[int]) -> Rows:
        """Some of the rows."""
        keys = [self.keys[index] for index in kept] if self.keys else ()
        return self._replace(places=self.at(kept), cells=[self.cells[index] for index in kept], keys=keys)

    def scaled(self, least: int, total: int) -> int:
        """So many rows of all are so many of those that were looked at."""
        return least if self.whole else int(least * total / max(1, len(self.places)))


class Source(NamedTuple):
    """Columns of a table, to be read row by row. `characters`: of the texts, which are the first columns."""

    database: Database
    table: Table
    columns: tuple[Column, ...]
    characters: int = 0

    def each(self, share: float = 1.0) -> Iterator[tuple[tuple[int, int], tuple[object, ...]]]:
        """File and row, and the cells; of a share below one, the same rows each time."""
        table, reads = self.table, ", ".join(column.read for column in self.columns)
        where = f"WHERE hash({reads}, {table.row}) >> 32 < {int(share * 2**32)}" if share < 1 else ""
        query = f"SELECT {table.file}, {table.row}, {reads} FROM {table.source} {where}"  # noqa: S608 -- our own words
        for file, row, *cells in self.database.each(query, *table.parameters):
            yield (file, row), tuple(cells)

    def rows(self, share: float) -> Rows:
        """A share of the rows, in the order of files."""
        found = sorted(self.each(share), key=lambda one: one[0])
        return self.made([key for key, _ in found], [cells for _, cells in found], whole=share >= 1)

    def made(
        self, keys: list[tuple[int, int]], cells: list[tuple[object, ...]], *, whole: bool, searched: int = 0
    ) -> Rows:
        """Rows that were read."""
        places = [Row(self.table.files[file].shown, row) for file, row in keys]
        return Rows(places, cells, whole, keys, searched)


def text_source(database: Database, table: Table, texts: Sequence[Column], beside: Sequence[Column] = ()) -> Source:
    """Columns of texts, and others beside them."""
    size = " + ".join(f"least(coalesce(length(CAST({text.read} AS VARCHAR)), 0), {LONGEST})" for text in texts)
    total = database.ask(f"SELECT coalesce(sum({size}), 0) FROM {table.source}", *table.parameters)[0][0]  # noqa: S608
    return Source(database, table, (*texts, *beside), int(total))


def text_rows(source: Source) -> Rows:
    """Rows with texts, as many as there is room for."""
    return source.rows(min(CHARACTERS / max(1, source.characters), MOST_ROWS / max(1, source.table.rows)))


def number_rows(database: Database, table: Table, columns: Sequence[Column]) -> Rows:
    """Rows of numbers."""
    return Source(database, table, tuple(columns)).rows(CELLS / max(1, table.rows * len(columns)))


def with_surprises(
    source: Source,
    rows: Rows,
    read: Callable[[tuple[object, ...]], Text],
    answers: Sequence[Sequence[int]],
    watcher: Watcher,
) -> Rows:
    """A sample and, of all other rows, those with items that surprise (`searching`). `read`: text and labels of a row.

    Of more than `SEARCHED` characters the sample alone is left.
    """
    if source.characters > SEARCHED or not answers:
        return rows
    watcher.note("asking every text")

    def everything() -> Iterator[Text]:
        for key, cells in source.each():
            one = read(cells)
            watcher.advance(len(one.text))
            yield one._replace(row=key)

    found = search([read(cells).text for cells in rows.cells], answers, everything)
    wanted = set(found.rows(everything(), CHARACTERS // 2)).difference(rows.keys)
    more = [(key, cells) for key, cells in source.each() if key in wanted] if wanted else []
    together = sorted([*zip(rows.keys, rows.cells, strict=True), *more], key=lambda one: one[0])
    return source.made(
        [key for key, _ in together], [cells for _, cells in together], whole=False, searched=found.least
    )


def numbered(labels: Sequence[object]) -> tuple[list[int], list[str]]:
    """Labels as numbers, and what they are called."""
    texts = [str(label) for label in labels]
    names = sorted(set(texts))
    places = {name: index for index, name in enumerate(names)}
    return [places[text] for text in texts], [name[:80] for name in names]


def usual(labels: Sequence[object]) -> list[int]:
    """Rows whose label enough others have to learn from it. One odd label must not keep the rest from being judged."""
    counts = Counter(map(str, labels))
    return [index for index, label in enumerate(labels) if counts[str(label)] >= FOLDS]


def unusual(total: int, kept: int) -> str:
    """What is said of the rows that are left out."""
    return f"; {total - kept} rows whose label fewer than {FOLDS} have were left out" if kept < total else ""


def labelled(y: Sequence[int], names: Sequence[str]) -> bool:
    """Enough rows, and few enough labels with enough rows each for five folds."""
    return len(y) >= FEWEST and 2 <= len(names) <= LABELS and min(Counter(y).values()) >= FOLDS
