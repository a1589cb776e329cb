"""Decisions over HTTP: every one of them can be reached, filters are the database's, and tenants see their own."""

from __future__ import annotations

import contextlib
import csv
import io
import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from sqlalchemy import event, text

from build.databases import address, index, made_at, server  # noqa: F401 -- fixtures
from build.desks import Staffed, staffed
from weighbridge.core.settings import ServerSettings, Settings
from weighbridge.index.database import reading, writing
from weighbridge.index.decisions import ANY, Wanted, answered, behind, entries
from weighbridge.index.following import namespaces_of
from weighbridge.index.log import ChainedLog, append_in, log_tables, open_log
from weighbridge.index.models import Index, open_index
from weighbridge.web import decided
from weighbridge.web.access import Caller
from weighbridge.web.decided import listed, wanted_by
from weighbridge.web.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIREMENTS = ("scan-present", "scan-fresh", "model-signed")
NAMES = ("team/net", "team/sub/net", "team", "teams/net", "team-x/net", "other/net")
ROOTS = ("oci:/registry:", "registry.example.com/", "elsewhere.example.com/tools/")


def decision(number: int, reference: str = "") -> dict[str, Any]:
    """One by its number; the same number gives the same one."""
    chance = random.Random(number)
    refused = [name for name in REQUIREMENTS if chance.random() < 0.2]
    reference = reference or f"{chance.choice(ROOTS)}{chance.choice(NAMES)}@sha256:{number:064x}"
    return {
        "decision": "deny" if refused else "allow",
        "stage": chance.choice(("staging", "production")),
        "digest": f"sha256:{number:064x}" if number % 7 else "",
        "reference": reference,
        "madeAt": f"2026-11-{1 + number % 28:02d}T12:00:00+00:00",
        "reasons": [
            {"requirement": name, "result": chance.choice(("unmet", "unknown")) if name in refused else "met"}
            for name in REQUIREMENTS
        ],
    }


def logged(address: str, index: Index, count: int) -> list[dict[str, Any]]:  # noqa: F811
    """The log with so many decisions, followed."""
    log = open_log(address, create=True)
    said = [decision(number) for number in range(1, count + 1)]
    filled(log, said)
    log.close()
    index.follow_log()
    return said


def filled(log: ChainedLog, said: list[dict[str, Any]]) -> None:
    """Append many in one transaction."""
    with writing(log._engine) as connection:
        for one in said:
            append_in(connection, log_tables(), one)


def pages(index: Index, wanted: Wanted, limit: int) -> list[int]:  # noqa: F811
    """Every page, one after the other."""
    found: list[int] = []
    before = 0
    while rows := entries(index, wanted, before=before, limit=limit):
        assert len(rows) <= limit
        found += [row.sequence for row in rows]
        before = rows[-1].sequence
    return found


def fits(said: dict[str, Any], wanted: Wanted) -> bool:
    """What the database is to find, by hand."""
    whole = said["reference"].partition("@")[0]
    unmet = [one["requirement"] for one in said["reasons"] if one["result"] != "met"]
    return (
        (not wanted.stage or said["stage"] == wanted.stage)
        and (wanted.allowed is None or (said["decision"] == "allow") == wanted.allowed)
        and (not wanted.refused or wanted.refused in unmet)
        and (wanted.within is None or any(whole == one or whole.startswith(f"{one}/") for one in wanted.within))
    )


WANTED = (
    ANY,
    Wanted(stage="staging"),
    Wanted(allowed=False),
    Wanted(allowed=True, stage="production"),
    Wanted(refused="scan-fresh"),
    Wanted(refused="scan-fresh", stage="staging"),
    Wanted(refused="no-such", allowed=True),
    Wanted(within=("oci:/registry:team",)),
    Wanted(within=("oci:/registry:team", "oci:/registry:team/sub", "registry.example.com/other")),
    Wanted(within=("registry.example.com/team/sub",), refused="model-signed", allowed=False),
    Wanted(within=("elsewhere.example.com/tools",), stage="staging"),
    Wanted(within=("elsewhere.example.com/too",)),
    Wanted(within=()),
)


def test_what_fits_is_on_one_page_and_nothing_else(address: str, index: Index) -> None:  # noqa: F811
    said = logged(address, index, 80)
    for wanted in WANTED:
        right = [number for number in range(80, 0, -1) if fits(said[number - 1], wanted)]
        for limit in (7, 500):
            assert pages(index, wanted, limit) == right, wanted
        drawn = answered(index, wanted, limit=20)
        assert [one.sequence for one in drawn] == right[:20]
        assert [one.made for one in drawn] == [said[number - 1]["madeAt"] for number in right[:20]]
    assert sum(bool(pages(index, wanted, 500)) for wanted in WANTED) == len(WANTED) - 3


def test_decisions_that_are_made_between_two_pages_move_nothing(address: str, index: Index) -> None:  # noqa: F811
    logged(address, index, 10)
    first = [row.sequence for row in entries(index, limit=4)]
    log = open_log(address)
    log.append(decision(11))
    log.close()
    index.follow_log()
    assert [row.sequence for row in entries(index, before=first[-1], limit=4)] == [6, 5, 4, 3]


