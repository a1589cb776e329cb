"""The answer to one requirement. Unknown is a value of its own, and never a pass."""

from __future__ import annotations

from enum import Enum

from weighbridge.core.records import NamedTuple


class Result(Enum):
    """The answer to one requirement."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"


class Reason(NamedTuple):
    """One requirement and its answer; `why` says what was found, `needs` what would have met it."""

    requirement: str
    result: Result
    why: str
    needs: str


def met(requirement: str, why: str, needs: str = "nothing") -> Reason:
    """The requirement is met."""
    return Reason(requirement, Result.MET, why, needs)


def unmet(requirement: str, why: str, needs: str) -> Reason:
    """The requirement is not met."""
    return Reason(requirement, Result.UNMET, why, needs)


def unknown(requirement: str, why: str, needs: str) -> Reason:
    """It cannot be said whether the requirement is met, which counts as no."""
    return Reason(requirement, Result.UNKNOWN, why, needs)
