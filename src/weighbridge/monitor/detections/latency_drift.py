"""D07b: a deployment becomes slower or faster than it was, hour by hour."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Reads
from weighbridge.monitor.drift import drift_kql, drift_sql
from weighbridge.monitor.parameters import DRIFT_LIMIT, DRIFT_REQUESTS, DRIFT_SLACK, REFERENCE_HOURS

_TABLE = "AmlOnlineEndpointTrafficLog"
_KEYS = ("EndpointName", "DeploymentName")

DETECTION = Detection(
    id="latency-drift",
    number="D07b",
    title="A deployment's latency has drifted",
    severity=Severity.MEDIUM,
    references=("AML.T0031", "AML.T0018", "AML.T0029"),
    tactics=("Impact",),
    reads=(Reads(_TABLE, ("TimeGenerated", "EndpointName", "DeploymentName", "ResponseCode", "TotalDurationMs")),),
    parameters=(REFERENCE_HOURS, DRIFT_REQUESTS, DRIFT_SLACK, DRIFT_LIMIT),
    every=1440,
    period=20160,
    entities=("EndpointName", "DeploymentName", "Direction"),
    maps=(),
    why="{EndpointName}/{DeploymentName} takes {Ratio} times as long as in its reference, in {Count} hours",
    matters=(
        "Another model, a call to somebody else in the middle of an answer, or inputs made to exhaust the model all "
        "change how long it takes. Each hour of the day is compared with itself."
    ),
    false_positives="Scaling, another kind of machine, a new mix of questions.",
    to_do="Compare with what was deployed and scaled at that time; if nothing was, probe the endpoint.",
    kql=drift_kql(_TABLE, _KEYS, "TotalDurationMs", "ResponseCode == 200"),
    sql=drift_sql(_TABLE, _KEYS, "TotalDurationMs", "ResponseCode = 200"),
)
