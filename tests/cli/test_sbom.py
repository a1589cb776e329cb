"""`weighbridge sbom`: four renderings, what changed, and whether a bill is about these bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator
from tools.schemas import schemas

from build.bill_models import MADE_AT, write_full_model
from build.running import Outcome, command
from build.spdx_documents import check_spdx

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    return write_full_model(tmp_path / "tiny")


def fits(outcome: Outcome, name: str) -> dict:
    document = outcome.json()
    validator = Draft202012Validator(schemas()[name])
    validator.validate(document)
    for key in document:
        assert not validator.is_valid({other: value for other, value in document.items() if other != key}), key
    return document


def test_each_form(model: Path) -> None:
    assert command("sbom", model).json()["specVersion"] == "1.7"
    assert command("sbom", model, "--spec-version", "1.6").json()["$schema"].endswith("bom-1.6.schema.json")
    check_spdx(command("sbom", model, "--format", "spdx").json())
    short = fits(command("sbom", model, "--format", "weighbridge", "--source", "hf://a/b", "--revision", "c"), "sbom")
    assert short["provenance"] == {
        "baseModel": "meta-llama/Llama-3.2-1B",
        "source": "hf://a/b",
        "commitHash": "c",
        "signatureVerified": None,
    }
    assert short["securityMetadata"]["picklePresent"] is True
    assert {item["filename"] for item in short["artifacts"]} == {path.name for path in model.iterdir()}
    page = command("sbom", model, "--format", "markdown").out
    assert page.startswith("# Bill of materials: `tiny`\n")


@pytest.mark.parametrize("form", ["cyclonedx", "spdx", "weighbridge", "markdown"])
def test_the_same_time_gives_the_same_bytes(model: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    first = command("sbom", model, "--format", form, "--made-at", MADE_AT).out
    assert command("sbom", model, "--format", form, "--made-at", "2026-11-24T13:00:00+01:00").out == first
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795521600")
    assert command("sbom", model, "--format", form).out == first


def test_a_single_file_is_a_model(model: Path) -> None:
    bill = command("sbom", model / "model.safetensors", "--format", "weighbridge").json()
    assert [item["filename"] for item in bill["artifacts"]] == ["model.safetensors"]
    assert command("sbom", "tiny/model.safetensors", "--output", "bom.json").status == 0
    assert command("sbom", "check", "bom.json", "tiny/model.safetensors").status == 0


def test_data_that_whoever_asks_knows_of_is_in_the_bill(model: Path) -> None:
    digest = "ab" * 32
    bill = command("sbom", model, "--dataset", f"own@v1=sha256:{digest}", "--dataset", "other").json()
    data = [one for one in bill["components"] if one["type"] == "data"]
    assert (data[0]["name"], data[0]["version"], data[0]["hashes"][0]["content"]) == ("own", "v1", digest)
    assert data[1]["name"] == "other"


def test_a_bill_matches_until_a_byte_changes(model: Path) -> None:
    assert command("sbom", model, "--output", "bom.json").status == 0
    whole = command("sbom", "check", "bom.json", model)
    assert (whole.status, whole.out.startswith("matches: 8 of 8 files")) == (0, True)
    (model / "modeling.py").write_text("class Net: 1\n")
    differs = command("sbom", "check", "bom.json", model)
    assert differs.status == 1
    assert "modeling.py has other bytes than the bill says" in differs.out
    document = fits(command("sbom", "check", "bom.json", model, "--format", "json"), "sbom-check")
    assert document["matches"] is False
    assert {one["kind"] for one in document["differences"]} == {"changed", "model-digest"}


def test_what_changed_between_versions(model: Path) -> None:
    assert command("sbom", model, "--output", "one.json").status == 0
    same = command("sbom", "diff", "one.json", model)
    assert (same.status, same.out) == (0, "no difference in files and in what the bills say\n")
    (model / "new.py").write_text("import os\n")
    assert command("sbom", model, "--format", "spdx", "--output", "two.json").status == 0
    told = command("sbom", "diff", "one.json", "two.json")
    assert told.status == 0
    assert "  + new.py is new (python, 10 bytes)\n" in told.out
    document = fits(command("sbom", "diff", "one.json", "two.json", "--format", "json"), "sbom-diff")
    assert document["same_files"] is False
    assert {"subject": "file", "kind": "added", "name": "new.py"}.items() <= document["changes"][0].items()


def test_a_folder_called_diff_is_a_model(model: Path) -> None:
    model.rename(model.parent / "diff")
    assert command("sbom", "diff").status == 0
    assert command("sbom", "diff", "diff", "diff").out.startswith("no difference")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a", "b"], "takes one PATH"),
        (["diff", "a"], "takes two arguments"),
        (["check", "a", "b", "c"], "takes two arguments"),
        (["tiny", "--format", "text"], "cannot be written as text"),
        (["diff", "tiny", "tiny", "--format", "spdx"], "cannot be written as spdx"),
        (["tiny", "--made-at", "soon"], "is no time"),
        (["tiny", "--released", "soon"], "is no time"),
        (["tiny", "--dataset", "a@b@c"], "no reference to data"),
        (["check", "tiny/config.json", "tiny"], "no bill of materials"),
        (["check", "nothing.json", "tiny"], "cannot be read"),
        (["check", "tiny", "tiny"], "cannot be read|is no file"),
        (["nowhere"], "nowhere"),
    ],
)
def test_bad_usage_is_told_in_a_sentence(model: Path, words: list[str], sentence: str) -> None:
    import re

    outcome = command("sbom", *words)
    assert outcome.status == 2
    assert outcome.out == ""
    assert re.search(sentence, outcome.err)


def test_the_time_of_reproducible_builds_has_to_be_a_number(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert command("sbom", model).status == 2


def test_hostile_text_never_leaves_its_code_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "m`| <script>"
    model.mkdir()
    (model / "a`|b [x](javascript:y).txt").write_text("hello\n")
    (model / "config.json").write_text(json.dumps({"model_type": "`|\n# owned", "architectures": ["<img src=x>"]}))
    card = "---\nlicense: '`](javascript:x)'\ndatasets: ['<b>`']\n---\n# M\n\n## Intended use\n\n"
    (model / "README.md").write_text(
        card + "Use `it` | with <script>alert(1)</script> and [this](http://evil.invalid).\n"
    )
    from markdown_it import MarkdownIt

    page = command("sbom", model, "--format", "markdown", "--source", "[x](http://evil.invalid)").out
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(page)
    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert "owned</h1>" not in html
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.count("|") == line.count(" | ") + 2 or set(line) <= set("|-") for line in rows)


def test_a_signature_by_somebody_trusted_is_in_the_bill(model: Path) -> None:
    assert command("init").status == 0
    assert command("sign", "tiny").status == 0

    def said() -> bool | None:
        return command("sbom", "tiny", "--format", "weighbridge").json()["provenance"]["signatureVerified"]

    assert said() is True
    (model / "modeling.py").write_text("class Net: 1\n")
    assert said() is False
    (model / "model.sig").unlink()
    assert said() is None


def test_no_signing_key_and_no_settings_are_needed(model: Path) -> None:
    assert command("sbom", model).status == 0
    assert command("sbom", "check", "nowhere", model).status == 2
