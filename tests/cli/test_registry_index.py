"""`registry copy` and `registry gc` tell the index what they changed, and what goes wrong there changes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from build.containers import safetensors
from build.registry_server import serving
from build.running import command
from weighbridge.core.digests import parse_digest
from weighbridge.index.models import Index, open_index
from weighbridge.pipelines.indexing import tell_index_of_removed
from weighbridge.registry.layout import open_layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INDEX = "sqlite:///.weighbridge/index.db"


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models in the registry, and an index that knows them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert command("init").status == 0
    for name in ("good", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(safetensors({"w": name.encode().ljust(8)}))
        assert command("intake", name, "--to", f"oci:registry:team/{name}:v1", "--stage", "production").status == 0
    assert command("index", "rebuild").status == 0
    return tmp_path


@pytest.fixture
def index(taken: Path) -> Iterator[Index]:
    del taken
    found = open_index(INDEX)
    yield found
    found.close()


def known(index: Index) -> dict[str, tuple[str, ...]]:
    """The end of the repository of each model → its tags."""
    return {
        row.repository.rpartition("registry:")[2]: tuple(row.tags) for row in index.page(count=100).rows if row.tags
    }


def test_a_copy_is_in_the_index_at_once(taken: Path, index: Index) -> None:
    copied = command("registry", "copy", "team/good:v1", "oci:registry:prod/good:v2", "--stage", "production")
    assert (copied.status, copied.err) == (0, "")
    assert known(index) == {"team/good": ("v1",), "team/other": ("v1",), "prod/good": ("v2",)}
    (row,) = [row for row in index.page().rows if row.repository.endswith("prod/good")]
    assert row.verdict == "clean"
    assert row.proof == "verified"
    copied_first = row.manifest
    (decided,) = index.history(copied_first)
    assert decided.allowed
    assert command("registry", "copy", "team/other:v1", "oci:registry:prod/good:v2", "--replace").status == 0
    other = [row for row in index.page().rows if row.repository.endswith("prod/good")]
    assert {row.manifest == copied_first: tuple(row.tags) for row in other} == {True: (), False: ("v2",)}


def test_a_copy_to_a_host_is_in_the_index(taken: Path, index: Index) -> None:
    with serving(referrers_api=True) as registry:
        assert command("registry", "copy", "team/good:v1", f"{registry.host}/prod/good:v2").status == 0
        assert known(index)[f"{registry.host}/prod/good"] == ("v2",)


def test_a_copy_that_gate_two_denies_leaves_the_decision_in_the_index(taken: Path, index: Index) -> None:
    del taken
    assert command("intake", "good", "--to", "oci:elsewhere:team/good:v1", "--stage", "production").status == 0
    denied = command("registry", "copy", "oci:elsewhere:team/good:v1", "prod/good:v1", "--stage", "production")
    assert denied.status == 1, denied
    (row,) = [row for row in index.page().rows if "elsewhere" in row.repository]
    (decided,) = index.history(row.manifest)
    assert not decided.allowed
    assert decided.refused == ("registry-allowed",)
    assert "prod/good" not in known(index)


def test_gc_takes_what_it_removed_out_of_the_index(taken: Path, index: Index) -> None:
    before = {row.repository: row.manifest for row in index.page().rows}
    gone = next(manifest for name, manifest in before.items() if name.endswith("team/good"))
    listed = taken / "registry/index.json"
    document = json.loads(listed.read_bytes())
    evidence = {
        str(one.digest)
        for one in open_layout("registry", "team/good").referrers(
            open_layout("registry", "team/good").resolve(
                open_layout("registry", "team/good").reference(digest=parse_digest(gone))
            )
        )
    }
    document["manifests"] = [one for one in document["manifests"] if one["digest"] not in {gone, *evidence}]
    listed.write_text(json.dumps(document))
    assert command("registry", "gc", "--grace-hours", "0", "--dry-run").status == 0
    assert len(index.page().rows) == 2, "nothing was removed yet"
    assert command("registry", "gc").status == 0
    assert len(index.page().rows) == 2, "it is young"
    cleared = command("registry", "gc", "--grace-hours", "0")
    assert (cleared.status, cleared.err) == (0, "")
    (row,) = index.page().rows
    assert row.repository.endswith("team/other")
    assert index.counts().models == 1


def test_what_was_pushed_again_is_not_forgotten(taken: Path, index: Index) -> None:
    del taken
    digests = [parse_digest(row.manifest) for row in index.page().rows]
    from weighbridge.core.settings import Settings

    assert tell_index_of_removed(Settings(index_address=INDEX), "registry", digests) == ""
    assert len(index.page().rows) == 2


def test_an_index_that_is_away_is_said_and_changes_nothing(taken: Path) -> None:
    (taken / ".weighbridge/index.db").write_bytes(b"no database" * 500)
    copied = command("registry", "copy", "team/good:v1", "oci:registry:prod/good:v1")
    assert copied.status == 0
    assert "index rebuild" in copied.err
    loose = taken / "registry/blobs/sha256" / ("a" * 64)
    loose.write_bytes(b"loose")
    cleared = command("registry", "gc", "--grace-hours", "0")
    assert cleared.status == 0
    assert "index rebuild" in cleared.err
    assert not loose.exists()
    assert command("registry", "verify").status == 0


def test_without_an_index_none_is_made(taken: Path) -> None:
    (taken / ".weighbridge/index.db").unlink()
    assert command("registry", "copy", "team/good:v1", "oci:registry:prod/good:v1").status == 0
    assert command("registry", "gc", "--grace-hours", "0").status == 0
    assert not (taken / ".weighbridge/index.db").exists()
