"""The list of models by name: out of the index, page by page, of the caller's tenants, and honest about what it lacks."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import jsonschema
import pytest
from sqlalchemy import event

from build.databases import address, index, model, server  # noqa: F401 -- fixtures
from build.desks import Staffed, staffed
from build.running import command
from weighbridge.core.settings import Settings
from weighbridge.index.walks import Walk, note
from weighbridge.web.access import Caller
from weighbridge.web.bodies import BadRequest
from weighbridge.web.catalogue import believed, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from weighbridge.index.models import Index

SETTINGS = Settings(registry="Registry.example.com/models")
NAMES = ("team", "team-x", "team.y", "team/net", "team/sub/net", "teams/net", "other/net", "zoo/net")
ALL = Caller("ada", ("viewer",), ("*",), "token")


def filled(index: Index, per: int = 3) -> list[tuple[str, str]]:  # noqa: F811
    """Tags in repositories of the registry, and in others; gives those of the registry in order."""
    number = 0
    for place in ("registry.example.com/models", "registry.example.com", "elsewhere.example.com/models"):
        for name in NAMES:
            number += 1
            tags = tuple(f"v{one}" for one in range(per))
            index.put(model(number, repository=f"{place}/{name}", path=f"models/{name}", tags=tags))
    return sorted((name, f"v{one}") for name in NAMES for one in range(per))


def walked(index: Index, caller: Caller, below: str = "", limit: int = 2) -> list[tuple[str, str]]:  # noqa: F811
    """All pages."""
    found: list[tuple[str, str]] = []
    after = ""
    while True:
        rows, after = catalogue(index, SETTINGS, caller, below=below, after=after, limit=limit)
        assert len(rows) <= limit
        found += [(row["repository"], row["tag"]) for row in rows]
        if not after:
            return found


def test_every_name_is_on_one_page(index: Index) -> None:  # noqa: F811
    assert walked(index, ALL) == []
    there = filled(index)
    for limit in (1, 7, 100):
        assert walked(index, ALL, limit=limit) == there
        for tenants in (("team",), ("team/sub", "zoo"), ("team", "team/net"), ("nobody",), ()):
            caller = ALL._replace(tenants=tenants)
            assert walked(index, caller, limit=limit) == [one for one in there if caller.sees(one[0])], tenants
        for below in ("team", "team/sub", "te", "zoo/net"):
            mine = [one for one in there if one[0] == below or one[0].startswith(f"{below}/")]
            assert walked(index, ALL, below, limit) == mine, below


def test_what_changes_between_two_pages_moves_nothing_else(index: Index) -> None:  # noqa: F811
    there = filled(index, 1)
    rows, after = catalogue(index, SETTINGS, ALL, below="", after="", limit=3)
    assert after == "team-x:v0"
    for number, name in enumerate(("aaa/net", "team/new", "zoo/net")):
        place = f"registry.example.com/models/{name}"
        index.put(model(900 + number, repository=place, path=f"models/{name}", tags=("w",)))
    index.remove("registry.example.com/models/team-x", f"sha256:{2:064x}", 10**9)
    seen = {(row["repository"], row["tag"]) for row in rows}
    while after:
        rows, after = catalogue(index, SETTINGS, ALL, below="", after=after, limit=3)
        assert not seen & {(row["repository"], row["tag"]) for row in rows}
        seen |= {(row["repository"], row["tag"]) for row in rows}
    assert seen == {*there, ("team/new", "w"), ("zoo/net", "w")}


def test_what_no_page_gave_is_refused(index: Index) -> None:  # noqa: F811
    for after in ("net", "a\x00:b", "a:\x1b[2J", "\u202e:v1"):
        with pytest.raises(BadRequest) as refused:
            catalogue(index, SETTINGS, ALL, below="", after=after, limit=3)
        assert refused.value.status == 400


def test_without_a_registry_there_is_nothing(index: Index) -> None:  # noqa: F811
    assert catalogue(index, Settings(), ALL, below="", after="", limit=3) == ([], "")
    assert believed(index, Settings()) == {"walked": "", "why": "no registry is set"}


def test_every_page_looks_its_rows_up(index: Index) -> None:  # noqa: F811
    if index.engine.dialect.name != "sqlite":
        pytest.skip("plans are SQLite's: PostgreSQL reads a small table whole")
    filled(index, 40)
    plans: list[str] = []

    @event.listens_for(index.engine, "before_cursor_execute")
    def _note(connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        if statement.startswith("SELECT"):
            raw = connection.connection.driver_connection  # type: ignore[attr-defined]
            plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values))

    for caller, below in ((ALL, ""), (ALL, "team"), (ALL._replace(tenants=("team", "zoo")), "")):
        walked(index, caller, below, 25)
    assert plans
    assert not [plan for plan in plans if plan.startswith("SCAN") or "TEMP B-TREE" in plan], plans


def test_a_page_costs_the_same_wherever_it_begins(index: Index) -> None:  # noqa: F811
    """What was seen before is not walked over again: neither names of repositories nor tags of one."""
    if index.engine.dialect.name != "sqlite":
        pytest.skip("steps are SQLite's")
    place = "registry.example.com/models"
    tags = tuple(f"v{one:04}" for one in range(100))
    for number in range(40):
        index.put(model(number, repository=f"{place}/net-{number:04}", path=f"net-{number:04}", tags=tags))
    steps = [0]

    @event.listens_for(index.engine, "before_cursor_execute")
    def _counted(connection: object, *_: object) -> None:
        raw = connection.connection.driver_connection  # type: ignore[attr-defined]
        raw.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 1)

    def cost(below: str, after: str) -> int:
        steps[0] = 0
        assert len(catalogue(index, SETTINGS, ALL, below=below, after=after, limit=5)[0]) == 5
        return steps[0]

    first = cost("", "net-0000:v0001")
    for below, after in (("", "net-0038:v0090"), ("net-0007", "net-0007:v0080")):
        assert cost(below, after) < 2 * first, (below, after)


def test_it_is_said_how_far_the_index_can_be_believed(index: Index) -> None:  # noqa: F811
    place = "registry.example.com/models"
    whole = Walk(place, finished="2026-02-01T00:00:00Z")
    assert "was never made" in believed(index, SETTINGS)["why"]
    note(index, Walk("elsewhere.example.com", finished="2026-02-01T00:00:00Z"))
    assert "was never made" in believed(index, SETTINGS)["why"]
    note(index, Walk(place, after="team/net"))
    assert "not at its end" in believed(index, SETTINGS)["why"]
    note(index, whole._replace(failed=2))
    assert "2 models could not be read" in believed(index, SETTINGS)["why"]
    note(index, whole)
    assert believed(index, SETTINGS) == {"walked": "2026-02-01T00:00:00Z", "why": ""}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Staffed]:
    with staffed(tmp_path, local=True) as made:
        yield made


def test_over_http_it_says_what_mends_it_and_is_whole_then(here: Staffed) -> None:
    """The model was taken in before there was an index, so that nobody told the index of it."""
    got = here.ask("GET", "/v1/models").json
    assert got["models"] == []
    assert got["next"] == got["index"]["walked"] == ""
    assert "weighbridge index rebuild" in got["index"]["why"]
    assert "weighbridge index rebuild" in here.ask("GET", "/models").text
    assert "weighbridge index rebuild" in here.ask("GET", "/status").text
    with contextlib.chdir(here.served.folder):
        assert command("index", "rebuild").status == 0
    got = here.ask("GET", "/v1/models").json
    assert got["models"] == [{"repository": "net", "tag": "v1", "digest": here.served.digest}]
    assert got["index"]["walked"]
    assert got["index"]["why"] == ""
    here.desk.kept.forget()
    assert "weighbridge index rebuild" not in here.ask("GET", "/models").text
    said = here.ask("GET", "/v1/openapi.json").json["paths"]["/v1/models"]["get"]
    jsonschema.validate(got, said["responses"]["200"]["content"]["application/json"]["schema"])
    assert [one["name"] for one in said["parameters"]] == ["repository", "after", "limit"]


def test_the_registry_is_not_asked(here: Staffed) -> None:
    """Its folder is gone, and the list is what it was."""
    with contextlib.chdir(here.served.folder):
        assert command("index", "rebuild").status == 0
    before = here.ask("GET", "/v1/models").json
    (here.served.folder / "registry").rename(here.served.folder / "away")
    assert here.ask("GET", "/v1/models").json == before
    assert here.ask("GET", "/v1/models/net").status in (404, 502)


def test_a_name_that_nobody_can_write_is_no_repository(here: Staffed) -> None:
    for path in ("/v1/models", "/v1/decisions", "/v1/intakes", "/v1/alerts"):
        assert here.ask("GET", path, params={"repository": "net\x00"}).status == 404, path


def test_an_intake_tells_the_index_where_no_index_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server makes the index at the default place then, and the list has what is taken in."""
    monkeypatch.chdir(tmp_path)
    with staffed(tmp_path, local=True) as made:
        taken = command("intake", "net", "--to", "oci:registry:team/net:v2", "--stage", "production")
        assert taken.status == 0, taken
        rows = made.ask("GET", "/v1/models").json["models"]
    assert [(row["repository"], row["tag"]) for row in rows] == [("team/net", "v2")]
