"""A schema of a data frame as pandera writes it, YAML or JSON, read as data: nothing of it is imported.

    {"schema_type": "dataframe", "columns": {name: {"dtype", "nullable", "unique", "required", "regex",
                                                    "checks": {check: argument}, or the checks beside the others}},
     "unique": [name, …], "strict": true, …}

Checks are those that are written as data: comparisons, in_range, isin, notin, str_…. Others, and rules for the whole
frame, are said not to be checked. Cells are empty unless `nullable`, columns needed unless `required` is false, as
pandera has it. `coerce`, `ordered` and the index change or order values and say nothing about them.
Source: pandera 0.35, `io/pandas_io.py`; written by it and read here in the tests.
"""

from __future__ import annotations

import re

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.declared import TIME, Declared, Part

if TYPE_CHECKING:
    from typing import Any

COLUMN = frozenset(("dtype", "nullable", "unique", "required", "regex", "checks"))
QUIET = frozenset(("title", "description", "coerce", "metadata", "default", "report_duplicates", "drop_invalid_rows"))
"""What says nothing about values."""
FRAME = frozenset(
    (
        *("schema_type", "api", "version", "columns", "unique", "strict", "index", "ordered", "name", "metadata"),
        *("unique_column_names", "add_missing_columns", "dtype", "checks", *QUIET),
    )
)
_COMPARED = {
    "greater_than": "exclusiveMinimum",
    "greater_than_or_equal_to": "minimum",
    "less_than": "exclusiveMaximum",
    "less_than_or_equal_to": "maximum",
    "equal_to": "const",
    "isin": "enum",
}


def of_pandera(found: dict[str, Any]) -> Declared:
    """Raises ValueError, TypeError or AttributeError for what is no such schema."""
    unknown = [f"the key {key}" for key in found if key not in FRAME]
    unknown += [f"{key} of the frame" for key in ("checks", "dtype") if found.get(key)]
    properties: dict[str, Any] = {}
    patterns: dict[str, Any] = {}
    columns: list[str] = []
    filled: list[str] = []
    unique: list[tuple[str, ...]] = []
    for name, column in (found.get("columns") or {}).items():
        made = _column(str(name), column or {}, unknown)
        if column and column.get("regex"):
            patterns[f"^(?:{name})$"] = made
            continue
        properties[str(name)] = made
        if column.get("required", True):
            columns.append(str(name))
        if not column.get("nullable", False):
            filled.append(str(name))
        if column.get("unique"):
            unique.append((str(name),))
    together = found.get("unique")
    if together:
        unique.append((together,) if isinstance(together, str) else tuple(map(str, together)))
    row: dict[str, Any] = {"type": "object", "properties": properties, "patternProperties": patterns}
    if found.get("strict") is True:
        row["additionalProperties"] = False
    part = Part((), row, tuple(columns), tuple(filled), tuple(unique))
    return Declared("pandera", (part,), tuple(sorted(set(unknown))))


def _column(name: str, column: dict[str, Any], unknown: list[str]) -> dict[str, Any]:
    listed = column.get("checks") or {}
    if isinstance(listed, list):  # as newer versions write it: each with its name among its options
        checks = [((one.get("options") or {}).get("check_name"), one) for one in listed]
    else:
        checks = list(listed.items())
    checks += [(key, value) for key, value in column.items() if key not in COLUMN and key not in QUIET]
    demands = [_type(str(column.get("dtype") or ""), name, unknown)]
    for check, argument in checks:
        demand = _check(str(check), _argument(argument))
        if demand is None:
            unknown.append(f"the check {check} of {name}")
        else:
            demands.append(demand)
    kinds = demands[0].get("type")
    return {**({"type": kinds} if kinds else {}), "allOf": demands}


def _argument(argument: Any) -> Any:
    """What a check is given, without how it reports."""
    if isinstance(argument, dict) and set(argument) & {"options", "value"}:
        rest = {key: value for key, value in argument.items() if key not in ("options", "error")}
        return rest["value"] if set(rest) == {"value"} else rest
    return argument


def _type(dtype: str, name: str, unknown: list[str]) -> dict[str, Any]:
    kind = dtype.lower()
    if not kind or kind in ("object", "category", "none"):
        return {}
    if re.match(r"u?int\d*$", kind):
        return {"type": "integer", **({"minimum": 0} if kind.startswith("u") else {})}
    if re.match(r"(?:float\d*|double|decimal.*)$", kind):
        return {"type": "number"}
    if kind in ("str", "string", "string[python]", "string[pyarrow]"):
        return {"type": "string"}
    if kind in ("bool", "boolean"):
        return {"type": "boolean"}
    if kind.startswith(("datetime", "date", "timestamp")):
        return {"type": "string", "pattern": TIME}
    unknown.append(f"the dtype {dtype[:40]} of {name}")
    return {}


def _check(check: str, argument: Any) -> dict[str, Any] | None:
    """A check as a demand of JSON Schema; None for one that is not known."""
    if check in _COMPARED:
        return {_COMPARED[check]: argument}
    if check in ("not_equal_to", "notin"):
        return {"not": {"const" if check == "not_equal_to" else "enum": argument}}
    if check == "in_range":
        low = "minimum" if argument.get("include_min", True) else "exclusiveMinimum"
        high = "maximum" if argument.get("include_max", True) else "exclusiveMaximum"
        return {low: argument["min_value"], high: argument["max_value"]}
    if check == "str_length":
        exact = argument.get("exact_value")
        low, high = (exact, exact) if exact is not None else (argument.get("min_value"), argument.get("max_value"))
        bounds = {"minLength": low, "maxLength": high}
        return {key: value for key, value in bounds.items() if value is not None}
    texts = {
        "str_matches": f"^(?:{argument})",
        "str_contains": str(argument),
        "str_startswith": f"^{re.escape(str(argument))}",
        "str_endswith": f"{re.escape(str(argument))}$",
    }
    return {"pattern": texts[check]} if check in texts else None
