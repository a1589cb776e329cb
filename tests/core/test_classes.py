"""Derived classes: found by their dotted name, and only in the table that the index names."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from weighbridge.core.classes import Classes
from weighbridge.core.errors import UsageError
from weighbridge.core.knowledge import load_knowledge

if TYPE_CHECKING:
    from pathlib import Path

TABLE = (
    b"# head\n# read\n"
    b"toy.a\tinert\t1\t2\tBar Foo Foo.Inner\tsays nothing\n"
    b"toy.a\treview\t1\t1\tBaz\truns\n"
    b"toy.ab\tenum\t2\t2\tE\tenum\n"
)
KNOWN = load_knowledge().globals


def classes(folder: Path, table: bytes = TABLE) -> Classes:
    (folder / "toy.tsv").write_bytes(table)
    return Classes(str(folder), json.dumps({"tables": {"toy": hashlib.sha256(TABLE).hexdigest()}}).encode())


@pytest.mark.parametrize(
    ("name", "trust"),
    [
        ("toy.a.Foo", "inert"),
        ("toy.a.Foo.Inner", "inert"),
        ("toy.a.Baz", "review"),
        ("toy.ab.E", "enum"),
        ("toy.a.Fo", None),
        ("toy.a.Foo.Inner.x", None),
        ("toy.a", None),
        ("toy.a.Bar Foo", None),
        ("toy.a\tinert\t1\t2\tBar.x", None),
        ("other.a.Foo", None),
        ("..", None),
        ("", None),
        ("toy.\ud800.Foo", None),
    ],
)
def test_lookup(tmp_path: Path, name: str, trust: str | None) -> None:
    found = classes(tmp_path).find(name)
    assert (found.trust if found else None) == trust


def test_a_reason_names_the_versions(tmp_path: Path) -> None:
    known = classes(tmp_path)
    assert [getattr(known.find(f"toy.{name}"), "why", "") for name in ("a.Foo", "a.Baz")] == [
        "says nothing (toy 1 to 2)",
        "runs (toy 1)",
    ]


def test_another_table_is_not_believed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the table"):
        classes(tmp_path, TABLE + b"toy.b\tinert\t1\t1\tEvil\tx\n").find("toy.b.Evil")


@pytest.mark.parametrize(
    ("name", "trust"),
    [
        ("sklearn.tree._classes.DecisionTreeClassifier", "inert"),
        ("sklearn.ensemble.forest.RandomForestClassifier", "inert"),
        ("torch.nn.modules.linear.Linear", "inert"),
        ("transformers.training_args.TrainingArguments", "inert"),
        ("transformers.trainer_utils.IntervalStrategy", "enum"),
        ("xgboost.sklearn.XGBClassifier", "inert"),
        ("omegaconf.dictconfig.DictConfig", "inert"),
        ("scipy.stats._continuous_distns.norm_gen", "review"),
        ("xgboost.core.DMatrix", "review"),
        ("torch.hub.load", "dangerous"),
        ("torch.utils.cpp_extension.load", "dangerous"),
        ("sklearn.utils.os.system", "dangerous"),
    ],
)
def test_what_is_known_of_real_names(name: str, trust: str) -> None:
    entry = KNOWN.find(name)
    assert entry is not None
    assert entry.trust == trust, entry.why
