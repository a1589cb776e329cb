"""Detections as rules of Azure: what templates may hold, the queries in them, and the same in Bicep."""

from __future__ import annotations

import json
import re

import pytest

from build import detection_queries
from build.running import command
from weighbridge.monitor import catalog, kql, rules

KNOWN = catalog.detections()
VALUES = catalog.values_of(
    KNOWN, {"approved_sources": ["azureml://registries/wb-prod/models/"], "allowed_names": ["a'''b", "[x]", "${y}"]}
)
ALERT_SPANS = {"PT5M", "PT10M", "PT15M", "PT30M", "PT45M", "PT1H", "PT2H", "PT3H", "PT4H", "PT5H", "PT6H", "P1D", "P2D"}


def queries(template: dict) -> list[str]:
    found = []
    for rule in template["resources"]:
        properties = rule["properties"]
        found.append(properties.get("query") or properties["criteria"]["allOf"][0]["query"])
    return [text.removeprefix("[") if text.startswith("[[") else text for text in found]


def test_alert_rules_hold_to_what_log_analytics_takes() -> None:
    template = rules.alert_rules(KNOWN, VALUES)
    assert 0 < len(template["resources"]) < len(KNOWN)
    for rule in template["resources"]:
        properties = rule["properties"]
        assert re.fullmatch(r"wb-[a-z0-9-]+", rule["name"])
        assert {properties["evaluationFrequency"], properties["windowSize"]} <= ALERT_SPANS
        assert properties["severity"] in range(5)
        assert properties["autoMitigate"] is False
        assert len(properties["criteria"]["allOf"][0]["dimensions"]) <= 6
        assert len(json.dumps(properties)) < 64 * 1024
    for text in queries(template):
        assert not re.search(r"\b(?:bag_unpack|pivot|narrow|search|union|AggregatedValue)\b", text)
        assert all(re.fullmatch(r"\d+[mhd]", span) for span in re.findall(r"ago\(([^)]*)\)", text))


def test_sentinel_rules_hold_to_what_sentinel_takes() -> None:
    template = rules.sentinel_rules(KNOWN, VALUES)
    assert len(template["resources"]) == len(KNOWN)
    minutes = {
        "PT5M": 5,
        "PT15M": 15,
        "PT30M": 30,
        "PT1H": 60,
        "PT2H": 120,
        "PT3H": 180,
        "P1D": 1440,
        "P2D": 2880,
        "P14D": 20160,
    }
    for rule in template["resources"]:
        properties = rule["properties"]
        assert minutes[properties["queryFrequency"]] <= minutes[properties["queryPeriod"]]
        assert 0 < len(properties["query"]) <= rules.SENTINEL_CHARACTERS
        assert all(re.fullmatch(r"T\d{4}", name) for name in properties["techniques"])
        assert len(properties["customDetails"]) <= 20
        assert properties["severity"] in ("High", "Medium", "Low", "Informational")
    assert len({rule["name"] for rule in template["resources"]}) == len(KNOWN)


def test_the_queries_in_the_templates_bind() -> None:
    texts = queries(rules.alert_rules(KNOWN, VALUES)) + queries(rules.sentinel_rules(KNOWN, VALUES))
    items = json.loads(rules.workbook(KNOWN, VALUES)["resources"][0]["properties"]["serializedData"])["items"]
    texts += [item["content"]["query"] for item in items if item["type"] == 3]
    for text, answer in zip(texts, detection_queries.analysed(texts), strict=True):
        assert answer["errors"] == [], text


@pytest.mark.parametrize("kind", ["alert_rules", "sentinel_rules", "workbook"])
def test_bicep_says_the_same(kind: str) -> None:
    template = getattr(rules, kind)(KNOWN, VALUES)
    text = rules.bicep(template)
    assert text.count("\nresource ") == len(template["resources"]) + (kind == "sentinel_rules")
    assert text.count("{") - text.count("${") > 0
    for query in queries(template) if kind != "workbook" else []:
        shown = (
            query
            if "'''" not in query
            else query.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${").replace("\n", "\\n")
        )
        assert shown in text


def test_a_value_cannot_become_a_query() -> None:
    ugly = '"]); AzureActivity | take 1 //'
    values = catalog.values_of(KNOWN, {"allowed_names": [ugly]})
    text = kql.query(catalog.detection("egress-name"), values)
    assert text.count('\\"]); AzureActivity') == 1
    assert kql.literal("a\"\\\n\u202e\U0001f600'") == '"a\\"\\\\\\u000a\\u202e\\ud83d\\ude00\'"'


def test_the_command_renders() -> None:
    assert "scheduledQueryRules" in command("monitor", "render").out
    assert command("monitor", "render", "--as", "sentinel", "--format", "bicep").out.count(
        "Microsoft.SecurityInsights/alertRules@"
    ) == len(KNOWN)
    assert command("monitor", "render", "--as", "kql", "--detection", "D09").out.startswith("// weighbridge:D09 v1")
    assert "workbooks" in command("monitor", "render", "--as", "workbook").out
