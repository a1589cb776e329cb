"""D01b: a model's network reaches a public address that is not on the allow-list."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Reads
from weighbridge.monitor.parameters import ALLOWED_RANGES, PRIVATE_RANGES, WORKLOAD_RANGES

DETECTION = Detection(
    id="egress-address",
    number="D01b",
    title="A model's network reaches a public address outside the allow-list",
    severity=Severity.HIGH,
    references=("AML.T0025", "AML.T0072", "T1095", "T1041"),
    tactics=("CommandAndControl", "Exfiltration"),
    reads=(
        Reads(
            "AZFWNetworkRule", ("TimeGenerated", "SourceIp", "DestinationIp", "DestinationPort", "Protocol", "Action")
        ),
    ),
    parameters=(WORKLOAD_RANGES, PRIVATE_RANGES, ALLOWED_RANGES),
    every=15,
    period=1440,
    entities=("SourceIp", "DestinationIp", "DestinationPort", "Protocol"),
    maps=(Entity("IP", "Address", "SourceIp"), Entity("IP", "Address", "DestinationIp")),
    why="{SourceIp} reached {DestinationIp}:{DestinationPort} {Count} times that day, of which {Denied} were denied",
    matters=(
        "An address without a name is how a reverse shell, a raw upload or a beacon leaves. Whole private networks are "
        "left out as networks, not as text, and so is nothing that only looks like one."
    ),
    false_positives="Addresses of content networks change: give the ranges of a service tag with --service-tags.",
    to_do="Find the endpoint behind the source address, stop its deployment, and look at what it loaded last.",
    kql="""AZFWNetworkRule
| where isnotempty(DestinationIp)
| where ipv4_is_in_any_range(SourceIp, workload_ranges) or ipv6_is_in_any_range(SourceIp, workload_ranges_v6)
| where not(ipv4_is_in_any_range(DestinationIp, private_ranges) or ipv6_is_in_any_range(DestinationIp, private_ranges_v6))
| where not(ipv4_is_in_any_range(DestinationIp, allowed_ranges) or ipv6_is_in_any_range(DestinationIp, allowed_ranges_v6))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count(), Denied = countif(Action =~ "Deny")
    by SourceIp, DestinationIp, DestinationPort, Protocol, Window = bin(TimeGenerated, 1d)
""",
    sql="""
select SourceIp, DestinationIp, DestinationPort, Protocol, time_bucket(interval 1 day, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count,
       count(*) filter (lower(Action) = 'deny') as Denied
from AZFWNetworkRule
where DestinationIp <> '' and in_ranges(SourceIp, $workload_ranges)
  and not in_ranges(DestinationIp, $private_ranges) and not in_ranges(DestinationIp, $allowed_ranges)
group by all
""",
)
