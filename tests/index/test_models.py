"""What is put into the index comes out again, whole, bounded and only for those who may see it."""

from __future__ import annotations

import threading
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, event, inspect

from build.databases import made_at, model, tagged
from weighbridge.core.errors import IndexFailed
from weighbridge.index.log import open_log
from weighbridge.index.models import open_index
from weighbridge.index.putting import MOST_TERMS, MOST_TEXT, Expected
from weighbridge.index.records import Edge, Filters, IndexedFile, IndexedModel, Term
from weighbridge.index.tables import model_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from weighbridge.index.models import Index

DIGEST = "sha256:" + "a" * 64
ROOT = "oci:/registry:"
"""How the whole names of the models that are made here begin."""


def filled(index: Index, count: int = 30) -> list[IndexedModel]:
    models = [model(number) for number in range(count)]
    assert index.put_all(Expected(one) for one in models) == ()
    return models


def as_kept(one: IndexedModel) -> IndexedModel:
    """In the order in which the index gives it."""
    return one._replace(
        terms=tuple(
            sorted(Term(term.kind, term.value.lower() if term.kind == "licence" else term.value) for term in one.terms)
        ),
        files=tuple(sorted(one.files)),
        lineage=tuple(sorted(one.lineage)),
    )


def test_the_tables_are_those_that_the_migrations_make(index: Index) -> None:
    inspector = inspect(index.engine)
    for table in model_tables():
        there = {column["name"] for column in inspector.get_columns(table.name)}
        assert there == {column.name for column in table.columns}, table.name
        key = set(inspector.get_pk_constraint(table.name)["constrained_columns"])
        assert key == {column.name for column in table.primary_key}, table.name


def test_what_is_put_comes_out_again(index: Index) -> None:
    for one in filled(index):
        known = index.model(one.repository, one.manifest)
        assert known is not None
        assert known.model == as_kept(one)
        assert known.before == ""


def test_putting_again_replaces_and_tells_what_changed(index: Index) -> None:
    models = filled(index)
    last = index.counts().sequence
    index.put(models[7])
    assert index.changes(last) == ()
    worse = models[7]._replace(verdict="malicious" if models[7].verdict != "malicious" else "clean", terms=(), files=())
    index.put(worse)
    (changed,) = index.changes(last)
    assert (changed.manifest, changed.verdict, changed.before) == (worse.manifest, worse.verdict, models[7].verdict)
    known = index.model(worse.repository, worse.manifest)
    assert known is not None
    assert known.model == as_kept(worse)
    assert index.counts().models == len(models)


def test_counts_are_those_of_the_models_whatever_was_put_and_removed(index: Index) -> None:
    models = filled(index)
    for one in models[:10]:
        assert index.remove(one.repository, one.manifest, index.touched(one.repository, one.manifest))
    models = models[10:]
    index.put(models[0]._replace(verdict="clean", size=5))
    models[0] = models[0]._replace(verdict="clean", size=5)
    for scope in (
        None,
        (f"{ROOT}team",),
        (f"{ROOT}team/vision",),
        (f"{ROOT}team/vision/net-3", f"{ROOT}other"),
        (),
        (f"{ROOT}team", f"{ROOT}team/vision"),
    ):
        mine = [one for one in models if may_see(scope, one)]
        counts = index.counts(scope)
        assert counts.models == len(mine)
        assert counts.bytes == sum(one.size for one in mine)
        expected = {verdict: sum(one.verdict == verdict for one in mine) for verdict in {one.verdict for one in mine}}
        assert counts.verdicts == expected


def may_see(scope: tuple[str, ...] | None, one: IndexedModel) -> bool:
    return scope is None or any(one.repository == name or one.repository.startswith(f"{name}/") for name in scope)


@pytest.mark.parametrize(
    "filters",
    [Filters(), Filters(verdict="clean"), Filters(proof="broken", publisher="acme"), Filters(source="hf://org/net")],
)
def test_pages_have_every_model_once_the_last_changed_first(index: Index, filters: Filters) -> None:
    models = filled(index)
    for scope in (None, (f"{ROOT}team",), (f"{ROOT}team/vision", f"{ROOT}other"), ()):
        met, after = [], 0
        while True:
            page = index.page(filters, after, 7, scope)
            met += page.rows
            after = page.after
            if not after:
                break
            assert len(page.rows) == 7
        wanted = {name: value for name, value in filters._asdict().items() if value}
        mine = [one for one in models if may_see(scope, one) and wanted.items() <= one._asdict().items()]
        assert [row.manifest for row in met] == [one.manifest for one in reversed(mine)]
        assert all(row.tags == one.tags for row, one in zip(met, reversed(mine), strict=True))


