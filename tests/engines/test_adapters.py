"""Every adapter on what its engine really prints, on what it prints when it cannot read, and on what nobody prints."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from build import stand_ins
from build.pickles import STOP, proto, system
from weighbridge.core.artifact import CoverageBytes, InspectedFile
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
from weighbridge.core.findings import Severity
from weighbridge.engines import find
from weighbridge.engines.answers import document, finding, location
from weighbridge.engines.ask import ENGINES, ask, chosen, program_of, report_of
from weighbridge.engines.base import MOST_FINDINGS, Answer, EngineReport, Wanted
from weighbridge.sandbox import run as sandbox
from weighbridge.sandbox.records import Outcome, Walls

if TYPE_CHECKING:
    from pathlib import Path

EVIL = proto(2) + system() + STOP
FORMATS = {"evil.pkl": "pickle", "cut.pkl": "pickle", "net.pt": "torch-zip", "code.py": "python"}

pytestmark = pytest.mark.skipif(not sandbox.candidates() and not os.environ.get("CI"), reason="no sandbox here")


@pytest.fixture
def model(place: Path) -> Path:
    folder = place / "model"
    folder.mkdir()
    for name in FORMATS:
        (folder / name).write_bytes(EVIL)
    (folder / "a.ipynb").write_text("{}")
    (folder / "readme.txt").write_text("hello marker")
    return folder


def asked(name: str, place: Path, top: Path, *, seconds: int = 20, **answer: Any) -> EngineReport:
    program = stand_ins.stand_in(place / name, **answer)
    rules = place / "rules.yar"
    rules.write_text("rule marker { condition: true }")
    wanted = Wanted((name,), {name: program}, str(rules), seconds, unsafe=False)
    names = sorted(os.listdir(top)) if top.is_dir() else [top.name]
    nothing = digest_bytes(b"")
    files = [InspectedFile(each, 0, nothing, FORMATS.get(each, ""), CoverageBytes(0, 0, 0)) for each in names]
    (report,) = ask([(ENGINES[name], program)], str(top), files, wanted, lambda _: None)
    assert report.name == name
    return report


def places(report: EngineReport) -> set[str]:
    return {found.location for found in report.findings}


def test_picklescan(place: Path, model: Path) -> None:
    report = asked("picklescan", place, model, out=stand_ins.PICKLESCAN_FOUND, status=1)
    assert (report.verdict, report.status, report.files) == ("malicious", "ran", 4)
    assert places(report) == {"net.pt!net/data.pkl", "evil.pkl"}
    assert {found.rule for found in report.findings} == {"engine/picklescan"}


def test_picklescan_that_could_not_parse_is_not_clean_though_its_status_says_so(place: Path, model: Path) -> None:
    answer = {"out": stand_ins.PICKLESCAN_SUMMARY, "err": stand_ins.PICKLESCAN_UNREAD, "status": 0}
    report = asked("picklescan", place, model, **answer)
    assert (report.verdict, report.status) == ("incomplete", "partly")
    assert "could not parse cut.pkl as pickle" in report.why


def test_modelscan(place: Path, model: Path) -> None:
    report = asked("modelscan", place, model, out=stand_ins.modelscan(issues=True, errors=False), status=1)
    assert (report.verdict, report.version, report.files) == ("malicious", "0.8.8", 3)
    assert places(report) == {"net.pt!net/data.pkl", "evil.pkl"}


def test_modelscan_on_one_file_names_it_in_the_same_way(place: Path, model: Path) -> None:
    answer = {"out": stand_ins.modelscan(issues=True, errors=False), "status": 1}
    assert "net.pt!net/data.pkl" in places(asked("modelscan", place, model / "net.pt", **answer))


@pytest.mark.parametrize("status", [2, 3])
def test_modelscan_that_could_not_parse_is_not_clean(place: Path, model: Path, status: int) -> None:
    said = stand_ins.modelscan(issues=False, errors=True, scanned=0)
    report = asked("modelscan", place, model, out=said, status=status)
    assert (report.verdict, report.status) == ("incomplete", "partly")


def test_fickling_is_asked_about_each_pickle(place: Path, model: Path) -> None:
    report = asked("fickling", place, model, out=stand_ins.FICKLING_FOUND, status=1)
    assert (report.verdict, report.files) == ("malicious", 3)
    assert places(report) == {"evil.pkl", "cut.pkl", "net.pt"}


def test_fickling_that_finds_nothing_is_clean(place: Path, model: Path) -> None:
    report = asked("fickling", place, model, out=stand_ins.FICKLING_CLEAN)
    assert (report.verdict, report.status, report.files) == ("clean", "ran", 3)


def test_fickling_that_cannot_parse_is_not_clean(place: Path, model: Path) -> None:
    report = asked("fickling", place, model, err="Error: No pickle files detected\n", status=2)
    assert (report.verdict, report.status) == ("incomplete", "partly")


def test_fickling_whose_status_and_words_differ_is_not_clean(place: Path, model: Path) -> None:
    """Of several pickles in one file only the last is written down; the status is of all."""
    assert asked("fickling", place, model, out=stand_ins.FICKLING_CLEAN, status=1).verdict == "suspicious"


def test_modelaudit(place: Path, model: Path) -> None:
    report = asked("modelaudit", place, model, out=stand_ins.modelaudit(issues=True, incomplete=False), status=1)
    assert (report.verdict, report.status, report.files) == ("malicious", "ran", 6)
    assert places(report) == {"net.pt!net/data.pkl@38"}


def test_modelaudit_that_stopped_is_not_clean(place: Path, model: Path) -> None:
    report = asked("modelaudit", place, model, out=stand_ins.modelaudit(issues=False, incomplete=True), status=1)
    assert (report.verdict, report.status) == ("incomplete", "partly")
    assert "Pickle parsing failed" in report.why


def test_nbdefense_reports_secrets_but_a_secret_is_not_malice(place: Path, model: Path) -> None:
    report = asked("nbdefense", place, model, out=stand_ins.nbdefense(found=True))
    assert (report.verdict, places(report)) == ("suspicious", {"a.ipynb"})
    assert asked("nbdefense", place / "again", model, out=stand_ins.nbdefense(found=False)).verdict == "clean"


def test_nbdefense_that_could_not_read_is_not_clean(place: Path, model: Path) -> None:
    answer = {"out": stand_ins.nbdefense(found=False), "err": stand_ins.NBDEFENSE_UNREAD}
    assert asked("nbdefense", place, model, **answer).verdict == "incomplete"


def test_semgrep(place: Path, model: Path) -> None:
    report = asked("semgrep", place, model, out=stand_ins.semgrep(found=True))
    assert (report.verdict, report.version, places(report)) == ("malicious", "1.185.0", {"code.py@78"})
    assert report.findings[0].references == ("CWE-506",)


@pytest.mark.parametrize("answer", [{"errors": True}, {"scanned": False}])
def test_semgrep_that_left_something_out_is_not_clean(place: Path, model: Path, answer: dict[str, bool]) -> None:
    assert asked("semgrep", place, model, out=stand_ins.semgrep(found=False, **answer)).verdict == "incomplete"


def test_yara_takes_the_severity_of_the_rule(place: Path, model: Path) -> None:
    report = asked("yara-x", place, model, out=stand_ins.yara(found=True))
    assert (report.verdict, report.findings[0].severity) == ("clean", Severity.MEDIUM)
    assert report.findings[0].evidence.text == "marker $a a marker"


def test_yara_that_could_not_read_is_not_clean(place: Path, model: Path) -> None:
    assert asked("yara-x", place, model, out=stand_ins.yara(found=False, errors=True)).verdict == "incomplete"


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    "answer",
    [
        {"out": ""},
        {"out": "Traceback (most recent call last):\n", "status": 1},
        {"out": "[" * 200_000},
        {"out": "[]"},
        {"out": '{"files": 1}'},
        {"out": "{}", "status": 7},
        {"before": "kill -9 $$"},
        {"before": "exec sleep 60", "seconds": 1},
    ],
    ids=["nothing", "traceback", "deep", "list", "other", "status", "killed", "slow"],
)
def test_an_engine_that_gives_no_answer_is_said_and_never_clean(
    place: Path, model: Path, name: str, answer: dict[str, Any]
) -> None:
    if answer.get("seconds") and name not in ("picklescan", "fickling"):
        pytest.skip("the same for all")
    report = asked(name, place, model, **answer)
    assert report.verdict == "incomplete"
    assert report.status in ("failed", "partly")
    assert report.why


def test_an_answer_without_end_is_cut(place: Path, model: Path) -> None:
    report = asked(
        "modelaudit", place, model, before="while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done"
    )
    assert (report.status, report.verdict) == ("failed", "incomplete")
    assert "limit of output" in report.why


@pytest.mark.parametrize("name", ["fickling", "nbdefense", "semgrep"])
def test_an_engine_without_a_file_that_it_reads_says_nothing(place: Path, name: str) -> None:
    folder = place / "model"
    folder.mkdir()
    (folder / "readme.txt").write_text("hello")
    report = asked(name, place, folder, status=9)
    assert (report.verdict, report.status) == ("not-applicable", "ran")


def test_reading_no_file_is_no_statement() -> None:
    assert report_of("x", Answer(files=0), "").verdict == "not-applicable"
    assert report_of("x", Answer(files=1), "").verdict == "clean"


def test_findings_beyond_the_most_are_said() -> None:
    one = finding("x", Severity.LOW, "t", "p", "e")
    report = report_of("x", Answer((one,) * (MOST_FINDINGS + 1), files=1), "")
    assert (len(report.findings), report.verdict) == (MOST_FINDINGS, "incomplete")


def test_findings_are_in_an_order_of_their_own() -> None:
    low, high = finding("x", Severity.LOW, "t", "a", "e"), finding("x", Severity.HIGH, "t", "b", "e")
    assert report_of("x", Answer((low, high), files=1), "") == report_of("x", Answer((high, low), files=1), "")


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"[" * 100_000, b'"x"', b"\xff"])
def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="answer"):
        document(raw)


def test_a_place_is_written_as_weighbridge_writes_it(place: Path) -> None:
    from weighbridge.engines.base import File, Job

    job = Job("", str(place), [File("a!b.pt", "a%21b.pt", "")], "", "")
    outcome = Outcome("exit", 0, b"", b"", Walls("none", 0, seccomp=False), {"model": "/in/model"})
    assert location("/in/model/a!b.pt:x/y", outcome, job, ":") == "a%21b.pt!x/y"
    assert location("/in/model/other", outcome, job, ":") == "other"
    assert location("/elsewhere", outcome, job) == "/elsewhere"


def test_what_an_engine_may_read_is_never_the_home_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place))
    for folder in (place / "bin", place / ".local" / "bin"):
        folder.mkdir(parents=True)
        program = folder / "picklescan"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        with pytest.raises(UsageError, match="no engine may read"):
            find.roots(str(program))


def test_the_version_is_read_and_not_asked_for(place: Path) -> None:
    program = stand_ins.stand_in(place / "venv", before="touch /asked")
    (place / "venv/lib/python3.11/site-packages/yara_x-1.23.0.dist-info").mkdir(parents=True)
    assert find.version_of(program, "yara-x") == "1.23.0"
    assert find.version_of(program, "yara") == ""


def test_a_missing_engine_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for name, engine in ENGINES.items():
        if find.version_of(sys.executable, engine.distribution):
            continue
        with pytest.raises(UsageError) as caught:
            program_of(engine, "")
        assert "not installed" in caught.value.cause
        assert engine.install in caught.value.mend
        with pytest.raises(UsageError):
            program_of(engine, f"/nonexistent/{name}")


def test_yara_without_rules_is_an_error(place: Path) -> None:
    python = stand_ins.stand_in(place / "venv")
    (place / "venv/lib/python3.11/site-packages/yara_x-1.23.0.dist-info").mkdir(parents=True)
    with pytest.raises(UsageError, match="no rules"):
        chosen(Wanted(("yara-x",), {"yara-x": python}, "", 1, unsafe=False))
    with pytest.raises(UsageError, match="no file with rules"):
        chosen(Wanted(("yara-x",), {"yara-x": python}, str(place / "missing"), 1, unsafe=False))
