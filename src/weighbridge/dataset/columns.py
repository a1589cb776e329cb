"""Values of columns of numbers that go with a label unexplained (`association`).

The model that judges them is a forest that has not the columns with the best items: it would have learnt them. Of few
columns each is judged by a forest that has all others.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset import association
from weighbridge.dataset.association import LEAST_ROWS, Association, calibrated, least_rows, stands_out
from weighbridge.dataset.database import module
from weighbridge.dataset.wording import candidates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

HIDDEN = 8
"""One in so many columns of numbers is kept from the model that judges them."""
FEW = 16
TREES = 100


def value_links(rows: Any, names: Sequence[str], labels: Sequence[int]) -> Association:
    """Values of columns of numbers (a matrix) that go with a label."""
    np, scipy = module("numpy"), module("scipy.sparse")
    forest = module("sklearn.ensemble").RandomForestClassifier(TREES, min_samples_leaf=2, random_state=7, n_jobs=1)
    y = np.asarray(labels)
    table = np.nan_to_num(np.asarray(rows, dtype=float), nan=-1e30, posinf=1e30, neginf=-1e30)
    columns, titles = [], []
    for place, name in enumerate(names):
        values, at, counts = np.unique(table[:, place], return_inverse=True, return_counts=True)
        for index in np.flatnonzero((counts >= LEAST_ROWS - 3) & (counts <= len(y) / 2)):
            columns.append(np.flatnonzero(at == index))
            titles.append((place, f"{name} = {values[index]:g}"))
    scores = association.by_folds(forest, table, y)
    noise = calibrated(scores, y)
    expected = noise.probable(scores)
    links = []
    if columns:
        ends = np.cumsum([0, *(len(column) for column in columns)])
        matrix = scipy.csc_matrix(
            (np.ones(ends[-1], dtype=np.float32), np.concatenate(columns), ends), shape=(len(y), len(columns))
        )
        first = candidates(matrix, y, expected)
        best = list(dict.fromkeys(titles[column][0] for column, _ in first))
        together = len(names) > FEW
        for hidden in [best[: len(names) // HIDDEN]] if together else [[place] for place in best]:
            kept = [place for place in range(len(names)) if place not in hidden]
            if not kept:
                continue
            scores = association.by_folds(forest, table[:, kept], y)
            held = calibrated(scores, y)
            without = held.probable(scores)
            for column, label in candidates(matrix, y, without):
                if not together and titles[column][0] not in hidden:
                    continue
                having = columns[column]
                found = association.link(titles[column][1], label, having, y[having] == label, without[having, label])
                if stands_out(found, len(y)):
                    links.append(found)
            if together:
                noise, expected = held, without
    return Association(
        tuple(sorted(links, key=lambda link: (-link.weight, link.records, link.item))),
        (),
        float((expected.argmax(axis=1) == y).mean()),
        float(np.bincount(y).max() / len(y)),
        least_rows(expected, y),
        expected,
        noise.noise * noise.shares,
    )
