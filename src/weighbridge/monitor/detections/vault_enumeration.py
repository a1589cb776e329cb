"""D09: an identity walks through the secrets of a vault."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads

DETECTION = Detection(
    id="vault-enumeration",
    number="D09",
    title="An identity enumerates a key vault",
    severity=Severity.HIGH,
    references=("AML.T0055", "T1555.006", "T1580"),
    tactics=("CredentialAccess", "Discovery"),
    reads=(
        Reads("AZKVAuditLogs", ("TimeGenerated", "OperationName", "Identity", "Id", "HttpStatusCode", "_ResourceId")),
    ),
    parameters=(
        Parameter("vault_secrets", "count", 5, "different secrets that an identity reads within ten minutes"),
        Parameter("vault_listed_secrets", "count", 3, "the same, if it listed them as well"),
        Parameter("vault_denials", "count", 10, "refusals within ten minutes"),
        Parameter("vault_readers", "texts", (), "object ids that read many secrets by trade: rotation, configuration"),
    ),
    every=5,
    period=60,
    entities=("Oid", "Vault"),
    maps=(Entity("Account", "AadUserId", "Oid"), Entity("AzureResource", "ResourceId", "Vault")),
    why="{Oid} read {Secrets} secrets of {Vault} in ten minutes, listed {Lists} times, and was refused {Denied} times",
    matters=(
        "This is what code in a model does first when it runs with the identity of its endpoint: it lists what the "
        "vault has, and takes it."
    ),
    false_positives="Applications that load their whole configuration at start; rotation. Name them in vault_readers.",
    to_do="Rotate every secret of the vault, take the endpoint's right to it away, and scan the model that it ran.",
    kql="""AZKVAuditLogs
| where OperationName in ("SecretGet", "SecretList", "SecretListVersions", "KeyList", "CertificateList", "CertificateGet", "KeyGet")
| extend Oid = coalesce(tostring(Identity.claim["http://schemas.microsoft.com/identity/claims/objectidentifier"]),
    tostring(Identity.claim.oid), tostring(Identity.claim.appid), "unknown")
| where not(Oid in~ (vault_readers))
| extend Secret = tostring(split(Id, "/")[4])
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count(), Lists = countif(OperationName has "List"
    or OperationName endswith "List" or OperationName endswith "ListVersions"),
    Secrets = dcountif(Secret, OperationName endswith "Get" and HttpStatusCode < 300),
    Denied = countif(HttpStatusCode == 403 or HttpStatusCode == 401)
    by Oid, Vault = tolower(_ResourceId), Window = bin(TimeGenerated, 10m)
| where Secrets >= vault_secrets or (Lists >= 1 and Secrets >= vault_listed_secrets) or Denied >= vault_denials
""",
    sql="""
with calls as (
  select TimeGenerated, OperationName, HttpStatusCode, lower(_ResourceId) as Vault, split_part(Id, '/', 5) as Secret,
         coalesce(nullif(Identity ->> '$.claim."http://schemas.microsoft.com/identity/claims/objectidentifier"', ''),
                  nullif(Identity ->> '$.claim.oid', ''), nullif(Identity ->> '$.claim.appid', ''), 'unknown') as Oid
  from AZKVAuditLogs
  where OperationName in ('SecretGet', 'SecretList', 'SecretListVersions', 'KeyList', 'CertificateList', 'CertificateGet',
                          'KeyGet'))
select Oid, Vault, time_bucket(interval 10 minutes, TimeGenerated) as Window, min(TimeGenerated) as First,
       max(TimeGenerated) as Last, count(*) as Count, count(*) filter (contains(OperationName, 'List')) as Lists,
       count(distinct Secret) filter (ends_with(OperationName, 'Get') and HttpStatusCode < 300) as Secrets,
       count(*) filter (HttpStatusCode in (401, 403)) as Denied
from calls
where not list_contains($vault_readers, lower(Oid))
group by Oid, Vault, "Window"
having Secrets >= $vault_secrets or (Lists >= 1 and Secrets >= $vault_listed_secrets) or Denied >= $vault_denials
""",
)