def test_every_question_is_a_walk_along_an_index(address: str, index: Index) -> None:  # noqa: F811
    if index.engine.dialect.name != "sqlite":
        pytest.skip("plans are SQLite's: PostgreSQL reads a small table whole")
    logged(address, index, 60)
    plans: list[str] = []

    @event.listens_for(index.engine, "before_cursor_execute")
    def _note(connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        if statement.startswith("SELECT") and "decided" in statement:
            raw = connection.connection.driver_connection  # type: ignore[attr-defined]
            plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values))

    for wanted in WANTED:
        pages(index, wanted, 25)
    assert plans
    walks = {plan for plan in plans if plan.startswith("SCAN")}
    assert walks == {"SCAN decided USING INDEX sqlite_autoindex_decided_1"}, "without a filter: all, from the end"
    assert not [plan for plan in plans if "TEMP B-TREE" in plan], plans


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("oci:/a/b:team/sub/net@sha256:00", ("oci:/a/b:team", "oci:/a/b:team/sub", "oci:/a/b:team/sub/net")),
        ("oci:registry:net:v1", ("oci:registry:net",)),
        ("localhost:5000/net:v1", ("localhost:5000/net",)),
        ("h.example.com/team/net@sha256:00", ("h.example.com/team", "h.example.com/team/net")),
        ("net", ()),
        ("", ()),
    ],
)
def test_what_a_repository_lies_in(reference: str, found: tuple[str, ...]) -> None:
    assert namespaces_of(reference) == found


def test_a_log_that_was_followed_by_an_earlier_version_is_followed_again(address: str) -> None:  # noqa: F811
    made_at(address, "0005")
    log = open_log(address, create=True)
    for number in range(1, 6):
        log.append(decision(number))
    made = open_index(address)
    assert behind(made) == 5
    assert entries(made) == []
    assert made.follow_log() == 5
    assert (behind(made), len(entries(made))) == (0, 5)
    log.close()
    made.close()


