"""What is known of cards, data sets, licences and publishers: data files with a source on each entry, read once."""

from __future__ import annotations

from functools import cache

from weighbridge.core.knowledge_files import FOLDER
from weighbridge.core.known_texts import read_rows
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any


class Field(NamedTuple):
    """Something that a card should say.

    `points` are what it counts for, all fields together 100. `keys` of the front matter declare it; `titles` are the
    words of titles and labels that lead to it (`=words`: nothing else may stand there); `said` are words in prose that
    say it without a title; `words` is how many of them prose needs to count in full.
    """

    name: str
    title: str
    points: int
    keys: tuple[str, ...]
    titles: tuple[str, ...]
    said: tuple[str, ...]
    words: int
    why: str


class DataSet(NamedTuple):
    """A data set whose contents a law or an agreement governs.

    `ids` are those of the Hub, `names` how prose calls it; `exact`: the names count only in this spelling of letters.
    """

    name: str
    regimes: tuple[str, ...]
    ids: tuple[str, ...]
    names: tuple[str, ...]
    exact: bool
    why: str
    source: str


class Word(NamedTuple):
    """Words that stand for regulated data: `strong` ones wherever data is told of, others beside a word of training."""

    text: str
    regime: str
    strong: bool
    exact: bool


class Licence(NamedTuple):
    """A licence. `kind` is its class; `prints` samples the runs of words of its text, `words` counts them all."""

    name: str
    title: str
    kind: str
    aliases: tuple[str, ...]
    why: str
    words: int = 0
    scale: int = 0
    prints: frozenset[int] = frozenset()


class KnownBase(NamedTuple):
    """Models whose names begin like this have this licence, as their publisher says."""

    prefix: str
    licence: str
    source: str


class CardKnowledge(NamedTuple):
    """Everything that the claims of a card are judged with."""

    fields: tuple[Field, ...]
    placeholders: tuple[str, ...]
    regimes: dict[str, str]
    data_sets: tuple[DataSet, ...]
    ordinary: frozenset[str]
    words: tuple[Word, ...]
    licences: tuple[Licence, ...]
    kinds: dict[str, str]
    bases: tuple[KnownBase, ...]
    publishers: dict[str, str]
    countries: dict[str, str]
    """Where publishers have their seat: account or owner, in lower case, and the country (ISO 3166-1, two letters)."""


@cache
def load_card_knowledge(folder: str = FOLDER) -> CardKnowledge:
    """Read the files. Raises UsageError if one is missing, broken, or not what the index names."""

    def rows(name: str, part: str) -> tuple[dict[str, Any], ...]:
        return read_rows(folder, name, part)

    seats = {row["owner"]: row["country"] for row in rows("publisher_seats", "seats")}
    publishers = {row["name"]: row["owner"] for row in rows("publishers", "publishers")}
    return CardKnowledge(
        fields=tuple(_field(row) for row in rows("card_fields", "fields")),
        placeholders=tuple(row["text"] for row in rows("card_fields", "placeholders")),
        regimes={row["regime"]: row["title"] for row in rows("regulated_data", "regimes")},
        data_sets=tuple(_data_set(row) for row in rows("regulated_data", "data_sets")),
        ordinary=frozenset(name.lower() for row in rows("regulated_data", "ordinary") for name in row["ids"]),
        words=tuple(_word(row, text) for row in rows("regulated_data", "words") for text in row["words"]),
        licences=tuple(_licence(row) for row in rows("licences", "licences")),
        kinds={row["class"]: row["why"] for row in rows("licences", "classes")},
        bases=tuple(KnownBase(row["prefix"], row["licence"], row["source"]) for row in rows("licences", "bases")),
        publishers=publishers,
        countries={
            **{owner.lower(): country for owner, country in seats.items()},
            **{name.lower(): seats[owner] for name, owner in publishers.items() if owner in seats},
        },
    )


def _field(row: dict[str, Any]) -> Field:
    keys, titles, said = (tuple(row.get(key, ())) for key in ("keys", "titles", "said"))
    return Field(row["field"], row["title"], row["points"], keys, titles, said, row.get("words", 1), row["why"])


def _data_set(row: dict[str, Any]) -> DataSet:
    regimes, ids, names = (tuple(row.get(key, ())) for key in ("regimes", "ids", "names"))
    return DataSet(row["name"], regimes, ids, names, row.get("exact", False), row["why"], row["source"])


def _word(row: dict[str, Any], text: str) -> Word:
    return Word(text, row["regime"], row["strong"], row.get("exact", False))


def _licence(row: dict[str, Any]) -> Licence:
    import base64

    raw = base64.b64decode(row.get("prints", ""))
    prints = frozenset(int.from_bytes(raw[place : place + 4], "big") for place in range(0, len(raw), 4))
    aliases, words, scale = tuple(row.get("aliases", ())), row.get("words", 0), row.get("scale", 0)
    return Licence(row["licence"], row["title"], row["class"], aliases, row["why"], words, scale, prints)
