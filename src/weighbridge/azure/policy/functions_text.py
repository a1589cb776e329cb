"""Functions of the template language that work on texts and numbers. Each takes its arguments and gives a value.

Source: Learn, "String functions", "Numeric functions", "Date functions" and "CIDR functions" for ARM templates.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from urllib.parse import quote, unquote, urljoin

from weighbridge.azure.policy import ip_ranges
from weighbridge.azure.policy.dates import add_days
from weighbridge.azure.policy.faults import EvaluationError, Unsupported
from weighbridge.azure.policy.values import is_number, kind_of
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FIELD = re.compile(r"\{\{|\}\}|\{(\d{1,3})\}|\{|\}")
_LONGEST = 64 * 1024
_INTEGER = 1 << 63


def text(value: Any, name: str) -> str:
    """A text, or EvaluationError."""
    if not isinstance(value, str):
        raise EvaluationError(f"{name} wants a text and is given a value of type {kind_of(value)}")
    return value


def whole(value: Any, name: str) -> int:
    """A whole number, or EvaluationError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise EvaluationError(f"{name} wants a whole number and is given a value of type {kind_of(value)}")
    return value


def string(value: Any) -> str:
    """A value as `string()` writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    return "" if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def integer(value: Any) -> int:
    """`int()`."""
    if is_number(value):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,19}\s*", value):
        return int(value)
    raise EvaluationError("int is given what is no whole number")


def boolean(value: Any) -> bool:
    """`bool()`."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "1", "false", "0"):
        return value.lower() in ("true", "1")
    if is_number(value):
        return bool(value)
    raise EvaluationError("bool is given what is neither true nor false")


def _float(value: Any) -> float:
    try:
        return float(value) if is_number(value) or isinstance(value, str) else float("x")
    except ValueError:
        raise EvaluationError("float is given what is no number") from None


def _arithmetic(name: str, work: Callable[[int, int], int]) -> Callable[..., Any]:
    def run(first: Any, second: Any) -> int:
        left, right = whole(first, name), whole(second, name)
        if name in ("div", "mod") and right == 0:
            raise EvaluationError(f"{name} divides by zero")
        found = work(left, right)
        if not -_INTEGER <= found < _INTEGER:
            raise EvaluationError(f"{name} leaves the whole numbers")
        return found

    return run


def _towards_zero(left: int, right: int) -> int:
    found = abs(left) // abs(right)
    return found if (left < 0) == (right < 0) else -found


def _replace(value: Any, old: Any, new: Any) -> str:
    before = text(old, "replace")
    if not before:
        raise EvaluationError("replace is given nothing to look for")
    whole_text, with_text = text(value, "replace"), text(new, "replace")
    if len(whole_text) + whole_text.count(before) * len(with_text) > 4 * _LONGEST:
        raise EvaluationError("replace makes a text longer than Azure's functions take")
    return whole_text.replace(before, with_text)


def _pad_left(value: Any, length: Any, fill: Any = " ") -> str:
    sign = text(fill, "padLeft")
    width = whole(length, "padLeft")
    if len(sign) != 1 or not 0 <= width <= 2 * _LONGEST:
        raise EvaluationError("padLeft is given a length or a character that it does not take")
    return (value if isinstance(value, str) else str(whole(value, "padLeft"))).rjust(width, sign)


def _substring(value: Any, start: Any, length: Any = None) -> str:
    taken, at = text(value, "substring"), whole(start, "substring")
    size = len(taken) - at if length is None else whole(length, "substring")
    if at < 0 or size < 0 or at + size > len(taken):
        raise EvaluationError(f"substring asks for {size} characters from {at} of a text of {len(taken)}")
    return taken[at : at + size]


def _split(value: Any, delimiter: Any) -> list[str]:
    signs = delimiter if isinstance(delimiter, list) else [delimiter]
    wanted = [text(sign, "split") for sign in signs]
    taken = text(value, "split")
    if not wanted or not all(wanted):
        return [taken]
    return re.split("|".join(re.escape(sign) for sign in sorted(wanted, key=len, reverse=True)), taken)


