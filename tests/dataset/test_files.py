"""Forms of data: what is compressed, JSON documents, Delta tables; cut, mixed up or unknown, one sentence says so."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from build.data_sets import reviews, write_lines, write_parquet
from build.running import command
from weighbridge.dataset import documents, unpacking
from weighbridge.dataset.documents import BESIDE, json_records
from weighbridge.dataset.files import DataFile, data_files
from weighbridge.dataset.lines import Troubles

if TYPE_CHECKING:
    from pathlib import Path

MADE = reviews(20)


def zstd(content: bytes) -> bytes:
    try:
        from compression import zstd as library
    except ImportError:
        from backports import zstd as library
    return library.compress(content)


def records(path: Path) -> dict[str, Any]:
    return command("dataset", "fingerprint", path, "--format", "json").json()["records"]


def incomplete(path: Path) -> str:
    """The one sentence that says why a data set was not read whole."""
    outcome = command("dataset", "fingerprint", path, "--format", "json")
    assert outcome.status == 1, outcome
    (why,) = outcome.json()["incomplete"]
    return why


def lines(path: Path) -> bytes:
    return write_lines(path, MADE).read_bytes()


@pytest.mark.parametrize("end", ["gz", "zst", "list", "lines", "wrapped"])
def test_the_same_records_in_another_form_are_the_same(tmp_path: Path, end: str) -> None:
    raw = lines(tmp_path / "plain.jsonl")
    wanted = records(tmp_path / "plain.jsonl")
    content = {
        "gz": gzip.compress(raw),
        "zst": zstd(raw),
        "list": json.dumps(MADE, indent=1).encode(),
        "lines": raw,
        "wrapped": json.dumps({"data": MADE}).encode(),
    }[end]
    path = tmp_path / f"t.{'jsonl.' + end if end in ('gz', 'zst') else 'json'}"
    path.write_bytes(content)
    assert records(path) == wanted
    checked = command("dataset", "check", path, "--format", "json")
    assert checked.status == 0
    assert checked.json()["records"] == 20


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("cut", [12, -20, -1])
def test_what_is_compressed_and_cut_is_never_whole(tmp_path: Path, pack: Any, cut: int) -> None:
    end = "gz" if pack is gzip.compress else "zst"
    (tmp_path / f"t.jsonl.{end}").write_bytes(pack(lines(tmp_path / "x"))[:cut])
    (tmp_path / "x").unlink()
    assert "breaks off or is damaged" in incomplete(tmp_path)


def test_what_is_compressed_and_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = gzip.compress(b'{"a": 1}\n' * 100_000)
    (tmp_path / "t.jsonl.gz").write_bytes(raw + b"more")
    assert "breaks off or is damaged" in incomplete(tmp_path)
    (tmp_path / "t.jsonl.gz").write_bytes(b'{"a": 1}\n')
    assert "is not compressed so" in incomplete(tmp_path)
    monkeypatch.setattr(unpacking, "GIB", 1000)
    monkeypatch.setattr(unpacking, "EXPANSION", 10)
    (tmp_path / "t.jsonl.gz").write_bytes(raw)
    assert "that is a bomb" in incomplete(tmp_path)


def read(path: Path) -> tuple[list[tuple[int, dict[str, Any]]], list[str]]:
    troubles = Troubles()
    with path.open("rb") as stream:
        found = list(json_records(DataFile("t.json", str(path), path.stat().st_size, "json"), stream, troubles))
    return found, [trouble.why for trouble in troubles.all() if trouble.unread]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_lists_are_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(documents, "PIECE", size)
    values = [{"a": 'é[]{}\\"'}, 12345, -1.5e3, [1, [2]], {}, None, True, "text,", {"b": {"c": []}}]
    text = documents._Text(io.BytesIO(json.dumps(values, ensure_ascii=False).encode()))
    text.open()
    found = []
    while text.goes_on(len(found)):
        found.append(documents._member(text)[0])
    assert found == values


@pytest.mark.parametrize(
    ("text", "rows", "why"),
    [
        ("[]", 0, ""),
        ('[{"a": 1}, {"a": 2}] x', 2, "something stands behind the list"),
        ('[{"a": 1} {"a": 2}]', 1, "a comma"),
        ('[{"a": 1}, ]', 1, "a record is broken"),
        ('[{"a": 1}, {"a"', 1, "breaks off"),
        ('[{"a": 1, "a": 2}, {"b": 1}]', 1, "a key stands twice"),
        ('[{"a": NaN}, {"b": 1}]', 1, "not JSON"),
        ('{"a": [1, 2]}', 1, ""),
        ('{"a": [{"b": 1}], "c": 2}', 2, ""),
        ('{"a": 1', 0, "no JSON"),
        ("[" * 3000, 0, "no JSON"),
    ],
)
def test_documents_that_are_odd(tmp_path: Path, text: str, rows: int, why: str) -> None:
    (tmp_path / "t.json").write_text(text)
    found, troubles = read(tmp_path / "t.json")
    assert len(found) == rows
    assert bool(troubles) == bool(why)
    assert why in " ".join(troubles)


def test_only_whole_names_are_descriptions(tmp_path: Path) -> None:
    for name in ("croissant.json", "dataset_infos.json", "croissant-more.json", "license.json", ".hidden.json"):
        (tmp_path / name).write_text('[{"a": 1}]')
    assert records(tmp_path)["number"] == 3


def test_what_stands_beside_the_records_is_a_record(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"version": "v1", "data": [{"a": 1}]}')
    assert read(tmp_path / "t.json")[0] == [(1, {"a": 1}), (2, {BESIDE: {"version": "v1"}})]


# Delta tables


def delta(folder: Path, *versions: list[dict[str, Any]]) -> Path:
    """A table with a Parquet file for each add, and its log."""
    (folder / "_delta_log").mkdir(parents=True)
    for number, actions in enumerate(versions):
        log = folder / "_delta_log" / f"{number:020}.json"
        log.write_text("".join(json.dumps(action) + "\n" for action in actions))
        for action in actions:
            if "add" in action and not action["add"].get("absent"):
                path = folder / action["add"]["path"].replace("%20", " ")
                path.parent.mkdir(exist_ok=True)
                write_parquet(path, f"SELECT i AS id FROM range({number * 10}, {number * 10 + 3}) t(i)")
    return folder


def add(path: str, **more: Any) -> dict[str, Any]:
    return {"add": {"path": path, "partitionValues": {}, **more}}


PROTOCOL = {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
META = {"metaData": {"id": "x", "partitionColumns": [], "configuration": {}}}


def test_a_delta_table_is_what_its_log_says(tmp_path: Path) -> None:
    table = delta(
        tmp_path / "t", [PROTOCOL, META, add("a.parquet")], [add("b%20c.parquet")], [{"remove": {"path": "a.parquet"}}]
    )
    outcome = command("dataset", "fingerprint", tmp_path, "--format", "json")
    assert outcome.status == 0
    assert outcome.json()["records"]["number"] == 3
    (claim,) = outcome.json()["claims"]
    assert claim["evidence"] == "t is version 2 of a Delta table, in 1 files"
    kinds = {file.path: file.kind for file in data_files(str(tmp_path), 100)}
    assert kinds["t/a.parquet"] == "beside"
    checked = command("dataset", "check", table, "--format", "json").json()
    assert checked["records"] == 3
    assert [one["rule"] for one in checked["findings"]] == ["dataset/not-in-table"]


def test_a_log_hides_nothing_that_it_does_not_name(tmp_path: Path) -> None:
    delta(tmp_path, [PROTOCOL, META, add("a.parquet")])
    write_parquet(tmp_path / "b.parquet", "SELECT 7 AS id")
    delta(tmp_path / "inner", [PROTOCOL, META, add("c.parquet")])
    assert records(tmp_path)["number"] == 7


def test_partitions_are_columns(tmp_path: Path) -> None:
    parts = [add(f"day={day}/a.parquet", partitionValues={"day": day}) for day in ("x y", None)]
    delta(tmp_path / "t", [PROTOCOL, META, *parts])
    write_lines(tmp_path / "t.jsonl", [{"id": i, "day": day} for day in ("x y", None) for i in range(3)])
    assert records(tmp_path / "t") == records(tmp_path / "t.jsonl")
    (table,) = command("dataset", "profile", tmp_path / "t").json()["tables"]
    assert (table["rows"], [column["name"] for column in table["columns"]]) == (6, ["id", "day"])


def test_a_checkpoint_stands_for_the_versions_before_it(tmp_path: Path) -> None:
    table = delta(tmp_path / "t", [PROTOCOL, META, add("a.parquet")], [add("b.parquet")], [add("c.parquet")])
    log = table / "_delta_log"
    made = write_lines(tmp_path / "actions", [PROTOCOL, META, add("a.parquet"), add("b.parquet")])
    checkpoint = log / f"{1:020}.checkpoint.parquet"
    kinds = (
        "add: 'STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR))', protocol: 'STRUCT(minReaderVersion INT)'"
    )
    write_parquet(checkpoint, f"SELECT * FROM read_json('{made}', format='newline_delimited', columns={{{kinds}}})")
    for number in (0, 1):
        (log / f"{number:020}.json").unlink()
    assert records(table)["number"] == 9
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    assert "its log cannot be read" in incomplete(table)
    checkpoint.unlink()
    assert "a version is missing in its log" in incomplete(table)


@pytest.mark.parametrize(
    ("actions", "why"),
    [
        ([add("a.parquet", deletionVector={"storageType": "u"})], "deletion vectors"),
        ([{"metaData": {"configuration": {"delta.columnMapping.mode": "name"}}}, add("a.parquet")], "mapped"),
        ([{"protocol": {"minReaderVersion": 3, "readerFeatures": ["newThing"]}}, add("a.parquet")], "newThing"),
        ([add("a.parquet"), add("b.parquet", absent=True)], "'b.parquet', which is not here"),
        ([add("a.parquet"), add("../x.parquet", absent=True)], "which is not here"),
        ([add("a.parquet"), add("s3://other/x.parquet", absent=True)], "which is not here"),
        ([add("a.parquet"), {"add": {"path": 5, "absent": True}}], "its log cannot be read"),
    ],
)
def test_tables_that_would_be_read_wrongly_are_not_read(tmp_path: Path, actions: list[Any], why: str) -> None:
    folder = tmp_path / "t"
    (folder / "_delta_log").mkdir(parents=True)
    log = folder / "_delta_log" / f"{0:020}.json"
    log.write_text("".join(json.dumps(action) + "\n" for action in actions))
    write_parquet(folder / "a.parquet", "SELECT 1 AS id")
    assert why in incomplete(tmp_path)
    log.write_text("{")
    assert "its log cannot be read" in incomplete(tmp_path)
