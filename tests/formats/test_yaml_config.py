"""YAML: tags are never obeyed, aliases never expanded, and what a loader would build from the keys is said."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Reference
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Limits
from weighbridge.formats.grammars.yaml_events import Grown, Scalar, Tag, Twice, events

if TYPE_CHECKING:
    from pathlib import Path

MLMODEL = b"""artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.pkl
    predict_fn: predict
    python_version: 3.11.9
  sklearn:
    code: null
    pickled_model: model.pkl
    serialization_format: cloudpickle
mlflow_version: 2.14.1
utc_time_created: '2026-01-01 10:00:00.000000'
"""
CONDA = b"""# made by a tool
channels:
- conda-forge
dependencies:
- python=3.11.9
- pip<=24.0
- pip:
  - mlflow==2.14.1
name: mlflow-env
...
"""
HONEST = {
    "MLmodel": MLMODEL,
    "conda.yaml": CONDA,
    "several.yml": b"--- {a: 1}\n--- [1, 2]\n--- |\n  text\n  more\n",
    "merge.yaml": b"base: &b {x: 1, y: [1, 2]}\nnet: {<<: *b, x: 2}\nother: *b\nmore: {<<: [*b, *b]}\n",
    "types.yaml": b"a: !!str 1\nb: !!float '2'\nc: !!set {x, y}\nd: ! text\ne: !!binary aGVsbG8=\n",
    "target.yaml": b"target: label\nfeatures: [target]\n",
    "umlaut.yaml": "name: Größe\nπ: 3\n".encode(),
    "loop.yaml": b"&a [*a, *a]\n",
}


@pytest.mark.parametrize(("name", "content"), HONEST.items())
def test_an_ordinary_document_is_clean(tmp_path: Path, name: str, content: bytes) -> None:
    report = scanned(tmp_path, name, content)
    assert report.verdict is Verdict.CLEAN, report.unread
    assert not report.findings
    assert report.artifact.files[0].format == "yaml"


TAGS = {
    "a call": (b"a: !!python/object/apply:os.system ['id']", Verdict.MALICIOUS),
    "an object": (b"a: !!python/object:evil.Thing {}", Verdict.MALICIOUS),
    "a new object": (b"- !!python/object/new:type [x, [], {}]", Verdict.MALICIOUS),
    "a name": (b"? !!python/name:os.system ''\n: 1", Verdict.MALICIOUS),
    "a module": (b"a: !!python/module:os ''", Verdict.MALICIOUS),
    "the long form": (b"a: !<tag:yaml.org,2002:python/object/apply:os.system> ['id']", Verdict.MALICIOUS),
    "a prefix of its own": (
        b"%TAG !x! tag:yaml.org,2002:python/object/\n---\na: !x!apply:os.system ['id']",
        Verdict.MALICIOUS,
    ),
    "escaped": (b"a: !!python/%6fbject/apply:os.system ['id']", Verdict.MALICIOUS),
    "behind a document": (b"a: 1\n---\nb: !!python/object/apply:os.system ['id']", Verdict.MALICIOUS),
    "a harmless class": (b"a: !!python/object/apply:collections.OrderedDict []", Verdict.SUSPICIOUS),
    "before an error": (b"a: !!python/object/apply:os.system ['id']\nb: [", Verdict.MALICIOUS),
}


@pytest.mark.parametrize(("content", "verdict"), TAGS.values(), ids=TAGS.keys())
def test_a_tag_that_builds_something_is_judged(tmp_path: Path, content: bytes, verdict: Verdict) -> None:
    report = scanned(tmp_path, "config.yaml", content)
    assert "config/yaml-tag" in rules_of(report)
    assert report.verdict is verdict


@pytest.mark.parametrize(("tag", "severity"), [("!include x", "medium"), ("!!python/tuple [1]", "info")])
def test_other_tags_are_findings(tmp_path: Path, tag: str, severity: str) -> None:
    report = scanned(tmp_path, "config.yaml", f"a: {tag}\n".encode())
    assert [finding.severity.value for finding in report.findings] == [severity]


def test_the_tag_in_utf_16_is_seen_too(tmp_path: Path) -> None:
    content = "a: !!python/object/apply:os.system ['id']".encode("utf-16")
    assert scanned(tmp_path, "config.yaml", content).verdict is Verdict.MALICIOUS


def test_aliases_that_grow_are_a_finding_and_cost_nothing(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 60)]
    report = scanned(tmp_path, "config.yaml", "\n".join(lines).encode())
    assert "config/yaml-aliases" in rules_of(report)
    assert len(report.findings) == 1


def test_references_are_named_with_their_keys(tmp_path: Path) -> None:
    text = """
model:
  _target_: torch.load
  layers: [{class_path: a.B}, {target: "ldm.Model", params: {}}]
