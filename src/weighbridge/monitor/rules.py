"""Detections as what Azure runs: alert rules of Log Analytics, analytics rules of Sentinel, a workbook, plain queries.

ARM JSON is what is made; Bicep is the same object in the other notation. Names are made of ids alone, so that rendering
again changes rules in place. Sources: the template references of Microsoft.Insights/scheduledQueryRules 2023-12-01 and
Microsoft.SecurityInsights/alertRules 2024-09-01; "Create log search alert rules" on what their queries may not do.
"""

from __future__ import annotations

import json
import re
import uuid

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.monitor.kql import query

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from weighbridge.monitor.base import Detection, Value

MOST_ALERT_MINUTES = 2880
"""Alert rules look back two days at the most, whatever their query says."""
SENTINEL_CHARACTERS = 10_000
_ALERT_SPANS = (5, 10, 15, 30, 45, 60, 120, 180, 240, 300, 360, 1440, 2880)
_ALERT_SEVERITY = {"critical": 0, "high": 1, "medium": 2, "low": 3, "info": 4}
_SENTINEL_SEVERITY = {"critical": "High", "high": "High", "medium": "Medium", "low": "Low", "info": "Informational"}
_NAMES = uuid.UUID("2f0c6f5e-6d0b-5b52-9d27-6d6f6e69746f")
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def alert_rules(known: Sequence[Detection], values: Mapping[str, Value]) -> dict[str, Any]:
    """A template with an alert rule for each detection that looks back no more than two days."""
    parameters = {
        "location": {"type": "string", "defaultValue": "[resourceGroup().location]"},
        "workspaceId": {"type": "string", "metadata": {"description": "Resource id of the Log Analytics workspace"}},
        "actionGroupId": {"type": "string", "metadata": {"description": "Resource id of the action group"}},
    }
    rules = [_alert_rule(found, values) for found in known if found.period <= MOST_ALERT_MINUTES]
    return _template(parameters, rules)


def sentinel_rules(known: Sequence[Detection], values: Mapping[str, Value]) -> dict[str, Any]:
    """A template with a scheduled analytics rule for each detection."""
    parameters = {"workspace": {"type": "string", "metadata": {"description": "Name of the workspace of Sentinel"}}}
    return _template(parameters, [_sentinel_rule(found, values) for found in known])


def workbook(known: Sequence[Detection], values: Mapping[str, Value]) -> dict[str, Any]:
    """A template with one workbook: a text and a table of hits for each detection."""
    items: list[dict[str, Any]] = [
        {
            "type": 9,
            "name": "time",
            "content": {
                "version": "KqlParameterItem/1.0",
                "parameters": [
                    {
                        "version": "KqlParameterItem/1.0",
                        "name": "TimeRange",
                        "type": 4,
                        "isRequired": True,
                        "value": {"durationMs": 86_400_000},
                        "typeSettings": {
                            "selectableValues": [{"durationMs": days * 86_400_000} for days in (1, 2, 7, 14, 30)]
                        },
                    }
                ],
            },
        }
    ]
    for found in known:
        about = f"### {found.number} {found.title}\n{found.matters}\n\n**What to do:** {found.to_do}"
        items.append({"type": 1, "name": f"{found.id}-about", "content": {"json": about}})
        items.append(
            {
                "type": 3,
                "name": found.id,
                "content": {
                    "version": "KqlItem/1.0",
                    "query": query(found, values),
                    "size": 1,
                    "title": found.title,
                    "noDataMessage": "No hits in this time.",
                    "timeContextFromParameter": "TimeRange",
                    "queryType": 0,
                    "resourceType": "microsoft.operationalinsights/workspaces",
                },
            }
        )
    content = {"version": "Notebook/1.0", "items": items, "isLocked": False}
    resource = {
        "type": "Microsoft.Insights/workbooks",
        "apiVersion": "2023-06-01",
        "name": str(uuid.uuid5(_NAMES, "workbook")),
        "location": "[parameters('location')]",
        "kind": "shared",
        "properties": {
            "displayName": "Weighbridge: what runs",
            "serializedData": json.dumps(content),
            "version": "1.0",
            "sourceId": "[parameters('workspaceId')]",
            "category": "sentinel",
        },
    }
    parameters = {
        "location": {"type": "string", "defaultValue": "[resourceGroup().location]"},
        "workspaceId": {"type": "string", "metadata": {"description": "Resource id of the Log Analytics workspace"}},
    }
    return _template(parameters, [resource])


def plain_kql(known: Sequence[Detection], values: Mapping[str, Value]) -> str:
    """Every query, with an empty line between two."""
    return "\n\n".join(query(found, values) for found in known) + "\n"


def _alert_rule(found: Detection, values: Mapping[str, Value]) -> dict[str, Any]:
    window = min(span for span in _ALERT_SPANS if span >= found.period)
    text = query(found, values, only_last=_looked_at(found))
    properties = {
        "displayName": f"Weighbridge {found.number}: {found.title}",
        "description": f"{found.matters} {found.to_do}"[:1000],
        "severity": _ALERT_SEVERITY[found.severity.value],
        "enabled": True,
        "scopes": ["[parameters('workspaceId')]"],
        "evaluationFrequency": _iso(found.every),
        "windowSize": _iso(window),
        "autoMitigate": False,
        "skipQueryValidation": any(reads.table.endswith("_CL") for reads in found.reads),
        "criteria": {
            "allOf": [
                {
                    "query": _arm(text),
                    "timeAggregation": "Count",
                    "operator": "GreaterThan",
                    "threshold": 0,
                    "dimensions": [
                        {"name": name, "operator": "Include", "values": ["*"]} for name in found.entities[:6]
                    ],
                    "failingPeriods": {"numberOfEvaluationPeriods": 1, "minFailingPeriodsToAlert": 1},
                }
            ]
        },
        "actions": {
            "actionGroups": ["[parameters('actionGroupId')]"],
            "customProperties": {"weighbridgeRule": found.number, "references": ", ".join(found.references)},
        },
    }
    return {
        "type": "Microsoft.Insights/scheduledQueryRules",
        "apiVersion": "2023-12-01",
        "name": f"wb-{found.number.lower()}-{found.id}",
        "location": "[parameters('location')]",
        "kind": "LogAlert",
        "properties": properties,
    }


