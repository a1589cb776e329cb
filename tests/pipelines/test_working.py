"""Workers: whatever becomes of the child, the job gets one end and a sentence, and the worker goes on."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from build.containers import safetensors
from build.pickles import system
from build.running import command
from weighbridge.core.errors import IndexFailed
from weighbridge.index.database import open_database
from weighbridge.index.jobs import Jobs, Submission
from weighbridge.pipelines.working import CHILD, Bounds, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from weighbridge.index.jobs import Job

WANTED = Submission("hf://org/net@main", "team/net:v1", "team/net", "sandbox", most_attempts=1)
QUICK = Bounds(seconds=20.0, memory_mb=0, lease=5.0, beat=0.05, poll=0.02)
HEAD = "import sys, json, time, os; asked = json.loads(sys.stdin.readline())\n"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    engine = open_database(f"sqlite:///{tmp_path}/index.db", create=True)
    yield Jobs(engine)
    engine.dispose()


def child(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-E", "-c", HEAD + code)


def say(document: str) -> str:
    return f"print(json.dumps({document}), flush=True)\n"


def worker(jobs: Jobs, code: str, bounds: Bounds = QUICK, logged: list[Any] | None = None) -> Worker:
    kept = logged if logged is not None else []
    return Worker(jobs, "", name="one", bounds=bounds, log=kept.append, child=child(code))


def ended(jobs: Jobs, job: Job) -> tuple[str, str]:
    result = jobs.result(job.id)
    assert result is not None
    return result.state, result.why


DONE = say("{'end': 'done', 'why': 'admitted', 'document': {'digest': 'd'}}")


@pytest.mark.parametrize(
    ("code", "state", "why"),
    [
        (DONE, "done", "admitted"),
        (say("{'end': 'refused', 'why': 'the verdict is malicious', 'document': {}}"), "refused", "the verdict is"),
        (say("{'end': 'failed', 'why': 'no such model', 'again': False}"), "failed", "no such model"),
        (say("{'end': 'failed', 'why': 'the registry is away', 'again': True}"), "failed", "the registry is away (1 t"),
        ("os.kill(os.getpid(), 9)", "failed", "ended with signal 9 and without a result"),
        ("sys.exit(7)", "failed", "ended with status 7 and without a result"),
        ("print('nonsense'); print('[1]'); print('{\"done\": \"x\"}')", "failed", "without a result"),
        (say("{'end': 'king', 'why': 'x'}"), "failed", "something that is no result"),
        (say("{'end': 'done', 'why': 'x', 'document': [1]}"), "failed", "something that is no result"),
        ("print('[' * 100000, flush=True)\n" + DONE, "done", "admitted"),
    ],
    ids=["done", "refused", "failed", "away", "killed", "left", "nonsense", "another end", "another result", "deep"],
)
def test_what_became_of_the_child_is_said_of_the_job(jobs: Jobs, code: str, state: str, why: str) -> None:
    made, _ = jobs.submit(WANTED, who="ada")
    worker(jobs, code).run(until_idle=True)
    got = ended(jobs, made)
    assert got[0] == state
    assert why in got[1]


def test_a_child_that_was_killed_is_tried_again(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.index.jobs.BACKOFF", 0.05)
    made, _ = jobs.submit(WANTED._replace(most_attempts=3), who="ada")
    mark = tmp_path / "mark"
    code = f"if not os.path.exists({str(mark)!r}):\n    open({str(mark)!r}, 'w'); os.kill(os.getpid(), 9)\n" + DONE
    one = worker(jobs, code)
    one.run(until_idle=True)
    time.sleep(0.1)
    one.run(until_idle=True)
    assert ended(jobs, made)[0] == "done"
    assert [event.what for event in jobs.events(made.id)] == ["submitted", "started", "retried", "started", "done"]


def test_a_child_that_hangs_is_ended_and_with_it_what_it_started(jobs: Jobs, tmp_path: Path) -> None:
    made, _ = jobs.submit(WANTED, who="ada")
    mark = tmp_path / "pid"
    code = (
        "import subprocess; one = subprocess.Popen(['sleep', '60'])\n"
        f"open({str(mark)!r}, 'w').write(str(one.pid))\ntime.sleep(60)"
    )
    worker(jobs, code, QUICK._replace(seconds=0.7)).run(until_idle=True)
    assert ended(jobs, made) == ("failed", "it took more than 0.7 seconds, which an intake has here")
    pid = int(mark.read_text())
    for _ in range(100):
        if gone(pid):
            return
        time.sleep(0.02)
    raise AssertionError("what the child started goes on")


def gone(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/stat") as file:
        return file.read().split()[2] == "Z"
    return True


@pytest.mark.parametrize(("megabytes", "state"), [(400, "failed"), (2000, "done")])
def test_memory_is_bounded_for_all_processes_of_a_job_together(
    jobs: Jobs, tmp_path: Path, megabytes: int, state: str
) -> None:
    """Three processes of 200 MB, none of which the kernel would stop: each keeps within what one may have."""
    made, _ = jobs.submit(WANTED, who="ada")
    mark = tmp_path / "pids"
    each = "import time; kept = bytearray(b'x') * 200_000_000; print(1, flush=True); time.sleep(60)"
    code = (
        "import subprocess, resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (400 * 2**20, 400 * 2**20))\n"
        f"many = [subprocess.Popen([sys.executable, '-S', '-E', '-c', {each!r}], stdout=-1, start_new_session=True)\n"
        "    for _ in range(3)]\n"
        f"open({str(mark)!r}, 'w').write(' '.join(str(one.pid) for one in many))\n"
        "print(json.dumps({'note': [one.stdout.readline().decode() for one in many]}), flush=True)\n"
        "time.sleep(1.5)\n"
        "[one.kill() for one in many]\n" + DONE
    )
    worker(jobs, code, QUICK._replace(memory_mb=megabytes)).run(until_idle=True)
    got = ended(jobs, made)
    assert got[0] == state
    if state == "failed":
        assert got[1] == "its processes together needed more than 400 MB of memory, which an intake may have here"
    for _ in range(200):
        if all(gone(int(pid)) for pid in mark.read_text().split()):
            return
        time.sleep(0.02)
    raise AssertionError("what the child started goes on")


def test_progress_is_told_and_cancelling_is_heard(jobs: Jobs) -> None:
    made, _ = jobs.submit(WANTED, who="ada")
    one = worker(jobs, say("{'note': 'weights.bin', 'done': 42}") + "time.sleep(60)")
    running = threading.Thread(target=lambda: one.run(until_idle=True))
    running.start()
    for _ in range(500):
        shown = jobs.find(made.id)
        assert shown is not None
        if shown.done_bytes:
            break
        time.sleep(0.01)
    assert (shown.state, shown.note, shown.done_bytes) == ("running", "weights.bin", 42)
    jobs.cancel(made.id, who="bob")
    running.join(10)
    assert ended(jobs, made) == ("cancelled", "cancelled while it ran")


def test_a_worker_that_is_told_to_stop_gives_the_job_back(jobs: Jobs) -> None:
    made, _ = jobs.submit(WANTED, who="ada")
    one = worker(jobs, "time.sleep(60)")
    running = threading.Thread(target=one.run)
    running.start()
    while jobs.counts()["running"] == 0:
        time.sleep(0.01)
    one.stop.set()
    running.join(10)
    shown = jobs.find(made.id)
    assert shown is not None
    assert (shown.state, shown.attempts) == ("waiting", 0)


class Away:
    """A queue whose index goes away after the first lease, until `back` is set."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs, self.back = jobs, False

    def __getattr__(self, name: str) -> Any:
        if name != "lease" and not self.back:
            raise IndexFailed("the index is away")
        return getattr(self._jobs, name)


