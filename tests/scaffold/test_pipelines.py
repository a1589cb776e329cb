"""The pipelines that `init` writes: valid by their vendors' schemas, without a way in, and both gates really hold."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from build.pipeline_runs import (
    ROOT,
    Ran,
    action_steps,
    azure_steps,
    github_steps,
    gitlab_step,
    load,
    programs,
    run,
)
from build.running import command

if TYPE_CHECKING:
    from pathlib import Path

BIN = os.path.dirname(sys.executable)
WORKFLOW = ".github/workflows/weighbridge.yml"
SCHEMAS = {
    "github": ((WORKFLOW, "vendor.github-workflows"), (WORKFLOW, "custom.github-workflows-require-timeout")),
    "gitlab": ((".gitlab-ci.yml", "vendor.gitlab-ci"),),
    "azure-pipelines": (("azure-pipelines.yml", "vendor.azure-pipelines"),),
}
EXPRESSIONS = {"vars.AZURE_CLIENT_ID": "", "vars.AZURE_TENANT_ID": "", "github.token": "no-token"}


def check_schema(path: str | Path, schema: str) -> subprocess.CompletedProcess[str]:
    words = [os.path.join(BIN, "check-jsonschema"), "--builtin-schema", schema, "--regex-variant", "nonunicode"]
    if schema in ("vendor.gitlab-ci", "vendor.azure-pipelines"):
        words += ["--data-transform", schema.removeprefix("vendor.")]
    environ = {**os.environ, "NO_PROXY": "*"}
    return subprocess.run([*words, str(path)], env=environ, capture_output=True, text=True, check=False, timeout=60)


def zizmor(*paths: str | Path) -> subprocess.CompletedProcess[str]:
    words = [os.path.join(BIN, "zizmor"), "--offline", "--persona=pedantic", "--no-progress", *map(str, paths)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a good model, and a Python file that waits to be imported by somebody's careless Python."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert command("init").status == 0
    shutil.copytree(os.path.join(ROOT, "examples/digits"), folder / "model")
    (folder / "json.py").write_text("open('imported', 'w').close()\n")
    return folder


def with_pipeline(project: Path, what: str) -> None:
    assert command("init", what, "--to", "oci:registry:net").status == 0, what


def trojan(project: Path) -> None:
    shutil.rmtree(project / "model")
    shutil.copytree(os.path.join(ROOT, "examples/trojan"), project / "model")


def tags(project: Path) -> list[str]:
    index = project / "registry/index.json"
    manifests = json.loads(index.read_text())["manifests"] if index.exists() else []
    named = [item.get("annotations", {}).get("org.opencontainers.image.ref.name") for item in manifests]
    return [name for name in named if name]


def given(project: Path) -> dict[str, str]:
    key = (project / ".weighbridge/signing.pem").read_text()
    outputs = project.parent / "runner/GITHUB_OUTPUT"
    digest = outputs.read_text().strip().removeprefix("digest=") if outputs.exists() else ""
    return {**EXPRESSIONS, "secrets.WEIGHBRIDGE_SIGNING_KEY": key, "needs.intake.outputs.digest": digest}


def github(project: Path, job: str) -> dict[str, Ran]:
    """Every step of a job but those that need GitHub, until one fails."""
    done: dict[str, Ran] = {}
    for step in github_steps(load(project / WORKFLOW), job):
        if step.name in ("Install", "Upload the findings", "Ask for an identity"):
            continue
        done[step.name] = run(step, project, given(project))
        if done[step.name].status:
            break
    return done


# What is written


@pytest.mark.parametrize("what", SCHEMAS)
def test_the_pipeline_is_valid_by_its_vendors_schema(project: Path, what: str) -> None:
    with_pipeline(project, what)
    for path, schema in SCHEMAS[what]:
        done = check_schema(project / path, schema)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_pipeline_with_a_mistake_is_noticed(project: Path) -> None:
    with_pipeline(project, "github")
    text = (project / WORKFLOW).read_text()
    (project / WORKFLOW).write_text(text.replace("runs-on: ubuntu-24.04", "runs_on: ubuntu-24.04"))
    assert check_schema(project / WORKFLOW, "vendor.github-workflows").returncode == 1
    (project / WORKFLOW).write_text(text.replace('scan "$MODEL"', 'scan "${{ github.event.pull_request.title }}"'))
    assert zizmor(project / WORKFLOW).returncode != 0


def test_workflow_and_action_have_no_way_in(project: Path) -> None:
    with_pipeline(project, "github")
    done = zizmor(project / WORKFLOW, os.path.join(ROOT, "action.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_actions_are_pinned_and_scripts_hold_no_expression(project: Path) -> None:
    with_pipeline(project, "github")
    for path in (project / WORKFLOW, os.path.join(ROOT, "action.yml")):
        document = load(path)
        steps = [step for job in document["jobs"].values() for step in job["steps"]] if "jobs" in document else []
        steps += document.get("runs", {}).get("steps", [])
        assert steps
        for step in steps:
            assert "uses" not in step or re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step["uses"])
            assert "${{" not in step.get("run", "")
            assert step.get("run", "set -euo pipefail\n").startswith("set -euo pipefail\n")
            assert not re.search(r"python3? (?!-I)|python\" (?!-I|-P)", step.get("run", "")), step["name"]


def test_permissions_are_those_that_a_job_needs(project: Path) -> None:
    with_pipeline(project, "github")
    workflow = load(project / WORKFLOW)
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "inspect": {"contents": "read", "security-events": "write"},
        "intake": {"contents": "read", "id-token": "write"},
        "admission": {"contents": "read", "id-token": "write"},
    }
    jobs = workflow["jobs"]
    assert (jobs["intake"]["environment"], jobs["admission"]["environment"]) == ("intake", "production")
    assert (jobs["intake"]["needs"], jobs["admission"]["needs"]) == ("inspect", "intake")
    assert "secrets." not in str(jobs["inspect"]) + str(jobs["admission"])


def test_nothing_is_overwritten(project: Path) -> None:
    with_pipeline(project, "github")
    (project / ".weighbridge/requirements.in").unlink()
    outcome = command("init", "github")
    assert outcome.status == 2
    assert "is there already" in outcome.err
    assert not (project / ".weighbridge/requirements.in").exists()


@pytest.mark.parametrize("name", ["${{ github.token }}", "a\nb: c", "$(rm model)", "a{b"])
def test_a_name_that_a_pipeline_would_read_is_refused(project: Path, name: str) -> None:
    outcome = command("init", "github", "--model", name)
    assert outcome.status == 2
    assert "pipelines read as something else" in outcome.err
    assert not (project / ".github").exists()


@pytest.mark.parametrize("name", ['a" b', "a: b # c", "a'b", "- x", "modèle"])
def test_an_odd_name_arrives_whole(project: Path, name: str) -> None:
    for what, path in (("github", WORKFLOW), ("gitlab", ".gitlab-ci.yml"), ("azure-pipelines", "azure-pipelines.yml")):
        assert command("init", what, "--model", name, "--folder", what).status == 0
        document = load(project / what / path)
        assert (document.get("env") or document["variables"])["MODEL"] == name


def test_what_is_no_place_to_store_at_is_refused(project: Path) -> None:
    assert command("init", "github", "--to", "Not A Name").status == 2
    assert command("init", "somewhere").status == 2


# What it does


def test_the_workflow_takes_in_and_admits_a_good_model(project: Path) -> None:
    with_pipeline(project, "github")
    for job in ("inspect", "intake", "admission"):
        ran = github(project, job)
        assert ran
        assert all(step.status == 0 for step in ran.values()), ran
    assert tags(project) == ["net:" + "1" * 40]
    summary = (project.parent / "runner/GITHUB_STEP_SUMMARY").read_text()
    assert "CLEAN" in summary
    assert "allowed in production" in summary
    assert not (project / "imported").exists(), "a step ran Python code of the repository"
    assert not list((project.parent / "runner").glob("*.pem")), "the signing key is left behind"


def test_the_workflow_stops_a_trojan(project: Path) -> None:
    with_pipeline(project, "github")
    trojan(project)
    done = github(project, "inspect")
    assert done["Inspect the model"].status == 1
    assert (
        "SUSPICIOUS" in (project.parent / "runner/GITHUB_STEP_SUMMARY").read_text()
        or "MALICIOUS" in (project.parent / "runner/GITHUB_STEP_SUMMARY").read_text()
    )
    assert json.loads((project.parent / "runner/weighbridge.sarif").read_text())["runs"][0]["results"]
    # Even if somebody takes the first job out.
    assert github(project, "intake")["Intake"].status == 1
    assert tags(project) == []
    assert not (project.parent / "runner/GITHUB_OUTPUT").exists()
    assert github(project, "admission")["Admission"].status == 2
    assert not list((project.parent / "runner").glob("*.pem"))


def test_the_workflow_stops_where_nothing_is_locked(project: Path) -> None:
    with_pipeline(project, "github")
    (install,) = (step for step in github_steps(load(project / WORKFLOW), "intake") if step.name == "Install")
    ran = run(install, project, EXPRESSIONS)
    assert ran.status != 0
    assert "requirements.txt" in ran.err
    assert not (project / "imported").exists()
    assert "--generate-hashes" in (project / ".weighbridge/requirements.in").read_text()


def test_findings_are_uploaded_as_code_scanning_wants_them(project: Path) -> None:
    with_pipeline(project, "github")
    trojan(project)
    assert github(project, "inspect")["Inspect the model"].status == 1
    gh = programs(project) / "gh"
    gh.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$RUNNER_TEMP/asked"\n')
    gh.chmod(0o755)
    (upload,) = (s for s in github_steps(load(project / WORKFLOW), "inspect") if s.name == "Upload the findings")
    ran = run(upload, project, EXPRESSIONS)
    assert ran.status == 0, ran
    asked = (project.parent / "runner/asked").read_text().splitlines()
    assert "repos/team/models/code-scanning/sarifs" in asked
    assert f"commit_sha={'1' * 40}" in asked
    (file,) = (word.removeprefix("sarif=@") for word in asked if word.startswith("sarif=@"))
    with open(file, "rb") as stream:
        sent = stream.read()
    assert json.loads(gzip.decompress(base64.b64decode(sent)))["version"] == "2.1.0"


def test_an_identity_is_asked_for_and_kept_private(project: Path) -> None:
    with_pipeline(project, "github")
    asked = []

    class Issuer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"value": "a.b.c"}')

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Issuer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (step,) = (s for s in github_steps(load(project / WORKFLOW), "intake") if s.name == "Ask for an identity")
        url = f"http://127.0.0.1:{server.server_port}/token?x=1"
        ran = run(
            step, project, {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t0", **EXPRESSIONS}
        )
        server.shutdown()
    assert ran.status == 0, ran
    assert asked == [("/token?x=1&audience=api://AzureADTokenExchange", "bearer t0")]
    token = project.parent / "runner/identity"
    assert token.read_text() == "a.b.c"
    assert token.stat().st_mode & 0o077 == 0
    assert "a.b.c" not in ran.out + ran.err
    assert not (project / "imported").exists()


@pytest.mark.parametrize("good", [True, False])
def test_gitlab_jobs_pass_and_block(project: Path, good: bool) -> None:
    with_pipeline(project, "gitlab")
    if not good:
        trojan(project)
    pipeline = load(project / ".gitlab-ci.yml")
    variables = {"WEIGHBRIDGE_KEY": str(project / ".weighbridge/signing.pem"), "AZURE_TOKEN": ""}
    inspected = run(gitlab_step(pipeline, "inspect"), project, variables, shell=("sh", "-e"))
    gates = run(gitlab_step(pipeline, "gates"), project, variables, shell=("sh", "-e"))
    assert (inspected.status, gates.status) == ((0, 0) if good else (1, 1)), (inspected, gates)
    assert len(tags(project)) == good
    assert "<testsuite" in (project / "weighbridge.xml").read_text()
    assert not (project / "imported").exists()


@pytest.mark.parametrize("good", [True, False])
def test_azure_stages_pass_and_block(project: Path, good: bool) -> None:
    with_pipeline(project, "azure-pipelines")
    if not good:
        trojan(project)
    pipeline = load(project / "azure-pipelines.yml")
    # As $(signing.secureFilePath) would be; the shell never sees that form.
    variables = {"WEIGHBRIDGE_KEY": str(project / ".weighbridge/signing.pem")}
    statuses = []
    for stage in (0, 1):
        for step in azure_steps(pipeline, stage):
            if step.name != "Install":
                step_variables = {k: v for k, v in step.variables.items() if not v.startswith("$(")}
                statuses.append(run(step._replace(variables=step_variables), project, variables).status)
    assert statuses == ([0, 0] if good else [1, 1])
    assert len(tags(project)) == good
    assert not (project / "imported").exists()


# The action


def test_the_action_is_valid_by_its_vendors_schema() -> None:
    done = check_schema(os.path.join(ROOT, "action.yml"), "vendor.github-actions")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("good", [True, False])
def test_the_action_inspects_and_stores_only_what_is_clean(project: Path, good: bool) -> None:
    if not good:
        trojan(project)
    steps = {step.name: step for step in action_steps(load(os.path.join(ROOT, "action.yml")))}
    python = project.parent / "runner/weighbridge/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    values = {
        "GITHUB_ACTION_PATH": ROOT,
        "inputs.path": "model",
        "inputs.fail-on": "high",
        "inputs.to": "oci:registry:net:v1",
        "inputs.stage": "production",
        "inputs.signing-key": (project / ".weighbridge/signing.pem").read_text(),
        "inputs.azure-client-id": "",
        "inputs.azure-tenant-id": "",
    }
    inspected = run(steps["Inspect"], project, values)
    summary = (project.parent / "runner/GITHUB_STEP_SUMMARY").read_text()
    outputs = (project.parent / "runner/GITHUB_OUTPUT").read_text()
    assert inspected.status == (0 if good else 1), inspected
    assert ("| verdict | :white_check_mark: clean |" in summary) == good
    assert f"| gate | :{'green' if good else 'red'}_circle:" in summary
    assert outputs.startswith("verdict=clean\n") == good
    taken = run(steps["Intake"], project, values)
    assert taken.status == (0 if good else 1), taken
    assert tags(project) == (["net:v1"] if good else [])
    assert ("digest=sha256:" in (project.parent / "runner/GITHUB_OUTPUT").read_text()) == good
    assert not (project / "imported").exists()


def test_the_action_installs_everything_by_hash() -> None:
    with open(os.path.join(ROOT, "tools/action/requirements.txt"), encoding="utf-8") as file:
        text = file.read()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert {"cryptography", "pyyaml", "urllib3", "azure-identity"} <= {entry.partition("==")[0] for entry in entries}
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+(\[[a-z,]+\])?==\S+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def test_hooks_are_what_pre_commit_takes() -> None:
    from pre_commit.clientlib import load_manifest

    hooks = {hook["id"]: hook for hook in load_manifest(os.path.join(ROOT, ".pre-commit-hooks.yaml"))}
    assert set(hooks) == {"weighbridge-scan", "weighbridge-scan-folder"}
    names = re.compile(hooks["weighbridge-scan"]["files"])
    assert all(names.search(name) for name in ("a/model.pkl", "net.safetensors", "X.ONNX", "n.ipynb"))
    assert not any(names.search(name) for name in ("README.md", "pkl", "a.py"))
    words = hooks["weighbridge-scan"]["entry"].split()[1:]
    model = os.path.join(ROOT, "examples/digits/model.safetensors")
    assert command(*words, model).status == 0
    assert command(*words, model, os.path.join(ROOT, "examples/trojan/config.json")).status == 1
