"""An intake that is killed at any moment: nothing half-done is seen, and the next one cleans up or goes on."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from build import killed_intakes
from build.containers import safetensors
from build.hub_server import hub
from build.running import command

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TIMES = 50
FILES = {
    "README.md": b"# A model\n",
    "config.json": b'{"model_type": "net"}',
    "model-00001-of-00002.safetensors": safetensors({"a": bytes(range(256)) * 1000}),
    "model-00002-of-00002.safetensors": safetensors({"b": bytes(range(255, -1, -1)) * 1000}),
}


def test_an_intake_that_is_killed_leaves_nothing_half_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    with open("weighbridge.toml", "a", encoding="utf-8") as file:
        file.write('\n[quarantine]\nfolder = "q"\n')
    chance = random.Random(20)
    with hub("org/name", FILES) as ours:
        ours.wrong.piece, ours.wrong.slow = 16384, 0.001
        environ = {**os.environ, "HF_ENDPOINT": ours.endpoint, "HF_HOME": str(tmp_path / "hf")}
        environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        words = [sys.executable, killed_intakes.__file__, "hf://org/name@main"]
        starter = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True)
        with starter:
            _run(starter, "oci:registry:first:v1", None)
            took = _run(starter, "oci:registry:first:v2", None)[0]
            killed = 0
            for number in range(10 * TIMES):
                seconds = chance.uniform(0, 0.9 * took)
                lasted, status = _run(starter, f"oci:registry:name:v{number}", seconds)
                killed += status == -signal.SIGKILL
                if status == 0:  # it was faster than the one that was measured
                    took = min(took, lasted)
                _nothing_is_half_done(tmp_path, number, status)
                if killed == TIMES:
                    break
                if number % 2:  # every other one goes on, every other one begins anew
                    shutil.rmtree("q/unfinished", ignore_errors=True)
            assert killed == TIMES, "most intakes ended before they could be killed"
            ours.seen.clear()
            assert _run(starter, "oci:registry:last:v1", None)[1] == 0
            starter.stdin.close()
    assert sorted(os.listdir("q")) == ["lock", "unfinished"]
    assert command("admit", "oci:registry:last:v1", "--stage", "sandbox").status == 0


def test_what_a_killed_intake_had_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    with open("weighbridge.toml", "a", encoding="utf-8") as file:
        file.write('\n[quarantine]\nfolder = "q"\n')
    with hub("org/name", FILES) as ours:
        ours.wrong.piece, ours.wrong.slow = 4096, 0.02
        environ = {**os.environ, "HF_ENDPOINT": ours.endpoint, "HF_HOME": str(tmp_path / "hf")}
        environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        words = [sys.executable, killed_intakes.__file__, "hf://org/name@main"]
        starter = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True)
        with starter:
            starter.stdin.write("oci:registry:name:v1\n")
            starter.stdin.flush()
            child = int(starter.stdout.readline())
            _wait_for(lambda: any("model-00002" in path for path in ours.paths("storage")))
            _wait_for(lambda: _size_of_parts(tmp_path) > 8192)
            os.kill(child, signal.SIGKILL)
            assert int(starter.stdout.readline()) == -signal.SIGKILL
            ours.wrong.slow = 0
            ours.seen.clear()
            assert _run(starter, "oci:registry:name:v1", None)[1] == 0
            starter.stdin.close()
        asked = {path: seen.headers.get("range", "") for seen in ours.seen if (path := seen.path.partition("?")[0])}
    assert "/model-00001-of-00002.safetensors" not in asked, "a whole file was fetched again"
    assert asked["/model-00002-of-00002.safetensors"].startswith("bytes="), "a part was fetched again"
    assert not os.listdir("q/unfinished")


def _size_of_parts(top: Path) -> int:
    return sum(path.stat().st_size for path in top.glob("q/intake-*/parts/sha256-*"))


def _wait_for(what) -> None:
    for _ in range(1000):
        if what():
            return
        time.sleep(0.01)
    raise AssertionError("it does not come")


def _run(starter: subprocess.Popen[str], reference: str, seconds: float | None) -> tuple[float, int]:
    """One intake, killed after so many seconds; how long it took and how it ended."""
    started = time.monotonic()
    starter.stdin.write(f"{reference}\n")
    starter.stdin.flush()
    child = int(starter.stdout.readline())
    if seconds is not None:
        time.sleep(seconds)
        # It is a zombie until its parent looks, or the parent looked already and nobody has this id.
        if str(starter.pid) in _stat(child):
            os.kill(child, signal.SIGKILL)
    status = int(starter.stdout.readline())
    return time.monotonic() - started, status


def _stat(process: int) -> list[str]:
    """What the system says of a process; nothing if there is none. It may go between opening and reading."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return file.read().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _nothing_is_half_done(top: Path, number: int, status: int) -> None:
    reference = f"oci:registry:name:v{number}"
    gate = command("admit", reference, "--stage", "sandbox")
    assert gate.status == (0 if status == 0 else gate.status)
    assert gate.status in (0, 2), "the registry shows a model that is not whole"
    for blob in (top / "registry" / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    for folder in (top / "q").glob("*-*"):
        model = folder / "model"
        if folder.name.startswith("intake-") and model.exists():
            assert {path: (model / path).read_bytes() for path in FILES} == FILES
        for found in folder.glob("objects/*"):
            assert hashlib.sha256(found.read_bytes()).hexdigest() == found.name