def test_nobody_sees_what_belongs_to_another_tenant(index: Index) -> None:
    models = filled(index)
    theirs = next(one for one in models if one.path.startswith("teams/"))
    assert index.model(theirs.repository, theirs.manifest, (f"{ROOT}team",)) is None
    assert index.model(theirs.repository, theirs.manifest, (f"{ROOT}teams",)) is not None
    assert index.search(theirs.manifest, scope=(f"{ROOT}team",)).rows == ()
    assert index.search(theirs.manifest, scope=(f"{ROOT}teams",)).rows != ()
    assert not any(row.path.startswith("teams") for row in index.changes(0, 500, (f"{ROOT}team",)))
    assert index.lineage(theirs.manifest, (f"{ROOT}team",)).edges == ()


def test_a_tag_names_one_manifest(index: Index) -> None:
    old, new = model(1, tags=("latest", "v1")), model(2, tags=("latest",))
    new = new._replace(repository=old.repository, path=old.path)
    index.put(old)
    last = index.counts().sequence
    index.put(new)
    assert tagged(index, old.repository, "latest") == new.manifest
    assert tagged(index, old.repository, "v1") == old.manifest
    assert tagged(index, old.repository, "v2") == ""
    assert {row.manifest for row in index.changes(last)} == {old.manifest, new.manifest}


def test_what_somebody_else_wrote_meanwhile_is_left(index: Index) -> None:
    one = model(1)
    assert index.put_all([Expected(one, 0)]) == ()
    touched = index.touched(one.repository, one.manifest)
    index.put(one)
    assert index.put_all([Expected(one._replace(verdict="malicious"), touched)]) != ()
    assert index.put_all([Expected(one._replace(verdict="malicious"), 0)]) != ()
    assert not index.remove(one.repository, one.manifest, touched)
    known = index.model(one.repository, one.manifest)
    assert known is not None
    assert known.model.verdict == one.verdict
    assert index.remove(one.repository, one.manifest, index.touched(one.repository, one.manifest))
    assert index.model(one.repository, one.manifest) is None
    assert index.counts().models == 0


def test_a_search_finds_words_and_digests(index: Index) -> None:
    one = model(4, name="Org/Größe-7B", path="team/llama", repository="oci:/registry:team/llama")
    index.put_all([Expected(one), Expected(model(5))])
    for text in ("größ llama", "LLAMA", one.manifest[:20], one.model.removeprefix("sha256:")[:9], one.files[0].sha256):
        found = index.search(text)
        assert one.manifest in [row.manifest for row in found.rows], text
    for text in ("", "  ", "'; drop table models; --", "nothing-like-it", "%", "llama zzz"):
        assert one.manifest not in [row.manifest for row in index.search(text).rows], text
    assert index.search("net", 1).more == (len(index.search("net").rows) > 1)


def test_hostile_text_is_kept_on_one_line_and_two_long_ones_stay_two(index: Index) -> None:
    long = "x" * 5000
    one = model(
        3,
        name="a\0b\nc\udc80\u202e",
        source="'; DROP TABLE models; --",
        terms=(Term("global", f"{long}1"), Term("global", f"{long}2"), Term("word", "stolen")),
        files=(IndexedFile(f"{long}1", 1, "", "x"), IndexedFile(f"{long}2", 1, "", "x")),
        lineage=(Edge("base", "b\0"), Edge("base", "b\0")),
    )
    index.put(one)
    known = index.model(one.repository, one.manifest)
    assert known is not None
    assert known.model.name == "a\\x00b\\x0ac\\udc80\\u202e"
    assert known.model.source == one.source
    assert len(known.model.terms) == len(known.model.files) == 2
    assert all(len(term.value) == MOST_TEXT for term in known.model.terms)
    assert index.search("stolen").rows == ()
    with pytest.raises(IndexFailed, match="too long"):
        index.put(one._replace(repository="oci:/" + "d" * 500))


def test_more_terms_than_are_kept_is_told(tmp_path: Path) -> None:
    index = open_index(f"sqlite:///{tmp_path}/i.db", create=True)
    one = model(3, facts_state="known", terms=tuple(Term("global", f"n{number}") for number in range(MOST_TERMS + 5)))
    index.put(one)
    known = index.model(one.repository, one.manifest)
    assert known is not None
    assert len(known.model.terms) == MOST_TERMS
    assert known.model.facts_state == "cut"
    index.close()


