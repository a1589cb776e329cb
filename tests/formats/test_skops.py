"""skops: every class that a node names is judged; what the library writes for honest estimators is clean."""

from __future__ import annotations

import json
import random
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skops.io
from scipy.sparse import csr_matrix
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from build import pickles as p
from build.containers import zipped
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import Reference
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

X = np.random.default_rng(0).random((40, 3))
Y = (X[:, 0] > 0.5).astype(int)
HONEST = {
    "pipeline": make_pipeline(StandardScaler(), SelectKBest(f_classif, k=2), LogisticRegression()).fit(X, Y),
    "forest": RandomForestRegressor(n_estimators=3, random_state=np.random.RandomState(0)).fit(X, Y),
    "boosting": GradientBoostingClassifier(n_estimators=3).fit(X, Y),
    "histogram": HistGradientBoostingClassifier(max_iter=3, early_stopping=False).fit(X, Y),
    "search": GridSearchCV(SVC(), {"C": [1, 2]}, cv=2).fit(X, Y),
    "losses": SGDClassifier(max_iter=5, tol=None).fit(X, Y),
    "function": FunctionTransformer(np.log1p),
    "sparse": {"a": csr_matrix(X), "b": b"raw bytes of something", "c": bytearray(b"more"), "d": slice(1, 2)},
    "generator": np.random.default_rng(5),
    "objects": np.array([{"a": 1}, (1, 2)], dtype=object),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_skops_writes_is_clean(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "model.skops", skops.io.dumps(HONEST[name]))
    assert report.verdict is Verdict.CLEAN, (report.findings, report.unread)
    assert not report.findings
    assert report.artifact.files[0].format == "skops"


def node(loader: str, name: str, content: Any = None, **more: Any) -> dict[str, Any]:
    module, _, class_ = name.rpartition(".")
    return {"__class__": class_, "__module__": module, "__loader__": loader, "content": content, **more}


def text(value: str) -> dict[str, Any]:
    return node("JsonNode", "builtins.str", json.dumps(value))


def built(content: Any, members: Mapping[str, bytes] | None = None, *, method: int = 0) -> bytes:
    tree = node(
        "DictNode", "builtins.dict", {"a": content}, key_types=node("ListNode", "builtins.list", []), protocol=2
    )
    return zipped({"schema.json": json.dumps(tree).encode()} | dict(members or {}), method=method)


METHOD = {"func": "predict", "obj": node("ObjectNode", "sklearn.svm._classes.SVC")}
BAD = {
    "a function": (node("FunctionNode", "os.system"), Verdict.MALICIOUS),
    "a type": (node("TypeNode", "subprocess.Popen"), Verdict.MALICIOUS),
    "an object": (node("ObjectNode", "mypackage.Model"), Verdict.SUSPICIOUS),
    "a call": (node("ConstructorFromReduceNode", "builtins.eval", text("1")), Verdict.MALICIOUS),
    "a call of a class": (node("ConstructorFromReduceNode", "sklearn.svm._classes.SVC", text("1")), Verdict.SUSPICIOUS),
    "a function that is called": (node("NdArrayNode", "numpy.mean", type="json"), Verdict.SUSPICIOUS),
    "a method": (node("MethodNode", "sklearn.svm._classes.SVC", METHOD), Verdict.SUSPICIOUS),
    "the object model": (node("MethodNode", "sklearn.svm._classes.SVC", {**METHOD, "func": "__init__"}), Verdict.MALICIOUS),
    "an operator": (node("OperatorFuncNode", "operator.call", attrs=text("1")), Verdict.MALICIOUS),
    "a getter": (node("OperatorFuncNode", "operator.attrgetter", attrs=text("a")), Verdict.SUSPICIOUS),
    "a getter inside": (node("OperatorFuncNode", "operator.attrgetter", attrs=text("__class__")), Verdict.MALICIOUS),
    "another module": (node("OperatorFuncNode", "os.system", attrs=text("id")), Verdict.MALICIOUS),
    "a partial": (node("PartialNode", "functools.partial", {"func": node("FunctionNode", "numpy.mean")}), Verdict.SUSPICIOUS),
    "an unknown node": (node("EvilNode", "builtins.str"), Verdict.SUSPICIOUS),
    "no loader": ({"__class__": "system", "__module__": "os"}, Verdict.MALICIOUS),
    "a generator": (
        node("RandomGeneratorNode", "numpy.random._generator.Generator",
             {"bit_generator": node("DictNode", "builtins.dict", {"bit_generator": text("seed")})}),
        Verdict.SUSPICIOUS,
    ),
    "a dotted class": (node("TypeNode", "builtins.str.__class__"), Verdict.MALICIOUS),
}  # fmt: skip


@pytest.mark.parametrize(("content", "verdict"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("name", ["model.skops", "model.zip", "weights.bin"])
def test_what_a_node_names_is_judged(tmp_path: Path, content: object, verdict: Verdict, name: str) -> None:
    report = scanned(tmp_path, name, built(content))
    assert "file/skops-type" in rules_of(report)
    assert report.verdict is verdict


def test_a_node_is_found_wherever_it_stands_and_however_the_archive_is_written(tmp_path: Path) -> None:
    evil = node("FunctionNode", "os.system")
    deep: object = evil
    for _ in range(50):
        deep = node("ListNode", "builtins.list", [deep])
    for content in (
        built(deep),
        built(evil, method=8),
        built(evil, {f"padding/{number:05}": b"" for number in range(3000)}),
        zipped({"inner.skops": built(evil)}),
    ):
        assert scanned(tmp_path, "m.skops", content).verdict is Verdict.MALICIOUS
    escaped = built(evil).replace(b"__loader__", b"\\u005f_loa")
    assert scanned(tmp_path, "m.skops", escaped).verdict is not Verdict.CLEAN


def test_members_are_followed(tmp_path: Path) -> None:
    evil = p.proto(4) + p.system() + p.STOP
    bytes_node = node("BytesNode", "builtins.bytes", file="x.bin")
    assert scanned(tmp_path, "a", built(bytes_node, {"x.bin": evil})).verdict is Verdict.MALICIOUS
    assert scanned(tmp_path, "b", built(text("a"), {"x.npy": evil})).verdict is Verdict.MALICIOUS
    assert scanned(tmp_path, "c", built(bytes_node, {"x.bin": b"\x00\x01\x02 just bytes"})).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "d", built(text("a"), {"x.bin": b"\x00\x01\x02 not named"})).verdict is Verdict.INCOMPLETE


def test_a_schema_that_is_too_long_or_broken_is_incomplete(tmp_path: Path) -> None:
    content = built(text("x" * 100), method=8)
    report = scanned(tmp_path, "m.skops", content, Limits(document=50))
    assert report.limits_reached == ("document",)
    assert report.verdict is Verdict.INCOMPLETE
    for schema in (b"[", b"[]", b'"text"'):
        assert scanned(tmp_path, "m.skops", zipped({"schema.json": schema})).verdict is Verdict.INCOMPLETE


def test_a_name_is_one_fact_however_often_it_stands(tmp_path: Path) -> None:
    scanned(tmp_path, "m.skops", built([node("ObjectNode", "a.B")] * 500))
    facts = [fact for blob in inspected(tmp_path / "m.skops").facts.blobs for fact in blob.facts]
    assert sum(isinstance(fact, Reference) and fact.name == "a.B" for fact in facts) == 1


def test_changed_files_are_read_or_said_to_be_broken(tmp_path: Path) -> None:
    rng = random.Random(3)
    seed = built(node("ObjectNode", "sklearn.svm._classes.SVC", text("x")), {"a.bin": b"1234"})
    for _ in range(300):
        content = bytearray(seed)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(content))
            content[place : place + rng.randrange(4)] = rng.choice([b"", b"\xff" * 4, struct.pack("<I", 7)])
        report = scanned(tmp_path, "m.skops", bytes(content))
        assert not any("parser failed" in span.why for span in report.unread)
