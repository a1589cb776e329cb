"""Known code turned against its user: harmless classes and functions, put together so that their methods run.

An object whose state a pickle decides is harmless only as long as nothing calls its methods. These are the ways to get
one called while loading, and the references that wait for a later call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.inspecting import scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

LAZY = p.global_("nltk.collections", "LazyMap") + b")\x81}" + p.text("_func") + p.global_("numpy", "mean") + b"sb"
"""An object of a known class with a state of the pickle's choice: iterating over it calls what it holds."""
CASES = {
    "copyreg runs __init__ of the class that is given as the base": (
        p.global_("copyreg", "_reconstructor")
        + b"("
        + p.global_("sklearn.svm._classes", "SVC") * 2
        + p.text("x")
        + b"tR."
    ),
    "the same by its old name": (
        p.global_("copy_reg", "_reconstructor")
        + b"("
        + p.global_("sklearn.svm._classes", "SVC") * 2
        + p.text("x")
        + b"tR."
    ),
    "a tuple is made by iterating over an object": p.global_("builtins", "tuple") + LAZY + b"\x85R.",
    "a list": p.global_("builtins", "list") + LAZY + b"\x85R.",
    "a frozenset": p.global_("builtins", "frozenset") + LAZY + b"\x85R.",
    "a dict": p.global_("builtins", "dict") + LAZY + b"\x85R.",
    "a counter": p.global_("collections", "Counter") + LAZY + b"\x85R.",
    "a deque": p.global_("collections", "deque") + LAZY + b"\x85R.",
    "an ordered dict": p.global_("collections", "OrderedDict") + LAZY + b"\x85R.",
    "an ordered dict of pairs, one of which is the object": (
        p.global_("collections", "OrderedDict") + b"](" + LAZY + b"e\x85R."
    ),
    "a long list of pairs, added one by one, the last of which is the object": (
        p.global_("collections", "OrderedDict") + b"]" + (p.text("k") + b"K\x01\x86a") * 60 + LAZY + b"a\x85R."
    ),
    "a long list of pairs, added together": (
        p.global_("collections", "OrderedDict") + b"](" + (p.text("k") + b"K\x01\x86") * 60 + LAZY + b"e\x85R."
    ),
    "a range asks for an index": p.global_("builtins", "range") + LAZY + b"\x85R.",
    "an index of pandas": (
        p.global_("pandas.core.indexes.base", "_new_Index")
        + p.global_("pandas", "Index")
        + b"}"
        + p.text("data")
        + LAZY
        + b"s\x86R."
    ),
    "a sparse tensor": (
        p.global_("torch._utils", "_rebuild_sparse_tensor")
        + p.call("torch.serialization", "_get_layout", p.text("torch.sparse_coo"))
        + b"("
        + LAZY * 2
        + b"t\x86R."
    ),
    "the state is an object: its methods are called for items": (
        p.global_("sklearn.svm._classes", "SVC") + b")\x81" + LAZY + b"b."
    ),
    "items put into a dict in the place of pairs": p.global_("collections", "OrderedDict") + b")R" + LAZY + b"b.",
    "a method of a known class waits for a call": p.stack_global("numpy", "ndarray.tofile") + b".",
    "the same by getattr": p.call("builtins", "getattr", p.global_("numpy", "ndarray"), p.text("tofile")) + b".",
    "a class with arguments waits for a call": p.call("functools", "partial", p.global_("sklearn.svm._classes", "SVC"))
    + b".",
    "typed lists of torch": p.global_("torch.jit._pickle", "build_intlist") + LAZY + b"\x85R.",
}


@pytest.mark.parametrize("case", CASES)
def test_known_code_is_not_put_together_freely(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "m.pkl", p.proto(4) + CASES[case])
    assert report.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)


def test_long_lists_of_pairs_are_ordinary(tmp_path: Path) -> None:
    pair = p.text("k") + p.global_("collections", "OrderedDict") + b")R\x86"
    for raw in (b"]" + (pair + b"a") * 60, b"](" + pair * 60 + b"e"):
        whole = p.proto(2) + p.global_("collections", "OrderedDict") + raw + b"\x85R."
        assert scanned(tmp_path, "m.pkl", whole).verdict is Verdict.CLEAN
