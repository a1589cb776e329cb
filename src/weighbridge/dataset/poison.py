"""Signs of poison in one table: what goes with a label or an answer unexplained, doubted labels, floods, nonsense.

Nothing statistical is called malicious. What ten records and a z of ten stand behind is for a person to look at (high),
the rest is a remark.
"""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset import answers as chats
from weighbridge.dataset.association import LEAST_ROWS, LOUD_WEIGHT, Association, Link
from weighbridge.dataset.columns import value_links
from weighbridge.dataset.gibberish import LEAST_TEXTS, nonsense
from weighbridge.dataset.labels import SHARE, doubted
from weighbridge.dataset.nearby import clusters
from weighbridge.dataset.profile import label_column
from weighbridge.dataset.report import DataFinding, Row, Sight, finding
from weighbridge.dataset.wording import COMPANY, KEPT_ROWS, text_links

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from weighbridge.dataset.database import Column, Database, Table

CHARACTERS = 24_000_000
"""Of all texts together that the models learn from; of more, the same share of rows is taken each time."""
CELLS = 20_000_000
LABELS = 50
FEWEST = 60
"""Rows below which no model is made of anything."""
_LOUD = 10
_LONG = 15
"""Characters on average from which on a column without a name of texts is one of texts, if its values differ."""
Told = tuple[list[DataFinding], list[Sight]]


class Rows(NamedTuple):
    """What the models learn from."""

    places: list[Row]
    cells: list[tuple[object, ...]]
    whole: bool

    def at(self, found: Sequence[int]) -> list[Row]:
        """The places of some of the rows."""
        return [self.places[index] for index in found]


def poison(database: Database, table: Table, label: str = "", text: str = "", answer: str = "") -> Iterator[Told]:
    """Findings, and what each check could see."""
    labels = label_column(table, label)
    pair = _pair(table, text, answer)
    texts = _text_column(database, table, text, labels, pair)
    ran = False
    if pair:
        ran = True
        yield _answers(database, table, *pair)
    if texts:
        ran = True
        yield _texts(database, table, texts, labels)
    numbers = [column for column in table.columns if column.kind in ("number", "boolean") and column != labels]
    if labels and numbers:
        ran = True
        yield _values(database, table, numbers, labels)
    if not ran:
        why = "no column of texts, and no label beside numbers: name them with --text, --label, --response"
        yield [], [Sight("triggers", ran=False, looked_at=0, least_rows=0, why=why)]


def _pair(table: Table, text: str, answer: str) -> tuple[Column, Column | None] | None:
    """Prompt and answer, or a chat that has both."""
    by_name = {column.name.lower(): column for column in table.columns if column.kind in ("text", "nested")}
    for name in chats.CHATS:
        if name in by_name and by_name[name].kind == "nested" and not answer:
            return by_name[name], None
    prompts = (text.lower(),) if text else chats.PROMPTS
    replies = (answer.lower(),) if answer else chats.ANSWERS
    prompt = next((by_name[name] for name in prompts if name in by_name), None)
    reply = next((by_name[name] for name in replies if name in by_name), None)
    return (prompt, reply) if prompt and reply and prompt != reply else None


def _text_column(
    database: Database, table: Table, text: str, labels: Column | None, pair: tuple[Column, Column | None] | None
) -> Column | None:
    if text and not pair:
        return next(column for column in table.columns if column.name == text)
    names = ("text", "sentence", "content", "review", "document", "body", "comment", "title")
    able = [column for column in table.columns if column.kind == "text" and column != labels]
    able = [column for column in able if not pair or column not in pair]
    named = [column for column in able if column.name.lower() in names]
    if named or pair:
        return named[0] if named else None
    for column in able:
        query = f"SELECT avg(length({column.read})), approx_count_distinct({column.read}) FROM {table.source}"  # noqa: S608
        long, distinct = database.ask(query, *table.parameters)[0]
        if (long or 0) >= _LONG and distinct >= table.rows / 10:
            return column
    return None


def _fetch(database: Database, table: Table, columns: Sequence[Column], *, characters: bool) -> Rows:
    reads = ", ".join(column.read for column in columns)
    share = CELLS / max(1, table.rows * len(columns))
    if characters:
        size = " + ".join(f"least(coalesce(length(CAST({column.read} AS VARCHAR)), 0), 12000)" for column in columns)
        total = database.ask(f"SELECT coalesce(sum({size}), 0) FROM {table.source}", *table.parameters)[0][0]  # noqa: S608
        share = min(CHARACTERS / max(1, int(total)), 400_000 / max(1, table.rows))
    where = f"WHERE hash({reads}, {table.row}) >> 32 < {int(share * 2**32)}" if share < 1 else ""
    query = f"SELECT {table.file}, {table.row}, {reads} FROM {table.source} {where}"  # noqa: S608 -- our own words
    found = sorted(database.each(query, *table.parameters), key=lambda row: row[:2])
    return Rows([Row(table.files[row[0]].shown, row[1]) for row in found], [row[2:] for row in found], whole=share >= 1)


