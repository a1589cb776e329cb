"""safetensors: what the reference refuses is a finding or incomplete, and metadata is looked into."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.containers import safetensors
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path


def test_an_ordinary_file_is_clean(tmp_path: Path) -> None:
    report = scanned(tmp_path, "model.safetensors", safetensors({"a": b"1234", "b": b""}, metadata={"format": "pt"}))
    assert report.verdict is Verdict.CLEAN
    assert report.artifact.files[0].coverage.data == 4


def entry(begin: int, end: int, shape: list[int] | None = None, dtype: str = "U8") -> dict[str, object]:
    return {"dtype": dtype, "shape": [end - begin] if shape is None else shape, "data_offsets": [begin, end]}


BROKEN = {
    "length beyond the file": struct.pack("<Q", 1 << 62) + b"{}" + b"x" * 100,
    "shape is not the size": safetensors({}, header=json.dumps({"a": entry(0, 4, [5])}).encode(), tail=b"1234"),
    "beyond the end": safetensors({}, header=json.dumps({"a": entry(0, 40)}).encode(), tail=b"1234"),
    "unknown dtype": safetensors({}, header=json.dumps({"a": entry(0, 4, dtype="X9")}).encode(), tail=b"1234"),
    "huge shape": safetensors({}, header=json.dumps({"a": entry(0, 0, [1 << 62, 1 << 62, 0])}).encode()),
    "negative offset": safetensors({}, header=json.dumps({"a": entry(-4, 0)}).encode()),
    "not an object": safetensors({}, header=b'{"a": 5}'),
    "broken JSON": safetensors({}, header=b'{"a": '),
    "deep JSON": safetensors({}, header=b'{"a":' + b"[" * 100_000),
    "a number with a million digits": safetensors({}, header=b'{"a":' + b"9" * 1_000_000 + b"}"),
    "not UTF-8": safetensors({}, header=b'{"\xff\xfe": 1}'),
    "NaN": safetensors({}, header=b'{"a": NaN}'),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_never_clean(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "model.safetensors", content)
    assert report.verdict is not Verdict.CLEAN
    assert report.unread


ODD = {
    "hole": safetensors({}, header=json.dumps({"a": entry(0, 4), "b": entry(8, 12)}).encode(), tail=b"123456789012"),
    "overlap": safetensors({}, header=json.dumps({"a": entry(0, 4), "b": entry(2, 6)}).encode(), tail=b"123456"),
    "trailing bytes": safetensors({"a": b"1234"}, tail=b"more"),
    "twice": safetensors(
        {},
        header=b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        tail=b"1",
    ),
    "metadata that is no text": safetensors({}, header=b'{"__metadata__":{"a":5}}'),
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD.keys())
def test_a_structure_that_the_reference_refuses_is_a_finding(tmp_path: Path, content: bytes) -> None:
    assert "safetensors/structure" in rules_of(scanned(tmp_path, "model.safetensors", content))


def test_a_pickle_in_the_metadata_is_found_and_followed(tmp_path: Path) -> None:
    payload = base64.b64encode(zlib.compress(p.system() + p.STOP)).decode()
    report = scanned(tmp_path, "model.safetensors", safetensors({"a": b"1"}, metadata={"thumbnail": payload}))
    assert {"config/embedded-object", "pickle/dangerous-call"} <= rules_of(report)
    assert report.verdict is Verdict.MALICIOUS


def test_a_program_in_a_tensor_is_found(tmp_path: Path) -> None:
    elf = b"\x7fELF\x02\x01\x01" + bytes(57)
    assert "executable/native" in rules_of(scanned(tmp_path, "m.safetensors", safetensors({"w": elf})))


def test_a_file_that_is_also_a_pickle_is_read_both_ways(tmp_path: Path) -> None:
    # The length 0x42 is BINBYTES; its operand jumps over the header into the tensor, where a program waits.
    program = p.system() + p.STOP
    header = json.dumps({"w": entry(0, 300), "__metadata__": {}}).encode()
    header = header.ljust(0x142)
    body = bytearray(safetensors({}, header=header, tail=bytes(300)))
    jump = struct.unpack("<I", body[1:5])[0]
    assert body[0] == 0x42
    start = 5 + jump
    if start + len(program) <= len(body):
        body[start : start + len(program)] = program
        report = scanned(tmp_path, "m.safetensors", bytes(body))
        assert "file/polyglot" in rules_of(report) or report.verdict is Verdict.MALICIOUS


def test_another_content_under_the_name_is_a_finding(tmp_path: Path) -> None:
    report = scanned(tmp_path, "model.safetensors", p.proto(2) + p.system() + p.STOP)
    assert {"file/name-mismatch", "pickle/dangerous-call"} <= rules_of(report)


LOADER = b"def load(f):\n    meta = f.metadata()\n    return eval(meta['loss'])\n"


def test_code_that_runs_metadata_names_the_metadata_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(
        safetensors({"w": bytes(4)}, metadata={"format": "pt", "loss": "eval(x)"})
    )
    (tmp_path / "plain.safetensors").write_bytes(safetensors({"w": bytes(4)}))
    (tmp_path / "modeling.py").write_bytes(LOADER)
    report = inspected(tmp_path).report
    (found,) = [finding for finding in report.findings if finding.rule == "code/metadata-flow"]
    assert "model.safetensors has 'loss', which is python: 'eval(x)', 'format'" in found.evidence.text
    assert "plain.safetensors" not in found.evidence.text


def test_code_that_runs_metadata_is_told_without_any_there(tmp_path: Path) -> None:
    report = scanned(tmp_path, "modeling.py", LOADER)
    (found,) = [finding for finding in report.findings if finding.rule == "code/metadata-flow"]
    assert "of this artifact" not in found.evidence.text
