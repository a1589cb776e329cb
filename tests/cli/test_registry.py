"""`weighbridge registry`: what it prints, what its status says, and that a changed byte anywhere is found and denied."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from build.containers import safetensors
from build.models import attach_note
from build.registry_server import serving
from build.running import Outcome, command
from tools import schemas
from weighbridge.core.settings import Settings
from weighbridge.registry.open import find_repositories

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert command("init").status == 0
    (tmp_path / "good").mkdir()
    (tmp_path / "good/model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    (tmp_path / "good/README.md").write_text("# A model\n")
    return tmp_path


@pytest.fixture
def taken(project: Path) -> Path:
    assert command("intake", "good", "--to", "oci:registry:team/good:v1", "--stage", "production").status == 0
    return project


@pytest.fixture
def host() -> Iterator[str]:
    with serving(referrers_api=False) as registry:
        yield registry.host


def valid(outcome: Outcome, name: str) -> dict:
    document = outcome.json()
    assert document["schema"] == f"weighbridge.{name}/1"
    Draft202012Validator(schemas.schemas()[name]).validate(document)
    return document


def test_list_has_every_tag(taken: Path) -> None:
    outcome = command("registry", "list", "--format", "json")
    (row,) = valid(outcome, "registry-list")["rows"]
    assert outcome.status == 0
    assert row["reference"].endswith("registry:team/good:v1")
    assert (row["scan"], row["size"] > 0) == ("clean", True)
    text = command("registry", "list", "oci:registry")
    assert "team/good:v1" in text.out
    assert "clean" in text.out


def test_an_empty_registry_says_so(project: Path) -> None:
    with serving() as registry:
        assert command("registry", "list", registry.host).out == "the registry is empty\n"
        assert valid(command("registry", "list", registry.host, "--format", "json"), "registry-list")["rows"] == []


def test_show_has_files_and_annotations(taken: Path) -> None:
    document = valid(command("registry", "show", "team/good:v1", "--format", "json"), "registry-show")
    assert {file["path"] for file in document["files"]} == {"README.md", "model.safetensors"}
    assert {"key": "security.scan.result", "value": "clean"} in document["annotations"]
    text = command("registry", "show", "team/good:v1").out
    assert document["digest"] in text
    assert "model.safetensors" in text


def test_tree_shows_each_link_verified(taken: Path) -> None:
    outcome = command("registry", "tree", "team/good:v1", "--format", "json")
    document = valid(outcome, "registry-tree")
    assert outcome.status == 0
    assert {link["kind"]: link["result"] for link in document["evidence"]} == {
        "scan": "verified",
        "facts": "verified",
        "sbom": "verified",
        "sbom-spdx": "verified",
        "model-signature": "verified",
        "provenance": "verified",
        "slsa-provenance": "verified",
        "test-result": "verified",
        "evidence-list": "verified",
    }
    assert {link["signer"] for link in document["evidence"]} == {"this machine"}
    assert command("registry", "tree", "team/good:v1").out.count("signed by this machine") == 9


def test_strangers_evidence_is_broken(taken: Path) -> None:
    os.rename(taken / ".weighbridge", taken / "old")
    os.rename(taken / "weighbridge.toml", taken / "old.toml")
    os.rename(taken / "trust.toml", taken / "old-trust.toml")
    assert command("init").status == 0
    outcome = command("registry", "tree", "team/good:v1", "--format", "json")
    assert outcome.status == 1
    assert {link["result"] for link in outcome.json()["evidence"]} == {"broken"}
    assert "signer-unknown" in outcome.json()["evidence"][0]["why"]
    assert command("registry", "verify").status == 1


def test_a_model_without_evidence_is_not_verified(taken: Path) -> None:
    index = json.loads((taken / "registry/index.json").read_bytes())
    index["manifests"] = [
        entry for entry in index["manifests"] if "dev.weighbridge.subject" not in entry["annotations"]
    ]
    (taken / "registry/index.json").write_text(json.dumps(index))
    tree = command("registry", "tree", "team/good:v1")
    assert tree.status == 1
    assert "no evidence" in tree.out
    outcome = command("registry", "verify", "--format", "json")
    assert outcome.status == 1
    assert valid(outcome, "registry-verify")["faults"][0]["why"] == "no evidence of it is verified"


def test_other_artifacts_are_unchecked_and_not_broken(taken: Path) -> None:
    from weighbridge.registry.layout import open_layout

    store = open_layout("registry", "team/good")
    attach_note(store, store.resolve(store.reference(tag="v1")), "a note")
    outcome = command("registry", "tree", "team/good:v1", "--format", "json")
    assert outcome.status == 0
    assert [link["result"] for link in outcome.json()["evidence"]].count("unchecked") == 1


def test_verify_reads_everything(taken: Path) -> None:
    outcome = command("registry", "verify", "--format", "json")
    document = valid(outcome, "registry-verify")
    assert (outcome.status, document["models"], document["evidence"], document["faults"]) == (0, 1, 9, [])
    assert command("registry", "verify", "--model", "team/good:v1").out.startswith("VERIFIED")
    assert command("registry", "verify", "--model", "team/good:v1", "oci:registry").status == 2
    assert command("registry", "verify", "--model", "team/good:v9").status == 1


def test_every_changed_byte_is_found_and_denied(taken: Path) -> None:
    """One byte at a time, all over the registry: `verify` names what is broken, and gate two, which reads no model
    byte, denies or fails on everything that it goes by.
    """
    blobs = taken / "registry/blobs/sha256"
    index = json.loads((taken / "registry/index.json").read_bytes())
    decisive = set()
    for entry in index["manifests"]:
        name = entry["digest"].removeprefix("sha256:")
        decisive.add(name)
        document = json.loads((blobs / name).read_bytes())
        if "subject" in document:
            decisive |= {layer["digest"].removeprefix("sha256:") for layer in document["layers"]}
    tried = 0
    for number, path in enumerate(sorted(blobs.iterdir())):
        content = path.read_bytes()
        path.chmod(0o600)
        for place in {
            0,
            len(content) // 2,
            len(content) - 1,
            *range(number % 7, len(content), max(1, len(content) // 5)),
        }:
            path.write_bytes(content[:place] + bytes((content[place] ^ 1,)) + content[place + 1 :])
            found = command("registry", "verify", "--format", "json")
            assert found.status in (1, 2)
            if found.status == 1:
                faults = found.json()["faults"]
                assert any(path.name in f"{fault['digest']} {fault['why']}" for fault in faults), (path.name, faults)
            else:
                assert path.name in found.err
            if path.name in decisive:
                decision = command("admit", "team/good:v1", "--stage", "production")
                assert decision.status == 2 or (decision.status == 1 and decision.out.startswith("DENIED"))
            tried += 1
        path.write_bytes(content)
    assert tried > 80
    assert command("registry", "verify").status == 0
    assert command("admit", "team/good:v1", "--stage", "production").status == 0


def deploys_from(project: Path, host: str) -> None:
    """Let the stages deploy from this registry too: by themselves they take models of the internal one alone."""
    settings = (project / "weighbridge.toml").read_text()
    for stage in ("staging", "production"):
        line = f'registries = ["internal", "{host}/**"]'
        settings = settings.replace(f"[stage.{stage}]\n", f"[stage.{stage}]\n{line}\n")
    (project / "weighbridge.toml").write_text(settings)


def test_copy_promotes_between_registries(taken: Path, host: str) -> None:
    assert command("registry", "copy", "team/good:v1", f"{host}/prod/good:v1").status == 0
    assert command("admit", f"{host}/prod/good:v1", "--stage", "production").status == 1
    deploys_from(taken, host)
    outcome = command(
        "registry", "copy", "team/good:v1", f"{host}/prod/good:v1", "--stage", "production", "--format", "json"
    )
    document = valid(outcome, "registry-copy")
    assert outcome.status == 0, outcome
    assert document["reference"] == f"{host}/prod/good:v1"
    assert command("admit", f"{host}/prod/good:v1", "--stage", "production").status == 0
    assert command("admit", f"{host}/prod/good@{document['digest']}", "--stage", "production").status == 0
    assert command("registry", "tree", f"{host}/prod/good:v1").status == 0
    assert command("registry", "verify", f"{host}/prod").status == 0
    assert command("registry", "list", f"{host}/other").out == "the registry is empty\n"


def test_copy_asks_the_gate_and_keeps_tags(taken: Path, host: str) -> None:
    (taken / "good/weights.bin").write_bytes(b"\xf1\xf2\xf3")
    assert command("intake", "good", "--to", "oci:registry:team/bad:v1", "--stage", "sandbox").status == 0
    refused = command("registry", "copy", "team/bad:v1", f"{host}/prod/bad:v1", "--stage", "production")
    assert refused.status == 1
    assert refused.out.startswith("DENIED")
    document = command(
        "registry", "copy", "team/bad:v1", f"{host}/prod/bad:v1", "--stage", "production", "--format", "json"
    )
    assert document.json()["decision"] == "deny"
    assert command("registry", "list", host).out == "the registry is empty\n"
    assert command("registry", "copy", "team/good:v1", f"{host}/prod/net:v1").status == 0
    taken_tag = command("registry", "copy", "team/bad:v1", f"{host}/prod/net:v1")
    assert taken_tag.status == 2
    assert "--replace" in taken_tag.err
    assert command("registry", "copy", "team/bad:v1", f"{host}/prod/net:v1", "--replace").status == 0
    assert command("registry", "copy", "team/bad:v1", f"{host}/prod/net@sha256:{'0' * 64}").status == 2


def test_intake_moves_a_tag_only_when_asked(taken: Path, host: str) -> None:
    deploys_from(taken, host)
    target = f"{host}/team/net:v1"
    first = command("intake", "good", "--to", target, "--format", "json").json()
    assert first["decision"] == "admitted"
    (taken / "good/README.md").write_text("# Another\n")
    for reference in (target, "oci:registry:team/good:v1"):
        refused = command("intake", "good", "--to", reference)
        assert refused.status == 2
        assert "is there already" in refused.err
    moved = command("intake", "good", "--to", target, "--replace", "--format", "json").json()
    assert moved["digest"] != first["digest"]
    assert command("admit", f"{host}/team/net@{first['digest']}", "--stage", "staging").status == 0, "the old one stays"


def test_the_default_registry_may_be_a_host_with_a_prefix(project: Path, host: str) -> None:
    settings = (project / "weighbridge.toml").read_text().replace("oci:registry", f"{host}/models")
    (project / "weighbridge.toml").write_text(settings)
    assert command("intake", "good", "--to", "net:v1").status == 0
    assert command("admit", "net:v1", "--stage", "staging").status == 0
    assert f"{host}/models/net:v1" in command("registry", "list").out
    assert command("registry", "gc").status == 2


def test_gc_removes_what_nothing_names(taken: Path) -> None:
    loose = taken / "registry/blobs/sha256" / ("a" * 64)
    loose.write_bytes(b"loose")
    assert valid(command("registry", "gc", "--format", "json"), "registry-gc")["young"] == 1
    dry = command("registry", "gc", "--grace-hours", "0", "--dry-run")
    assert dry.out.startswith("1 blob would be removed")
    assert loose.exists()
    assert (
        len(valid(command("registry", "gc", "--grace-hours", "0", "--format", "json"), "registry-gc")["removed"]) == 1
    )
    assert not loose.exists()
    assert command("registry", "verify").status == 0
    assert command("registry", "gc", "--grace-hours", "-1").status == 2
    assert command("registry", "gc", "registry.test").status == 2
    shutil.rmtree("registry")
    assert command("registry", "gc").status == 2


def test_hostile_annotations_reach_no_terminal(taken: Path) -> None:
    from weighbridge.registry.layout import open_layout
    from weighbridge.registry.manifests import IMAGE_MANIFEST

    store = open_layout("registry", "team/good")
    raw = json.loads(store.get_manifest(store.resolve(store.reference(tag="v1"))))
    raw["annotations"] |= {"security.scan.result": "\x1b[2Jclean\u202e", "x\n::error::": "\x1b]0;t\x07"}
    store.put_manifest(json.dumps(raw).encode(), IMAGE_MANIFEST, "evil")
    for words in (["list"], ["show", "team/good:evil"], ["tree", "team/good:evil"], ["verify"]):
        for form in ("text", "json"):
            outcome = command("registry", *words, "--format", form)
            assert "\x1b" not in outcome.out + outcome.err
            assert "\u202e" not in outcome.out
            assert "\n::error" not in outcome.out


@pytest.mark.parametrize(
    "words",
    [
        ["registry"], ["registry", "lst"], ["registry", "list", "oci:nowhere"], ["registry", "show", "x"],
        ["registry", "tree", "oci:registry:no:v1"], ["registry", "copy", "a:b"], ["registry", "list", "no host"],
    ],
)  # fmt: skip
def test_what_cannot_work_is_status_2(project: Path, words: list[str]) -> None:
    outcome = command(*words)
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.count("\n") >= 1


def test_repositories_below_a_prefix() -> None:
    with serving() as registry:
        registry.manifests = {"a/x": {}, "a/b/y": {}, "ab/z": {}, "a": {}}
        assert find_repositories(f"{registry.host}/a", Settings()) == tuple(
            (f"{registry.host}/", name) for name in ("a", "a/b/y", "a/x")
        )
        assert len(find_repositories(registry.host, Settings())) == 4
