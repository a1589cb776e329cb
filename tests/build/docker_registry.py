"""Debian's docker-registry (distribution 2.8) on loopback: a real registry without the referrers API."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import NamedTuple

import pytest

from build.missing import missing

PROGRAM = shutil.which("docker-registry")


class Running(NamedTuple):
    """A registry that runs: its host, and the folder with everything it stores."""

    host: str
    folder: str


def needs_docker_registry() -> None:
    """Skip if the program is missing, unless continuous integration runs: there it is a failure."""
    if PROGRAM is None:
        missing("docker-registry is not installed (apt-get install docker-registry)")


@contextlib.contextmanager
def docker_registry(folder: str):
    """Run one, with everything in `folder`, until the block ends."""
    assert PROGRAM is not None
    os.makedirs(folder, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = os.path.join(folder, "config.yml")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(
            "version: 0.1\n"
            "log: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}\n"
            f"http: {{addr: 127.0.0.1:{port}}}\n"
        )
    with open(os.path.join(folder, "log"), "wb") as log:
        server = subprocess.Popen([PROGRAM, "serve", settings], stdout=log, stderr=log, env={"PATH": "/usr/bin:/bin"})
    try:
        _wait(f"http://127.0.0.1:{port}/v2/", server)
        yield Running(f"127.0.0.1:{port}", f"{folder}/data")
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def docker(tmp_path_factory):
    """A registry that the tests of a module share."""
    needs_docker_registry()
    with docker_registry(str(tmp_path_factory.mktemp("docker-registry"))) as running:
        yield running


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(500):
        assert server.poll() is None, "docker-registry ended"
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.02)
    raise AssertionError("docker-registry does not answer")