def _format(pattern: Any, *given: Any) -> str:
    def one(match: re.Match[str]) -> str:
        if match.group(0) in ("{{", "}}"):
            return match.group(0)[0]
        if match.group(1) is None:
            raise Unsupported("format with more than {0}, {1} … is not known here")
        index = int(match.group(1))
        if index >= len(given):
            raise EvaluationError(f"format wants argument {index}")
        return string(given[index])

    return _FIELD.sub(one, text(pattern, "format"))


def _json(value: Any) -> Any:
    try:
        return json.loads(text(value, "json"))
    except (ValueError, RecursionError):
        raise EvaluationError("json is given what is no JSON") from None


def _from_base64(value: Any) -> str:
    try:
        return base64.b64decode(text(value, "base64ToString"), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise EvaluationError("base64ToString is given what is no base64") from None


def _from_data_uri(value: Any) -> str:
    head, comma, body = text(value, "dataUriToString").partition(",")
    if not comma or not head.startswith("data:"):
        raise EvaluationError("dataUriToString is given no data URI")
    return _from_base64(body) if head.endswith(";base64") else unquote(body)


def _to_base64(value: Any) -> str:
    return base64.b64encode(text(value, "base64").encode("utf-8", "surrogatepass")).decode("ascii")


TEXT_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "add": (_arithmetic("add", lambda left, right: left + right), 2, 2),
    "sub": (_arithmetic("sub", lambda left, right: left - right), 2, 2),
    "mul": (_arithmetic("mul", lambda left, right: left * right), 2, 2),
    "div": (_arithmetic("div", _towards_zero), 2, 2),
    "mod": (_arithmetic("mod", lambda left, right: left - right * _towards_zero(left, right)), 2, 2),
    "int": (integer, 1, 1),
    "float": (_float, 1, 1),
    "string": (string, 1, 1),
    "bool": (boolean, 1, 1),
    "json": (_json, 1, 1),
    "tolower": (lambda value: text(value, "toLower").lower(), 1, 1),
    "toupper": (lambda value: text(value, "toUpper").upper(), 1, 1),
    "trim": (lambda value: text(value, "trim").strip(), 1, 1),
    "replace": (_replace, 3, 3),
    "padleft": (_pad_left, 2, 3),
    "substring": (_substring, 2, 3),
    "split": (_split, 2, 2),
    "format": (_format, 1, 128),
    "startswith": (
        lambda value, part: text(value, "startsWith").lower().startswith(text(part, "startsWith").lower()),
        2,
        2,
    ),
    "endswith": (lambda value, part: text(value, "endsWith").lower().endswith(text(part, "endsWith").lower()), 2, 2),
    "base64": (_to_base64, 1, 1),
    "base64tostring": (_from_base64, 1, 1),
    "base64tojson": (lambda value: _json(_from_base64(value)), 1, 1),
    "datauri": (lambda value: "data:text/plain;charset=utf8;base64," + _to_base64(value), 1, 1),
    "datauritostring": (_from_data_uri, 1, 1),
    "uri": (lambda base, path: urljoin(text(base, "uri"), text(path, "uri")), 2, 2),
    "uricomponent": (lambda value: quote(text(value, "uriComponent"), safe="-_.!~*'()"), 1, 1),
    "uricomponenttostring": (lambda value: unquote(text(value, "uriComponentToString")), 1, 1),
    "adddays": (lambda date, days: add_days(text(date, "addDays"), whole(days, "addDays")), 2, 2),
    "iprangecontains": (
        lambda outer, inner: ip_ranges.range_contains(text(outer, "ipRangeContains"), text(inner, "ipRangeContains")),
        2,
        2,
    ),
    "parsecidr": (lambda cidr: ip_ranges.parse_cidr(text(cidr, "parseCidr")), 1, 1),
    "cidrsubnet": (
        lambda cidr, size, index: ip_ranges.cidr_subnet(
            text(cidr, "cidrSubnet"), whole(size, "cidrSubnet"), whole(index, "cidrSubnet")
        ),
        3,
        3,
    ),
    "cidrhost": (
        lambda cidr, index: ip_ranges.cidr_host(text(cidr, "cidrHost"), whole(index, "cidrHost")),
        2,
        2,
    ),
}
"""Name in lower case → the function, and how many arguments it takes at least and at most."""
