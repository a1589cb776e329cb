"""Detections as KQL with an organisation's parameters filled in.

Parameters become `let` lines in front of the text, which is never searched for anything to replace: a value cannot
become part of a query. Texts are written as KQL string literals with every character that is not plain ASCII escaped.
Source: learn.microsoft.com/kusto/query/scalar-data-types/string.
"""

from __future__ import annotations

import re

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.monitor.catalog import networks, pattern

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from weighbridge.monitor.base import Detection, Parameter, Value


def query(found: Detection, values: Mapping[str, Value], *, only_last: int = 0) -> str:
    """The whole query of one detection. With `only_last` > 0, only rows whose newest record is of the last minutes:
    for rules that look back further than they are run.
    """
    lines = [f"// weighbridge:{found.number} v{found.version} {found.id}: {found.title}"]
    for parameter in found.parameters:
        lines += lets(parameter, values[parameter.name])
    text = "\n".join([*lines, found.kql.strip()])
    # A literal timespan: rules may not use ago() with anything else.
    return f"{text}\n| where Last > ago({only_last}m)" if only_last else text


def lets(parameter: Parameter, value: Value) -> list[str]:
    """The `let` lines of one parameter."""
    name = parameter.name
    if isinstance(value, int | float):
        unit = "m" if parameter.kind == "minutes" else ""
        number = int(value) if value == int(value) else value
        decimal = ".0" if parameter.kind == "ratio" and isinstance(number, int) else ""
        return [f"let {name} = {number}{decimal}{unit};"]
    if parameter.kind == "texts":
        return [f"let {name} = {_dynamic(value)};"]
    if parameter.kind == "ranges":
        four, six = networks(value)
        return [f"let {name} = {_dynamic(four)};", f"let {name}_v6 = {_dynamic(six)};"]
    return [f"let {name} = {literal(pattern(parameter, value))};"]


def literal(text: str) -> str:
    """A KQL string literal."""
    return '"' + re.sub(r"[^ !#-\[\]-~]", _escaped, text) + '"'


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    if char in '"\\':
        return f"\\{char}"
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _dynamic(items: Sequence[str]) -> str:
    """A dynamic array: JSON, whose texts are escaped as those of KQL are."""
    return f"dynamic([{', '.join(literal(item) for item in items)}])"
