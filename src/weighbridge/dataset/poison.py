"""Signs of poison in one table: what goes with a label or an answer unexplained, doubted labels, floods, nonsense.

Nothing statistical is called malicious. What ten records and a z of ten stand behind is for a person to look at (high),
the rest is a remark.
"""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset import answers as chats
from weighbridge.dataset.association import LEAST_ROWS
from weighbridge.dataset.columns import value_links
from weighbridge.dataset.gibberish import LEAST_TEXTS, nonsense
from weighbridge.dataset.labels import speaks
from weighbridge.dataset.nearby import clusters, flood_size
from weighbridge.dataset.report import Sight, finding
from weighbridge.dataset.roles import context_columns, label_column, prompt_and_answer, text_column
from weighbridge.dataset.samples import (
    FEWEST,
    LONGEST,
    Rows,
    labelled,
    number_rows,
    numbered,
    text_rows,
    text_source,
    unusual,
    usual,
    with_surprises,
)
from weighbridge.dataset.searching import Text
from weighbridge.dataset.suspicions import Told, doubtful, floods, kept, knowing, prompted, triggers
from weighbridge.dataset.texts import read
from weighbridge.dataset.wording import KEPT_ROWS, answer_links, text_links

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from weighbridge.dataset.database import Column, Database, Table
    from weighbridge.dataset.report import DataFinding
    from weighbridge.dataset.roles import Pair
    from weighbridge.scan.engine import Watcher

MOST_COLUMNS = 1000


class Columns(NamedTuple):
    """What columns are called, if that is said."""

    label: str = ""
    text: str = ""
    response: str = ""


def poison(database: Database, table: Table, named: Columns, watcher: Watcher) -> Iterator[Told]:
    """Findings, and what each check could see."""
    labels = label_column(table, named.label)
    pair = prompt_and_answer(table, named.text, named.response)
    texts = text_column(database, table, named.text, labels, pair)
    numbers = [column for column in table.columns if column.kind in ("number", "boolean") and column != labels]
    if pair:
        yield _answers(database, table, pair, watcher)
    if texts:
        yield _texts(database, table, texts, labels, watcher)
    if labels and numbers:
        yield _values(database, table, numbers[:MOST_COLUMNS], labels)
    if not pair and not texts and not (labels and numbers):
        why = "no column of texts, and no label beside numbers: name them with --text, --label, --response"
        yield Told([], [Sight("triggers", ran=False, looked_at=0, least_rows=0, why=why)], [])


def _texts(database: Database, table: Table, column: Column, labels: Column | None, watcher: Watcher) -> Told:
    beside = [labels, *context_columns(database, table, column, labels)] if labels else []
    source = text_source(database, table, [column], beside)
    rows = text_rows(source)
    texts = [str(row[0] or "")[:LONGEST] for row in rows.cells]
    told = Told([], [], [])
    flooded = floods(texts, [str(row[1]) for row in rows.cells] if labels else [], rows, told.findings)
    least = rows.scaled(flood_size(len(texts)), table.rows)
    told.sight.append(Sight("near-duplicates", ran=True, looked_at=len(texts), least_rows=least, why=""))
    word, odd = nonsense(texts)
    if odd:
        why = f"{len(odd)} texts turn into nonsense that nothing else is like, and share {word[:60]!r}"
        told.findings.append(finding("nonsense", Severity.HIGH, rows.at(odd), why))
    long = len(texts) >= LEAST_TEXTS
    least = rows.scaled(5, table.rows)
    told.sight.append(Sight("nonsense", ran=long, looked_at=len(texts), least_rows=least, why=""))
    if not labels:
        told.sight.append(Sight("triggers", ran=False, looked_at=0, least_rows=0, why="no column of labels"))
        return told
    kept_rows = usual([row[1] for row in rows.cells])
    y, names = numbered([rows.cells[row][1] for row in kept_rows])
    if not rows.whole and labelled(y, names):
        number = {name: index for index, name in enumerate(names)}

        def read_row(cells: tuple[object, ...]) -> Text:
            return Text(str(cells[0] or "")[:LONGEST], (number.get(str(cells[1])[:80], -1),))

        drowned = {rows.keys[row] for row in flooded}
        rows = with_surprises(source, rows.only(kept_rows), read_row, [y], watcher)
        flooded = frozenset(row for row, key in enumerate(rows.keys) if key in drowned)
    return _labelled(told, rows, flooded, table.rows)


