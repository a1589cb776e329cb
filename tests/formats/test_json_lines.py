"""JSON Lines: every line is read, a broken one is told, and what hides in one is found."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import pickles as p
from build.inspecting import rules_of, scanned
from weighbridge.core.limits import Limits

LINES = [{"step": step, "loss": 1 / (step + 1), "text": f"line {step}, with {{braces}} and é"} for step in range(50)]
HONEST = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES).encode()
TROJAN = base64.b64encode(p.proto(2) + p.system() + p.STOP).decode()


@pytest.mark.parametrize("name", ["train.jsonl", "log.ndjson", "data.json", "trainer_log"])
def test_lines_of_documents_are_clean(tmp_path, name):
    report = scanned(tmp_path, name, HONEST)
    assert report.verdict.value == "clean"
    assert report.artifact.files[0].format == "json-lines"


@pytest.mark.parametrize(
    "content", [HONEST.rstrip(b"\n"), HONEST.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + HONEST, HONEST + b"\n\n"]
)
def test_ends_of_lines_and_marks_do_not_matter(tmp_path, content):
    assert scanned(tmp_path, "train.jsonl", content).verdict.value == "clean"


def test_one_document_in_many_lines_is_no_list_of_lines(tmp_path):
    report = scanned(tmp_path, "config.json", json.dumps({"a": {"b": 1}, "c": [1, 2]}, indent=1).encode())
    assert report.artifact.files[0].format == "hub-config"
    assert report.verdict.value == "clean"


def test_a_pickle_in_one_line_is_found_and_placed(tmp_path):
    hostile = json.dumps({"step": 3, "state": TROJAN}).encode() + b"\n"
    report = scanned(tmp_path, "train.jsonl", HONEST + hostile + HONEST)
    assert report.verdict.value == "malicious"
    (found,) = (finding for finding in report.findings if finding.rule == "config/embedded-object")
    assert int(found.location.rpartition("@")[2]) == len(HONEST) + hostile.index(TROJAN.encode())


def test_code_that_a_line_names_is_told(tmp_path):
    report = scanned(tmp_path, "configs.jsonl", HONEST + b'{"_target_": "os.system", "command": "id"}\n')
    assert report.verdict.value in ("suspicious", "malicious")


@pytest.mark.parametrize("line", [b'{"a": NaN}', b'{"a": 1', b"{}{}", b'{"a": "\xff"}', b"plain text"])
def test_a_broken_line_is_unread_and_the_others_are_read(tmp_path, line):
    hostile = json.dumps({"state": TROJAN}).encode()
    report = scanned(tmp_path, "train.jsonl", HONEST + line + b"\n" + hostile + b"\n")
    assert any("line is broken" in one.why and one.location.endswith(f"@{len(HONEST)}") for one in report.unread)
    assert "config/embedded-object" in rules_of(report)


def test_many_broken_lines_end_the_reading(tmp_path):
    report = scanned(tmp_path, "train.jsonl", HONEST + b"broken\n" * 500)
    assert report.verdict.value == "incomplete"
    assert len(report.unread) < 200


def test_a_line_that_is_too_long_is_searched_and_told(tmp_path):
    long = json.dumps({"text": "word " * 1000}).encode() + b"\n"
    report = scanned(tmp_path, "train.jsonl", HONEST + long + HONEST, limits=Limits(document=2000))
    assert report.verdict.value == "incomplete"
    assert "document" in report.limits_reached
    coverage = report.artifact.files[0].coverage
    assert (coverage.opaque, coverage.data) == (0, len(long))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([b'{"a": 1}', b"[]", b"", b"{"])), max_size=12))
def test_any_lines_are_accounted_for(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("lines")
    content = b'{"a": 1}\n{"b": 2}\n' + b"\n".join(lines)
    report = scanned(folder, "x.jsonl", content)
    coverage = report.artifact.files[0].coverage
    assert sum(coverage) == len(content)
    assert not any("parser failed" in one.why for one in report.unread)
