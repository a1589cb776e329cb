"""What is known of globals: lookup by prefix and by other names, and the form of the file."""

from __future__ import annotations

import json
import os

import pytest

from tools import knowledge as tool
from weighbridge.core.errors import UsageError
from weighbridge.core.knowledge import MANY, Globals, load_knowledge
from weighbridge.core.knowledge_files import FOLDER, read_bytes

KNOWN = load_knowledge().globals


@pytest.mark.parametrize(
    ("name", "trust"),
    [
        ("os.system", "dangerous"),
        ("posix.system", "dangerous"),
        ("nt.system", "dangerous"),
        ("os", None),
        ("osmnx.graph", None),
        ("__builtin__.eval", "dangerous"),
        ("builtins.eval", "dangerous"),
        ("os.path.sub.very.deep", "dangerous"),
        ("mypackage.os.system", "dangerous"),
        ("collections.OrderedDict", "container"),
        ("collections.OrderedDict.__class__", "dangerous"),
        ("numpy.core.multiarray._reconstruct", "callable"),
        ("types.SimpleNamespace", "container"),
        ("types.FunctionType", "dangerous"),
        ("weighbridge.core.knowledge.load_knowledge", "dangerous"),
        ("azure.identity.DefaultAzureCredential", "dangerous"),
        ("", None),
        (".", None),
        ("..", None),
    ],
)
def test_lookup(name: str, trust: str | None) -> None:
    entry = KNOWN.find(name)
    assert (entry.trust if entry else None) == trust


def test_whoever_asks_for_many_names_hears_the_same() -> None:
    """The first names are searched for, later ones are looked up."""
    raw = read_bytes(os.path.join(FOLDER, "globals.json"))
    names = [entry["name"] for entry in json.loads(raw)["entries"]]
    assert len(names) > 2 * MANY
    asked = [*names, *(f"{name}x" for name in names), *(name[:-1] for name in names), "", "x", "a\nb", 'a"b']
    many = Globals(raw)
    found = {name: many.find(name) for name in asked}
    for first in range(0, len(asked), MANY // 10):
        few = Globals(raw)
        for name in asked[first : first + MANY // 10]:
            assert few.find(name) == found[name], name
    assert all(found[name] for name in names)


def test_the_file_is_in_its_form() -> None:
    assert tool.main(["--check"]) == 0


@pytest.mark.parametrize("change", [{"date": "yesterday"}, {"source": ""}, {"trust": "maybe"}, {"extra": 1}])
def test_an_entry_that_lacks_something_is_refused(change: dict[str, object]) -> None:
    entry = {"name": "a.b", "trust": "inert", "why": "x", "source": "y", "date": "2026-01-31"} | change
    with pytest.raises(ValueError, match=r"a\.b"):
        tool.normal_form(
            json.dumps(
                {"schema": "s", "renamed": {}, "segments": [], "packages": [], "lookalikes": {}, "entries": [entry]}
            )
        )


def test_broken_knowledge_judges_nothing() -> None:
    with pytest.raises(UsageError, match="broken"):
        Globals(b"{}").find("os.system")
