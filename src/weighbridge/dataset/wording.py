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
import re
import zlib
from itertools import pairwise

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset import association
from weighbridge.dataset.association import LEAST_ROWS, Association, Link, calibrated, least_rows, stands_out
from weighbridge.dataset.database import module

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

CANDIDATES = 400
SHY, BOLD = 0.3, 10.0
"""How much the models trust words (C of the logistic regression)."""
KEPT_ROWS, KEPT_PURITY, KEPT_SHARE, CHANCE = 40, 0.97, 0.1, 1e-9
ALIKE, COMPANY, TOGETHER = 3.5, 3.0, 20
_COLUMNS = 2**22
_WORDS = 2**18
_TOKEN = re.compile(r"\w+|[^\w\s]", re.ASCII)
_UNICODE = re.compile(r"\w+|[^\w\s]")
VOCABULARY = 20_000
MODELLED = 2000
"""Tokens of a text that are looked at."""
_DRAWS = 24
_MARKS = (
    ("  ", "double spaces"),
    ("\t", "tabs"),
    ("\n", "several lines"),
    ("...", "dots in a row"),
    ("!!", "exclamation marks in a row"),
    ("\u2014", "long dashes"),
    ("\u2019", "curled quotes"),
)


def tokens(text: str) -> list[str]:
    """Words, and every other sign by itself."""
    folded = text.lower()
    return (_TOKEN if folded.isascii() else _UNICODE).findall(folded)[:MODELLED]


def habits(text: str, words: Sequence[str]) -> Iterator[str]:
    """How a text is written, apart from its words."""
    letters = [char for char in text[:2000] if char.isalpha()]
    if letters and not any(char.isupper() for char in letters):
        yield "no capital letters"
    elif letters and sum(char.isupper() for char in letters) > 0.6 * len(letters):
        yield "capital letters"
    if words:
        yield f"begins with {words[0][:40]!r}"
        yield f"ends with {words[-1][:40]!r}"
    yield from (what for mark, what in _MARKS if mark in text)
    if text[:1].isspace() or text[-1:].isspace():
        yield "blanks at an end"
    if not text.isascii():
        yield "letters beyond ASCII"
    if len(words) > 3 and not any(re.match(r"\w", word) is None for word in words):
        yield "no punctuation"


class _Items(NamedTuple):
    """Which text has which item; `names` are the hashes of the items."""

    matrix: Any
    names: Any


class _Models(NamedTuple):
    """What the models of the folds say of the records that they have not learnt from, and how they come to it."""

    scores: Any
    weights: list[Any]
    fold: Any


def text_links(texts: Sequence[str], labels: Sequence[int]) -> Association:
    """Items of texts that go with a label (numbers from 0)."""
    np = module("numpy")
    cut = [tokens(text) for text in texts]
    marks = [tuple(habits(text, words)) for text, words in zip(texts, cut, strict=True)]
    items = _items(cut, marks)
    words = _vectors(cut)
    words = words[:, _frequent(words)]
    features = _weighed(words).tocsr()
    everywhere = np.bincount(words.indices, minlength=words.shape[1])
    y = np.asarray(labels)
    models = _models(features, y, BOLD)
    bold = calibrated(models.scores, y)
    expected = bold.probable(models.scores)
    shy = _models(features, y, SHY).scores
    draws = _Draws(features, y)
    links = []
    for column, label in candidates(items.matrix, y, calibrated(shy, y).probable(shy)):
        having = items.matrix.indices[items.matrix.indptr[column] : items.matrix.indptr[column + 1]]
        scores = _without(having, everywhere, features, models)
        found = association.link("", label, having, y[having] == label, bold.probable(scores)[:, label])
        if stands_out(found, len(y)):
            company = round(float(draws.beyond(having, -1)[1]), 1)
            name = _name(int(items.names[column]), cut, marks, int(having[0]))
            links.append(found._replace(item=name, company=company))
    kept = [
        one._replace(item=_name(int(items.names[column]), cut, marks, one.rows[0]))
        for column, one in _random(items.matrix, y, draws)
    ]
    return Association(
        tuple(sorted(links, key=lambda link: (-link.weight, link.records, link.item))),
        tuple(sorted(kept, key=lambda link: (-link.records, link.item))),
        float((models.scores.argmax(axis=1) == y).mean()),
        float(np.bincount(y).max() / len(y)),
        least_rows(expected, y),
        expected,
        bold.noise * bold.shares,
    )


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


def _models(features: Any, y: Any, bold: float) -> _Models:
    np = module("numpy")
    model = module("sklearn.linear_model").LogisticRegression(C=bold, max_iter=40, tol=1e-3)
    scores = np.zeros((len(y), int(y.max()) + 1))
    fold = np.zeros(len(y), dtype=int)
    weights = []

    def learn(rows: Any, rest: Any, index: int) -> None:
        model.fit(features[rows], y[rows])
        found = model.coef_
        if len(found) == 1:  # of two labels only the second has weights
            found = np.vstack([np.zeros_like(found), found])
            scores[rest, 1] = model.decision_function(features[rest])
        else:
            scores[rest] = model.decision_function(features[rest])
        weights.append(found.T)
        fold[rest] = index

    association.each_fold(y, learn)
    return _Models(scores, weights, fold)


def _without(having: Any, everywhere: Any, features: Any, models: _Models) -> Any:
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
        if abs(alike) < ALIKE and company < COMPANY:
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


def _vectors(cut: Sequence[list[str]]) -> Any:
    made = module("sklearn.feature_extraction.text").HashingVectorizer(
        n_features=_WORDS, analyzer=_given, alternate_sign=False, norm=None, dtype=module("numpy").float32
    )
    return made.transform(cut)


def _given(words: list[str]) -> list[str]:
    return words


def _items(cut: Sequence[list[str]], marks: Sequence[tuple[str, ...]]) -> _Items:
    """Which text has which item. Items are hashes until one is worth its name; two passes keep the rare ones out."""
    np, scipy = module("numpy"), module("scipy.sparse")
    counts = np.zeros(_COLUMNS, dtype=np.int32)
    hashed = []
    for words, ways in zip(cut, marks, strict=True):
        found = np.fromiter({*_hashes(words), *map(_mark, ways)}, dtype=np.int64)
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


def _mark(way: str) -> int:
    return zlib.crc32(f"\0{way}".encode("utf-8", "surrogatepass")) % _COLUMNS


def _name(wanted: int, cut: Sequence[list[str]], marks: Sequence[tuple[str, ...]], row: int) -> str:
    """The words behind a hash, from a text that has it."""
    words = cut[row]
    for place, found in enumerate(_hashes(words)):
        if found == wanted:
            size = len(words)
            if place < size:
                return words[place]
            if place < 2 * size - 1:
                return " ".join(words[place - size : place - size + 2])
            return " ".join(words[place - 2 * size + 1 : place - 2 * size + 4])
    return next((way for way in marks[row] if _mark(way) == wanted), "")


def _frequent(words: Any) -> Any:
    """The words that the model learns from: those of most texts, for what one text alone has teaches nothing."""
    np = module("numpy")
    counts = np.bincount(words.indices, minlength=_WORDS)
    return np.sort(np.argsort(-counts, kind="stable")[: min(VOCABULARY, int((counts > 1).sum()))])


def _weighed(words: Any) -> Any:
    return module("sklearn.feature_extraction.text").TfidfTransformer(sublinear_tf=True).fit_transform(words)