def test_of_a_long_log_some_is_taken_up_each_time(
    address: str,  # noqa: F811
    index: Index,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("weighbridge.index.following.PAGE", 4)
    log = open_log(address, create=True)
    for number in range(1, 11):
        log.append(decision(number))
    assert index.follow_log(0.0) == 4
    assert behind(index) == 6
    assert pages(index, ANY, 3) == [4, 3, 2, 1]
    assert index.follow_log() == 6
    assert behind(index) == 0
    log.close()


def desk_of(settings: Settings) -> Any:
    """As much of a desk as naming repositories needs."""
    made = SimpleNamespace(site=SimpleNamespace(settings=settings))
    made.place = lambda reference: Desk.place(made, reference)
    return made


NAMED = (
    Settings(registry="oci:/registry"),
    Settings(registry="registry.example.com"),
    Settings(registry="registry.example.com/team"),
    Settings(registry="registry.example.com", server=ServerSettings(registries=("elsewhere.example.com/tools/",))),
    Settings(registry="oci:/registry", server=ServerSettings(registries=("registry.example.com", "h.example"))),
    Settings(),
)


def test_tenants_see_what_is_theirs_however_the_registry_is_named(address: str, index: Index) -> None:  # noqa: F811
    """The database finds what `Desk.place` and `Caller.sees` say, one by one."""
    logged(address, index, 80)
    log = ChainedLog(index.engine, log_tables())
    seen = 0
    for settings in NAMED:
        desk = desk_of(settings)
        whole = [decided._shown(desk, entry) for entry in log.newest(500)]
        for tenants in (("*",), ("team",), ("sub",), ("other", "team/sub"), ("elsewhere.example.com",), ("x",), ()):
            caller = Caller("ada", ("viewer",), tenants, "token")
            for below in ("", "team", "net", "elsewhere.example.com/tools/team"):
                if below and not caller.sees(below):
                    continue
                right = [
                    one.entry.sequence
                    for one in whole
                    if (caller.sees(one.repository) if one.repository else caller.sees_all)
                    and (not below or one.repository == below or one.repository.startswith(f"{below}/"))
                ]
                found = listed(desk, index, caller, wanted_by(settings, caller, below), before=0, limit=500)
                assert [one.entry.sequence for one in found.rows] == right, (settings.registry, tenants, below)
                seen += bool(right)
    assert seen > 20


def test_an_index_that_was_changed_shows_nobody_what_is_not_his(address: str, index: Index) -> None:  # noqa: F811
    logged(address, index, 40)
    with writing(index.engine) as connection:
        connection.execute(text("DELETE FROM decided_in"))
        connection.execute(text("INSERT INTO decided_in SELECT 'oci:/registry:zoo', sequence FROM decided"))
    settings = Settings(registry="oci:/registry")
    caller = Caller("ada", ("viewer",), ("zoo",), "token")
    assert len(entries(index, wanted_by(settings, caller))) == 40
    assert listed(desk_of(settings), index, caller, wanted_by(settings, caller), before=0, limit=50).rows == ()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """A server whose log has more decisions than were once looked at."""
    folder = tmp_path_factory.mktemp("decided")
    with contextlib.chdir(folder), staffed(folder) as made:
        registry = made.desk.site.settings.registry
        log = ChainedLog(made.desk.engine, log_tables())
        rare = {"decision": "deny", "stage": "production", "digest": "sha256:00", "madeAt": "2026-10-01T12:00:00+00:00"}
        unmet = [{"requirement": "rare-one", "result": "unmet", "why": ""}]
        log.append({**rare, "reference": f"{registry}:net@sha256:{0:064x}", "reasons": unmet})
        filled(log, [decision(number, f"{registry}:net@sha256:{number:064x}") for number in range(2, 2300)])
        yield made


def all_of(here: Staffed, query: str = "", token: str = "", limit: int = 200) -> list[int]:
    found: list[int] = []
    before = ""
    while True:
        more = f"&before={before}" if before else ""
        got = here.ask("GET", f"/v1/decisions?limit={limit}{more}{query}", token=token or here.tokens["*"]["viewer"])
        assert got.status == 200, got.text
        assert len(got.json["decisions"]) <= limit
        found += [row["sequence"] for row in got.json["decisions"]]
        before = got.json["next"]
        if not before:
            return found


def test_the_very_first_decision_is_reached(here: Staffed) -> None:
    assert all_of(here) == list(range(2299, 0, -1))
    assert all_of(here, "&refused=rare-one") == [1]
    assert all_of(here, token=here.tokens["net"]["viewer"]) == list(range(2299, 0, -1))
    assert all_of(here, token=here.tokens["other"]["viewer"]) == []
    denied = all_of(here, "&decision=deny&stage=production")
    assert denied[-1] == 1
    assert 0 < len(denied) < 2299
    for wrong in ("decision=maybe", "stage=nowhere", "before=x"):
        assert here.ask("GET", f"/v1/decisions?{wrong}", token=here.tokens["*"]["viewer"]).status == 400


def test_a_page_is_as_the_description_says(here: Staffed) -> None:
    got = here.ask("GET", "/v1/decisions?limit=3", token=here.tokens["*"]["viewer"]).json
    assert got["behind"] == 0
    assert got["next"] == "2297"
    said = here.ask("GET", "/v1/openapi.json").json["paths"]["/v1/decisions"]["get"]
    jsonschema.validate(got, said["responses"]["200"]["content"]["application/json"]["schema"])
    names = {one["name"] for one in said["parameters"]}
    assert names == {"repository", "stage", "decision", "refused", "before", "limit"}


def test_the_page_goes_back_to_the_first(here: Staffed) -> None:
    token = here.tokens["net"]["viewer"]
    before, seen = 2299 + 1, []
    while before:
        got = here.ask("GET", f"/decisions?as=json&before={before}", token=token).json
        assert got["rows_drawn"] == 2000
        seen += [row["sequence"] for row in got["rows"]]
        before = got["before"]
        if before and before > 200:
            before = 200
    assert seen[-1] == 1
    assert "the newest 2000" in here.ask("GET", "/decisions", token=token).text
    shown = here.ask("GET", "/decisions?as=json&refused=rare-one", token=token).json
    assert [row["sequence"] for row in shown["rows"]] == [1]
    assert shown["days"] == [["2026-10-01", {"allow": 0, "deny": 1}]]
    assert shown["log"] == "", "how many there are in all is nobody's but who sees all"


def test_the_csv_has_all_of_them(here: Staffed) -> None:
    rows = list(csv.DictReader(io.StringIO(here.ask("GET", "/decisions.csv", token=here.tokens["net"]["viewer"]).text)))
    assert [int(row["sequence"]) for row in rows] == list(range(2299, 0, -1))
    few = here.ask("GET", "/decisions.csv?refused=rare-one", token=here.tokens["net"]["viewer"]).text
    assert [row["sequence"] for row in csv.DictReader(io.StringIO(few))] == ["1"]
    none = here.ask("GET", "/decisions.csv", token=here.tokens["other"]["viewer"]).text
    assert list(csv.DictReader(io.StringIO(none))) == []


def test_the_index_says_what_it_has_not_taken_up(here: Staffed, monkeypatch: pytest.MonkeyPatch) -> None:
    with reading(here.desk.engine) as connection:
        before = connection.execute(text("SELECT count(*) FROM decided")).scalar()
    monkeypatch.setattr(Index, "follow_log", lambda *_: 0)
    log = ChainedLog(here.desk.engine, log_tables())
    log.append(decision(1, f"{here.desk.site.settings.registry}:net@sha256:{1:064x}"))
    token = here.tokens["*"]["viewer"]
    assert here.ask("GET", "/v1/decisions", token=token).json["behind"] == (2300 - (before or 0))
    here.desk.kept.forget()
    assert "not listed yet" in here.ask("GET", "/decisions", token=token).text
    with writing(here.desk.engine) as connection:
        connection.execute(text("DROP TRIGGER decisions_no_delete"))
        connection.execute(text("DELETE FROM decisions WHERE sequence = 2300"))
        kept = log.newest()[0]
        connection.execute(text(f"UPDATE head SET sequence = 2299, hash = '{kept.hash}'"))
