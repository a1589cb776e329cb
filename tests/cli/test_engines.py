"""`scan --engine` as people and scripts see it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build import stand_ins
from build.pickles import STOP, proto, system
from build.running import Outcome, command
from weighbridge.sandbox import run as sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

EVIL = proto(2) + system() + STOP
HONEST = proto(2) + b"K\x01."
CLEAN = {"out": stand_ins.PICKLESCAN_SUMMARY}
FOUND = {
    "out": "@MODEL@/model.pkl: dangerous import '\x1b[2Jposix system' FOUND\n" + stand_ins.PICKLESCAN_SUMMARY,
    "status": 1,
}

pytestmark = pytest.mark.skipif(not sandbox.candidates() and not os.environ.get("CI"), reason="no sandbox here")


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in list(os.environ):
        if name.startswith("WEIGHBRIDGE_"):
            monkeypatch.delenv(name)
    folder = Path(tempfile.mkdtemp(prefix="weighbridge-test-"))
    folder.chmod(0o755)
    for name, content in (("honest", HONEST), ("evil", EVIL)):
        (folder / name).mkdir()
        (folder / name / "model.pkl").write_bytes(content)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    yield folder
    shutil.rmtree(folder)


def scan(place: Path, model: str, answer: dict, *words: str) -> Outcome:
    program = stand_ins.stand_in(Path(tempfile.mkdtemp(dir=place)), **answer)
    return command("scan", place / model, "--engine", "picklescan", "--engine-path", f"picklescan={program}", *words)


@pytest.mark.parametrize(
    ("model", "answer", "status", "split", "ours", "theirs"),
    [
        ("honest", CLEAN, 0, 0, "clean", "clean"),
        ("honest", FOUND, 1, 11, "clean", "malicious"),
        ("evil", CLEAN, 1, 11, "malicious", "clean"),
        ("honest", {"status": 1}, 1, 12, "clean", "incomplete"),
        ("honest", {"before": "kill -9 $$"}, 1, 12, "clean", "incomplete"),
    ],
    ids=["both clean", "only theirs", "only ours", "no answer", "killed"],
)
def test_both_must_be_clean_and_neither_changes_the_other(
    place: Path, model: str, answer: dict, status: int, split: int, ours: str, theirs: str
) -> None:
    outcome = scan(place, model, answer, "--format", "json")
    assert outcome.status == status
    document = outcome.json()
    assert document["verdict"] == ours
    (engine,) = document["engines"]
    assert (engine["name"], engine["verdict"]) == ("picklescan", theirs)
    assert scan(place, model, answer, "--exit-verdict").status == split


def test_the_report_is_the_same_with_and_without_engines(place: Path) -> None:
    alone = command("scan", place / "evil", "--format", "json").json()
    beside = scan(place, "evil", FOUND, "--format", "json").json()
    assert "engines" not in alone
    del beside["engines"]
    for document in (alone, beside):
        del document["envelope"]
    assert alone == beside


def test_a_finding_of_an_engine_counts_from_the_same_threshold(place: Path) -> None:
    suspicious = {"out": FOUND["out"].replace("dangerous", "suspicious"), "status": 1}
    assert scan(place, "honest", suspicious).status == 0
    assert scan(place, "honest", suspicious, "--fail-on", "medium").status == 1


def test_agreement_and_disagreement_stand_side_by_side(place: Path) -> None:
    out = scan(place, "honest", FOUND).out
    assert out.startswith("CLEAN")
    assert "picklescan" in out
    assert "malicious  differs" in out
    assert "\x1b" not in out
    assert "\\x1b[2Jposix system" in out
    assert "malicious  agrees" in scan(place, "evil", FOUND).out


@pytest.mark.parametrize("form", ["sarif", "markdown", "junit"])
def test_every_other_form_says_what_engines_say(place: Path, form: str) -> None:
    outcome = scan(place, "honest", FOUND, "--format", form)
    assert outcome.status == 1
    assert "picklescan" in outcome.out
    assert "\x1b" not in outcome.out
    assert "differs" in outcome.out
    assert "picklescan" not in command("scan", place / "honest", "--format", form).out


def test_a_hostile_name_is_a_name_and_nothing_else(place: Path) -> None:
    model = place / "honest" / "{rules}\n--path=x.pkl"
    model.write_bytes(HONEST)
    echo = {**CLEAN, "before": '[ "$#" = 2 ] || exit 9'}
    assert scan(place, "honest", echo).status == 0


def test_a_single_file_keeps_its_name(place: Path) -> None:
    outcome = scan(place, "honest/model.pkl", {**CLEAN, "before": "case $model in */model.pkl) ;; *) exit 9 ;; esac"})
    assert outcome.status == 0


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["--engine", "picklescn"], "did you mean 'picklescan'?"),
        (["--engine", "picklescan", "--engine-path", "picklescan=/nonexistent"], "no program that could be started"),
        (["--engine", "picklescan", "--engine-path", "picklescan"], "NAME=PROGRAM"),
        (["--engine", "nbdefense"], "not installed"),
        (["--engine", "picklescan", "--format", "html"], "use any other format"),
        (["--yara-rules", "x.yar"], "add --engine NAME"),
        (["--unsafe-no-sandbox"], "add --engine NAME"),
    ],
)
def test_what_cannot_be_asked_is_status_2(place: Path, words: list[str], cause: str) -> None:
    outcome = command("scan", place / "honest", *words)
    assert outcome.status == 2
    assert outcome.out == ""
    assert cause in outcome.err


def test_without_walls_it_refuses_unless_told_otherwise(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "candidates", list)
    outcome = scan(place, "honest", CLEAN)
    assert outcome.status == 2
    assert "no sandbox can be built here" in outcome.err
    outcome = scan(place, "honest", CLEAN, "--unsafe-no-sandbox", "--format", "json")
    assert outcome.status == 0
    assert outcome.json()["engines"][0]["walls"] == "none"


def test_settings_name_programs_and_refuse_what_they_do_not_know(place: Path) -> None:
    program = stand_ins.stand_in(place / "venv", **CLEAN)
    settings = place / "weighbridge.toml"
    settings.write_text(f'[engines]\nseconds = 20\n[engines.paths]\npicklescan = "{os.path.relpath(program, place)}"\n')
    words = ("scan", place / "honest", "--engine", "picklescan", "--config", settings)
    assert command(*words).status == 0
    for text, cause in (
        ("[engines.paths]\npicklescn = 'x'\n", "did you mean 'picklescan'?"),
        ("[engines]\nsecond = 1\n", "did you mean 'seconds'?"),
        ("[engines]\nseconds = 0\n", "above zero"),
        ("[engines]\nunsafe_no_sandbox = 1\n", "neither true nor false"),
        ("engines = 1\n", "is no table"),
    ):
        settings.write_text(text)
        outcome = command(*words)
        assert (outcome.status, cause in outcome.err) == (2, True), outcome.err


def test_the_list_says_what_is_there_and_what_to_install(place: Path) -> None:
    program = stand_ins.stand_in(place / "venv")
    outcome = command("scan", "--engine", "list", "--engine-path", f"picklescan={program}")
    assert outcome.status == 0
    assert "ok    picklescan" in outcome.out
    assert "MISS  nbdefense" in outcome.out


def test_nothing_is_left_of_the_copy(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = place / "scratch"
    scratch.mkdir(mode=0o755)
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert command("scan", place / "honest", "--engine", "yara-x").status == 2
    scan(place, "honest", CLEAN)
    (ours,) = scratch.iterdir()
    assert sorted(os.listdir(ours)) == ["lock", "unfinished"]
    assert os.listdir(ours / "unfinished") == []
