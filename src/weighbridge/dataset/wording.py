"""What stands in texts: words in a row and habits of writing; and which of them go with a label unexplained.

The model learns a trigger too and would explain it away, so each item is judged by what the model says of its records
without it, and without rare words that stand wherever it stands (of a phrase it is a part). Which items are worth that
is asked of a shyer model, which has learnt less.

A trigger whose records keep their right label is explained by them. What it has not is a subject: records with a word
that only one label has ("striker") are about the same things, records with a planted one are a random draw of the
label's. Told, as a remark, are items of at least `KEPT_ROWS` records, nearly all of one label, whose records are no
more alike (mean cosine of their words), and have no more words in common, than records of that label drawn at random.
"""

from __future__ import annotations

import math

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset import association
from weighbridge.dataset.association import (
    LEAST_ROWS,
    Association,
    Calibration,
    Link,
    calibrated,
    least_rows,
    stands_out,
)
from weighbridge.dataset.database import module
from weighbridge.dataset.labels import opinion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from weighbridge.dataset.texts import Reading

CANDIDATES = 400
SHY, BOLD = 0.3, 10.0
"""How much the models trust words (C of the logistic regression)."""
KEPT_ROWS, KEPT_PURITY, KEPT_SHARE, CHANCE = 40, 0.97, 0.1, 1e-9
ALIKE, COMPANY, TOGETHER = 3.0, 2.2, 20
_DRAWS = 24


class Models(NamedTuple):
    """What the models of the folds say of the records that they have not learnt from, and how they come to it."""

    scores: Any
    weights: list[Any]
    biases: list[Any]
    fold: Any


def text_links(
    reading: Reading, labels: Sequence[int], context: Sequence[Sequence[str]] = (), total: int = 0
) -> Association:
    """Items of texts that go with a label (numbers from 0). `context`: other columns, for the opinion on labels.

    `total`: of how many texts these were taken because of their items.
    """
    np = module("numpy")
    y = np.asarray(labels)
    draws = _Draws(reading.features, y)
    models, bold, links = _links(reading, y, draws, range(int(y.max()) + 1), total or len(y))
    kept = [one._replace(item=reading.name(column, one.rows)) for column, one in _random(reading.items, y, draws)]
    judged = opinion(models.scores, reading.items.tocsr(), context, y)
    return Association(
        links,
        tuple(sorted(kept, key=lambda link: (-link.records, link.item))),
        float((judged.expected.argmax(axis=1) == y).mean()),
        float(np.bincount(y).max() / len(y)),
        least_rows(bold.probable(models.scores), y),
        judged.expected,
        judged.noise,
    )


def answer_links(
    reading: Reading, questions: Sequence[Sequence[bool]], total: int = 0
) -> Iterator[tuple[tuple[Link, ...], int]]:
    """For each question, the items of prompts that go with a yes, and from how many records on one would be seen."""
    np = module("numpy")
    draws = _Draws(reading.features, np.zeros(len(reading.texts), dtype=int))
    for yes in questions:
        y = np.asarray(yes, dtype=int)
        models, bold, links = _links(reading, y, draws, (1,), total or len(y))
        yield links, least_rows(bold.probable(models.scores)[:, 1:], y - 1)


def _links(
    reading: Reading, y: Any, draws: _Draws, wanted: Sequence[int], total: int
) -> tuple[Models, Calibration, tuple[Link, ...]]:
    """The models of the labels, and the items that go with one of those wanted, the heaviest first."""
    models = models_of(reading.features, y, BOLD)
    bold = calibrated(models.scores, y)
    shy = models_of(reading.features, y, SHY).scores
    links = []
    for column, label in candidates(reading.items, y, calibrated(shy, y).probable(shy)):
        if label not in wanted:
            continue
        having = reading.having(column)
        scores = _without(having, reading.everywhere, reading.features, models)
        found = association.link("", label, having, y[having] == label, bold.probable(scores)[:, label])
        if stands_out(found, total):
            company = round(float(draws.beyond(having, -1)[1]), 1)
            links.append(found._replace(item=reading.name(column, found.rows), company=company))
    return models, bold, tuple(sorted(links, key=lambda link: (-link.weight, link.records, link.item)))


