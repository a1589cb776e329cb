"""Signs of poison in one table: what goes with a label or an answer unexplained, doubted labels, floods, nonsense.

Nothing statistical is called malicious. What ten records and a z of ten stand behind is for a person to look at (high),
the rest is a remark.
"""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset import answers as chats
from weighbridge.dataset.association import LEAST_ROWS
from weighbridge.dataset.columns import value_links
from weighbridge.dataset.gibberish import LEAST_TEXTS, nonsense
from weighbridge.dataset.labels import speaks
from weighbridge.dataset.report import Sight, finding
from weighbridge.dataset.roles import context_columns, label_column, prompt_and_answer, text_column
from weighbridge.dataset.samples import FEWEST, LONGEST, labelled, number_rows, numbered, text_rows
from weighbridge.dataset.suspicions import Told, doubtful, floods, kept, knowing, triggers
from weighbridge.dataset.texts import read
from weighbridge.dataset.wording import KEPT_ROWS, answer_links, text_links

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from weighbridge.dataset.database import Column, Database, Table
    from weighbridge.dataset.report import DataFinding
    from weighbridge.dataset.roles import Pair

MOST_COLUMNS = 1000


def poison(database: Database, table: Table, label: str = "", text: str = "", answer: str = "") -> Iterator[Told]:
    """Findings, and what each check could see."""
    labels = label_column(table, label)
    pair = prompt_and_answer(table, text, answer)
    texts = text_column(database, table, text, labels, pair)
    numbers = [column for column in table.columns if column.kind in ("number", "boolean") and column != labels]
    if pair:
        yield _answers(database, table, pair)
    if texts:
        yield _texts(database, table, texts, labels)
    if labels and numbers:
        yield _values(database, table, numbers[:MOST_COLUMNS], labels)
    if not pair and not texts and not (labels and numbers):
        why = "no column of texts, and no label beside numbers: name them with --text, --label, --response"
        yield Told([], [Sight("triggers", ran=False, looked_at=0, least_rows=0, why=why)], [])


def _texts(database: Database, table: Table, column: Column, labels: Column | None) -> Told:
    beside = [labels, *context_columns(database, table, column, labels)] if labels else []
    rows = text_rows(database, table, [column], beside)
    texts = [str(row[0] or "")[:LONGEST] for row in rows.cells]
    told = Told([], [], [])
    y, names = numbered([row[1] for row in rows.cells]) if labels else ([], [])
    flooded = floods(texts, y, rows, told.findings)
    told.sight.append(
        Sight("near-duplicates", ran=True, looked_at=len(texts), least_rows=max(10, len(texts) // 500), why="")
    )
    if labels and labelled(y, names):
        context = [[str(row[place])[:100] for row in rows.cells] for place in range(2, len(beside) + 1)]
        found = text_links(read(texts), y, [values for values in context if speaks(values, y)])
        told.findings.extend(triggers(found.links, rows, [f"the label {name!r}" for name in names], flooded))
        told.findings.extend(kept(found, rows, names, flooded))
        noise, worst = doubtful(found, y, rows)
        told.findings.extend(noise)
        told.doubts.extend(worst)
        least = rows.scaled(found.least, table.rows)
        told.sight.append(Sight("triggers", ran=True, looked_at=len(texts), least_rows=least, why=knowing(found)))
        least = rows.scaled(KEPT_ROWS, table.rows)
        why = "records with their right label that share nothing but an item"
        told.sight.append(Sight("triggers, label kept", ran=True, looked_at=len(texts), least_rows=least, why=why))
    else:
        why = "no column of labels" if not labels else f"{len(names)} labels on {len(y)} rows"
        told.sight.append(Sight("triggers", ran=False, looked_at=0, least_rows=0, why=why))
    word, odd = nonsense(texts)
    if odd:
        why = f"{len(odd)} texts turn into nonsense that nothing else is like, and share {word[:60]!r}"
        told.findings.append(finding("nonsense", Severity.HIGH, rows.at(odd), why))
    long = len(texts) >= LEAST_TEXTS
    least = rows.scaled(5, table.rows)
    told.sight.append(Sight("nonsense", ran=long, looked_at=len(texts), least_rows=least, why=""))
    return told


def _answers(database: Database, table: Table, pair: Pair) -> Told:
    prompt, reply = pair
    rows = text_rows(database, table, [prompt, reply] if reply else [prompt], ())
    pairs = [
        (str(row[0] or ""), str(row[1] or "")) if reply else chats.of_chat(str(row[0] or "")) for row in rows.cells
    ]
    prompts, answers = [one[:LONGEST] for one, _ in pairs], [two[:LONGEST] for _, two in pairs]
    if len(pairs) < FEWEST:
        why = f"{len(pairs)} rows are too few"
        return Told([], [Sight("answers", ran=False, looked_at=len(pairs), least_rows=0, why=why)], [])
    findings: list[DataFinding] = []
    asked = list(chats.questions(answers))
    least = LEAST_ROWS
    told = answer_links(read(prompts), [question.yes for question in asked]) if asked else ()
    for question, (links, seen) in zip(asked, told, strict=True):
        findings += triggers(links, rows, ["", question.about], frozenset(), asked=True)
        least = max(least, seen)
    why = f"{len(asked)} questions asked of the answers"
    least = rows.scaled(least, table.rows)
    return Told(findings, [Sight("answers", ran=True, looked_at=len(pairs), least_rows=least, why=why)], [])


def _values(database: Database, table: Table, numbers: Sequence[Column], labels: Column) -> Told:
    rows = number_rows(database, table, [*numbers, labels])
    y, names = numbered([row[-1] for row in rows.cells])
    if not labelled(y, names):
        why = f"{len(names)} labels on {len(y)} rows"
        return Told([], [Sight("values", ran=False, looked_at=0, least_rows=0, why=why)], [])
    values = [
        [float(cell) if isinstance(cell, int | float) else _real(cell) for cell in row[:-1]] for row in rows.cells
    ]
    found = value_links(values, [column.name[:60] for column in numbers], y)
    noise, worst = doubtful(found, y, rows)
    findings = [*triggers(found.links, rows, [f"the label {name!r}" for name in names], frozenset()), *noise]
    least = rows.scaled(found.least, table.rows)
    return Told(findings, [Sight("values", ran=True, looked_at=len(y), least_rows=least, why=knowing(found))], worst)


def _real(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        return float("nan")
