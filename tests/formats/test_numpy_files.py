"""NumPy files: arrays are data, arrays of objects are pickles, and sizes must be what the header says."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import pickles as p
from build.containers import zipped
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import Tensor
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

ARRAYS: dict[str, Any] = {
    "floats": np.arange(12, dtype="<f8").reshape(3, 4),
    "fortran order": np.asfortranarray(np.ones((3, 5), "f4")),
    "no dimensions": np.array(7, dtype=">i4"),
    "empty": np.zeros((0, 3)),
    "booleans": np.array([True, False]),
    "text": np.array(["ab", "cde"]),
    "bytes": np.array([b"ab", b"c"]),
    "times": np.array(["2026-01-01"], dtype="M8[ns]"),
    "complex": np.ones(3, "c16"),
    "nothing in it": np.zeros(3, dtype=[]),
    "a name in Latin-1": np.zeros(2, dtype=[("\u00e9", "<i4")]),
    "a title": np.zeros(2, dtype=[(("long title", "a"), "<i4")]),
    "gaps": np.zeros(2, dtype=np.dtype([("a", "u1"), ("b", "<f8")], align=True)),
    "raw": np.zeros(2, dtype="V8"),
    "structured": np.zeros(3, dtype=[("a", "<i4"), ("b", "<f8", (2, 2)), ("c", [("d", "S3")])]),
}


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def by_hand(header: str, payload: bytes, *, major: int = 1, minor: int = 0) -> bytes:
    raw = header.encode()
    width = "<H" if major == 1 else "<I"
    return b"\x93NUMPY" + bytes([major, minor]) + struct.pack(width, len(raw)) + raw + payload


@pytest.mark.parametrize("name", ARRAYS)
def test_what_numpy_writes_is_clean_data(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "a.npy", npy(ARRAYS[name]))
    assert report.verdict is Verdict.CLEAN, (report.findings, report.unread)
    assert report.artifact.files[0].coverage.data == ARRAYS[name].nbytes


def test_an_array_is_one_tensor(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy(ARRAYS["floats"]))
    facts = [fact for blob in inspected(path).facts.blobs for fact in blob.facts]
    assert facts == [Tensor("array", "<f8", (3, 4), 128, 96)]


def test_a_name_in_utf_8_is_of_version_3(tmp_path: Path) -> None:
    header = "{'descr': [('\u65e5', '<i4')], 'fortran_order': False, 'shape': (1,), }\n"
    assert scanned(tmp_path, "a.npy", by_hand(header, bytes(4), major=3)).verdict is Verdict.CLEAN
    broken = by_hand(header, bytes(4), major=3).replace("\u65e5".encode(), b"\xff\xff\xff")
    report = scanned(tmp_path, "a.npy", broken)
    assert report.verdict is Verdict.INCOMPLETE
    assert "not utf-8" in report.unread[0].why


def test_odd_escapes_in_a_name_are_not_warned_of(tmp_path: Path) -> None:
    header = "{'descr': [('\\d', '<i4')], 'fortran_order': False, 'shape': (1,), }\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert scanned(tmp_path, "a.npy", by_hand(header, bytes(4))).verdict is Verdict.CLEAN


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_several_in_an_archive(tmp_path: Path, save: Any) -> None:
    out = io.BytesIO()
    save(out, **{name.replace(" ", ""): array for name, array in ARRAYS.items()})
    assert scanned(tmp_path, "a.npz", out.getvalue()).verdict is Verdict.CLEAN


@pytest.mark.parametrize("major", [1, 2, 3])
def test_every_version_and_numbers_of_python_2(tmp_path: Path, major: int) -> None:
    header = "{'descr': '<i4', 'fortran_order': False, 'shape': (3L, 2L), }          \n"
    assert scanned(tmp_path, "a.npy", by_hand(header, bytes(24), major=major)).verdict is Verdict.CLEAN


OBJECTS = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"


@pytest.mark.parametrize(
    "descr", ["'|O'", "'O'", "'|O8'", "[('a', '<i4'), ('b', '|O')]", "[('a', [('b', ('|O', (2,)))])]"]
)
def test_objects_are_followed_wherever_they_hide(tmp_path: Path, descr: str) -> None:
    header = OBJECTS.replace("'|O'", descr)
    report = scanned(tmp_path, "a.npy", by_hand(header, p.proto(2) + p.system() + p.STOP))
    assert report.verdict is Verdict.MALICIOUS


def test_objects_are_followed_in_archives(tmp_path: Path) -> None:
    inner = by_hand(OBJECTS, p.proto(2) + p.system() + p.STOP)
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        report = scanned(tmp_path, "a.npz", zipped({"good.npy": npy(np.ones(2)), "x.npy": inner}, method=method))
        assert report.verdict is Verdict.MALICIOUS
        assert report.findings[0].location.startswith("a.npz!x.npy!object-array@")


EVASIONS = {
    "a header longer than numpy reads by itself": OBJECTS.rstrip() + " " * 11_000 + "\n",
    "types in one text": OBJECTS.replace("'|O'", "'i4,O'"),
    "fields in a dictionary": OBJECTS.replace("'|O'", "{'aO': 1}"),
    "fields in texts": OBJECTS.replace("'|O'", "['aO']"),
}


@pytest.mark.parametrize("name", EVASIONS)
def test_spellings_that_only_numpy_understands_hide_nothing(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "a.npy", by_hand(EVASIONS[name], p.proto(2) + p.system() + p.STOP))
    assert report.verdict is Verdict.MALICIOUS
    assert report.unread


def test_bytes_behind_the_objects_are_never_clean(tmp_path: Path) -> None:
    content = npy(np.array([1, None], dtype=object)) + b"\xfe more"
    assert scanned(tmp_path, "a.npy", content).verdict is Verdict.INCOMPLETE


def test_plain_objects_are_clean(tmp_path: Path) -> None:
    assert scanned(tmp_path, "a.npy", npy(np.array([{"a": 1}, None, "x"], dtype=object))).verdict is Verdict.CLEAN


BROKEN = {
    "longer than the file": "{'descr': '<f8', 'fortran_order': False, 'shape': (99,), }\n",
    "absurdly long": "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904), }\n",
    "more digits than can be printed": "{'descr': '<f8', 'fortran_order': False, 'shape': (%s, %s), }\n"
    % (("9" * 3000,) * 2),
    "huge where nothing is": "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 99999999999999999999), }\n",
    "digits of another script": "{'descr': '<f\u00b2', 'fortran_order': False, 'shape': (1,), }\n",
    "a size that does not exist": "{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }\n",
    "a field that is huge": "{'descr': [('a', '<i4', (9223372036854775807, 9))], 'fortran_order': False, 'shape': (0,), }\n",
    "a truth for a length": "{'descr': '<f8', 'fortran_order': False, 'shape': (True,), }\n",
    "a list for a key": "{['descr']: '<f8', 'fortran_order': False, 'shape': (1,), }\n",
    "minus without end": "-" * 9_000 + "1",
    "negative": "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }\n",
    "a call": "{'descr': __import__('os').system('id'), 'fortran_order': False, 'shape': (1,), }\n",
    "a field too many": "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}\n",
    "a type that does not exist": "{'descr': '<q9', 'fortran_order': False, 'shape': (1,), }\n",
    "nested without end": "[" * 5000,
    "no literal": "import os\n",
    "many fields": "{'descr': [" + "('a','<i4')," * 1200 + "], 'fortran_order': False, 'shape': (1,), }\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_header_that_lies_is_never_clean(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = scanned(tmp_path, "a.npy", by_hand(BROKEN[name], bytes(8), major=3))
    assert report.verdict is Verdict.INCOMPLETE
    assert any("broken numpy" in unread.why for unread in report.unread), report.unread


@pytest.mark.parametrize(("major", "minor"), [(0, 0), (1, 7), (4, 0)])
def test_a_version_that_does_not_exist_is_never_clean(tmp_path: Path, major: int, minor: int) -> None:
    header = "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }\n"
    report = scanned(tmp_path, "a.npy", by_hand(header, bytes(4), major=major, minor=minor))
    assert report.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("name", ["floats", "structured", "text"])
def test_a_truncated_array_is_never_clean(tmp_path: Path, name: str) -> None:
    whole = npy(ARRAYS[name])
    for cut in (*range(8, len(whole), 7), len(whole) - 1):
        assert scanned(tmp_path, "a.npy", whole[:cut]).verdict is Verdict.INCOMPLETE, cut


def test_bytes_behind_the_array_are_never_clean(tmp_path: Path) -> None:
    report = scanned(tmp_path, "a.npy", npy(ARRAYS["floats"]) + b"more")
    assert "file/extra-bytes" in rules_of(report)
    assert report.verdict is Verdict.INCOMPLETE


MUTATED = (npy(ARRAYS["structured"]), npy(np.array([{"a": 1}, None], dtype=object)))
SOUP = st.text("'{}[](),:<>|?=-+ \\\"0123456789bcfiuOUVSMmLTrueFalsedscr_ohp\u00e9\u00b2", max_size=120)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=st.sampled_from(MUTATED),
    edits=st.lists(st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=5)), max_size=4),
)
def test_mutated_arrays_always_get_a_verdict(tmp_path: Path, whole: bytes, edits: list[tuple[int, bytes]]) -> None:
    content = bytearray(whole)
    for place, change in edits:
        content[place : place + len(change)] = change
    report = scanned(tmp_path, "a.npy", bytes(content))
    assert not any("parser failed" in unread.why for unread in report.unread), report.unread
    assert report.verdict is not Verdict.CLEAN or not report.artifact.files[0].coverage.opaque


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(descr=SOUP, shape=SOUP)
def test_any_type_and_shape_get_a_verdict(tmp_path: Path, descr: str, shape: str) -> None:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': ({shape}), }}\n"
    report = scanned(tmp_path, "a.npy", by_hand(header, bytes(16), major=3))
    assert not any("parser failed" in unread.why for unread in report.unread), report.unread
