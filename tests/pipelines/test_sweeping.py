"""Everything is judged again, once, whatever works on it and whenever it is stopped; what changed is said."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

import weighbridge.rules
from build import pickles
from build.containers import safetensors
from build.running import command
from build.sheets import BAD, CLEAN, REGISTRY, fill, rows, sheet
from weighbridge.core.errors import IndexFailed, UsageError
from weighbridge.index.database import open_database, writing
from weighbridge.index.sheets import changes_of, read_range, verdicts
from weighbridge.pipelines import sweeping
from weighbridge.pipelines.sweeping import Processes, judge_range, judge_row, open_lanes, sweep
from weighbridge.scan.packed_facts import LEFT_OUT, pack, unpack
from weighbridge.scan.report import BlobFacts
from weighbridge.scan.stored_facts import KINDS, UnknownFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.pipelines.sweeping import Judged

ROOT = Path(__file__).parents[2]


class Here:
    """Lanes in this process. `after`: how many ranges are judged before it fails."""

    width = 2

    def __init__(self, after: int = 10**9) -> None:
        self.left = after
        self.asked: list[tuple[int, int]] = []

    def submit(self, address: str, first: int, last: int, within: str, /) -> Future[Judged]:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        self.asked.append((first, last))
        future: Future[Judged] = Future()
        future.set_result(judge_range(address, first, last, within))
        return future

    def first_done(self, running: set[Future[Judged]], /) -> set[Future[Judged]]:
        return set(list(running)[:1])

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _engine_ends(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever sweeps keeps the engine of its address until its process ends; here every test has another address."""
    place = request.getfixturevalue("address") if "address" in request.fixturenames else ""
    yield
    if place:
        sweeping._engine(place).dispose()
    sweeping._engine.cache_clear()


def test_no_rule_looks_at_facts_that_are_left_out() -> None:
    judged = frozenset().union(*weighbridge.rules.JUDGED.values())
    assert not judged & LEFT_OUT
    sources = (ROOT / "src/weighbridge/rules").glob("*.py")
    named = re.compile(rf"\b(?:{'|'.join(LEFT_OUT)})\b")
    assert not [path.name for path in sources if named.search(path.read_text(encoding="utf-8"))]


def test_a_sheet_is_what_was_packed_but_for_those() -> None:
    blobs = (*CLEAN, *BAD)
    found = unpack(pack(["a", "b"], blobs, unread=True))
    assert (found.files, found.unread) == (frozenset("ab"), True)
    kept = [[fact for fact in blob.facts if type(fact).__name__ not in LEFT_OUT] for blob in blobs]
    assert [list(blob.facts) for blob in found.blobs] == kept
    assert [blob[:3] for blob in found.blobs] == [blob[:3] for blob in blobs]


def test_every_type_of_fact_survives_the_sheet() -> None:
    values = {
        "str": "x",
        "CallMode": "call",
        "int": 3,
        "bool": True,
        "tuple[int, ...]": (1, 2),
        "tuple[str, ...]": ("a",),
    }
    facts = tuple(kind(*(values[kind.__annotations__[field]] for field in kind._fields)) for kind in KINDS.values())
    found = unpack(pack([], [BlobFacts("one", "pickle", 1, facts)], unread=False))
    assert set(found.blobs[0].facts) == {fact for fact in facts if type(fact).__name__ not in LEFT_OUT}


@pytest.mark.parametrize("raw", [b"", b"nonsense", sheet(CLEAN)[:-9], sheet(CLEAN)[:20] + b"\0" + sheet(CLEAN)[21:]])
def test_a_broken_sheet_is_none(raw: bytes) -> None:
    with pytest.raises(UnknownFacts):
        unpack(raw)


def test_a_sheet_of_another_version_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = sheet(CLEAN)
    monkeypatch.setattr("weighbridge.scan.packed_facts.LAYOUT", "another")
    with pytest.raises(UnknownFacts, match="another version"):
        unpack(raw)


