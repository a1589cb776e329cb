"""Files that the libraries themselves write, and what they read, held against what is said of them here."""

from __future__ import annotations

import random
import warnings
from typing import TYPE_CHECKING

import fasttext
import floret
import numpy as np
import pytest
from gensim.models import KeyedVectors

from build.inspecting import inspected
from weighbridge.core.facts import Metadata, Tensor
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

WORDS = [f"w{number}" for number in range(600)] + ["naïve", "日本"]


def corpus(folder: Path) -> str:
    rng = random.Random(1)
    lines = [f"__label__{'ab'[i % 2]} " + " ".join(rng.choices(WORDS, k=12)) for i in range(200)]
    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    return str(folder / "train.txt")


@pytest.mark.parametrize("kind", ["supervised", "skipgram", "quantized", "quantized and pruned"])
def test_a_model_that_fasttext_writes_is_clean(tmp_path: Path, kind: str) -> None:
    text = corpus(tmp_path)
    options = {"dim": 8, "epoch": 1, "minCount": 1, "bucket": 300, "verbose": 0, "thread": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "skipgram":
            model = fasttext.train_unsupervised(text, model="skipgram", **options)
        else:
            model = fasttext.train_supervised(text, wordNgrams=2, **options)
        if kind == "quantized":
            model.quantize(verbose=0)
        elif kind == "quantized and pruned":
            model.quantize(input=text, qnorm=True, cutoff=300, retrain=True, epoch=1, verbose=0)
    path = tmp_path / ("m.ftz" if kind.startswith("quantized") else "m.bin")
    model.save_model(str(path))
    result = inspected(path)
    assert result.report.verdict is Verdict.CLEAN, result.report.unread
    assert not result.report.findings
    facts = result.facts.blobs[0].facts
    assert ("dim", "8") in [fact[:2] for fact in facts if isinstance(fact, Metadata)]
    if not kind.startswith("quantized"):
        shapes = {fact.name: fact.shape for fact in facts if isinstance(fact, Tensor)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert shapes["output"] == model.get_output_matrix().shape
            assert shapes["input"] == model.get_input_matrix().shape


@pytest.mark.parametrize("binary", [True, False])
def test_vectors_that_gensim_writes_are_clean_and_as_many(tmp_path: Path, binary: bool) -> None:
    vectors = KeyedVectors(5)
    vectors.add_vectors(["alpha", "beta", "naïve", "日本"], np.random.default_rng(0).random((4, 5), dtype=np.float32))
    path = tmp_path / ("v.bin" if binary else "v.vec")
    vectors.save_word2vec_format(str(path), binary=binary)
    result = inspected(path)
    assert result.report.verdict is Verdict.CLEAN, result.report.unread
    (tensor,) = [fact for fact in result.facts.blobs[0].facts if isinstance(fact, Tensor)]
    assert tensor.shape == KeyedVectors.load_word2vec_format(str(path), binary=binary).vectors.shape


def test_tables_that_floret_writes_are_clean(tmp_path: Path) -> None:
    text = corpus(tmp_path)
    model = floret.train_unsupervised(
        text, mode="floret", hashCount=2, bucket=50, dim=4, epoch=1, minCount=1, verbose=0
    )
    model.save_floret_vectors(str(tmp_path / "v.floret"))
    model.save_vectors(str(tmp_path / "v.vec"))
    for name in ("v.floret", "v.vec"):
        assert inspected(tmp_path / name).report.verdict is Verdict.CLEAN
