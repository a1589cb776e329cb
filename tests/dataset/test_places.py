"""Places of data sets: checkouts held against signed commits, storage that keeps versions, data sets of the Hub."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator
from tools.schemas import schemas

from build.azurite import ACCOUNT, azurite, needs_azurite
from build.blob_server import blob_server
from build.data_sets import reviews, write_lines
from build.hub_server import COMMIT, hub
from build.repositories import needs, repository, ssh_key
from build.running import command

if TYPE_CHECKING:
    from pathlib import Path

LINES = b'{"id": 1, "text": "one"}\n{"id": 2, "text": "two"}\n'


def fingerprint(path: Path | str, status: int) -> dict:
    outcome = command("dataset", "fingerprint", str(path), "--format", "json")
    assert outcome.status == status, (outcome.out, outcome.err)
    document = outcome.json()
    Draft202012Validator(schemas()["dataset-fingerprint"]).validate(document)
    return document


def claims(document: dict) -> dict[str, tuple[str, str]]:
    return {claim["claim"]: (claim["status"], claim["evidence"]) for claim in document["claims"]}


# A checkout of git


@pytest.fixture
def signed(tmp_path, monkeypatch):
    """A repository with signed data in data/, and somebody who is trusted for it."""
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    key = ssh_key(tmp_path)
    made = repository(tmp_path, "upstream")
    made.sign_with(key)
    made.commit({"data/t.jsonl": LINES, "notes.md": b"not data"})
    trusted = ("--owner", "Ada", "--source", f"git+file://{tmp_path}/*")
    assert command("trust", "add", "--key", f"{key.path}.pub", *trusted).status == 0
    return made


@needs("git", "ssh-keygen")
def test_a_folder_of_a_checkout_is_held_against_its_signed_commit(signed):
    head = signed.git("rev-parse", "HEAD")
    for path in ("data", "data/t.jsonl"):
        document = fingerprint(f"{signed.folder}/{path}", 0)
        assert document["source"]["kind"] == "git"
        assert document["source"]["revision"] == head
        assert claims(document)["commit-signature"][0] == "verified"
        assert claims(document)["files-of-commit"][0] == "verified"
    assert fingerprint(f"{signed.address}@main", 0)["records"] == document["records"]
    assert command("sign", f"{signed.folder}/data").status == 0
    assert "model.sig" in claims(fingerprint(f"{signed.folder}/data", 1))["files-of-commit"][1]
    signed.commit()
    assert fingerprint(f"{signed.folder}/data", 0)["rootDigest"] == document["rootDigest"]


@needs("git", "ssh-keygen")
def test_a_file_that_is_not_that_of_the_commit_contradicts_it(signed):
    signed.write({"data/t.jsonl": LINES + b'{"id": 3, "text": "planted"}\n'})
    status, why = claims(fingerprint(f"{signed.folder}/data", 1))["files-of-commit"]
    assert status == "contradicted"
    assert "t.jsonl" in why
    signed.write({"data/t.jsonl": LINES, "data/more.jsonl": LINES})
    assert "more.jsonl" in claims(fingerprint(f"{signed.folder}/data", 1))["files-of-commit"][1]


@needs("git", "ssh-keygen")
def test_a_folder_that_the_commit_does_not_have_is_a_plain_folder(signed, tmp_path):
    signed.write({"ignored/t.jsonl": LINES})
    assert fingerprint(f"{signed.folder}/ignored", 0)["source"]["kind"] == "path"
    bare = repository(tmp_path, "empty")
    bare.write({"t.jsonl": LINES})
    assert fingerprint(bare.folder, 0)["source"]["kind"] == "path"
    tree = tmp_path / "tree"
    signed.git("worktree", "add", "--quiet", "--detach", str(tree))
    assert claims(fingerprint(tree / "data", 0))["files-of-commit"][0] == "verified"


@needs("git", "git-lfs", "ssh-keygen")
def test_pointers_of_lfs_are_followed_in_a_checkout(signed):
    signed.use_lfs("*.jsonl")
    signed.commit({"data/big.jsonl": LINES * 3})
    smudged = fingerprint(f"{signed.folder}/data", 0)
    assert smudged["records"]["number"] == 8
    pointer = signed.git("show", "HEAD:data/big.jsonl") + "\n"
    assert pointer.startswith("version https://git-lfs")
    signed.write({"data/big.jsonl": pointer.encode()})
    assert fingerprint(f"{signed.folder}/data", 0)["rootDigest"] == smudged["rootDigest"]
    oid = hashlib.sha256(LINES * 3).hexdigest()
    os.remove(f"{signed.inner}/lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}")
    assert "Git LFS pointer" in fingerprint(f"{signed.folder}/data", 1)["incomplete"][0]


@needs("git", "ssh-keygen")
def test_dvc_pointers_are_read_and_their_md5_is_called_what_it_is(signed):
    md5 = hashlib.md5(LINES * 2).hexdigest()
    pointer = f"outs:\n- md5: {md5}\n  size: {len(LINES) * 2}\n  hash: md5\n  path: big.jsonl\n".encode()
    signed.commit({"data/big.jsonl.dvc": pointer, "data/.gitignore": b"/big.jsonl\n"})
    absent = fingerprint(f"{signed.folder}/data", 1)
    assert "itself is not here" in absent["incomplete"][0]
    assert "proves nothing" in absent["incomplete"][0]
    signed.write({"data/big.jsonl": LINES * 2})
    there = fingerprint(f"{signed.folder}/data", 0)
    assert claims(there)["files-of-commit"][0] == "verified"
    assert claims(there)["dvc-pointer"][0] == "declared"
    signed.write({"data/big.jsonl": LINES + LINES.replace(b"two", b"too")})
    assert "contradicts its data" in fingerprint(f"{signed.folder}/data", 1)["incomplete"][0]


def test_a_folder_behind_a_dvc_pointer(tmp_path):
    (tmp_path / "d").mkdir()
    listed = []
    for name in ("a.txt", "b.txt"):
        (tmp_path / "d" / name).write_text(name)
        listed.append({"md5": hashlib.md5(name.encode()).hexdigest(), "relpath": name})
    md5 = hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest()
    (tmp_path / "d.dvc").write_text(f"outs:\n- md5: {md5}.dir\n  nfiles: 2\n  path: d\n")
    assert claims(fingerprint(tmp_path, 0))["dvc-pointer"][0] == "declared"
    (tmp_path / "d" / "c.txt").write_text("more")
    assert "contradicts" in fingerprint(tmp_path, 1)["incomplete"][0]
    (tmp_path / "d.dvc").write_text("outs: &x\n")
    assert "cannot be read" in fingerprint(tmp_path, 1)["incomplete"][0]


# Azure storage


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    needs_azurite()
    with azurite(str(tmp_path_factory.mktemp("azurite"))) as connection:
        yield connection


def test_storage_without_versions_names_nothing_for_good(storage, monkeypatch):
    blobs = pytest.importorskip("azure.storage.blob")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", storage)
    with blobs.BlobServiceClient.from_connection_string(storage) as service:
        container = service.create_container("plain")
        container.upload_blob("data/t.jsonl", LINES)
        place = f"az://{ACCOUNT}/plain/data"
        document = fingerprint(place, 1)
        assert "0 of 1 blobs have a version id" in document["incomplete"][0]
        assert "soft delete of the account: off" in document["incomplete"][1]
        service.set_service_properties(delete_retention_policy=blobs.RetentionPolicy(enabled=True, days=7))
        assert "does not keep this version" in fingerprint(place, 1)["incomplete"][0]
        container.get_blob_client("data/t.jsonl").create_snapshot()
        named = fingerprint(place, 0)
        assert named["files"][0]["version"].startswith("snapshot ")
        assert claims(named)["storage-soft-delete"] == ("verified", "soft delete of the account: on, 7 days")
        container.upload_blob("data/t.jsonl", LINES * 2, overwrite=True)
        assert "0 a snapshot with these bytes" in fingerprint(place, 1)["incomplete"][0]


def test_storage_with_versions(monkeypatch):
    pytest.importorskip("azure.storage.blob")
    with blob_server({"data/t.jsonl": [b"older\n", LINES], "data/u.jsonl": [LINES]}) as server:
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection)
        place = f"az://{ACCOUNT}/box/data"
        document = fingerprint(place, 0)
        assert [file["version"] for file in document["files"]] == [server.version(1), server.version(0)]
        assert document["source"]["revision"].startswith("versions:sha256:")
        assert claims(document)["storage-versions"][1].startswith("2 of 2 blobs have a version id")
        one = fingerprint(f"{place}/t.jsonl", 0)
        assert one["source"]["revision"] == server.version(1)
        server.retention = False
        assert "soft delete of the account: off" in fingerprint(place, 1)["incomplete"][0]
        server.retention, server.closed = True, True
        assert "soft delete of the account: unknown" in fingerprint(place, 1)["incomplete"][0]
        server.closed, server.forgets = False, True
        outcome = command("dataset", "fingerprint", place)
        assert outcome.status == 2
        assert "what came is not said to be it" in outcome.err


# The Hugging Face Hub


def test_a_data_set_of_the_hub_at_a_commit(monkeypatch):
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    with hub("datasets/org/reviews", {"t.jsonl": LINES, "big.jsonl": LINES * 40}) as server:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.endpoint)
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        document = fingerprint(f"hf://datasets/org/reviews@{COMMIT}", 0)
        assert document["source"]["revision"] == COMMIT
        assert document["source"]["place"].endswith("/datasets/org/reviews")
        assert document["records"]["number"] == 82
        assert claims(document)["files-of-source"][0] == "verified"
        refused = command("intake", f"hf://datasets/org/reviews@{COMMIT}")
        assert refused.status == 2


def test_names_that_are_no_data_set(tmp_path):
    assert command("dataset", "fingerprint", "hf://datasets/a/b/c").status == 2
    write_lines(tmp_path / "t.jsonl", reviews(3))
    (tmp_path / "t.lance").write_bytes(b"anything")
    assert "Lance tables are not read" in fingerprint(tmp_path, 1)["incomplete"][0]


# Which commits


@needs("git", "ssh-keygen")
def test_a_difference_names_the_commits_and_who_signed_them(signed):
    first = signed.git("rev-parse", "HEAD")
    made = reviews(30)
    lines = [json.dumps(one).encode() + b"\n" for one in made]
    base = signed.commit({"data/r.jsonl": b"".join(lines)})
    changed = [json.dumps(made[4] | {"label": "other"}).encode() + b"\n"]
    second = signed.commit({"data/r.jsonl": b"".join([*lines[:4], *changed, *lines[5:]])})
    signed.git("config", "commit.gpgSign", "false")
    signed.git("checkout", "--quiet", "-b", "side")
    third = signed.commit({"data/s.jsonl": b'{"id": 900, "text": "planted"}\n' * 2})
    signed.git("checkout", "--quiet", "main")
    fourth = signed.commit({"data/r.jsonl": b"".join([*lines[1:4], *changed, *lines[5:]])})
    signed.git("merge", "--quiet", "--no-edit", "side")
    outcome = command(
        "dataset", "diff", f"{signed.address}@{base}", f"{signed.address}@main", "--key", "id", "--format", "json"
    )
    assert outcome.status == 1, outcome.err
    document = outcome.json()
    Draft202012Validator(schemas()["dataset-diff"]).validate(document)
    assert (document["added"], document["changed"], document["removed"]) == (2, 1, 1)
    assert {(one["file"], one["row"], one["commit"]) for one in document["added_at"]} == {
        ("data/s.jsonl", 1, third),
        ("data/s.jsonl", 2, third),
    }
    assert document["changed_at"][0]["after"] == {"file": "data/r.jsonl", "row": 4, "commit": second}
    assert document["removed_at"] == [{"file": "data/r.jsonl", "row": 1, "commit": fourth}]
    steps = {one["commit"]: one for one in document["commits"]}
    assert steps.keys() == {second, third, fourth}
    assert [steps[one]["signature"] for one in (second, third, fourth)] == ["verified", "absent", "absent"]
    text = command("dataset", "diff", f"{signed.address}@{base}", f"{signed.folder}").out
    assert f"by {third[:12]}" in text
    turned = command("dataset", "diff", f"{signed.address}@main", f"{signed.address}@{first}", "--format", "json")
    assert "not known" in turned.json()["commits_unknown"]
