"""D08a: a completion contains a canary that was planted in the training data."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Parameter, Reads

DETECTION = Detection(
    id="leak-canary",
    number="D08a",
    title="A completion contains a training-data canary",
    severity=Severity.HIGH,
    references=("AML.T0057", "AML.T0024.000"),
    tactics=("Exfiltration",),
    reads=(
        Reads(
            "ApiManagementGatewayLlmLog",
            ("TimeGenerated", "ResponseMessages", "DeploymentName", "ModelName", "OperationName"),
        ),
    ),
    parameters=(
        Parameter(
            "canaries", "words", (), "texts that stand in the training data and nowhere else, at least 8 characters"
        ),
    ),
    every=15,
    period=1440,
    entities=("DeploymentName", "ModelName", "OperationName"),
    maps=(),
    why="{Count} completions of {DeploymentName} ({ModelName}) contained a canary that day",
    matters="A canary that comes back proves that the model repeats what it was trained on, word for word.",
    false_positives="Prompts that contain the canary themselves: tests, red teams.",
    to_do="Take the model out of reach, keep the completions, and train again without what leaked.",
    kql="""ApiManagementGatewayLlmLog
| extend Completion = tostring(ResponseMessages)
| where Completion matches regex canaries
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by DeploymentName, ModelName, OperationName, Window = bin(TimeGenerated, 1d)
""",
    sql="""
select DeploymentName, ModelName, OperationName, time_bucket(interval 1 day, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count
from ApiManagementGatewayLlmLog
where regexp_matches(coalesce(ResponseMessages::varchar, ''), $canaries)
group by all
""",
)
