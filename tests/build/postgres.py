"""A PostgreSQL of one test on a socket of its own: Debian's package installs it. It never listens on the network."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from build.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIES = 500


def _programs() -> str:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    beside = shutil.which("initdb")
    return os.path.dirname(found[-1] if found else beside) if found or beside else ""


def needs_postgres() -> None:
    """Skip if it is missing, unless continuous integration runs: there it is a failure."""
    if not _programs():
        missing("PostgreSQL is not installed (apt install postgresql)")


class Server:
    """A running server. `address` is what SQLAlchemy opens; `kill` is what a power cut does, `start` begins again."""

    def __init__(self, folder: str) -> None:
        self._folder, self._process = folder, None
        # It refuses to run as root, and its files must then belong to whom it runs as.
        self._who = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        words = ["initdb", "-D", f"{folder}/data", "-U", "index", "-A", "trust", "-E", "UTF8", "--no-sync"]
        self._run(words)
        self.address = f"postgresql+psycopg://index@/postgres?host={folder}"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # What it wrote outlives its processes in the memory of the system; only a power cut needs the disk.
        words = [f"{_programs()}/postgres", "-D", f"{self._folder}/data", "-k", self._folder]
        words += ["-c", "listen_addresses=", "-c", "fsync=off"]
        with open(f"{self._folder}/log", "ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, env=self._env(), **self._who)
        for _ in range(TRIES):
            assert self._process.poll() is None, "PostgreSQL ended"
            asked = subprocess.run(
                [f"{_programs()}/pg_isready", "-q", "-h", self._folder, "-U", "index"], check=False, env=self._env()
            )
            if asked.returncode == 0:
                return
            time.sleep(0.02)
        raise AssertionError("PostgreSQL does not answer")

    def kill(self) -> None:
        """Every process of it at once, without a word."""
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], check=False, capture_output=True, text=True
        )
        for one in (self._process.pid, *map(int, children.stdout.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it, whoever is still connected."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def fresh(self, name: str) -> str:
        """The address of a new, empty database."""
        self._run(["createdb", "-h", self._folder, "-U", "index", name])
        return self.address.replace("/postgres?", f"/{name}?")

    def _run(self, words: list[str]) -> None:
        done = subprocess.run(
            [f"{_programs()}/{words[0]}", *words[1:]],
            check=False,
            capture_output=True,
            text=True,
            env=self._env(),
            cwd="/",
            **self._who,
        )
        assert done.returncode == 0, done.stderr

    def _env(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "HOME": self._folder, "LC_ALL": "C.UTF-8"}


@contextlib.contextmanager
def postgres() -> Iterator[Server]:
    """One server, until the block ends. Its folder has a short name: a socket's path has 107 bytes at most."""
    folder = tempfile.mkdtemp(prefix="pg-", dir="/tmp")
    server = None
    try:
        server = Server(folder)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
