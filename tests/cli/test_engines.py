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


def stage(place: Path, **answer: object) -> None:
    """A project whose production asks for picklescan, which answers like this."""
    program = stand_ins.stand_in(Path(tempfile.mkdtemp(dir=place)), **answer)
    assert command("init").status == 0
    path = Path("weighbridge.toml")
    text = path.read_text().replace("[stage.production]\n", '[stage.production]\nengines = ["picklescan"]\n')
    path.write_text(f'{text}\n[engines.paths]\npicklescan = "{program}"\n')


def take_in(place: Path, *words: str) -> Outcome:
    (place / "json").mkdir(exist_ok=True)
    (place / "json" / "config.json").write_text('{"model_type": "net"}')
    return command("intake", place / "json", "--to", "oci:registry:net:v1", "--format", "json", *words)


def admitted() -> dict[str, str]:
    document = command("admit", "oci:registry:net:v1", "--stage", "production", "--format", "json").json()
    return {one["requirement"]: one["result"] for one in document["reasons"] if one["result"] != "met"}


def test_a_stage_asks_engines_at_the_first_gate_and_their_answers_at_the_second(place: Path) -> None:
    stage(place, **CLEAN)
    taken = take_in(place, "--stage", "production")
    assert taken.status == 0, taken
    assert [one["name"] for one in taken.json()["engines"]] == ["picklescan"]
    assert "https://weighbridge.dev/predicate/engines/v1" in {one["type"] for one in taken.json()["evidence"]}
    assert admitted() == {}


def test_a_model_that_no_engine_was_asked_about_is_denied_where_one_is_wanted(place: Path) -> None:
    stage(place, **CLEAN)
    assert take_in(place, "--stage", "staging").status == 0
    assert admitted() == {"engines-ran": "unmet"}


def test_engines_that_are_asked_for_by_hand_count_too(place: Path) -> None:
    stage(place, **CLEAN)
    assert take_in(place, "--stage", "staging", "--engine", "picklescan").status == 0
    assert admitted() == {}


@pytest.mark.parametrize("answer", [FOUND, {"status": 1}, {"before": "kill -9 $$"}])
def test_what_an_engine_does_not_pass_is_not_stored(place: Path, answer: dict) -> None:
    """Neither what it found something in, nor what it gave no answer about."""
    stage(place, **answer)
    (place / "pickled").mkdir()
    shutil.copy(place / "honest" / "model.pkl", place / "pickled" / "model.pkl")
    lines = [line for line in Path("weighbridge.toml").read_text().splitlines() if not line.startswith("pickle =")]
    Path("weighbridge.toml").write_text("\n".join(lines).replace("engines =", 'pickle = "allow"\nengines ='))
    outcome = command("intake", place / "pickled", "--to", "oci:registry:pickled:v1", "--stage", "production")
    assert outcome.status == 1, outcome
    assert "REFUSED  picklescan says" in outcome.out
    assert command("admit", "oci:registry:pickled:v1", "--stage", "production").status == 2


def test_an_engine_that_is_not_here_stops_the_intake_before_anything_is_read(place: Path) -> None:
    stage(place, **CLEAN)
    text = Path("weighbridge.toml").read_text()
    Path("weighbridge.toml").write_text(
        text[: text.index("[engines.paths]")] + '[engines.paths]\npicklescan = "/nonexistent"\n'
    )
    outcome = take_in(place, "--stage", "production")
    assert outcome.status == 2
    assert "picklescan" in outcome.err