def _sentinel_rule(found: Detection, values: Mapping[str, Value]) -> dict[str, Any]:
    guid = str(uuid.uuid5(_NAMES, found.id))
    attack = [name for name in found.references if re.fullmatch(r"T\d{4}(?:\.\d{3})?", name)]
    atlas = [name for name in found.references if name.startswith("AML.")]
    properties = {
        "displayName": f"Weighbridge {found.number}: {found.title}",
        "description": f"{found.matters} {found.to_do} MITRE ATLAS: {', '.join(atlas) or 'none'}."[:5000],
        "severity": _SENTINEL_SEVERITY[found.severity.value],
        "enabled": True,
        "query": _arm(query(found, values, only_last=_looked_at(found))),
        "queryFrequency": _iso(found.every),
        "queryPeriod": _iso(found.period),
        "triggerOperator": "GreaterThan",
        "triggerThreshold": 0,
        "suppressionEnabled": False,
        "suppressionDuration": "PT5H",
        "tactics": list(found.tactics),
        "techniques": sorted({name.partition(".")[0] for name in attack}),
        "entityMappings": [
            {"entityType": item.kind, "fieldMappings": [{"identifier": item.identifier, "columnName": item.column}]}
            for item in found.maps
        ],
        "customDetails": {name: name for name in (*found.entities[:15], "Count")},
        "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
        "incidentConfiguration": {"createIncident": True},
    }
    if not properties["entityMappings"]:
        del properties["entityMappings"]
    return {
        "type": "Microsoft.OperationalInsights/workspaces/providers/alertRules",
        "apiVersion": "2024-09-01",
        "name": f"[concat(parameters('workspace'), '/Microsoft.SecurityInsights/{guid}')]",
        "kind": "Scheduled",
        "properties": properties,
    }


def _looked_at(found: Detection) -> int:
    """Minutes that rows must be of so that one is told about once: twice the interval, for logs arrive late. 0: all."""
    return 2 * found.every if found.period > 4 * found.every else 0


def _template(parameters: dict[str, Any], resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "$schema": _SCHEMA,
        "contentVersion": "1.0.0.0",
        "parameters": parameters,
        "resources": resources,
    }


def _arm(text: str) -> str:
    """A text that a template shall not take for an expression."""
    return f"[{text}" if text.startswith("[") else text


def _iso(minutes: int) -> str:
    for size, unit in ((1440, "P{}D"), (60, "PT{}H")):
        if minutes % size == 0:
            return unit.format(minutes // size)
    return f"PT{minutes}M"


def bicep(template: Mapping[str, Any]) -> str:
    """A template of this module as Bicep."""
    lines = []
    for name, parameter in template["parameters"].items():
        about = parameter.get("metadata", {}).get("description")
        if about:
            lines.append(f"@description({_quoted(about)})")
        default = parameter.get("defaultValue")
        lines.append(f"param {name} string" + (f" = {_expression(default)}" if default else ""))
    needs_workspace = any(rule["type"].startswith("Microsoft.OperationalInsights") for rule in template["resources"])
    if needs_workspace:
        lines += [
            "",
            "resource workspaceOf 'Microsoft.OperationalInsights/workspaces@2023-09-01' existing = {",
            "  name: workspace",
            "}",
        ]
    for number, rule in enumerate(template["resources"]):
        body = {key: value for key, value in rule.items() if key not in ("type", "apiVersion")}
        kind = rule["type"]
        if needs_workspace:
            kind = "Microsoft.SecurityInsights/alertRules"
            body = {"scope": _Raw("workspaceOf"), **body, "name": rule["name"].rpartition("/")[2].removesuffix("')]")}
        symbol = f"rule{number:02d}"
        lines += ["", f"resource {symbol} '{kind}@{rule['apiVersion']}' = {_bicep(body, 0)}"]
    return "\n".join(lines) + "\n"


class _Raw(str):
    """A text that stands in Bicep as it is."""

    __slots__ = ()


def _bicep(value: Any, depth: int) -> str:
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, _Raw):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if value.startswith("[[") or not (value.startswith("[") and value.endswith("]")):
            return _quoted(value[1:] if value.startswith("[[") else value)
        return _expression(value)
    if isinstance(value, dict):
        if not value:
            return "{}"
        fields = [f"{inner}{key}: {_bicep(item, depth + 1)}" for key, item in value.items()]
        return "\n".join(["{", *fields, f"{outer}}}"])
    if not value:
        return "[]"
    return "\n".join(["[", *(f"{inner}{_bicep(item, depth + 1)}" for item in value), f"{outer}]"])


def _expression(text: str) -> str:
    """The expressions that templates of this module have."""
    found = re.fullmatch(r"\[parameters\('(\w+)'\)\]", text)
    return found[1] if found else text[1:-1]


def _quoted(text: str) -> str:
    """A Bicep string. Queries stand between three quotation marks as they are, unless they hold three themselves."""
    if "\n" in text and "'''" not in text and not text.endswith("'"):
        return f"'''\n{text}'''"
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${").replace("\n", "\\n")
    return f"'{escaped}'"
