"""The check of federated credentials and workflows: each rule fires on its own fault and stays silent otherwise."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from build import estates as e
from build.running import Outcome, command

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "repo:contoso@4242/models@777:environment:production"
SHA = "a" * 40
REF = "claims['job_workflow_ref'] eq 'contoso/models/.github/workflows/deploy.yml@refs/heads/main'"
WORKFLOW = f"""\
name: deploy
on:
  push:
    branches: [main]
permissions: {{}}
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: production
    permissions:
      id-token: write
      contents: read
    steps:
      - uses: actions/checkout@{SHA}
      - uses: azure/login@{SHA} # v2
        with:
          client-id: ${{{{ vars.AZURE_CLIENT_ID }}}}
          tenant-id: ${{{{ vars.AZURE_TENANT_ID }}}}
          subscription-id: ${{{{ vars.AZURE_SUBSCRIPTION_ID }}}}
      - run: weighbridge azure gate deployment.yml
"""


def checked(folder: Path, *words: str, **files: Any) -> Outcome:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return command("azure", "identity", "check", folder, *words, "--format", "json", "--now", "2026-11-29T00:00:00Z")


def results(outcome: Outcome) -> dict[str, str]:
    return {rule["id"]: rule["result"] for rule in outcome.json()["rules"]}


def one(subject: str | None = GOOD, **more: Any) -> dict[str, Any]:
    credential = {key: value for key, value in {**e.credential(1, subject or ""), **more}.items() if value is not ...}
    if subject is None:
        del credential["subject"]
    return credential


def test_a_good_credential_holds(tmp_path: Path) -> None:
    outcome = checked(tmp_path / "c", cred=one())
    assert outcome.status == 0
    document = outcome.json()
    assert document["holds"] is True
    assert document["commands"] == []
    assert {results(outcome)[name] for name in ("FIC-01", "FIC-02", "FIC-03", "FIC-04", "FIC-13")} == {"pass"}
    # What lies behind it was not given: that is said, and shuts the gate for those who are strict.
    assert results(outcome)["FIC-08"] == "unknown"
    assert checked(tmp_path / "c", "--strict").status == 1


@pytest.mark.parametrize(
    "subject",
    [
        "repository_owner_id:4242:repository_id:777:environment:production",
        "repo:contoso@4242/models@777:environment:staging",
    ],
)
def test_other_good_subjects(subject: str, tmp_path: Path) -> None:
    assert checked(tmp_path / "c", cred=one(subject)).status == 0


@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        ({"issuer": "https://token.actions.githubusercontent.com/"}, {"FIC-01"}),
        ({"issuer": "http://token.actions.githubusercontent.com"}, {"FIC-01"}),
        ({"issuer": "https://token.actions.githubusercontent.com.evil.example"}, {"FIC-01"}),
        ({"issuer": "https://TOKEN.actions.githubusercontent.com"}, {"FIC-01"}),
        ({"audiences": ["api://azureadtokenexchange"]}, {"FIC-02"}),
        ({"audiences": []}, {"FIC-02"}),
        ({"audiences": ...}, {"FIC-02"}),
        ({"issuer": None}, {"FIC-01"}),
        ({"audiences": "api://AzureADTokenExchange"}, {"FIC-02"}),
        ({"audiences": ["api://AzureADTokenExchange", "https://x.example"]}, {"FIC-02"}),
        ({"subject": "repo:contoso@4242/models@777:*"}, {"FIC-03"}),
        ({"subject": "repo:contoso@4242/models@777"}, {"FIC-03"}),
        ({"subject": "repo:*/models:environment:production"}, {"FIC-03"}),
        ({"subject": "repo:contoso@4242/models@777:environment:prod*"}, {"FIC-03"}),
        ({"subject": "repo:contoso@4242/models@777:pull_request"}, {"FIC-03", "FIC-04"}),
        ({"subject": "repo:contoso@4242/models@777:ref:refs/heads/main"}, {"FIC-03", "FIC-04"}),
        ({"subject": "repo:contoso@4242/models@777:ref:refs/tags/v1"}, {"FIC-03", "FIC-04"}),
        ({"subject": " " + GOOD}, {"FIC-03"}),
        ({"subject": GOOD + "\n"}, {"FIC-03"}),
    ],
)
def test_each_fault_fires_its_rule(fault: dict[str, Any], rules: set[str], tmp_path: Path) -> None:
    outcome = checked(tmp_path / "c", cred=one(**fault))
    assert outcome.status == 1
    assert {name for name, result in results(outcome).items() if result == "fail"} == rules
    assert len(outcome.json()["commands"]) == 1


def test_an_environment_that_is_not_ours_is_a_warning(tmp_path: Path) -> None:
    outcome = checked(tmp_path / "c", cred=one(GOOD.replace("production", "playground")))
    assert results(outcome)["FIC-05"] == "fail"
    assert outcome.status == 0
    assert checked(tmp_path / "c", "--environment", "playground").status == 0
    assert checked(tmp_path / "c", "--strict").status == 1


def test_names_alone_are_mutable(tmp_path: Path) -> None:
    outcome = checked(tmp_path / "c", cred=one("repo:contoso/models:environment:production"))
    assert outcome.status == 0
    (rule,) = [rule for rule in outcome.json()["rules"] if rule["id"] == "FIC-03"]
    assert any("mutable" in check["observed"] and check["result"] == "remark" for check in rule["checks"])
    strict = checked(tmp_path / "c", "--strict")
    assert results(strict)["FIC-03"] == "fail"


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        (f"claims['sub'] eq '{GOOD}'", True),
        (f"claims['sub'] matches 'repo:contoso@4242/models@777:environment:*' and {REF}", True),
        (f"claims['sub'] matches 'repo:contoso@4242/models@777:environment:*' and {REF.replace('refs/heads/main', SHA)}", True),
        (f"claims['sub'] matches 'repo:contoso@4242/models@777:ref:refs/heads/*' and {REF.replace('refs/heads/main', SHA)}", False),
        ("claims['sub'] matches 'repo:contoso@4242/models@777:environment:*'", False),
        (f"claims['sub'] matches 'repo:contoso@4242/*:environment:production' and {REF}", False),
        (f"claims['sub'] matches 'repo:*' and {REF}", False),
        (f"claims['sub'] matches 'repo:contoso@4242/models@777:*' and {REF.replace(' eq ', ' matches ').replace('main', '*')}", False),
        (REF, False),
        (f"claims['sub'] eq '{GOOD}' or claims['sub'] eq 'x'", False),
        (f"claims['sub'] eq '{GOOD}' and", False),
        (f"claims['actor'] eq 'ada' and claims['sub'] eq '{GOOD}'", False),
        (f"claims['sub'] ne '{GOOD}'", False),
        ("", False),
        ("claims['sub'] eq 'repo:contoso@4242/models@777:job'", False),
    ],
)  # fmt: skip
def test_flexible_expressions(expression: str, good: bool, tmp_path: Path) -> None:
    flexible = one(None, claimsMatchingExpression={"value": expression, "languageVersion": 1})
    outcome = checked(tmp_path / "c", cred=flexible)
    assert (outcome.status == 0) is good, outcome.out
    flexible["claimsMatchingExpression"]["languageVersion"] = 2
    assert checked(tmp_path / "c", cred=flexible).status == 1


def test_neither_subject_nor_expression_and_both(tmp_path: Path) -> None:
    assert checked(tmp_path / "a", cred=one(None)).status == 1
    both = one(claimsMatchingExpression={"value": f"claims['sub'] eq '{GOOD}'", "languageVersion": 1})
    assert checked(tmp_path / "b", cred=both).status == 1


def whole(folder: Path, **more: Any) -> Outcome:
    """Everything that lies behind the credentials of a compliant estate."""
    export = e.compliant()
    names = "federatedCredentials applications servicePrincipals appRoleAssignments owners roleAssignments"
    files = {name: export[f"{name}.json"] for name in names.split()}
    files["environment1"] = {"name": "production", "protection_rules": [{"type": "required_reviewers"}]}
    files["environment2"] = {"name": "staging", "protection_rules": [], "deployment_branch_policy": {"x": True}}
    files["oidc"] = {"use_default": True}
    return checked(folder, "--strict", **{**files, **more})


def test_a_whole_export_holds_when_strict(tmp_path: Path) -> None:
    outcome = whole(tmp_path / "c")
    assert outcome.status == 0, outcome.out
    assert {results(outcome)[f"FIC-{number:02}"] for number in range(1, 14)} == {"pass", "not-applicable"}


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("FIC-05", {"environment1": {"name": "production", "protection_rules": []}}),
        ("FIC-06", {"oidc": {"use_default": False, "include_claim_keys": ["repo"]}}),
        (
            "FIC-08",
            {"applications": [{"id": "a", "appId": e.APP, "passwordCredentials": [{"keyId": "k"}], "keyCredentials": []}]},
        ),
        ("FIC-09", {"owners": {"value": [{"id": "u", "displayName": "Ada", "@odata.type": "#microsoft.graph.user"}]}}),
        (
            "FIC-10",
            {"roleAssignments": [e.role("x", e.PUSHER, "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", f"/subscriptions/{e.SUBSCRIPTION}")]},
        ),
        ("FIC-11", {"appRoleAssignments": [{"id": "x", "appRoleId": "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8", "principalId": e.PUSHER}]}),
        (
            "FIC-12",
            {
                "roleAssignments": [
                    e.role("x", e.PUSHER, "8311e382-0749-4cb8-b61a-304f252e45ec", e.arm("rg", e.CR, "a")),
                    e.role("y", e.PUSHER, "f6c7c914-8db3-469d-8ca1-694a8f32e121", e.arm("rg", f"{e.ML}/workspaces", "w")),
                ]
            },
        ),
        ("FIC-13", {"more": {**e.credential(3, GOOD), "id": "3"}}),
    ],
)  # fmt: skip
def test_what_lies_behind_is_judged(rule: str, more: dict[str, Any], tmp_path: Path) -> None:
    outcome = whole(tmp_path / "c", **more)
    assert {name for name, result in results(outcome).items() if result == "fail"} == {rule}
    assert outcome.status == 1


def test_an_identity_of_azure_gets_its_own_command(tmp_path: Path) -> None:
    parent = e.arm("rg", "Microsoft.ManagedIdentity/userAssignedIdentities", "id-ci")
    inner = {key: value for key, value in one("repo:contoso@4242/models@777:pull_request").items() if key != "id"}
    arm = {
        "id": f"{parent}/federatedIdentityCredentials/gh; rm",
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        "name": "gh; rm",
        "properties": inner,
    }
    outcome = checked(tmp_path / "c", cred=arm)
    (line,) = outcome.json()["commands"]
    assert line.startswith("az identity federated-credential update --name 'gh; rm' --identity-name id-ci")
    assert GOOD in line


def judged(text: str, tmp_path: Path) -> tuple[int, set[str]]:
    (tmp_path / "deploy.yml").write_text(text)
    outcome = command("azure", "identity", "check", tmp_path / "deploy.yml", "--format", "json")
    return outcome.status, {name for name, result in results(outcome).items() if result in ("fail", "unknown")}


def test_a_good_workflow_holds(tmp_path: Path) -> None:
    assert judged(WORKFLOW, tmp_path) == (0, set())


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("      contents: read\n", "      contents: write\n", "WF-01"),
        ("      contents: read\n", "      contents: read\n      packages: write\n", "WF-01"),
        ("    permissions:\n      id-token: write\n      contents: read\n", "", "WF-01"),
        ("    permissions:\n      id-token: write\n      contents: read\n", "    permissions: write-all\n", "WF-01"),
        ("    environment: production\n", "", "WF-02"),
        ("environment: production", "environment: ${{ inputs.place }}", "WF-02"),
        (f"checkout@{SHA}", "checkout@v4", "WF-03"),
        (f"azure/login@{SHA} # v2", "azure/login@v2", "WF-03"),
        (f"checkout@{SHA}", f"checkout@{SHA[:12]}", "WF-03"),
        ("  push:\n    branches: [main]\n", "  pull_request_target:\n", "WF-04"),
        ("on:\n  push:\n    branches: [main]\n", "on: [push, workflow_run]\n", "WF-04"),
        ("          client-id: ${{ vars.AZURE_CLIENT_ID }}\n", "          creds: ${{ secrets.AZURE_CREDENTIALS }}\n", "WF-05"),
        ("run: weighbridge azure gate deployment.yml", "run: az login --service-principal -u x -p ${{ secrets.P }}", "WF-05"),
        ("name: deploy\n", "name: &a deploy\n", "WF-00"),
        ("name: deploy\n", "name: !!python/object/apply:os.system ['echo']\n", "WF-00"),
        ("name: deploy\n", "name: deploy\nname: again\n", "WF-00"),
        ("jobs:\n", "---\njobs:\n", "WF-00"),
    ],
)  # fmt: skip
def test_each_fault_of_a_workflow_fires(old: str, new: str, rule: str, tmp_path: Path) -> None:
    assert old in WORKFLOW
    assert judged(WORKFLOW.replace(old, new), tmp_path) == (1, {rule})


def test_a_workflow_that_never_logs_in_is_left_alone(tmp_path: Path) -> None:
    text = "on: pull_request\njobs:\n  test:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n      - run: make\n"
    assert judged(text, tmp_path) == (0, set())


def test_broken_inputs_shut_the_gate(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"keyId": "k", "endDateTime": "2030-01-01"}]')
    assert command("azure", "identity", "check", tmp_path).status == 1
    (tmp_path / "a.json").write_text("{")
    assert command("azure", "identity", "check", tmp_path).status == 1
    assert command("azure", "identity", "check", tmp_path / "nowhere").status == 2
    (tmp_path / "deep.yml").write_text("jobs: " + "[" * 5000)
    assert command("azure", "identity", "check", tmp_path / "deep.yml").status == 1
