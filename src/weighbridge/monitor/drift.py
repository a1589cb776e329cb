"""The sequential test behind the detections of drift, as SQL and as KQL: a two-sided CUSUM of hourly values.

Every hour of one key has a value x, the mean of ln(1 + measurement). The first `reference_hours` hours say what is
normal: the mean of x at each hour of the day, of working days and of weekends, and the standard deviation of what
remains, which is taken to be at least
0.02. From then on z = (x - mean) / deviation is summed, upwards and downwards:

    S(i) = max(0, S(i-1) + z(i) - k)     told when S > h     with k = drift_slack, h = drift_limit

In SQL the recursion is the running sum of z - k, less its own smallest value so far. Hours until a false alarm, on the
average, for independent normal z and known mean and deviation (Siegmund, Sequential Analysis, 1985; in Montgomery's
Introduction to Statistical Quality Control as equation 9.6), each side by itself:

    ARL = (exp(2 k b) - 2 k b - 1) / (2 k²)     with b = h + 1.166

k = 1 and h = 8 give 4.6e7 hours, 5,000 years. What is true of real logs is much less, for mean and deviation are only
estimated and hours are neither independent nor normal: the generator of logs in bench/monitor.py measures it.
"""

from __future__ import annotations

_OF_DAY = "(hour({0}) + case when isodow({0}) >= 6 then 24 else 0 end)"
_OF_DAY_KQL = "hourofday(Hour) + iff(dayofweek(Hour) in (0d, 6d), 24, 0)"


def drift_sql(table: str, keys: tuple[str, ...], measured: str, condition: str) -> str:
    """The test of `measured` per `keys`. All four are texts of a detection, never of a log or of settings."""
    by = ", ".join(keys)
    same = " and ".join(f"r.{key} is not distinct from h.{key}" for key in keys)
    return f"""
with hours as (
  select {by}, time_bucket(interval 1 hour, TimeGenerated) as Hour, count(*) as Requests,
         avg(ln(1 + {measured})) as X
  from {table}
  where {condition} and {measured} is not null and {measured} >= 0
  group by all having count(*) >= $drift_requests),
placed as (
  select *, row_number() over (partition by {by} order by Hour) as I from hours),
usual as (
  select {by}, {_OF_DAY.format("Hour")} as OfDay, avg(X) as Mean from placed where I <= $reference_hours group by all),
spread as (
  select h.*, coalesce(r.Mean, avg(h.X) filter (I <= $reference_hours)
                               over (partition by {_prefixed("h", keys)})) as Mean
  from placed h left join usual r on {same} and r.OfDay = {_OF_DAY.format("h.Hour")}),
scored as (
  select *, (X - Mean) / greatest(0.02, sqrt(avg((X - Mean) * (X - Mean)) filter (I <= $reference_hours)
                                             over (partition by {by}))) as Z
  from spread),
walked as (
  select *, sum(Z - $drift_slack) over w as Up, sum(-Z - $drift_slack) over w as Down
  from scored where I > $reference_hours
  window w as (partition by {by} order by Hour rows unbounded preceding)),
summed as (
  select *, Up - least(0, min(Up) over w) as Higher, Down - least(0, min(Down) over w) as Lower
  from walked
  window w as (partition by {by} order by Hour rows unbounded preceding)),
told as (
  select *, case when Higher > $drift_limit then 'higher' else 'lower' end as Direction
  from summed where Higher > $drift_limit or Lower > $drift_limit)
select {by}, Direction, time_bucket(interval 1 day, min(Hour)) as Window, min(Hour) as First, max(Hour) as Last,
       count(*) as Count, round(exp(avg(X - Mean)), 2) as Ratio
from told
group by {by}, Direction
"""  # noqa: S608 -- texts of ours


def drift_kql(table: str, keys: tuple[str, ...], measured: str, condition: str) -> str:
    """The same in KQL, with `scan` for the recursion."""
    by = ", ".join(keys)
    key = ' , "/", '.join(keys).replace(" ,", ",")
    return f"""let hours = {table}
| where {condition} and {measured} >= 0
| summarize Requests = count(), X = avg(log(1.0 + {measured})) by {by}, Hour = bin(TimeGenerated, 1h)
| where Requests >= drift_requests
| extend Key = strcat({key})
| sort by Key asc, Hour asc
| extend I = row_number(1, prev(Key) != Key);
let usual = hours | where I <= reference_hours | summarize Mean = avg(X) by Key, OfDay = {_OF_DAY_KQL};
let level = hours | where I <= reference_hours | summarize Level = avg(X) by Key;
let spread = hours
| extend OfDay = {_OF_DAY_KQL}
| join kind=leftouter usual on Key, OfDay
| join kind=inner level on Key
| extend Mean = coalesce(Mean, Level)
| project {by}, Key, Hour, I, X, Mean;
let deviation = spread
| where I <= reference_hours
| summarize Deviation = max_of(0.02, sqrt(avg((X - Mean) * (X - Mean)))) by Key;
spread
| where I > reference_hours
| join kind=inner deviation on Key
| extend Z = (X - Mean) / Deviation
| sort by Key asc, Hour asc
| scan declare (Higher: real = 0.0, Lower: real = 0.0) with (
    step each: true =>
        Higher = max_of(0.0, iff(each.Key == Key, each.Higher, 0.0) + Z - drift_slack),
        Lower = max_of(0.0, iff(each.Key == Key, each.Lower, 0.0) - Z - drift_slack);
)
| where Higher > drift_limit or Lower > drift_limit
| extend Direction = iff(Higher > drift_limit, "higher", "lower")
| summarize First = min(Hour), Last = max(Hour), Count = count(), Ratio = round(exp(avg(X - Mean)), 2)
    by {by}, Direction
| extend Window = bin(First, 1d)
"""


def _prefixed(name: str, keys: tuple[str, ...]) -> str:
    return ", ".join(f"{name}.{key}" for key in keys)
