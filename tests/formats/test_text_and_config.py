"""Serialized objects hidden in text, and what is and is not plain text."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import zlib
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.inspecting import rules_of, scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

EVIL = p.proto(4) + p.system() + p.STOP
OLD = b"cos\nsystem\n(S'id'\ntR."
b64 = lambda raw: base64.b64encode(raw).decode()  # noqa: E731
HIDDEN = {
    "base64": b64(EVIL),
    "base64 without padding": b64(EVIL).rstrip("="),
    "base64 in lines": "\n".join(b64(EVIL)[i : i + 20] for i in range(0, len(b64(EVIL)), 20)),
    "base64 of another alphabet": base64.urlsafe_b64encode(EVIL + b"\xfb\xff\xbe").decode(),
    "a data address": "data:application/octet-stream;base64," + b64(EVIL),
    "hexadecimal": EVIL.hex(),
    "hexadecimal with a prefix": "0x" + EVIL.hex(),
    "zlib": b64(zlib.compress(EVIL)),
    "gzip": b64(gzip.compress(EVIL)),
    "bzip2": b64(bz2.compress(EVIL)),
    "xz": b64(lzma.compress(EVIL)),
    "base64 of base64": b64(b64(EVIL).encode()),
    "hexadecimal of zlib of base64": zlib.compress(b64(EVIL).encode()).hex(),
    "the oldest protocol in base64": b64(OLD),
    "the oldest protocol as it is": OLD.decode(),
    "the newest protocol as it is": EVIL.decode("latin-1"),
    "inside a longer text": f"exec(__import__('pickle').loads(b64decode('{b64(EVIL)}')))",
}


@pytest.mark.parametrize("value", HIDDEN.values(), ids=HIDDEN.keys())
def test_a_pickle_hidden_in_a_configuration_is_found_and_followed(tmp_path: Path, value: str) -> None:
    report = scanned(tmp_path, "config.json", json.dumps({"a": {"b": [1, value]}}).encode())
    assert {"config/embedded-object", "pickle/dangerous-call"} <= rules_of(report)
    assert report.verdict is Verdict.MALICIOUS
    assert any("config.json!a.b.1:" in finding.location for finding in report.findings)


def test_the_location_is_the_place_in_the_document(tmp_path: Path) -> None:
    content = json.dumps({"first": "x" * 50, "second": b64(EVIL)}).encode()
    report = scanned(tmp_path, "config.json", content)
    found = next(finding for finding in report.findings if finding.rule == "config/embedded-object")
    assert found.location == f"config.json@{content.index(b64(EVIL).encode())}"


def test_a_key_can_hide_it_too(tmp_path: Path) -> None:
    assert scanned(tmp_path, "config.json", json.dumps({b64(EVIL): 1}).encode()).verdict is Verdict.MALICIOUS


ORDINARY = {
    "architectures": ["BertModel"],
    "vocabulary": ["eval(", "os.system", "__import__('os')", "import pickle; pickle.loads(x)"],
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "picture": "data:image/png;base64," + b64(b"\x89PNG\r\n\x1a\n" + bytes(200)),
    "noise": b64(bytes(range(256))),
    "sentence": "the quick brown fox jumps over the lazy dog and then cos it can",
}


def test_an_ordinary_configuration_is_clean(tmp_path: Path) -> None:
    report = scanned(tmp_path, "config.json", json.dumps(ORDINARY).encode())
    assert report.verdict is Verdict.CLEAN, report.findings


@pytest.mark.parametrize(
    "content", [b'{"a": 1', b'{"a": 1} x', b'{"a": NaN}', b'{"a":' + b"[" * 100_000, b'{"a": "\xff"}']
)
def test_a_broken_document_is_never_clean(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "config.json", content).verdict is Verdict.INCOMPLETE


def test_a_key_that_stands_twice_is_a_finding(tmp_path: Path) -> None:
    assert "config/duplicate-key" in rules_of(scanned(tmp_path, "config.json", b'{"a": 1, "a": 2}'))


@pytest.mark.parametrize("name", ["README", "vocab.txt", "LICENSE", "merges.txt", ".gitattributes"])
def test_plain_text_is_data(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, "plain text, with \u00fcmlauts\n".encode() * 10)
    assert report.verdict is Verdict.CLEAN
    assert report.artifact.files[0].coverage.data


@pytest.mark.parametrize("name", ["page.css", "model.toml", "notebook.ipynb", "Dockerfile"])
def test_text_that_something_runs_or_renders_is_not_plain(tmp_path: Path, name: str) -> None:
    assert scanned(tmp_path, name, b"hello: world\n").verdict is Verdict.INCOMPLETE


def test_a_pickle_in_a_text_is_found(tmp_path: Path) -> None:
    assert scanned(tmp_path, "README.md", f"# Model\n\nrun this: `{b64(EVIL)}`\n".encode()).verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("name", ["vocab.txt", "model.safetensors", "config.json", "noextension"])
def test_the_oldest_protocol_is_found_under_any_name(tmp_path: Path, name: str) -> None:
    assert scanned(tmp_path, name, OLD).verdict is Verdict.MALICIOUS


def test_words_that_look_like_opcodes_are_only_words(tmp_path: Path) -> None:
    words = b"cat\ndog\n(a)\nRun\nbuild\no\nR.\n"
    assert scanned(tmp_path, "vocab.txt", words).verdict is Verdict.CLEAN


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n"


@pytest.mark.parametrize("name", ["model.safetensors", "model.onnx", "pytorch_model.bin", "model.pkl", "logo.png"])
def test_a_pointer_to_a_large_file_is_not_the_file(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, POINTER)
    assert rules_of(report) == {"file/pointer"}
    assert report.verdict is Verdict.INCOMPLETE
    assert [unread.why for unread in report.unread] == [
        "the content is not here, this is a pointer to 5 bytes: fetch it with git lfs pull"
    ]


@pytest.mark.parametrize("tail", [b"\x80\x04.", b"\n" * 2000, b"ext-1-x sha256:0\n", b"size 6\n"])
def test_a_pointer_that_goes_on_as_something_else_is_unread(tmp_path: Path, tail: bytes) -> None:
    report = scanned(tmp_path, "model.safetensors", POINTER + tail)
    assert report.verdict is not Verdict.CLEAN
    assert report.artifact.files[0].coverage.opaque


def test_compressed_texts_are_paid_from_the_budget_of_the_file(tmp_path: Path) -> None:
    bomb = b64(zlib.compress(bytes(8 * 1024 * 1024)))
    raw = p.proto(4) + b"(" + p.text(bomb) * 40 + b"t."
    report = scanned(tmp_path, "m.pkl", raw)
    assert "expansion_ratio" in report.limits_reached
    assert report.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "data.json"])
def test_a_document_that_is_too_long_to_be_judged_is_incomplete(tmp_path: Path, name: str) -> None:
    content = json.dumps({"auto_map": {"AutoModel": "org/other--m.Net"}}).encode() + b" " * (17 * 1024 * 1024)
    assert scanned(tmp_path, name, content).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.json"])
def test_a_long_vocabulary_is_searched(tmp_path: Path, name: str) -> None:
    content = json.dumps({"model": {"vocab": {f"word{number}": number for number in range(900_000)}}}).encode()
    assert len(content) > 16 * 1024 * 1024
    assert scanned(tmp_path, name, content).verdict is Verdict.CLEAN
