"""The language of queries: what it means, on both databases; what is wrong is named; nothing but values gets into SQL."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from build.databases import GLOBALS, model
from weighbridge.core.errors import UsageError
from weighbridge.core.findings import Severity
from weighbridge.index.asking import ask, pieces_of
from weighbridge.index.language import FACTS, FIELDS, Compare, Every, Not, Some, fields_of, read_query
from weighbridge.index.log import open_log
from weighbridge.index.models import open_index
from weighbridge.index.putting import Expected
from weighbridge.index.records import IndexedFile, Term

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from weighbridge.index.language import Query
    from weighbridge.index.models import Index
    from weighbridge.index.records import IndexedModel


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ('global = "numpy.f2py*"', Compare("global", "=", ("numpy.f2py*",))),
        ("global=os.system", Compare("global", "=", ("os.system",))),
        ("verdict != clean", Not(Compare("verdict", "=", ("clean",)))),
        ("deployed", Compare("deployed", "any")),
        ("not deployed", Not(Compare("deployed", "any"))),
        ("licence in (MIT, 'Apache-2.0')", Compare("licence", "=", ("mit", "apache-2.0"))),
        ("tag not in (a)", Not(Compare("tag", "=", ("a",)))),
        ("size > 1.5GiB", Compare("size", ">", ("1610612736",))),
        ("size <= 20MB", Compare("size", "<=", ("20000000",))),
        ("severity >= high", Compare("severity", ">=", ("high",))),
        ("scanned < 2026-01-31", Compare("scanned", "<", ("2026-01-31",))),
        (
            "tag = a or tag = b and not tag = c",
            Some(
                (
                    Compare("tag", "=", ("a",)),
                    Every((Compare("tag", "=", ("b",)), Not(Compare("tag", "=", ("c",))))),
                )
            ),
        ),
        (
            "(tag = a or tag) and rule",
            Every((Some((Compare("tag", "=", ("a",)), Compare("tag", "any"))), Compare("rule", "any"))),
        ),
    ],
)
def test_what_a_query_means(text: str, means: Query) -> None:
    assert read_query(text) == means


@pytest.mark.parametrize(
    ("text", "cause", "mend"),
    [
        ("gobal = x", "column 1 of the query: gobal is no field", "did you mean global?"),
        ("tag = a and Verdict = x", "column 13 of the query: Verdict is no field", "did you mean verdict?"),
        ("tag = a tag = b", "column 9 of the query: tag is not expected here", "and, or"),
        ("tag =", "column 6 of the query: a value is missing before the end", "text"),
        ("", "column 1 of the query: the end is no field", "there are base, call"),
        ("(tag = a", r"column 9 of the query: \) is missing", "needs its"),
        ("tag in a", r"column 8 of the query: \( is missing before a", ""),
        ('tag = "a', 'column 7 of the query: " is not closed', ""),
        ("tag < b", "column 5 of the query: tag has no order", "= or !="),
        ("size > big", "column 8 of the query: 'big' is no size", "20MB"),
        ("size > 99999999999TB", "column 8 of the query: .* is too large", ""),
        ("scanned > yesterday", "column 11 of the query: 'yesterday' is no day", "2026"),
        ("severity = worst", "column 12 of the query: 'worst' is no severity", "critical"),
        ("tag = " + "*" * 9, "more than 8 of", ""),
        ("not " * 40 + "tag", "more than 30 things inside", ""),
        ("(" * 40 + "tag", "more than 30 things inside", ""),
        (" or ".join(["tag"] * 101), "more than 100 comparisons", ""),
        ("tag in (" + ",".join(["a"] * 201) + ")", "more than 200 values", ""),
        ("t" * 5000, "5000 characters", ""),
        ("tag = a; drop table models", "column 10 of the query: drop is not expected here", ""),
        ("\x1b[31m = a", r"column 1 of the query: \\x1b\[31m is no field", ""),
    ],
)
def test_what_is_wrong_is_named_with_its_column(text: str, cause: str, mend: str) -> None:
    with pytest.raises(UsageError, match=cause) as raised:
        read_query(text)
    assert mend in raised.value.mend


def stands(number: int) -> dict[str, bool]:
    """Which answers gate two gave for a model."""
    return {stage: number % 5 == place for place, stage in enumerate(("staging", "production")) if number % 7 != place}


def filled(index: Index, address: str, count: int) -> list[IndexedModel]:
    log = open_log(address, create=True)
    models = [model(number) for number in range(count)]
    index.put_all(Expected(one) for one in models)
    for number, one in enumerate(models):
        for stage, allowed in stands(number).items():
            said = {"digest": one.manifest, "stage": stage, "madeAt": "2026-01-01T00:00:00Z"}
            log.append({**said, "decision": "allow" if allowed else "deny", "reference": f"{one.repository}:x"})
    log.close()
    index.follow_log()
    return models


def fits(query: Query, one: IndexedModel, number: int) -> bool:
    """The language as Python says it, from the words of its documentation."""
    if isinstance(query, Not):
        return not fits(query.of, one, number)
    if isinstance(query, Every):
        return all(fits(part, one, number) for part in query.of)
    if isinstance(query, Some):
        return any(fits(part, one, number) for part in query.of)
    if query.field == "size":
        return query.operator == "any" or any(compared(query.operator, one.size, int(value)) for value in query.values)
    if query.field == "scanned":
        if query.operator in ("=", "any") or not one.scanned:
            return bool(one.scanned) and (
                not query.values or any(one.scanned.startswith(value) for value in query.values)
            )
        value = query.values[0]
        return compared(query.operator, one.scanned, value if "T" in value else f"{value}T00:00:00Z")
    if query.field == "severity":
        ranks = [Severity(finding.severity).rank for finding in one.findings]
        if query.operator == "any":
            return bool(ranks)
        return any(compared(query.operator, rank, Severity(value).rank) for rank in ranks for value in query.values)
    have = [text for text in things(query.field, one, number) if text]
    if query.operator == "any":
        return bool(have)
    return any(matches(value, text) for value in query.values for text in have)


def compared(operator: str, one: object, other: object) -> bool:
    a, b = (one, other) if isinstance(one, int) else (str(one), str(other))
    return {"=": a == b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator]


def matches(value: str, text: str) -> bool:
    signs = {"*": ".*", "?": "."}
    pattern = "".join(re.escape(piece) if literal else signs[piece] for piece, literal in pieces_of(value))
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def things(field: str, one: IndexedModel, number: int) -> Iterable[str]:
    if FIELDS[field] == "term":
        return [term.value.lower() if field == "licence" else term.value for term in one.terms if term.kind == field]
    return {
        "rule": [finding.rule for finding in one.findings],
        "signer": [item.signer for item in one.evidence if item.result == "verified"],
        "evidence": [item.kind for item in one.evidence if item.result == "verified"],
        "tag": one.tags,
        "file": [file.path for file in one.files],
        "sha256": [file.sha256 for file in one.files],
        "stage": stands(number),
        "deployed": [stage for stage, allowed in stands(number).items() if allowed],
        "repository": [one.path],
        "facts": [one.facts_state],
    }.get(field) or ([getattr(one, field)] if field in one._fields else [])


VALUES = {
    "global": (*GLOBALS, "numpy.f2py*", "*_tensor_v?", "os.*", r"a%b_c[d]\*e\?f", "a%b_c[d]*", "*%b_c*", "?*[d]*", "*"),
    "licence": ("MIT", "mit", "cc-*-4.0"),
    "dataset": ("squad", "*", "%", "_", "?", "im*"),
    "format": ("pickle", "o?nx"),
    "verdict": ("clean", "mal*", "*"),
    "publisher": ("acme", "Acme", "acme*", "A*"),
    "name": ("org/*", "Gr??e", "*"),
    "repository": ("team/*", "team*", "*/net-1?"),
    "rule": ("pickle/*", "structure/trailing"),
    "signer": ("gate", "*gate"),
    "tag": ("v1", "v?", "v*1"),
    "deployed": ("production", "sta*"),
    "stage": ("production", "*"),
    "facts": ("known", "cut"),
    "size": ("0", "10", "1MB", "2GiB"),
    "scanned": ("2026-01-31", "2026-02-01", "2026-02-01T00:00:00Z"),
    "severity": ("critical", "medium", "low"),
}


def random_query(chance: random.Random, depth: int = 0) -> str:
    shape = chance.random()
    if depth < 3 and shape < 0.5:
        parts = [random_query(chance, depth + 1) for _ in range(chance.randint(2, 3))]
        return "(" + f" {chance.choice(('and', 'or'))} ".join(parts) + ")"
    if depth < 4 and shape < 0.65:
        return f"not {random_query(chance, depth + 1)}"
    field = chance.choice(list(VALUES))
    values = [f'"{value}"' if chance.random() < 0.7 or "\\" in value else value for value in VALUES[field]]
    operators = ["=", "!=", "=", "in", "not in", ""]
    operators += ["<", "<=", ">", ">="] if FIELDS[field] in ("size", "time", "severity") else []
    operator = chance.choice(operators)
    if operator.endswith("in"):
        return f"{field} {operator} ({', '.join(chance.sample(values, min(2, len(values))))})"
    return f"{field} {operator} {chance.choice(values)}" if operator else field


def test_every_query_means_the_same_in_sql_and_in_python(address: str, index: Index) -> None:
    models = filled(index, address, 40)
    chance = random.Random(7)
    sizes = set()
    for _ in range(70):
        text = random_query(chance)
        query = read_query(text)
        expected = [one.manifest for number, one in enumerate(models) if fits(query, one, number)]
        answer = ask(index, query)
        assert [row.manifest for row in answer.rows] == expected, text
        sizes.add(len(expected))
    assert len(sizes) > 20


HOSTILE = (
    *("'; DROP TABLE models; --", "' OR '1'='1", "x' UNION SELECT * FROM head --", ":param_1", "%(value)s", "{0}"),
    *("\\", "\\\\", "[", "]", "[a-z]", "%", "_", "$$", "/*", "*/", "\0", "\udc80", "😀", "é", "a" * 1000, '"', "--"),
)


def test_values_are_only_ever_bound(index: Index) -> None:
    one = model(1, terms=tuple(Term("global", value) for value in HOSTILE), publisher=HOSTILE[0])
    other = model(2, terms=(Term("global", "x"),), files=(IndexedFile("f", 1, "", ""),))
    index.put_all([Expected(one), Expected(other)])
    said: list[str] = []

    @event.listens_for(index.engine, "before_cursor_execute")
    def _note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    shapes = set()
    for value in HOSTILE:
        written = value.replace("\\", "\\\\").replace('"', '\\"').replace("*", "\\*").replace("?", "\\?")
        for field in ("global", "publisher", "tag", "deployed"):
            said.clear()
            answer = ask(index, read_query(f'{field} = "{written}"'))
            hits = [row.manifest for row in answer.rows]
            assert hits == ([one.manifest] if field == "global" or (field, value) == ("publisher", HOSTILE[0]) else [])
            shapes.add((field, said[0]))
            for shape in ("*{}", "{}*", "?{}") if field == "global" else ():
                ask(index, read_query(f'{field} = "{shape.format(written)}"'))
            assert not any(value in statement for value in HOSTILE[:3] for statement in said)
    assert len(shapes) == 4, "the statement depends on the field alone"
    assert index.counts().models == 2


def test_an_answer_is_bounded_and_tells_of_whom_nobody_can_say(address: str, index: Index) -> None:
    models = filled(index, address, 30)
    answer = ask(index, read_query("repository = *"), count=10)
    assert (len(answer.rows), answer.more, answer.unknown) == (10, True, 0)
    answer = ask(index, read_query("global = os.system"))
    assert answer.unknown == sum(one.facts_state != "known" for one in models)
    answer = ask(index, read_query("global = os.system"), scope=("oci:/registry:team/vision",))
    mine = [one for one in models if one.path.startswith("team/vision/")]
    assert answer.unknown == sum(one.facts_state != "known" for one in mine)
    assert all(row.path.startswith("team/vision/") for row in answer.rows)


def test_the_fields_of_facts_are_fields() -> None:
    assert FIELDS.keys() >= FACTS
    assert fields_of(read_query("not (global and (tag or size > 1))")) == {"global", "tag", "size"}


def test_positive_queries_look_their_rows_up(tmp_path: Path) -> None:
    index = open_index(f"sqlite:///{tmp_path}/i.db", create=True)
    filled(index, f"sqlite:///{tmp_path}/i.db", 30)
    plans = []

    @event.listens_for(index.engine, "before_cursor_execute")
    def _note(connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        if statement.startswith("SELECT") and "models" in statement:
            raw = connection.connection.driver_connection  # type: ignore[attr-defined]
            plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values))

    for text in (
        *('global = "numpy.f2py*"', "global = os.system and deployed = production", "publisher = acme and tag = v1"),
        *("severity >= high", "rule = x", "signer = gate", "sha256 = abc*", "scanned = 2026-01-31", "size > 1GB"),
        *("verdict = malicious and format = pickle", "deployed and operator = com.evil:*", "licence = *nc*"),
    ):
        plans.clear()
        ask(index, read_query(text))
        assert plans
        assert not [plan for plan in plans if plan.startswith("SCAN") and "anon" not in plan], (text, plans)
    index.close()
