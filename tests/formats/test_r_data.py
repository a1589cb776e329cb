"""Values of R: everything is walked, and what R would evaluate or call later is told."""

from __future__ import annotations

import base64
import contextlib
import gzip
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import pickles as p
from build import r_values as r
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Reference, Span
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import blob_info
from weighbridge.formats.r.data import RData

RSCRIPT = shutil.which("Rscript") or "Rscript"
needs_r = pytest.mark.skipif(
    not shutil.which("Rscript") and not os.environ.get("CI"), reason="R is not installed: apt-get install r-base-core"
)
SCRIPT = Path(__file__).parents[1] / "build" / "honest_values.R"
FORMS = ["X", "B", "A"]
EVIL = r.call("system", r.strings("echo"))
FRAME = r.with_attributes(
    r.many(r.integers(1, 2, -2147483648), r.reals(1.5, -2.0e300), r.strings("a b", 'c\n"\\ü'), r.raw(bytes(40)), r.NIL),
    ("names", r.strings("a", "b", "c", "d", "e")),
    ("class", r.strings("data.frame")),
)
FORMULA = r.with_attributes(
    r.call("~", r.symbol("y"), r.call("poly", r.symbol("x"), r.integers(2))),
    ("class", r.strings("formula")),
    (".Environment", r.environment(r.pairs(("d", r.promise(r.symbol("d"), r.integers(1)))))),
)
HONEST = {
    "a data frame": FRAME,
    "a formula": FORMULA,
    "a column that is called like a function": r.call(
        "lm", r.call("~", r.symbol("y"), r.call("+", r.symbol("source"), r.call("log", r.symbol("system"))))
    ),
    "columns of a model": r.call("list", r.symbol("y"), r.symbol("source")),
    "a saved call": r.call("lm", FORMULA, r.symbol("d")),
    "a compact vector": r.compact("compact_intseq", "base"),
    "a function of arithmetic": r.closure(r.call("{", r.call("+", r.symbol("x"), r.reals(1)))),
    "words among the arguments": r.call("sapply", r.symbol("x"), r.symbol("length"), r.strings(" system ")),
    "an unused argument": r.environment(r.pairs(("n", r.promise(r.call("nrow", r.symbol("d")))))),
    "an S4 object": r.with_attributes(r.number(25), ("a", r.reals(1)), ("class", r.strings("P"))),
    "a namespace": r.named(249, "stats", "4.2.2"),
    "an empty list": r.many(),
    "a primitive function": [*r.number(8), *r.number(3), ("text", b"sum")],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("item", HONEST.values(), ids=HONEST.keys())
def test_honest_values_are_clean_in_every_form(tmp_path: Path, item: list[r.Token], form: str) -> None:
    for version in (2, 3):
        report = scanned(tmp_path, "m.rds", r.rendered(item, form, version=version))
        assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
        assert report.artifact.files[0].format == "r-data"


@pytest.mark.parametrize("form", FORMS)
def test_a_workspace_is_clean_also_compressed(tmp_path: Path, form: str) -> None:
    content = r.workspace(("d", FRAME), ("f", FORMULA), form=form)
    assert scanned(tmp_path, "m.rda", content).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "m.RData", gzip.compress(content)).verdict is Verdict.CLEAN


