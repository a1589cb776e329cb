"""All that a model declares, from a quarantine: read with limits, and only what was inspected."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from build.gguf_files import gguf, text
from weighbridge.core.claims import Claim, Status
from weighbridge.core.origin import Origin, Told
from weighbridge.core.settings import StagePolicy
from weighbridge.provenance.declared import declared_claims
from weighbridge.provenance.lineage import Known
from weighbridge.provenance.signals import Earlier

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 29, tzinfo=UTC)
CARD = b"---\nlicense: apache-2.0\ndatasets: [squad]\nbase_model: org/base\n---\n# Model\n"
ANY = StagePolicy()
ORIGIN = Origin("hub", "https://huggingface.co/org/model", "main", "b" * 40)


def safetensors(metadata: dict[str, str]) -> bytes:
    head = json.dumps({"__metadata__": metadata}).encode()
    return len(head).to_bytes(8, "little") + head


def quarantine(folder: Path, files: dict[str, bytes]) -> dict[str, str]:
    for name, raw in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return {name: sha256(raw).hexdigest() for name, raw in files.items()}


def of(folder: Path, files: dict[str, str], *, origin: Origin = ORIGIN, policy=ANY, **also) -> dict[str, Claim]:
    found: dict[str, Claim] = {}

    def keep(claims: tuple[Claim, ...]) -> None:
        for claim in claims:
            found.setdefault(claim.claim, claim)
            keep(claim.parts)

    keep(declared_claims(origin, str(folder), files, policy=policy, now=NOW, **also))
    return found


def test_everything_of_a_model(tmp_path):
    files = quarantine(
        tmp_path,
        {
            "README.md": CARD,
            "adapter_config.json": b'{"base_model_name_or_path": "org/base"}',
            "config.json": b'{"_name_or_path": "org/base"}',
            "model.safetensors": safetensors({"license": "apache-2.0"}),
        },
    )
    found = of(
        tmp_path, files, resolve=lambda name: Known(name, "sha256:1", licence="apache-2.0", regulated=("ferpa",))
    )
    assert {"card", "licence", "lineage", "regulated-data", "signal/revision", "signal/publisher"} <= found.keys()
    assert found["licence/metadata"].value == "apache-2.0"
    assert found["licence/base-model"].status is Status.DECLARED
    assert found["lineage/base-model"].value == "org/base@sha256:1"
    assert "org/base" in found["regulated-data/ferpa"].evidence
    assert "declared/unread" not in found
    assert all(claim.status is not Status.VERIFIED for name, claim in found.items() if not name.startswith("signal/"))


def test_nothing_declared(tmp_path):
    found = of(tmp_path, quarantine(tmp_path, {"model.bin": b"x"}))
    for name in ("card", "licence", "lineage", "regulated-data"):
        assert found[name].status is Status.ABSENT, name
    assert found["card"].confirm
    assert found["licence"].confirm
    assert found["regulated-data"].confirm


def test_adapter_and_card_disagree(tmp_path):
    files = quarantine(
        tmp_path, {"README.md": CARD, "adapter_config.json": b'{"base_model_name_or_path": "evil/other"}'}
    )
    assert of(tmp_path, files)["lineage"].status is Status.CONTRADICTED


def test_metadata_of_gguf_counts(tmp_path):
    pairs = {
        "general.license": "cc-by-nc-4.0",
        "general.base_model.0.repo_url": "https://huggingface.co/meta-llama/Llama-3.1-8B",
        "general.dataset.0.name": "MIMIC-III",
    }
    files = quarantine(tmp_path, {"README.md": CARD.replace(b"base_model: org/base\n", b""), "m.gguf": written(pairs)})
    found = of(tmp_path, files)
    assert found["licence"].status is Status.CONTRADICTED
    assert found["lineage/base-model"].value == "meta-llama/Llama-3.1-8B"
    assert "general.dataset.0.name of m.gguf" in found["regulated-data/hipaa"].evidence


def written(pairs: dict[str, str]) -> bytes:
    return gguf([text(key, value) for key, value in pairs.items()])


def test_the_licence_of_a_base_is_known_by_its_publisher(tmp_path):
    card = CARD.replace(b"org/base", b"meta-llama/Llama-3.1-8B")
    found = of(tmp_path, quarantine(tmp_path, {"README.md": card}))
    assert found["licence/base-model"].value == "llama3.1"
    assert found["licence"].status is Status.CONTRADICTED


def test_the_list_of_the_stage(tmp_path):
    files = quarantine(tmp_path, {"README.md": CARD})
    assert of(tmp_path, files, policy=StagePolicy(licences=("mit",)))["licence/policy"].value == "not-allowed"
    assert of(tmp_path, files, policy=StagePolicy(licences=("apache-2.0",)))["licence/policy"].value == "allowed"


def test_the_licence_that_the_place_tells(tmp_path):
    origin = ORIGIN._replace(told=(Told("licence", "mit"),))
    assert (
        of(tmp_path, quarantine(tmp_path, {"README.md": CARD}), origin=origin)["licence"].status is Status.CONTRADICTED
    )


def test_what_an_earlier_intake_remembers(tmp_path):
    files = quarantine(tmp_path, {"README.md": CARD, "w.safetensors": safetensors({})})
    earlier = Earlier({"main": "a" * 40}, {**files, "w.safetensors": "0" * 64}, lambda old, new: False)
    found = of(tmp_path, files, earlier=earlier)
    assert found["signal/moved"].status is Status.CONTRADICTED
    assert found["signal/card"].value == "weights"


def test_a_card_that_is_not_what_was_inspected(tmp_path):
    files = quarantine(tmp_path, {"README.md": CARD})
    (tmp_path / "README.md").write_bytes(CARD + b"\n")
    found = of(tmp_path, files)
    assert found["declared/unread"].status is Status.CONTRADICTED
    assert found["card"].status is Status.ABSENT


def test_a_card_behind_a_link(tmp_path):
    (tmp_path / "outside").write_bytes(CARD)
    folder = tmp_path / "model"
    folder.mkdir()
    os.symlink(tmp_path / "outside", folder / "README.md")
    found = of(folder, {"README.md": sha256(CARD).hexdigest()})
    assert "link" in found["declared/unread"].evidence
    assert found["card"].status is Status.ABSENT


def test_a_folder_behind_a_link(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "adapter_config.json").write_bytes(b'{"base_model_name_or_path": "x/y"}')
    folder = tmp_path / "model"
    folder.mkdir()
    os.symlink(tmp_path / "outside", folder / "a")
    assert of(folder, {"a/adapter_config.json": "0" * 64})["lineage"].status is Status.ABSENT


@pytest.mark.parametrize("name", ["../README.md/config.json", "a%2F/config.json"])
def test_names_that_lead_elsewhere(tmp_path, name):
    assert "declared/unread" in of(tmp_path, {"README.md": "0" * 64, name: "0" * 64})


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "config.json")
    assert of(tmp_path, {"config.json": "0" * 64})["declared/unread"].evidence == "config.json is no file"


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("README.md", b"x" * 4_000_000),
        ("config.json", b"{" + b" " * 1_100_000 + b"}"),
        ("config.json", b"{"),
        ("config.json", b"[" * 100_000),
        ("config.json", b'{"_name_or_path": "a/b", "_name_or_path": "c/d"}'),
        ("adapter_config.json", b"\xff\xfe"),
        ("mergekit_config.yml", b"a: [b"),
        ("m.gguf", b"GGUF\x03\0\0\0" + b"\xff" * 24),
        ("m.gguf", b""),
        ("m.safetensors", b"\xff" * 8),
        ("m.safetensors", (2).to_bytes(8, "little") + b"{x"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path, name, raw):
    claim = of(tmp_path, quarantine(tmp_path, {name: raw}))["declared/unread"]
    assert claim.confirm
    assert claim.evidence.startswith(name)


@pytest.mark.parametrize("raw", [b"[]", b"null", b'{"_name_or_path": 7}', b'{"_name_or_path": ["a"]}'])
def test_values_of_other_types_name_nothing(tmp_path, raw):
    assert of(tmp_path, quarantine(tmp_path, {"config.json": raw}))["lineage"].status is Status.ABSENT


def test_merged_models(tmp_path):
    merge = b"models:\n  - model: org/a\n  - model: org/b\nbase_model: org/c\n"
    found = of(tmp_path, quarantine(tmp_path, {"mergekit_config.yml": merge}))
    assert found["lineage"].value == "org/a, org/b, org/c"


def test_more_licences_than_are_looked_into(tmp_path):
    files = quarantine(tmp_path, {f"LICENSE-{n}": b"x" for n in range(20)})
    files = {f"{name}.txt": digest for name, digest in files.items()}
    for name in files:
        (tmp_path / name.removesuffix(".txt")).rename(tmp_path / name)
    assert any("more of its kind" in claim.evidence for claim in of(tmp_path, files).values())


def test_the_same_model_gives_the_same_claims(tmp_path):
    files = quarantine(tmp_path, {"README.md": CARD, "LICENSE": b"none", "config.json": b"{}"})
    first = declared_claims(ORIGIN, str(tmp_path), files, policy=StagePolicy(), now=NOW)
    again = declared_claims(ORIGIN, str(tmp_path), dict(reversed(files.items())), policy=StagePolicy(), now=NOW)
    assert first == again
