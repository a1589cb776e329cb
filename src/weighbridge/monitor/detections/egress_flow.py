"""D01c: flow logs show traffic from a model's subnet to the world outside."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads
from weighbridge.monitor.parameters import ALLOWED_RANGES

DETECTION = Detection(
    id="egress-flow",
    number="D01c",
    title="Traffic flows from a model's subnet to the outside",
    severity=Severity.HIGH,
    references=("AML.T0025", "AML.T0072", "T1041"),
    tactics=("Exfiltration",),
    reads=(
        Reads(
            "NTANetAnalytics",
            (
                *("TimeGenerated", "SubType", "FlowType", "FlowDirection", "FlowStatus", "SrcSubnet", "DestIp"),
                *("DestPublicIps", "DestPort", "BytesSrcToDest"),
            ),
        ),
    ),
    parameters=(
        Parameter(
            "workload_subnets", "prefixes", ("",), "beginnings of the subnets that models run in; by default all"
        ),
        ALLOWED_RANGES,
    ),
    every=60,
    period=1440,
    entities=("SrcSubnet", "Destination", "DestPort", "FlowType"),
    maps=(Entity("IP", "Address", "Destination"),),
    why="{Bytes} bytes left {SrcSubnet} for {Destination}:{DestPort} ({FlowType}) that day in {Count} records",
    matters=(
        "Flow logs see what no firewall rule was asked about. The address of a public flow is in DestPublicIps, and the "
        "columns that look like it are empty."
    ),
    false_positives="Traffic to Azure's own services without a private endpoint is AzurePublic and is left out here.",
    to_do="Look for the network interface in the flow log, and close the route: a model needs no way out.",
    kql="""NTANetAnalytics
| where SubType =~ "FlowLog" and FlowDirection in~ ("O", "Outbound") and FlowStatus in~ ("A", "Allowed")
| where FlowType in~ ("ExternalPublic", "MaliciousFlow", "Unknown")
| where SrcSubnet matches regex workload_subnets
| extend Destination = iff(isnotempty(DestIp), DestIp, tostring(split(tostring(split(DestPublicIps, " ")[0]), "|")[0]))
| where not(ipv4_is_in_any_range(Destination, allowed_ranges) or ipv6_is_in_any_range(Destination, allowed_ranges_v6))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count(), Bytes = sum(BytesSrcToDest)
    by SrcSubnet, Destination, DestPort, FlowType, Window = bin(TimeGenerated, 1d)
""",
    sql="""
with flows as (
  select *, case when DestIp <> '' then DestIp
            else split_part(split_part(coalesce(DestPublicIps, ''), ' ', 1), '|', 1) end as Destination
  from NTANetAnalytics
  where lower(SubType) = 'flowlog' and lower(FlowDirection) in ('o', 'outbound') and lower(FlowStatus) in ('a', 'allowed')
    and lower(FlowType) in ('externalpublic', 'maliciousflow', 'unknown')
    and regexp_matches(coalesce(SrcSubnet, ''), $workload_subnets))
select SrcSubnet, Destination, DestPort, FlowType, time_bucket(interval 1 day, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count, sum(BytesSrcToDest)::bigint as Bytes
from flows
where not in_ranges(Destination, $allowed_ranges)
group by all
""",
)
