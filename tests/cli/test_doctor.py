"""`weighbridge doctor`: each thing that can be wrong is said to be, with its mend; what is optional shuts nothing."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from build.registry_server import Fault, serving
from build.running import command
from weighbridge.cli import doctor, doctor_checks
from weighbridge.cli.doctor_checks import EXTRAS, Check
from weighbridge.core import knowledge
from weighbridge.core.settings import EngineSettings, QuarantineSettings, Settings, SignerSettings, StagePolicy

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "probe", tuple)  # the walls have tests of their own
    assert command("init").status == 0
    return tmp_path


def checks(*words: str) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in command("doctor", *words, "--format", "json").json()["checks"]}


def test_everything_has_a_line_and_what_is_wrong_a_mend(project: Path) -> None:
    found = checks()
    assert {"weighbridge", "libraries", "settings", "knowledge", "signing key", "key file", "trusted keys"} <= set(
        found
    )
    assert {"registry", "decisions", "clock", "quarantine", "engines", "git", "sandbox"} <= set(found)
    assert {f"[{extra}]" for extra in EXTRAS} <= set(found)
    for name, check in found.items():
        assert check["text"], name
        assert check["well"] or check["mend"], name
    assert {name for name, check in found.items() if not (check["well"] or check["optional"])} == {"sandbox"}


def test_every_extra_is_looked_for() -> None:
    with open(ROOT / "pyproject.toml", "rb") as file:
        table = tomllib.load(file)["project"]["optional-dependencies"]
    named = {
        extra: {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}
        for extra, requirements in table.items()
        if extra not in ("dev", "engines")
    }
    assert named == {extra: set(packages) for extra, packages in EXTRAS.items()}


def test_text_shows_the_mend_below(project: Path) -> None:
    os.chmod(project / ".weighbridge" / "signing.pem", 0o644)
    outcome = command("doctor")
    assert outcome.status == 1
    _, _, after = outcome.out.partition("MISS  key file")
    assert re.match(r".*\(mode 644\)\n +mend: chmod 600 \S+signing\.pem\n", after)


def test_a_key_that_nobody_here_believes_is_told(project: Path) -> None:
    shutil.rmtree(project / ".weighbridge")
    (project / "weighbridge.toml").rename(project / "old.toml")
    (project / "trust.toml").rename(project / "kept.toml")
    assert command("init").status == 0
    (project / "kept.toml").replace(project / "trust.toml")
    found = checks()
    assert not found["own evidence"]["well"]
    assert found["own evidence"]["optional"]


def test_settings_that_cannot_be_read_hide_nothing_else(project: Path) -> None:
    (project / "weighbridge.toml").write_text("registri = 1\n")
    found = checks()
    assert found["settings"]["mend"] == "did you mean 'registries'?"
    assert "signing key" not in found
    assert found["knowledge"]["well"]


# Registry


def test_a_registry_that_answers(project: Path) -> None:
    with serving() as server:
        found = doctor_checks.registry(Settings(registry=f"{server.host}/models"))
        assert found.check.well
        assert found.date is not None
        assert abs(found.date - datetime.now(UTC)) < timedelta(minutes=1)
        server.faults.append(Fault("GET", "/v2/", status=403))
        shut = doctor_checks.registry(Settings(registry=f"{server.host}/models")).check
        assert not shut.well
        assert f"docker login {server.host}" in shut.mend
        server.faults.append(Fault("GET", "/v2/", status=404))
        assert "status 404" in doctor_checks.registry(Settings(registry=server.host)).check.text
        gone = server.host
    lost = doctor_checks.registry(Settings(registry=gone)).check
    assert not lost.well
    assert lost.mend
    assert doctor_checks.registry(Settings(registry=gone), ask=False).check.well


def test_a_registry_in_a_folder(tmp_path: Path) -> None:
    assert doctor_checks.registry(Settings(registry=f"oci:{tmp_path}/new")).check.well
    (tmp_path / "index.json").write_text("{")
    assert not doctor_checks.registry(Settings(registry=f"oci:{tmp_path}")).check.well
    assert not doctor_checks.registry(Settings()).check.well


# Knowledge and clock


def test_knowledge_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    day = doctor_checks.knowledge_day(knowledge.load_knowledge().version)
    assert day is not None
    assert doctor_checks.knowledge(Settings(), day + timedelta(days=90)).well
    old = doctor_checks.knowledge(Settings(), day + timedelta(days=91))
    assert (old.well, old.optional) == (False, True)
    strict = Settings(stages={"production": StagePolicy(max_knowledge_age_days=7)})
    assert doctor_checks.knowledge(strict, day + timedelta(days=7)).well
    late = doctor_checks.knowledge(strict, day + timedelta(days=8))
    assert (late.well, late.optional) == (False, False)
    assert doctor_checks.knowledge_day("none") is None


def test_knowledge_that_was_changed_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(knowledge.FOLDER, tmp_path / "kept")
    monkeypatch.setattr(doctor_checks, "FOLDER", str(tmp_path / "kept"))
    assert doctor_checks.knowledge(Settings(), NOW).well
    with open(tmp_path / "kept" / "classes" / "numpy.tsv", "a", encoding="utf-8") as file:
        file.write("os.system\tinert\n")
    os.remove(tmp_path / "kept" / "secrets.json")
    found = doctor_checks.knowledge(Settings(), NOW)
    assert not found.well
    assert "secrets.json, numpy" in found.text


@pytest.mark.parametrize(
    ("seen", "well"),
    [
        ({"the last decision": NOW + timedelta(minutes=9)}, True),
        ({"the last decision": NOW + timedelta(minutes=11)}, False),
        ({"the knowledge": NOW + timedelta(days=1)}, False),
        ({"the knowledge": NOW - timedelta(days=1), "the last decision": None}, True),
        ({"the answer of the registry": NOW - timedelta(minutes=11)}, False),
        ({"the answer of the registry": NOW - timedelta(minutes=9)}, True),
    ],
)
def test_a_clock_that_is_wrong_is_seen(seen: dict[str, datetime | None], well: bool) -> None:
    found = doctor_checks.clock(NOW, seen)
    assert found.well is well
    assert well or "NTP" in found.mend


# Extras, engines, room


def missing(*gone: str) -> Any:
    return lambda package: "" if package in gone else "1.0"


def test_an_extra_that_the_settings_need_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    def state(settings: Settings, extra: str) -> tuple[bool, bool]:
        (found,) = (check for check in doctor_checks.extras(settings) if check.name == f"[{extra}]")
        return found.well, found.optional

    monkeypatch.setattr(doctor_checks, "_version", missing("azure-identity", "sigstore", "cel-expr-python"))
    vault = Settings(key="azure-key-vault:https://v.example.invalid/keys/k/1")
    assert state(Settings(), "azure") == (False, True)
    assert state(vault, "azure") == (False, False)
    assert state(vault, "sigstore") == (False, True)
    assert state(Settings(key="sigstore"), "sigstore") == (False, False)
    assert state(Settings(signer=SignerSettings(timestamp="https://t.example.invalid")), "sigstore") == (False, False)
    assert state(Settings(stages={"staging": StagePolicy(cel=("true",))}), "cel") == (False, False)
    assert state(Settings(), "hub") == (True, False)


def test_a_library_of_another_version_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor_checks.libraries().well
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["urllib3>=2.5,<3", "x; extra == 'dev'"])
    assert doctor_checks.libraries().well
    monkeypatch.setattr(doctor_checks, "_version", lambda _: "1.26")
    assert "urllib3 1.26, wanted" in doctor_checks.libraries().text
    monkeypatch.setattr(doctor_checks, "_version", lambda _: "")
    assert "urllib3 is missing" in doctor_checks.libraries().text


def test_an_engine_that_a_stage_demands_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.engines.find.shutil.which", lambda _: None)
    monkeypatch.setattr("weighbridge.engines.find.sys.executable", str(tmp_path / "python"))
    program = tmp_path / "picklescan"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    here = EngineSettings(paths={"picklescan": str(program)})
    found = doctor_checks.engines(Settings(engines=here))
    assert (found.well, found.optional) == (False, True)
    assert found.text.startswith("picklescan; not installed: ")
    asks = {"production": StagePolicy(engines=("modelscan",))}
    demanded = doctor_checks.engines(Settings(engines=here, stages=asks))
    assert (demanded.well, demanded.optional) == (False, False)
    assert "modelscan" in demanded.mend


def test_a_quarantine_without_room_or_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Settings(quarantine=QuarantineSettings(folder=f"{tmp_path}/a/b"))
    assert f"{tmp_path}/a/b, " in doctor_checks.quarantine(there, "/none").text
    monkeypatch.setattr(doctor_checks, "LEAST_FREE", 1 << 62)
    small = doctor_checks.quarantine(Settings(quarantine=QuarantineSettings(most_bytes=1 << 61)), str(tmp_path))
    assert (small.well, small.optional) == (False, True)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert not doctor_checks.quarantine(there, "/none").well


def test_a_log_that_is_none(tmp_path: Path) -> None:
    assert doctor_checks.index(Settings(index_address=f"sqlite:///{tmp_path}/none.db"))[0].well
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)
    found, newest = doctor_checks.index(Settings(index_address=f"sqlite:///{tmp_path}/broken.db"))
    assert (found.well, newest) == (False, None)
    assert found.mend


def test_hostile_names_are_shown_harmlessly() -> None:
    (line, mend) = doctor._lines(Check("registry", well=False, text="a\x1b[2Jb", mend="c\x1b[2Jd"))
    assert "\x1b" not in line + mend
