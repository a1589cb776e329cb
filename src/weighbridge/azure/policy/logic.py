"""Whether a rule can hold at all, as far as its own words tell."""

from __future__ import annotations

from weighbridge.azure.policy import expression as language
from weighbridge.azure.policy.conditions import NEGATIVE, holds
from weighbridge.azure.policy.faults import EvaluationError
from weighbridge.azure.policy.values import MISSING, is_number, shown
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def contradiction(rule: Any) -> str:
    """Why a rule can never hold; empty if nothing says so. Only literal values are compared."""
    return _never(rule, 0)


def _never(rule: Any, depth: int) -> str:
    if not isinstance(rule, dict) or depth > 100:
        return ""
    keys = {key.casefold(): key for key in rule}
    if "anyof" in keys and isinstance(rule[keys["anyof"]], list):
        parts = [_never(part, depth + 1) for part in rule[keys["anyof"]]]
        return ("; ".join(parts) if parts else "anyOf of nothing") if all(parts) else ""
    if "allof" in keys and isinstance(rule[keys["allof"]], list):
        parts = rule[keys["allof"]]
        return next(filter(None, (_never(part, depth + 1) for part in parts)), "") or _together(parts)
    if "not" in keys:
        inner = rule[keys["not"]]
        return "not of allOf of nothing" if isinstance(inner, dict) and inner == {"allOf": []} else ""
    return _alone(keys, rule)


def _alone(keys: dict[str, str], rule: dict[str, Any]) -> str:
    """A condition that cannot hold whatever its field is."""
    if "in" in keys and rule[keys["in"]] == []:
        return "in an empty array"
    if "count" in keys:
        for operator, least in (("less", 0), ("lessorequals", -1)):
            if operator in keys and is_number(rule[keys[operator]]) and rule[keys[operator]] <= least:
                return "a count is never below zero"
        if "equals" in keys and is_number(rule[keys["equals"]]) and rule[keys["equals"]] < 0:
            return "a count is never below zero"
    if "value" in keys and not _open(rule[keys["value"]]):
        operator = next((key for key in keys if key != "value"), "")
        right = rule[keys[operator]] if operator else None
        if operator and not _open(right) and not _holds(operator, rule[keys["value"]], right):
            return f"{shown(rule[keys['value']])} {operator} {shown(right)} never holds"
    return ""


def _together(parts: list[Any]) -> str:
    """Conditions on one field that cannot hold at once."""
    simple = []
    for part in parts:
        if isinstance(part, dict) and len(part) == 2:
            keys = {key.casefold(): key for key in part}
            operator = next((key for key in keys if key != "field"), "")
            field = part[keys["field"]] if "field" in keys else None
            if isinstance(field, str) and "[*]" not in field and not _open(part[keys[operator]]):
                simple.append((field.casefold(), operator, part[keys[operator]]))
    for field, operator, right in simple:
        candidates = [right] if operator == "equals" else right if operator == "in" else None
        if operator == "exists" and str(right).casefold() == "false":
            candidates = [MISSING]
        if not isinstance(candidates, list):
            continue
        for other, condition, wanted in simple:
            if other == field and candidates and not any(_holds(condition, value, wanted) for value in candidates):
                return f"{field} {operator} {shown(right)} and {condition} {shown(wanted)}"
    return ""


def _holds(operator: str, left: Any, right: Any) -> bool:
    try:
        return holds(operator, left, right)
    except (EvaluationError, KeyError):
        return NEGATIVE.get(operator) is not None or operator not in ("equals", "in")


def _open(value: Any) -> bool:
    """Whether a value is only known when a request comes."""
    if isinstance(value, str):
        return language.is_expression(value)
    if isinstance(value, list):
        return any(map(_open, value))
    return isinstance(value, dict)
