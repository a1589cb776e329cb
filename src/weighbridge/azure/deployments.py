"""What a deployment file asks Azure to run: the forms in which all six paths are written, as one record.

    az ml (YAML)        model: azureml://registries/R/models/N/versions/V    environment: …    properties: {…}
    ARM (JSON)          {"type": "…/onlineEndpoints/deployments", "properties": {"model": …, "properties": {…}}}
                        batch: model.assetId    serverless: modelSettings.modelId
    Foundry (JSON)      accounts/deployments: model {format, name, version}    managedComputeDeployments: model

Models that are named by a label, registered on the way (a path, an inline model) or local to a workspace are no asset
that anybody admitted. Sources: learn.microsoft.com, "CLI (v2) managed online deployment YAML schema", ARM reference.
"""

from __future__ import annotations

import json
import re

from weighbridge.core.errors import FormatError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.strict_json import unique_keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

MOST = 1024 * 1024
ASSET = re.compile(
    r"azureml://registries/(?P<registry>[A-Za-z0-9][A-Za-z0-9_-]{1,62})"
    r"/models/(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,254})/versions/(?P<version>[A-Za-z0-9._-]{1,30})"
)
PINNED_IMAGE = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")
PINNED_ENVIRONMENT = re.compile(r"azureml://registries/[^/\s]+/environments/[^/\s]+/versions/[^/\s]+")
DIGEST = "weighbridge.digest"
REFERENCE = "weighbridge.reference"
DECISION = "weighbridge.decision"


class Asset(NamedTuple):
    """A model asset of an Azure ML registry, by its immutable version."""

    registry: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"azureml://registries/{self.registry}/models/{self.name}/versions/{self.version}"


class Deployment(NamedTuple):
    """What is asked for. `model` and `environment` are as they stand there; `fault` says why there is no asset."""

    name: str
    kind: str
    model: str
    asset: Asset | None
    fault: str
    environment: str
    environment_fault: str
    digest: str
    body: Mapping[str, Any]


def read_deployment(raw: bytes) -> Deployment:
    """The deployment that a file describes. Raises UsageError if it describes none, or so that readers disagree."""
    if len(raw) > MOST:
        raise UsageError(f"the deployment has more than {MOST} bytes", "name the deployment file")
    body = _body(raw)
    if isinstance(body.get("resources"), list):
        raise UsageError(
            "an ARM template with several resources", "name one deployment: az deployment what-if gives it"
        )
    inner = body.get("properties") if "endpoint_name" not in body and "type" in body else None
    said = inner if isinstance(inner, dict) else body
    kind = str(body.get("type", "")).lower() or "az ml"
    model = said.get("model")
    if model is None and isinstance(said.get("modelSettings"), dict):
        model = said["modelSettings"].get("modelId")
    if isinstance(model, dict) and isinstance(model.get("assetId"), str):
        model = model["assetId"]
    environment = said.get("environmentId", said.get("environment"))
    properties = said.get("properties")
    digest = str(properties.get(DIGEST, "")) if isinstance(properties, dict) else ""
    asset, fault = _asset(model, said)
    return Deployment(
        str(body.get("name", "")),
        kind,
        _shown(model),
        asset,
        fault,
        _shown(environment),
        _environment_fault(environment),
        digest,
        body,
    )


def parse_asset(text: str) -> Asset | None:
    """A model asset by its address; None for anything else."""
    match = ASSET.fullmatch(text)
    return Asset(match["registry"], match["name"], match["version"]) if match else None


def _body(raw: bytes) -> dict[str, Any]:
    from weighbridge.formats.grammars.yaml_tree import tree

    mend = "name an az ml YAML file or the JSON of one ARM resource"
    try:
        text = raw.decode("utf-8-sig")
        found: Any = json.loads(text, object_pairs_hook=unique_keys) if text.lstrip().startswith("{") else tree(text)
    except (ValueError, RecursionError, FormatError) as error:
        raise UsageError(f"the deployment cannot be read: {plain(str(error), 200)}", mend) from error
    if not isinstance(found, dict):
        raise UsageError("the deployment is no object", mend)
    return found


def _asset(model: Any, said: Mapping[str, Any]) -> tuple[Asset | None, str]:
    if model is None:
        return None, "it names no model: weights in its image were never admitted"
    if isinstance(model, dict):
        if {"format", "name"} <= set(model):
            return None, "it deploys a model of a catalog, not one of ours"
        return None, "the model is written inline, and would be registered on the way"
    if not isinstance(model, str):
        return None, "the model is no text"
    asset = parse_asset(model)
    if asset is not None:
        upgrade = str(said.get("versionUpgradeOption", "NoAutoUpgrade"))
        template = str(said.get("deploymentTemplate", ""))
        if upgrade.lower() != "noautoupgrade":
            return None, f"versionUpgradeOption is {upgrade}: another model would take its place"
        if "/labels/" in template:
            return None, "its deployment template is named by a label, which moves"
        return asset, ""
    lower = model.lower()
    if "/labels/" in lower or lower.endswith("@latest"):
        return None, "it is named by a label, which moves"
    if lower.startswith("azureml://registries/"):
        return None, "it is no version of a model of a registry"
    if lower.startswith(("azureml:", "/subscriptions/")):
        return None, "it is local to a workspace, where anybody with a job can register one"
    return None, "it is a path, which would be uploaded on the way"


def _environment_fault(environment: Any) -> str:
    if environment is None:
        return ""
    if isinstance(environment, dict):
        image = environment.get("image")
        if isinstance(image, str) and PINNED_IMAGE.fullmatch(image) and "build" not in environment:
            return ""
        return "its image is not pinned by a digest"
    text = str(environment)
    if PINNED_ENVIRONMENT.fullmatch(text) or PINNED_IMAGE.fullmatch(text):
        return ""
    return "it is no version of an environment of a registry"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)[:500]
