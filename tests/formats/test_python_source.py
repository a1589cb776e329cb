"""Python source: every class of attack is found however it is written, and honest code stays silent."""

from __future__ import annotations

import base64
import itertools
import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build import pickles as p
from build.containers import torch_zip
from build.held_out_source import HELD_OUT
from build.hostile_source import CRITICAL, HIGH, MEDIUM, SHADOWED, SILENT
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import blob_info
from weighbridge.formats.python.source import PythonSource

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("case", CRITICAL)
def test_attacks_are_malicious(tmp_path: Path, case: str) -> None:
    assert scanned(tmp_path, "modeling_net.py", CRITICAL[case].encode()).verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("case", HIGH)
def test_what_needs_a_person_is_suspicious(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "modeling_net.py", HIGH[case].encode())
    assert report.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)


@pytest.mark.parametrize("case", SHADOWED)
def test_names_that_seem_to_stand_for_something_else_are_stopped(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "modeling_net.py", SHADOWED[case].encode())
    assert report.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)


@pytest.mark.parametrize("source", HELD_OUT)
def test_loaders_that_the_rules_were_not_written_for_are_stopped(tmp_path: Path, source: str) -> None:
    report = scanned(tmp_path, "modeling_net.py", source.encode())
    assert report.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)


@pytest.mark.parametrize("case", MEDIUM)
def test_what_is_worth_a_look_is_told(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "modeling_net.py", MEDIUM[case].encode())
    assert report.verdict is Verdict.CLEAN
    assert rules_of(report)


@pytest.mark.parametrize("case", SILENT)
def test_honest_code_is_silent(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "modeling_net.py", SILENT[case].encode())
    assert (report.verdict, rules_of(report)) == (Verdict.CLEAN, set())


@pytest.mark.parametrize(
    "content",
    [
        b"def f(:\n",
        b"print 'python 2'\n",
        b"# coding: utf-7\nx = 1\n",
        b"# coding: rot13\nvzcbeg bf\n",
        b"x = '\xff'\n",
        b"(" * 5000,
        b"-" * 100_000 + b"1",
        b"x" + b".a" * 100_000,
        b"1" + b"+1" * 100_000,
        b"x = 1\n" * 1_000_000,
    ],
    ids=["syntax", "python 2", "utf-7", "rot13", "encoding", "brackets", "minus", "attributes", "sums", "long"],
)
def test_what_cannot_be_read_is_incomplete(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "m.py", content).verdict is Verdict.INCOMPLETE


def test_objects_in_long_texts_are_looked_into(tmp_path: Path) -> None:
    hidden = base64.b64encode(p.proto(2) + p.system("x" * 200) + p.STOP).decode()
    assert scanned(tmp_path, "m.py", f"DATA = '{hidden}'\n".encode()).verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("name", ["sitecustomize.py", "setup.py", "conftest.py"])
def test_names_that_run_by_themselves_are_told(tmp_path: Path, name: str) -> None:
    assert "code/runs-by-name" in rules_of(scanned(tmp_path, name, b"x = 1\n"))


PIECES = {
    "plain": repr,
    "added": lambda word: f"{word[:1]!r} + {word[1:]!r}",
    "reversed": lambda word: f"{word[::-1]!r}[::-1]",
    "joined": lambda word: f"''.join({list(word)!r})",
    "chr": lambda word: " + ".join(f"chr({ord(letter)})" for letter in word),
    "mapped": lambda word: f"''.join(map(chr, {[ord(letter) for letter in word]!r}))",
    "xor": lambda word: f"''.join(chr(c ^ 5) for c in {[ord(letter) ^ 5 for letter in word]!r})",
    "hex": lambda word: f"bytes.fromhex({word.encode().hex()!r}).decode()",
    "base64": lambda word: f"__import__('base64').b64decode({base64.b64encode(word.encode())!r}).decode()",
    "format": lambda word: f"'{{}}{{}}'.format({word[:2]!r}, {word[2:]!r})",
    "percent": lambda word: f"'%s%s' % ({word[:2]!r}, {word[2:]!r})",
    "replaced": lambda word: f"{'@'.join(word)!r}.replace('@', '')",
    "bytes": lambda word: f"bytes({list(word.encode())!r}).decode()",
    "swapped": lambda word: f"{word.swapcase()!r}.swapcase()",
}
SINKS = {
    "getattr": ("os", "system", "import os\n{place}getattr(os, {name})('echo inert')\n"),
    "import": ("subprocess", "subprocess", "{place}__import__({name}).run(['echo'])\n"),
    "import_module": ("os", "os", "import importlib\n{place}importlib.import_module({name}).system('echo inert')\n"),
    "builtins": ("builtins", "exec", "import builtins\n{place}getattr(builtins, {name})(x)\n"),
    "dictionary": ("builtins", "eval", "{place}__builtins__.__dict__[{name}](x)\n"),
    "modules": ("sys", "os", "import sys\n{place}sys.modules[{name}].system('echo inert')\n"),
}
PLACES = {"import": "", "function": "def f(x):\n    return ", "class": "class A:\n    y = ", "lambda": "f = lambda x: "}
LOADERS = list(itertools.product(PIECES, SINKS, PLACES))


@pytest.mark.parametrize(("piece", "sink", "place"), LOADERS)
def test_generated_loaders_are_stopped(tmp_path: Path, piece: str, sink: str, place: str) -> None:
    _, word, code = SINKS[sink]
    source = code.format(name=PIECES[piece](word), place=PLACES[place])
    assert scanned(tmp_path, "m.py", source.encode()).verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS), source


def test_code_of_torchscript_is_read(tmp_path: Path) -> None:
    code = b"class Net(Module):\n  __parameters__ = []\n  def forward(self: __torch__.Net, x: Tensor) -> Tensor:\n    return ops.prim.data(x)\n"
    extra = {"archive/code/__torch__.py": code}
    content = torch_zip([("FloatStorage", "0", bytes(8))], {"FloatStorage": 4}, extra=extra)
    assert scanned(tmp_path, "m.pt", content).verdict is Verdict.CLEAN
    for operator in (b"ops.evil.run", b"ops.aten.save"):
        extra = {"archive/code/__torch__.py": code.replace(b"ops.prim.data", operator)}
        report = scanned(
            tmp_path, "m.pt", torch_zip([("FloatStorage", "0", bytes(8))], {"FloatStorage": 4}, extra=extra)
        )
        assert "torchscript/custom-operator" in rules_of(report)


def test_code_beside_a_configuration_is_judged_with_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling_net.Net"}}))
    (tmp_path / "modeling_net.py").write_text(SILENT["a model"])
    assert inspected(tmp_path).report.verdict is Verdict.CLEAN
    (tmp_path / "modeling_net.py").write_text(CRITICAL["process on import"])
    assert inspected(tmp_path).report.verdict is Verdict.MALICIOUS


@given(
    st.text(max_size=200) | st.sampled_from([*CRITICAL.values(), *HIGH.values()]).flatmap(st.permutations).map("".join)
)
def test_any_text_gives_facts_or_an_error(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    data = Reader(MemorySource(raw))
    with suppress(FormatError):
        list(PythonSource().parse(data, blob_info("m.py", data), Budget(Limits(), len(raw))))
