"""D14a: very much training data is deleted within an hour."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads
from weighbridge.monitor.parameters import DATA_ACCOUNTS

DETECTION = Detection(
    id="data-purge",
    number="D14a",
    title="Training data was purged",
    severity=Severity.HIGH,
    references=("AML.T0059", "AML.T0020", "T1485"),
    tactics=("Impact",),
    reads=(
        Reads(
            "StorageBlobLogs",
            (
                *("TimeGenerated", "AccountName", "OperationName", "StatusCode", "Uri", "RequesterObjectId"),
                "AuthenticationType",
            ),
        ),
    ),
    parameters=(
        DATA_ACCOUNTS,
        Parameter("hourly_deletes", "count", 20, "deletions of one identity in an hour that are told"),
        Parameter(
            "data_managers", "texts", (), "object ids that delete by trade; life-cycle rules are left out anyway"
        ),
    ),
    every=15,
    period=120,
    entities=("RequesterObjectId", "AccountName", "AuthenticationType"),
    maps=(Entity("Account", "AadUserId", "RequesterObjectId"),),
    why="{RequesterObjectId} deleted {Count} objects of {AccountName} within an hour, {Permanent} of them for good",
    matters="Data that is gone cannot be trained with again, nor can it be shown what a model was trained with.",
    false_positives="Clean-up jobs: name them in data_managers.",
    to_do="Restore from versions or soft delete before they expire, and take the right to delete away.",
    kql="""StorageBlobLogs
| where AccountName matches regex data_accounts
| where OperationName in ("DeleteBlob", "DeleteContainer", "DeleteBlobVersion", "DeleteFile", "DeleteFilesystem")
    or Uri has "deletetype=permanent"
| where toint(StatusCode) between (200 .. 299) and AuthenticationType !in ("SystemIdentity", "TrustedAccess")
| where not(RequesterObjectId in~ (data_managers))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count(),
    Permanent = countif(Uri has "deletetype=permanent")
    by RequesterObjectId, AccountName, AuthenticationType, Window = bin(TimeGenerated, 1h)
| where Count >= hourly_deletes or Permanent > 0
""",
    sql="""
select RequesterObjectId, AccountName, AuthenticationType, time_bucket(interval 1 hour, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count,
       count(*) filter (contains(lower(Uri), 'deletetype=permanent')) as Permanent
from StorageBlobLogs
where regexp_matches(coalesce(AccountName, ''), $data_accounts)
  and (OperationName in ('DeleteBlob', 'DeleteContainer', 'DeleteBlobVersion', 'DeleteFile', 'DeleteFilesystem')
       or contains(lower(Uri), 'deletetype=permanent'))
  and try_cast(StatusCode as int) between 200 and 299
  and coalesce(AuthenticationType, '') not in ('SystemIdentity', 'TrustedAccess')
  and not list_contains($data_managers, lower(coalesce(RequesterObjectId, '')))
group by all
having count(*) >= $hourly_deletes or Permanent > 0
""",
)
