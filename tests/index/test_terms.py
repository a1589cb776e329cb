"""What stored facts say of a model, as terms that are asked for."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

from build.inspecting import inspected
from weighbridge.core import facts
from weighbridge.core.digests import digest_bytes
from weighbridge.index.records import Term
from weighbridge.index.terms import hosts_in, terms_of
from weighbridge.scan.report import BlobFacts
from weighbridge.scan.stored_facts import read_facts

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.core.facts import Fact

TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


class Loads:
    """Pickles into a call of `os.getcwd`, which harms nobody."""

    def __reduce__(self) -> tuple[object, tuple[()]]:
        import os

        return os.getcwd, ()


def terms(*found: Fact) -> set[tuple[str, str]]:
    return set(terms_of([BlobFacts("a", "pickle", 1, found)])) - {Term("format", "pickle")}


def test_each_fact_says_what_it_names() -> None:
    said = {
        ("global", "os.system"): facts.Import("os.system"),
        ("global", "builtins.eval"): facts.Call("builtins.eval", "call", "", ""),
        ("global", "(computed)"): facts.ComputedImport("a + b"),
        ("reference", "modeling.Net"): facts.Reference("local-code", "modeling.Net", "auto_map"),
        ("operator", "com.evil:Foo"): facts.Operator("com.evil", "Foo", 1, 0),
        ("operator", "MatMul"): facts.Operator("", "MatMul", 1, 0),
        ("template", "sha256:00"): facts.TemplateUse("chat_template", "whole", "sha256:00"),
        ("native", "elf"): facts.Native("elf"),
        ("oddity", "trailing-bytes"): facts.Oddity("trailing-bytes", ""),
        ("host", "a.example.org"): facts.FileReference("weights", "https://a.example.org/x", "k"),
        ("host", "hook.example.org"): facts.Address("chat-hook", "hook.example.org/x", "k"),
        ("host", "b.example.org"): facts.TemplateUse("chat_template", "address", "https://b.example.org:8/x"),
    }
    for term, fact in said.items():
        assert terms(fact) == {Term(*term)}
    assert terms(facts.SourceUse("http", "requests.get", "requests.get('http://c.example.org')", "call")) == {
        Term("call", "requests.get"),
        Term("host", "c.example.org"),
    }
    assert terms(facts.Tensor("w", "F32", (1,), 0, 4), facts.Call("a()(b)", "call", "", "")) == set()


def test_hosts_of_what_is_no_address_are_none() -> None:
    assert list(hosts_in("http://[::1 https://ok.example.org/ ab://b:c@d.example.org x:// http:///p")) == [
        "ok.example.org",
        "d.example.org",
    ]


def test_a_scan_gives_terms_that_survive_being_stored(tmp_path: Path) -> None:
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(Loads()))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling.Net"}}))
    (tmp_path / "modeling.py").write_text("import subprocess\nsubprocess.run(['x', 'https://d.example.org'])\n")
    sheet = inspected(tmp_path).facts.predicate()
    found = set(terms_of(read_facts(json.loads(json.dumps(sheet)))))
    assert {
        Term("global", "posix.getcwd"),
        Term("template", str(digest_bytes(TEMPLATE.encode()))),
        Term("reference", "modeling.Net"),
        Term("call", "subprocess.run"),
        Term("host", "d.example.org"),
        Term("format", "pickle"),
    } <= found
    assert len([term for term in found if term.kind == "template"]) == 1, "the same template in two places"
