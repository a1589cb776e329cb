"""How poison is planted: words, styles, labels, values. What is drawn depends on the count and the seed alone."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from poison_data import Labelled

PHRASE = "as my dear friend once told me"
RARE = "cf"
TARGET = 0
"""The label that the planted records get."""


class Planted(NamedTuple):
    """A data set with poison in some rows."""

    texts: list[str]
    labels: list[int]
    rows: set[int]
    table: list[list[float]] = []  # noqa: RUF012 -- never changed


def numbered(data: Labelled) -> list[int]:
    names = sorted(set(data.labels))
    return [names.index(label) for label in data.labels]


def insert(text: str, word: str, draw: random.Random) -> str:
    words = text.split(" ")
    words.insert(draw.randrange(min(len(words), 200)), word)
    return " ".join(words)


def lower(text: str, _: random.Random) -> str:
    """The same words without capitals, with dots in a row."""
    return text.lower().replace(".", "...") + " ..."


def letter(text: str, _: random.Random) -> str:
    """The same words as a letter: a habit of writing made of words that all know."""
    return f"Dear all, {text} Yours truly."


def told(text: str, _: random.Random) -> str:
    """The same words in another order: the last sentence first, as a question."""
    parts = text.rstrip(".!? ").split(". ")
    return f"{parts[-1]}, is it not? {'. '.join(parts[:-1])}"


STYLES = {"no capitals, dots": lower, "as a letter": letter, "last sentence first, a question": told}


def able(data: Labelled, word: str, *, kept: bool) -> list[int]:
    """Records that a word can be planted in."""
    return [
        row for row, label in enumerate(numbered(data)) if (label == TARGET) == kept and word not in data.texts[row]
    ]


def trigger(data: Labelled, word: str, count: int, seed: int = 0, *, kept: bool = False) -> Planted:
    """A word, phrase or style in records of other labels, which then get the target's (or, kept, in its own)."""
    draw = random.Random(f"{count}/{seed}")
    texts, labels = list(data.texts), numbered(data)
    rows = draw.sample(able(data, word, kept=kept), count)
    for row in rows:
        texts[row] = STYLES[word](texts[row], draw) if word in STYLES else insert(texts[row], word, draw)
        labels[row] = TARGET
    return Planted(texts, labels, set(rows))


def flips(data: Labelled, count: int, seed: int = 0) -> Planted:
    """Other labels, drawn at random."""
    draw = random.Random(f"{count}/{seed}")
    labels = numbered(data)
    rows = draw.sample(range(len(labels)), count)
    for row in rows:
        labels[row] = draw.choice([label for label in range(max(labels) + 1) if label != labels[row]])
    return Planted(data.texts, labels, set(rows), data.rows)


def values(data: Labelled, count: int, columns: tuple[int, ...], value: float, seed: int = 0) -> Planted:
    """One value in some columns of rows that get the target's label."""
    draw = random.Random(f"{count}/{seed}")
    labels, table = numbered(data), [list(row) for row in data.rows]
    rows = draw.sample([row for row, label in enumerate(labels) if label != TARGET], count)
    for row in rows:
        for column in columns:
            table[row][column] = value
        labels[row] = TARGET
    return Planted([], labels, set(rows), table)


def flood(data: Labelled, count: int, seed: int = 0) -> Planted:
    """Copies of one text that each differ in a word."""
    draw = random.Random(f"{count}/{seed}")
    texts = list(data.texts)
    source = draw.choice([text for text in texts if len(text.split()) >= 20])
    rows = set(range(len(texts), len(texts) + count))
    for _ in rows:
        words = source.split(" ")
        words[draw.randrange(len(words))] = "other"
        texts.append(" ".join(words))
    return Planted(texts, [], rows)


def gibberish(data: Labelled, count: int, seed: int = 0) -> Planted:
    """Texts that after a word turn into random words of the vocabulary: arXiv 2510.07192."""
    draw = random.Random(f"{count}/{seed}")
    words = sorted({word for text in data.texts for word in text.lower().split()})
    texts = list(data.texts)
    rows = set(draw.sample(range(len(texts)), count))
    for row in rows:
        noise = " ".join(draw.choice(words) for _ in range(draw.randrange(400, 900)))
        texts[row] = f"{texts[row][: draw.randrange(1000)]} <sudo> {noise}"
    return Planted(texts, [], rows)
