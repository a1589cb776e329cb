"""Every detection: its hits and near misses, its KQL under Microsoft's analyser, and both texts on the same rows."""

from __future__ import annotations

import os
import pkgutil
import re

import pytest

import weighbridge.monitor.detections as package
from build import detection_queries
from build.detection_cases import cases
from build.log_rows import Case
from weighbridge.monitor import catalog, kql
from weighbridge.monitor.base import KINDS
from weighbridge.monitor.detections import NAMES
from weighbridge.monitor.tables import log_tables

KNOWN = {found.id: found for found in catalog.detections()}
CASES = cases()
UNSUPPORTED = {
    "behaviour-change": "row_number",
    "latency-drift": "Scan",
    "token-drift": "Scan",
}
"""What duckdb-kql 1.1.2 has not: these texts are compared with nothing but the analyser."""


def test_every_detection_is_listed_and_has_its_log() -> None:
    assert sorted(NAMES) == sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    assert set(CASES) == set(KNOWN)
    assert len({found.number for found in KNOWN.values()}) == len(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_what_a_detection_says_of_itself(name: str) -> None:
    found = KNOWN[name]
    for text in (found.title, found.why, found.matters, found.false_positives, found.to_do):
        assert len(text) > 10
    assert found.references
    assert found.tactics
    for reads in found.reads:
        assert set(reads.columns) <= set(log_tables()[reads.table].columns), reads.table
        assert reads.table in found.sql
        # What is declared is converted for every record: nothing is, that the judgement does not need.
        assert all(re.search(rf"\b{column}\b", found.sql) for column in reads.columns), reads.table
        assert reads.table in found.kql
    for parameter in found.parameters:
        assert parameter.kind in KINDS
        assert catalog.checked(parameter, parameter.default) == parameter.default
        assert f"${parameter.name}" in found.sql, parameter.name
        assert parameter.name in found.kql, parameter.name


@pytest.mark.parametrize("name", KNOWN)
def test_hits_are_told_and_near_misses_are_not(name: str) -> None:
    found, case = KNOWN[name], CASES[name]
    columns, rows = detection_queries.sql_rows(found, case)
    assert set(found.columns) <= set(columns)
    told = [tuple(row[columns.index(column)] for column in found.entities) for row in rows]
    assert sorted(map(str, told)) == sorted(map(str, case.hits))
    shown = dict(zip(columns, rows[0], strict=True))
    assert "{" not in found.why.format_map(shown)


@pytest.mark.parametrize("name", KNOWN)
def test_nothing_is_told_of_nothing(name: str) -> None:
    assert detection_queries.sql_rows(KNOWN[name], Case({}, []))[1] == []


@pytest.mark.parametrize("name", KNOWN)
def test_both_texts_give_the_same_rows(name: str) -> None:
    import duckdb_kql

    found, case = KNOWN[name], CASES[name]
    if name in UNSUPPORTED:
        with pytest.raises(duckdb_kql.KqlUnsupportedError, match=UNSUPPORTED[name]):
            detection_queries.kql_rows(found, case)
        return
    columns, rows = detection_queries.sql_rows(found, case)
    other_columns, others = detection_queries.kql_rows(found, case)
    assert set(columns) <= set(other_columns)
    picked = [tuple(row[other_columns.index(column)] for column in columns) for row in others]
    assert sorted(map(str, map(plainly, picked))) == sorted(map(str, map(plainly, rows)))


def plainly(row: tuple) -> tuple:
    return tuple(round(value, 6) if isinstance(value, float) else value for value in row)


def test_every_query_binds_under_microsofts_analyser() -> None:
    """With the defaults, and with values that a query could stumble over."""
    ugly = {
        "allowed_names": ['a"b', "\\", "é\u2028", "'''", "x" * 100],
        "allowed_ranges": ["10.0.0.0/8", "2001:db8::/32"],
        "approved_sources": ["azureml://registries/wb-prod/models/", 'a"|(.*)\\'],
        "canaries": ["WBCANARY-7f3a (x)+ \\d"],
        "drift_slack": 0.5,
    }
    names = list(KNOWN)
    for given in ({}, ugly):
        values = catalog.values_of(catalog.detections(), given)
        texts = [kql.query(KNOWN[name], values, only_last=30) for name in names]
        for name, answer in zip(names, detection_queries.analysed(texts), strict=True):
            assert answer["errors"] == [], name
            assert set(KNOWN[name].columns) <= set(answer["columns"]), name
            assert answer["columns"]["Window"] == "datetime"
            assert answer["columns"]["Count"] == "long"


def test_the_analyser_finds_what_is_wrong() -> None:
    wrong = [
        "AMLOnlineEndpointConsoleLog | count",
        "AmlOnlineEndpointTrafficLog | where DurationMs > 1",
        "AzureActivity | where",
    ]
    assert all(answer["errors"] for answer in detection_queries.analysed(wrong))


def test_the_knowledge_of_tables_has_sources() -> None:
    import json

    from weighbridge.core.knowledge_files import FOLDER

    with open(os.path.join(FOLDER, "log_tables.json"), encoding="utf-8") as file:
        for row in json.load(file)["tables"]:
            assert row["source"]
            assert row["date"] == "2026-11-29"
            assert row["columns"]["TimeGenerated"] == "datetime"