def test_a_lease_that_cannot_be_renewed_ends_the_work_before_another_may_have_it(jobs: Jobs) -> None:
    jobs.submit(WANTED, who="ada")
    logged: list[Any] = []
    away: Any = Away(jobs)
    began = time.monotonic()
    worker(away, "time.sleep(60)", QUICK._replace(lease=1.0), logged).run(until_idle=True)
    assert time.monotonic() - began < 5
    assert [one["state"] for one in logged] == ["lost", "lost"] or [one["state"] for one in logged] == ["lost"]


def test_an_end_is_kept_until_the_index_is_back(jobs: Jobs) -> None:
    made, _ = jobs.submit(WANTED, who="ada")
    away: Any = Away(jobs)
    running = threading.Thread(target=lambda: worker(away, DONE).run(until_idle=True))
    running.start()
    time.sleep(0.5)
    assert jobs.result(made.id) is None
    away.back = True
    running.join(10)
    assert ended(jobs, made)[0] == "done"


# The child itself


def test_memory_is_bounded_and_said() -> None:
    code = (
        "import weighbridge.pipelines.intake_child as child\n"
        "child._take_in = lambda *_: bytearray(10**10)\n"
        "child.main()"
    )
    asked = b'{"memory_mb": 1024}\n'
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, env=environ()) as one:
        assert one.stdin is not None
        assert one.stdout is not None
        one.stdin.write(asked)
        one.stdin.flush()
        said = one.stdout.read()
    assert b'"failed"' in said
    assert b"needed more than 1024 MB of memory" in said


