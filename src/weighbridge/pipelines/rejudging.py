"""Stored facts before today's rules and knowledge: what was learned since a scan counts without reading the model."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import cache

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.case import Today
from weighbridge.pipelines.frameworks import declared
from weighbridge.scan.engine import judge_facts
from weighbridge.scan.stored_facts import UnknownFacts, outdated, read_facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from weighbridge.core.digests import Digest
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


class Judged:
    """What today's knowledge says of facts, kept by the digest of the evidence that holds them. Threads may share one.

    Facts under a digest never change, and neither do the rules and the knowledge of one process.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[Digest, frozenset[str], str], Today] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, evidence: Digest, predicate: Mapping[str, Any], files: frozenset[str], knowledge: Knowledge) -> Today:
        """As `judge_again`; `predicate` is what the verified evidence of this digest says."""
        key = (evidence, files, knowledge.version)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = judge_again(predicate, files, knowledge)
        with self._lock:
            self._kept[key] = made
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


@cache
def todays_knowledge() -> Knowledge:
    """The knowledge that is installed here, opened once in a process."""
    from weighbridge.core.knowledge import load_knowledge

    return load_knowledge()
