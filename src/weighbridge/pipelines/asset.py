"""Publishing to Azure: what gate two admits becomes a model asset, byte for byte, that names its digest.

The digest of an OCI manifest and an asset of Azure ML know nothing of each other: the link between them is made here,
and asked for again by the gate before a deployment (`pipelines/deployment.py`).
"""

from __future__ import annotations

from functools import partial

from weighbridge.azure.assets import Place, Upload, body_of, path_of, publish_asset
from weighbridge.azure.deployments import DIGEST, REFERENCE, Asset, parse_asset
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pipelines.admission import NOTHING_ELSE, Surroundings, admit
from weighbridge.registry.base import Descriptor
from weighbridge.registry.read import load_model

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.azure.clients import Service
    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.decision import Decision
    from weighbridge.registry.base import Reference, Store
    from weighbridge.registry.read import StoredFile

SCHEMA = "weighbridge.azure-publish/1"


class Plan(NamedTuple):
    """What is to be published: the decision on it, its files, and what the asset will say of itself."""

    asset: Asset
    decision: Decision
    files: tuple[StoredFile, ...]
    about: dict[str, str]

    def document(self, place: Place, published: bool) -> dict[str, Any]:
        """The plan, or what was done, as JSON (schema `weighbridge.azure-publish/1`)."""
        return {
            "schema": SCHEMA,
            "decision": "allow" if self.decision.allowed else "deny",
            "digest": str(self.decision.digest),
            "asset": str(self.asset),
            "published": published,
            "path": path_of(place, self.asset),
            "body": body_of("", self.about),
            "files": [{"path": file.path, "size": file.size, "sha256": file.digest.hex} for file in self.files],
            "reasons": self.decision.document()["reasons"],
        }


def plan(
    store: Store,
    reference: Reference,
    *,
    registry: str,
    name: str,
    version: str,
    stage: str,
    policy: StagePolicy,
    trust: TrustPolicy,
    now: datetime,
    surroundings: Surroundings = NOTHING_ELSE,
) -> Plan:
    """Ask gate two, and say what would be published. Raises UsageError for names that Azure does not take."""
    digest = store.resolve(reference).digest
    by_digest = reference._replace(tag=None, digest=digest)
    decision, _ = admit(store, by_digest, stage=stage, policy=policy, trust=trust, now=now, surroundings=surroundings)
    model = load_model(store, by_digest)
    called = name or reference.name.rpartition("/")[2]
    counted = version or digest.hex[:12]
    asset = parse_asset(f"azureml://registries/{registry}/models/{called}/versions/{counted}")
    if asset is None:
        raise UsageError(
            f"{plain(f'{registry}/{called}:{counted}', 200)} is no name of an asset", "letters, digits, . _ -"
        )
    return Plan(asset, decision, model.files, {DIGEST: str(digest), REFERENCE: str(by_digest)})


def publish(arm: Service, place: Place, store: Store, planned: Plan) -> None:
    """Upload and register what was planned and allowed. Every byte is proved on its way; the asset is read back."""
    if not planned.decision.allowed:
        raise UsageError("gate two denies this model", "weighbridge admit says why")
    uploads = [
        Upload(file.path, file.size, partial(store.open_blob, Descriptor(file.media_type, file.digest, file.size)))
        for file in planned.files
    ]
    publish_asset(arm, place, planned.asset, uploads, planned.about)
