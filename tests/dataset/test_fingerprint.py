"""Fingerprints: one root with model signatures, one root for the records whatever files they lie in, and differences."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator
from tools.schemas import schemas

from build.data_sets import reviews, write_lines, write_parquet
from build.repositories import needs, repository
from build.running import command
from weighbridge.core.evidence import DATASET_PREDICATE
from weighbridge.dataset.canonical import Leaves, leaf, merkle_root, record_bytes

if TYPE_CHECKING:
    from pathlib import Path


def fingerprint(path: Path | str) -> dict:
    outcome = command("dataset", "fingerprint", str(path), "--format", "json")
    assert outcome.status in (0, 1), outcome.err
    document = outcome.json()
    Draft202012Validator(schemas()["dataset-fingerprint"]).validate(document)
    assert outcome.status == (0 if document["complete"] else 1)
    return document


def rfc6962(leaves: list[bytes]) -> bytes:
    """The definition, word by word, to hold ours against."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + rfc6962(leaves[:split]) + rfc6962(leaves[split:])).digest()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31, 100])
def test_the_root_is_that_of_the_rfc(count: int) -> None:
    leaves = [hashlib.sha256(bytes([index])).digest() for index in range(count)]
    assert merkle_root(iter(leaves)).raw == rfc6962(leaves)


def test_leaves_that_went_to_disk_come_back_sorted() -> None:
    leaves = Leaves()
    wanted = []
    for index in range(2000):
        leaves.add({"a": 1}, 0, index)  # one heap, more than it keeps in memory
        leaves.add({"a": index}, 0, index)
        wanted += [leaf({"a": 1}), leaf({"a": index})]
    assert [entry.leaf for entry in leaves.entries()] == sorted(wanted)
    leaves.close()


def test_values_that_json_has_not() -> None:
    record = {"b": b"\0\xff", "a": float("nan"), "c": "\ud800", "d": {"$x": 1}, "e": 1, "f": 1.0}
    expected = '{"a":{"$float":"nan"},"b":{"$bytes":"00ff"},"c":{"$text":"00d8"},"d":{"$$x":1},"e":1,"f":1.0}'
    assert record_bytes(record).decode() == expected


def test_the_root_of_the_files_is_that_of_a_model_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    data = tmp_path / "data"
    (data / "a").mkdir(parents=True)
    write_lines(data / "a" / "b.jsonl", reviews(20))
    write_lines(data / "a-b.jsonl", reviews(10))  # sorts after a/b only part by part
    before = fingerprint(data)
    assert command("sign", "data").status == 0
    bundle = json.loads((data / "model.sig").read_bytes())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    assert f"sha256:{statement['subject'][0]['digest']['sha256']}" == before["rootDigest"]
    assert fingerprint(data)["rootDigest"] == before["rootDigest"]


def test_the_order_of_records_and_files_does_not_count_but_their_number_does(tmp_path: Path) -> None:
    made = reviews(50)
    mixed = random.Random(1).sample(made, 50)
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    write_lines(tmp_path / "one" / "all.jsonl", made)
    write_lines(tmp_path / "two" / "a.jsonl", mixed[:20])
    write_lines(tmp_path / "two" / "b.jsonl", mixed[20:])
    write_lines(tmp_path / "three" / "all.jsonl", [*made, made[0]])
    one, two, three = (fingerprint(tmp_path / name) for name in ("one", "two", "three"))
    assert one["records"] == two["records"]
    assert one["rootDigest"] != two["rootDigest"]
    assert three["records"]["number"] == 51
    assert three["records"]["root"] != one["records"]["root"]


def test_the_same_records_in_parquet_are_the_same(tmp_path: Path) -> None:
    write_parquet(tmp_path / "t.parquet", "SELECT i AS id, 'text ' || i AS text, i / 4 AS x FROM range(30) t(i)")
    write_lines(tmp_path / "t.jsonl", [{"id": i, "text": f"text {i}", "x": i / 4} for i in range(30)])
    assert fingerprint(tmp_path / "t.parquet")["records"] == fingerprint(tmp_path / "t.jsonl")["records"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"),
        ("a.csv.dvc", b"outs:\n- md5: 00000000000000000000000000000000\n  path: a.csv\n"),
        ("a.arrow", b"ARROW1\0\0"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n'),
        ("a.parquet", b"PAR1 and no more"),
    ],
)
def test_what_is_not_there_is_not_complete(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    document = fingerprint(tmp_path)
    assert not document["complete"]
    assert document["incomplete"]


def test_a_signed_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    write_lines(tmp_path / "t.jsonl", reviews(20))
    outcome = command("dataset", "fingerprint", "t.jsonl", "--sign", "t.sig", "--format", "json")
    bundle = json.loads((tmp_path / "t.sig").read_bytes())
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    assert statement["predicateType"] == DATASET_PREDICATE
    assert statement["predicate"]["records"] == outcome.json()["records"]


@needs("git", "git-lfs")
def test_a_commit_names_its_files(tmp_path: Path) -> None:
    made = repository(tmp_path)
    identity = made.commit({"t.jsonl": b'{"a": 1}\n'})
    document = fingerprint(f"{made.address}@{identity}")
    assert document["source"]["revision"] == identity
    claims = {claim["claim"]: claim["status"] for claim in document["claims"]}
    assert claims["files-of-commit"] == "verified"
    assert claims["commit-signature"] == "absent"


def test_differences(tmp_path: Path) -> None:
    made = reviews(40)
    write_lines(tmp_path / "a.jsonl", made)
    changed = [dict(one) for one in made]
    changed[5]["label"] = "bad" if changed[5]["label"] == "good" else "good"
    del changed[9]
    write_lines(tmp_path / "b.jsonl", [*changed, {"id": 99, "text": "new", "label": "good"}, made[0]])
    outcome = command("dataset", "diff", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--format", "json")
    document = outcome.json()
    Draft202012Validator(schemas()["dataset-diff"]).validate(document)
    assert outcome.status == 1
    assert (document["same"], document["added"], document["changed"], document["removed"]) == (38, 2, 1, 1)
    (moved,) = document["changed_at"]
    assert moved["before"] == {"file": "a.jsonl", "row": 6, "commit": ""}
    assert moved["after"] == {"file": "b.jsonl", "row": 6, "commit": ""}
    assert document["removed_at"] == [{"file": "a.jsonl", "row": 10, "commit": ""}]
    assert command("dataset", "diff", tmp_path / "a.jsonl", tmp_path / "a.jsonl").status == 0
