"""Deployment files in all their forms: which of them name an asset that could have been admitted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from weighbridge.azure.deployments import read_deployment
from weighbridge.core.errors import UsageError

MODEL = "azureml://registries/wb-prod/models/digits/versions/3"
ONLINE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"


def arm(kind: str = ONLINE, **properties: Any) -> bytes:
    return json.dumps({"type": kind, "name": "blue", "properties": properties}).encode()


@pytest.mark.parametrize(
    "raw",
    [
        f"name: blue\nendpoint_name: e\nmodel: {MODEL}\n".encode(),
        arm(model=MODEL),
        arm(model={"referenceType": "Id", "assetId": MODEL}),
        arm(modelSettings={"modelId": MODEL}),
        arm("Microsoft.CognitiveServices/accounts/managedComputeDeployments", model=MODEL, versionUpgradeOption="NoAutoUpgrade"),
    ],
)  # fmt: skip
def test_forms_that_name_an_asset(raw: bytes) -> None:
    deployment = read_deployment(raw)
    assert str(deployment.asset) == MODEL
    assert deployment.fault == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"name: blue\n",
        b"model: azureml:digits:3\n",
        b"model: azureml:digits@latest\n",
        b"model: ./model\n",
        b"model:\n  path: ./model\n",
        f"model: {MODEL}/\n".encode(),
        f"model: {MODEL.replace('/versions/3', '/labels/latest')}\n".encode(),
        f"model: {MODEL.replace('azureml', 'AZUREML')}\n".encode(),
        f"model: {MODEL.replace('wb-prod', '..')}\n".encode(),
        arm(model="/subscriptions/s/resourceGroups/g/providers/x/workspaces/w/models/m/versions/1"),
        arm(model={"format": "OpenAI", "name": "gpt", "version": "1"}),
        arm(model=MODEL, versionUpgradeOption="OnceNewDefaultVersionAvailable"),
        arm(model=MODEL, deploymentTemplate="azureml://registries/r/deploymenttemplates/t/labels/latest"),
        arm(model=7),
    ],
)
def test_forms_that_do_not(raw: bytes) -> None:
    deployment = read_deployment(raw)
    assert deployment.asset is None
    assert deployment.fault


@pytest.mark.parametrize(
    ("environment", "good"),
    [
        ("azureml://registries/wb-prod/environments/e/versions/2", True),
        ({"image": f"wb.azurecr.io/serve@sha256:{'a' * 64}"}, True),
        ({"image": "wb.azurecr.io/serve:latest"}, False),
        ({"image": f"wb.azurecr.io/serve@sha256:{'a' * 64}", "build": {"path": "."}}, False),
        ("azureml:e@latest", False),
        ("azureml:e:2", False),
    ],
)
def test_environments_are_pinned(environment: Any, good: bool) -> None:
    raw = json.dumps({"name": "b", "endpoint_name": "e", "model": MODEL, "environment": environment}).encode()
    assert (read_deployment(raw).environment_fault == "") is good


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"- a\n",
        b"{",
        b"\xff",
        b'{"model": "a", "model": "b"}',
        b"model: &a x\nother: *a\n",
        b"model: !!python/name:os.system x\n",
        b"model: a\nmodel: b\n",
        b"a: 1\n---\nb: 2\n",
        b"a: " + b"[" * 4000,
        b'{"a": ' + b"[" * 100_000,
        b"x" * (1024 * 1024 + 1),
        b'{"resources": []}',
    ],
)
def test_what_readers_dispute_is_refused(raw: bytes) -> None:
    with pytest.raises(UsageError):
        read_deployment(raw)
