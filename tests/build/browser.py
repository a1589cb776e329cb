"""A real Chromium, driven by Playwright, and a server of ours to drive it against."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AXE = os.path.join(ROOT, ".services", "node_modules", "axe-core", "axe.min.js")
TRIES = 600


def needs_browser() -> None:
    """Skip if it is missing, unless continuous integration runs: there it is a failure."""
    missing = [name for name, there in (("chromium", _chromium()), ("axe-core", os.path.exists(AXE))) if not there]
    if missing:
        missing(f"{' and '.join(missing)} missing (apt install chromium; make services)")


def _chromium() -> str:
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window. It has no sandbox of its own where tests run as root."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=_chromium(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield started
        finally:
            started.close()


@contextlib.contextmanager
def served(folder: Path, *words: str) -> Iterator[str]:
    """`weighbridge serve` in a folder, until the block ends; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "weighbridge", "serve", "--port", str(port), *words]
    with open(folder / "serve.log", "wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(TRIES):
            assert server.poll() is None, (folder / "serve.log").read_text()
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/healthz", timeout=5) as found:
                if found.status == 200:
                    break
            time.sleep(0.05)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


class Watched:
    """A page, and everything that it did which a page of ours must not do."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.wrong: list[str] = []
        page.on("dialog", lambda dialog: (self.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("console", lambda said: self.wrong.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("popup", lambda opened: self.wrong.append(f"window: {opened.url}"))
        page.route("**/*", self._asked)

    def _asked(self, route) -> None:
        if route.request.url.startswith(f"{self.address}/"):
            route.continue_()
        else:
            self.wrong.append(f"request: {route.request.url}")
            route.abort()

    def see(self, path: str) -> str:
        """Open a page, let it settle, and give its HTML."""
        answer = self.page.goto(f"{self.address}{path}", wait_until="load")
        assert answer is not None, path
        assert answer.status == 200, f"{path}: {answer.status}"
        return answer.text()

    def complaints(self) -> list[str]:
        """What axe finds serious or critical on the page as it stands."""
        with open(AXE, encoding="utf-8") as file:
            self.page.evaluate(file.read())
        found = self.page.evaluate("async () => (await axe.run()).violations")
        bad = [one for one in found if one["impact"] in ("serious", "critical")]
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in bad]
