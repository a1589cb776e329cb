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

BATCH = 4_000_000
"""Characters that are asked about at a time."""
GROUPS = 8
"""More labels than these are put together: a trigger of one is one of its group."""
_CELLS = 2**25
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
    """A model of one question's labels that can be asked of any text. `groups`: labels by groups, members 1."""

    weights: Any
    bias: Any
    calibration: Calibration | None
    groups: Any

    def gathered(self, features: Any, y: Any) -> Any:
        """For each text and group, how far the label is beyond what is expected, and then the variances of that."""
        np = module("numpy")
        if self.calibration is None:
            p = np.full((features.shape[0], len(self.groups)), self.bias)
        else:
            p = self.calibration.probable(features @ self.weights + self.bias)
        p = np.clip(p @ self.groups, _EDGE, 1 - _EDGE)
        known = (y >= 0)[:, None]
        return np.hstack([np.where(known, self.groups[y] - p, 0), np.where(known, p * (1 - p), 0)])


class Search(NamedTuple):
    """What is known after every text was asked: for each question the items that surprise most, the most first.

    `least`: from how many rows on an item is among them, whose number it shares with others.
    """

    items: list[Any]
    columns: int
    least: int

    def rows(self, texts: Iterable[Text], most: int) -> list[tuple[int, int]]:
        """Rows with such items, at most so many characters of them: those of the most surprising items first.

        Rows with a label that the sample has not are left out: of these there is nothing to learn.
        """
        np = module("numpy")
        rank = np.full(self.columns, MOST_ITEMS, dtype=np.int32)
        for found in self.items:
            rank[found] = np.minimum(rank[found], np.arange(len(found)))
        numbering = grams.Numbering()
        having = []
        for text, labels, row in texts:
            if min(labels, default=0) < 0:
                continue
            items = numbering.items(text, grams.tokens(text)) % self.columns
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
    kinds = sum(2 * judge.groups.shape[1] for judge in judges) + 1
    columns = min(grams.COLUMNS, _CELLS >> math.ceil(math.log2(kinds)))
    tally = np.zeros((columns, kinds), dtype=np.float32)
    numbering, total = grams.Numbering(), 0
    for batch in _batches(everything()):
        total += len(batch)
        cut = [grams.tokens(one.text) for one in batch]
        features = lexicon.features([numbering.words(words) for words in cut])
        labels = [np.array([one.labels[place] for one in batch]) for place in range(len(judges))]
        told = [judge.gathered(features, y) for judge, y in zip(judges, labels, strict=True)]
        items = counted([numbering.items(one.text, words) for one, words in zip(batch, cut, strict=True)], columns)
        items.data[:] = 1
        tally += items.T @ np.hstack([*told, np.ones((len(batch), 1))]).astype(np.float32)
    found = [*_best(judges, tally, total)]
    return Search([items for items, _ in found], columns, max((least for _, least in found), default=LEAST_ROWS))


def _best(judges: Sequence[_Judge], tally: Any, total: int) -> Iterator[tuple[Any, int]]:
    """For each question, the items that surprise most of those that are neither too rare nor too common.

    And how many rows it takes to be one: the n that solves n / 2 = bar * root((n + shared) * variance).
    """
    np = module("numpy")
    count = tally[:, -1]
    able = (count >= LEAST_ROWS) & (count <= max(LEAST_ROWS, ORDINARY * total))
    place = 0
    for judge in judges:
        groups = judge.groups.shape[1]
        beyond, variance = tally[:, place : place + groups], tally[:, place + groups : place + 2 * groups]
        place += 2 * groups
        z = np.where(able, (beyond / np.sqrt(variance + 0.05)).max(axis=1), 0)
        order = np.argsort(-z, kind="stable")[:MOST_ITEMS]
        bar = max(SURPRISING, float(z[order[-1]]))
        shared = float(count.sum()) / len(count)
        spread = bar**2 * float(variance.sum(axis=0).max()) / max(1.0, float(count.sum()))
        least = 2 * (spread + math.sqrt(spread**2 + spread * shared))
        yield order[z[order] >= SURPRISING], max(LEAST_ROWS, math.ceil(least))


def _learnt(sample: Sequence[str], answers: Sequence[Sequence[int]]) -> tuple[Lexicon, list[_Judge]]:
    np = module("numpy")
    numbering = grams.Numbering()
    numbers = [numbering.words(grams.tokens(text)) for text in sample]
    lexicon = lexicon_of(numbers, max(OFTEN, round(FREQUENT * len(sample))))
    features = lexicon.features(numbers)
    judges = []
    for labels in answers:
        y = np.asarray(labels)
        counts = np.bincount(y, minlength=2)
        groups = np.eye(min(GROUPS, len(counts)))[np.arange(len(counts)) % GROUPS]
        if counts.min() < FOLDS:  # a question that hardly any answer says yes to
            judges.append(_Judge(None, (counts + 0.5) / (len(y) + 1), None, groups))
            continue
        found = models_of(features, y, BOLD)
        weights, bias = np.mean(found.weights, axis=0), np.mean(found.biases, axis=0)
        judges.append(_Judge(weights, bias, calibrated(found.scores, y), groups))
    return lexicon, judges


def _batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    batch: list[Text] = []
    size = 0
    for one in texts:
        batch.append(one)
        size += len(one.text)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
