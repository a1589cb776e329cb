"""The traces of all pickles in an artifact, wherever they lie in it."""

from __future__ import annotations

from weighbridge.core.facts import PickleEnd, Secret
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pickle.trace import LINES, Trace, traced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Limits
    from weighbridge.core.reader import Reader


class Tracer:
    """Visits the blobs of an artifact and writes their pickles down, `LINES` lines in all."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = LINES
        self._sections: list[str] = []

    def visit(self, location: str, data: Reader, facts: Sequence[Fact]) -> None:
        """Write down the pickles that were found in one blob."""
        starts = [fact.offset for fact in facts if isinstance(fact, PickleEnd)]
        if not starts:
            return
        trace = Trace(self._left)
        traced(data, starts, self._limits, trace)
        self._left -= len(trace.statements)
        lines = [f"# {plain(location)}"]
        texts = _without_secrets(data, facts, [statement.text for statement in trace.statements])
        lines += [f"{one.offset:>10}  {text}" for one, text in zip(trace.statements, texts, strict=True)]
        if trace.more:
            lines.append(f"{'':>10}  # {trace.more} more statements are not shown")
        self._sections.append("\n".join(lines))

    def text(self) -> str:
        """Everything that was written down, one section for each blob that holds pickles."""
        if not self._sections:
            return "# no pickle was found\n\n"
        return "\n\n".join(self._sections) + "\n\n"


def _without_secrets(data: Reader, facts: Sequence[Fact], texts: list[str]) -> list[str]:
    """Texts of one blob without the secrets that were found in it."""
    found = [fact for fact in facts if isinstance(fact, Secret)]
    if not found:
        return texts
    from weighbridge.scan.scrub import Scrub

    scrub = Scrub(bytes(data.peek(fact.offset, fact.size)).decode("latin-1") for fact in found)
    return [scrub.text(text) for text in texts]