def test_what_became_worse_and_better_is_said(address: str) -> None:
    worse, better, same = (REGISTRY + f"/{name}" for name in ("worse", "better", "same"))
    bad = judge_row(next(rows(1, sheet(BAD))))
    fill(
        address,
        [
            next(rows(1, sheet(BAD)))._replace(repository=worse),
            next(rows(1, sheet(CLEAN), "malicious"))._replace(repository=better),
            next(rows(1, sheet(BAD), bad[0], bad[1]))._replace(repository=same),
            next(rows(1, b"broken"))._replace(repository=REGISTRY + "/unknown"),
            next(rows(1, sheet(CLEAN, unread=True), "incomplete"))._replace(repository=REGISTRY + "/unread"),
        ],
    )
    found = sweep(address, Here())
    assert found.counts == {"clean": 1, "incomplete": 1, "malicious": 2, "unknown": 1}
    assert {(change.repository, change.was, change.now) for change in found.changes} == {
        (worse, "clean", "malicious"),
        (better, "malicious", "clean"),
        (REGISTRY + "/unknown", "clean", "unknown"),
    }
    assert [change.repository for change in found.worse] == [REGISTRY + "/unknown", worse]
    assert "pickle/dangerous-import critical" in found.worse[1].rules
    again = sweep(address, Here())
    assert again.counts == found.counts
    assert not again.changes
    assert again.sweep != found.sweep


def test_facts_of_an_older_parser_are_named(address: str) -> None:
    old = (BlobFacts("model.safetensors", "safetensors", 0, ()), BlobFacts("x", "gone", 1, ()))
    fill(address, rows(1, sheet(old)))
    found = sweep(address, Here())
    assert found.outdated[0].outdated[0].startswith("gone")
    assert len(found.outdated[0].outdated) == 2
    assert not found.worse


def test_a_sweep_that_was_stopped_goes_on(address: str) -> None:
    fill(address, rows(100, sheet(BAD)))
    stopped = Here(after=12)
    with pytest.raises(KeyboardInterrupt):
        sweep(address, stopped, size=5)
    fill(address, [row._replace(repository="registry.example/new") for row in rows(7, sheet(CLEAN))])
    rest = Here()
    found = sweep(address, rest, size=5)
    assert found.counts == {"clean": 7, "malicious": 100}
    assert len(found.changes) == 100
    assert found.judged < 107
    assert len(set(stopped.asked + rest.asked)) >= 22
    assert sweep(address, Here(), size=50).judged == 107


def test_only_what_is_below_a_name_is_judged(address: str) -> None:
    fill(address, rows(70, sheet(BAD)))
    found = sweep(address, Here(), within=f"{REGISTRY}/team-3/", size=4)
    assert found.counts == {"malicious": 10}
    assert not sweep(address, Here(), within="registry.example/team_3/").models
    engine = open_database(address)
    assert verdicts(engine) == {"clean": 60, "malicious": 10}
    engine.dispose()


def test_a_model_that_is_written_again_is_judged_once(address: str) -> None:
    fill(address, rows(10, sheet(CLEAN)))
    fill(address, rows(10, sheet(BAD)))
    assert sweep(address, Here()).counts == {"malicious": 10}


