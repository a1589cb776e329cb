"""The gate right before a deployment to Azure: seven checks, in this order, each met, unmet or unknown.

    1 deployment-form     the file names a version of a model of a registry, and pins its environment
    2 asset-resolved      the asset is there, whole, and not archived
    3 digest-bound        asset and deployment name one digest; with its bytes at hand, they are those of the manifest
    4 … 6                 what gate two says of this digest: evidence, signatures, freshness (`pipelines/admission.py`)
    7 policy              what the stage's policies say of the deployment as it will be sent, with our properties in it

A check whose predecessor gave nothing to go by is unknown, and unknown is no. At `production` the bytes have to be
compared: properties of an asset are what whoever wrote it says.
"""

from __future__ import annotations

import os

from weighbridge.azure.deployments import DECISION, DIGEST, REFERENCE, Asset, Deployment
from weighbridge.core.digests import Digest, canonical_json, digest_bytes, parse_digest
from weighbridge.core.errors import UsageError, WeighbridgeError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.reason import Reason, Result
from weighbridge.pipelines.admission import NOTHING_ELSE, Surroundings, admit
from weighbridge.registry.base import Reference, parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.azure.assets import Stored
    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case
    from weighbridge.gate.decision import Decision
    from weighbridge.registry.base import Store

SCHEMA = "weighbridge.azure-gate/1"
GATED = ("staging", "production")


class Asked(NamedTuple):
    """What the gate goes by. `resolve` gives the asset or None, `open_store` the repository of a reference.

    `registries` are the Azure ML registries that may be deployed from; `bytes_at` is a folder with the asset's files.
    `policies` judge the body of the deployment.
    """

    stage: str
    policy: StagePolicy
    trust: TrustPolicy
    now: datetime
    resolve: Callable[[Asset], Stored | None]
    open_store: Callable[[Reference], Store]
    home: str
    registries: tuple[str, ...] = ()
    bytes_at: str = ""
    policies: Sequence[Callable[[Mapping[str, Any]], Reason]] = ()
    surroundings: Surroundings = NOTHING_ELSE


class GateDecision(NamedTuple):
    """The answer, on a digest (none if it came to none). `id` names it, for the deployment's properties."""

    allowed: bool
    digest: Digest | None
    stage: str
    deployment: str
    asset: str
    reasons: tuple[Reason, ...]
    made_at: str
    inputs: Digest
    reference: str

    @property
    def id(self) -> str:
        """The decision's name: made of everything that it decided on and when."""
        said = [self.stage, str(self.digest), self.asset, str(self.inputs), self.made_at, self.allowed]
        return digest_bytes(canonical_json(said)).hex[:32]

    def document(self) -> dict[str, Any]:
        """The decision as JSON (schema `weighbridge.azure-gate/1`). `properties` go into the deployment: they stay."""
        return {
            "schema": SCHEMA,
            "decision": "allow" if self.allowed else "deny",
            "digest": str(self.digest or ""),
            "stage": self.stage,
            "deployment": self.deployment,
            "asset": self.asset,
            "madeAt": self.made_at,
            "inputs": str(self.inputs),
            "id": self.id,
            "properties": {DIGEST: str(self.digest), DECISION: self.id, REFERENCE: self.reference}
            if self.allowed
            else {},
            "reasons": [
                {"requirement": one.requirement, "result": one.result.value, "why": one.why, "needs": one.needs}
                for one in self.reasons
            ],
        }


def gate(deployment: Deployment, asked: Asked) -> GateDecision:
    """Ask all seven. A registry or an Azure that cannot answer makes what it was asked unknown."""
    reasons = [_form(deployment, asked)]
    stored, why = None, "the deployment names no asset"
    if deployment.asset is not None:
        try:
            stored = asked.resolve(deployment.asset)
            why = "there is no such asset"
        except WeighbridgeError as error:
            why = error.cause
    reasons.append(_resolved(deployment, stored, why))
    digest = _digest_of(stored)
    reference = _reference(stored, digest, asked)
    judged, problem = _judged(reference, asked)
    case = judged[1] if judged else None
    reasons.append(_bound(deployment, stored, digest))
    reasons.append(_bytes(case, asked))
    if judged is None:
        needs = "a model of the internal registry with this digest"
        reasons.append(Reason("evidence", Result.UNKNOWN, problem, needs))
    else:
        reasons += judged[0].reasons
    answer = GateDecision(
        True,
        digest,
        asked.stage,
        deployment.name,
        str(deployment.asset or deployment.model),
        (),
        f"{asked.now:%Y-%m-%dT%H:%M:%SZ}",
        digest_bytes(canonical_json(deployment.body)),
        str(reference or ""),
    )
    sent = _as_sent(deployment, answer) if digest is not None else deployment.body
    reasons += [judge(sent) for judge in asked.policies]
    return answer._replace(
        allowed=all(reason.result is Result.MET for reason in reasons),
        reasons=tuple(reasons),
    )


def _as_sent(deployment: Deployment, answer: GateDecision) -> dict[str, Any]:
    """The body with the properties that an allowed decision puts in; what stands there already stays."""
    body = dict(deployment.body)
    if deployment.kind != "az ml":
        inner = body.get("properties")
        if not isinstance(inner, dict):
            return body
        body["properties"] = {**inner, "properties": _joined(inner.get("properties"), answer)}
        return body
    body["properties"] = _joined(body.get("properties"), answer)
    return body


