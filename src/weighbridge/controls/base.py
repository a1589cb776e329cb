"""Controls and what they come to. A control asks an estate and yields checks; the worst of them is its result.

Nothing that was not looked at passes: a check that could not be made is `unknown`, and a control without any check says
itself whether there is nothing in scope. Remarks are worth reading and decide nothing.
"""

from __future__ import annotations

import shlex
from enum import StrEnum

from weighbridge.controls.estate import Missing, look, shown
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from weighbridge.controls.estate import Estate, Resource


class Result(StrEnum):
    """The answer of a check or a control."""

    PASS = "pass"  # noqa: S105 -- no password
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"
    REMARK = "remark"
    """Worth reading; decides nothing. Only checks have it."""


class Check(NamedTuple):
    """One look at one property. `path` is the property that decided, `source` the file and place that it stands in."""

    result: Result
    resource: str
    path: str
    observed: str
    expected: str
    source: str
    mend: str = ""


class Judged(NamedTuple):
    """A control and its answer; `why` says what decided, `mend` is a command, or a sentence where there is none."""

    id: str
    title: str
    result: Result
    why: str
    resources: tuple[str, ...]
    mend: str
    checks: tuple[Check, ...]


class Control(NamedTuple):
    """One item of the checklist."""

    id: str
    title: str
    checks: Callable[[Estate], Iterable[Check]]
    absent: str
    """What is not there if there is no check at all."""


def judge(control: Control, estate: Estate) -> Judged:
    """Ask one control."""
    checks = tuple(control.checks(estate))
    deciding = [check for check in checks if check.result is not Result.REMARK]
    for result in (Result.FAIL, Result.UNKNOWN, Result.PASS):
        found = [check for check in deciding if check.result is result]
        if found:
            break
    else:
        return Judged(control.id, control.title, Result.NOT_APPLICABLE, control.absent, (), "", checks)
    resources = tuple(dict.fromkeys(check.resource for check in found))
    if result is Result.PASS:
        why = f"{len(found)} checks on {len(resources)} resources"
        return Judged(control.id, control.title, result, why, resources, "", checks)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    first = found[0]
    why = f"{first.path} is {first.observed}; expected {first.expected}{more}"
    mend = next((check.mend for check in found if check.mend), "")
    return Judged(control.id, control.title, result, why, resources, mend, checks)


def expect(
    resource: Resource,
    path: str,
    good: Callable[[Any], bool],
    expected: str,
    *,
    mend: str = "",
    absent: Result = Result.FAIL,
) -> Check:
    """A check of one property. `absent` is what it means that a resource that was read whole does not have it."""
    value = look(resource, path)
    if value is Missing.UNREAD:
        result = Result.UNKNOWN
    elif value is Missing.ABSENT:
        result = absent
    else:
        result = Result.PASS if good(value) else Result.FAIL
    shown_mend = f"export {path} too" if value is Missing.UNREAD else mend
    return _check(result, resource, path, shown(value), expected, shown_mend)


def found(resource: Resource, path: str, met: bool, observed: str, expected: str, mend: str = "") -> Check:
    """A check that was made elsewhere."""
    return _check(Result.PASS if met else Result.FAIL, resource, path, observed, expected, mend)


def unknown(where: str, path: str, why: str, expected: str, mend: str) -> Check:
    """A check that could not be made."""
    return Check(Result.UNKNOWN, where, path, why, expected, "", mend)


def remark(resource: Resource, path: str, observed: str, expected: str, mend: str = "") -> Check:
    """Something worth reading."""
    return _check(Result.REMARK, resource, path, observed, expected, mend)


def not_exported(estate: Estate, name: str, where: str, how: str) -> Iterator[Check]:
    """An unknown if a collection is not whole in the export."""
    if not estate.has(name):
        why = "exported in part" if name in estate.cut else "not in the export"
        yield unknown(where, f"{name}.json", why, "the whole collection", how)


def is_true(value: Any) -> bool:
    """Whether a value says yes. Azure writes some of them as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def is_false(value: Any) -> bool:
    """Whether a value says no."""
    return value is False or (isinstance(value, str) and value.lower() == "false")


def equals(wanted: str) -> Callable[[Any], bool]:
    """Whether a value is this text, in any case."""
    return lambda value: isinstance(value, str) and value.lower() == wanted.lower()


def az(*words: str) -> str:
    """A command line; what comes from the export cannot leave its word."""
    return " ".join(shlex.quote(word) for word in ("az", *words))


def _check(result: Result, resource: Resource, path: str, observed: str, expected: str, mend: str) -> Check:
    return Check(result, resource.id, path, observed, expected, resource.source, "" if result is Result.PASS else mend)
