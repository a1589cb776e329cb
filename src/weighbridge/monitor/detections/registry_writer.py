"""D11: somebody other than the pipeline writes to or deletes from the registry."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Reads
from weighbridge.monitor.parameters import MODEL_REPOSITORIES, PIPELINE_IDENTITIES

DETECTION = Detection(
    id="registry-writer",
    number="D11",
    title="Somebody other than the pipeline wrote to the registry",
    severity=Severity.HIGH,
    references=("AML.T0010.003", "T1525"),
    tactics=("Persistence", "InitialAccess"),
    reads=(
        Reads(
            "ContainerRegistryRepositoryEvents",
            (*("TimeGenerated", "OperationName", "LoginServer", "Repository", "Identity"), "ResultType"),
        ),
    ),
    parameters=(PIPELINE_IDENTITIES, MODEL_REPOSITORIES),
    every=15,
    period=60,
    entities=("Identity", "LoginServer", "Repository", "OperationName"),
    maps=(Entity("Account", "FullName", "Identity"),),
    why="{Identity} did {OperationName} on {LoginServer}/{Repository} {Count} times within an hour",
    matters="The registry holds what was admitted. Whoever writes to it beside the pipeline puts in what no gate saw.",
    false_positives="Import and purge tasks have identities of their own: name them in pipeline_identities.",
    to_do="Verify what the repository holds (weighbridge registry verify), and take the right to push away.",
    kql="""ContainerRegistryRepositoryEvents
| where OperationName in~ ("Push", "Delete", "Untag", "Purge", "Import")
| where not(ResultType matches regex @"(^|_)[45][0-9][0-9]$")
| where Repository matches regex model_repositories
| where not(Identity in~ (pipeline_identities))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by Identity, LoginServer, Repository, OperationName, Window = bin(TimeGenerated, 1h)
""",
    sql="""
select Identity, LoginServer, Repository, OperationName, time_bucket(interval 1 hour, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count
from ContainerRegistryRepositoryEvents
where lower(OperationName) in ('push', 'delete', 'untag', 'purge', 'import')
  and not regexp_matches(coalesce(ResultType, ''), '(^|_)[45][0-9][0-9]$')
  and regexp_matches(coalesce(Repository, ''), $model_repositories)
  and not list_contains($pipeline_identities, lower(coalesce(Identity, '')))
group by all
""",
)
