"""A served gate for tests: a project with one admitted model, and the application asked without a network."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2

from build.containers import safetensors
from build.reviews import IMAGE
from build.running import command
from weighbridge.core.settings import load_settings
from weighbridge.pipelines.gate_two import Held, open_gate, signing_key
from weighbridge.web.app import build
from weighbridge.web.site import Site

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.index.log import Head


class Served(NamedTuple):
    """The folder, the digest of its model `net:v1`, what the application answers from, and what it logged."""

    folder: Path
    digest: str
    site: Site
    logged: list[dict[str, Any]]

    @property
    def model(self) -> str:
        return f"net@{self.digest}"

    def ask(self, method: str, path: str, document: Any = None, **more: Any) -> SimpleNamespace:
        return ask(self.site, method, path, document, **more)

    def review(self, document: Any, stage: str = "") -> dict[str, Any]:
        got = self.ask("POST", f"/admission/{stage}" if stage else "/admission", document)
        assert got.status == 200, got.text
        response = got.json["response"]
        assert response["uid"] == document["request"]["uid"]
        assert response["allowed"] or response["status"]["message"].startswith("weighbridge: ")
        return response

    def judging(self, judge: Any) -> Served:
        """The same with another way to judge."""
        real = self.site.gate
        gate: Any = SimpleNamespace(settings=real.settings, log=real.log, judge=judge, record=real.record)
        return self._replace(site=self.site._replace(gate=gate))

    def waiting(self, seconds: float) -> Served:
        """The same with less time for an answer."""
        return self._replace(site=self.site._replace(seconds=seconds))

    def end(self) -> Head:
        """The end of the log of decisions."""
        assert self.site.gate.log is not None
        return self.site.gate.log.head()

    def later(self, days: int) -> Served:
        """The same with a clock that is ahead; without a log, in which that time would have passed."""
        gate = self.site.gate._replace(log=None)
        site = self.site._replace(gate=gate, now=lambda: datetime.now(UTC) + timedelta(days=days))
        return self._replace(site=site)


def ask(site: Site, method: str, path: str, document: Any = None, **more: Any) -> SimpleNamespace:
    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=build(site))
        async with httpx2.AsyncClient(transport=transport, base_url="http://gate") as client:
            body = {} if document is None else {"json": document}
            return await client.request(method, path, **{**body, **more})

    got = asyncio.run(send())
    assert "Traceback" not in got.text
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "no-store"
    return SimpleNamespace(status=got.status_code, json=got.json(), text=got.text)


def served(folder: Path) -> Served:
    """Make a project in the working folder `folder` and take one model in."""
    for name in list(os.environ):
        assert not name.startswith("WEIGHBRIDGE_"), name
    assert command("init").status == 0
    (folder / "net").mkdir()
    (folder / "net/model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    taken = command("intake", "net", "--to", "oci:registry:net:v1", "--stage", "production", "--format", "json")
    assert taken.status == 0, taken
    with open(folder / "weighbridge.toml", "a", encoding="utf-8") as file:
        file.write(f'\n[server]\nimages = ["{IMAGE}", "registry.example.com/tools/"]\n')
    settings = load_settings(str(folder / "weighbridge.toml"), {})

    logged: list[dict[str, Any]] = []
    gate = open_gate(settings, signer=signing_key(settings), held=Held())
    site = Site(gate, lambda: datetime.now(UTC), lambda record: logged.append(dict(record)))
    return Served(folder, taken.json()["digest"], site, logged)
