"""The JSON Schemas (draft 2020-12) of what Weighbridge prints as JSON, for src/weighbridge/schemas/.

    record types → fields → documents → schemas/<name>.json

shapes.py    types of records as JSON Schema
models.py    one model: scan, facts, intake, conversion, provenance, signature, bill of materials
gates.py     rules, policies, exemptions, trust, decisions, sweeps
stores.py    registries and the index
estates.py   controls, Azure, policies, monitoring
data.py      training data

Run: python -m tools.schemas [--check]
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tools.schemas import data, estates, gates, models, stores
from tools.schemas.shapes import document

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "src", "weighbridge", "schemas")


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by the name of its file."""
    bodies = {**models.shapes(), **gates.shapes(), **stores.shapes(), **estates.shapes(), **data.shapes()}
    return {name: document(name, body) for name, body in bodies.items()}


def files() -> dict[str, str]:
    """The text of every schema file by its path."""
    return {
        os.path.join(FOLDER, f"{name}.json"): json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas().items()
    }


def out_of_date() -> list[str]:
    """Schema files that are missing, differ from what the generator makes, or are not made by it at all."""
    wanted = files()
    there = {os.path.join(FOLDER, name) for name in os.listdir(FOLDER)} if os.path.isdir(FOLDER) else set()
    return sorted(path for path in wanted.keys() | there if _read(path) != wanted.get(path))


def write(paths: Iterable[str]) -> None:
    """Bring these files up to date; one that the generator does not make is removed."""
    wanted = files()
    os.makedirs(FOLDER, exist_ok=True)
    for path in paths:
        if path not in wanted:
            os.remove(path)
            continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(wanted[path])


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
