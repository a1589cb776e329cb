"""Labels that their neighbours contradict.

Confident learning: t(j) is the mean probability of label j over the records that have it; a record is doubted if the
most probable of those labels j with p(j) >= t(j) is not its own. Source: Northcutt et al., arXiv 1911.00068.
The probabilities come from models that have not learnt from the record, and are what the labels bear out
(`association`): a record is doubted only if its own label has less than one chance in twenty, or is more probably noise
than meant. Of clean film reviews that
leaves 0.5 %, of the 10 % that the rule by itself doubts: a model that knows the task badly has no business doubting.

What the words of a text say is not all that its record says: whose film a review is about says something of whether it
is a good one. So three opinions that err differently are multiplied: a logistic regression of words, naive Bayes of
words in a row, and naive Bayes of the other columns that have few values (the context).
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.association import by_folds, calibrated
from weighbridge.dataset.database import module

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SHARE = 0.01
"""Share of doubted labels from which on they are a finding; below, they are the noise that every data set has."""

UNLIKELY = 0.05
COPY = 0.95
"""A column that says so much of the labels by itself is a copy of them, and was changed with them."""
_SMOOTHED = 0.3


class Opinion(NamedTuple):
    """How probable each label is for each record; `noise`: how much of it each label has as noise alone."""

    expected: Any
    noise: Any


def opinion(scores: Any, items: Any, context: Sequence[Sequence[str]], y: Any) -> Opinion:
    """Probabilities of labels from the scores of a model of words, from items (rows by items), and from the context.

    `context`: columns of values, one for each record.
    """
    np, bayes = module("numpy"), module("sklearn.naive_bayes")
    weighed = module("sklearn.feature_extraction.text").TfidfTransformer().fit_transform(items)
    said = [scores, by_folds(bayes.MultinomialNB(alpha=_SMOOTHED), weighed, y)]
    if context:
        known = module("sklearn.preprocessing").OneHotEncoder().fit_transform(np.array(context, dtype=object).T)
        said.append(by_folds(bayes.MultinomialNB(alpha=1.0), known.tocsr(), y))
    together = np.sum([np.log(calibrated(one, y).probable(one)) for one in said], axis=0)
    bold = calibrated(together, y)
    return Opinion(bold.probable(together), bold.noise * bold.shares)


def speaks(values: Sequence[str], y: Sequence[int]) -> bool:
    """Whether a column says something of the labels and is no copy of them: few values, and not one label for each."""
    counts: dict[str, dict[int, int]] = {}
    for value, label in zip(values, y, strict=True):
        of_value = counts.setdefault(value, {})
        of_value[label] = of_value.get(label, 0) + 1
    right = sum(max(of_value.values()) for of_value in counts.values())
    return 2 <= len(counts) <= len(y) / 5 and right < COPY * len(y)


def doubted(expected: Any, labels: Sequence[int], noise: Any) -> list[int]:
    """Records whose label is doubted, the most doubtful first."""
    np = module("numpy")
    y = np.asarray(labels)
    classes = expected.shape[1]
    bars = np.array([expected[y == label, label].mean() if (y == label).any() else 2.0 for label in range(classes)])
    able = np.where(expected >= bars, expected, -1.0)
    best = able.argmax(axis=1)
    own = expected[np.arange(len(y)), y]
    wrong = np.flatnonzero((able.max(axis=1) >= 0) & (best != y) & (own < np.maximum(UNLIKELY, 2 * noise)[y]))
    own = own[wrong]
    return [int(row) for row in wrong[np.argsort(own, kind="stable")]]


def ranked(expected: Any, labels: Sequence[int]) -> list[int]:
    """All records, the least self-confident first."""
    np = module("numpy")
    y = np.asarray(labels)
    return [int(row) for row in np.argsort(expected[np.arange(len(y)), y], kind="stable")]
