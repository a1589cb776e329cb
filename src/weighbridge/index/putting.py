"""Writing a model into the index: everything that is known of it at once, in place of what was known before."""

from __future__ import annotations

import re

from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.errors import IndexFailed
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.records import IndexedModel, Term
from weighbridge.index.scope import tenant_of
from weighbridge.index.sheets import SheetRow, keep_sheet_in, remove_sheet_in
from weighbridge.index.tables import CHILDREN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from sqlalchemy import Connection

    from weighbridge.index.tables import ModelTables

MOST_TEXT = 400
"""Characters of one value; what is longer is cut and ends in a part of its digest."""
MOST_FILES, MOST_FINDINGS, MOST_TERMS, MOST_WORDS = 20_000, 1_000, 20_000, 400
"""How much of one model is kept."""
WORD = "word"
"""The kind of term that a search for words goes by."""
FOLDED = frozenset(("licence", "host"))
"""Kinds of terms that mean the same in capitals and in small letters."""
_JUDGED = frozenset(("critical", "high", "medium"))
"""Severities of findings that a sweep compares."""
_WORDS = re.compile(r"[^\W_]{2,40}")
_COLUMNS = (
    *("repository", "path", "manifest", "model", "name", "verdict", "proof", "scanned", "size", "source"),
    *("revision", "publisher", "licence", "knowledge", "facts", "facts_state", "newest"),
)


class Expected(NamedTuple):
    """A model to write, and the number at which its row was last `touched` when it was read (0: there was none;
    None: whatever there is).
    """

    model: IndexedModel
    touched: int | None = None


def put(connection: Connection, tables: ModelTables, models: Sequence[Expected]) -> tuple[IndexedModel, ...]:
    """Write these models; give those that somebody else wrote since they were read, which are left as they are."""
    sequence = take_turn(connection, tables)
    tallies = Tallies(connection, tables)
    left = []
    for expected in models:
        model = _tidy(expected.model)
        c = tables.models.c
        there = connection.execute(
            tables.models.select().where(c.repository == model.repository, c.manifest == model.manifest)
        ).first()
        if expected.touched is not None and expected.touched != (there.touched if there else 0):
            left.append(expected.model)
            continue
        sequence += 1
        sequence = _write(connection, tables, model, there, sequence)
        if there is not None:
            tallies.count(there.tenant, there.verdict, -1, -there.size)
        tallies.count(tenant_of(model.repository), model.verdict, 1, model.size)
    tallies.write()
    connection.execute(tables.state.update().values(sequence=sequence))
    return tuple(left)


def remove(connection: Connection, tables: ModelTables, repository: str, manifest: str, touched: int) -> bool:
    """Forget a model, unless somebody wrote it since it was `touched`; whether it was forgotten."""
    sequence = take_turn(connection, tables)
    c = tables.models.c
    there = connection.execute(tables.models.select().where(c.repository == repository, c.manifest == manifest)).first()
    if there is None or there.touched != touched:
        return False
    for name in CHILDREN:
        child = getattr(tables, name)
        connection.execute(child.delete().where(child.c.id == there.id))
    connection.execute(tables.models.delete().where(c.id == there.id))
    remove_sheet_in(connection, repository, manifest)
    tallies = Tallies(connection, tables)
    tallies.count(there.tenant, there.verdict, -1, -there.size)
    tallies.write()
    connection.execute(tables.state.update().values(sequence=sequence + 1))
    return True


def take_turn(connection: Connection, tables: ModelTables) -> int:
    """Wait until nobody else writes, in a database where several could; the number of the last change."""
    connection.execute(tables.state.update().values(sequence=tables.state.c.sequence))
    return int(connection.execute(tables.state.select()).one().sequence)


class Tallies:
    """How many models of each verdict a tenant has, brought up by one transaction."""

    def __init__(self, connection: Connection, tables: ModelTables) -> None:
        self._connection, self._table = connection, tables.tallies
        self._more: dict[tuple[str, str], tuple[int, int]] = {}

    def count(self, tenant: str, verdict: str, models: int, size: int) -> None:
        """So many more, or fewer."""
        there = self._more.get((tenant, verdict), (0, 0))
        self._more[tenant, verdict] = (there[0] + models, there[1] + size)

    def write(self) -> None:
        """Add what was counted to what there is."""
        c = self._table.c
        for (tenant, verdict), (models, size) in sorted(self._more.items()):
            done = self._connection.execute(
                self._table.update()
                .where(c.tenant == tenant, c.verdict == verdict)
                .values(models=c.models + models, bytes=c.bytes + size)
            )
            if not done.rowcount:
                self._connection.execute(
                    self._table.insert().values(tenant=tenant, verdict=verdict, models=models, bytes=size)
                )


