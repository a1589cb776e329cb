"""C09: somebody is told: the detections are deployed as alert rules, switched on, and their logs are kept.

A rule says which detection it is by a comment in its query, `// weighbridge:D04 v1`, which the renderer writes. One
that has the comment and no query behind it is none. Diagnostic settings are not in Resource Graph: without their export
nobody knows whether there is anything to alert on.
Source: learn.microsoft.com, Microsoft.Insights "scheduledQueryRules" 2023-12-01, "diagnosticSettings" 2021-05-01.
"""

from __future__ import annotations

import re

from weighbridge.controls.base import Check, Result, az, found, is_false, is_true, not_exported, unknown
from weighbridge.controls.datasets import dataset_accounts
from weighbridge.controls.estate import (
    BLOBS,
    DIAGNOSTICS,
    ENDPOINT,
    QUERY_RULE,
    SENTINEL_RULE,
    VAULT,
    WORKSPACE,
    Resource,
    items,
    look,
    scope_of,
    walk,
)
from weighbridge.controls.registries import model_registries
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate

DETECTIONS = tuple(f"D{number:02}" for number in range(1, 18))
"""The detections that an estate needs. D05 and D10 look back further than an alert rule can: Sentinel has them."""
SCOPE = "alert rules"
LOGS = '[{"categoryGroup": "allLogs", "enabled": true}]'
SHORTEST = 40
"""Characters of a query that looks at something."""
_MARK = re.compile(r"^\s*//\s*weighbridge:D0*([0-9]{1,3})[a-z]?\b", re.MULTILINE | re.IGNORECASE)
_COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
HOW = "az rest --url {id}/providers/Microsoft.Insights/diagnosticSettings?api-version=2021-05-01-preview for each"


def alerted(estate: Estate) -> Iterator[Check]:
    """Every detection is there, and every source of logs writes them somewhere."""
    missing = [*not_exported(estate, "resources", SCOPE, "export resources.json")]
    if not estate.of(SENTINEL_RULE):
        missing += not_exported(estate, "alertRules", SCOPE, "the Sentinel rules of the workspace in alertRules.json")
    yield from missing
    there: dict[str, Resource] = {}
    for rule in estate.of(QUERY_RULE, SENTINEL_RULE):
        for name, query in _queries(rule):
            if len(_COMMENT.sub("", query).strip()) >= SHORTEST:
                there[name] = rule
    for name in DETECTIONS:
        if name in there:
            yield from _works(name, there[name])
        elif not missing:
            mend = f"weighbridge monitor render {name}, and deploy what it writes"
            yield Check(Result.FAIL, SCOPE, name, "no rule has it", "an alert rule", "", mend)
    yield from _logged(estate)


def _queries(rule: Resource) -> Iterator[tuple[str, str]]:
    texts = [look(rule, "properties.query")]
    texts += [walk(criterion, ["query"]) for criterion in items(look(rule, "properties.criteria.allOf"))]
    for text in texts:
        for number in _MARK.findall(text) if isinstance(text, str) else ():
            yield f"D{int(number):02}", text


def _works(name: str, rule: Resource) -> Iterator[Check]:
    on = look(rule, "properties.enabled")
    # A query rule that does not say is on; Sentinel's always say.
    met = is_true(on) or (rule.kind == QUERY_RULE and not isinstance(on, bool) and not is_false(on))
    seen = "true" if met else "false"
    mend = az("resource", "update", "--ids", rule.id, "--set", "properties.enabled=true")
    yield found(rule, f"{name} properties.enabled", met, seen, "true", mend)
    if rule.kind == QUERY_RULE:
        groups = [one for one in items(look(rule, "properties.actions.actionGroups")) if isinstance(one, str) and one]
        mend = az("monitor", "scheduled-query", "update", "--ids", rule.id, "--action-groups", "ACTION_GROUP")
        seen = f"{len(groups)} action groups"
        yield found(rule, f"{name} properties.actions.actionGroups", bool(groups), seen, "somebody who is told", mend)


def _logged(estate: Estate) -> Iterator[Check]:
    sources = [*estate.of(WORKSPACE, ENDPOINT, VAULT), *model_registries(estate)]
    for account in dataset_accounts(estate):
        sources += estate.below(account, BLOBS)
    if not estate.has("diagnosticSettings"):
        yield unknown("diagnostic settings", "diagnosticSettings.json", "not in the export", "all of them", HOW)
        return
    there: dict[str, list[Resource]] = {}
    for one in estate.of(DIAGNOSTICS):
        there.setdefault(scope_of(one), []).append(one)
    for source in sources:
        settings = there.get(source.key, [])
        whole = [one for one in settings if _collects(one)]
        seen = ", ".join(one.name for one in whole or settings) or "none"
        mend = az(
            "monitor",
            "diagnostic-settings",
            "create",
            "--name",
            "to-logs",
            "--resource",
            source.id,
            "--workspace",
            "WORKSPACE",
            "--logs",
            LOGS,
        )
        yield found(source, "diagnosticSettings", bool(whole), seen, "logs sent to a Log Analytics workspace", mend)


def _collects(setting: Resource) -> bool:
    """Whether a setting sends at least one category of logs to a workspace."""
    logs = items(look(setting, "properties.logs"))
    return isinstance(look(setting, "properties.workspaceId"), str) and any(
        is_true(walk(entry, ["enabled"])) for entry in logs
    )
