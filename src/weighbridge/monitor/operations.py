"""Operations of the activity log: one list of their names is what both texts of a detection are written from."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.monitor.base import Entity, Reads

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE = ("Success", "Succeeded")
"""What the log says of an operation that came to its end."""
DEPLOYS = (
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write",
    "Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments/write",
    "Microsoft.MachineLearningServices/workspaces/serverlessEndpoints/write",
    "Microsoft.CognitiveServices/accounts/deployments/write",
    "Microsoft.CognitiveServices/accounts/managedComputeDeployments/write",
)
"""The ways to run a model."""
READS = Reads(
    "AzureActivity",
    (*("TimeGenerated", "OperationNameValue", "ActivityStatusValue", "Caller"), *("_ResourceId", "ResourceId")),
)
ENTITIES = ("Caller", "Operation", "Resource")
MAPS = (Entity("Account", "FullName", "Caller"), Entity("AzureResource", "ResourceId", "Resource"))
WHY = "{Caller} did {Operation} on {Resource} {Count} times within an hour"


def kql_list(names: Sequence[str], indent: int = 0) -> str:
    """Texts of Kusto in brackets, for `in~`; with an `indent` each on a line of its own."""
    return "(" + _between(indent).join(f'"{name}"' for name in names) + ")"


def sql_list(names: Sequence[str], indent: int = 0) -> str:
    """The same in lower case, for SQL's `in`."""
    return "(" + _between(indent).join(f"'{name.lower()}'" for name in names) + ")"


def kql_of(names: Sequence[str], exempt: str, states: Sequence[str] = DONE) -> str:
    """Who did one of these by the hour, but for the callers in the parameter `exempt`, in Kusto."""
    return f"""AzureActivity
| where OperationNameValue in~ {kql_list(names, 4)}
| where ActivityStatusValue in~ {kql_list(states)}
| where not(Caller in~ ({exempt}))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by Caller, Operation = tolower(OperationNameValue), Resource = tolower(coalesce(_ResourceId, ResourceId)),
    Window = bin(TimeGenerated, 1h)
"""


def sql_of(names: Sequence[str], exempt: str, states: Sequence[str] = DONE) -> str:
    """The same in SQL."""
    return f"""
select Caller, lower(OperationNameValue) as Operation, lower(coalesce(nullif(_ResourceId, ''), ResourceId)) as Resource,
       time_bucket(interval 1 hour, TimeGenerated) as Window, min(TimeGenerated) as First, max(TimeGenerated) as Last,
       count(*) as Count
from AzureActivity
where lower(OperationNameValue) in {sql_list(names, 4)}
  and lower(ActivityStatusValue) in {sql_list(states)}
  and not list_contains(${exempt}, lower(coalesce(Caller, '')))
group by all
"""  # noqa: S608 -- texts of ours


def _between(indent: int) -> str:
    return f",\n{' ' * indent}" if indent else ", "
