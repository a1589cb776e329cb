"""D17: Defender for Cloud tells of a prompt injection or another attack on an AI service."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Reads

_NAMES = r"(?i)jailbreak|prompt injection|ascii smuggling|credential theft|denial of wallet|wallet|llm reconnaissance"

DETECTION = Detection(
    id="defender-alert",
    number="D17",
    title="Defender for Cloud reports an attack on an AI service",
    severity=Severity.HIGH,
    references=("AML.T0051", "AML.T0054", "AML.T0034"),
    tactics=("InitialAccess", "Impact"),
    reads=(
        Reads(
            "SecurityAlert",
            (
                *("TimeGenerated", "SystemAlertId", "AlertName", "AlertType", "AlertSeverity", "ProductName"),
                *("ProviderName", "CompromisedEntity"),
            ),
        ),
    ),
    parameters=(),
    every=15,
    period=1440,
    entities=("AlertName", "CompromisedEntity", "AlertSeverity"),
    maps=(Entity("AzureResource", "ResourceId", "CompromisedEntity"),),
    why="Defender reports {AlertName} ({AlertSeverity}) for {CompromisedEntity} in {Count} alerts that day",
    matters="Prompt injection is judged where the prompts are. What Defender says belongs beside what the logs say.",
    false_positives="Red teams. Jailbreak alerts need Prompt Shields, and come 15 to 30 minutes late.",
    to_do="Read the alert in Defender; see with the other detections whether the attempt had an effect.",
    kql=f"""SecurityAlert
| where ProductName has "Defender" or ProductName has "Security Center" or ProviderName has "AI"
| where AlertType startswith "AI." or AlertType has "AI_" or AlertName matches regex @"{_NAMES}"
| summarize Seen = min(TimeGenerated) by SystemAlertId, AlertName, CompromisedEntity, AlertSeverity
| summarize First = min(Seen), Last = max(Seen), Count = count()
    by AlertName, CompromisedEntity, AlertSeverity, Window = bin(Seen, 1d)
""",
    sql=f"""
with alerts as (
  select SystemAlertId, AlertName, CompromisedEntity, AlertSeverity, min(TimeGenerated) as Seen
  from SecurityAlert
  where regexp_matches(concat(ProductName, ' / ', ProviderName), '(?i)\\b(?:defender|security center|ai)\\b')
    and (starts_with(lower(AlertType), 'ai.') or contains(lower(AlertType), 'ai_')
         or regexp_matches(coalesce(AlertName, ''), '{_NAMES}'))
  group by all)
select AlertName, CompromisedEntity, AlertSeverity, time_bucket(interval 1 day, Seen) as Window, min(Seen) as First,
       max(Seen) as Last, count(*) as Count
from alerts
group by all
""",
)