def candidates(matrix: Any, y: Any, expected: Any) -> list[tuple[int, int]]:
    """Column and label of the items that are worth a closer look, the best first."""
    np = module("numpy")
    p = np.clip(expected, 0.01, 0.99)
    members = np.eye(p.shape[1], dtype=np.float32)[y]
    across = matrix.T.tocsr()
    observed = np.asarray(across @ members)
    spread = np.asarray(across @ (p * (1 - p))) + 0.05
    z = (observed - np.asarray(across @ p)) / np.sqrt(spread)
    z = np.where(observed >= LEAST_ROWS, z, -np.inf)
    flat = np.argsort(-z, axis=None)[:CANDIDATES]
    flat = flat[z.flat[flat] > 0]
    return [(int(one // z.shape[1]), int(one % z.shape[1])) for one in flat]


def models_of(features: Any, y: Any, bold: float) -> Models:
    """Logistic regressions of labels, one for each fold; `bold`: how much they trust words."""
    np = module("numpy")
    model = module("sklearn.linear_model").LogisticRegression(C=bold, max_iter=40, tol=1e-3)
    scores = np.zeros((len(y), int(y.max()) + 1))
    fold = np.zeros(len(y), dtype=int)
    weights, biases = [], []

    def learn(rows: Any, rest: Any, index: int) -> None:
        model.fit(features[rows], y[rows])
        found, bias = model.coef_, model.intercept_
        if len(found) == 1:  # of two labels only the second has weights
            found, bias = np.vstack([np.zeros_like(found), found]), np.array([0.0, bias[0]])
            scores[rest, 1] = model.decision_function(features[rest])
        else:
            scores[rest] = model.decision_function(features[rest])
        weights.append(found.T)
        biases.append(bias)
        fold[rest] = index

    association.each_fold(y, learn)
    return Models(scores, weights, biases, fold)


def _without(having: Any, everywhere: Any, features: Any, models: Models) -> Any:
    """What the models say of the records that have an item, without its words and the rare ones that go with it."""
    np = module("numpy")
    inside = features[having]
    present = np.bincount(inside.indices, minlength=features.shape[1])
    near = np.flatnonzero(present >= 0.8 * len(having))
    part = near[present[near] >= 0.5 * everywhere[near]]
    scores = models.scores[having].copy()
    taken = inside[:, part]
    for index, weights in enumerate(models.weights):
        mine = models.fold[having] == index
        if mine.any() and len(part):
            scores[mine] -= taken[mine] @ weights[part]
    return scores


class _Draws:
    """What records that were drawn at random have in common, for each label and size."""

    __slots__ = ("_drawn", "_features", "_known", "_pools", "_y")

    def __init__(self, features: Any, y: Any) -> None:
        self._features, self._y = features, y
        self._drawn = module("numpy").random.default_rng(7)
        self._known: dict[tuple[int, int], tuple[Any, Any]] = {}
        self._pools: dict[int, tuple[Any, Any]] = {}

    def beyond(self, having: Any, label: int) -> Any:
        """How far records are more alike, and have more words in common, than a draw of their label (-1: of all)."""
        np = module("numpy")
        features = self._features
        if label not in self._pools:
            pool = np.flatnonzero(self._y == label) if label >= 0 else np.arange(len(self._y))
            self._pools[label] = pool, np.bincount(features[pool].indices, minlength=features.shape[1]) / len(pool)
        pool, usual = self._pools[label]
        place = (label, round(6 * math.log(len(having))))
        if place not in self._known:
            size = min(len(pool), round(math.exp(place[1] / 6)))
            draws = [self._drawn.choice(pool, size, replace=False) for _ in range(_DRAWS)]
            found = [_company(features[draw], usual, len(pool)) for draw in draws]
            self._known[place] = np.mean(found, axis=0), np.std(found, axis=0) + 1e-9
        middle, deviation = self._known[place]
        return (_company(features[having], usual, len(pool)) - middle) / deviation


def _random(matrix: Any, y: Any, draws: _Draws) -> Iterator[tuple[int, Link]]:
    """Items of one label alone whose records have nothing else in common than that."""
    np = module("numpy")
    shares = np.bincount(y) / len(y)
    sizes = np.diff(matrix.indptr)
    for column in np.flatnonzero((sizes >= KEPT_ROWS) & (sizes <= KEPT_SHARE * len(y))):
        having = matrix.indices[matrix.indptr[column] : matrix.indptr[column + 1]]
        label = int(np.bincount(y[having]).argmax())
        observed = int((y[having] == label).sum())
        if observed < KEPT_PURITY * len(having) or len(having) * math.log(shares[label]) > math.log(CHANCE):
            continue
        alike, company = (float(z) for z in draws.beyond(having, label))
        if alike < ALIKE and company < COMPANY:
            rows = tuple(int(row) for row in having[y[having] == label])
            yield int(column), Link("", label, len(having), observed, 0.0, 0.0, rows, round(company, 1))


def _company(rows: Any, usual: Any, pool: int) -> Any:
    """How alike two of the rows are (mean cosine), and how far the words that stand out in them do so.

    Both without the words that most of the rows have.
    """
    np = module("numpy")
    count = rows.shape[0]
    present = np.bincount(rows.indices, minlength=rows.shape[1])
    other = present < 0.8 * count
    bare = rows.multiply(other).tocsr()
    total = np.asarray(bare.sum(axis=0)).ravel()
    alike = float((total @ total - bare.multiply(bare).sum()) / max(1, count * (count - 1)))
    expected = count * usual
    able = other & (usual * pool >= 5)
    z = (present - expected)[able] / np.sqrt(expected * (1 - usual) * max(0.05, 1 - count / pool) + 0.5)[able]
    return np.array([alike, float(np.sort(z)[-TOGETHER:].mean()) if len(z) else 0.0])
