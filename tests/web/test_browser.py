"""The pages in a real browser: nothing of a model's runs or is fetched, people reach everything, and paths lead on."""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from build.browser import Watched, browser, needs_browser, served
from build.containers import safetensors
from build.hostile_index import MANIFEST, PATH, fill_hostile
from build.pickles import system
from build.running import command
from weighbridge.index.alerts import Alerts
from weighbridge.index.database import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

MOST_BYTES = 100_000
PAGES = (
    *("/", "/models", "/decisions", "/alerts", "/controls", "/exemptions", "/rules", "/status", "/search"),
    *(f"/models/{PATH}?digest={MANIFEST}", "/rules/pickle/dangerous-call", "/search?q=net"),
)


JUDGED = {"light": ("/", "/decisions", "/alerts"), "dark": (PAGES[9],)}
"""Pages with something on them whose accessibility is judged; those without are all judged in another test."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    needs_browser()
    with browser() as started:
        yield started


def _settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(folder)
    assert command("init").status == 0
    file = folder / "weighbridge.toml"
    text = file.read_text(encoding="utf-8")
    more = f'index = "sqlite:///{folder}/index.db"\nexemptions = "exemptions"\n\n[server]\naudits = "audits"\nsources = ["{folder}/"]\n'
    file.write_text(text.replace("[stage.production]", f"{more}\n[stage.production]", 1), encoding="utf-8")
    return f"oci:{folder}/registry"


def test_nothing_of_a_model_runs_and_nothing_is_fetched(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = fill_hostile(tmp_path, _settings(tmp_path, monkeypatch))
    with served(tmp_path, "--workers", "0") as address:
        for scheme, pages in (("light", PAGES), ("dark", PAGES[9:10])):
            watched = Watched(chromium.new_page(color_scheme=scheme), address)
            for path in (*pages, f"/intakes/{job}", f"/search?q={quote('<script>window.ran=1</script>')}"):
                sent = watched.see(path)
                watched.page.wait_for_timeout(20)
                assert watched.page.evaluate("window.ran === undefined"), path
                # Everything that was drawn is an element that our templates know.
                made = watched.page.evaluate("[...new Set([...document.querySelectorAll('*')].map(e => e.localName))]")
                assert not set(made) & {"img", "iframe", "object", "embed", "math", "video", "base", "meta-card"}, path
                scripts = watched.page.evaluate("[...document.scripts].map(e => e.getAttribute('src'))")
                assert scripts == ["/static/live.js"], path
                assert "&lt;" in sent or path not in PAGES[:5], f"{path} shows no attack"
                assert watched.wrong == [], path
                assert path not in JUDGED[scheme] or not watched.complaints(), path
            watched.page.close()


def test_a_page_weighs_little(chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _settings(tmp_path, monkeypatch)
    with served(tmp_path, "--workers", "0") as address:
        watched = Watched(chromium.new_page(viewport={"width": 320, "height": 640}), address)
        for path in PAGES[:9]:
            assert len(watched.see(path).encode()) < MOST_BYTES
            wide = watched.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 320, f"{path} is {wide} wide on a small screen"
            assert not watched.complaints(), path
        assert watched.wrong == []


def test_submit_follow_read_approve_revoke(chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _settings(tmp_path, monkeypatch)
    for name, files in (
        ("good", {"model.safetensors": safetensors({"a": bytes(16)}), "config.json": b'{"model_type": "net"}'}),
        ("bad", {"model.pkl": system("echo no")}),
    ):
        (tmp_path / name).mkdir()
        for path, content in files.items():
            (tmp_path / name / path).write_bytes(content)
    engine = open_database(f"sqlite:///{tmp_path}/index.db", create=True)
    Alerts(engine).receive(
        [{"detection": "d", "severity": "high", "why": "why", "last": "2026-11-30T10:00:00Z"}], tenant="", who="x"
    )
    engine.dispose()
    with served(tmp_path, "--workers", "1") as address:
        watched = Watched(chromium.new_page(), address)
        page = watched.page
        watched.see("/")
        page.get_by_label("Source", exact=True).fill(f"{tmp_path}/good")
        page.get_by_label("Target").fill("team/good:v1")
        page.get_by_role("button", name="Submit").click()
        page.get_by_role("link", name="The model").wait_for(timeout=60_000)  # the page follows by itself
        page.get_by_role("link", name="The model").click()
        assert "team/good" in page.inner_text("h1")
        assert "verified" in page.inner_text("main")
        # A person approves what a rule refuses, and takes it back.
        page.get_by_label("Rule", exact=True).fill("file/unread")
        page.get_by_label("Reason", exact=True).fill("read by a person")
        ends = datetime.now(UTC) + timedelta(days=9)
        page.get_by_label("Ends on").fill(f"{ends:%Y-%m-%d}")
        page.get_by_role("button", name=re.compile("Grant")).click()
        watched.see("/exemptions")
        assert "read by a person" in page.inner_text("main")
        page.get_by_label("Reason", exact=True).fill("it was a mistake")
        page.get_by_role("button", name="Revoke").click()
        assert "revoked" in page.inner_text("main")
        # What is refused is refused, and says why.
        watched.see("/")
        page.get_by_label("Source", exact=True).fill(f"{tmp_path}/bad")
        page.get_by_label("Target").fill("team/bad:v1")
        page.get_by_role("button", name="Submit").click()
        page.get_by_text("pickle/dangerous-call").first.wait_for(timeout=60_000)
        assert "refused" in page.inner_text("main")
        page.get_by_role("link", name="pickle/dangerous-call").first.click()
        assert "What to do" in page.inner_text("main")
        # An alert is answered.
        watched.see("/alerts")
        page.get_by_label("Why it may rest").fill("a drill")
        page.get_by_role("button", name="Acknowledge").click()
        assert "a drill" in page.inner_text("main")
        assert watched.wrong == []
    rows = sqlite3.connect(tmp_path / "index.db").execute("SELECT document FROM audit").fetchall()
    noted = {json.loads(row[0])["what"] for row in rows}
    assert {"exemption", "exemption revoke", "acknowledge"} <= noted


def test_reading_works_without_script(chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_hostile(tmp_path, _settings(tmp_path, monkeypatch))
    with served(tmp_path, "--workers", "0") as address:
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        page.goto(f"{address}/models")
        page.get_by_role("link", name=PATH).first.click()
        assert PATH in page.inner_text("h1")
        # With the keyboard alone: the first stop leads past the navigation.
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.url.endswith("#content")
        context.close()
