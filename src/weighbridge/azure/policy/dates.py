"""Dates as policies write them: ISO 8601 with up to seven digits of a second, always universal time.

Source: Learn, policy functions `utcNow` and `addDays`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from weighbridge.azure.policy.faults import EvaluationError, Unsupported

_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?(Z|[+-]\d\d:?\d\d)?)?\Z", re.IGNORECASE
)
_TOKENS = re.compile(r"'[^']*'|([A-Za-z])\1*|.", re.DOTALL)


def date_of(text: str) -> tuple[datetime, int] | None:
    """The moment that a text names, with the hundreds of nanoseconds beyond it; None if it is none."""
    match = _DATE.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, part, zone = match.groups()
    ticks = int((part or "").ljust(7, "0"))
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), ticks // 10, UTC
        )
        if zone and zone not in "Zz":
            shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            moment = moment - shift if zone[0] == "+" else moment + shift
    except (ValueError, OverflowError):
        return None
    return moment, ticks % 10


def written(moment: datetime, ticks: int = 0) -> str:
    """`2026-01-31T12:00:00.0000000Z`."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}{ticks}Z".rjust(28, "0")


def add_days(text: str, days: int) -> str:
    """A date so many days later. Raises EvaluationError for no date, or one beyond the calendar."""
    found = date_of(text)
    if found is None:
        raise EvaluationError(f"addDays is given {text[:40]!r}, which is no date")
    try:
        return written(found[0] + timedelta(days=days), found[1])
    except OverflowError:
        raise EvaluationError("addDays leaves the calendar") from None


def formatted(moment: datetime, pattern: str) -> str:
    """A moment by a pattern of .NET's simplest letters. Raises Unsupported for any other letter."""
    moment = moment.astimezone(UTC)
    given = {
        "yyyy": f"{moment.year:04d}",
        "yy": f"{moment.year % 100:02d}",
        "MM": f"{moment.month:02d}",
        "dd": f"{moment.day:02d}",
        "HH": f"{moment.hour:02d}",
        "mm": f"{moment.minute:02d}",
        "ss": f"{moment.second:02d}",
        "T": "T",
        "Z": "Z",
    }
    parts = []
    for token in (match.group(0) for match in _TOKENS.finditer(pattern)):
        if token in given:
            parts.append(given[token])
        elif set(token) == {"f"} and len(token) <= 7:
            parts.append(f"{moment.microsecond:06d}0"[: len(token)])
        elif token.startswith("'") and len(token) > 1:
            parts.append(token[1:-1])
        elif token.isalpha() or token in ("%", "\\"):
            raise Unsupported(f"the format {pattern[:40]!r} of utcNow is not known here")
        else:
            parts.append(token)
    return "".join(parts)
