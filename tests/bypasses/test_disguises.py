"""One thing that looks like another: programs among weights, two formats in one file, names that lie.

Every pair of a carrier and a load is tried: the load behind the carrier, in front of it, and inside of it. What must
hold is that the file is never clean, and that the load itself was looked into wherever it begins.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from build import forms as f
from build import gguf_files as g
from build import onnx_models as o
from build import pickles as p
from build import programs
from build.containers import safetensors, torch_zip, zipped
from build.hdf5_files import case
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import Native
from weighbridge.core.findings import Verdict
from weighbridge.formats.magic import PROGRAM_HEAD, PROGRAMS, machine_code

if TYPE_CHECKING:
    from pathlib import Path

EVIL = p.proto(4) + p.system() + p.STOP
ARCHIVE = zipped({"inner/data.bin": EVIL})
PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0" + bytes(40) + b"\xff\xd9"
GIF = b"GIF89a" + bytes(20) + b"\x3b"
NPY = (
    b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".ljust(117)
    + b"\n"
    + bytes(8)
)
CARRIERS = {
    "a.png": PNG,
    "a.jpg": JPEG,
    "a.gif": GIF,
    "a.safetensors": safetensors({"w": bytes(16)}),
    "a.gguf": g.gguf([g.text("general.name", "x")], [g.tensor("w", [8], 0, 0)], bytes(32)),
    "a.npy": NPY,
    "a.onnx": o.model(),
    "a.h5": case("groups", "earliest"),
    "a.zip": zipped({"note.txt": b"nothing"}),
    "a.pt": torch_zip([("FloatStorage", "0", bytes(16))], {"FloatStorage": 4}),
    "a.pkl": p.proto(2) + b"K\x01.",
    "a.json": b'{"model_type": "bert"}',
    "a.ubj": f.ubj({"learner": {"n": 1}}),
    "a.cbm": f.catboost(),
    "a.txt.gz": gzip.compress(b"a note", mtime=0),
    "a.xml": b"<PMML version='4.4'><Header/></PMML>",
    "a.yaml": b"model: bert\n",
    "a.md": b"# A card\n",
    "a.html": b"<html><body>text</body></html>\n",
    "a.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\ntrailer\n%%EOF\n",
}
TEXTS = ("a.md", "a.html", "a.pdf", "a.yaml", "a.xml")
"""Carriers that do not say where they end: what is behind them is unread, and not looked for one by one."""
ENDLESS = ("a.jpg", "a.gif")
"""Carriers whose end is only looked for at the end of the file."""
INSIDE = (("a.onnx", "lua"), ("a.onnx", "script"), ("a.json", "pe"))
"""Loads whose first bytes still read as the carrier's: it breaks in their middle, and they stay unread."""


@pytest.mark.parametrize("name", CARRIERS)
def test_a_load_behind_a_carrier_is_never_clean(tmp_path: Path, name: str) -> None:
    found = name not in TEXTS + ENDLESS
    carrier = CARRIERS[name]
    for load in (EVIL, bytes(64) + EVIL):
        verdict = scanned(tmp_path, name, carrier + load).verdict
        assert verdict is Verdict.MALICIOUS if found else verdict is not Verdict.CLEAN
    # An archive is found from its end, so that its carrier does not matter.
    assert scanned(tmp_path, name, carrier + ARCHIVE).verdict is Verdict.MALICIOUS
    for kind in ("elf", "pe", "mach-o", "fat mach-o", "java", "wasm", "lua", "script"):
        for gap in (b"", bytes(32)):
            if name in TEXTS and kind == "script" and not gap:
                continue  # text behind text is one text
            report = scanned(tmp_path, name, carrier + gap + programs.PROGRAMS[kind])
            assert report.verdict is not Verdict.CLEAN
            if found and (name, kind) not in INSIDE:
                assert "executable/native" in rules_of(report), (kind, gap)


@pytest.mark.parametrize("name", CARRIERS)
def test_a_carrier_behind_a_program_is_never_clean(tmp_path: Path, name: str) -> None:
    for kind, program in programs.PROGRAMS.items():
        report = scanned(tmp_path, name, program + CARRIERS[name])
        assert report.verdict not in (Verdict.CLEAN, Verdict.INCOMPLETE), kind
        assert "executable/native" in rules_of(report), kind


