"""Parameters that several detections share. Organisations give theirs in [monitor.parameters]."""

from __future__ import annotations

from weighbridge.monitor.base import Parameter

WORKLOAD_RANGES = Parameter(
    "workload_ranges",
    "ranges",
    ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    "networks that models run in; by default every private network",
)
PRIVATE_RANGES = Parameter(
    "private_ranges",
    "ranges",
    (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
        *("168.63.129.16/32", "224.0.0.0/4", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8"),
    ),
    "destinations that are not outside: private, link-local, loopback and multicast networks, and Azure's own resolver",
)
ALLOWED_RANGES = Parameter(
    "allowed_ranges",
    "ranges",
    (),
    "public networks that models may reach; those of a service tag come with --service-tags FILE",
)
APPROVED_SOURCES = Parameter(
    "approved_sources",
    "sources",
    (),
    "model assets to deploy, whole or as beginnings that end in a slash; if none are named, those in [azure]",
)
PIPELINE_IDENTITIES = Parameter(
    "pipeline_identities", "texts", (), "object ids or names of the identities that may write to the registry"
)
MODEL_REPOSITORIES = Parameter(
    "model_repositories", "prefixes", ("",), "beginnings of the repositories that hold admitted models; by default all"
)
REFERENCE_HOURS = Parameter(
    "reference_hours", "count", 168, "hours of the first traffic that say what is normal; whole weeks are best"
)
DRIFT_SLACK = Parameter(
    "drift_slack",
    "ratio",
    1.0,
    "standard deviations that are let pass each hour before anything is summed (k of CUSUM)",
)
DRIFT_LIMIT = Parameter(
    "drift_limit", "ratio", 8.0, "standard deviations that may sum up before it is told (h of CUSUM)"
)
DRIFT_REQUESTS = Parameter("drift_requests", "count", 30, "requests that an hour needs to count")
LEARNING_DAYS = Parameter("learning_days", "count", 7, "days in which every place of an identity is taken as known")
DATA_ACCOUNTS = Parameter(
    "data_accounts", "prefixes", ("",), "beginnings of storage accounts with training data; by default all"
)
