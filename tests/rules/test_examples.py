"""Every rule fires on the examples of its documentation and stays silent on the others."""

from __future__ import annotations

import pytest

from weighbridge.core import facts
from weighbridge.core.knowledge import load_knowledge
from weighbridge.rules import RULES
from weighbridge.rules.base import FAMILIES, Rule, RuleContext

KNOWLEDGE = load_knowledge()
FILES = frozenset(("models/net.py",))
"""Files of the artifact in which the examples stand."""


def examples(section: str) -> list[object]:
    return [
        pytest.param(rule, line, id=f"{rule.id}-{index}")
        for rule in RULES
        for index, line in enumerate(rule.sections()[section].splitlines())
    ]


def hits(rule: Rule, line: str) -> list[object]:
    fact = eval(line, vars(facts))
    if not isinstance(fact, rule.on):
        return []
    return list(rule.judge(fact, RuleContext(rule.id.partition("/")[0], (fact,), KNOWLEDGE, files=FILES)))


@pytest.mark.parametrize(("rule", "line"), examples("Fires on"))
def test_fires(rule: Rule, line: str) -> None:
    assert hits(rule, line)


@pytest.mark.parametrize(("rule", "line"), examples("Stays silent on"))
def test_stays_silent(rule: Rule, line: str) -> None:
    assert not hits(rule, line)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_is_documented(rule: Rule) -> None:
    sections = rule.sections()
    for name in ("What it finds", "Why it matters", "What to do", "Fires on"):
        assert sections[name], name
    assert rule.title
    family, _, name = rule.id.partition("/")
    assert family in FAMILIES
    assert name


def test_ids_are_unique() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
