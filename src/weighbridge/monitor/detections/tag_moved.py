"""D12: a tag of the registry names another manifest than before."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Parameter, Reads
from weighbridge.monitor.parameters import MODEL_REPOSITORIES

DETECTION = Detection(
    id="tag-moved",
    number="D12",
    title="A tag was moved to another manifest",
    severity=Severity.HIGH,
    references=("AML.T0074", "AML.T0058", "T1036.005"),
    tactics=("DefenseEvasion", "Persistence"),
    reads=(
        Reads(
            "ContainerRegistryRepositoryEvents",
            ("TimeGenerated", "OperationName", "LoginServer", "Repository", "Tag", "Digest"),
        ),
    ),
    parameters=(
        MODEL_REPOSITORIES,
        Parameter("floating_tags", "texts", ("latest", "buildcache"), "tags that are meant to move"),
    ),
    every=15,
    period=20160,
    entities=("LoginServer", "Repository", "Tag"),
    maps=(),
    why="{LoginServer}/{Repository}:{Tag} named {Count} different manifests, the last one since {Last}",
    matters="Who deploys by tag gets what the tag names today. A changed annotation is a changed manifest, too.",
    false_positives="Tags that are meant to move: name them in floating_tags.",
    to_do="Deploy by digest. Verify the new manifest, and lock the tag (az acr repository update --write-enabled false).",
    kql="""ContainerRegistryRepositoryEvents
| where OperationName =~ "Push" and isnotempty(Tag) and isnotempty(Digest)
| where Repository matches regex model_repositories and not(Tag in~ (floating_tags))
| summarize Named = min(TimeGenerated) by LoginServer, Repository, Tag, Digest
| summarize First = min(Named), Last = max(Named), Count = count() by LoginServer, Repository, Tag
| where Count > 1
| extend Window = bin(Last, 1h)
""",
    sql="""
with named as (
  select LoginServer, Repository, Tag, Digest, min(TimeGenerated) as Named
  from ContainerRegistryRepositoryEvents
  where lower(OperationName) = 'push' and Tag <> '' and Digest <> ''
    and regexp_matches(coalesce(Repository, ''), $model_repositories)
    and not list_contains($floating_tags, lower(Tag))
  group by all)
select LoginServer, Repository, Tag, time_bucket(interval 1 hour, max(Named)) as Window, min(Named) as First,
       max(Named) as Last, count(*) as Count
from named
group by LoginServer, Repository, Tag
having count(*) > 1
""",
)
