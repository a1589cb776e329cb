"""Seam 2: a rule judges facts. It reads no bytes, and its documentation is its docstring.

    @rule("family/name", Severity.HIGH, on=Call, refs=("CWE-502",), since="0.1")
    def name(fact, ctx):
        \"\"\"One line: what is wrong.

        What it finds: …   Why it matters: …   What to do: …
        Fires on:           one fact per line, as Python
        Stays silent on:    one fact per line, as Python
        \"\"\"

The sections are the page in docs/rules/, the text of `weighbridge explain`, and two tests.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache, lru_cache
from types import MappingProxyType

from weighbridge.core.findings import Evidence, Finding, Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.core.knowledge import Knowledge

SECTIONS = ("What it finds", "Why it matters", "What to do", "Fires on", "Stays silent on")
FAMILIES = frozenset(
    (
        "pickle",
        "archive",
        "safetensors",
        "onnx",
        "gguf",
        "keras",
        "tensorflow",
        "tflite",
        "torchscript",
        "numpy",
        "notebook",
        "card",
        "config",
        "code",
        "template",
        "executable",
        "secret",
        "network",
        "file",
    )
)


class RuleContext(NamedTuple):
    """What a rule may look at besides its fact.

    `format`, `facts` and `location` are those of the same blob; `files` are the paths of all files of the artifact, as
    reports write them. `everywhere` gives the facts of one type in the whole artifact, each with its blob's location.
    """

    format: str
    facts: tuple[Fact, ...]
    knowledge: Knowledge
    location: str = ""
    files: frozenset[str] = frozenset()
    everywhere: Callable[[type], tuple[tuple[str, Any], ...]] = lambda _: ()

    def ending(self, tail: str) -> str:
        """A file of the artifact with this path, or with it below some folder; empty if there is none."""
        if tail in self.files:
            return tail
        backwards = _backwards(self.files)
        wanted = f"/{tail}"[::-1]
        place = bisect_left(backwards, wanted)
        found = backwards[place] if place < len(backwards) else ""
        return found[::-1] if found.startswith(wanted) else ""


@lru_cache(maxsize=4)
def _backwards(files: frozenset[str]) -> list[str]:
    """The paths read from their ends, sorted: imports times files would be too many comparisons."""
    return sorted(path[::-1] for path in files)


class Hit(NamedTuple):
    """What a rule gives back: the evidence in words. The rest of the finding comes from the rule and the fact."""

    text: str
    severity: Severity | None = None


class Rule(NamedTuple):
    """One rule as the engine and the documentation see it."""

    id: str
    severity: Severity
    on: type
    references: tuple[str, ...]
    since: str
    judge: Callable[[Any, RuleContext], Iterator[Hit]]

    @property
    def title(self) -> str:
        """The first line of the documentation, without its full stop."""
        return (self.judge.__doc__ or "").strip().split("\n", 1)[0].removesuffix(".")

    def sections(self) -> Mapping[str, str]:
        """The sections of the documentation by name, each with its indentation removed."""
        return sections(self.judge.__doc__ or "")

    def finding(self, hit: Hit, fact: Fact, location: str) -> Finding:
        """The finding for one hit."""
        text = self.sections()
        offset = getattr(fact, "offset", None)
        evidence = Evidence(
            hit.text, getattr(fact, "excerpt", ""), getattr(fact, "times", 1), getattr(fact, "opcodes", "")
        )
        return Finding(
            rule=self.id,
            severity=hit.severity or self.severity,
            title=self.title,
            location=location if offset is None else f"{location}@{offset}",
            evidence=evidence,
            why=text["Why it matters"],
            remediation=text["What to do"],
            references=self.references,
        )


def rule(
    id_: str, severity: Severity, *, on: type, refs: tuple[str, ...], since: str
) -> Callable[[Callable[[Any, RuleContext], Iterator[Hit]]], Rule]:
    """Make a rule of a function; see the module's documentation for its shape."""

    def wrap(judge: Callable[[Any, RuleContext], Iterator[Hit]]) -> Rule:
        return Rule(id_, severity, on, refs, since, judge)

    return wrap


@cache
def sections(documentation: str) -> Mapping[str, str]:
    """Split a rule's docstring into its sections. The first line and free text before a section are left out."""
    found: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in documentation.splitlines()[1:]:
        stripped = line.strip()
        name, colon, rest = stripped.partition(":")
        if colon and name in SECTIONS:
            current = found.setdefault(name, [])
            if rest.strip():
                current.append(rest.strip())
        elif current is not None and stripped:
            current.append(stripped)
    prose = SECTIONS[:3]
    text = {name: (" " if name in prose else "\n").join(found.get(name, [])) for name in SECTIONS}
    return MappingProxyType(text)