def test_lineage_goes_both_ways_and_never_round(index: Index) -> None:
    base = model(1, name="org/base", lineage=(Edge("base", "org/child"),))
    child = model(2, name="org/child", lineage=(Edge("base", "org/base"), Edge("dataset", "squad")))
    converted = model(3, name="org/net", lineage=(Edge("converted-from", child.model, "verified"),))
    stranger = model(4, name="", lineage=(Edge("dataset", "squad"),))
    index.put_all(Expected(one) for one in (base, child, converted, stranger))
    for digest in (base.manifest, child.model, converted.manifest):
        family = index.lineage(digest)
        met = {(edge.child, edge.relation, edge.target): edge.parents for edge in family.edges}
        assert met == {
            (base.manifest, "base", "org/child"): (child.manifest,),
            (child.manifest, "base", "org/base"): (base.manifest,),
            (child.manifest, "dataset", "squad"): (),
            (converted.manifest, "converted-from", child.model): (child.manifest,),
        }
        assert not family.more
    assert index.lineage(DIGEST).edges == ()


def test_where_a_model_stands_follows_the_log(address: str) -> None:
    log = open_log(address, create=True)
    index = open_index(address)
    one = model(1, path="team/net", repository="oci:/registry:team/net")
    twin = one._replace(path="other/net", repository="oci:/registry:other/net", tags=())
    index.put_all([Expected(one), Expected(twin)])

    def decide(decision: str, stage: str, reference: str = "oci:/registry:team/net:v1") -> None:
        reasons = [{"requirement": "scan-present", "result": "met" if decision == "allow" else "unmet"}]
        said = {"decision": decision, "digest": one.manifest, "stage": stage, "madeAt": "2026-01-01T00:00:00Z"}
        log.append({**said, "reference": reference, "reasons": reasons})

    decide("deny", "production")
    decide("allow", "production")
    decide("allow", "staging", f"registry.example.com/other/net@{one.manifest}")
    log.append({"stage": 1})
    assert index.follow_log() == 4
    assert index.follow_log() == 0
    known = index.model(one.repository, one.manifest)
    assert known is not None
    assert [(here.stage, here.allowed, here.sequence) for here in known.standing] == [("production", True, 2)]
    assert index.counts().deployed == {"sandbox": 0, "staging": 1, "production": 1}
    assert index.counts((f"{ROOT}other",)).deployed == {"sandbox": 0, "staging": 1, "production": 0}
    assert [row.path for row in index.page(Filters(stage="production")).rows] == ["team/net"]
    decide("deny", "production")
    index.follow_log()
    assert index.counts().deployed == {"sandbox": 0, "staging": 1, "production": 0}
    history = index.history(one.manifest)
    assert [(entry.sequence, entry.allowed) for entry in history] == [(5, False), (3, True), (2, True), (1, False)]
    assert history[0].refused == ("scan-present",)
    assert index.history(one.model, 2) == history[:2]
    log.close()
    index.close()


def test_another_log_is_followed_from_its_beginning(address: str) -> None:
    log = open_log(address, create=True)
    index = open_index(address)
    for _ in range(3):
        log.append({"decision": "allow", "digest": DIGEST, "stage": "staging", "reference": "h.example.com/a:v"})
    assert index.follow_log() == 3
    with index.engine.begin() as connection:
        for statement in (
            "DROP TRIGGER IF EXISTS decisions_no_delete" if index.engine.dialect.name == "sqlite" else "SELECT 1",
            "DELETE FROM decisions",
            "DELETE FROM head",
        ):
            connection.exec_driver_sql(statement)
    log.close()
    again = open_log(address, create=True)
    again.append({"decision": "deny", "digest": DIGEST, "stage": "staging", "reference": "h.example.com/a:v"})
    assert index.follow_log() == 1
    assert [entry.allowed for entry in index.history(DIGEST)] == [False]
    again.close()
    index.close()


def test_many_write_at_once_and_every_count_is_right(address: str) -> None:
    open_index(address, create=True).close()

    def write(writer: int) -> None:
        mine = open_index(address)
        for number in range(12):
            mine.put(model(number, size=writer))  # all of them write the same models
        mine.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    index = open_index(address)
    counts = index.counts()
    rows = index.page(count=100).rows
    assert counts.models == len(rows) == 12
    assert counts.bytes == sum(row.size for row in rows)
    assert len({row.changed for row in rows}) == 12
    index.close()