target: plain
"""
    scanned(tmp_path, "config.yaml", text.encode())
    facts = inspected(tmp_path / "config.yaml").facts.blobs[0].facts
    found = [fact[:3] for fact in facts if isinstance(fact, Reference)]
    assert found == [
        ("target", "torch.load", "model._target_"),
        ("target", "a.B", "model.layers.0.class_path"),
        ("target", "ldm.Model", "model.layers.1.target"),
    ]


MLFLOW = {
    "a loader module": MLMODEL.replace(b"mlflow.sklearn", b"evil_loader"),
    "a module that begins alike": MLMODEL.replace(b"mlflow.sklearn", b"mlflowx.sklearn"),
    "code": MLMODEL.replace(b"    env:", b"    code: code\n    env:"),
    "a script": MLMODEL + b"model_code_path: model.py\n",
}


@pytest.mark.parametrize("content", MLFLOW.values(), ids=MLFLOW.keys())
def test_code_that_mlflow_runs_is_a_finding(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "MLmodel", content)
    assert rules_of(report) == {"config/mlflow-code"}
    assert report.verdict is Verdict.SUSPICIOUS


EVIL = base64.b64encode(p.proto(4) + p.system() + p.STOP).decode()
HIDDEN = [
    f"a: {EVIL}",
    f"? {EVIL}\n: 1",
    f"# {EVIL}\na: 1",
    f'a: "{"".join(chr(92) + f"x{ord(c):02x}" for c in EVIL)}"',
    "a: |\n" + "\n".join(f"  {EVIL[i : i + 20]}" for i in range(0, len(EVIL), 20)),
    f"a: !!binary {EVIL}",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_an_object_inside_is_found_and_followed(tmp_path: Path, text: str) -> None:
    assert scanned(tmp_path, "config.yaml", text.encode()).verdict is Verdict.MALICIOUS


ODD = {
    "config/duplicate-key": b"a: 1\nb: 2\na: 3\n",
    "config/yaml-resolver": b"a: ${oc.env:HOME}\n",
}


@pytest.mark.parametrize(("rule", "content"), ODD.items())
def test_what_is_odd_is_a_finding(tmp_path: Path, rule: str, content: bytes) -> None:
    assert rules_of(scanned(tmp_path, "config.yaml", content)) == {rule}


BROKEN = {
    "cut off": b"a: [1, 2",
    "a tab": b"a:\n\t- b",
    "not UTF-8": b"a: \xff\xfe",
    "a control character": b"a: \x01",
    "nested too deeply": b"[" * 3000,
    "nested too deeply in blocks": b"- " * 3000,
    "an escape for nothing": b'a: "\\UFFFFFFFF"',
    "an unknown version": b"%YAML 3.0\n---\na: 1",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_document_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "config.yaml", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert not any("parser failed" in span.why for span in report.unread)


def test_a_document_that_is_too_long_is_searched_and_incomplete(tmp_path: Path) -> None:
    report = scanned(tmp_path, "config.yaml", b"a: 1\n" * 100, Limits(yaml=100))
    assert report.limits_reached == ("yaml",)
    assert report.verdict is Verdict.INCOMPLETE


def paths(text: str) -> dict[str, str]:
    return {event.path: event.value for event in events(text) if isinstance(event, Scalar) and not event.is_key}


def leaves(tree: object, path: str = "") -> dict[str, str]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found = {} if isinstance(tree, dict | list) else {path: str(tree)}
    for key, value in items:
        found |= leaves(value, f"{path}.{key}" if path else str(key))
    return found


names = st.text("abcdef", min_size=1, max_size=6)
trees = st.recursive(
    st.text("abc ü", min_size=1).filter(lambda text: text == text.strip()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(trees, st.booleans())
def test_paths_lead_to_the_values_that_a_loader_builds(tree: object, flow: bool) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=True)
    assert paths(text) == leaves(tree)


@settings(max_examples=300, deadline=None)
@given(st.text("ab:-[]{}&*!|>'\"%@#? \n,1", max_size=60))
def test_any_text_is_events_or_a_format_error(text: str) -> None:
    with contextlib.suppress(FormatError):
        for event in events(text):
            assert isinstance(event, Scalar | Tag | Twice | Grown)
            assert 0 <= event.offset <= len(text.encode())


PARITY = [
    "a: 1\nb: [x, {y: z}]\n",
    "ü: \U0001f600 ä\nnext: 'é'\n",
    "- &a x\n- *a\n--- !t\nk: |\n  text\n   more\n",
    "a: !!python/object/apply:os.system ['id']\n",
    "? [1, 2]\n: {a: !x b}\n<<: *no\n",
    "a: 'x\n\n  y'\nb: \"\\u00e9\\x41\"\n# ü\nc: ~\n",
]


@pytest.mark.parametrize("text", PARITY)
def test_both_parsers_of_the_library_say_the_same(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = list(events(text))
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert list(events(text)) == fast
