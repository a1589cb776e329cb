"""Every route, from the table of routes: nobody, a lower role and another tenant get nowhere, and who may does."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from build.desks import Staffed, staffed
from build.reviews import pod, review
from build.running import command
from weighbridge.core.setting_tables import ROLES
from weighbridge.index.jobs import Submission
from weighbridge.web.access import GATE, PUBLIC, Rule
from weighbridge.web.gate import gate_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

WANTED = Submission("hf://org/net@main", "net:v2", "net", "staging")
GRANT = {"rule": "file/unread", "reference": "net:v1", "reason": "our format", "expires": "2099-01-31"}
OPEN_TO_ALL = {
    "/admission",
    "/admission/{stage}",
    "/healthz",
    "/readyz",
    "/sign-in",
    "/signed-in",
    "/sign-out",
    "/static/{name}",
    "/v1/openapi.json",
}
OF_NO_TENANT = OPEN_TO_ALL | {"/v1/me", "/controls", "/rules", "/status"}


class World(NamedTuple):
    """A server, and things of tenant `net` in it."""

    staffed: Staffed
    job: str
    alert: str
    token: str
    exemption: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("server")
    with staffed(folder) as made:
        desk, root = made.desk, made.tokens["*"]["admin"]
        job, _ = desk.jobs.submit(WANTED, who="ada")
        desk.jobs.cancel(job.id, who="ada")  # else whoever follows it would wait for its end
        desk.alerts.receive([{"detection": "egress", "marker": "secret of net"}], tenant="net", who="monitor")
        granted = made.ask("POST", "/v1/exemptions", GRANT, token=root)
        assert granted.status == 201, granted.text
        with contextlib.chdir(folder):
            assert command("admit", "net:v1", "--stage", "staging").status == 0
        (alert,) = desk.alerts.listed(("*",))
        token = next(one for one in desk.accounts.tokens() if one.name == "viewer of net")
        yield World(made, job.id, alert.id, token.id, granted.json["id"])


def never(request: Any) -> Any:
    raise AssertionError


def rules(world: World) -> list[Rule]:
    return [*gate_rules(never, never, never, never), *world.staffed.desk.rules]


def aimed(world: World, rule: Rule) -> tuple[str, Any, dict[str, str]]:
    """The path, body and query that ask for what belongs to tenant `net`. A new route that changes something has to
    be added here.
    """
    identity = {"alerts": world.alert, "tokens": world.token, "exemptions": world.exemption}
    noun = rule.path.removeprefix("/v1").split("/")[1]
    path = rule.path.replace("{id}", identity.get(noun, world.job))
    path = path.replace("{family}", "file").replace("{name}", "unread" if "family" in rule.path else "style.css")
    path = path.replace("{repository:path}", "net").replace("{repository}", "net").replace("{stage}", "production")
    query = {}
    if rule.scope == "rows":
        query["repository"] = "net"
    if rule.path == "/v1/exemptions":
        query["reference"] = "net:v1"
    if rule.path.startswith(("/models/", "/findings/")):
        query["digest"] = world.staffed.served.digest
    if rule.path.startswith("/v1/evidence/"):
        digest = world.staffed.served.digest
        model = world.staffed.ask("GET", f"/v1/models/net?digest={digest}", token=world.staffed.tokens["net"]["viewer"])
        query |= {"digest": digest, "evidence": model.json["evidence"][0]["digest"]}
    bodies: dict[str, Any] = {
        "/v1/admit": {"reference": "net:v1", "stage": "production"},
        "/admission": review(pod()),
        "/admission/{stage}": review(pod()),
        "/v1/intakes": {"source": "hf://org/net@main", "target": "net:v3"},
        "/v1/alerts": {"alerts": [{"detection": "egress"}]},
        "/v1/alerts/{id}/acknowledge": {"reason": "a test"},
        "/v1/exemptions": GRANT,
        "/v1/exemptions/{id}/revoke": {"reference": "net:v1", "reason": "no longer"},
        "/v1/tokens": {"name": "new", "role": "viewer", "tenants": ["net"]},
    }
    return path, bodies[rule.path] if rule.body is not None else None, query


FORMS = {
    "/intakes": {"source": "hf://org/net@main", "target": "net:v4", "stage": "staging"},
    "/intakes/{id}/cancel": {"sure": "yes"},
    "/alerts/{id}": {"reason": "a test"},
    "/exemptions": {"rule": "file/unread", "reference": "net:v1", "reason": "our format", "expires": "2099-01-31"},
    "/exemptions/{id}": {"reference": "net:v1", "reason": "no longer"},
}
"""What the forms of pages send."""


def send(world: World, rule: Rule, token: str) -> list[Any]:
    path, body, query = aimed(world, rule)
    ask = world.staffed.ask
    if rule.path in FORMS and rule.methods == ("POST",):
        return [ask("POST", path, token=token, params=query, data=FORMS[rule.path])]
    return [ask(method, path, body if method == "POST" else None, token=token, params=query) for method in rule.methods]


def test_what_is_open_to_all_is_known(world: World) -> None:
    assert {rule.path for rule in rules(world) if rule.role == PUBLIC} == OPEN_TO_ALL
    assert {rule.path for rule in rules(world) if not rule.scope} == OF_NO_TENANT


def test_nobody_gets_nowhere(world: World) -> None:
    tried = 0
    for rule in rules(world):
        if rule.role == PUBLIC:
            continue
        for got in (*send(world, rule, ""), *send(world, rule, "wbt_000000000000_" + "A" * 43)):
            assert got.status in (401, 303 if rule.page else 401), rule
            tried += 1
    assert tried > 30


def test_a_lower_role_gets_nowhere(world: World) -> None:
    tried = 0
    for rule in rules(world):
        if rule.role not in ROLES[1:]:
            continue
        for role in ROLES[: ROLES.index(rule.role)]:
            for got in send(world, rule, world.staffed.tokens["*"][role]):
                assert got.status == 403, (rule, role)
                tried += 1
    assert tried > 15


def test_another_tenant_gets_nowhere(world: World) -> None:
    tried = 0
    for rule in rules(world):
        if not rule.scope:
            continue
        for got in send(world, rule, world.staffed.tokens["other"]["admin"]):
            assert got.status in (401, 403, 404), (rule, got.text)
            tried += 1
    assert tried > 20


def test_another_tenant_finds_nothing_in_lists(world: World) -> None:
    for rule in rules(world):
        if rule.scope == "rows" and rule.methods == ("GET",):
            path = aimed(world, rule)[0]
            got = world.staffed.ask("GET", path, token=world.staffed.tokens["other"]["admin"])
            assert got.status == 200
            for mark in (world.job, world.alert, "secret of net", "net:v", '"net"', world.token, "of net"):
                assert mark not in got.text, (rule.path, mark)
            seen = world.staffed.ask("GET", path, token=world.staffed.tokens["net"]["admin"])
            assert seen.text != got.text, rule.path


def test_tokens_are_listed_page_by_page_to_the_first(world: World) -> None:
    """Those of one tenant among those of others; and the oldest can be revoked."""
    ask, tokens = world.staffed.ask, world.staffed.tokens
    for tenant, mine in (("net", 4), ("*", 12)):
        found: list[str] = []
        after = ""
        while True:
            got = ask("GET", "/v1/tokens", params={"limit": 3, "after": after}, token=tokens[tenant]["admin"]).json
            assert len(got["tokens"]) <= 3
            found += [one["id"] for one in got["tokens"]]
            after = got["next"]
            if not after:
                break
        whole = [one.id for one in world.staffed.desk.accounts.tokens() if tenant in ("*", *one.tenants)]
        assert found == whole
        assert len(whole) >= mine
    for wrong, status in (("x", 400), ("0" * 12, 200)):
        got = ask("GET", "/v1/tokens", params={"after": wrong}, token=tokens["*"]["admin"])
        assert got.status == status
    assert got.json == {"tokens": [], "next": ""}


def test_who_may_does(world: World) -> None:
    """The same requests, so that it is not something else that keeps the others out. What takes away comes last."""
    last = ("/v1/tokens/{id}/revoke", "/v1/exemptions/{id}/revoke", "/exemptions/{id}")
    for rule in sorted(rules(world), key=lambda rule: rule.path in last):
        if rule.role == PUBLIC:
            continue
        tenant = "*" if rule.scope == "all" else "net"
        for got in send(world, rule, world.staffed.tokens[tenant][ROLES[0] if rule.role == GATE else rule.role]):
            assert got.status in (200, 201, 202, 303), (rule, got.text)
