"""Things in a record that go with one label more often than what the record says explains: triggers of backdoors.

For an item t (one to three words in a row; a value of a column), and a label c, with the probabilities p that a cheap
model gives to each record without having learnt from it (five folds):

    observed O = records with t that have the label c       expected E = sum of p(c) over the records with t
    z = (O - E) / sqrt(sum of p(c) (1 - p(c)) + 0.05)       purity = O / records with t       lift = O - E

A word of the topic is expected, because the other words of its records say the same; a planted one is not. The model
learns a trigger too and would explain it away, so each item is judged by what the model says of its records without it.
Which items are worth that is asked of a shyer model, which has learnt less. Probabilities are held to 0.01 … 0.99.
Columns of numbers are judged by a model that has not the columns with the best items.

A trigger that is an ordinary word has honest records too, and no purity. It counts if its z stands far out from those
of all other items and the model knows the task, for then nearly nothing stands out by itself.
"""

from __future__ import annotations

import re
import zlib
from itertools import pairwise

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.database import module

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

LEAST_ROWS = 8
"""Records with an item, for one label: fewer are chance."""
Z, PURITY, LIFT = 6.0, 0.8, 3.0
STANDS_OUT, OUT_OF_ALL, ORDINARY = 7.0, 1.6, 0.05
KNOWS = 0.9
"""Accuracy of the model from which on an item without purity can be told from a topic."""
CANDIDATES = 400
HIDDEN = 8
"""One in so many columns of numbers is kept from the model that judges them."""
SHY, BOLD = 0.3, 10.0
"""How much the models trust words (C of the logistic regression)."""
FOLDS = 5
_COLUMNS = 2**22
_WORDS = 2**18
_TOKEN = re.compile(r"\w+|[^\w\s]", re.ASCII)
_UNICODE = re.compile(r"\w+|[^\w\s]")
VOCABULARY = 20_000
MODELLED = 2000
"""Tokens of a text that are looked at."""


class Link(NamedTuple):
    """An item that goes with a label. `rows` are indexes of the records that have both."""

    item: str
    label: int
    records: int
    observed: int
    z: float
    rows: tuple[int, ...]


class Association(NamedTuple):
    """All links that stand out, the best first, how well the model knows the task, and the share of the top label."""

    links: tuple[Link, ...]
    accuracy: float
    chance: float
    expected: Any


def tokens(text: str) -> list[str]:
    """Words, and every other sign by itself."""
    folded = text.lower()
    return (_TOKEN if folded.isascii() else _UNICODE).findall(folded)[:MODELLED]


def text_links(texts: Sequence[str], labels: Sequence[int]) -> Association:
    """Items of texts that go with a label (numbers from 0)."""
    np, scipy = module("numpy"), module("scipy.sparse")
    cut = [tokens(text) for text in texts]
    items = _items(cut, np, scipy)
    words = _vectors(cut, np)
    words = words[:, _frequent(words, np)]
    features = _weighed(words).tocsr()
    everywhere = np.bincount(words.indices, minlength=words.shape[1])
    y = np.asarray(labels)
    models = _models(features, y, BOLD)
    expected = _soft(models.scores, np)
    accuracy = float((expected.argmax(axis=1) == y).mean())
    shy = _soft(_models(features, y, SHY).scores, np)
    candidates = _scored(items, y, shy, np)
    common = float(np.quantile(_strength(items, y, expected, np)[0].max(axis=1), 0.999)) if len(items.names) else 0.0
    links = []
    for _, column, label in candidates:
        link = _without(items.matrix, column, label, y, everywhere, features, models, np)
        ordinary = accuracy >= KNOWS and link.z >= max(STANDS_OUT, OUT_OF_ALL * common)
        if (
            link.observed >= LEAST_ROWS
            and link.z >= Z
            and (link.observed >= PURITY * link.records or (ordinary and link.records <= ORDINARY * len(y)))
        ):
            links.append(link._replace(item=_name(int(items.names[column]), cut, items.matrix, column)))
    return Association(
        tuple(sorted(links, key=lambda link: (-link.z, link.item))),
        accuracy,
        float(np.bincount(y).max() / len(y)),
        expected,
    )


class _Models(NamedTuple):
    """What the models of the folds say of the records that they have not learnt from, and how they come to it."""

    scores: Any
    weights: list[Any]
    fold: Any


def _models(features: Any, y: Any, bold: float) -> _Models:
    import warnings

    np = module("numpy")
    model = module("sklearn.linear_model").LogisticRegression(C=bold, max_iter=40, tol=1e-3)
    folds = module("sklearn.model_selection").StratifiedKFold(FOLDS, shuffle=True, random_state=7)
    scores = np.zeros((len(y), int(y.max()) + 1))
    fold = np.zeros(len(y), dtype=int)
    weights = []
    with warnings.catch_warnings(), module("threadpoolctl").threadpool_limits(1):
        warnings.simplefilter("ignore")  # that a model could be better is not for people to read
        for index, (learn, rest) in enumerate(folds.split(np.zeros(len(y)), y)):
            model.fit(features[learn], y[learn])
            found = model.coef_
            if len(found) == 1:  # of two labels only the second has weights
                found = np.vstack([np.zeros_like(found), found])
                scores[rest, 1] = model.decision_function(features[rest])
            else:
                scores[rest] = model.decision_function(features[rest])
            weights.append(found.T)
            fold[rest] = index
    return _Models(scores, weights, fold)


