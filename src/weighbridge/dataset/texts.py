"""Texts as matrices: which text has which item, and the weighed words that the models of labels learn from."""

from __future__ import annotations

from collections import Counter

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset import grams
from weighbridge.dataset.association import LEAST_ROWS
from weighbridge.dataset.database import module

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

VOCABULARY = 20_000
"""Words that the models learn from."""
_WORDS = 2**18
_ASKED = 15


class Lexicon(NamedTuple):
    """The words that models learn from: the columns of their hashes, and what each is worth, a rare one more."""

    columns: Any
    worth: Any

    def features(self, numbers: Sequence[Any]) -> Any:
        """Hashes of words as what models learn from: known words, weighed, each text of length one."""
        np = module("numpy")
        found = counted(numbers, _WORDS)[:, self.columns].tocsr()
        found.data = (1 + np.log(found.data)) * self.worth[found.indices]
        return module("sklearn.preprocessing").normalize(found, copy=False)


class Reading(NamedTuple):
    """Texts, read once for as many questions as are asked of them.

    `items`: texts by items, by column; `names`: the numbers of the items; `features`: the weighed words of each text;
    `everywhere`: in how many texts a word stands.
    """

    texts: Sequence[str]
    items: Any
    names: Any
    features: Any
    everywhere: Any

    def name(self, column: int, rows: Sequence[int]) -> str:
        """What an item is called: what most of the texts mean by it, for two items can have one number."""
        named = Counter(grams.name(int(self.names[column]), self.texts[row]) for row in rows[:_ASKED])
        return named.most_common(1)[0][0]

    def having(self, column: int) -> Any:
        """The texts that have an item."""
        return self.items.indices[self.items.indptr[column] : self.items.indptr[column + 1]]


def read(texts: Sequence[str]) -> Reading:
    """Cut texts into words, and find their items and features."""
    np = module("numpy")
    numbering = grams.Numbering()
    one, items = [], []
    for text in texts:
        words = grams.tokens(text)
        one.append(numbering.words(words))
        items.append(numbering.items(text, words))
    lexicon = lexicon_of(one)
    features = lexicon.features(one)
    everywhere = np.bincount(features.indices, minlength=features.shape[1])
    return Reading(texts, *_items(items), features, everywhere)


def counted(numbers: Sequence[Any], columns: int) -> Any:
    """How often each text has each number (modulo `columns`): texts by numbers, by row."""
    np, scipy = module("numpy"), module("scipy.sparse")
    ends = np.cumsum([0, *(len(one) for one in numbers)])
    places = np.concatenate([*numbers, np.zeros(0, dtype=np.uint32)]) % columns
    ones = np.ones(len(places), dtype=np.float32)
    matrix = scipy.csr_matrix((ones, places.astype(np.int32), ends), shape=(len(numbers), columns))
    matrix.sum_duplicates()
    return matrix


def _items(numbers: Sequence[Any]) -> tuple[Any, Any]:
    """Which text has which item, and their numbers. Items that hardly any or most texts have are left out."""
    np = module("numpy")
    matrix = counted(numbers, grams.COLUMNS)
    matrix.data[:] = 1
    counts = np.bincount(matrix.indices, minlength=grams.COLUMNS)
    least, most = LEAST_ROWS - 3, max(LEAST_ROWS, len(numbers) // 2)
    kept = np.flatnonzero((counts >= least) & (counts <= most))
    return matrix[:, kept].tocsc(), kept


def lexicon_of(numbers: Sequence[Any], least: int = 2) -> Lexicon:
    """The words that most texts have, each at least `least` of them: what one text alone has teaches nothing."""
    np = module("numpy")
    standing = np.bincount(counted(numbers, _WORDS).indices, minlength=_WORDS)
    columns = np.sort(np.argsort(-standing, kind="stable")[: min(VOCABULARY, int((standing >= least).sum()))])
    rare = np.log((1 + len(numbers)) / (1 + standing[columns])) + 1
    return Lexicon(columns, rare.astype(np.float32))
