"""SPDX 3.0.1 documents held against the official model, and against what it leaves to readers.

The bindings are generated from the ontology and the SHACL shapes of the specification: they know every class, property,
enumeration and count. They do not follow references, and no shape says what a profile demands: both are asked here.
"""

from __future__ import annotations

import io
import json
from typing import Any

from spdx_python_model import v3_0_1 as model

AI_DEMANDS = (
    "releaseTime",
    "suppliedBy",
    "software_downloadLocation",
    "software_packageVersion",
    "software_primaryPurpose",
)
DATASET_DEMANDS = (
    "builtTime",
    "originatedBy",
    "releaseTime",
    "software_downloadLocation",
    "software_primaryPurpose",
    "dataset_datasetType",
)
INDIVIDUALS = ("expandedlicensing_NoAssertionLicense", "expandedlicensing_NoneLicense")


def check_spdx(document: dict[str, Any]) -> None:
    """Raises for a document that is not valid, that refers to nothing, or that claims a profile it does not keep."""
    raw = json.dumps(document)
    found = model.SHACLObjectSet()
    model.JSONLDDeserializer().read(io.BytesIO(raw.encode()), found)
    assert not found.missing_ids, found.missing_ids
    again = io.BytesIO()
    model.JSONLDSerializer().write(found, again)
    graph = document["@graph"]
    elements = [row for row in graph if "spdxId" in row]
    names = [row["spdxId"] for row in elements]
    assert len(names) == len(set(names)), "two elements have one name"
    assert len([row for row in graph if row["type"] == "SpdxDocument"]) == 1
    assert len(list(found.foreach_type(model.Element))) == len(elements)
    for row in elements:
        check_references(row, {*names, *INDIVIDUALS})
    claimed = next(row for row in graph if row["type"] == "SpdxDocument")["profileConformance"]
    main = next(row for row in graph if row["type"] == "software_Sbom")["rootElement"]
    for row in elements:
        if "ai" in claimed and row["type"] == "ai_AIPackage":
            assert not [name for name in AI_DEMANDS if not row.get(name)]
        if "dataset" in claimed and row["type"] == "dataset_DatasetPackage":
            assert not [name for name in DATASET_DEMANDS if not row.get(name)]
    for name in main:
        for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
            assert sum(row.get("relationshipType") == kind and row["from"] == name for row in elements) == 1


def check_references(row: dict[str, Any], names: set[str]) -> None:
    """Every name that an element refers to is that of another one."""
    for key in ("from", "subject", "suppliedBy"):
        assert key not in row or row[key] in names, (key, row)
    for key in ("to", "element", "rootElement"):
        assert set(row.get(key, ())) <= names, (key, row)