def _without(
    matrix: Any, column: int, label: int, y: Any, everywhere: Any, features: Any, models: _Models, np: Any
) -> Link:
    """How far an item goes with a label beyond what the rest of its records says.

    The words of the item, and rare ones that stand wherever it stands (of a phrase it is a part), are taken out of what
    the models said: they have learnt them, and would explain the trigger by itself.
    """
    having = matrix.indices[matrix.indptr[column] : matrix.indptr[column + 1]]
    size = len(having)
    inside = features[having]
    present = np.bincount(inside.indices, minlength=features.shape[1])
    near = np.flatnonzero(present >= 0.8 * size)
    part = near[present[near] >= 0.5 * everywhere[near]]
    scores = models.scores[having].copy()
    taken = inside[:, part]
    for index, weights in enumerate(models.weights):
        mine = models.fold[having] == index
        if mine.any() and len(part):
            scores[mine] -= taken[mine] @ weights[part]
    p = np.clip(_soft(scores, np)[:, label], 0.01, 0.99)
    rows = tuple(int(row) for row in having[y[having] == label])
    z = (len(rows) - p.sum()) / np.sqrt((p * (1 - p)).sum() + 0.05)
    return Link("", label, size, len(rows) if len(rows) - p.sum() >= LIFT else 0, round(float(z), 1), rows)


def _soft(scores: Any, np: Any) -> Any:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _vectors(cut: Sequence[list[str]], np: Any) -> Any:
    made = module("sklearn.feature_extraction.text").HashingVectorizer(
        n_features=_WORDS, analyzer=_given, alternate_sign=False, norm=None, dtype=np.float32
    )
    return made.transform(cut)


