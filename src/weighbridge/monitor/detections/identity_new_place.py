"""D10: a managed identity signs in from an address that it never used."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads
from weighbridge.monitor.parameters import LEARNING_DAYS

DETECTION = Detection(
    id="identity-new-place",
    number="D10",
    title="An identity signs in from a new place",
    severity=Severity.MEDIUM,
    references=("AML.T0012", "T1078.004", "T1550.001"),
    tactics=("InitialAccess", "CredentialAccess"),
    reads=(
        Reads(
            "AADManagedIdentitySignInLogs",
            ("TimeGenerated", "ServicePrincipalId", "ServicePrincipalName", "IPAddress", "ResultType"),
        ),
    ),
    parameters=(
        LEARNING_DAYS,
        Parameter(
            "known_places", "ranges", (), "networks from which any identity may sign in: the platform's own egress"
        ),
    ),
    every=60,
    period=20160,
    entities=("ServicePrincipalId", "ServicePrincipalName", "IPAddress"),
    maps=(Entity("Account", "AadUserId", "ServicePrincipalId"), Entity("IP", "Address", "IPAddress")),
    why="{ServicePrincipalName} signed in from {IPAddress}, where it never was in the days before, {Count} times",
    matters="A managed identity's token is only of use outside of its machine to somebody who stole it.",
    false_positives="The platform's egress changes with scaling and maintenance; give its networks in known_places.",
    to_do="See what the identity did from there, take its rights away, and look at what ran on its machine.",
    kql="""let signins = AADManagedIdentitySignInLogs
| where ResultType == "0" and isnotempty(IPAddress)
| where not(ipv4_is_in_any_range(IPAddress, known_places) or ipv6_is_in_any_range(IPAddress, known_places_v6));
let known = signins | summarize Since = min(TimeGenerated) by ServicePrincipalId;
signins
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by ServicePrincipalId, ServicePrincipalName, IPAddress
| join kind=inner known on ServicePrincipalId
| where First >= Since + learning_days * 1d
| project ServicePrincipalId, ServicePrincipalName, IPAddress, Window = bin(First, 1d), First, Last, Count
""",
    sql="""
with signins as (
  select * from AADManagedIdentitySignInLogs
  where ResultType = '0' and IPAddress <> '' and not in_ranges(IPAddress, $known_places)),
known as (
  select ServicePrincipalId, min(TimeGenerated) as Since from signins group by all),
places as (
  select ServicePrincipalId, ServicePrincipalName, IPAddress, min(TimeGenerated) as First, max(TimeGenerated) as Last,
         count(*) as Count
  from signins group by all)
select p.ServicePrincipalId, ServicePrincipalName, IPAddress, time_bucket(interval 1 day, First) as Window, First, Last,
       Count
from places p join known k on p.ServicePrincipalId is not distinct from k.ServicePrincipalId
where First >= Since + to_days($learning_days::int)
""",
)
