"""Stored facts before today's rules and knowledge: what was learned since a scan counts without reading the model."""

from __future__ import annotations

from functools import cache

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.case import Today
from weighbridge.pipelines.frameworks import declared
from weighbridge.scan.engine import judge_facts
from weighbridge.scan.stored_facts import UnknownFacts, outdated, read_facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from weighbridge.core.knowledge import Knowledge


def judge_again(predicate: Mapping[str, Any], files: frozenset[str], knowledge: Knowledge) -> Today:
    """Judge the facts of a model whose files have these escaped paths."""
    try:
        blobs = read_facts(predicate)
    except UnknownFacts as error:
        return Today(broken=str(error))
    return Today(
        findings=judge_facts(list(blobs), knowledge, files),
        formats=frozenset(blob.format for blob in blobs),
        outdated=outdated(blobs),
        declared=declared(blobs),
    )


@cache
def todays_knowledge() -> Knowledge:
    """The knowledge that is installed here, opened once in a process."""
    from weighbridge.core.knowledge import load_knowledge

    return load_knowledge()
