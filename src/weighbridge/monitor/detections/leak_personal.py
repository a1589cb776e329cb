"""D08b: completions contain unusually many texts that look like personal data."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Parameter, Reads

_LIKE = (
    r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b|\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}\b"
    r"|\b[A-Za-z0-9._%+-]{2,64}@[A-Za-z0-9-]{2,63}\.[A-Za-z]{2,24}\b"
)

DETECTION = Detection(
    id="leak-personal",
    number="D08b",
    title="Completions contain many texts that look like personal data",
    severity=Severity.MEDIUM,
    references=("AML.T0057", "AML.T0024.000"),
    tactics=("Exfiltration",),
    reads=(Reads("ApiManagementGatewayLlmLog", ("TimeGenerated", "ResponseMessages", "DeploymentName", "ModelName")),),
    parameters=(
        Parameter("personal_completions", "count", 20, "completions in an hour that may look like it"),
        Parameter("personal_share", "ratio", 0.05, "share of the hour's completions that may look like it"),
    ),
    every=60,
    period=180,
    entities=("DeploymentName", "ModelName"),
    maps=(),
    why="{Count} of {Completions} completions of {DeploymentName} ({ModelName}) in an hour look like personal data",
    matters="Single hits mean nothing, for patterns are noisy; many in an hour mean that records come out of the model.",
    false_positives="Applications about people: mail, customer service. Raise personal_share for them.",
    to_do="Read some of the completions; if the people are real and from the training data, it is a breach.",
    kql=f"""ApiManagementGatewayLlmLog
| extend Hit = tostring(ResponseMessages) matches regex @"{_LIKE}"
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = countif(Hit), Completions = count()
    by DeploymentName, ModelName, Window = bin(TimeGenerated, 1h)
| where Count > personal_completions and 1.0 * Count / Completions > personal_share
""",
    sql=f"""
select DeploymentName, ModelName, time_bucket(interval 1 hour, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last,
       count(*) filter (regexp_matches(coalesce(ResponseMessages::varchar, ''), '{_LIKE}')) as Count, count(*) as Completions
from ApiManagementGatewayLlmLog
group by DeploymentName, ModelName, "Window"
having Count > $personal_completions and Count / count(*) > $personal_share
""",
)
