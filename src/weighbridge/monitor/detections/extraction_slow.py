"""D05: one caller asks steadily for two weeks, and never so much that it stands out."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads

DETECTION = Detection(
    id="extraction-slow",
    number="D05",
    title="One caller asks low and slow for two weeks",
    severity=Severity.MEDIUM,
    references=("AML.T0024.002",),
    tactics=("Collection", "Exfiltration"),
    reads=(Reads("AmlOnlineEndpointTrafficLog", ("TimeGenerated", "IdentityData", "AuthType", "EndpointName")),),
    parameters=(
        Parameter("slow_days", "count", 10, "days out of fourteen on which a caller is active"),
        Parameter("slow_requests", "count", 5000, "requests in fourteen days"),
        Parameter("slow_night_share", "ratio", 0.2, "share of the requests between 0 and 6 o'clock UTC: people sleep"),
        Parameter("steady_callers", "texts", (), "callers that are known to ask steadily: business applications"),
    ),
    every=1440,
    period=20160,
    entities=("Principal", "EndpointName"),
    maps=(Entity("Account", "AadUserId", "Principal"),),
    why="{Principal} sent {Count} requests to {EndpointName} on {ActiveDays} of 14 days, never more than {MaxDay} a day",
    matters="Whoever knows the hourly limit stays below it. A day and night of the same small number is no person.",
    false_positives="Business applications that ask steadily: name them in steady_callers.",
    to_do="Compare what the caller asks with what its application is for; lower its quota.",
    kql="""AmlOnlineEndpointTrafficLog
| extend Principal = iff(isempty(IdentityData), strcat("auth:", AuthType), IdentityData)
| where not(Principal in~ (steady_callers))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Requests = count(),
    Night = countif(hourofday(TimeGenerated) < 6)
    by Principal, EndpointName, Day = bin(TimeGenerated, 1d)
| summarize First = min(First), Last = max(Last), Count = sum(Requests), ActiveDays = count(), MaxDay = max(Requests),
    AverageDay = avg(Requests), NightShare = 1.0 * sum(Night) / sum(Requests)
    by Principal, EndpointName
| where ActiveDays >= slow_days and Count > slow_requests and MaxDay < 3 * AverageDay and NightShare >= slow_night_share
| extend Window = startofweek(Last)
""",
    sql="""
with days as (
  select case when coalesce(IdentityData, '') = '' then concat('auth:', AuthType) else IdentityData end as Principal,
         EndpointName, time_bucket(interval 1 day, TimeGenerated) as Day,
         min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Requests,
         count(*) filter (hour(TimeGenerated) < 6) as Night
  from AmlOnlineEndpointTrafficLog
  group by all),
fortnights as (
  select Principal, EndpointName, Last, min(First) over w as First, sum(Requests) over w as Count,
         count(*) over w as ActiveDays, max(Requests) over w as MaxDay, avg(Requests) over w as AverageDay,
         sum(Night) over w / sum(Requests) over w as NightShare
  from days
  where not list_contains($steady_callers, lower(Principal))
  window w as (partition by Principal, EndpointName order by Day range between interval 13 days preceding and current row))
select Principal, EndpointName, date_trunc('week', Last + interval 1 day) - interval 1 day as Window, First, Last,
       Count::bigint as Count, ActiveDays, MaxDay, AverageDay, NightShare
from fortnights
where ActiveDays >= $slow_days and Count > $slow_requests and MaxDay < 3 * AverageDay and NightShare >= $slow_night_share
qualify row_number() over (partition by Principal, EndpointName, "Window" order by Last desc) = 1
""",
)
