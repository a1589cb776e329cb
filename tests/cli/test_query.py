"""`weighbridge query` and `weighbridge index`: what they print, what their status says; every command of their pages."""

from __future__ import annotations

import csv
import io
import re
import shlex
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from build.containers import safetensors
from build.running import Outcome, command
from tools import schemas
from weighbridge.index.language import FIELDS

ROOT = Path(__file__).parents[2]
PAGES = ("docs/index.md", "docs/query.md")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model in its registry, known to its index and allowed in production."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert command("init").status == 0
        (folder / "net").mkdir()
        (folder / "net/model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
        (folder / "net/README.md").write_text("---\nlicense: mit\ndatasets:\n- squad\n---\n# =cmd|'/c calc'!A1\n")
        assert command("query", "global").status == 2
        assert "index rebuild" in command("index", "show").err
        assert command("intake", "net", "--to", "oci:registry:team/net:v1", "--stage", "production").status == 0
        assert not (folder / ".weighbridge/index.db").exists(), "intake begins no index"
        assert command("index", "rebuild").status == 0
        assert command("decisions", "show").status == 2
        assert command("admit", "oci:registry:team/net:v1", "--stage", "production").status == 0
        assert command("intake", "net", "--to", "oci:registry:team/other:v1", "--stage", "production").err == ""
    return folder


@pytest.fixture
def there(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    return project


def valid(outcome: Outcome, name: str) -> dict:
    document = outcome.json()
    Draft202012Validator(schemas.schemas()[name]).validate(document)
    return document


def test_intake_and_admit_keep_the_index(there: Path) -> None:
    document = valid(command("query", "dataset = squad and licence = MIT", "--format", "json"), "query")
    assert [(row["path"], row["tags"], row["deployed"]) for row in document["models"]] == [
        ("team/net", ["v1"], ["production"]),
        ("team/other", ["v1"], []),
    ]
    assert (document["more"], document["unknown"]) == (False, 0)


def test_no_hit_is_no_failure(there: Path) -> None:
    outcome = command("query", "global = os.system")
    assert (outcome.status, outcome.out, outcome.err) == (0, "0 models\n", "")


def test_text_says_what_and_where(there: Path) -> None:
    outcome = command("query", "deployed = production", "--limit", "1")
    assert "clean       oci:" in outcome.out
    assert "team/net (v1)" in outcome.out
    assert "allowed in production" in outcome.out
    assert "1 model\n" in outcome.out
    assert "there are more" in command("query", "tag", "--limit", "1").out


def test_csv_has_a_line_for_each_model(there: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(command("query", "tag = v1", "--format", "csv").out)))
    assert [row["verdict"] for row in rows] == ["clean", "clean"]
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


def test_what_is_wrong_is_one_sentence(there: Path) -> None:
    outcome = command("query", "tag = v1 and gobal = x")
    assert outcome.status == 2
    assert "column 14 of the query: gobal is no field" in outcome.err
    assert "did you mean global?" in outcome.err
    assert command("query", "tag", "--limit", "0").status == 2


def test_rebuild_and_show_say_what_there_is(there: Path) -> None:
    document = valid(command("index", "rebuild", "--format", "json"), "index-rebuild")
    assert (document["walk"]["models"], document["faults"]) == (2, [])
    shown = valid(command("index", "show", "--format", "json"), "index-show")
    assert (shown["models"], shown["verdicts"]) == (2, [{"name": "clean", "models": 2}])
    assert {"name": "production", "models": 1} in shown["deployed"]
    text = command("index", "show").out
    assert "2 models" in text
    assert "walked by 20" in text


def test_a_model_that_cannot_be_read_is_status_1(there: Path) -> None:
    for blob in (there / "registry/blobs/sha256").iterdir():
        if b"vnd.cncf.model.manifest" in (content := blob.read_bytes()) and b'"subject"' not in content:
            blob.chmod(0o600)
            blob.write_bytes(b"x" + content[1:])
            outcome = command("index", "rebuild")
            blob.write_bytes(content)
            break
    assert outcome.status == 1
    assert outcome.out.startswith("INCOMPLETE")
    assert command("index", "rebuild").status == 0


def commands() -> list[str]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL):
            found += [line for line in block.splitlines() if line.startswith("weighbridge ")]
    assert len(found) > 5
    return found


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_pages_runs(line: str, there: Path) -> None:
    outcome = command(*shlex.split(line)[1:])
    assert (outcome.status, outcome.err) == (0, ""), outcome.err


def test_the_page_lists_every_field() -> None:
    table = (ROOT / "docs/query.md").read_text(encoding="utf-8").partition("## Fields")[2]
    told = {name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    assert told == set(FIELDS)
