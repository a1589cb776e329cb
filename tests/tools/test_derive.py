"""What the derivation says of classes, read from wheels that are built here and never imported."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from tools.derive.__main__ import judged
from tools.derive.classify import Judgement
from tools.derive.table import merged, written

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """
import enum, os, subprocess
from abc import ABC
from collections import OrderedDict, namedtuple
from native import Base

Point = namedtuple("Point", "x y")

class Plain:
    def predict(self, x):
        return self.weights @ x

class Child(Plain, ABC):
    class Inner:
        pass

class Restores:
    def __setstate__(self, state):
        state = dict(state)
        state.setdefault("old", 1)
        for name in state:
            setattr(self, name, state[name])
        self._later()
    def _later(self):
        self.cache = OrderedDict()

class Runs:
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.hook(state)

class RunsDeeper(Restores):
    def _later(self):
        os.system(self.command)

class Cleans:
    def __del__(self):
        self.library.free(self.handle)

class Lazy:
    def __getattr__(self, name):
        return load(self.path)

class Starts:
    def fit(self):
        subprocess.run(self.command)

class Inherits(Starts):
    pass

class Native(Base):
    pass

class Missing(nowhere.Thing):
    pass

class Color(enum.Enum):
    RED = 1

class Finds(enum.Enum):
    RED = 1
    @classmethod
    def _missing_(cls, value):
        return eval(value)

class Output(OrderedDict):
    pass

class Watched(dict):
    def __setitem__(self, key, value):
        key(value)

class Sets:
    @property
    def path(self):
        return self._path
    @path.setter
    def path(self, value):
        open(value)

class Keyed:
    def __hash__(self):
        return self.hasher(self)

class Unhashable:
    def __eq__(self, other):
        return self.compare(other)

def set_module(name):
    return lambda cls: cls

@set_module("toy")
class Shown:
    pass
"""
EXPECTED = {
    "toy.deep:Point": "inert",
    "toy.deep:Plain": "inert",
    "toy.deep:Child": "inert",
    "toy.deep:Child.Inner": "inert",
    "toy.deep:Restores": "inert",
    "toy.deep:Runs": "review",
    "toy.deep:RunsDeeper": "review",
    "toy.deep:Cleans": "review",
    "toy.deep:Lazy": "review",
    "toy.deep:Starts": "review",
    "toy.deep:Inherits": "review",
    "toy.deep:Native": "review",
    "toy.deep:Missing": "review",
    "toy.deep:Color": "enum",
    "toy.deep:Finds": "review",
    "toy.deep:Output": "container",
    "toy.deep:Watched": "inert",
    "toy.deep:Sets": "inert-dict",
    "toy.deep:Keyed": "review",
    "toy.deep:Unhashable": "inert",
    "toy:Shown": "inert",
}


def wheel(folder: Path, source: str) -> str:
    path = folder / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy/__init__.py", "raise SystemExit('imported')")
        archive.writestr("toy/deep.py", source)
        archive.writestr("toy/tests/test_x.py", "class Ignored: pass")
        archive.writestr("toy/broken.py", "class (")
    return str(path)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Judgement]:
    return judged(wheel(tmp_path_factory.mktemp("wheel"), SOURCE), [], "toy")


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_said_of_a_class(said: dict[str, Judgement], name: str) -> None:
    assert said[name].trust == EXPECTED[name], said[name].why


def test_only_what_a_pickle_may_name_is_read(said: dict[str, Judgement]) -> None:
    assert set(EXPECTED) == {name for name, judgement in said.items() if "numerical" not in judgement.why}


def test_a_reason_names_what_would_run(said: dict[str, Judgement]) -> None:
    assert said["toy.deep:RunsDeeper"].why == "its method _later calls os.system"
    assert "hook" in said["toy.deep:Runs"].why


def test_the_weakest_word_of_all_versions_counts() -> None:
    one = {"m:A": Judgement("container", "c"), "m:B": Judgement("inert", "b"), "m:C": Judgement("enum", "e")}
    two = {"m:A": Judgement("inert-dict", "d"), "m:B": Judgement("review", "runs"), "m:C": Judgement("inert", "i")}
    rows = merged([("1.0", one), ("2.0", two)])
    assert [(name, row.trust, row.first, row.last) for name, row in rows.items()] == [
        ("m:A", "inert-dict", "1.0", "2.0"),
        ("m:B", "review", "1.0", "2.0"),
    ]
    assert written("m", "2026-11-24", ["x"], rows).splitlines()[2] == "m\tinert-dict\t1.0\t2.0\tA\td"
