"""D14b: training data is written or deleted with a key or a shared signature instead of an identity."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Reads
from weighbridge.monitor.parameters import DATA_ACCOUNTS

DETECTION = Detection(
    id="data-key-access",
    number="D14b",
    title="Training data was changed with a key or a shared signature",
    severity=Severity.MEDIUM,
    references=("AML.T0020", "AML.T0059", "T1078.004"),
    tactics=("Persistence", "Impact"),
    reads=(
        Reads(
            "StorageBlobLogs",
            ("TimeGenerated", "AccountName", "OperationName", "StatusCode", "AuthenticationType", "CallerIpAddress"),
        ),
    ),
    parameters=(DATA_ACCOUNTS,),
    every=60,
    period=180,
    entities=("CallerAddress", "AccountName", "AuthenticationType"),
    maps=(Entity("IP", "Address", "CallerAddress"),),
    why="{CallerAddress} changed {Count} objects of {AccountName} within an hour by {AuthenticationType}",
    matters="Poisoned data is most easily put in place with a key: it has no name, and no role limits it.",
    false_positives="Old upload tools. Set allowSharedKeyAccess to false, and they show themselves.",
    to_do="Compare the changed objects with the data set's fingerprint, rotate the key, and switch shared keys off.",
    kql="""StorageBlobLogs
| where AccountName matches regex data_accounts
| where OperationName in ("PutBlob", "PutBlockList", "PutPage", "AppendBlock", "CopyBlob", "DeleteBlob", "DeleteContainer",
    "SetBlobServiceProperties", "SetContainerACL", "SetBlobMetadata", "UndeleteBlob")
| where toint(StatusCode) between (200 .. 299)
| where AuthenticationType !in ("OAuth", "TrustedAccess", "SystemIdentity", "DelegationSAS", "DelegationSas")
| extend CallerAddress = tostring(split(CallerIpAddress, ":")[0])
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by CallerAddress, AccountName, AuthenticationType, Window = bin(TimeGenerated, 1h)
""",
    sql="""
select split_part(coalesce(CallerIpAddress, ''), ':', 1) as CallerAddress, AccountName, AuthenticationType,
       time_bucket(interval 1 hour, TimeGenerated) as Window, min(TimeGenerated) as First, max(TimeGenerated) as Last,
       count(*) as Count
from StorageBlobLogs
where regexp_matches(coalesce(AccountName, ''), $data_accounts)
  and OperationName in ('PutBlob', 'PutBlockList', 'PutPage', 'AppendBlock', 'CopyBlob', 'DeleteBlob', 'DeleteContainer',
                        'SetBlobServiceProperties', 'SetContainerACL', 'SetBlobMetadata', 'UndeleteBlob')
  and try_cast(StatusCode as int) between 200 and 299
  and coalesce(AuthenticationType, '') not in ('OAuth', 'TrustedAccess', 'SystemIdentity', 'DelegationSAS', 'DelegationSas')
group by all
""",
)
