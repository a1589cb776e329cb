"""What is known of operators: by domain and name, and never from a file that the index does not name."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from weighbridge.core.errors import UsageError
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.operators import Operators

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = load_knowledge().operators


@pytest.mark.parametrize(
    ("domain", "name", "trust"),
    [
        ("", "MatMul", "standard"),
        ("", "Upsample", "deprecated"),
        ("", "Affine", "removed"),
        ("ai.onnx.ml", "Scaler", "standard"),
        ("ai.onnx.preview.training", "Gradient", "experimental"),
        ("anything", "PyOp", "python"),
        ("anything", "EPContext", "review"),
        ("com.microsoft", "TritonOp", "review"),
        ("other", "TritonOp", None),
        ("", "matmul", None),
        ("", "Scaler", None),
        ("com.microsoft", "MatMul", None),
        ("*", "MatMul", None),
        ("", "", None),
    ],
)
def test_operators(domain: str, name: str, trust: str | None) -> None:
    entry = KNOWN.find(domain, name)
    assert (entry.trust if entry else None) == trust


@pytest.mark.parametrize(
    ("domain", "trust"),
    [("", "standard"), ("com.microsoft", "builtin"), ("ai.onnx.contrib", "library"), ("com.evil", None), ("*", None)],
)
def test_domains(domain: str, trust: str | None) -> None:
    entry = KNOWN.domain(domain)
    assert (entry.trust if entry else None) == trust


def operators(folder: Path, raw: bytes, named: bytes | None = None) -> Operators:
    (folder / "onnx_domains.json").write_bytes(raw)
    digest = hashlib.sha256(raw if named is None else named).hexdigest()
    return Operators(str(folder), json.dumps({"tables": {"onnx_domains.json": digest}}).encode())


@pytest.mark.parametrize("raw", [b"{}", b"not JSON", b'{"operators": [{}], "special": [], "domains": []}'])
def test_broken_knowledge_judges_nothing(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(UsageError, match="broken"):
        operators(tmp_path, raw).find("", "MatMul")


def test_another_file_than_the_index_names_judges_nothing(tmp_path: Path) -> None:
    raw = b'{"operators": [], "special": [], "domains": []}'
    assert operators(tmp_path, raw).domain("") is None
    with pytest.raises(UsageError, match="its index names"):
        operators(tmp_path, raw, b"other").domain("")


def test_missing_knowledge_judges_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Operators(str(tmp_path), b"{}").find("", "MatMul")
