"""in-toto statements: the same bytes for the same evidence, and one meaning only when read."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.attest.statement import Statement, Subject, read_statement, statement, write_statement
from weighbridge.core.artifact import Artifact
from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.errors import Rejected
from weighbridge.core.evidence import SCAN_PREDICATE, Tool
from weighbridge.core.findings import Verdict
from weighbridge.scan.report import Envelope, ScanReport

MODEL = Digest("ab" * 32)
MANIFEST = Digest("cd" * 32)


class Note(NamedTuple):
    """The smallest evidence."""

    subject: Digest = MODEL
    content: Any = "ü"
    kind: str = "note"
    predicate_type: str = "https://example.test/note"

    def predicate(self) -> dict[str, Any]:
        return {"note": self.content, "a": 1}


def test_a_statement_has_these_bytes():
    made = statement(Note(), [Subject("manifest", MANIFEST), Subject("files", MODEL)])
    assert (
        made
        == (
            '{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":1,"note":"ü"},'
            '"predicateType":"https://example.test/note","subject":['
            f'{{"digest":{{"sha256":"{"cd" * 32}"}},"name":"manifest"}},{{"digest":{{"sha256":"{"ab" * 32}"}},"name":"files"}}]}}'
        ).encode()
    )


def test_the_evidence_is_always_bound_to_its_own_digest():
    read = read_statement(statement(Note(), [Subject("manifest", MANIFEST)]))
    assert read.subjects == (Subject("manifest", MANIFEST), Subject("model", MODEL))


def test_a_scan_report_comes_back_as_it_was():
    report = ScanReport(
        Verdict.CLEAN, Artifact("m", MODEL, ()), (), (), (), "2026.1", Tool(), Envelope("2026-01-01T00:00:00Z", "", "h")
    )
    read = read_statement(statement(report, []))
    assert read == Statement((Subject("model", MODEL),), SCAN_PREDICATE, report.predicate())


@pytest.mark.parametrize("content", ["\ud800", float("nan"), object(), {1, 2}])
def test_what_json_cannot_hold_is_refused(content):
    with pytest.raises(Rejected) as caught:
        statement(Note(content=content), [])
    assert caught.value.code == "evidence-malformed"


GOOD = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "m", "digest": {"sha256": "ab" * 32}}],
    "predicateType": "https://example.test/note",
    "predicate": {},
}


def refused(payload):
    with pytest.raises(Rejected) as caught:
        read_statement(payload)
    assert caught.value.code == "evidence-malformed"
    return str(caught.value)


def changed(**fields):
    return json.dumps({**GOOD, **fields}).encode()


def test_big_integers_and_unknown_fields_survive():
    read = read_statement(changed(predicate={"size": 2**60 + 1}, later=True))
    assert read.predicate["size"] == 2**60 + 1


def test_a_subject_may_have_no_name_and_more_digests():
    read = read_statement(changed(subject=[{"digest": {"gitCommit": "12"}}, {"digest": {"sha256": "ab" * 32}}]))
    assert read.subjects == (Subject("", MODEL),)


@pytest.mark.parametrize("field", ["_type", "subject", "predicateType", "predicate"])
@pytest.mark.parametrize("value", [None, 7, True, 1.5])
def test_wrong_types_are_refused(field, value):
    assert field in refused(changed(**{field: value}))
    assert field in refused(json.dumps({key: GOOD[key] for key in GOOD if key != field}).encode())


@pytest.mark.parametrize(
    "subject",
    [
        [],
        ["m"],
        [{}],
        [{"digest": {}}],
        [{"digest": {"sha256": 5}}],
        [{"digest": {"sha256": "AB" * 32}}],
        [{"digest": {"sha256": "ab" * 31}}],
        [{"digest": {"sha512": "ab" * 64}}],
        [{"digest": {"sha256": "ab" * 32}}, {"digest": {"sha256": "x"}}],
        [{"digest": {"sha256": "ab" * 32}, "name": 5}],
    ],
)
def test_bad_subjects_are_refused(subject):
    refused(changed(subject=subject))


def test_another_statement_type_is_refused():
    assert "https://in-toto.io/Statement/v0.1" in refused(changed(_type="https://in-toto.io/Statement/v0.1"))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"predicate":{"a":1,"a":2}}',
        json.dumps(GOOD).encode()[:-1] + b',"predicateType":"https://example.test/other"}',
        b'{"predicate":{"a":NaN}}',
        b'{"predicate":{"a":1e999}}',
        b'{"predicate":{"a":"\\ud800"}}',
        json.dumps(GOOD).encode("utf-16"),
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
        b"\xff",
        b"",
        b"[]",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_ambiguous_json_is_refused(payload):
    assert "JSON" in refused(payload)


def test_hostile_text_in_errors_is_harmless():
    assert "\x1b" not in refused(changed(_type="\x1b[2J"))


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["_type", "subject", "digest", "sha256", "predicate", "name"]), inner)))  # fmt: skip
def test_any_json_is_read_or_refused(value):
    with suppress(Rejected):
        assert read_statement(json.dumps(value).encode()).subjects


@given(st.binary())
def test_any_bytes_are_read_or_refused(payload):
    with pytest.raises(Rejected):
        read_statement(payload)


def test_written_statements_are_read_again():
    subject = Subject("x", digest_bytes(b"x"))
    assert read_statement(write_statement([subject], "t", {"p": []})) == Statement((subject,), "t", {"p": []})