def _write(connection: Connection, tables: ModelTables, model: IndexedModel, there: Any, sequence: int) -> int:
    """Write one model with the number `sequence`; the last number that was needed."""
    content = digest_bytes(canonical_json(model._replace(tags=(), sheet=None))).hex
    values = {name: getattr(model, name) for name in _COLUMNS}
    values |= {"tenant": tenant_of(model.repository), "touched": sequence, "content": content}
    if there is None:
        values |= {"changed": sequence, "before": ""}
        made = connection.execute(tables.models.insert().values(values))
        number = int((made.inserted_primary_key or (0,))[0])
        tags: set[str] = set()
    else:
        number = there.id
        tags = {row.tag for row in connection.execute(tables.tags.select().where(tables.tags.c.id == number))}
        if there.content != content or tags != set(model.tags):
            values |= {"changed": sequence, "before": there.verdict if there.verdict != model.verdict else ""}
        connection.execute(tables.models.update().where(tables.models.c.id == number).values(values))
        for name in CHILDREN:
            child = getattr(tables, name)
            connection.execute(child.delete().where(child.c.id == number))
    sequence = _take_tags(connection, tables, model, sequence)
    for name, rows in _children(model):
        if rows:
            connection.execute(getattr(tables, name).insert(), [{"id": number, **row} for row in rows])
    if model.sheet is not None:
        fired = {f"{one.rule} {one.severity}" for one in model.findings if one.severity in _JUDGED}
        row = SheetRow(model.repository, model.manifest, model.sheet, model.verdict, tuple(sorted(fired)))
        keep_sheet_in(connection, row)
    return sequence


def _take_tags(connection: Connection, tables: ModelTables, model: IndexedModel, sequence: int) -> int:
    """A tag names one manifest: those that had it have it no more, and are changed by that."""
    tags = tables.tags
    for tag in model.tags:
        where = (tags.c.repository == model.repository) & (tags.c.tag == tag)
        loser = connection.execute(tags.select().where(where)).first()
        if loser is None:
            continue
        sequence += 1
        connection.execute(tags.delete().where(where))
        connection.execute(
            tables.models.update().where(tables.models.c.id == loser.id).values(changed=sequence, touched=sequence)
        )
    return sequence


def _children(model: IndexedModel) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "tags", [{"repository": model.repository, "tag": tag} for tag in model.tags]
    yield "files", [file._asdict() for file in model.files]
    yield "findings", [{"number": number, **one._asdict()} for number, one in enumerate(model.findings)]
    yield "evidence", [one._asdict() for one in model.evidence]
    yield "terms", [term._asdict() for term in (*model.terms, *_words(model))]
    yield "lineage", [edge._asdict() for edge in model.lineage]


def _words(model: IndexedModel) -> Iterable[Term]:
    """The words that a model is found by, those that name it first."""
    texts = [model.path, model.name, *model.tags, model.publisher, model.licence, model.source, model.verdict]
    texts += [finding.rule for finding in model.findings]
    texts += [term.value for term in model.terms]
    texts += [file.path for file in model.files]
    found: dict[str, None] = {}
    for text in texts:
        for word in _WORDS.findall(text.lower()):
            found[word] = None
            if len(found) == MOST_WORDS:
                return [Term(WORD, word) for word in found]
    return [Term(WORD, word) for word in found]


def words_of(text: str) -> list[str]:
    """The words of a question, as those of models are cut."""
    return list(dict.fromkeys(_WORDS.findall(text.lower())))


def _tidy(model: IndexedModel) -> IndexedModel:
    """The model with text that any database stores and any index holds, and with bounded numbers of everything."""
    if len(model.repository) > MOST_TEXT:
        raise IndexFailed(f"the name of the repository {plain(model.repository, 80)} is too long", "shorten its folder")
    terms = dict.fromkeys(
        Term(term.kind, short(term.value.lower() if term.kind in FOLDED else term.value))
        for term in model.terms
        if term.kind != WORD
    )
    kept = tuple(terms)[:MOST_TERMS]
    state = "cut" if len(terms) > len(kept) and model.facts_state == "known" else model.facts_state
    texts: dict[str, Any] = {name: short(value) for name in _COLUMNS if isinstance(value := getattr(model, name), str)}
    return model._replace(**texts)._replace(
        facts_state=state,
        tags=tuple(sorted({short(tag) for tag in model.tags})),
        files=_each(model.files, 1, MOST_FILES),
        findings=_each(model.findings, 0, MOST_FINDINGS),
        evidence=_each(model.evidence, 1, MOST_FINDINGS),
        terms=kept,
        lineage=_each(model.lineage, 2, MOST_FINDINGS),
    )


def _each(records: Sequence[Any], key: int, most: int) -> tuple[Any, ...]:
    """The first records, their text shortened, and of those with the same `key` first fields the last one."""
    short_ones = [
        record._make(short(value) if isinstance(value, str) else value for value in record) for record in records[:most]
    ]
    return tuple({record[:key]: record for record in short_ones}.values()) if key else tuple(short_ones)


def short(text: str) -> str:
    """Text on one line, cut so that two long ones stay two."""
    text = plain(text)
    if len(text) <= MOST_TEXT:
        return text
    return f"{text[: MOST_TEXT - 17]}…{digest_bytes(text.encode()).hex[:16]}"
