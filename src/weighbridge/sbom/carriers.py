"""Which formats can carry code: everything that is not known to be data alone."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PICKLES = frozenset(("pickle", "torch-zip", "torch-legacy"))
"""Formats that are pickles, or hold the pickle that a loader runs."""
DATA_ONLY = frozenset(
    (
        "arrow",
        "catboost",
        "fasttext",
        "gguf",
        "hub-config",
        "image",
        "json-model",
        "lightgbm",
        "markdown",
        "mil-weights",
        "mxnet-params",
        "ncnn-param",
        "numpy",
        "onnx",
        "ort",
        "parquet",
        "prototxt",
        "requirements",
        "safetensors",
        "sentencepiece",
        "settings",
        "svm-text",
        "tensorflow-checkpoint",
        "tensorflow-checkpoint-state",
        "text",
        "tflite",
        "tflite-metadata",
        "toml",
        "tvm-params",
        "ubjson",
        "word-vectors",
        "xgboost-binary",
    )
)
"""Formats whose readers only take values out of them. What they hold inside is asked for itself."""


def can_carry_code(formats: Iterable[str]) -> bool:
    """Whether a file can carry code, given its own format and those of everything that was found inside of it."""
    return not DATA_ONLY.issuperset(formats)


def is_pickle(format_: str) -> bool:
    """Whether loading a blob of this format runs a pickle."""
    return format_ in PICKLES or format_.startswith("joblib")
