"""What is known of operators: by domain and name, and never from a file that the index does not name."""

from __future__ import annotations

import pytest

from weighbridge.core.knowledge import load_knowledge

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