LOOSE = r.promise(EVIL)
ATTACKS = {
    "a promise as the value": (LOOSE, "code/r-promise", Verdict.MALICIOUS),
    "a promise that only adds": (r.promise(r.call("+", r.reals(1))), "code/r-promise", Verdict.MALICIOUS),
    "a promise in a list": (r.many(r.integers(1), LOOSE), "code/r-promise", Verdict.MALICIOUS),
    "a promise in an attribute": (
        r.with_attributes(r.integers(1), ("names", LOOSE)),
        "code/r-promise",
        Verdict.MALICIOUS,
    ),
    "a promise of a promise": (r.promise(LOOSE), "code/r-promise", Verdict.MALICIOUS),
    "a promise of bytecode": (r.promise(r.bytecode(EVIL)), "code/r-promise", Verdict.MALICIOUS),
    "a promise in an environment": (
        r.environment(r.pairs(("d", LOOSE))),
        "code/r-promise",
        Verdict.MALICIOUS,
    ),
    "a promise that calls a stranger": (
        r.environment(r.pairs(("d", r.promise(r.call("helper"))))),
        "code/r-promise",
        Verdict.SUSPICIOUS,
    ),
    "a promise of bytecode in an environment": (
        r.environment(r.pairs(("d", r.promise(r.bytecode(r.call("+", r.reals(1))))))),
        "code/r-promise",
        Verdict.SUSPICIOUS,
    ),
    "a formula that starts a program": (r.call("~", r.symbol("y"), EVIL), "code/r-call", Verdict.MALICIOUS),
    "a call through its package": (
        r.call(r.call("::", r.symbol("base"), r.symbol("system")), r.strings("echo")),
        "code/r-call",
        Verdict.MALICIOUS,
    ),
    "a call by a text": (r.call("do.call", r.strings("system"), r.many()), "code/r-call", Verdict.MALICIOUS),
    "a function that is handed on": (
        r.call("lapply", r.strings("echo"), r.symbol("system")),
        "code/r-call",
        Verdict.MALICIOUS,
    ),
    "a function in parentheses": (
        r.call(r.call("(", r.symbol("system")), r.strings("echo")),
        "code/r-call",
        Verdict.SUSPICIOUS,
    ),
    "a function out of a list": (
        r.call("~", r.call(r.call("[[", r.call("list", r.symbol("system")), r.integers(1)), r.strings("echo"))),
        "code/r-call",
        Verdict.SUSPICIOUS,
    ),
    "a function under another name": (
        r.call("{", r.call("<-", r.symbol("f"), r.symbol("system")), r.call("f", r.strings("echo"))),
        "code/r-call",
        Verdict.SUSPICIOUS,
    ),
    "a function handed to a stranger": (
        r.call("~", r.call("each", r.call("list", r.symbol("system")))),
        "code/r-call",
        Verdict.SUSPICIOUS,
    ),
    "a function behind many arguments": (
        r.call("sapply", *[r.integers(1)] * 20, r.symbol("system")),
        "code/r-call",
        Verdict.MALICIOUS,
    ),
    "a function computed for another": (
        r.call("sapply", r.strings("echo"), r.call("[[", r.symbol("l"), r.integers(1))),
        "code/r-call",
        Verdict.SUSPICIOUS,
    ),
    "a primitive function that is handed on": (
        r.call("f", [*r.number(8), *r.number(6), ("text", b"system")]),
        "code/r-call",
        Verdict.MALICIOUS,
    ),
    "a function got by a call": (
        r.call(r.call("match.fun", r.strings("system")), r.strings("echo")),
        "code/r-call",
        Verdict.MALICIOUS,
    ),
    "an argument of an argument": (
        r.call("list", r.call("c", r.call("c", EVIL))),
        "code/r-call",
        Verdict.MALICIOUS,
    ),
    "an expression": (r.many(EVIL, kind=20), "code/r-call", Verdict.MALICIOUS),
    "evaluated text": (
        r.call("eval", r.call("parse", r.strings("1"))),
        "code/r-call",
        Verdict.SUSPICIOUS,
    ),
    "a call of the expression of a finished promise": (
        r.environment(r.pairs(("d", r.promise(EVIL, r.integers(1))))),
        "code/r-call",
        Verdict.MALICIOUS,
    ),
    "a function": (r.closure(EVIL), "code/r-call", Verdict.MALICIOUS),
    "a function that calls a stranger": (r.closure(r.call("helper")), "code/r-function", Verdict.SUSPICIOUS),
    "a function that is called at once": (
        r.call(r.closure(r.call("helper"))),
        "code/r-function",
        Verdict.SUSPICIOUS,
    ),
    "a default value": (r.closure(r.NIL, r.pairs(("x", EVIL))), "code/r-call", Verdict.MALICIOUS),
    "bytecode": (r.closure(r.bytecode(r.call("+", r.reals(1)))), "code/r-function", Verdict.SUSPICIOUS),
    "bytecode without its source": (
        r.closure(r.bytecode(r.NIL, r.symbol("system"))),
        "code/r-call",
        Verdict.MALICIOUS,
    ),
    "an active binding": (
        r.environment(r.pairs(("b", r.closure(r.NIL)), levels=r.ACTIVE)),
        "code/r-function",
        Verdict.SUSPICIOUS,
    ),
    "a primitive function": (
        [*r.number(8), *r.number(6), ("text", b"system")],
        "code/r-function",
        Verdict.MALICIOUS,
    ),
    "a value to be supplied": (r.named(243, "a"), "code/r-outside", Verdict.SUSPICIOUS),
    "a package from elsewhere": (r.named(249, "../../tmp/evil"), "code/r-outside", Verdict.SUSPICIOUS),
    "a vector that maps a file": (r.compact("mmap_real", "base"), "code/r-outside", Verdict.SUSPICIOUS),
    "a vector of a package": (r.compact("compact_intseq", "evil"), "code/r-outside", Verdict.SUSPICIOUS),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("item", "rule", "verdict"), ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_found_in_every_form(
    tmp_path: Path, item: list[r.Token], rule: str, verdict: Verdict, form: str
) -> None:
    report = scanned(tmp_path, "m.rds", r.rendered(item, form))
    assert not report.unread
    assert rule in rules_of(report)
    assert report.verdict is verdict


def test_an_attack_is_found_inside_compression_and_a_workspace(tmp_path: Path) -> None:
    content = r.workspace(("a", FRAME), ("b", LOOSE))
    assert "code/r-promise" in rules_of(scanned(tmp_path, "m.RData", gzip.compress(content)))


def test_an_object_that_r_calls_by_itself_is_found(tmp_path: Path) -> None:
    assert "code/r-hook" in rules_of(scanned(tmp_path, ".RData", r.workspace((".First", r.closure(r.NIL)))))
    assert not rules_of(scanned(tmp_path, "a.RData", r.workspace(("First", r.closure(r.NIL)))))


PICKLE = p.proto(4) + p.system() + p.STOP


@pytest.mark.parametrize("form", FORMS)
def test_an_object_among_bytes_or_texts_is_found(tmp_path: Path, form: str) -> None:
    assert scanned(tmp_path, "m.rds", r.rendered(r.raw(PICKLE), form)).verdict is Verdict.MALICIOUS
    text = base64.b64encode(PICKLE).decode()
    assert scanned(tmp_path, "m.rds", r.rendered(r.strings("a", text), form)).verdict is Verdict.MALICIOUS


def test_large_vectors_are_data(tmp_path: Path) -> None:
    coverage = scanned(tmp_path, "m.rds", r.rendered(r.many(r.reals(*[0.5] * 1000), r.raw(bytes(5000))))).artifact
    assert coverage.files[0].coverage.data == 13_000


SOUND = r.rendered(r.many(FRAME, FORMULA, r.closure(r.bytecode(EVIL)), r.compact("compact_intseq", "base")))
WORDS = r.rendered(r.many(FRAME, FORMULA), "A")
BROKEN = {
    "a type that does not exist": r.rendered(r.number(77)),
    "a reference to nothing": r.rendered(r.number(5 << 8 | 255)),
    "a vector beyond the end": r.rendered(r.number(14) + r.number(1 << 30)),
    "a long vector beyond the end": r.rendered(r.number(14) + r.number(-1) + r.number(1 << 30) + r.number(0)),
    "a negative length": r.rendered(r.number(19) + r.number(-7)),
    "a list beyond the end": r.rendered(r.number(19) + r.number(1 << 28)),
    "a string that is none": r.rendered(r.number(16) + r.number(1) + r.integers(1)),
    "a symbol without a name": r.rendered(r.number(1) + r.integers(1)),
    "a version of tomorrow": r.rendered(r.NIL, version=4),
    "names of names": r.rendered(r.number(249) + r.number(1) + r.number(0)),
    "a constant that does not exist": r.rendered([*r.number(21), *r.number(0), *r.integers(12, 1), *r.number(1), *r.number(244), *r.number(0), *r.number(77)]),
    "nested without end": r.rendered(r.number(19) * 0 + (r.number(19) + r.number(1)) * 110_000),
    "something behind": r.rendered(r.NIL) + b"more",
    "words where numbers must be": WORDS.replace(b"1.5\n", b"os.system\n"),
    "words where an integer must be": r.rendered(r.number(19), "A") + b"one\n",
    "words where a byte must be": r.rendered(r.number(24), "A") + b"1\nzz\n",
    "a text that ends in an escape": r.rendered(r.number(9), "A") + b"3\nab\\",
    "an encoding without end": b"X\n\0\0\0\3\0\4\2\2\0\3\5\0\x7f\0\0\0",
}  # fmt: skip


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_value_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.rds", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.unread


@pytest.mark.parametrize("content", [SOUND, WORDS])
def test_a_value_that_is_cut_anywhere_is_never_clean(tmp_path: Path, content: bytes) -> None:
    for size in range(1, len(content)):
        report = scanned(tmp_path, "m.rds", content[:size])
        assert report.verdict is not Verdict.CLEAN, size


@pytest.mark.parametrize("content", [SOUND, WORDS, r.rendered(r.many(FRAME, EVIL), "B")])
def test_a_changed_value_is_read_or_said_to_be_broken(tmp_path: Path, content: bytes) -> None:
    rng = random.Random(1)
    for seed in range(300):
        changed = bytearray(content)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(changed))
            changed[place : place + rng.randrange(5)] = rng.choice([b"", b"\xff" * 4, bytes(4), rng.randbytes(2)])
        report = scanned(tmp_path, "m.rds", bytes(changed))
        assert not any("parser failed" in span.why for span in report.unread), seed


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=80),
    st.sampled_from([b"X\n\0\0\0\2\0\4\2\2\0\2\3\0", b"A\n2\n1\n1\n", b"B\n\2\0\0\0" + bytes(8)]),
)
def test_any_bytes_are_facts_or_a_format_error(raw: bytes, head: bytes) -> None:
    data = Reader(MemorySource(head + raw))
    with contextlib.suppress(FormatError):
        list(RData().parse(data, blob_info("m.rds", data), Budget(Limits(), data.size)))


