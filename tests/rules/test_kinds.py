"""Whatever a parser calls odd, some rule judges: an oddity that nobody looks at would be an open gate."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from build.inspecting import KNOWLEDGE
from weighbridge.core.facts import Oddity
from weighbridge.formats import FORMATS
from weighbridge.rules import RULES
from weighbridge.rules.base import RuleContext

SOURCE = Path(__file__).parents[2] / "src" / "weighbridge"
KINDS = sorted(
    {
        kind
        for folder in ("formats", "pickle", "scan")
        for path in (SOURCE / folder).rglob("*.py")
        for kind in re.findall(r"(?:Oddity|note)\(\s*\"([a-z0-9-]+)\"", path.read_text(encoding="utf-8"))
    }
)


@pytest.mark.parametrize("format_", [found.name for found in FORMATS])
@pytest.mark.parametrize("kind", KINDS)
def test_every_oddity_is_judged_in_every_format(kind: str, format_: str) -> None:
    fact = Oddity(kind, "detail")
    context = RuleContext(format_, (fact,), KNOWLEDGE)
    assert any(list(rule.judge(fact, context)) for rule in RULES if rule.on is Oddity)


def test_the_kinds_were_found() -> None:
    assert len(KINDS) > 15
