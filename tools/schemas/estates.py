"""What surrounds the models: controls, Azure, its policies, and monitoring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tools.schemas.shapes import Hex, ListOf, Shape, fields_of, first_sentence, shape_of, top

from weighbridge.azure.policy.effects import Judgement
from weighbridge.azure.policy.lint import PolicyFinding
from weighbridge.cli.doctor_checks import Check
from weighbridge.controls.base import Check as AuditCheck
from weighbridge.controls.base import Judged
from weighbridge.controls.base import Result as CheckResult
from weighbridge.controls.checklist import Audited, Drift
from weighbridge.controls.defender import Covered
from weighbridge.controls.knowledge import Mapping as Mapped
from weighbridge.core.digests import Digest
from weighbridge.core.findings import Severity
from weighbridge.core.settings import STAGES
from weighbridge.gate.reason import Reason
from weighbridge.monitor.base import Alert, MonitorReport
from weighbridge.monitor.probe import ProbeReport
from weighbridge.pipelines.deployment import GateDecision
from weighbridge.sandbox.probe import Wall

if TYPE_CHECKING:
    from collections.abc import Mapping


def shapes() -> dict[str, Shape]:
    """Every document about what surrounds the models, by the name of its schema."""
    checks = {"checks": tuple[Check, ...], "walls": tuple[Wall, ...]}
    return {
        "doctor": top("Doctor", "What was looked at.", "weighbridge.doctor/1", checks),
        "audit": audit_shape(),
        "identity": identity_shape(),
        **azure_shapes(),
        **azure_policy_shapes(),
        **monitor_shapes(),
    }


def audit_shape() -> Shape:
    """An audit of an estate, as `render/audit.py` writes it."""
    control = _judged({"mappings": tuple[Mapped, ...]}, "Control", "One control and its answer.")
    fields = {
        "holds": bool,
        "controls": ListOf(control),
        "defender": tuple[Covered, ...],
        "drift": tuple[Drift, ...],
        "problems": tuple[str, ...],
        "madeAt": str,
    }
    return top("Audit", first_sentence(Audited.__doc__), "weighbridge.audit/1", fields)


def identity_shape() -> Shape:
    """The check of federated credentials, as `render/identity.py` writes it."""
    rule = _judged({"severity": Literal["fail", "warn"], "shuts": bool}, "IdentityRule", "One rule and its answer.")
    fields = {"holds": bool, "rules": ListOf(rule), "commands": tuple[str, ...], "problems": tuple[str, ...]}
    return top("Identity", "Federated credentials and workflows, judged.", "weighbridge.identity/1", fields)


def _judged(more: Mapping[str, Any], name: str, about: str) -> Shape:
    fields = {**fields_of(Judged), "result": CheckResult, "checks": tuple[AuditCheck, ...]}
    return Shape(name, about, {**fields, **more})


def azure_shapes() -> dict[str, Shape]:
    """The gate before a deployment, and publishing, as their records write themselves."""
    decision = {"decision": Literal["allow", "deny"]}
    properties = Shape("Properties", "What belongs into the deployment's properties.", {}, closed=False)
    gate = {
        **decision,
        "digest": Digest | Literal[""],
        "stage": Literal[STAGES],
        "deployment": str,
        "asset": str,
        "madeAt": str,
        "inputs": Digest,
        "id": str,
        "properties": properties,
        "reasons": tuple[Reason, ...],
    }
    file = Shape("PublishedFile", "A file of the model.", {"path": str, "size": int, "sha256": Hex})
    publish = {
        **decision,
        "digest": Digest,
        "asset": str,
        "published": bool,
        "path": str,
        "body": Shape("AssetBody", "What registers the asset.", {}, closed=False),
        "files": ListOf(file),
        "reasons": tuple[Reason, ...],
    }
    return {
        "azure-gate": top("AzureGate", first_sentence(GateDecision.__doc__), "weighbridge.azure-gate/1", gate),
        "azure-publish": top(
            "AzurePublish", "What was, or would be, published.", "weighbridge.azure-publish/1", publish
        ),
    }


def azure_policy_shapes() -> dict[str, Shape]:
    """What `weighbridge azure policy` says, as `render/azure_policy.py` writes it."""
    judged = {**fields_of(Judgement), "knowledge": str}
    linted = {"findings": tuple[PolicyFinding, ...], "knowledge": str}
    written = {"folder": str, "files": ListOf(str)}
    about = "The files that the policies were written to."
    return {
        "azure-policy-test": top(
            "Judgement", first_sentence(Judgement.__doc__), "weighbridge.azure-policy-test/1", judged
        ),
        "azure-policy-lint": top(
            "PolicyLint", "What is wrong with policy definitions.", "weighbridge.azure-policy-lint/1", linted
        ),
        "azure-policy-render": top("WrittenPolicies", about, "weighbridge.azure-policy-render/1", written),
    }


def monitor_shapes() -> dict[str, Shape]:
    """What `weighbridge monitor` says, as `render/monitor.py` and `monitor/probe.py` write it."""
    texts = Shape("Texts", "Output columns of the detection, by name.", {}, closed=False)
    alert = shape_of(Alert, entities=texts, details=texts)
    alert = alert._replace(fields={("count" if name == "times" else name): kind for name, kind in alert.fields.items()})
    fields = {**fields_of(MonitorReport), "alerts": ListOf(alert)}
    row = {"id": str, "number": str, "title": str, "severity": Severity, "references": tuple[str, ...]}
    row |= {"tables": tuple[str, ...], "parameters": tuple[str, ...]}
    rows = ListOf(Shape("Detection", "One detection; `weighbridge monitor explain` says the rest.", row))
    result = {**fields_of(ProbeReport), "result": Literal["same", "changed", "unknown"]}
    return {
        "monitor": top("MonitorReport", first_sentence(MonitorReport.__doc__), "weighbridge.monitor/1", fields),
        "monitor-list": top("Detections", "Every detection.", "weighbridge.monitor-list/1", {"detections": rows}),
        "alerts": top("Alerts", "What a webhook gets.", "weighbridge.alerts/1", {"alerts": ListOf(alert)}),
        "probe": top("ProbeReport", first_sentence(ProbeReport.__doc__), "weighbridge.probe/1", result),
    }
