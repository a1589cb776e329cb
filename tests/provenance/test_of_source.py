"""What a source promised of its files, held against the bytes that were inspected."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from weighbridge.core.artifact import escape_name
from weighbridge.core.claims import Status
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import SourceError
from weighbridge.core.origin import FileOrigin, Origin
from weighbridge.provenance.of_source import files_claim, git_blob, source_claim

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = {"a.txt": b"text\n", "ä%b.bin": b"weights"}
COMMIT = "08802efe1f8e5fec4ad842d6b8ce97656092ee72"


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def promised(name: str, content: bytes, **changes: str) -> FileOrigin:
    file = FileOrigin(escape_name(name), len(content), digest_bytes(content).hex, blob(content))
    return file._replace(**changes)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    for name, content in CONTENT.items():
        (tmp_path / name).write_bytes(content)
    return str(tmp_path)


FILES = {escape_name(name): digest_bytes(content).hex for name, content in CONTENT.items()}
ORIGIN = Origin("git", "https://git.example/net", "main", COMMIT, tuple(promised(*file) for file in CONTENT.items()))


def test_ids_of_git_bind_every_file(folder: str) -> None:
    assert files_claim(ORIGIN, folder, FILES)[1:3] == (
        Status.VERIFIED,
        "2 of 2 files have the ids that the source gives them",
    )


def test_our_blob_ids_are_those_of_git(folder: str) -> None:
    done = subprocess.run(["git", "hash-object", "a.txt"], cwd=folder, capture_output=True, text=True, check=True)
    assert git_blob(f"{folder}/a.txt", done.stdout.strip()) == done.stdout.strip()


def test_a_blob_can_be_named_by_sha256(folder: str) -> None:
    name = hashlib.sha256(b"blob 5\0text\n").hexdigest()
    assert git_blob(f"{folder}/a.txt", name) == name


def with_file(**changes: str) -> Origin:
    first, second = ORIGIN.files
    return ORIGIN._replace(files=(first._replace(**changes), second))


@pytest.mark.parametrize(
    ("origin", "link"),
    [
        (with_file(git_blob="0" * 40), "a.txt is not the blob that the tree of the commit names"),
        (with_file(lfs_sha256="0" * 64), "a.txt is not the object that its Git LFS pointer names"),
        (with_file(sha256="0" * 64), "a.txt was changed in quarantine"),
        (ORIGIN._replace(files=ORIGIN.files[:1]), "was inspected and is not of the source"),
        (ORIGIN._replace(files=(*ORIGIN.files, promised("c", b""))), "c is of the source and was not inspected"),
    ],
)
def test_the_sentence_names_the_link_that_broke(folder: str, origin: Origin, link: str) -> None:
    found = files_claim(origin, folder, FILES)
    assert found.status is Status.CONTRADICTED
    assert link in found.evidence


def test_a_pointer_binds_by_the_object_and_not_by_its_own_blob(folder: str) -> None:
    origin = with_file(lfs_sha256=FILES["a.txt"], git_blob="0" * 40)
    assert files_claim(origin, folder, FILES).status is Status.VERIFIED


def test_a_source_that_promises_nothing_verifies_nothing(folder: str) -> None:
    assert files_claim(ORIGIN._replace(files=()), folder, FILES).status is Status.ABSENT
    bare = tuple(file._replace(git_blob="") for file in ORIGIN.files)
    found = files_claim(Origin("https", "https://a.example/m", "", "", bare), folder, FILES)
    assert found.status is Status.DECLARED
    assert files_claim(ORIGIN._replace(files=(bare[0], ORIGIN.files[1])), folder, FILES).status is Status.DECLARED


def test_digests_of_a_manifest_bind(folder: str) -> None:
    bare = tuple(file._replace(git_blob="") for file in ORIGIN.files)
    origin = Origin("oci", "reg.example/net", "v1", f"sha256:{'1' * 64}", bare)
    assert files_claim(origin, folder, FILES).status is Status.VERIFIED
    assert files_claim(origin._replace(revision="v1"), folder, FILES).status is Status.DECLARED


def test_a_file_that_went_away_is_said(folder: str) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        git_blob(f"{folder}/missing", "")


@pytest.mark.parametrize(
    ("origin", "status", "value"),
    [
        (Origin("path", "file:net"), Status.ABSENT, "file:net"),
        (Origin("https", "https://a.example/m.zip"), Status.DECLARED, "https://a.example/m.zip"),
        (Origin("hub", "hf://org/net", "main", COMMIT), Status.VERIFIED, f"hf://org/net@{COMMIT}"),
    ],
)
def test_a_place_is_worth_what_its_revision_is_worth(origin: Origin, status: Status, value: str) -> None:
    found = source_claim(origin)
    assert (found.status, found.value) == (status, value)