@pytest.mark.parametrize(
    ("limit", "deed", "why"),
    [
        ({"file_bytes": 50_000}, "open({file!r}, 'wb').write(bytes(60_000))", "it wrote a larger file than"),
        ({"open_files": 40}, "[open('/dev/null') for _ in range(40)]", "it had more files open than"),
        ({"file_bytes": 50_000}, "open({file!r}, 'wb').write(bytes(40_000)) and {done}", "well"),
        ({"open_files": 40}, "[open('/dev/null') for _ in range(20)] and {done}", "well"),
        ({}, "{done} if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) else None", "well"),
    ],
)
def test_each_limit_of_the_child_bites(tmp_path: Path, limit: dict[str, int], deed: str, why: str) -> None:
    done = {"end": "done", "why": "well", "again": False}
    code = (
        "import resource, weighbridge.pipelines.intake_child as child\n"
        f"child._take_in = lambda *_: {deed.format(file=str(tmp_path / 'large'), done=done)}\n"
        "child.main()"
    )
    asked = json.dumps({"memory_mb": 0, **limit}).encode()
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, env=environ()) as one:
        assert one.stdin is not None
        assert one.stdout is not None
        one.stdin.write(asked + b"\n")
        one.stdin.flush()
        said = json.loads(one.stdout.read())
    assert why in said["why"]
    assert said["end"] == ("done" if why == "well" else "failed")
    assert said["again"] is False


def test_a_worker_hands_its_limits_on(jobs: Jobs) -> None:
    made, _ = jobs.submit(WANTED, who="ada")
    told = "[asked[name] for name in ('memory_mb', 'file_bytes', 'open_files')]"
    code = say(f"{{'end': 'failed', 'why': str({told})}}")
    worker(jobs, code, QUICK._replace(memory_mb=77, file_bytes=88, open_files=99)).run(until_idle=True)
    assert ended(jobs, made) == ("failed", "[77, 88, 99]")


def test_the_child_leaves_with_its_worker() -> None:
    code = "import time, weighbridge.pipelines.intake_child as child\nchild._take_in = lambda *_: time.sleep(60)\nchild.main()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, env=environ()) as one:
        assert one.stdin is not None
        one.stdin.write(b'{"memory_mb": 0}\n')
        one.stdin.close()
        assert one.wait(30) == 3


def environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_real_intakes(tmp_path: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", environ()["PYTHONPATH"])
    assert command("init").status == 0
    for name in ("good", "bad"):
        (tmp_path / name).mkdir()
    (tmp_path / "good/model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    (tmp_path / "bad/model.pkl").write_bytes(system("echo"))
    good, _ = jobs.submit(WANTED._replace(source=f"{tmp_path}/good"), who="ada")
    bad, _ = jobs.submit(WANTED._replace(source=f"{tmp_path}/bad", target="team/bad:v1"), who="ada")
    gone, _ = jobs.submit(WANTED._replace(source=f"{tmp_path}/gone"), who="ada")
    one = Worker(jobs, "weighbridge.toml", name="one", bounds=QUICK._replace(memory_mb=2048), log=lambda _: None)
    assert one._child == CHILD
    one.run(until_idle=True)
    result = jobs.result(good.id)
    assert result is not None
    assert result.state == "done"
    assert result.document["schema"] == "weighbridge.intake/1"
    assert command("admit", "team/net:v1", "--stage", "sandbox").status == 0
    refused = jobs.result(bad.id)
    assert refused is not None
    assert refused.state == "refused"
    assert refused.document["report"]["findings"]
    assert "verdict is malicious" in refused.why
    assert ended(jobs, gone)[0] == "failed"


def test_the_command_works_and_stops_when_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    assert command("work", "--until-idle", "--quiet").status == 0
    words = [sys.executable, "-m", "weighbridge", "work", "--with-parent"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environ()) as one:
        assert one.stderr is not None
        assert b"waiting for intakes" in one.stderr.readline()
        assert one.stdin is not None
        one.stdin.close()
        assert one.wait(30) == 0
    assert signal.getsignal(signal.SIGTERM) is not None
