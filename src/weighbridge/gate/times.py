"""Requirements on clocks and ages: what is dated later than now is not believed, and neither is the clock then."""

from __future__ import annotations

from datetime import timedelta

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.reason import Reason, met, unknown, unmet

if TYPE_CHECKING:
    from datetime import datetime

    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case

CLOCK_SKEW = timedelta(minutes=10)
"""How far clocks of honest machines may differ."""


def clock_sane(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """The clock does not show a time before something that is known to have happened: it was not set back."""
    del policy
    name, needs = "clock-sane", "a clock that is right"
    if case.knowledge_date is not None and now.date() + timedelta(days=1) < case.knowledge_date:
        why = f"it shows {now:%Y-%m-%d}, and the knowledge installed here is of {case.knowledge_date}"
        return unmet(name, why, needs)
    if case.newest is not None and case.newest > now + CLOCK_SKEW:
        why = f"it shows {now:%Y-%m-%d %H:%M}, and {case.newest_of} is of {case.newest:%Y-%m-%d %H:%M}"
        return unmet(name, why, needs)
    return met(name, "it shows no time before what is known to have happened", needs)


def knowledge_fresh(case: Case, policy: StagePolicy, now: datetime) -> Reason:
    """What is installed here knows the world of not too long ago."""
    name = "knowledge-fresh"
    if not policy.max_knowledge_age_days:
        return met(name, "knowledge of any age")
    needs = f"knowledge of the last {policy.max_knowledge_age_days} days"
    if case.knowledge_date is None:
        return unknown(name, "the knowledge installed here has no date", needs)
    why = f"the knowledge installed here is of {case.knowledge_date}"
    fresh = (now.date() - case.knowledge_date).days <= policy.max_knowledge_age_days
    return met(name, why, needs) if fresh else unmet(name, why, needs)