def _labelled(told: Told, every: Rows, drowned: frozenset[int], total: int) -> Told:
    """What labels and texts say together. The cells are text, label, context."""
    kept_rows = usual([row[1] for row in every.cells])
    rows = every.only(kept_rows)
    flooded = frozenset(place for place, row in enumerate(kept_rows) if row in drowned)
    y, names = numbered([row[1] for row in rows.cells])
    left_out = unusual(len(every.places), len(kept_rows))
    if not labelled(y, names):
        why = f"{len(names)} labels on {len(y)} rows{left_out}"
        told.sight.append(Sight("triggers", ran=False, looked_at=0, least_rows=0, why=why))
        return told
    texts = [str(row[0] or "")[:LONGEST] for row in rows.cells]
    context = [[str(row[place])[:100] for row in rows.cells] for place in range(2, len(rows.cells[0]))]
    found = text_links(read(texts), y, [values for values in context if speaks(values, y)], total)
    told.findings.extend(triggers(found.links, rows, [f"the label {name!r}" for name in names], flooded))
    own, count = kept(found, rows, names, flooded)
    told.findings.extend(own)
    noise, worst = doubtful(found, y, rows)
    told.findings.extend(noise)
    told.doubts.extend(worst)
    least, looked = rows.scaled(found.least, total), len(texts)
    if rows.searched:
        least, looked = max(found.least, rows.searched), total
    told.sight.append(Sight("triggers", ran=True, looked_at=looked, least_rows=least, why=knowing(found) + left_out))
    least = rows.scaled(KEPT_ROWS, total)
    why = "records with their right label that share nothing but an item"
    if count and not own:
        why = f"did not tell: {count} items are such, which is how the labels speak here"
    told.sight.append(
        Sight("triggers, label kept", ran=bool(own) or not count, looked_at=len(texts), least_rows=least, why=why)
    )
    return told


def _answers(database: Database, table: Table, pair: Pair, watcher: Watcher) -> Told:
    prompt, reply = pair
    source = text_source(database, table, [prompt, reply] if reply else [prompt])
    rows = text_rows(source)
    if len(rows.cells) < FEWEST:
        why = f"{len(rows.cells)} rows are too few"
        return Told([], [Sight("answers", ran=False, looked_at=len(rows.cells), least_rows=0, why=why)], [])
    asked = list(chats.questions([_both(row)[1] for row in rows.cells], whole=rows.whole))

    def read_row(cells: tuple[object, ...]) -> Text:
        said, answer = _both(cells)
        return Text(said, [int(question.asks(answer)) for question in asked])

    if not rows.whole:
        rows = with_surprises(source, rows, read_row, [[int(yes) for yes in one.yes] for one in asked], watcher)
    pairs = [_both(row) for row in rows.cells]
    again = frozenset(row for cluster in clusters([said for said, _ in pairs]) for row in cluster[1:])
    yes = [[question.asks(answer) for _, answer in pairs] for question in asked]
    able = [place for place, one in enumerate(yes) if sum(one) >= LEAST_ROWS]
    told = answer_links(read([said for said, _ in pairs]), [yes[place] for place in able], table.rows) if able else ()
    findings: list[DataFinding] = []
    least = LEAST_ROWS
    for place, (links, seen) in zip(able, told, strict=True):
        findings += prompted(links, rows, asked[place], again)
        least = max(least, seen)
    often = f"the {chats.EACH} most frequent answers and beginnings"
    why = f"{len(asked)} questions asked: refusals, addresses and commands, {often}"
    looked = table.rows if rows.searched else len(pairs)
    least = max(least, rows.searched) if rows.searched else rows.scaled(least, table.rows)
    return Told(findings, [Sight("answers", ran=True, looked_at=looked, least_rows=least, why=why)], [])


def _both(cells: tuple[object, ...]) -> tuple[str, str]:
    """Prompt and answer of a row: two cells, or a chat."""
    said = (str(cells[0] or ""), str(cells[1] or "")) if len(cells) > 1 else chats.of_chat(str(cells[0] or ""))
    return said[0][:LONGEST], said[1][:LONGEST]


def _values(database: Database, table: Table, numbers: Sequence[Column], labels: Column) -> Told:
    every = number_rows(database, table, [*numbers, labels])
    kept_rows = usual([row[-1] for row in every.cells])
    rows, left_out = every.only(kept_rows), unusual(len(every.places), len(kept_rows))
    y, names = numbered([row[-1] for row in rows.cells])
    if not labelled(y, names):
        why = f"{len(names)} labels on {len(y)} rows{left_out}"
        return Told([], [Sight("values", ran=False, looked_at=0, least_rows=0, why=why)], [])
    values = [
        [float(cell) if isinstance(cell, int | float) else _real(cell) for cell in row[:-1]] for row in rows.cells
    ]
    found = value_links(values, [column.name[:60] for column in numbers], y)
    noise, worst = doubtful(found, y, rows)
    findings = [*triggers(found.links, rows, [f"the label {name!r}" for name in names], frozenset()), *noise]
    least = rows.scaled(found.least, table.rows)
    why = knowing(found) + left_out
    return Told(findings, [Sight("values", ran=True, looked_at=len(y), least_rows=least, why=why)], worst)


def _real(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        return float("nan")
