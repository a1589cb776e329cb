"""D07c: a model's completions become longer or shorter than they were, hour by hour."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Reads
from weighbridge.monitor.drift import drift_kql, drift_sql
from weighbridge.monitor.parameters import DRIFT_LIMIT, DRIFT_REQUESTS, DRIFT_SLACK, REFERENCE_HOURS

_TABLE = "ApiManagementGatewayLlmLog"
_KEYS = ("DeploymentName", "ModelName")

DETECTION = Detection(
    id="token-drift",
    number="D07c",
    title="The length of a model's completions has drifted",
    severity=Severity.MEDIUM,
    references=("AML.T0031", "AML.T0018", "AML.T0034"),
    tactics=("Impact",),
    reads=(Reads(_TABLE, ("TimeGenerated", "DeploymentName", "ModelName", "CompletionTokens")),),
    parameters=(REFERENCE_HOURS, DRIFT_REQUESTS, DRIFT_SLACK, DRIFT_LIMIT),
    every=1440,
    period=20160,
    entities=("DeploymentName", "ModelName", "Direction"),
    maps=(),
    why="completions of {DeploymentName} ({ModelName}) have {Ratio} times the tokens of the reference, in {Count} hours",
    matters="A provider's silent upgrade, a changed system prompt or a jailbreak that works changes how much is said.",
    false_positives="A new prompt of an application, or a raised limit of tokens.",
    to_do="Compare with the deployment's version and upgrade option; replay the fingerprint of admission.",
    kql=drift_kql(_TABLE, _KEYS, "CompletionTokens", "isnotempty(DeploymentName)"),
    sql=drift_sql(_TABLE, _KEYS, "CompletionTokens", "DeploymentName <> ''"),
)
