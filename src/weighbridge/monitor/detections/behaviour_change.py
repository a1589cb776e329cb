"""D07a: after its first N requests a deployment answers differently than before.

The test is of Kolmogorov and Smirnov, on the sizes of answers. The first N requests are the reference; the distribution
of each following block of m requests is compared with it at the reference's nine deciles, which can only make the
distance D smaller than it is. Without a change, the chance of D in one block is at most

    p = 2 exp(-2 D² N m / (N + m))

(Dvoretzky, Kiefer and Wolfowitz's inequality with Massart's constant, 1990, for two samples as in Wei and Dudley, 2012).
Block j may spend 6 alpha / (pi² j²) of the false-alarm rate, which sums to alpha over all blocks that will ever come:
alpha is the chance that a deployment that never changes is ever told. It holds for requests that are independent and
alike; those of a day are not quite, so a distance of at least `change_distance` is asked for besides.
"""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Parameter, Reads

_SHARES_KQL = ",\n    ".join(f"S{i} = 1.0 * countif(ResponsePayloadSize <= tolong(Q[{i}])) / count()" for i in range(9))
_DISTANCES_KQL = ", ".join(f"abs(S{i} - R{i})" for i in range(9))
_RENAMED_KQL = ", ".join(f"R{i} = S{i}" for i in range(9))
_DECILES_SQL = ", ".join(f"Q[{i + 1}] as Q{i}" for i in range(9))
_SHARES_SQL = ", ".join(f"count(*) filter (ResponsePayloadSize <= Q{i}) / count(*) as S{i}" for i in range(9))
_DISTANCES_SQL = ", ".join(f"abs(b.S{i} - r.S{i})" for i in range(9))

DETECTION = Detection(
    id="behaviour-change",
    number="D07a",
    title="A deployment answers differently after its first requests",
    severity=Severity.HIGH,
    references=("AML.T0018", "AML.T0031", "AML.T0020"),
    tactics=("Impact", "DefenseEvasion"),
    reads=(
        Reads(
            "AmlOnlineEndpointTrafficLog",
            ("TimeGenerated", "EndpointName", "DeploymentName", "ResponseCode", "ResponsePayloadSize"),
        ),
    ),
    parameters=(
        Parameter("reference_requests", "count", 1000, "first answers of a deployment that say what is normal (N)"),
        Parameter("block_requests", "count", 200, "answers that are judged together (m)"),
        Parameter("change_alarms", "ratio", 0.001, "chance that a deployment that never changes is ever told (alpha)"),
        Parameter("change_distance", "ratio", 0.25, "least distance between the distributions that is told"),
    ),
    every=60,
    period=2880,
    entities=("EndpointName", "DeploymentName"),
    maps=(),
    why="{EndpointName}/{DeploymentName} answers differently since its block {Block} (distance {Distance})",
    matters=(
        "A model can be made to behave until it has been asked N times, or until a day. Its answers then change while "
        "nothing else did: no deployment, no version."
    ),
    false_positives="A new mix of questions: look at what changed on the callers' side at the same time.",
    to_do="Replay the fingerprint of admission with weighbridge monitor probe; if it differs, take the deployment down.",
    kql=f"""let answers = AmlOnlineEndpointTrafficLog
| where ResponseCode == 200 and isnotnull(ResponsePayloadSize)
| extend Key = strcat(EndpointName, "/", DeploymentName)
| sort by Key asc, TimeGenerated asc, ResponsePayloadSize asc
| extend N = row_number(0, prev(Key) != Key);
let quantiles = answers
| where N < reference_requests
| summarize Q = percentiles_array(ResponsePayloadSize, 10, 20, 30, 40, 50, 60, 70, 80, 90), Size = count() by Key
| where Size == reference_requests;
let shares = answers
| join kind=inner quantiles on Key
| extend Block = iff(N < reference_requests, -1, tolong((N - reference_requests) / block_requests))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Answers = count(),
    {_SHARES_KQL}
    by Key, EndpointName, DeploymentName, Block, Size;
shares
| where Block >= 0 and Answers == block_requests
| join kind=inner (shares | where Block == -1 | project Key, {_RENAMED_KQL}) on Key
| extend Distance = max_of({_DISTANCES_KQL})
| extend Chance = 2.0 * exp(-2.0 * Distance * Distance * Size * Answers / (Size + Answers))
| where Distance >= change_distance and Chance <= 6.0 * change_alarms / (pi() * pi() * pow(Block + 1, 2))
| summarize First = min(First), Last = max(Last), Count = sum(Answers), Distance = max(Distance), Block = min(Block)
    by EndpointName, DeploymentName
| extend Window = bin(First, 1d)
""",
    sql=f"""
with deployments as materialized (
  select EndpointName, DeploymentName, row_number() over () as K
  from (select distinct EndpointName, DeploymentName from AmlOnlineEndpointTrafficLog)),
answers as materialized (
  select K, TimeGenerated, ResponsePayloadSize,
         row_number() over (partition by K order by TimeGenerated, ResponsePayloadSize) - 1 as N
  from AmlOnlineEndpointTrafficLog t join deployments d
    on t.EndpointName is not distinct from d.EndpointName and t.DeploymentName is not distinct from d.DeploymentName
  where ResponseCode = 200 and ResponsePayloadSize is not null),
quantiles as (
  select K, count(*) as Size, quantile_disc(ResponsePayloadSize, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]) as Q
  from answers where N < $reference_requests
  group by all having count(*) = $reference_requests),
deciles as (select K, Size, {_DECILES_SQL} from quantiles),
shares as (
  select K, Size,
         case when N < $reference_requests then -1 else (N - $reference_requests) // $block_requests end as Block,
         min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Answers, {_SHARES_SQL}
  from answers join deciles using (K)
  group by K, Size, Block),
distances as (
  select b.K, b.Block, b.First, b.Last, b.Answers, b.Size, greatest({_DISTANCES_SQL}) as Distance
  from shares b join shares r using (K)
  where r.Block = -1 and b.Block >= 0 and b.Answers = $block_requests)
select EndpointName, DeploymentName, time_bucket(interval 1 day, min(First)) as Window, min(First) as First,
       max(Last) as Last, sum(Answers)::bigint as Count, round(max(Distance), 3) as Distance, min(Block) as Block
from distances join deployments using (K)
where Distance >= $change_distance
  and 2 * exp(-2 * Distance * Distance * Size * Answers / (Size + Answers))
      <= 6 * $change_alarms / (pi() * pi() * (Block + 1) * (Block + 1))
group by EndpointName, DeploymentName
""",
)
