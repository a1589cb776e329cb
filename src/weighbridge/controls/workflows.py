"""GitHub workflows that log in to Azure: what of them a stranger, or a changed action, could turn around.

Read as events (`formats/grammars/yaml_tree.py`): values stay texts. A file with names and aliases is not understood,
and what is not understood does not pass. Only jobs that can get a token, and everything in the same file, are judged.
Sources: docs.github.com, "Security hardening for GitHub Actions", "Configuring OpenID Connect in Azure".
"""

from __future__ import annotations

import re

from weighbridge.controls.base import Check, Result, unknown
from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.grammars.yaml_tree import tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_COMMIT = re.compile(r"[^@\s]+@[0-9a-f]{40}")
_IMAGE = re.compile(r"docker://[^\s]+@sha256:[0-9a-f]{64}")
_SECRET = re.compile(
    r"secrets\.(?:AZURE_CREDENTIALS|[A-Z0-9_]*CLIENT_SECRET[A-Z0-9_]*|[A-Z0-9_]*AZURE_PASSWORD)", re.IGNORECASE
)
_LOGIN_SECRET = re.compile(
    r"az\s+login\b[^\n]*--service-principal[^\n]*(?:\s-p\b|--password)(?![^\n]*--federated-token)"
)
_LEAST = frozenset({("id-token", "write"), ("contents", "read")})
_SAID_HERE = frozenset(
    {"client-id", "tenant-id", "subscription-id", "environment", "allow-no-subscriptions", "audience"}
)
_SAID_HERE |= {"enable-AzPSSession", "auth-type"}


class Workflow(NamedTuple):
    """One workflow file: its name, and its text as a tree, or why there is none."""

    name: str
    body: Any
    why: str = ""


def read_workflow(name: str, text: str) -> Workflow:
    """A workflow of its text."""
    try:
        body = tree(text)
    except FormatError as error:
        return Workflow(name, None, error.cause)
    if not isinstance(body, dict) or not isinstance(body.get("jobs"), dict):
        return Workflow(name, None, "it has no jobs")
    return Workflow(name, body)


def permissions(workflow: Workflow) -> Iterator[Check]:
    """WF-01: a job that logs in has the permission for a token, that to read, and no other."""
    for name, job in _logging_in(workflow):
        own = job.get("permissions")
        held = own if own is not None else workflow.body.get("permissions")
        seen = str(held) if isinstance(held, str) else ", ".join(f"{k}: {v}" for k, v in _pairs(held)) or "not said"
        met = own is not None and set(_pairs(held)) <= _LEAST and ("id-token", "write") in _pairs(held)
        wanted = "permissions: {id-token: write, contents: read} on the job"
        yield _check(workflow, f"jobs.{name}.permissions", met, seen, wanted)


def environments(workflow: Workflow) -> Iterator[Check]:
    """WF-02: a job that logs in runs in an environment, which GitHub can protect."""
    for name, job in _logging_in(workflow):
        if isinstance(job.get("uses"), str) and "steps" not in job:
            continue  # a workflow that is called says itself where it runs
        said = job.get("environment")
        place = said.get("name") if isinstance(said, dict) else said
        met = isinstance(place, str) and bool(place) and "${{" not in place
        yield _check(workflow, f"jobs.{name}.environment", met, str(place or "none"), "environment: production")


def pinned(workflow: Workflow) -> Iterator[Check]:
    """WF-03: actions are pinned by commit, images by digest."""
    if not list(_logging_in(workflow)):
        return
    for path, uses in _uses(workflow):
        met = uses.startswith("./") or bool(_COMMIT.fullmatch(uses) or _IMAGE.fullmatch(uses))
        yield _check(workflow, path, met, uses, "OWNER/ACTION@ and the 40 digits of a commit")


def triggers(workflow: Workflow) -> Iterator[Check]:
    """WF-04: nothing that a stranger starts gets near a token."""
    if workflow.body is None:
        return
    started = workflow.body.get("on", workflow.body.get("true", {}))
    names = [started] if isinstance(started, str) else list(started)
    odd = [name for name in ("pull_request_target", "workflow_run", "issue_comment") if name in names]
    if not list(_logging_in(workflow)) and "pull_request_target" not in odd:
        return
    yield _check(workflow, "on", not odd, ", ".join(odd or map(str, names)), "push, release or workflow_dispatch")


def secretless(workflow: Workflow) -> Iterator[Check]:
    """WF-05: no client secret."""
    for path, text in _texts(workflow.body, ""):
        found = _SECRET.search(text) or _LOGIN_SECRET.search(text)
        if found:
            yield _check(workflow, path, False, found[0][:100], "a federated credential")
    for name, job in _logging_in(workflow):
        for path, step in _steps(f"jobs.{name}", job):
            given = step.get("with")
            if isinstance(given, dict) and str(step.get("uses", "")).startswith("azure/login@"):
                odd = sorted(set(given) - _SAID_HERE)
                met = not odd and {"client-id", "tenant-id"} <= set(given)
                wanted = "client-id, tenant-id and subscription-id alone"
                yield _check(workflow, f"{path}.with", met, ", ".join(odd or sorted(given)), wanted)


def understood(workflow: Workflow) -> Iterator[Check]:
    """A workflow that cannot be read does not pass."""
    if workflow.body is None:
        yield unknown(workflow.name, "the file", workflow.why, "a workflow", "write it without names and aliases")


def _logging_in(workflow: Workflow) -> Iterator[tuple[str, dict[str, Any]]]:
    if workflow.body is None:
        return
    everywhere = _grants(workflow.body.get("permissions"))
    for name, job in workflow.body["jobs"].items():
        if not isinstance(job, dict):
            continue
        grants = _grants(job.get("permissions")) if job.get("permissions") is not None else everywhere
        steps = [step for _, step in _steps("", job)]
        logins = (str(step.get("uses", "")).lower().startswith("azure/login@") for step in steps)
        if grants or any(logins) or any("az login" in str(step.get("run", "")) for step in steps):
            yield name, job


def _grants(held: Any) -> bool:
    return held == "write-all" or ("id-token", "write") in _pairs(held)


def _pairs(held: Any) -> list[tuple[str, str]]:
    return [(str(key), str(value)) for key, value in held.items()] if isinstance(held, dict) else []


def _steps(path: str, job: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    steps = job.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(step, dict):
            yield f"{path}.steps.{index}", step


def _uses(workflow: Workflow) -> Iterator[tuple[str, str]]:
    for name, job in workflow.body["jobs"].items():
        if not isinstance(job, dict):
            continue
        if isinstance(job.get("uses"), str):
            yield f"jobs.{name}.uses", job["uses"]
        for path, step in _steps(f"jobs.{name}", job):
            if isinstance(step.get("uses"), str):
                yield f"{path}.uses", step["uses"]


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{index}")


def _check(workflow: Workflow, path: str, met: bool, observed: str, expected: str) -> Check:
    result = Result.PASS if met else Result.FAIL
    return Check(result, workflow.name, path, observed, expected, workflow.name, "" if met else f"write {expected}")
