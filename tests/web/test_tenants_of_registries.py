"""Tenants whose registry is a place below a host, or one of several: pages and lists name and show what is theirs."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from build.containers import safetensors
from build.databases import model
from build.desks import SIGN_IN, Asker
from build.registry_server import serving
from build.running import command
from weighbridge.core.setting_tables import ROLES
from weighbridge.core.settings import load_settings
from weighbridge.index.accounts import Account
from weighbridge.index.database import open_database
from weighbridge.index.models import Index
from weighbridge.pipelines.gate_two import Held, open_gate, signing_key
from weighbridge.web.desk import open_desk
from weighbridge.web.sign_in import SignIn
from weighbridge.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = ("/", "/models", "/search?q=net", "/decisions", "/exemptions", "/status")


class Told:
    """A server, its registry's host, tokens by tenant, and the digest of the model of `team`."""

    def __init__(self, ask: Asker, host: str, tokens: dict[str, str], digest: str) -> None:
        self.ask, self.host, self.tokens, self.digest = ask, host, tokens, digest


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Models `team/net` and `other/net` below HOST/models; and `team/net` of another registry in the same index."""
    folder: Path = tmp_path_factory.mktemp("prefixed")
    with pytest.MonkeyPatch.context() as patch, serving() as registry:
        patch.chdir(folder)
        assert command("init").status == 0
        path = folder / "weighbridge.toml"
        text = re.sub(r"(?m)^registry = .*$", f'registry = "{registry.host}/models"', path.read_text())
        path.write_text(text + '\n[server]\nregistries = ["elsewhere.example.com/tools/"]\nsources = ["hf://"]\n')
        (folder / "net").mkdir()
        (folder / "net/model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
        digests = {}
        for name in ("team", "other"):
            words = ("net", "--to", f"{registry.host}/models/{name}/net:v1", "--stage", "production")
            taken = command("intake", *words, "--format", "json")
            assert taken.status == 0, taken
            digests[name] = taken.json()["digest"]
        assert command("index", "rebuild").status == 0
        assert command("admit", "team/net:v1", "--stage", "production").status == 0
        settings = load_settings(str(path), {})
        settings = settings._replace(server=settings.server._replace(sign_in=SIGN_IN))
        gate = open_gate(settings, signer=signing_key(settings), held=Held())
        engine = open_database("sqlite:///.weighbridge/index.db")
        for number, place in enumerate(("g.example.com/team/net", "elsewhere.example.com/tools/net")):
            Index(engine).put(model(number, repository=place, path=place.partition("/")[2], name="net", tags=("v7",)))
        desk = open_desk(
            Site(gate, lambda: datetime.now(UTC), lambda _: None), engine, local=False, sign_in=SignIn(SIGN_IN, "")
        )
        tokens = {
            tenant: desk.accounts.add_token(Account(tenant, ROLES[-1], (tenant,)), days=1, who="test")[1]
            for tenant in ("team", "other", "models", "elsewhere.example.com", "*")
        }
        ask = Asker(desk)
        try:
            yield Told(ask, registry.host, tokens, digests["team"])
        finally:
            ask.close()
            engine.dispose()


def paths(there: Told, page: str, token: str) -> set[str]:
    got = there.ask("GET", page, params={"as": "json"}, token=there.tokens[token])
    assert got.status == 200
    rows = got.json.get("rows", got.json.get("changed", []))
    return {row["path"] for row in rows}


@pytest.mark.parametrize(
    ("tenant", "seen"),
    [
        ("team", {"team/net"}),
        ("other", {"other/net"}),
        ("models", set()),
        ("elsewhere.example.com", {"elsewhere.example.com/tools/net"}),
        ("*", {"team/net", "other/net", "elsewhere.example.com/tools/net", "g.example.com/team/net"}),
    ],
)
def test_who_sees_what(there: Told, tenant: str, seen: set[str]) -> None:
    assert paths(there, "/models", tenant) == seen
    assert paths(there, "/", tenant) == seen
    counts = there.ask("GET", "/models", params={"as": "json"}, token=there.tokens[tenant]).json["counts"]
    assert counts["models"] == len(seen)
    found = there.ask("GET", "/search", params={"q": "net", "as": "json"}, token=there.tokens[tenant]).json
    assert {row["path"] for row in found["rows"]} == seen
    listed = there.ask("GET", "/v1/models", token=there.tokens[tenant]).json["models"]
    assert {row["repository"] for row in listed} == {one for one in seen if "." not in one}
    decided = there.ask("GET", "/v1/decisions", token=there.tokens[tenant]).json["decisions"]
    assert [row["repository"] for row in decided] == (["team/net"] if tenant in ("team", "*") else [])


def test_nobody_reads_the_name_of_another_tenant_anywhere(there: Told) -> None:
    for page in PAGES:
        text = there.ask("GET", page, token=there.tokens["other"]).text
        assert "team/net" not in text, page
        assert "elsewhere" not in text, page


def test_the_status_counts_what_is_of_the_tenant(there: Told) -> None:
    asked = {"source": "hf://org/net@main", "target": "team/net:v2"}
    assert there.ask("POST", "/v1/intakes", asked, token=there.tokens["team"]).status == 202
    for tenant, said in (("team", "1 waiting"), ("other", "none yet"), ("*", "1 waiting")):
        rows = dict(there.ask("GET", "/status", params={"as": "json"}, token=there.tokens[tenant]).json["rows"])
        assert rows["Intakes"] == said, tenant


def test_links_lead_to_the_model(there: Told) -> None:
    token = there.tokens["team"]
    (link,) = set(re.findall(r'href="(/models/[^"]+)"', there.ask("GET", "/models", token=token).text)) - {
        f"/models?verdict={one}" for one in ("clean", "malicious")
    }
    assert link == f"/models/team/net?digest={there.digest.replace(':', '%3A')}"
    shown = there.ask("GET", f"{link}&as=json", token=token).json
    assert shown["model"]["path"] == "team/net"
    assert [one["stage"] for one in shown["standing"]] == ["production"]
    assert [one["decision"] for one in shown["decisions"]] == ["allow"]
    assert there.ask("GET", link.replace("/models/", "/findings/"), token=token).status == 200
    page = there.ask("GET", link, token=token).text
    (evidence, *_) = re.findall(r'href="(/v1/evidence/[^"]+)"', page)
    assert there.ask("GET", evidence.replace("&amp;", "&"), token=token).status == 200
    assert there.ask("GET", link, token=there.tokens["other"]).status == 404
    everything = there.ask("GET", "/models", token=there.tokens["*"]).text
    assert 'href="/models/elsewhere' not in everything, "it has no page here"


def test_a_name_is_looked_for_as_tenants_write_it(there: Told) -> None:
    for name, seen in (("te", {"team/net"}), ("team/net", {"team/net"}), ("models", set())):
        got = there.ask("GET", "/models", params={"name": name, "as": "json"}, token=there.tokens["team"]).json
        assert {row["path"] for row in got["rows"]} == seen, name


def test_an_exemption_of_a_tenant_is_shown_and_revoked(there: Told) -> None:
    token = there.tokens["team"]
    asked = {"rule": "file/unread", "reference": "team/net:v1", "reason": "ours", "expires": "2099-01-31"}
    assert there.ask("POST", "/v1/exemptions", asked, token=token).status == 201
    there.ask.desk.kept.forget()
    rows = there.ask("GET", "/exemptions", params={"as": "json"}, token=token).json["rows"]
    assert [row["reference"] for row in rows] == [f"team/net@{there.digest}"], json.dumps(rows)
    form = {"reference": rows[0]["reference"], "reason": "no longer"}
    got = there.ask("POST", f"/exemptions/{rows[0]['id']}", data=form, token=token)
    assert got.status == 303
