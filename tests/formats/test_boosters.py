"""Boosters in their own formats: data that can be walked to the last byte, and nothing that runs."""

from __future__ import annotations

import base64
import contextlib
import random
import struct
from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb
from hypothesis import given, settings
from hypothesis import strategies as st

from build import forms as f
from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Metadata, Span
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import Match, blob_info
from weighbridge.formats.classic.ubjson import Ubjson

if TYPE_CHECKING:
    from pathlib import Path

EVIL = base64.b64encode(p.proto(4) + p.system() + p.STOP).decode()
TREE = {"learner": {"objective": {"name": "reg"}, "trees": [{"w": f.ubj_array(*range(40))}, {}], "n": 3, "x": 1.5}}
UBJ = f.ubj(TREE)
X = np.random.default_rng(0).random((80, 3))
Y = (X[:, 0] > 0.5).astype(int)


@pytest.mark.parametrize("booster", ["gbtree", "dart", "gblinear"])
@pytest.mark.parametrize("name", ["m.ubj", "m.json", "m.model"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_that_xgboost_writes_is_clean(tmp_path: Path, booster: str, name: str) -> None:
    model = xgb.XGBClassifier(n_estimators=4, booster=booster, n_jobs=1).fit(X, Y)
    if name != "m.model":
        model.get_booster().feature_names = ["a", "b", "ü"]
    model.get_booster().save_model(tmp_path / name)
    report = inspected(tmp_path / name).report
    assert report.verdict is Verdict.CLEAN, report.unread
    assert report.artifact.files[0].format == ("hub-config" if name == "m.json" else "ubjson")


@pytest.mark.parametrize("options", [{}, {"linear_tree": True}, {"boosting_type": "dart"}])
def test_a_model_that_lightgbm_writes_is_clean(tmp_path: Path, options: dict[str, object]) -> None:
    model = lgb.LGBMRegressor(n_estimators=4, verbose=-1, n_jobs=1, **options).fit(X, Y * 1.0)
    model.booster_.save_model(tmp_path / "m.txt")
    report = inspected(tmp_path / "m.txt").report
    assert report.verdict is Verdict.CLEAN, report.unread
    assert not report.findings
    assert report.artifact.files[0].format == "lightgbm"


def test_models_built_here_are_clean(tmp_path: Path) -> None:
    for name, content in (
        ("m.ubj", UBJ),
        ("m.txt", f.lightgbm()),
        ("m.cbm", f.catboost()),
        ("n.cbm", f.catboost(parts=())),
    ):
        report = scanned(tmp_path, name, content)
        assert report.verdict is Verdict.CLEAN, (name, report.unread)
        assert not report.findings


def test_texts_of_a_model_are_facts(tmp_path: Path) -> None:
    scanned(tmp_path, "m.ubj", UBJ)
    facts = inspected(tmp_path / "m.ubj").facts.blobs[0].facts
    assert ("name", "reg") in [fact[:2] for fact in facts if isinstance(fact, Metadata)]


HIDDEN = {
    "m.ubj": f.ubj({"learner": {"attributes": {"note": EVIL}}}),
    "key.ubj": f.ubj({"learner": {EVIL: 1}}),
    "digits.ubj": f.ubj({"learner": b"H" + f.ubj_text(EVIL)}),
    "m.txt": f.lightgbm(note=EVIL),
    "m.cbm": f.catboost(note=EVIL),
}


@pytest.mark.parametrize(("name", "content"), HIDDEN.items())
def test_an_object_inside_is_found_and_followed(tmp_path: Path, name: str, content: bytes) -> None:
    assert scanned(tmp_path, name, content).verdict is Verdict.MALICIOUS


def counted(marker: bytes, count: int, kind: bytes = b"") -> bytes:
    return b"{" + f.ubj_text("a") + marker + (b"$" + kind if kind else b"") + b"#L" + struct.pack(">q", count) + b"}"


BROKEN = {
    "a count beyond the end": counted(b"[", 1 << 40, b"d"),
    "a count of nothings": counted(b"[", 1 << 40, b"Z"),
    "a count without a type": counted(b"[", 1 << 40),
    "a count of keys": counted(b"{", 1 << 40, b"Z"),
    "a negative count": counted(b"[", -1, b"d"),
    "a type without a count": b"{" + f.ubj_text("a") + b"[$d]}",
    "a type that does not exist": counted(b"[", 0, b"q"),
    "a value that does not exist": b"{" + f.ubj_text("a") + b"q}",
    "nested too deeply": b"{" + f.ubj_text("a") + b"[" * 5000,
    "cut off": UBJ[:-20],
    "not UTF-8": b"{" + f.ubj_text("a") + b"SU\x02\xff\xfe}",
    "a text beyond the end": b"{" + f.ubj_text("a") + b"SL" + struct.pack(">q", 1 << 60) + b"}",
    "something behind": UBJ + b"more",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_ubjson_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.ubj", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.unread


def test_a_key_that_stands_twice_is_a_finding(tmp_path: Path) -> None:
    content = b"{" + f.ubj_text("a") + b"T" + f.ubj_text("a") + b"F}"
    assert "config/duplicate-key" in rules_of(scanned(tmp_path, "m.ubj", content))


@pytest.mark.parametrize(
    "lead", [b"{$d#U\x00", b"{#U\x00", b"{i\x01aT}", b"{U\x01aT}", b"{I\x00\x01aT}", b"{l\x00\x00\x00\x01aT}"]
)
def test_every_form_of_an_object_is_read_whatever_its_name(tmp_path: Path, lead: bytes) -> None:
    report = scanned(tmp_path, "model.bin", lead)
    assert report.artifact.files[0].format == "ubjson"
    assert report.verdict is Verdict.CLEAN


def test_no_json_and_no_text_is_taken_for_ubjson() -> None:
    for content in (b'{"a": 1}', b"{}", b"{ }", b"{i}", b"{{ name }}", b"{if x}", b"{L"):
        data = Reader(MemorySource(content))
        assert Ubjson().sniff(data, blob_info("m", data)) is Match.NO


TEXTS = {
    "a line of another form": f.lightgbm().replace(b"[boosting: gbdt]", b"import os; os.system('id')"),
    "bytes that are no text": f.lightgbm(note="\u00ff").replace("\u00ff".encode(), b"\xff\xfe"),
}


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS.keys())
def test_a_lightgbm_model_with_strange_lines_is_incomplete(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "m.txt", content).verdict is Verdict.INCOMPLETE


def test_sizes_of_trees_that_are_wrong_are_a_finding(tmp_path: Path) -> None:
    assert "archive/ambiguous" in rules_of(scanned(tmp_path, "m.txt", f.lightgbm(sizes=[1, 2])))


CBM = {
    "a size beyond the end": b"CBM1\xff\xff\xff\xff" + bytes(40),
    "an unknown part": f.catboost(parts=("other",)),
    "something behind": f.catboost(tail=b"more"),
    "cut off": f.catboost()[:-3],
    "no core": b"CBM1" + bytes(4),
    "no mark": b"CBM2" + f.catboost()[4:],
}


@pytest.mark.parametrize("content", CBM.values(), ids=CBM.keys())
def test_a_broken_catboost_model_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.cbm", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.unread


def mutated(content: bytes, seed: int) -> bytes:
    rng = random.Random(seed)
    out = bytearray(content)
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(out))
        out[place : place + rng.randrange(5)] = rng.choice([b"", b"\xff" * 4, bytes(4), rng.randbytes(2)])
    return bytes(out)


@pytest.mark.parametrize(("name", "content"), [("m.ubj", UBJ), ("m.txt", f.lightgbm()), ("m.cbm", f.catboost())])
def test_a_changed_model_is_read_or_said_to_be_broken(tmp_path: Path, name: str, content: bytes) -> None:
    for seed in range(300):
        report = scanned(tmp_path, name, mutated(content, seed))
        assert not any("parser failed" in span.why for span in report.unread), seed


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 31), (1 << 31) - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=8), values, min_size=1, max_size=4), st.integers(0, 3))
def test_any_object_is_walked_to_its_end(tree: dict[str, object], behind: int) -> None:
    content = f.ubj(tree)
    data = Reader(MemorySource(content + bytes(behind)))
    found = list(Ubjson().parse(data, blob_info("m.ubj", data), Budget(Limits(), data.size)))
    assert sum(span.size for span in found if isinstance(span, Span)) == len(content)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_facts_or_a_format_error(raw: bytes) -> None:
    data = Reader(MemorySource(b"{U\x01a" + raw))
    with contextlib.suppress(FormatError):
        list(Ubjson().parse(data, blob_info("m.ubj", data), Budget(Limits(), data.size)))
