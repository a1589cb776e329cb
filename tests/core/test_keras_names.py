"""What is known of names of Keras, and never from a file that the index does not name."""

from __future__ import annotations

import pytest

from weighbridge.core.knowledge import load_knowledge

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


@pytest.mark.parametrize("package", ["keras", "globals", "onnx_domains"])
def test_a_package_called_like_a_file_of_knowledge_is_not_looked_for_among_the_classes(package: str) -> None:
    load_knowledge().globals.find(f"{package}.Something")
