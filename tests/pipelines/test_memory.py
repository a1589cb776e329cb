"""Gate one remembers: a tag that moved, a branch that was rewritten, a base model that was taken in before."""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from build.models import TINY
from build.repositories import Repository, needs, repository
from build.running import Outcome, command
from weighbridge.registry.layout import open_layout
from weighbridge.registry.read import load_model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs("git")
CARD = b"---\nlicense: mit\nbase_model: org/base\n---\n# A model\n"


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert command("init").status == 0
    (tmp_path / "org").mkdir()
    made = repository(tmp_path / "org", "base")
    made.commit(TINY)
    return made


def intake(source: str, name: str = "base", stage: str = "production") -> Outcome:
    return command(
        "intake", source, "--to", f"oci:registry:{name}:v1", "--replace", "--stage", stage, "--format", "json"
    )


def claim(outcome: Outcome, name: str) -> dict[str, object]:
    stack = list(outcome.json()["provenance"]["claims"])
    while stack:
        one = stack.pop()
        if one["claim"] == name:
            return one
        stack.extend(one["parts"])
    raise AssertionError(name)


def claim_source(document: dict[str, Any]) -> dict[str, Any]:
    """Where the model of an intake came from, as its provenance report says."""
    return document["provenance"]["source"]


def test_a_tag_that_moved_since_the_last_intake_is_refused(upstream: Repository) -> None:
    upstream.git("tag", "v1")
    assert intake(f"{upstream.address}@v1").status == 0
    upstream.commit({"README.md": b"# another\n"})
    upstream.git("tag", "--force", "v1")
    outcome = intake(f"{upstream.address}@v1")
    assert outcome.status == 1
    assert "signal/moved is contradicted: a tag was moved" in outcome.json()["refusal"]


def test_a_branch_that_was_rewritten_is_refused(upstream: Repository) -> None:
    assert intake(f"{upstream.address}@main").status == 0
    upstream.git(
        "commit", "--quiet", "--amend", "--message", "as if it had always been so", when="2026-03-02T12:00:00Z"
    )
    outcome = intake(f"{upstream.address}@main")
    assert outcome.status == 1
    assert "history was rewritten" in outcome.json()["refusal"]


def test_a_branch_that_went_forward_is_taken_in(upstream: Repository) -> None:
    assert intake(f"{upstream.address}@main").status == 0
    upstream.commit({"README.md": b"# a better card\n"})
    outcome = intake(f"{upstream.address}@main")
    assert outcome.status == 0
    assert "it went forward" in str(claim(outcome, "signal/moved")["evidence"])


def test_what_a_stranger_signed_is_not_remembered(upstream: Repository) -> None:
    upstream.git("tag", "v1")
    assert intake(f"{upstream.address}@v1").status == 0
    for name in (".weighbridge", "weighbridge.toml", "trust.toml"):
        shutil.move(name, f"old-{name}")
    assert command("init").status == 0
    upstream.commit({"README.md": b"# another\n"})
    upstream.git("tag", "--force", "v1")
    outcome = intake(f"{upstream.address}@v1")
    assert outcome.status == 0
    with pytest.raises(AssertionError, match="signal/moved"):
        claim(outcome, "signal/moved")


def test_a_base_model_that_is_here_is_known_by_its_digest(upstream: Repository, tmp_path: Path) -> None:
    base = intake(upstream.address + "@main", "org/base").json()
    derived = repository(tmp_path / "org", "derived")
    derived.commit(TINY | {"README.md": CARD})
    outcome = intake(derived.address + "@main", "org/derived")
    step = claim(outcome, "lineage/base-model")
    assert base["report"]["artifact"]["digest"] in str(step["value"])
    assert "it is here as org/base" in str(step["evidence"])
    assert claim(outcome, "lineage/base-revision")["value"] == claim_source(base)["revision"]

    store = open_layout("registry", "org/derived")
    stored = load_model(store, store.reference(tag="v1"))
    (bundle,) = (item.bundle for item in stored.evidence if item.kind == "sbom")
    bill = json.loads(base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))["predicate"]
    (ancestor,) = bill["metadata"]["component"]["pedigree"]["ancestors"]
    assert (ancestor["name"], ancestor["version"]) == ("org/base", claim_source(base)["revision"])
    assert f"sha256:{ancestor['hashes'][0]['content']}" == base["report"]["artifact"]["digest"]


def test_a_repository_of_the_same_name_is_no_base_model(upstream: Repository, tmp_path: Path) -> None:
    other = repository(tmp_path, "elsewhere")
    other.commit(TINY)
    assert intake(other.address + "@main", "org/base").status == 0
    derived = repository(tmp_path / "org", "derived")
    derived.commit(TINY | {"README.md": CARD})
    outcome = intake(derived.address + "@main", "org/derived")
    assert "nothing here knows it" in str(claim(outcome, "lineage/base-model")["evidence"])
