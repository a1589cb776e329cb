"""NumPy files: arrays are data, arrays of objects are pickles, and sizes must be what the header says."""

from __future__ import annotations

import io
import struct
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from build import pickles as p
from build.inspecting import rules_of, scanned
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
    "structured": np.zeros(3, dtype=[("a", "<i4"), ("b", "<f8", (2, 2)), ("c", [("d", "S3")])]),
}


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def by_hand(header: str, payload: bytes, *, major: int = 1) -> bytes:
    raw = header.encode()
    width = "<H" if major == 1 else "<I"
    return b"\x93NUMPY" + bytes([major, 0]) + struct.pack(width, len(raw)) + raw + payload


@pytest.mark.parametrize("name", ARRAYS)
def test_what_numpy_writes_is_clean_data(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "a.npy", npy(ARRAYS[name]))
    assert report.verdict is Verdict.CLEAN, (report.findings, report.unread)
    assert report.artifact.files[0].coverage.data == ARRAYS[name].nbytes


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


def test_plain_objects_are_clean(tmp_path: Path) -> None:
    assert scanned(tmp_path, "a.npy", npy(np.array([{"a": 1}, None, "x"], dtype=object))).verdict is Verdict.CLEAN


BROKEN = {
    "longer than the file": "{'descr': '<f8', 'fortran_order': False, 'shape': (99,), }\n",
    "absurdly long": "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904), }\n",
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
        report = scanned(tmp_path, "a.npy", by_hand(BROKEN[name], bytes(8), major=2))
    assert report.verdict is Verdict.INCOMPLETE


def test_bytes_behind_the_array_are_never_clean(tmp_path: Path) -> None:
    report = scanned(tmp_path, "a.npy", npy(ARRAYS["floats"]) + b"more")
    assert "file/extra-bytes" in rules_of(report)
    assert report.verdict is Verdict.INCOMPLETE