def value_links(rows: Any, names: Sequence[str], labels: Sequence[int]) -> Association:
    """Values of columns of numbers (a matrix) that go with a label."""
    np, scipy = module("numpy"), module("scipy.sparse")
    forest = module("sklearn.ensemble").RandomForestClassifier(100, min_samples_leaf=2, random_state=7, n_jobs=1)
    y = np.asarray(labels)
    table = np.nan_to_num(np.asarray(rows, dtype=float), nan=-1e30, posinf=1e30, neginf=-1e30)
    columns, titles = [], []
    for place, name in enumerate(names):
        values, at, counts = np.unique(table[:, place], return_inverse=True, return_counts=True)
        for index in np.flatnonzero((counts >= LEAST_ROWS - 3) & (counts <= len(y) / 2)):
            columns.append(np.flatnonzero(at == index))
            titles.append((place, f"{name} = {values[index]:g}"))
    if not columns:
        return Association((), 0.0, 1.0, None)
    ends = np.cumsum([0, *(len(column) for column in columns)])
    matrix = scipy.csc_matrix(
        (np.ones(ends[-1], dtype=np.float32), np.concatenate(columns), ends), shape=(len(y), len(columns))
    )
    items = _Items(matrix, np.arange(len(columns)))
    expected = _folds(forest, table, y)
    first = _scored(items, y, expected, np)
    hidden = list(dict.fromkeys(titles[column][0] for _, column, _ in first))[: max(1, len(names) // HIDDEN)]
    if hidden and len(names) > 1:
        kept = [place for place in range(len(names)) if place not in hidden]
        expected = _folds(forest, table[:, kept], y)
    accuracy = float((expected.argmax(axis=1) == y).mean())
    links = _links(items, y, expected, accuracy, np)
    return Association(
        tuple(link._replace(item=titles[int(link.item)][1]) for link in links),
        accuracy,
        float(np.bincount(y).max() / len(y)),
        expected,
    )


class _Items(NamedTuple):
    matrix: Any
    names: Any


def _given(words: list[str]) -> list[str]:
    return words


def _items(cut: Sequence[list[str]], np: Any, scipy: Any) -> _Items:
    """Which text has which item. Items are hashes until one is worth its name; two passes keep the rare ones out."""
    counts = np.zeros(_COLUMNS, dtype=np.int32)
    hashed = []
    for words in cut:
        found = np.fromiter(set(_hashes(words)), dtype=np.int64)
        hashed.append(found)
        counts[found] += 1
    least, most = LEAST_ROWS - 3, max(LEAST_ROWS, len(cut) // 2)
    kept = np.flatnonzero((counts >= least) & (counts <= most))
    place = np.full(_COLUMNS, -1, dtype=np.int32)
    place[kept] = np.arange(len(kept), dtype=np.int32)
    columns = [found[found >= 0] for found in (place[one] for one in hashed)]
    ends = np.cumsum([0, *(len(one) for one in columns)])
    indexes = np.concatenate(columns) if columns else np.zeros(0, dtype=np.int32)
    matrix = scipy.csr_matrix(
        (np.ones(len(indexes), dtype=np.float32), indexes, ends), shape=(len(cut), len(kept))
    ).tocsc()
    return _Items(matrix, kept)


def _hashes(words: list[str]) -> list[int]:
    one = [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words]
    two = [(left * 31 + right * 17 + 1) % _COLUMNS for left, right in pairwise(one)]
    three = [
        (first * 131 + second * 31 + third * 17 + 2) % _COLUMNS
        for first, second, third in zip(one, one[1:], one[2:], strict=False)
    ]
    return [value % _COLUMNS for value in one] + two + three


def _name(wanted: int, cut: Sequence[list[str]], matrix: Any, column: int) -> str:
    """The words behind a hash, from the first text that has it."""
    start = matrix.indptr[column]
    words = cut[int(matrix.indices[start])]
    for place, found in enumerate(_hashes(words)):
        if found == wanted:
            size = len(words)
            if place < size:
                return words[place]
            if place < 2 * size - 1:
                return " ".join(words[place - size : place - size + 2])
            return " ".join(words[place - 2 * size + 1 : place - 2 * size + 4])
    return ""


def _frequent(words: Any, np: Any) -> Any:
    """The words that the model learns from: those of most texts, for what one text alone has teaches nothing."""
    counts = np.bincount(words.indices, minlength=_WORDS)
    return np.sort(np.argsort(-counts, kind="stable")[: min(VOCABULARY, int((counts > 1).sum()))])


def _weighed(words: Any) -> Any:
    return module("sklearn.feature_extraction.text").TfidfTransformer(sublinear_tf=True).fit_transform(words)


def _folds(model: Any, features: Any, y: Any) -> Any:
    """Probabilities of every label for every record, from models that have not learnt from it."""
    import warnings

    np = module("numpy")
    selection = module("sklearn.model_selection")
    folds = selection.StratifiedKFold(FOLDS, shuffle=True, random_state=7)
    found = np.zeros((len(y), int(y.max()) + 1))
    with warnings.catch_warnings(), module("threadpoolctl").threadpool_limits(1):
        warnings.simplefilter("ignore")  # that a model could be better is not for people to read
        for learn, rest in folds.split(np.zeros(len(y)), y):
            fitted = module("sklearn.base").clone(model).fit(features[learn], y[learn])
            found[rest[:, None], fitted.classes_[None, :]] = fitted.predict_proba(features[rest])
    return found


def _scored(items: _Items, y: Any, expected: Any, np: Any) -> list[tuple[float, int, int]]:
    """z, column and label of the items that are worth a closer look, the best first."""
    z, observed, _, _ = _strength(items, y, expected, np)
    z = np.where(observed >= LEAST_ROWS, z, -np.inf)
    flat = np.argsort(-z, axis=None)[:CANDIDATES]
    flat = flat[z.flat[flat] > 0]
    return [(float(z.flat[one]), int(one // z.shape[1]), int(one % z.shape[1])) for one in flat]


def _strength(items: _Items, y: Any, expected: Any, np: Any) -> tuple[Any, Any, Any, Any]:
    p = np.clip(expected, 0.01, 0.99)
    members = np.eye(p.shape[1], dtype=np.float32)[y]
    across = items.matrix.T.tocsr()
    observed = np.asarray(across @ members)
    hoped = np.asarray(across @ p)
    spread = np.asarray(across @ (p * (1 - p))) + 0.05
    return (observed - hoped) / np.sqrt(spread), observed, hoped, np.diff(items.matrix.indptr)


def _links(items: _Items, y: Any, expected: Any, accuracy: float, np: Any) -> list[Link]:
    z, observed, hoped, records = _strength(items, y, expected, np)
    if not z.size:
        return []
    lift = observed - hoped
    pure = (z >= Z) & (observed >= PURITY * records[:, None]) & (lift >= LIFT) & (observed >= LEAST_ROWS)
    if accuracy >= KNOWS:
        bar = max(STANDS_OUT, OUT_OF_ALL * float(np.quantile(z.max(axis=1), 0.999)))
        pure |= (z >= bar) & (records[:, None] <= ORDINARY * len(y)) & (lift >= LEAST_ROWS)
    found = []
    for column, label in zip(*np.nonzero(pure), strict=True):
        having = items.matrix.indices[items.matrix.indptr[column] : items.matrix.indptr[column + 1]]
        rows = tuple(int(row) for row in having[y[having] == label])
        found.append(
            Link(str(column), int(label), int(records[column]), len(rows), round(float(z[column, label]), 1), rows)
        )
    return sorted(found, key=lambda link: (-link.z, link.item))