@pytest.mark.parametrize("name", CARRIERS)
def test_an_archive_behind_another_name_or_behind_anything_is_looked_into(tmp_path: Path, name: str) -> None:
    assert scanned(tmp_path, name, ARCHIVE).verdict is Verdict.MALICIOUS
    assert scanned(tmp_path, name, EVIL).verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("name", ["a.safetensors", "a.gguf", "a.onnx", "a.npy", "a.h5", "a.png", "a.json"])
def test_content_that_is_not_what_the_name_says_is_a_finding(tmp_path: Path, name: str) -> None:
    for other, content in CARRIERS.items():
        if other.rpartition(".")[2] == name.rpartition(".")[2] or other in (*TEXTS, "a.json"):
            continue
        report = scanned(tmp_path, name, content)
        if name != "a.png" or other not in ENDLESS:
            assert "file/name-mismatch" in rules_of(report), (name, other)


@pytest.mark.parametrize("kind", programs.PROGRAMS)
def test_a_program_is_told_under_any_name(tmp_path: Path, kind: str) -> None:
    content = programs.PROGRAMS[kind]
    for name in ("model.safetensors", "pytorch_model.bin", "model", "README.md", "LICENSE", "w.npy", "config.json"):
        report = scanned(tmp_path, name, content)
        assert report.verdict is Verdict.SUSPICIOUS, name
        assert "executable/native" in rules_of(report), name


@pytest.mark.parametrize("kind", programs.PROGRAMS)
def test_a_program_is_told_wherever_something_begins(tmp_path: Path, kind: str) -> None:
    content = programs.PROGRAMS[kind]
    inside = [
        ("m.zip", zipped({"weights/w.bin": content})),
        ("m.zip", zipped({"weights/w.bin": content}, method=zipfile.ZIP_DEFLATED)),
        ("w.bin.gz", gzip.compress(content, mtime=0)),
    ]
    if len(content) <= PROGRAM_HEAD:
        inside += [
            ("m.safetensors", safetensors({"w": content})),
            ("m.gguf", g.gguf([], [g.tensor("w", [len(content)], 24, 0)], content + bytes(-len(content) % 32))),
            ("m.pt", torch_zip([("ByteStorage", "0", content)], {"ByteStorage": 1})),
        ]
    for name, file in inside:
        report = scanned(tmp_path, name, file)
        assert "executable/native" in rules_of(report), name
        assert report.verdict is Verdict.SUSPICIOUS, name


def test_the_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(programs.PE)
    (blob,) = inspected(tmp_path / "m").facts.blobs
    assert Native("pe") in blob.facts
    kinds = {kind: machine_code(content) for kind, content in programs.PROGRAMS.items()}
    assert kinds["mach-o, big endian"] == kinds["fat mach-o, 64 bits"] == "mach-o"
    assert kinds["java, preview"] == kinds["java, old"] == "java-class"
    assert all(kinds.values())
    assert all(content.startswith(PROGRAMS) for content in programs.PROGRAMS.values())


@pytest.mark.parametrize("kind", programs.NO_PROGRAMS)
def test_what_only_begins_like_a_program_is_none(tmp_path: Path, kind: str) -> None:
    content = programs.NO_PROGRAMS[kind]
    assert not machine_code(content)
    report = scanned(tmp_path, "m.safetensors", safetensors({"w": content}))
    assert report.verdict is Verdict.CLEAN
    assert scanned(tmp_path, "m.bin", content).verdict is Verdict.INCOMPLETE


