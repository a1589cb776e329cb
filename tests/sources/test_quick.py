"""A quick look: what is fetched, what is not, and that it never says more than it saw."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.containers import safetensors
from build.gguf_files import array, gguf, string, tensor, text
from build.hub_server import hub
from build.running import command
from build.web_server import Served, answer, plain, serving
from weighbridge.core.errors import NotFetched, SourceError
from weighbridge.core.reader import Reader
from weighbridge.scan.partly import MOST_AHEAD, PartlyFetched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from build.hub_server import Hub

BIG = 3_000_000
CONFIG = b'{"model_type": "net"}'


def tensors(size: int = BIG) -> bytes:
    return safetensors({"a": bytes(size // 2), "b": bytes(size // 2)})


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with hub("org/name", {"config.json": CONFIG, "README.md": b"# A model\n"}) as made:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "ENDPOINT", made.endpoint)
        template = made.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield made


def scan(*words: str) -> tuple[int, dict]:
    outcome = command("scan", *words, "--format", "json")
    return outcome.status, outcome.json()


def fetched(ours: Hub, name: str) -> list[tuple[int, int]]:
    """The ranges that the storage was asked for."""
    found = []
    for seen in ours.seen:
        if seen.origin == "storage" and seen.path.partition("?")[0] == f"/{name}":
            first, _, last = seen.headers["range"].removeprefix("bytes=").partition("-")
            found.append((int(first), int(last) + 1))
    return found


def nothing_is_left(tmp_path: Path) -> None:
    (folder,) = tmp_path.glob("weighbridge-quarantine-*")
    assert sorted(os.listdir(folder)) == ["lock", "unfinished"]


def test_a_whole_scan_of_a_source_is_that_of_its_folder(ours: Hub, tmp_path: Path) -> None:
    ours.files["model.safetensors"] = tensors()
    folder = tmp_path / "copy"
    folder.mkdir()
    for name, content in ours.files.items():
        (folder / name).write_bytes(content)
    status, report = scan("hf://org/name@main")
    assert (status, report["verdict"]) == (0, "clean")
    assert report["artifact"]["name"] == "org/name"
    _, local = scan("copy")
    for key in ("files", "digest"):
        assert report["artifact"][key] == local["artifact"][key]
    nothing_is_left(tmp_path)


def test_of_safetensors_the_header_alone_is_fetched(ours: Hub, tmp_path: Path) -> None:
    ours.files["model.safetensors"] = content = tensors()
    status, report = scan("hf://org/name@main", "--quick")
    assert (status, report["verdict"]) == (1, "incomplete")
    header = 8 + int.from_bytes(content[:8], "little")
    assert max(end for _, end in fetched(ours, "model.safetensors")) == header, "bytes of a tensor were fetched"
    files = {file["path"]: file for file in report["artifact"]["files"]}
    assert files["model.safetensors"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert files["model.safetensors"]["format"] == "safetensors"
    assert files["config.json"]["sha256"] == hashlib.sha256(CONFIG).hexdigest()
    coverage = files["model.safetensors"]["coverage"]
    assert coverage["parsed"] == header
    assert coverage["opaque"] == len(content) - header
    assert sum(coverage.values()) == len(content)
    (unread,) = report["coverage"]["unread"]
    assert unread["location"] == f"model.safetensors@{header}"
    assert unread["size"] == len(content) - header
    assert "not fetched by --quick" in unread["why"]
    nothing_is_left(tmp_path)


def torch_zip(program: bytes, storages: int = 3, size: int = 1_000_000) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", program)
        for number in range(storages):
            archive.writestr(f"archive/data/{number}", bytes(size))
        archive.writestr("archive/version", "3\n")
    return out.getvalue()


def test_of_a_torch_archive_the_pickle_is_fetched_and_judged(ours: Hub, tmp_path: Path) -> None:
    ours.files["pytorch_model.bin"] = content = torch_zip(p.proto(2) + p.system() + p.STOP)
    status, report = scan("hf://org/name@main", "--quick")
    assert (status, report["verdict"]) == (1, "malicious")
    assert any(finding["rule"] == "pickle/dangerous-call" for finding in report["findings"])
    assert sum(end - start for start, end in fetched(ours, "pytorch_model.bin")) < 200_000
    unread = [item for item in report["coverage"]["unread"] if "not fetched by --quick" in item["why"]]
    assert len(unread) == 3, "one for each storage"
    tail = len(content) - 66_000  # where the end of the archive is looked for
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            if "/data/" in info.filename:
                start = info.header_offset + 30 + len(info.filename)
                for first, last in fetched(ours, "pytorch_model.bin"):
                    assert last <= start or first >= min(start + info.file_size, tail), "a tensor was fetched"


def test_a_pickle_that_hides_as_a_storage_is_not_called_clean(ours: Hub) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", p.proto(2) + b"}" + p.STOP)
        archive.writestr("archive/data/0", p.proto(2) + p.system() + p.STOP + bytes(2_000_000))
    ours.files["pytorch_model.bin"] = out.getvalue()
    status, report = scan("hf://org/name@main", "--quick")
    assert (status, report["verdict"]) == (1, "incomplete")


def test_of_gguf_the_header_alone_is_fetched(ours: Hub) -> None:
    words = array("tokenizer.ggml.tokens", 8, 50_000, b"".join(string(f"word{number}") for number in range(50_000)))
    table = [tensor("a", (BIG // 8,), 0, 0), tensor("b", (BIG // 8,), 0, BIG // 2)]
    header = len(gguf([text("general.architecture", "llama"), words], table))
    ours.files["model.gguf"] = gguf([text("general.architecture", "llama"), words], table, bytes(BIG))
    status, report = scan("hf://org/name@main", "--quick")
    assert (status, report["verdict"]) == (1, "incomplete")
    asked = fetched(ours, "model.gguf")
    assert max(end for _, end in asked) < header + MOST_AHEAD, "tensors were fetched"
    assert len(asked) < 20
    (unread,) = report["coverage"]["unread"]
    assert unread["size"] > BIG - MOST_AHEAD


def test_a_pickle_that_is_fetched_whole_has_a_proven_digest(ours: Hub) -> None:
    ours.files["model.pkl"] = content = p.proto(2) + (b"X\x64\x00\x00\x00" + b"w" * 100 + b"0") * 12_000 + b"}" + p.STOP
    _, report = scan("hf://org/name@main", "--quick")
    (file,) = [file for file in report["artifact"]["files"] if file["path"] == "model.pkl"]
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert report["verdict"] == "clean"
    ours.wrong.swap["model.pkl"] = content.replace(b"w0", b"v0", 1)
    _, report = scan("hf://org/name@main", "--quick")
    assert report["verdict"] == "incomplete"
    assert any("and the source says" in unread["why"] for unread in report["coverage"]["unread"])


def test_a_storage_that_serves_no_parts_is_told(ours: Hub) -> None:
    ours.files["model.safetensors"] = tensors()
    ours.wrong.ranges = False
    outcome = command("scan", "hf://org/name@main", "--quick")
    assert outcome.status == 2
    assert "does not serve parts" in outcome.err


def test_a_connection_that_breaks_during_the_inspection_decides_nothing(ours: Hub, tmp_path: Path) -> None:
    ours.files["pytorch_model.bin"] = torch_zip(p.proto(2) + b"}" + p.STOP)
    ours.wrong.after_cut = 404
    ours.wrong.cut = [len(CONFIG), 10, 9, 65557, 100]
    outcome = command("scan", "hf://org/name@main", "--quick")
    assert outcome.status == 2
    assert outcome.out == ""
    nothing_is_left(tmp_path)


@pytest.fixture
def web() -> Iterator[Served]:
    with serving() as served:
        yield served


def test_a_file_on_the_web_comes_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, web: Served) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    content = tensors()
    web.steps = [plain(content)]
    url = web.url.replace("model.bin", "model.safetensors")
    status, report = scan(url, "--quick")
    assert (status, report["verdict"]) == (1, "incomplete")
    (file,) = report["artifact"]["files"]
    assert (file["path"], file["size"], file["sha256"]) == ("model.safetensors", BIG + len(content) - BIG, "0" * 64)
    header = 8 + int.from_bytes(content[:8], "little")
    assert all(int(headers["range"].rpartition("-")[2]) < header for _, headers in web.seen)
    assert all(headers.get("if-range") == '"v1"' for _, headers in web.seen[1:])
    assert "its digest is not known" in report["coverage"]["unread"][0]["why"]
    digest = hashlib.sha256(content).hexdigest()
    _, report = scan(f"{url}#sha256={digest}", "--quick")
    assert report["artifact"]["files"][0]["sha256"] == digest
    nothing_is_left(tmp_path)


def test_a_small_file_on_the_web_comes_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, web: Served) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    web.steps = [plain(p.proto(2) + p.system() + p.STOP)]
    status, report = scan(web.url, "--quick")
    assert (status, report["verdict"]) == (1, "malicious")
    assert not [unread for unread in report["coverage"]["unread"] if "--quick" in unread["why"]]
    assert scan(web.url)[1]["artifact"] == report["artifact"]


def test_a_file_on_the_web_that_changes_meanwhile_decides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, web: Served
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    web.steps = [plain(tensors()), plain(tensors(), etag='"v2"')]
    outcome = command("scan", web.url, "--quick")
    assert outcome.status == 2
    assert "has changed meanwhile" in outcome.err
    web.steps = [answer(200, {}, tensors())]
    outcome = command("scan", web.url, "--quick")
    assert outcome.status == 2
    assert "is not served in parts" in outcome.err


def test_what_is_here_is_not_looked_at_quickly(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(p.proto(2) + b"}" + p.STOP)
    outcome = command("scan", tmp_path / "model.pkl", "--quick")
    assert outcome.status == 2
    assert "inspected whole" in outcome.err


@pytest.mark.parametrize(
    "source", ["s3://bucket/x", "https://host/", "hf://datasets/a/b", "az://c/p", "oci:a:b:c", "htps://h/x"]
)
def test_a_source_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = command("scan", source)
    assert outcome.status == 2
    assert "internal" not in outcome.err


def test_what_begins_like_a_kind_of_source_and_is_none_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "git+x").write_bytes(p.proto(2) + b"}" + p.STOP)
    assert scan("git+x")[0] == 0


# The reader of parts by itself


def partly(tmp_path: Path, content: bytes, asked: list[tuple[int, int]]) -> PartlyFetched:
    def fetch(offset: int, size: int) -> bytes:
        asked.append((offset, offset + size))
        return content[offset : offset + size]

    return PartlyFetched(str(tmp_path / "part"), len(content), fetch)


def test_parts_are_the_bytes_of_the_file_and_are_fetched_once(tmp_path: Path) -> None:
    import random

    chance = random.Random(3)
    content = chance.randbytes(500_000)
    asked: list[tuple[int, int]] = []
    source = partly(tmp_path, content, asked)
    left_out = [(100_000, 150_001), (300_000, 300_007)]
    source.leave_out(left_out)
    shown = bytearray(content)
    for start, end in left_out:
        shown[start:end] = bytes(end - start)
    reader = Reader(source)
    for _ in range(300):
        offset = chance.randrange(len(content))
        size = chance.randrange(1, 40_000)
        assert reader.peek(offset, size) == shown[offset : offset + size]
    asked.sort()
    for (_, end), (start, _) in pairwise(asked):
        assert start >= end, "a byte was fetched twice"
    for start, end in asked:
        assert all(end <= begin or start >= stop for begin, stop in left_out), "a byte that is left out was fetched"
    holes = source.holes()
    assert sum(end - start for start, end in holes) + source.spent == len(content)
    assert set(left_out) <= {(max(a, c), min(b, d)) for a, b in holes for c, d in left_out if max(a, c) < min(b, d)}


def test_a_file_costs_no_more_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.scan.partly.MOST_PER_FILE", 100_000)
    source = partly(tmp_path, bytes(1_000_000), [])
    for offset in range(0, 100_000, 1000):
        source.read(offset, 1000)
    with pytest.raises(NotFetched, match="no more than 100000 bytes"):
        source.read(100_000, 1000)
    assert source.spent <= 100_000
    assert source.failure is None


def test_what_cannot_be_fetched_stays_so(tmp_path: Path) -> None:
    def fetch(offset: int, size: int) -> bytes:
        raise SourceError("gone", "")

    source = PartlyFetched(str(tmp_path / "part"), 100, fetch)
    for _ in range(2):
        with pytest.raises(NotFetched, match="gone"):
            source.read(0, 10)
    assert source.failure is not None