def test_a_range_is_recorded_wholly_or_not_at_all(address: str) -> None:
    fill(address, rows(10, sheet(BAD)))
    engine = open_database(address)
    with writing(engine) as connection:
        connection.execute(text("DROP TABLE sweep_changes"))
    with pytest.raises(IndexFailed):
        sweep(address, Here(), size=5)
    with writing(engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM sweep_ranges")).scalar() == 0
    assert {row.verdict for row in read_range(engine, 1, 10)} == {"clean"}
    engine.dispose()


def test_processes_find_what_one_finds(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/index.db"
    fill(address, [*rows(60, sheet(BAD)), *(row._replace(repository="b") for row in rows(60, sheet(CLEAN)))])
    lanes = Processes(2)
    try:
        assert sweep(address, lanes, size=7).counts == {"clean": 60, "malicious": 60}
    finally:
        lanes.close()


CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    nothing = {"dashboard_address": None, "worker_dashboard_address": None, "host": "127.0.0.1"}
    with LocalCluster(n_workers=2, threads_per_worker=1, **nothing) as cluster:
        print(cluster.scheduler_address.replace("tcp://", "dask://"), flush=True)
        sys.stdin.read()
"""
SWEEP = """
import sys
from weighbridge.pipelines.sweeping import open_lanes, sweep
lanes = open_lanes(sys.argv[2])
found = sweep(sys.argv[1], lanes, size=7)
lanes.close()
print(found.counts, len(found.changes))
"""


def test_a_cluster_finds_what_one_finds(tmp_path: Path) -> None:
    """In processes of its own: Dask changes how its process pickles exceptions."""
    address = f"sqlite:///{tmp_path}/index.db"
    fill(address, rows(60, sheet(BAD)))
    (tmp_path / "cluster.py").write_text(CLUSTER, encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen([sys.executable, tmp_path / "cluster.py"], env=environ, cwd=tmp_path, **pipes) as cluster:
        place = cluster.stdout.readline().strip()
        words = [sys.executable, "-c", SWEEP, address, place]
        swept = subprocess.run(words, env=environ, capture_output=True, text=True, check=True, timeout=120)
        cluster.stdin.close()
    assert swept.stdout.strip() == "{'malicious': 60} 60"


def test_an_engine_that_is_none_is_a_sentence() -> None:
    with pytest.raises(UsageError, match="is no engine"):
        open_lanes("spark://x")
    words = [sys.executable, "-c", SWEEP, "sqlite://", "dask://127.0.0.1:9"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    asked = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, timeout=120)
    assert "does not answer" in asked.stderr


RUN = """
import sys
from weighbridge.pipelines.sweeping import Processes, sweep
if __name__ == "__main__":
    lanes = Processes(1)
    print(sweep(sys.argv[1], lanes, size=2).counts, flush=True)
    lanes.close()
"""


def test_a_killed_sweep_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/index.db"
    fill(address, rows(200, sheet(BAD)))
    (tmp_path / "run.py").write_text(RUN, encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    engine = open_database(address)
    for wanted in (10, 60, 130):
        child = subprocess.Popen([sys.executable, tmp_path / "run.py", address], env=environ, start_new_session=True)
        while verdicts(engine).get("malicious", 0) < wanted and child.poll() is None:
            time.sleep(0.005)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    found = sweep(address, Here(), size=2)
    assert found.counts == {"malicious": 200}
    assert len({change.manifest for change in found.changes}) == len(found.changes) == 200
    assert found.judged < 200
    assert len(changes_of(engine, sweeping.begin(engine, "x", "", sweeping.datetime.now(sweeping.UTC)), 9)) == 0
    engine.dispose()


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weighbridge.toml").write_text('index = "sqlite:///index.db"\n', encoding="utf-8")
    missing = command("sweep", "--jobs", "1")
    assert missing.status == 2
    assert "no index" in missing.err
    fill(
        f"sqlite:///{tmp_path}/index.db",
        [*rows(3, sheet(BAD)), *(row._replace(repository="r.example/b") for row in rows(2, sheet(CLEAN)))],
    )
    shown = command("sweep", "--jobs", "1")
    assert shown.status == 1
    assert shown.out.startswith(
        "3 of 5 models are judged worse than before\nWORSE  clean → malicious  registry.example/team-0/model@"
    )
    assert "\n    pickle/dangerous-import critical\n" in shown.out
    again = command("sweep", REGISTRY, "--jobs", "1", "--format", "json")
    assert again.status == 0
    assert json.loads(again.out)["verdicts"]["malicious"] == 3
    assert json.loads(again.out)["models"] == 3
    assert command("sweep", "--jobs", "-1").status == 2
    elsewhere = command("sweep", "registry.example/typo", "--jobs", "1")
    assert elsewhere.status == 2
    assert "no model of registry.example/typo is in the index" in elsewhere.err
    fill(f"sqlite:///{tmp_path}/index.db", [next(rows(1, b"broken"))._replace(repository="u.example/b")])
    for _ in range(2):  # unknown is no pass, however often it is said
        unknown = command("sweep", "u.example/", "--jobs", "1")
        assert unknown.status == 1
        assert "1 models have facts that cannot be judged" in unknown.out


def test_what_was_taken_in_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From intake to the index to the sweep; knowledge that comes later counts, and is told once."""
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    for name, content in (
        ("good", safetensors({"a": bytes(8)})),
        ("bad", pickles.proto(2) + pickles.global_("nobody", "Thing") + b"."),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("m.pkl" if name == "bad" else "m.safetensors")).write_bytes(content)
        taken = command("intake", name, "--to", f"oci:registry:team/{name}:v1", "--stage", "sandbox")
        assert taken.status == 0, taken.err
    rebuilt = command("index", "rebuild")
    assert rebuilt.status == 0, rebuilt.err
    assert command("sweep", "--jobs", "1").out.startswith("0 of 2 models are judged worse than before")
    address = f"sqlite:///{tmp_path}/.weighbridge/index.db"
    engine = open_database(address)
    with writing(engine) as connection:  # as if it had been judged by those who knew less
        connection.execute(text("UPDATE sheets SET verdict = 'clean', rules = '[]'"))
    engine.dispose()
    worse = command("sweep", "oci:registry", "--jobs", "1")
    assert worse.status == 1
    assert f"oci:{tmp_path}/registry:team/bad@" in worse.out
    assert command("admit", "team/bad:v1", "--stage", "sandbox").status in (0, 1)  # tells the index of the model again
    assert command("sweep", "--jobs", "1").status == 0
