"""All detections, and the values of their parameters: defaults, with what the settings say instead."""

from __future__ import annotations

import ipaddress
import re
from datetime import timedelta

from weighbridge.core.errors import UsageError, did_you_mean
from weighbridge.core.loading import load
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.monitor.detections import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from weighbridge.monitor.base import Detection, Parameter, Value

NOTHING = r"[^\s\S]"
"""A regular expression that matches nothing, in RE2 and in Kusto."""
MOST_VALUES = 20_000
"""Values of one parameter; the service tags of one cloud have about 4,000 networks for a region."""


def detections() -> tuple[Detection, ...]:
    """Every detection, in the order of their list."""
    return tuple(load(f"weighbridge.monitor.detections.{name}").DETECTION for name in NAMES)


def detection(name: str) -> Detection:
    """The detection with this id or number. Raises UsageError if there is none."""
    known = detections()
    for found in known:
        if name.lower() in (found.id, found.number.lower()):
            return found
    mend = did_you_mean(name, [found.id for found in known], "weighbridge monitor list has them all")
    raise UsageError(f"{name!r} is no detection", mend)


def values_of(known: Sequence[Detection], given: Mapping[str, Any]) -> dict[str, Value]:
    """The value of each parameter by name. Raises UsageError for a name that nobody has and a value of a wrong kind."""
    parameters = {parameter.name: parameter for found in known for parameter in found.parameters}
    for name in given:
        if name not in parameters:
            mend = did_you_mean(name, parameters, "weighbridge monitor explain ID shows what a detection takes")
            raise UsageError(f"[monitor.parameters]: {name!r} is no parameter of a detection", mend)
    return {
        name: checked(parameter, given[name]) if name in given else parameter.default
        for name, parameter in parameters.items()
    }


def checked(parameter: Parameter, value: Any) -> Value:
    """`value` as this parameter takes it. Raises UsageError."""
    where = f"[monitor.parameters]: {parameter.name}"
    if parameter.kind in ("count", "ratio", "minutes"):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
            raise UsageError(f"{where} is no number from zero up", f"write {parameter.name} = {parameter.default}")
        if parameter.kind != "ratio" and value != int(value):
            raise UsageError(f"{where} is no whole number", f"write {parameter.name} = {parameter.default}")
        return value
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where} is no list of texts", f'write {parameter.name} = ["…"]')
    if len(value) > MOST_VALUES:
        raise UsageError(f"{where} has more than {MOST_VALUES:,} values", "name larger networks or shorter beginnings")
    for item in value:
        if any(ord(char) < 32 for char in item):
            raise UsageError(f"{where} has a value with control characters", "write it without")
        if parameter.kind == "words" and len(item) < 8:
            raise UsageError(f"{where}: {item!r} is too short to mean anything", "name at least 8 characters")
        if parameter.kind == "ranges":
            _network(item, where)
    return tuple(value)


def pattern(parameter: Parameter, value: Sequence[str]) -> str:
    """One regular expression for all values of a kind of texts, the same for DuckDB and for Kusto (both RE2)."""
    parts = [re.sub(r"([^A-Za-z0-9_/:@#%&=,;~<>\" '!-])", r"\\\1", item) for item in value]
    if not parts:
        return NOTHING
    if "" in parts:  # of "^(?:)", DuckDB 2.0.1 makes a pattern that matches nothing
        return "^"
    if parameter.kind == "sources":
        parts = [part if part.endswith("/") else f"{part}$" for part in parts]
    inside = "|".join(parts)
    beginning = f"^(?:{inside})"
    return {"prefixes": beginning, "sources": beginning, "suffixes": f"(?:{inside})$", "words": f"(?:{inside})"}[
        parameter.kind
    ]


def networks(value: Sequence[str]) -> tuple[list[str], list[str]]:
    """The networks of IPv4 and those of IPv6."""
    parsed = [_network(item, "a range") for item in value]
    four = [str(network) for network in parsed if network.version == 4]
    return four, [str(network) for network in parsed if network.version == 6]


def bound(parameter: Parameter, value: Value) -> object:
    """The value as the named parameter of a prepared statement."""
    if isinstance(value, int | float):
        return timedelta(minutes=value) if parameter.kind == "minutes" else value
    if parameter.kind == "texts":
        return [item.lower() for item in value]
    if parameter.kind == "ranges":
        return [_span(_network(item, parameter.name)) for item in value]
    return pattern(parameter, value)


def _network(item: str, where: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(item, strict=False)
    except ValueError:
        raise UsageError(f"{where}: {item!r} is no network", "write 10.0.0.0/8 or fd00::/8") from None


def _span(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    """First and last address as 32 hexadecimal digits each, as the macro `address_key` writes an address."""
    mapped = 0xFFFF << 32 if network.version == 4 else 0
    return f"{mapped + int(network.network_address):032x}-{mapped + int(network.broadcast_address):032x}"
