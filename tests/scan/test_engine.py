"""The engine: what an artifact is, what is left unread, and that nothing makes it fail."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import pickles as p
from build.containers import safetensors, torch_zip
from build.inspecting import KNOWLEDGE, inspected, rules_of, scanned
from weighbridge.cli.progress import silent
from weighbridge.core.digests import canonical_json
from weighbridge.core.errors import SourceError
from weighbridge.core.facts import Span
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Limits
from weighbridge.formats.safetensors import Safetensors
from weighbridge.sandbox.tree import remove
from weighbridge.scan import engine
from weighbridge.scan.engine import inspect, judge_facts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from weighbridge.core.reader import Reader

GOOD = safetensors({"w": b"12345678"}, metadata={"format": "pt"})


def test_a_missing_path_and_an_empty_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        inspected(tmp_path / "missing")
    with pytest.raises(SourceError, match="nothing to inspect"):
        inspected(tmp_path)


def test_the_digest_covers_names_and_contents_and_not_the_place(tmp_path: Path) -> None:
    def digest(files: dict[str, bytes], place: str) -> str:
        folder = tmp_path / place
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return str(inspected(folder).report.artifact.digest)

    base = digest({"a": b"1", "b/c": b"2"}, "one")
    assert digest({"a": b"1", "b/c": b"2"}, "two") == base
    assert digest({"a": b"2", "b/c": b"1"}, "three") != base
    assert digest({"a": b"1", "b/d": b"2"}, "four") != base


def test_the_same_bytes_give_the_same_report(tmp_path: Path) -> None:
    for name, content in (("b.pkl", p.proto(2) + p.system() + p.STOP), ("a.safetensors", GOOD), ("c.bin", b"\1\2\3")):
        (tmp_path / name).write_bytes(content)
    first, second = (inspected(tmp_path).report.predicate() for _ in range(2))
    first.pop("envelope"), second.pop("envelope")
    assert canonical_json(first) == canonical_json(second)


def test_links_out_of_the_artifact_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.pkl"
    outside.write_bytes(p.proto(2) + p.system() + p.STOP)
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights.pkl").symlink_to(outside)
    (model / "loop").symlink_to(".")
    (model / "real.safetensors").write_bytes(GOOD)
    (model / "alias.safetensors").symlink_to("real.safetensors")
    report = inspected(model).report
    assert report.verdict is Verdict.SUSPICIOUS
    assert {file.path for file in report.artifact.files} == {"real.safetensors", "alias.safetensors"}
    severities = {
        finding.location: finding.severity.value for finding in report.findings if finding.rule == "file/link"
    }
    assert severities == {"weights.pkl": "high", "loop": "high", "alias.safetensors": "low"}


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pkl")
    assert inspected(tmp_path).report.verdict is Verdict.INCOMPLETE


def test_a_file_that_cannot_be_opened_is_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.safetensors").write_bytes(GOOD)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(engine.os, "open", refuse)
    report = inspected(tmp_path).report
    assert report.verdict is Verdict.INCOMPLETE
    assert "Permission denied" in report.unread[0].why


def test_settings_in_the_artifact_are_a_finding(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(GOOD)
    (tmp_path / "weighbridge.toml").write_text('fail_on = "critical"\n')
    assert "file/judge-settings" in rules_of(inspected(tmp_path).report)


@pytest.mark.parametrize("name", ["\x1b]0;owned\x07.txt", "a\nb.txt", "txt.\u202egpj.txt"])
def test_names_that_mislead_are_findings_and_never_raw(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, b"hello\n")
    assert "file/odd-name" in rules_of(report)
    assert report.artifact.files[0].path.isprintable() or "\u202e" in report.artifact.files[0].path


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"bad\xff.txt")).write_bytes(b"hello\n")
    report = inspected(tmp_path).report
    assert report.artifact.files[0].path == "bad%FF.txt"
    assert "file/odd-name" in rules_of(report)
    canonical_json(report.predicate())


def test_the_git_folder_is_no_part_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_bytes(b"\0")
    (tmp_path / "a.safetensors").write_bytes(GOOD)
    report = inspected(tmp_path).report
    assert report.verdict is Verdict.CLEAN
    assert rules_of(report) == {"file/left-out"}


def test_an_empty_file_and_unknown_bytes(tmp_path: Path) -> None:
    assert "file/empty" in rules_of(scanned(tmp_path, "a.bin", b""))
    report = scanned(tmp_path, "b.bin", b"\xf1\xf2\xf3\xf4")
    assert report.verdict is not Verdict.CLEAN
    assert any(unread.location == "b.bin@0" and unread.size == 4 for unread in report.unread)


@pytest.mark.parametrize("size", [1000, 9 * 1024 * 1024])
def test_a_file_that_changes_while_it_is_read_is_incomplete(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors({"w": bytes(size)}))
    stat = path.stat()
    reading = Safetensors().parse

    def meddling(data: Reader, info: object, budget: object) -> Iterator[object]:
        yield from reading(data, info, budget)  # type: ignore[arg-type]
        with path.open("r+b") as file:
            file.seek(9)
            file.write(b"X")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + (size < 10_000)))

    monkeypatch.setattr(Safetensors, "parse", lambda _, data, info, budget: meddling(data, info, budget))
    report = inspected(path).report
    assert report.verdict is Verdict.INCOMPLETE
    assert any("changed" in unread.why for unread in report.unread)


def test_a_parser_that_fails_makes_incomplete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> Iterator[object]:
        yield Span(0, 4, "parsed")
        raise ZeroDivisionError

    monkeypatch.setattr(Safetensors, "parse", failing)
    report = scanned(tmp_path, "a.safetensors", GOOD)
    assert report.verdict is Verdict.INCOMPLETE
    assert "parser failed" in report.unread[0].why
    assert report.artifact.files[0].coverage.opaque == len(GOOD)


def test_stored_facts_give_the_same_findings_without_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(p.proto(2) + p.system() + p.STOP + b"rest")
    (tmp_path / "b.bin").write_bytes(b"\1\2\3")
    inspection = inspected(tmp_path)
    files = frozenset(file.path for file in inspection.report.artifact.files)
    assert judge_facts(list(inspection.facts.blobs), KNOWLEDGE, files) == inspection.report.findings


SEEDS = [
    GOOD,
    torch_zip([("FloatStorage", "0", bytes(16))], {"FloatStorage": 4}),
    p.proto(4) + p.system() + p.STOP,
    b'{"architectures": ["A"], "x": "' + b"QUJDREVGR0hJSktMTU5PUFFSU1Q=" + b'"}',
    gzip.compress(b"hello" * 100, mtime=0),
    b"\x89PNG\r\n\x1a\n\0\0\0\x00IEND\xaeB`\x82",
    b"plain text\n" * 20,
]
NAMES = ["m.safetensors", "m.pt", "m.pkl", "config.json", "m.gz", "m.png", "m.txt", "m"]


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(SEEDS),
    name=st.sampled_from(NAMES),
    edits=st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=9), st.integers(0, 9)), max_size=6),
)
def test_mutated_files_always_get_a_verdict_and_full_coverage(
    tmp_path: Path, seed: bytes, name: str, edits: list[tuple[int, bytes, int]]
) -> None:
    content = seed
    for place, inserted, removed in edits:
        at = place % (len(content) + 1)
        content = content[:at] + inserted + content[at + removed :]
    (tmp_path / name).write_bytes(content)
    report = inspect(str(tmp_path / name), knowledge=KNOWLEDGE, limits=Limits(), watcher=silent()).report
    file = report.artifact.files[0]
    assert sum(file.coverage) == len(content)
    assert not any("parser failed" in unread.why for unread in report.unread), report.unread
    if file.coverage.opaque:
        assert report.verdict is not Verdict.CLEAN
    canonical_json(report.predicate())


def test_folders_deeper_than_a_function_calls_itself_are_walked(tmp_path: Path, monkeypatch: Any) -> None:
    inner = tmp_path / "model"
    inner.mkdir()
    monkeypatch.chdir(inner)
    for _ in range(1200):
        os.mkdir("a")
        os.chdir("a")
    with open("x.py", "w") as file:
        file.write("import os\nos.system('echo x')\n")
    monkeypatch.undo()
    report = inspected(inner).report
    assert report.verdict.value == "malicious"
    assert [len(file.path) for file in report.artifact.files] == [2 * 1200 + 4]
    remove(str(inner))
