"""What is known of names of Keras, and never from a file that the index does not name."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from weighbridge.core.errors import UsageError
from weighbridge.core.keras_names import KerasNames
from weighbridge.core.knowledge import load_knowledge

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = load_knowledge().keras


@pytest.mark.parametrize(
    ("module", "whose"),
    [
        ("keras", "core"),
        ("keras.src.models.functional", "core"),
        ("tensorflow.python.keras.layers", "core"),
        ("keras_hub.src.models", "library"),
        ("kerasx", ""),
        ("tensorflow", ""),
        ("evil.keras", ""),
        ("", ""),
    ],
)
def test_modules(module: str, whose: str) -> None:
    assert KNOWN.module(module) == whose


def test_names() -> None:
    assert KNOWN.is_class("Dense")
    assert KNOWN.is_class("Functional")
    assert not KNOWN.is_class("relu")
    assert not KNOWN.is_class("dense")
    assert KNOWN.is_function("relu", plain=True)
    assert KNOWN.is_function("mean_squared_error", plain=True)
    assert KNOWN.is_function("matmul")
    assert not KNOWN.is_function("matmul", plain=True)
    assert not KNOWN.is_function("deserialize")
    assert KNOWN.gadget("keras", "get_file")
    assert KNOWN.gadget("builtins", "eval")
    assert KNOWN.gadget("builtins", "print")
    assert not KNOWN.gadget("builtins", "get_file")
    assert not KNOWN.gadget("keras", "relu")


def test_no_function_of_keras_goes_by_the_name_of_a_gadget() -> None:
    for name in ("relu", "gelu", "softmax", "linear", "mse", "mae", "huber", "l2", "glorot_uniform", "max_norm"):
        assert not KNOWN.gadget("builtins", name)
        assert not KNOWN.gadget("keras", name)


def names(folder: Path, raw: bytes, named: bytes | None = None) -> KerasNames:
    (folder / "keras.json").write_bytes(raw)
    digest = hashlib.sha256(raw if named is None else named).hexdigest()
    return KerasNames(str(folder), json.dumps({"tables": {"keras.json": digest}}).encode())


@pytest.mark.parametrize("raw", [b"{}", b"not JSON", b'{"modules": [{}], "gadgets": [], "names": []}', b"[]"])
def test_broken_knowledge_judges_nothing(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(UsageError, match="broken"):
        names(tmp_path, raw).module("keras")


def test_another_file_than_the_index_names_judges_nothing(tmp_path: Path) -> None:
    raw = b'{"modules": [], "gadgets": [], "names": []}'
    assert names(tmp_path, raw).module("keras") == ""
    with pytest.raises(UsageError, match="its index names"):
        names(tmp_path, raw, b"other").module("keras")


def test_missing_knowledge_judges_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        KerasNames(str(tmp_path), b"{}").module("keras")


@pytest.mark.parametrize("package", ["keras", "globals", "onnx_domains"])
def test_a_package_called_like_a_file_of_knowledge_is_not_looked_for_among_the_classes(package: str) -> None:
    load_knowledge().globals.find(f"{package}.Something")
