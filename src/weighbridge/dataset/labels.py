"""Labels that their neighbours contradict.

Confident learning: t(j) is the mean probability of label j over the records that have it; a record is doubted if the
most probable of those labels j with p(j) >= t(j) is not its own. Source: Northcutt et al., arXiv 1911.00068.
The probabilities come from models that have not learnt from the record, and are what the labels bear out
(`association`): a record is doubted only if its own label has less than one chance in twenty, or is more probably noise
than meant. Of clean film reviews that
leaves 0.5 %, of the 10 % that the rule by itself doubts: a model that knows the task badly has no business doubting.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.database import module

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SHARE = 0.01
"""Share of doubted labels from which on they are a finding; below, they are the noise that every data set has."""

UNLIKELY = 0.05


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