leaves = (
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4).map(lambda values: r.integers(*values))
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4).map(lambda values: r.reals(*values))
    | st.lists(st.text(max_size=8), max_size=3).map(lambda values: r.strings(*values))
    | st.binary(max_size=7).map(r.raw)
    | st.just(r.NIL)
)
items = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: r.many(*values))
        | st.lists(inner, max_size=3).map(lambda values: r.call("f", *values))
        | inner.map(lambda value: r.environment(r.pairs(("a", value))))
        | inner.map(lambda value: r.with_attributes(r.integers(1), ("a", value)))
        | inner.map(r.closure)
        | inner.map(r.promise)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(items, st.sampled_from(FORMS), st.integers(0, 3))
def test_any_value_is_walked_to_its_end(item: list[r.Token], form: str, behind: int) -> None:
    content = r.rendered(item, form)
    data = Reader(MemorySource(content + b"x" * behind))
    found = list(RData().parse(data, blob_info("m.rds", data), Budget(Limits(), data.size)))
    assert sum(span.size for span in found if isinstance(span, Span)) == len(content)


@needs_r
def test_what_r_writes_is_read_to_its_last_byte(tmp_path: Path) -> None:
    """Models and tables are clean; functions in bytecode and such that call strangers are for a person."""
    subprocess.run([RSCRIPT, "--vanilla", SCRIPT, tmp_path], check=True, capture_output=True, timeout=120)
    paths = sorted(tmp_path.iterdir())
    assert len(paths) > 30
    for path in paths:
        report = inspected(path).report
        assert not report.unread, (path.name, report.unread)
        wanted = {"code": Verdict.SUSPICIOUS, "evil": Verdict.MALICIOUS}.get(path.name.split("-")[0], Verdict.CLEAN)
        assert report.verdict is wanted, (path.name, report.findings)


@needs_r
def test_r_reads_what_is_built_here(tmp_path: Path) -> None:
    """What the tests build is what R reads: a promise in a list runs at the first look."""
    inert = r.promise(r.call("writeLines", r.strings("it ran")))
    for form in FORMS:
        (tmp_path / form).write_bytes(r.rendered(r.many(FRAME, inert, FORMULA), form))
        code = (
            f"x <- readRDS('{tmp_path / form}'); stopifnot(identical(x[[1]]$a, c(1L, 2L, NA)));"
            "stopifnot(inherits(x[[3]], 'formula'), all.vars(x[[3]]) == c('y', 'x')); y <- x[[2]]"
        )
        done = subprocess.run(
            [RSCRIPT, "--vanilla", "-e", code], check=True, capture_output=True, text=True, timeout=60
        )
        assert done.stdout.strip() in ("it ran", "")
        assert any(
            isinstance(fact, Reference) and fact.road == "r-promise"
            for blob in inspected(tmp_path / form).facts.blobs
            for fact in blob.facts
        )