def _joined(there: object, answer: GateDecision) -> object:
    if there is not None and not isinstance(there, dict):
        return there
    return {**answer.document()["properties"], **(there or {})}


def _form(deployment: Deployment, asked: Asked) -> Reason:
    name = "deployment-form"
    needs = "azureml://registries/…/models/…/versions/…, and an environment pinned by version or digest"
    if deployment.asset is None:
        return Reason(name, Result.UNMET, deployment.fault, needs)
    if asked.registries and deployment.asset.registry not in asked.registries:
        why = f"the registry {deployment.asset.registry} is not one of {', '.join(asked.registries)}"
        return Reason(name, Result.UNMET, why, needs)
    if not asked.registries and asked.stage in GATED:
        return Reason(name, Result.UNKNOWN, "nobody says which Azure ML registries count", "--ml-registry NAME")
    if deployment.environment_fault and asked.stage in GATED:
        return Reason(name, Result.UNMET, f"environment: {deployment.environment_fault}", needs)
    return Reason(name, Result.MET, str(deployment.asset), needs)


def _resolved(deployment: Deployment, stored: Stored | None, why: str) -> Reason:
    name, needs = "asset-resolved", "the asset, whole and not archived"
    if stored is None or deployment.asset is None:
        return Reason(name, Result.UNKNOWN, why, needs)
    if (stored.name, stored.version) != (deployment.asset.name, deployment.asset.version):
        return Reason(name, Result.UNMET, f"Azure gives {stored.name} version {stored.version}", needs)
    if stored.state != "succeeded" or stored.archived:
        state = "archived" if stored.archived else f"in the state {stored.state or 'unknown'}"
        return Reason(name, Result.UNMET, f"it is {state}", needs)
    return Reason(name, Result.MET, f"registered by {stored.created_by or 'nobody that is named'}", needs)


def _digest_of(stored: Stored | None) -> Digest | None:
    try:
        return parse_digest(stored.properties.get(DIGEST, "")) if stored else None
    except UsageError:
        return None


def _bound(deployment: Deployment, stored: Stored | None, digest: Digest | None) -> Reason:
    name, needs = "digest-bound", f"{DIGEST} in the asset's properties, and the same in the deployment if it names one"
    if stored is None:
        return Reason(name, Result.UNKNOWN, "there is no asset to go by", needs)
    if digest is None:
        return Reason(name, Result.UNMET, f"the asset has no {DIGEST} that is a digest", needs)
    if deployment.digest and deployment.digest != str(digest):
        return Reason(name, Result.UNMET, f"the deployment says {deployment.digest}, the asset {digest}", needs)
    return Reason(name, Result.MET, str(digest), needs)


def _reference(stored: Stored | None, digest: Digest | None, asked: Asked) -> Reference | None:
    """Where the evidence is: the asset's word, by digest, if it is in our own registry."""
    if stored is None or digest is None:
        return None
    try:
        said = parse_reference(stored.properties.get(REFERENCE, ""), asked.home)
    except UsageError:
        return None
    if asked.home.startswith("oci:"):
        home = os.path.realpath(asked.home.removeprefix("oci:"))
        inside = said.kind == "layout" and os.path.realpath(said.place) == home
    else:
        host, _, prefix = asked.home.rstrip("/").partition("/")
        below = not prefix or f"{said.name}/".startswith(f"{prefix}/")
        inside = said.kind == "remote" and said.place == host and below
    if not inside:
        return None
    return said._replace(tag=None, digest=digest)


def _judged(reference: Reference | None, asked: Asked) -> tuple[tuple[Decision, Case] | None, str]:
    if reference is None:
        return None, f"the asset's {REFERENCE} names nothing in the internal registry"
    try:
        store = asked.open_store(reference)
        judged = admit(
            store,
            reference,
            stage=asked.stage,
            policy=asked.policy,
            trust=asked.trust,
            now=asked.now,
            surroundings=asked.surroundings,
        )
        return judged, ""
    except WeighbridgeError as error:
        return None, error.cause


def _bytes(case: Case | None, asked: Asked) -> Reason:
    name, needs = "bytes-match", "the asset's files in a folder (--bytes), equal to those of the manifest"
    if not asked.bytes_at:
        if asked.stage != "production":
            return Reason(name, Result.MET, "not needed at this stage", "nothing")
        return Reason(name, Result.UNKNOWN, "the asset's bytes were not compared", needs)
    if case is None:
        return Reason(name, Result.UNKNOWN, "there is no manifest to compare with", needs)
    try:
        found = frozenset(_files(asked.bytes_at))
    except OSError as error:
        return Reason(name, Result.UNKNOWN, f"{asked.bytes_at} cannot be read: {error.strerror}", needs)
    if found == case.files:
        return Reason(name, Result.MET, f"{len(found)} of {len(case.files)} files", needs)
    odd = sorted(found ^ case.files, key=str)
    return Reason(name, Result.UNMET, f"{odd[0][0] if odd else 'nothing'} is not what was admitted", needs)


def _files(folder: str) -> list[tuple[str, int, str]]:
    import hashlib

    from weighbridge.core.artifact import escape_name

    found = []
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            inner = escape_name(os.path.relpath(path, folder))
            if os.path.islink(path) or not os.path.isfile(path):
                found.append((inner, -1, "no plain file"))
                continue
            with open(path, "rb") as file:
                found.append((inner, os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()))
    return found


def _raise(error: OSError) -> None:
    raise error