def test_a_windows_program_with_a_long_stub_is_told(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.bin", programs.FAR_PE)
    assert "executable/native" in rules_of(report)


NAMED = ["run.sh", "run.ps1", "run.bat", "run.cmd", "run.vbs", "run.js", "run.pl", "run.rb", "run.php", "run.lua", "run.hta",
         "x.desktop", "x.service", "run.ptx", "run.R"]  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_a_script_is_told_by_its_name(tmp_path: Path, name: str) -> None:
    for content in (b"echo inert\n", b"#!/usr/bin/env x\necho inert\n", "caf\u00e9\r\n".encode("utf-16")):
        report = scanned(tmp_path, name, content)
        assert report.verdict is Verdict.SUSPICIOUS
        assert "executable/native" in rules_of(report)


def test_what_is_written_into_a_script_is_looked_into(tmp_path: Path) -> None:
    import base64

    text = b"#!/bin/sh\nX=" + base64.b64encode(EVIL) + b"\n"
    report = scanned(tmp_path, "run.sh", text)
    assert report.verdict is Verdict.MALICIOUS
    (finding,) = [found for found in report.findings if found.rule == "config/embedded-object"]
    assert finding.location == f"run.sh@{text.index(b'X=') + 2}"


@pytest.mark.parametrize(
    "name", ["lib.so", "lib.so.1.2.3", "lib.dll", "lib.dylib", "lib.pyd", "a.pyc", "a.msi", "a.lnk"]
)
def test_a_library_is_told_by_its_name(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, bytes(range(64)))
    assert report.verdict is Verdict.SUSPICIOUS
    assert "executable/native" in rules_of(report)


def test_bytecode_of_python_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.pyc").write_bytes(b"\xa7\r\r\n" + bytes(12) + b"\xe3" + bytes(40))
    assert Native("python-bytecode") in inspected(tmp_path / "a.pyc").facts.blobs[0].facts


def test_a_path_file_of_python_is_no_checkpoint(tmp_path: Path) -> None:
    report = scanned(tmp_path, "distutils-precedence.pth", b"import os; print('inert')\n")
    assert report.verdict is Verdict.SUSPICIOUS
    assert "executable/native" in rules_of(report)


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("a.jar", "x.txt"),
        ("a.bin", "META-INF/MANIFEST.MF"),
        ("a.apk", "x.txt"),
        ("a.zip", "AndroidManifest.xml"),
        ("a.whl", "x.txt"),
        ("a.zip", "evil-1.0.dist-info/WHEEL"),
        ("a.xpi", "x.txt"),
    ],
)
def test_an_archive_that_is_installed_is_told(tmp_path: Path, name: str, member: str) -> None:
    report = scanned(tmp_path, name, zipped({member: b"text", "m.pkl": EVIL}))
    assert "executable/native" in rules_of(report)
    assert "file/polyglot" not in rules_of(report)
    assert report.verdict is Verdict.MALICIOUS, "its members are inspected too"


def llamafile(model: bytes) -> bytes:
    """A program for every system with a model behind it."""
    out = io.BytesIO(programs.APE)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(".args", "-m\nmodel.gguf\n")
        archive.writestr("model.gguf", model)
    return out.getvalue()


@pytest.mark.parametrize("name", ["m.llamafile", "m.gguf", "m.exe", "m"])
def test_a_llamafile_is_a_program_and_its_model_is_inspected(tmp_path: Path, name: str) -> None:
    template = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    honest = llamafile(CARRIERS["a.gguf"])
    report = scanned(tmp_path, name, honest)
    assert {"executable/native", "file/polyglot"} <= rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS
    assert any(blob.format == "gguf" for blob in inspected(tmp_path / name).facts.blobs)
    evil = llamafile(g.gguf([g.text("tokenizer.chat_template", template)]))
    assert scanned(tmp_path, name, evil).verdict is Verdict.MALICIOUS


def test_a_model_in_front_of_an_archive_is_two_things(tmp_path: Path) -> None:
    for name in ("a.safetensors", "a.gguf", "a.onnx", "a.png", "a.npy", "a.h5", "a.cbm", "a.ubj", "a.pkl"):
        report = scanned(tmp_path, name, CARRIERS[name] + zipped({"note.txt": b"nothing"}))
        assert "file/polyglot" in rules_of(report), name


def test_a_safetensors_header_that_is_also_a_pickle_is_two_things(tmp_path: Path) -> None:
    # 0x2E80: the size of the header is an opcode and STOP; the same bytes begin both formats.
    header = json.dumps({"w": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}}).encode()
    body = EVIL.ljust(16, b" ")
    file = struct.pack("<Q", len(header)) + header + bytes(4)
    assert scanned(tmp_path, "a.safetensors", file).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "a.safetensors", body + file).verdict is Verdict.MALICIOUS
