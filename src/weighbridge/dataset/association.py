"""Things in a record that go with one label more often than what the record says explains: triggers of backdoors.

For an item t (words in a row, a habit of writing, a value of a column, a patch of pixels) and a label c, a cheap model
says without having learnt from the record how probable c is from the rest of it: p. It is first brought to what the
labels bear out (a temperature, and a share of labels that are noise: whichever make the labels most probable).

Honest words have an effect of their own: "dull" makes a bad review more probable than its other words say. So an item
is not asked whether it has an effect, but whether some of its records have their label *because* of it:

    honest   P(c) = s(logit p + b)                   b from 0 to 2: as far as honest words go (odds times seven)
    planted  P(c) = (1 - w) s(logit p + b) + w       w of the records were given the label
    weight   = max log likelihood(planted) - max log likelihood(honest)

A trigger in ten records that speak of something else weighs more than forty; the strongest honest words of film
reviews, in fifty records and more, weigh five. An ordinary word that was made a trigger has honest records too: w is
then below one, and the records told are those that are more probably given than meant. Beside it is told
z = (observed - expected) / deviation. A small w of very many records is a model that is a little wrong, so items of
more than `ORDINARY` are left out.
"""

from __future__ import annotations

import math

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.database import module

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LEAST_ROWS = 8
"""Records with an item, for one label: fewer are chance."""
WEIGHT, LOUD_WEIGHT = 7.0, 10.0
"""Log likelihoods that a link has to weigh. The most of any item of three clean data sets with 75,000 items is 5.1."""
HONEST = 2.0
ORDINARY = 0.05
FOLDS = 5
_BOOSTS = tuple(step * HONEST / 8 for step in range(9))
_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.97, 0.999)
_TEMPERATURES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 8.0)
_NOISES = (0.001, 0.003, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3)
_EDGE = 1e-4


class Link(NamedTuple):
    """An item that goes with a label. `rows` are indexes of the records that have both and were probably given it.

    `company`: how far the records have words in common that others have not, in deviations of a random draw.
    """

    item: str
    label: int
    records: int
    observed: int
    z: float
    weight: float
    rows: tuple[int, ...]
    company: float = 0.0


class Association(NamedTuple):
    """What stands out, how well the model knows the task, the share of the top label, and from how many rows on.

    `kept`: items of records whose labels are right, that have nothing else in common. `expected`: probabilities;
    `noise`: how much of them each label has as noise alone.
    """

    links: tuple[Link, ...]
    kept: tuple[Link, ...]
    accuracy: float
    chance: float
    least: int
    expected: Any
    noise: Any


class Calibration(NamedTuple):
    """How scores become probabilities that the labels bear out."""

    temperature: float
    noise: float
    shares: Any

    def probable(self, scores: Any) -> Any:
        """Probabilities of every label."""
        return (1 - self.noise) * soft(scores / self.temperature) + self.noise * self.shares


def calibrated(scores: Any, y: Any) -> Calibration:
    """The temperature and the noise that make the labels most probable."""
    np = module("numpy")
    shares = np.bincount(y, minlength=scores.shape[1]) / len(y)
    best, found = -math.inf, Calibration(1.0, 0.01, shares)
    for temperature in _TEMPERATURES:
        own = soft(scores / temperature)[np.arange(len(y)), y]
        for noise in _NOISES:
            likely = float(np.log((1 - noise) * own + noise * shares[y]).mean())
            if likely > best:
                best, found = likely, Calibration(temperature, noise, shares)
    return found


def soft(scores: Any) -> Any:
    """Scores as shares of one."""
    np = module("numpy")
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def link(item: str, label: int, having: Any, own: Any, p: Any) -> Link:
    """Weigh one item: which records have it, which have the label too, and how probable the rest of each makes it."""
    np = module("numpy")
    p = np.clip(p, _EDGE, 1 - _EDGE)
    far = np.log(p / (1 - p))[:, None] + np.asarray(_BOOSTS)
    honest = 1 / (1 + np.exp(-far))
    best, likely = -math.inf, []
    drawn = np.zeros(len(p))
    for share in _SHARES:
        given = (1 - share) * honest + share
        of_boosts = np.where(own[:, None], np.log(given), np.log1p(-np.minimum(given, 1 - 1e-9))).sum(axis=0)
        likely.append(float(of_boosts.max()))
        if likely[-1] > best:
            best, drawn = likely[-1], share / given[:, int(of_boosts.argmax())]
    rows = having[own & (drawn >= 0.5)]
    z = (int(own.sum()) - p.sum()) / np.sqrt((p * (1 - p)).sum() + 0.05)
    return Link(
        item,
        label,
        len(having),
        int(own.sum()),
        round(float(z), 1),
        round(best - likely[0], 1),
        tuple(int(row) for row in rows),
    )


def stands_out(found: Link, total: int) -> bool:
    """Whether a link is more than honest words are."""
    common = found.records > ORDINARY * total and len(found.rows) < 0.8 * found.records
    return found.weight >= WEIGHT and len(found.rows) >= LEAST_ROWS and not common


def least_rows(expected: Any, y: Any, weight: float = WEIGHT) -> int:
    """From how many records on, whose label was changed, nine in ten triggers weigh enough.

    For the label hardest to see. A phrase in a short text takes the place of words, so a quarter more is asked for.
    """
    np = module("numpy")
    worst = LEAST_ROWS
    for label in range(expected.shape[1]):
        p = np.clip(expected[y != label, label], _EDGE, 1 - _EDGE)
        if not len(p):
            continue
        each = np.log1p((1 - p) / p * math.exp(-HONEST))
        mean, spread = float(each.mean()), 1.28 * float(each.std())
        root = (spread + math.sqrt(spread**2 + 5 * weight * mean)) / (2 * max(1e-9, mean))
        worst = max(worst, math.ceil(root**2))
    return min(worst, len(y))


def by_folds(model: Any, features: Any, y: Any) -> Any:
    """Log probabilities of every label for every record, from models that have not learnt from it."""
    np = module("numpy")
    found = np.full((len(y), int(y.max()) + 1), _EDGE)

    def learn(rows: Any, rest: Any, _: int) -> None:
        fitted = module("sklearn.base").clone(model).fit(features[rows], y[rows])
        found[rest[:, None], fitted.classes_[None, :]] = fitted.predict_proba(features[rest])

    each_fold(y, learn)
    return np.log(np.clip(found, 1e-3, 1.0))


def each_fold(y: Any, work: Callable[[Any, Any, int], None]) -> None:
    """Call `work` with the records to learn from, the rest, and the number of the fold: the same ones each time."""
    import warnings

    np = module("numpy")
    folds = module("sklearn.model_selection").StratifiedKFold(FOLDS, shuffle=True, random_state=7)
    with warnings.catch_warnings(), module("threadpoolctl").threadpool_limits(1):
        warnings.simplefilter("ignore")  # that a model could be better is not for people to read
        for index, (learn, rest) in enumerate(folds.split(np.zeros(len(y)), y)):
            work(learn, rest, index)
