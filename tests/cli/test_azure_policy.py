"""`weighbridge azure policy`: statuses, both forms, files that are none, and what hostile text becomes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tools.schemas import schemas

from build.azure_requests import THING, policy, thing
from build.running import command

RULE = {"allOf": [{"field": "type", "equals": THING}, {"field": f"{THING}/a", "equals": "[parameters('bad')]"}]}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, document: Any) -> str:
    Path(name).write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return name


def run(definition: Any, resource: Any, *words: str) -> Any:
    return command(
        "azure", "policy", "test", write("policy.json", definition), write("resource.json", resource), *words
    )


def test_statuses_of_outcomes() -> None:
    given = ("--parameters", write("values.json", {"bad": {"value": "x"}}))
    assert run(policy(RULE, bad="String"), thing(a="x"), *given).status == 1
    assert run(policy(RULE, bad="String"), thing(a="y"), *given).status == 0
    assert run(policy(RULE, bad="String"), thing("Microsoft.Other/x"), *given).status == 0
    assert run(policy(RULE, "audit", bad="String"), thing(a="x"), *given).status == 0
    assert run(policy(RULE, bad="String"), thing(a="x"), *given, "--enforcement-mode", "DoNotEnforce").status == 0
    assert run(policy({"value": "[int('x')]", "equals": 1}, "audit"), thing()).status == 1
    assert run(policy({"value": "[reference('x')]", "equals": 1}, "audit"), thing()).status == 1
    assert run(policy(RULE, bad="String"), thing(a="x")).status == 2  # no value for the parameter


def test_text_explains_line_by_line() -> None:
    outcome = run(policy(RULE, bad={"type": "String", "defaultValue": "x"}), thing(a="x"))
    assert outcome.out.startswith("DENY  the rule matches\n")
    assert f'{{"field": "type", "equals": "{THING}"}}' in outcome.out
    assert '("x", compared with "x")' in outcome.out


@pytest.mark.parametrize("effect", ["deny", "append", "unheard-of"])
def test_json_fits_its_schema(effect: str) -> None:
    details = [{"field": f"{THING}/b", "value": 1}]
    definition = policy({"field": "type", "equals": THING}, effect, details=details)
    document = run(definition, thing(), "--format", "json").json()
    Draft202012Validator(schemas()["azure-policy-test"]).validate(document)
    assert document["schema"] == "weighbridge.azure-policy-test/1"
    assert {"matched", "outcome", "trace"} <= document.keys()
    document["trace"] = [{"path": "x"}]
    assert not Draft202012Validator(schemas()["azure-policy-test"]).is_valid(document)


def test_identity_time_and_related_resources() -> None:
    caller = policy({"value": "[tryGet(requestContext().identity, 'appid')]", "notEquals": "a1"})
    identity = write("identity.json", {"idtyp": "app", "appid": "A1"})
    assert run(caller, thing(), "--identity", identity).status == 0
    assert run(caller, thing()).status == 1
    until = policy({"value": "[utcNow()]", "greater": "2026-06-01T00:00:00Z"})
    assert run(until, thing(), "--now", "2026-05-31T23:59:59Z").status == 0
    assert run(until, thing(), "--now", "2026-06-01T00:00:01Z").status == 1
    assert run(until, thing(), "--now", "2026-06-01T02:00:00+02:00").status == 0
    assert run(until, thing(), "--now", "later").status == 2
    exists = policy({"field": "type", "equals": THING}, "auditIfNotExists", details={"type": "Microsoft.Other/x"})
    related = write("related.json", [thing("Microsoft.Other/x")])
    assert run(exists, thing()).status == 1
    assert run(exists, thing(), "--related", related, "--format", "json").json()["outcome"] == "compliant"
    assert run(exists, thing(), "--related", write("related.json", {})).status == 2
    stays = policy({"field": "type", "equals": THING}, "denyAction", details={"actionNames": ["delete"]})
    assert run(stays, thing(), "--action", "delete").status == 1
    assert run(stays, thing()).status == 0


def test_a_deployment_file_in_yaml() -> None:
    online = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
    definition = write("policy.json", policy({"field": f"{online}/model", "notLike": "azureml://registries/wb-prod/*"}))
    good = write(
        "good.yml", "name: blue\nendpoint_name: chat\nmodel: azureml://registries/wb-prod/models/n/versions/1\n"
    )
    bad = write("bad.yaml", "name: blue\nendpoint_name: chat\nmodel:\n  path: ./weights\n")
    bomb = write("bomb.yml", "a: &a [x, x]\nmodel: *a\n")
    assert command("azure", "policy", "test", definition, good).status == 0
    assert command("azure", "policy", "test", definition, bad).status == 1
    assert "alias" in command("azure", "policy", "test", definition, bomb).err
    assert command("azure", "policy", "test", definition, write("x.yml", "a: [")).status == 2
    assert command("azure", "policy", "test", definition, write("x.yml", "a: !!python/name:os.system")).status == 2


def test_what_cannot_be_read() -> None:
    for wrong in ("", "{", "[]", '{"a": 1, "A": 2}', '""'):
        outcome = run(wrong, thing())
        assert outcome.status == 2
        assert outcome.out == ""
        assert outcome.err.count("\n") == 2
    assert command("azure", "policy", "test", "gone.json", "gone.json").status == 2
    assert run(policy(RULE, bad="String"), {"name": "x"}).status == 2
    assert command("azure", "policy").status == 2
    assert command("azure").status == 2


def test_hostile_text_stays_on_its_line() -> None:
    evil = "\x1b]0;x\x07\u202e\n::error::"
    definition = policy({"field": f"tags['{evil}']", "equals": evil}, bad={"type": "String", "defaultValue": "x"})
    outcome = run(definition, thing(a=evil, at_tags={evil: evil}))
    assert outcome.status == 1
    assert "\x1b" not in outcome.out
    assert "\u202e" not in outcome.out
    assert not any(line.startswith("::") for line in outcome.out.splitlines())
    linted = command("azure", "policy", "lint", "policy.json")
    assert "\x1b" not in linted.out
    assert not any(line.startswith("::") for line in linted.out.splitlines())


def test_lint_statuses_and_forms() -> None:
    tag = write(
        "tag.json",
        policy({"allOf": [{"field": "type", "equals": THING}, {"field": "tags.scan", "notEquals": "clean"}]}),
    )
    outcome = command("azure", "policy", "lint", tag)
    assert outcome.status == 1
    assert "high  azure-policy/forgeable-tag" in outcome.out
    assert command("azure", "policy", "lint", tag, "--fail-on", "critical").status == 0
    document = command("azure", "policy", "lint", tag, "--format", "json").json()
    Draft202012Validator(schemas()["azure-policy-lint"]).validate(document)
    assert document["findings"][0]["rule"] == "azure-policy/forgeable-tag"
    assert command("azure", "policy", "lint", write("none.json", {})).status == 1
    aliases = write("aliases.json", [f"{THING}/b"])
    named = write(
        "named.json", policy({"allOf": [{"field": "type", "equals": THING}, {"field": f"{THING}/b", "notEquals": "x"}]})
    )
    assert command("azure", "policy", "lint", named).status == 1
    assert command("azure", "policy", "lint", named, "--aliases", aliases).status == 0
    quiet = write(
        "quiet.json",
        policy(
            {"allOf": [{"field": "type", "equals": THING}, {"field": "kind", "notEquals": "x"}]},
            "[parameters('effect')]",
            effect={"type": "String", "allowedValues": ["Audit", "Disabled"]},
        ),
    )
    assert command("azure", "policy", "lint", quiet).out == "nothing found\n"


SETTINGS = """
[azure]
registries = ["wb-prod"]
deployers = ["11111111-2222-3333-4444-555555555555"]
required_tags = ["owner"]

