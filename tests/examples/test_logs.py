"""The sample logs are those that their script writes, and tell the story that the demo shows."""

from __future__ import annotations

import shutil
from pathlib import Path

from build.running import command
from examples import build_logs

LOGS = Path(build_logs.__file__).parent / "logs"
SETTINGS = '[azure]\nregistries = ["wb-prod"]\n[monitor.parameters]\npipeline_identities = ["pipeline"]\n'
TOLD = {
    *("tag-moved", "registry-writer", "deployment-source", "deployment-unadmitted", "vault-enumeration", "egress-name"),
    "diagnostics-removed",
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_logs_are_those_of_the_script(tmp_path: Path) -> None:
    build_logs.write(tmp_path)
    assert contents(tmp_path) == contents(LOGS)


def test_the_break_in_is_told_once_and_the_morning_is_not(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weighbridge.toml").write_text(SETTINGS)
    words = ("monitor", "run", str(LOGS), "--state", "state.duckdb", "--format", "json", "--now")
    first = command(*words, "2026-03-02T12:00:00Z")
    assert first.status == 1
    document = first.json()
    assert {alert["detection"] for alert in document["alerts"]} == TOLD
    assert len(document["alerts"]) == len(TOLD)
    assert all("pipeline" not in alert["why"].split()[0] for alert in document["alerts"])
    assert (document["read"]["malformed"], document["read"]["duplicates"]) == (1, 1)
    again = command(*words, "2026-03-02T12:05:00Z")
    assert (again.status, again.json()["alerts"]) == (0, [])


def test_without_the_break_in_nothing_is_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weighbridge.toml").write_text(SETTINGS)
    monkeypatch.setattr(build_logs, "planted", list)
    build_logs.write(tmp_path / "logs")
    outcome = command("monitor", "run", "logs", "--now", "2026-03-02T12:00:00Z")
    assert (outcome.status, outcome.out.split()[:2]) == (0, ["NO", "ALERT"])
    shutil.rmtree(tmp_path / "logs")