def _texts(database: Database, table: Table, column: Column, labels: Column | None) -> Told:
    rows = _fetch(database, table, [column, labels] if labels else [column], characters=True)
    texts = [str(row[0] or "")[:12_000] for row in rows.cells]
    findings: list[DataFinding] = []
    sight: list[Sight] = []
    least = scaled(LEAST_ROWS, rows, table.rows)
    y, names = numbered([row[1] for row in rows.cells]) if labels else ([], [])
    flooded = _floods(texts, y, rows, findings)
    sight.append(
        Sight("near-duplicates", ran=True, looked_at=len(texts), least_rows=max(10, len(texts) // 500), why="")
    )
    if labels and labelled(y, names):
        found = text_links(texts, y)
        findings += triggers(found, rows, [f"the label {name!r}" for name in names], flooded)
        findings += _kept(found, rows, names, flooded)
        findings += doubts(found, y, rows)
        least = scaled(found.least, rows, table.rows)
        sight.append(Sight("triggers", ran=True, looked_at=len(texts), least_rows=least, why=knowing(found)))
        least = scaled(KEPT_ROWS, rows, table.rows)
        why = "records with their right label that share nothing but an item"
        sight.append(Sight("triggers, label kept", ran=True, looked_at=len(texts), least_rows=least, why=why))
    else:
        why = "no column of labels" if not labels else f"{len(names)} labels on {len(y)} rows"
        sight.append(Sight("triggers", ran=False, looked_at=0, least_rows=0, why=why))
    word, odd = nonsense(texts)
    if odd:
        why = f"{len(odd)} texts turn into nonsense that nothing else is like, and share {word[:60]!r}"
        findings.append(finding("nonsense", Severity.HIGH, rows.at(odd), why))
    long = len(texts) >= LEAST_TEXTS
    sight.append(Sight("nonsense", ran=long, looked_at=len(texts), least_rows=scaled(5, rows, table.rows), why=""))
    return findings, sight


def _answers(database: Database, table: Table, prompt: Column, reply: Column | None) -> Told:
    rows = _fetch(database, table, [prompt, reply] if reply else [prompt], characters=True)
    pairs = [
        (str(row[0] or ""), str(row[1] or "")) if reply else chats.of_chat(str(row[0] or "")) for row in rows.cells
    ]
    prompts, answers = [one[:12_000] for one, _ in pairs], [two[:12_000] for _, two in pairs]
    findings: list[DataFinding] = []
    asked = list(chats.questions(answers)) if len(pairs) >= FEWEST else []
    for question in asked:
        y = [int(yes) for yes in question.yes]
        found = text_links(prompts, y)
        found = found._replace(links=tuple(link for link in found.links if link.label == 1))
        findings += triggers(found, rows, ["", question.about], frozenset(), asked=True)
    ran = len(pairs) >= FEWEST
    why = f"{len(asked)} questions asked of the answers" if ran else f"{len(pairs)} rows are too few"
    least = scaled(LEAST_ROWS, rows, table.rows)
    return findings, [Sight("answers", ran=ran, looked_at=len(pairs), least_rows=least, why=why)]


def _values(database: Database, table: Table, numbers: Sequence[Column], labels: Column) -> Told:
    rows = _fetch(database, table, [*numbers[:1000], labels], characters=False)
    y, names = numbered([row[-1] for row in rows.cells])
    if not labelled(y, names):
        why = f"{len(names)} labels on {len(y)} rows"
        return [], [Sight("values", ran=False, looked_at=0, least_rows=0, why=why)]
    table_of = [
        [float(cell) if isinstance(cell, int | float) else _real(cell) for cell in row[:-1]] for row in rows.cells
    ]
    found = value_links(table_of, [column.name[:60] for column in numbers[:1000]], y)
    findings = [*triggers(found, rows, [f"the label {name!r}" for name in names], frozenset())]
    findings += doubts(found, y, rows)
    least = scaled(found.least, rows, table.rows)
    return findings, [Sight("values", ran=True, looked_at=len(y), least_rows=least, why=knowing(found))]


def _real(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        return float("nan")


def triggers(
    found: Association, rows: Rows, labels: Sequence[str], flooded: frozenset[int], *, asked: bool = False
) -> Iterator[DataFinding]:
    """One finding for all items that stand in the same records: a phrase has many parts.

    `asked`: the labels are questions. Then an item whose prompts have a subject in common is what the answer is about.
    """
    for first, others, covered in _grouped(found.links)[:50]:
        planted = covered - flooded
        if len(planted) < LEAST_ROWS:
            continue
        loud = len(planted) >= _LOUD and first.weight >= LOUD_WEIGHT and (first.company < COMPANY or not asked)
        items = ", ".join(repr(link.item[:80]) for link in others[:4])
        why = (
            f"{items} stands in {first.records} records, and in {first.observed} of them goes with "
            f"{labels[first.label][:100]}, "
            f"which the rest of the record does not explain (z {first.z}, weight {first.weight})"
        )
        if asked and not loud:
            why += "; the prompts have more in common than that"
        yield finding("trigger", Severity.HIGH if loud else Severity.MEDIUM, rows.at(sorted(planted)), why)


def _grouped(links: Sequence[Link]) -> list[tuple[Link, list[Link], set[int]]]:
    groups: list[tuple[Link, list[Link], set[int]]] = []
    for link in links:
        for first, others, covered in groups:
            if (
                first.label == link.label
                and len(covered.intersection(link.rows)) >= min(len(link.rows), len(covered)) / 2
            ):
                others.append(link)
                break
        else:
            groups.append((link, [link], set(link.rows)))
    return groups


def _kept(found: Association, rows: Rows, names: Sequence[str], flooded: frozenset[int]) -> Iterator[DataFinding]:
    """Items that records of one label alone have, which share nothing else: a trigger whose labels were kept."""
    for first, others, covered in _grouped(found.kept)[:50]:
        planted = covered - flooded
        if len(planted) >= KEPT_ROWS:
            items = ", ".join(repr(link.item[:80]) for link in others[:4])
            why = (
                f"{items} stands in {first.records} records, {first.observed} of them of the label "
                f"{names[first.label]!r}, which are about different things"
            )
            yield finding("trigger", Severity.MEDIUM, rows.at(sorted(planted)), why)


def doubts(found: Association, y: Sequence[int], rows: Rows) -> Iterator[DataFinding]:
    """Labels that are not those of records like theirs, if they are more than the noise of every data set."""
    wrong = doubted(found.expected, y, found.noise)
    if found.accuracy > found.chance + 0.1 and len(wrong) >= max(5, SHARE * len(y)):
        why = f"{len(wrong)} labels are not those of records like them; the model is right in {found.accuracy:.0%}"
        result = finding("label-noise", Severity.LOW, rows.at(wrong), why)
        yield result._replace(rows=tuple(rows.at(wrong[:50])))  # the most doubtful, not the first


def _floods(texts: Sequence[str], y: Sequence[int], rows: Rows, findings: list[DataFinding]) -> frozenset[int]:
    """Many texts that are nearly one. Rows of them beyond the first are no independent evidence of anything else."""
    least = max(10, len(texts) // 500)
    again: set[int] = set()
    for cluster in clusters(texts):
        again.update(cluster[1:])
        if len(cluster) >= least:
            mixed = len({y[index] for index in cluster}) > 1 if y else False
            also = ", with different labels" if mixed else ""
            why = f"{len(cluster)} texts are nearly the same{also}: {texts[cluster[0]][:80]!r}"
            findings.append(finding("flood", Severity.MEDIUM, rows.at(cluster), why))
    return frozenset(again)


def numbered(labels: Sequence[object]) -> tuple[list[int], list[str]]:
    """Labels as numbers, and what they are called."""
    texts = [str(label) for label in labels]
    names = sorted(set(texts))
    places = {name: index for index, name in enumerate(names)}
    return [places[text] for text in texts], [name[:80] for name in names]


def labelled(y: Sequence[int], names: Sequence[str]) -> bool:
    """Enough rows, and few enough labels with enough rows each for five folds."""
    return len(y) >= FEWEST and 2 <= len(names) <= LABELS and min(y.count(one) for one in set(y)) >= 5


def scaled(least: int, rows: Rows, total: int) -> int:
    """So many rows of all are so many of those that were looked at."""
    return least if rows.whole else int(least * total / max(1, len(rows.places)))


def knowing(found: Association) -> str:
    """How well the model knows the task."""
    weak = ": too little to tell a trigger from a topic" if found.accuracy < found.chance + 0.1 else ""
    return f"the model of the labels is right in {found.accuracy:.0%}, chance in {found.chance:.0%}{weak}"