[azure.admitted]
"azureml://registries/wb-prod/models/net/versions/7" = "sha256:%s"
""" % ("ab" * 32)


def test_render_writes_files_that_test_and_lint_take() -> None:
    write("weighbridge.toml", SETTINGS)
    outcome = command("azure", "policy", "render", "--output", "out", "--format", "json")
    assert outcome.status == 0
    Draft202012Validator(schemas()["azure-policy-render"]).validate(outcome.json())
    assert all(os.path.isfile(os.path.join("out", name)) for name in outcome.json()["files"])
    values = {
        name: value
        for name, value in json.loads(Path("out/assignments/production.json").read_text()).items()
        if name == "allowedRegistryPrefixes"
    }
    online = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
    source = "out/definitions/W-01-online.json"
    given = write("values.json", {**values, "effect": {"value": "Deny"}})
    for model, status in (
        ("azureml://registries/wb-prod/models/n/versions/1", 0),
        ("azureml://registries/evil/models/n/versions/1", 1),
    ):
        resource = write("resource.json", {"type": online, "name": "w/e/d", "properties": {"model": model}})
        assert command("azure", "policy", "test", source, resource, "--parameters", given).status == status
    assert command("azure", "policy", "lint", source).status == 0
    assert command("azure", "policy", "lint", "out/initiative.template.json", "--fail-on", "medium").status == 0
    assert command("azure", "policy", "render", "--output", "weighbridge.toml/x").status == 2


def test_render_prints_the_template() -> None:
    outcome = command("azure", "policy", "render")
    assert outcome.status == 0
    assert outcome.json()["resources"][-1]["type"] == "Microsoft.Authorization/policySetDefinitions"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[azure]\nregistry = []", "registries"),
        ("[azure]\nregistries = 'x'", "no list"),
        ("[azure]\nregistries = ['']", "no list"),
        ("[azure]\nadmitted = []", "no table"),
        ("[azure]\nprefix = 1", "no text"),
        ("azure = 1", "no table"),
        ("[azure]\nregistries = ['azureml://x']", "no name of a registry"),
    ],
)
def test_settings_that_are_refused(text: str, words: str) -> None:
    write("weighbridge.toml", text)
    outcome = command("azure", "policy", "render")
    assert outcome.status == 2
    assert words in outcome.err