def test_putting_many_takes_the_memory_of_one_batch(tmp_path: Path) -> None:
    index = open_index(f"sqlite:///{tmp_path}/i.db", create=True)
    small = [model(number, terms=(), evidence=(), findings=(), lineage=(), tags=()) for number in range(50)]

    def more(start: int) -> Iterator[Expected]:
        for number, one in enumerate(small, start):
            yield Expected(one._replace(manifest=f"sha256:{number:064x}"))

    for start in range(0, 100, 50):
        index.put_all(more(start))
    tracemalloc.start()
    for start in range(100, 300, 50):
        index.put_all(more(start))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert index.counts().models == 300
    assert peak < 5_000_000, peak
    index.close()


def test_no_answer_reads_a_whole_table(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/i.db"
    open_log(address, create=True).close()
    index = open_index(address)
    one = filled(index)[0]
    asked: list[tuple[str, object]] = []

    @event.listens_for(index.engine, "before_cursor_execute")
    def _note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        asked.append((statement, values))

    for scope in (None, (f"{ROOT}team", f"{ROOT}other"), (f"{ROOT}team/vision",)):
        index.model(one.repository, one.manifest, scope)
        for filters in (Filters(), Filters("clean", "verified", "acme", "x", "te", "production"), Filters(name="te")):
            index.page(filters, 0, 10, scope)
            index.page(filters, 50, 10, scope)
        index.counts(scope)
        index.changes(5, 10, scope)
        index.search("net sha256:aaaaaaaa größe", 10, scope)
        index.lineage(one.manifest, scope)
        index.history(one.model, 10)
    index.put(one)
    index.remove(one.repository, one.manifest, index.touched(one.repository, one.manifest))
    index.follow_log()
    index.close()
    assert_indexed(address, asked)


def assert_indexed(address: str, asked: list[tuple[str, object]]) -> None:
    """SQLite's plan for each statement looks rows up; only tables of one row, and of one per tenant, are read whole."""
    index = open_index(address)
    seen = set()
    with index.engine.connect() as connection:
        for statement, values in asked:
            if not statement.startswith(("SELECT", "UPDATE", "DELETE")) or statement in seen:
                continue
            seen.add(statement)
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all():
                plan = row[3]
                small = any(name in plan for name in ("state", "head", "tallies", "anon", "(subquery", "CONSTANT"))
                assert not plan.startswith("SCAN") or small or "models_changed" in plan, (plan, statement)
    assert len(seen) > 10
    index.close()


def test_a_namespace_of_one_registry_is_none_of_another(address: str) -> None:
    """Counted and found apart, also where the name stands below a prefix, or is a whole registry."""
    index = open_index(address, create=True)
    places = ("h.example.com/team/net", "h.example.com/models/team/net", "g.example.com/team/net", "oci:/r:team/net")
    for number, place in enumerate(places):
        path = place.rpartition(":")[2] if place.startswith("oci:") else place.partition("/")[2]
        index.put(model(number, repository=place, path=path))
    for scope, seen in (
        (("h.example.com/team",), (0,)),
        (("h.example.com/models/team",), (1,)),
        (("h.example.com",), (0, 1)),
        (("g.example.com/team", "oci:/r:team"), (2, 3)),
        (("team",), ()),
        (("oci:/r:tea",), ()),
        (("oci:/r:team/net",), (3,)),
    ):
        assert {row.repository for row in index.page(scope=scope).rows} == {places[one] for one in seen}, scope
        assert index.counts(scope).models == len(seen), scope
        assert len(index.changes(0, scope=scope)) == len(seen)
    index.close()


def test_an_index_of_before_is_counted_by_registry(address: str) -> None:
    made_at(address, "0006")
    engine = create_engine(address)
    columns = {column.name: "" for column in model_tables().models.columns if column.name != "id"}
    with engine.begin() as connection:
        for number, (place, path) in enumerate((("h.example.com/", "team/net"), ("oci:/r:", "team/net"))):
            row = {"repository": f"{place}{path}", "path": path, "tenant": "team", "verdict": "clean", "size": 5}
            more = {"manifest": f"sha256:{number:064x}", "changed": number + 1, "touched": number + 1}
            connection.execute(model_tables().models.insert().values({**columns, **row, **more}))
        connection.execute(model_tables().tallies.insert().values(tenant="team", verdict="clean", models=2, bytes=10))
    engine.dispose()
    index = open_index(address)
    assert index.counts().models == 2
    for place in ("h.example.com/team", "oci:/r:team"):
        counts = index.counts((place,))
        assert (counts.models, counts.bytes, counts.verdicts) == (1, 5, {"clean": 1})
        assert len(index.page(scope=(place,)).rows) == 1
    index.close()
