"""Rules on what could not be inspected. They make sure that it is said aloud; the verdict follows from the coverage."""

from __future__ import annotations

from weighbridge.core.facts import Limit, UnreadSpan
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("file/unread", Severity.MEDIUM, on=UnreadSpan, refs=("CWE-693",), since="0.1")
def unread(span: UnreadSpan, ctx: RuleContext) -> Iterator[Hit]:
    """Bytes could not be inspected.

    What it finds: Parts of a file that no format accounts for, that are broken, or that changed while being read.
    Why it matters: What nobody looked at can be anything. The verdict can never be clean.
    What to do: Remove the file if the model does not need it, or ask for it in a format that can be inspected.
    Fires on:
        UnreadSpan(0, 12, "no format is known for these bytes")
    """
    del ctx
    yield Hit(f"{span.size} bytes: {span.why}")


@rule("file/limit-reached", Severity.MEDIUM, on=Limit, refs=("CWE-400", "CWE-409"), since="0.1")
def limit_reached(limit: Limit, ctx: RuleContext) -> Iterator[Hit]:
    """A limit of inspection was reached.

    What it finds: Content that expands, nests or goes on further than inspection follows.
    Why it matters: Bombs hide what comes behind them and wear out whoever unpacks them. The verdict can never be clean.
    What to do: If the file is honest, raise the limit in the settings and inspect again.
    Fires on:
        Limit("expansion_ratio", 200)
    """
    del ctx
    yield Hit(f"the limit {limit.limit} of {limit.value} was reached")


RULES = (unread, limit_reached)
