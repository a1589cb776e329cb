"""The shipped schemas are what the generator makes, real output fits them, and a wrong document does not."""

from __future__ import annotations

import copy
import json
import os
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from tools.schemas.__main__ import main
from tools.schemas.shapes import schema_of, shape_of

from build import keys
from build import pickles as p
from build.containers import safetensors, torch_zip
from build.inspecting import inspected
from build.running import command
from tools import schemas
from weighbridge.attest.model_signing import SIGNATURE_FILE, sign_model
from weighbridge.core import facts
from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.gate.decision import Decision
from weighbridge.gate.reason import Reason, Result

if TYPE_CHECKING:
    from pathlib import Path

EVERY_FACT = (
    facts.Import("os.system"),
    facts.Call("os.system", "call", "('id')", "('id')"),
    facts.ComputedImport("a + b"),
    facts.PickleEnd(0, 9, 2, complete=True),
    facts.Tensor("w", "F32", (2, 3), 0, 24),
    facts.Operator("com.microsoft", "Gelu", 2, 9),
    facts.OperatorSet("", 17, 9),
    facts.Graph("main", "", "net", 3, 9),
    facts.ExternalData("w", "w.bin", 0, -1, 16, "", 9),
    facts.Reference("auto_map", "modeling.Net", "auto_map.AutoModel", "", 9),
    facts.FileReference("vocabulary", "/etc/passwd", "config.vocabulary", 9),
    facts.ActiveText("key", "python", "eval(x)", 9),
    facts.SourceUse("process", "os.system", "os.system('id')", "import", ("literal",), 9, 2),
    facts.TemplateUse("chat_template", "attribute", "x.__class__", 9),
    facts.Metadata("key", "value", 5, 0),
    facts.Setting("auto_map.AutoModel", "x.Y", 0),
    facts.Markup("handler", "img onerror", "alert(1)", 7),
    facts.Address("catcher", "webhook.site/x", "url", "base64", 7),
    facts.Secret("github-token", "text", 40, "0123456789ab", checked=True, offset=7),
    facts.PersonalData("card numbers", 3, "text", 7),
    facts.Embedded("key", "base64", "pickle", 9),
    facts.Oddity("empty", "0 bytes"),
    facts.Limit("depth", 16),
    facts.NameMismatch("safetensors", "pickle"),
    facts.Native("elf"),
    facts.Link("elsewhere", inside=False),
    facts.JudgeSettings("weighbridge.toml"),
    facts.Pointer("git-lfs", "sha256:00", 9),
    facts.UnreadSpan(0, 9, "no format is known for these bytes"),
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name, content in {
        "clean/model.safetensors": safetensors({"w": b"12345678"}),
        "clean/config.json": b'{"model_type": "net", "layers": 2}',
        "clean/model.pt": torch_zip([("FloatStorage", "0", b"1234")], {"FloatStorage": 4}),
        "malicious/model.pkl": p.proto(2) + p.system() + p.STOP,
        "incomplete/model.bin": b"\xf1\xf2\xf3",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return tmp_path


def shipped(name: str) -> dict[str, Any]:
    with open(os.path.join(schemas.FOLDER, f"{name}.json"), encoding="utf-8") as file:
        return json.load(file)


def complaints(name: str, document: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(shipped(name)).iter_errors(document)]


def without(document: Any, *path: str | int) -> Any:
    """A copy of the document that lacks one field."""
    changed = copy.deepcopy(document)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return changed


def changed(document: Any, value: Any, *path: str | int) -> Any:
    """A copy of the document in which one field has another value."""
    copied = copy.deepcopy(document)
    inner = copied
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return copied


def test_the_shipped_schemas_are_what_the_generator_makes() -> None:
    assert schemas.out_of_date() == []
    assert main(["--check"]) == 0


@pytest.mark.parametrize("name", schemas.schemas())
def test_every_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(shipped(name))


def test_check_sees_a_changed_a_missing_and_a_foreign_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schemas, "FOLDER", str(tmp_path / "schemas"))
    assert main(["--check"]) == 1
    assert not (tmp_path / "schemas").exists()
    assert main([]) == 0
    assert main(["--check"]) == 0
    (tmp_path / "schemas" / "scan.json").write_text("{}")
    (tmp_path / "schemas" / "foreign.json").write_text("{}")
    capsys.readouterr()
    assert main(["--check"]) == 1
    assert [line.rpartition("/")[2] for line in capsys.readouterr().err.splitlines()] == ["foreign.json", "scan.json"]
    assert main([]) == 0
    assert not (tmp_path / "schemas" / "foreign.json").exists()


@pytest.mark.parametrize("model", ["clean", "malicious", "incomplete"])
def test_scan_reports_fit(models: Path, model: str) -> None:
    report = command("scan", models / model, "--format", "json").json()
    assert report["verdict"] == model
    assert complaints("scan", report) == []
    assert complaints("scan", {**report, "more": "is welcome"}) == []


def test_a_set_of_reports_fits(models: Path) -> None:
    report = command("scan", models / "clean", models / "malicious", "--format", "json").json()
    assert complaints("scan-set", report) == []
    assert complaints("scan", report)
    assert complaints("scan-set", without(report, "reports", 1, "verdict"))


def test_wrong_scan_reports_do_not_fit(models: Path) -> None:
    report = command("scan", models / "malicious", "--format", "json").json()
    wrong = [without(report, field) for field in report]
    wrong += [without(report, "findings", 0, field) for field in report["findings"][0]]
    wrong += [without(report, "artifact", "files", 0, field) for field in report["artifact"]["files"][0]]
    wrong += [
        changed(report, "weighbridge.scan/2", "schema"),
        changed(report, "fine", "verdict"),
        changed(report, "terrible", "findings", 0, "severity"),
        changed(report, "sha256:00", "artifact", "digest"),
        changed(report, report["artifact"]["digest"], "artifact", "files", 0, "sha256"),
        changed(report, "3", "artifact", "files", 0, "size"),
        changed(report, "?", "findings", 0, "unknown"),
    ]
    for document in wrong:
        assert complaints("scan", document), document


def test_facts_fit(models: Path) -> None:
    for model in ("clean", "malicious", "incomplete"):
        document = json.loads(json.dumps(inspected(models / model).facts.predicate()))
        assert document["blobs"]
        assert complaints("facts", document) == []


def test_every_type_of_fact_fits_and_no_other() -> None:
    assert {type(fact) for fact in EVERY_FACT} == set(facts.Fact.__args__)
    blob = {"location": "x", "format": "pickle", "version": 1}
    sheet = {
        "schema": "weighbridge.facts/1",
        "digest": str(digest_bytes(b"")),
        "tool": {"name": "weighbridge", "version": "0"},
    }
    for fact in EVERY_FACT:
        written = {"fact": type(fact).__name__, **fact._asdict()}
        document = json.loads(json.dumps({**sheet, "blobs": [{**blob, "facts": [written]}]}))
        assert complaints("facts", document) == []
        assert complaints("facts", changed(document, "Hearsay", "blobs", 0, "facts", 0, "fact"))
        assert complaints("facts", changed(document, 1, "blobs", 0, "facts", 0, "unknown"))


def test_intake_and_its_refusal_fit(models: Path) -> None:
    assert command("init", "--quiet").status == 0
    admitted = command("intake", models / "clean", "--stage", "sandbox", "--format", "json").json()
    assert admitted["decision"] == "admitted"
    assert complaints("intake", admitted) == []
    refused = command("intake", models / "malicious", "--format", "json").json()
    assert refused["decision"] == "refused"
    assert complaints("intake", refused) == []
    for wrong in (
        changed(refused, "perhaps", "decision"),
        changed(refused, "v1", "digest"),
        without(refused, "report", "verdict"),
    ):
        assert complaints("intake", wrong)
    decision = command(
        "admit", "clean:" + admitted["reference"].rpartition(":")[2], "--stage", "staging", "--format", "json"
    ).json()
    assert complaints("decision", decision) == []


def test_a_decision_fits() -> None:
    reasons = tuple(Reason("scan-present", result, "why", "needs") for result in Result)
    document = Decision(
        allowed=False, digest=digest_bytes(b""), stage="production", reasons=reasons, made_at="2026-11-24T00:00:00Z"
    ).document()
    assert complaints("decision", document) == []
    for wrong in (
        changed(document, "maybe", "decision"),
        changed(document, "no", "reasons", 0, "result"),
        changed(document, "moon", "stage"),
    ):
        assert complaints("decision", wrong)


def test_both_answers_of_verify_fit(models: Path) -> None:
    model = models / "clean"
    files = [(path.name, digest_bytes(path.read_bytes())) for path in model.iterdir()]
    (model / SIGNATURE_FILE).write_bytes(sign_model("clean", files, keys.signer()))
    key = models / "key.pub"
    key.write_bytes(keys.public_pem())
    verified = command("verify", model, "--key", key, "--format", "json").json()
    assert verified["verified"] is True
    assert complaints("verify", verified) == []
    (model / "extra").write_bytes(b"x")
    refused = command("verify", model, "--key", key, "--format", "json").json()
    assert refused["verified"] is False
    assert complaints("verify", refused) == []
    assert complaints("verify", {**refused, "verified": True})
    assert complaints("verify", without(verified, "files", 0, "sha256"))


def test_what_engines_say_fits_beside_a_report(tmp_path: Path) -> None:
    from weighbridge.core.findings import Severity
    from weighbridge.engines.answers import finding
    from weighbridge.engines.base import EngineReport
    from weighbridge.render.documents import scan_json

    (tmp_path / "model.pkl").write_bytes(b"\x80\x02K\x01.")
    report = inspected(tmp_path / "model.pkl").report
    found = (finding("picklescan", Severity.HIGH, "dangerous import", "a.pkl", "os system", "CWE-502"),)
    said = EngineReport("picklescan", "1.0.5", "suspicious", found, "ran", "", 1, "bubblewrap")
    beside = json.loads(scan_json([report], [[said]]))
    assert complaints("scan", json.loads(scan_json([report]))) == []
    assert complaints("scan", beside) == []
    assert complaints("scan", changed(beside, "good", "engines", 0, "verdict"))


def test_rules_and_doctor_fit() -> None:
    listed = command("rules", "--format", "json").json()
    assert listed["rules"]
    assert complaints("rules", listed) == []
    assert complaints("rules", changed(listed, "awful", "rules", 0, "severity"))
    checks = command("doctor", "--format", "json").json()
    assert complaints("doctor", checks) == []
    assert complaints("doctor", changed(checks, "yes", "checks", 0, "well"))


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(NamedTuple):
    """Something inside. And more about it."""

    digest: Digest
    colour: Colour


class Outer(NamedTuple):
    inner: Inner
    many: tuple[Inner, ...]
    kind: Literal["a", "b"]
    size: int | None
    share: float
    sure: bool


def test_a_type_becomes_a_schema() -> None:
    named: dict[str, Any] = {}
    assert schema_of(shape_of(Outer), named) == {"$ref": "#/$defs/Outer"}
    outer, inner = named["Outer"], named["Inner"]
    assert inner["description"] == "Something inside."
    assert inner["properties"]["colour"] == {"enum": ["red", "blue"]}
    assert inner["required"] == ["digest", "colour"]
    assert inner["additionalProperties"] is False
    assert outer["properties"] == {
        "inner": {"$ref": "#/$defs/Inner"},
        "many": {"type": "array", "items": {"$ref": "#/$defs/Inner"}},
        "kind": {"enum": ["a", "b"]},
        "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "share": {"type": "number"},
        "sure": {"type": "boolean"},
    }


@pytest.mark.parametrize("kind", [bytes, Any, dict[str, str], tuple[int, str], object])
def test_what_json_cannot_say_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="no schema"):
        schema_of(kind, {})


