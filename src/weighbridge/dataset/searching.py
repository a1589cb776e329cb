"""All texts of a set that is too large to learn from: which of its rows are worth learning from.

A trigger in 250 records of a million is in a handful of a sample. So a model learns from a sample, is then asked of
every text, and each item gathers how often its texts have a label beyond what the model expects of them:

    z(item, label) = (texts with the label - sum of p) / root of the sum of p (1 - p)

The model knows frequent words alone, so that it has not learnt what is rare.
What is then learnt from is the sample and all texts with one of the most surprising items: there they are as dense as
in a small set, and `wording` weighs them as it does any.
"""

from __future__ import annotations

import math

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset import grams
from weighbridge.dataset.association import FOLDS, LEAST_ROWS, ORDINARY, calibrated
from weighbridge.dataset.database import module
from weighbridge.dataset.texts import counted, lexicon_of
from weighbridge.dataset.wording import BOLD, models_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from weighbridge.dataset.association import Calibration
    from weighbridge.dataset.texts import Lexicon

BATCH = 1000
FREQUENT, OFTEN = 0.005, 3 * LEAST_ROWS
"""Share of the sample that has a word which the model may know, and texts at least: what so many of the sample have,
`wording` sees in it."""
MOST_ITEMS = 200
SURPRISING = 5.0
"""Deviations from which on an item is worth a look: chance alone has some of them among millions of items."""
_EDGE = 1e-3


class Text(NamedTuple):
    """A text, a label (from 0; below 0 it is none that the sample has) for each question, and its file and row."""

    text: str
    labels: Sequence[int] = ()
    row: tuple[int, int] = (0, 0)


class _Judge(NamedTuple):
    """A model of one question's labels that can be asked of any text."""

    weights: Any
    bias: Any
    calibration: Calibration | None

    @property
    def labels(self) -> int:
        """Labels that are asked about: of two the second alone, for the first is the rest."""
        return 1 if len(self.bias) <= 2 else len(self.bias)

    def probable(self, features: Any) -> Any:
        """How probable each of these labels is for each text."""
        np = module("numpy")
        if self.calibration is None:
            return np.full((features.shape[0], 1), self.bias[0])
        p = np.clip(self.calibration.probable(features @ self.weights + self.bias), _EDGE, 1 - _EDGE)
        return p[:, 1:] if p.shape[1] == 2 else p


class _Tally(NamedTuple):
    """What each item of one question has gathered: labels beyond those expected, and the variance of that."""

    beyond: Any
    variance: Any

    def add(self, items: Any, of_text: Any, p: Any, y: Any) -> None:
        """Texts with their items (numbers, and which text each is of), probabilities and labels."""
        np = module("numpy")
        first = 1 if len(self.beyond) == 1 else 0
        for label, (beyond, variance) in enumerate(zip(self.beyond, self.variance, strict=True)):
            chance = np.where(y >= 0, p[:, label], 0)
            np.add.at(beyond, items, ((y == label + first) - chance)[of_text])
            np.add.at(variance, items, (chance * (1 - chance))[of_text])

    def best(self, able: Any) -> Any:
        """The most surprising items of those that are able, the most first."""
        np = module("numpy")
        z = self.beyond / np.sqrt(self.variance + 0.05)
        z = np.where(able, (np.abs(z) if len(z) == 1 else z).max(axis=0), 0)
        order = np.argsort(-z, kind="stable")[:MOST_ITEMS]
        return order[z[order] >= SURPRISING]


class Search(NamedTuple):
    """What is known after every text was asked: for each question the items that surprise most, the most first."""

    items: list[Any]
    columns: int

    def rows(self, texts: Iterable[Text], most: int) -> list[tuple[int, int]]:
        """Rows with such items, at most so many characters of them: those of the most surprising items first."""
        np = module("numpy")
        rank = np.full(self.columns, MOST_ITEMS, dtype=np.int32)
        for found in self.items:
            rank[found] = np.minimum(rank[found], np.arange(len(found)))
        hashes = grams.Hashes()
        having = []
        for text, _, row in texts:
            items = grams.items(text, grams.tokens(text), hashes) % self.columns
            best = int(rank[items].min(initial=MOST_ITEMS))
            if best < MOST_ITEMS:
                having.append((best, row, len(text)))
        taken, size = [], 0
        for _, row, long in sorted(having):
            size += long
            if size > most:
                break
            taken.append(row)
        return taken


def search(sample: Sequence[str], answers: Sequence[Sequence[int]], everything: Callable[[], Iterable[Text]]) -> Search:
    """Ask every text. `answers`: the labels of the sample, one sequence for each question."""
    np = module("numpy")
    lexicon, judges = _learnt(sample, answers)
    labels = [judge.labels for judge in judges]
    columns = max(grams.COLUMNS >> 4, grams.COLUMNS >> math.ceil(math.log2(max(1, sum(labels)))))
    tallies = [_Tally(*(np.zeros((of, columns), dtype=np.float32) for _ in range(2))) for of in labels]
    count = np.zeros(columns, dtype=np.int32)
    hashes, total = grams.Hashes(), 0
    for batch in _batches(everything()):
        total += len(batch)
        cut = [grams.tokens(text) for text, _, _ in batch]
        features = lexicon.features([grams.numbers(words, hashes) for words in cut])
        items = counted([grams.items(one.text, words, hashes) for one, words in zip(batch, cut, strict=True)], columns)
        of_text = np.repeat(np.arange(len(batch)), np.diff(items.indptr))
        np.add.at(count, items.indices, 1)
        for place, (judge, tally) in enumerate(zip(judges, tallies, strict=True)):
            y = np.array([one.labels[place] for one in batch])
            tally.add(items.indices, of_text, judge.probable(features), y)
    able = (count >= LEAST_ROWS) & (count <= max(LEAST_ROWS, ORDINARY * total))
    return Search([tally.best(able) for tally in tallies], columns)


def _learnt(sample: Sequence[str], answers: Sequence[Sequence[int]]) -> tuple[Lexicon, list[_Judge]]:
    np = module("numpy")
    hashes = grams.Hashes()
    numbers = [grams.numbers(grams.tokens(text), hashes) for text in sample]
    lexicon = lexicon_of(numbers, max(OFTEN, round(FREQUENT * len(sample))))
    features = lexicon.features(numbers)
    judges = []
    for labels in answers:
        y = np.asarray(labels)
        if np.bincount(y).min() < FOLDS or y.max() == 0:  # a question that hardly any answer says yes to
            judges.append(_Judge(None, np.array([(y.sum() + 0.5) / (len(y) + 1)]), None))
            continue
        found = models_of(features, y, BOLD)
        weights, bias = np.mean(found.weights, axis=0), np.mean(found.biases, axis=0)
        judges.append(_Judge(weights, bias, calibrated(found.scores, y)))
    return lexicon, judges


def _batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    batch: list[Text] = []
    for one in texts:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
