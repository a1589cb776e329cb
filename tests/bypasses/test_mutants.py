"""Mutants of one harmful thing: as long as its real reader sees the harm, the scan may not call it clean."""

from __future__ import annotations

import random
from itertools import islice
from typing import Any

import jinja2
import pytest
import yaml

from build.inspecting import scanned
from build.mutants import TARGETS, templates, yaml_documents

MUTANTS = 250


def harmful_yaml(text: str) -> bool:
    """Whether a loader of PyYAML builds a node with a tag of Python, or a mapping whose class is `os.system`."""
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        try:
            waiting: list[Any] = list(yaml.compose_all(text, Loader=loader))
        except (yaml.YAMLError, ValueError):
            continue
        seen = set()
        while waiting:
            node = waiting.pop()
            if node is None or id(node) in seen:
                continue
            seen.add(id(node))
            if node.tag.startswith("tag:yaml.org,2002:python/"):
                return True
            if isinstance(node, yaml.SequenceNode):
                waiting.extend(node.value)
            elif isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    waiting += [key, value]
                    if key.value in TARGETS and value.value in ("os.system", "${y}"):
                        return True
    return False


class Watched(jinja2.Environment):
    """An environment that notes when a name of Python's own is asked for, and gives a word in its place."""

    asked = False

    def getattr(self, obj: Any, attribute: str) -> Any:
        self.asked = self.asked or str(attribute).startswith("__")
        return super().getattr(obj, attribute) if not str(attribute).startswith("__") else "seen"

    def getitem(self, obj: Any, argument: Any) -> Any:
        self.asked = self.asked or str(argument).startswith("__")
        return super().getitem(obj, argument) if not str(argument).startswith("__") else "seen"


def harmful_template(text: str) -> bool:
    environment = Watched(extensions=["jinja2.ext.do"])

    def attr(owner: Any, name: str) -> Any:
        return environment.getattr(owner, name)

    environment.filters["attr"] = attr
    try:
        out = environment.from_string(text).render(messages=[{"role": "user", "content": "hi"}], bos_token="<s>")
    except Exception:  # noqa: BLE001 -- a mutant may be no template, or fail after it has asked
        out = ""
    return environment.asked or "<class" in out


@pytest.mark.parametrize(
    ("name", "make", "harmful"),
    [
        ("config.yaml", yaml_documents, harmful_yaml),
        ("chat_template.jinja", templates, harmful_template),
    ],
)
def test_what_is_still_harmful_is_not_clean(name, make, harmful, tmp_path):
    live = [text for text in islice(make(random.Random(7)), MUTANTS) if harmful(text)]
    assert len(live) > MUTANTS // 3
    missed = [text for text in live if scanned(tmp_path, name, text.encode()).verdict.value == "clean"]
    assert missed == []