def test_what_the_second_gate_says_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "config.json").write_text('{"model_type": "net"}')
    assert command("intake", "net", "--stage", "production", "--to", "oci:registry:net:v1").status == 0
    words = ("--reason", "r", "--approver", "a", "--expires", "2999-01-01")
    assert command("exemption", "add", "file/unread", "net:v1", *words).status == 0
    (tmp_path / "cases.toml").write_text('[[case]]\nstage = "production"\nexpect = "allow"\n')
    (tmp_path / "bad.txt").write_text("sha256:" + "0" * 64 + " why\n")
    text = (tmp_path / "weighbridge.toml").read_text()
    (tmp_path / "weighbridge.toml").write_text('feeds = ["bad.txt"]\n' + text)
    for schema, *asked in (
        ("decision", "admit", "net:v1", "--stage", "production"),
        ("decisions", "decisions", "show"),
        ("decisions-verify", "decisions", "verify"),
        ("exemptions", "exemption", "list"),
        ("sweep", "sweep", "--jobs", "1"),
        ("policy", "policy", "show"),
        ("policy-test", "policy", "test", "cases.toml"),
        ("feeds", "policy", "feeds"),
    ):
        document = command(*asked, "--format", "json").json()
        assert complaints(schema, document) == [], schema
        assert document["schema"].startswith("weighbridge.")
        lists = [value for value in document.values() if isinstance(value, list)]
        assert any(lists) or schema in ("decisions-verify", "sweep"), schema
