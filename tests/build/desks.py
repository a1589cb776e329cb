"""A whole server for tests: a project with one admitted model of tenant `net`, tokens for every kind of caller, and the
application asked without a network.
"""

from __future__ import annotations

import contextlib
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio.from_thread
import httpx2

from build.sites import served
from weighbridge.core.setting_tables import ROLES
from weighbridge.core.settings import SignInSettings
from weighbridge.index.accounts import Account
from weighbridge.index.database import open_database
from weighbridge.web.app import build
from weighbridge.web.desk import open_desk
from weighbridge.web.sign_in import SignIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from build.sites import Served
    from weighbridge.web.desk import Desk

SIGN_IN = SignInSettings(
    issuer="https://issuer.invalid",
    client_id="weighbridge",
    url="https://gate.example.com",
    roles={"users": "viewer", "makers": "submitter", "guards": "approver", "masters": "admin"},
    tenants={"team": ["net"], "all": ["*"]},
)
BASE = "https://gate.example.com"


class Asker:
    """Asks one application, all in one loop, from threads of the tests."""

    def __init__(self, desk: Desk, base: str = BASE) -> None:
        self.desk, self._base = desk, base
        self._app = build(desk.site, desk)
        self._over = contextlib.ExitStack()
        self._portal = self._over.enter_context(anyio.from_thread.start_blocking_portal())

    def close(self) -> None:
        self._over.close()

    def __call__(
        self, method: str, path: str, document: Any = None, *, token: str = "", **more: Any
    ) -> SimpleNamespace:
        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self._app)
            async with httpx2.AsyncClient(transport=transport, base_url=self._base) as client:
                body = {} if document is None else {"json": document}
                headers = {**more.get("headers", {}), **({"authorization": f"Bearer {token}"} if token else {})}
                return await client.request(method, path, **{**body, **more, "headers": headers})

        got = self._portal.call(send)
        assert "Traceback" not in got.text
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "content-security-policy" in got.headers
        assert got.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in got.headers
        if got.status_code >= 400 and got.headers["content-type"].startswith("text/html"):
            assert "text/html" in more.get("headers", {}).get("accept", ""), "a page for a program"
            assert "<h1>" in got.text
        elif got.status_code >= 400:
            assert got.json()["schema"] == "weighbridge.problem/1"
            assert got.json()["why"]
        is_json = got.headers.get("content-type") == "application/json"
        return SimpleNamespace(
            status=got.status_code,
            json=json.loads(got.text) if is_json else None,
            text=got.text,
            headers=got.headers,
        )


class Staffed(NamedTuple):
    """The project, its desk, who asks it, and a token for each role, of tenant `net`, of `other`, and of all (`*`)."""

    served: Served
    desk: Desk
    ask: Asker
    tokens: dict[str, dict[str, str]]


@contextlib.contextmanager
def staffed(folder: Path, *, address: str = "", local: bool = False, more: str = "") -> Iterator[Staffed]:
    """Make one in `folder`, with the index at `address`; `more` is added to [server]."""
    from weighbridge.core.settings import load_settings

    with contextlib.chdir(folder):
        made = served(folder)
    with open(folder / "weighbridge.toml", "a", encoding="utf-8") as file:
        file.write(f'sources = ["hf://", "{folder}/incoming/"]\n{more}')
    settings = load_settings(str(folder / "weighbridge.toml"), {})
    sign_in = None if local else SignIn(SIGN_IN, "")
    if sign_in is not None:
        settings = settings._replace(server=settings.server._replace(sign_in=SIGN_IN))
    site = with_settings(made.site, settings)._replace(seconds=60.0)
    engine = open_database(address or f"sqlite:///{folder}/.weighbridge/index.db", create=True)
    desk = open_desk(site, engine, local=local, sign_in=sign_in)
    tokens = {
        tenant: {
            role: desk.accounts.add_token(Account(f"{role} of {tenant}", role, (tenant,)), days=1, who="test")[1]
            for role in ROLES
        }
        for tenant in ("net", "other", "*")
    }
    ask = Asker(desk, "http://127.0.0.1:8080" if local else BASE)
    try:
        yield Staffed(made._replace(site=site), desk, ask, tokens)
    finally:
        ask.close()
        engine.dispose()


def with_settings(site: Any, settings: Any) -> Any:
    """A site with other settings."""
    return site._replace(gate=site.gate._replace(settings=settings))
