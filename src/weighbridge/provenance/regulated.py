"""Data that laws or agreements govern, as far as a card lets it be seen: flags for a person, never a pass.

Three things are looked for: data sets that the front matter names (`datasets`, results), data sets that prose names,
and words in context (`contexts`). Each regime that is found is one claim with the words and their place, to be
confirmed. A card that says that there is none makes a claim too: nothing proves it. A card that names no training data
at all, or data that nobody here knows, leaves the question open, which is said.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from weighbridge.core.claims import Claim, Status
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.provenance.card import completeness
from weighbridge.provenance.contexts import manner, promises, sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weighbridge.provenance.card_text import Card
    from weighbridge.provenance.contexts import Manner
    from weighbridge.provenance.knowledge import CardKnowledge, DataSet

NAMES = 1_000
"""Data sets by name that are looked up."""
HITS = 4_000
"""Places in prose that are looked at: each costs a tenth of a millisecond, and published cards have some dozens."""
UNSEEN = 200
"""Code blocks and comments that are searched for data sets."""
LONGEST_BLOCK = 20_000
FLAGS = 12
"""Places of one regime that its evidence names."""
LONGEST = 1_100_000
"""Characters of prose that are searched: all that is read of a card, and its titles."""
_DATA_TITLE = re.compile(
    r"\b(?:data|data ?sets?|corpus|corpora|train(?:ing|ed)?|(?:fine-?|pre-?)?tun(?:ing|ed)|pre-?training|"
    r"sources?|cohort|"
    r"evaluation|testing|preprocessing|annotation|trainingsdaten|donn[ée]es|datos)\b|数据|データ|训练",
    re.IGNORECASE,
)
_USE_TITLE = re.compile(
    r"\b(?:uses?|usage|out.of.scope|misuse|limitations?|bias(?:es)?|risks?|caveats?|ethic\w*|safety|"
    r"recommendations?|disclaimer|"
    r"citation|references?|acknowledge?ments?|how to|get started|licen[sc]e|contact|intended|"
    r"applications?|compliance|legal|"
    r"privacy|warnings?|related)\b|用途|局限",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\b(?:citation|references?|acknowledge?ments?|licen[sc]e|contact|bibtex)\b", re.IGNORECASE)
_TEST_TITLE = re.compile(r"\b(?:evaluat\w+|test\w*|benchmarks?|results|metrics|performance)\b", re.IGNORECASE)
_LIKE = re.compile(
    r"\b(?:unlike|compared? (?:to|with)|in contrast|similar to|see also|inspired by|instead of|such as)\b",
    re.IGNORECASE,
)
_PLAIN = str.maketrans(
    {
        **{chr(code): chr(code + 32) for code in range(65, 91)},
        **dict.fromkeys("-_/\n\t", " "),
        "\u2019": "'",
        "\u00a0": " ",
    }
)
_LINK = re.compile(r"huggingface\.co/datasets/([\w.-]{1,96}(?:/[\w.-]{1,96})?)", re.IGNORECASE)


class Named(NamedTuple):
    """A data set that something names, outside of prose. `where` is the place in words."""

    name: str
    where: str
    tested: bool = False


class Flag(NamedTuple):
    """One place that speaks of regulated data. `by` is `data set`, `name` or `words`; `words` are those of the card."""

    regime: str
    manner: Manner
    by: str
    words: str
    where: str


def regulated_claims(
    card: Card | None,
    *,
    knowledge: CardKnowledge,
    named: Iterable[Named] = (),
    inherited: Iterable[tuple[str, str]] = (),
) -> tuple[Claim, ...]:
    """One claim `regulated-data`, and one `regulated-data/REGIME` for each regime that is told or denied.

    `card` is None if there is none; `named` are data sets that other files of the model name; `inherited` are base
    models with a regime of theirs.
    """
    names = [*(_declared(card) if card else ()), *named]
    flags = list(_of_names(names[:NAMES], knowledge))
    unread = [f"{len(names) - NAMES} more data sets were not looked up"] if len(names) > NAMES else []
    if card is not None:
        unread.extend([card.unread] if card.unread else [])
        flags.extend(_of_prose(card, knowledge, unread))
        flags.extend(_unseen(card, knowledge))
    for base, regime in inherited:
        flags.append(Flag(regime, "told", "base model", base, "through its base model"))
    flags = list(dict.fromkeys(flags))
    regimes = sorted({flag.regime for flag in flags if flag.manner != "mentioned"})
    told = tuple(_claim(regime, [flag for flag in flags if flag.regime == regime], knowledge) for regime in regimes)
    return (_summary(card, names, flags, unread, knowledge), *told)


def _declared(card: Card) -> Iterator[Named]:
    for item in card.of("datasets"):
        if item.value.strip():
            yield Named(item.value.strip(), f"datasets in line {item.line}")
    for item in card.values:
        if item.path.startswith("model-index.") and ".dataset." in item.path and item.path.endswith((".name", ".type")):
            yield Named(item.value.strip(), f"results in line {item.line}", tested=True)
    for link in card.links:
        found = _LINK.search(link.text)
        if found:
            yield Named(found[1], f"a link in line {link.line}")


def _of_names(names: Iterable[Named], knowledge: CardKnowledge) -> Iterator[Flag]:
    spelt = [(known, [f" {name.translate(_PLAIN)} " for name in known.names]) for known in knowledge.data_sets]
    strong = [word for word in knowledge.words if word.strong and not word.exact]
    for named in names:
        whole = named.name.lower()
        last = whole.rpartition("/")[2]
        words = f" {named.name[:200].translate(_PLAIN)} ".replace(".", " ")
        where = f"{named.where}{', for evaluation' if named.tested else ''}"
        for known, spellings in spelt:
            if whole in known.ids or last in known.ids or any(name in words for name in spellings):
                for regime in known.regimes:
                    yield Flag(regime, "told", "data set", f"{plain(named.name, 80)}: {known.why}", where)
        for word in strong:
            if f" {word.text.translate(_PLAIN)} " in words:
                yield Flag(word.regime, "told", "words", f"{plain(named.name, 80)}: its name", where)


class _Text:
    """All prose of a card in one text, with the section and the line of every place."""

    def __init__(self, card: Card) -> None:
        pieces: list[str] = []
        self.cut = False
        self.starts: list[int] = []
        self.places: list[tuple[int, str, tuple[str, ...]]] = []
        self.titles: dict[int, str] = {}
        length = 0
        for section in card.sections:
            titles = (*section.above, section.title)
            if section.title:
                self.titles[length] = " ".join(block.text for block in section.blocks[:3])[:300]
            for block in ((section.title, section.line), *section.blocks):
                text = f"{block[0]}\n"
                self.cut = self.cut or length + len(text) > LONGEST
                text = text[: max(0, LONGEST - length)]
                self.starts.append(length)
                self.places.append((block[1], section.title, titles))
                pieces.append(text)
                length += len(text)
        self.text = "".join(pieces)
        self.plain = self.text.translate(_PLAIN)
        self.sentences = sentences(self.text)
        self._begins = [start for start, _ in self.sentences]

    def at(self, place: int) -> tuple[int, str, tuple[str, ...]]:
        return self.places[bisect_right(self.starts, place) - 1]

    def below(self, place: int) -> str | None:
        """What stands under the title at this place; None if there is no title."""
        return self.titles.get(self.starts[bisect_right(self.starts, place) - 1])

    def sentence(self, place: int) -> tuple[int, int]:
        return self.sentences[max(0, bisect_right(self._begins, place) - 1)]


def _of_prose(card: Card, knowledge: CardKnowledge, unread: list[str]) -> Iterator[Flag]:
    """What prose tells of. What was not looked at, because it is too much, is added to `unread`."""
    text = _Text(card)
    if text.cut:
        unread.append(f"only {LONGEST} characters of its prose were searched")
    seen: set[tuple[str, int, Manner]] = set()
    names: set[int] = set()
    taken: dict[str, set[int]] = {}
    hits = 0
    for known in knowledge.data_sets:
        for name in known.names:
            for start, end in _places(text, name, exact=known.exact):
                if start in names and end - 1 in names:
                    continue
                hits += 1
                if hits > HITS:
                    unread.append(f"it names data in more than {HITS} places")
                    return
                names.update(range(start, end))
                yield from _flags(text, start, end, known.regimes, "name", seen, known)
    for word in sorted(knowledge.words, key=lambda one: -len(one.text)):
        covered = taken.setdefault(word.regime, set())
        for start, end in _places(text, word.text, exact=word.exact):
            if start in covered and end - 1 in covered:
                continue
            hits += 1
            if hits > HITS:
                unread.append(f"it names data in more than {HITS} places")
                return
            covered.update(range(start, end))
            yield from _flags(text, start, end, (word.regime,), "words", seen, sure=word.strong)


def _unseen(card: Card, knowledge: CardKnowledge) -> Iterator[Flag]:
    """Data sets that code or a comment names: nothing is declared by that, and it is listed."""
    code = [(block, "code") for section in card.sections for block in section.code]
    for block, what in (*code, *((block, "a comment") for block in card.comments))[:UNSEEN]:
        words = f" {re.sub(r'[^A-Za-z0-9 ]', ' ', block.text[:LONGEST_BLOCK].translate(_PLAIN))} "
        for known in knowledge.data_sets:
            name = next((name for name in known.names if f" {name.translate(_PLAIN)} " in words), "")
            for regime in known.regimes if name else ():
                yield Flag(regime, "mentioned", "name", name, f"{what} in line {block.line}")


def _places(text: _Text, words: str, *, exact: bool) -> Iterator[tuple[int, int]]:
    """Where words stand as whole words; `exact` ones only in this spelling of letters."""
    wanted = words.translate(_PLAIN)
    place = text.plain.find(wanted)
    while place >= 0:
        end = place + len(wanted)
        whole = not words.isascii() or not (
            text.plain[place - 1 : place].isalnum() or text.plain[end : end + 2].removeprefix("s")[:1].isalnum()
        )
        same = not exact or text.text[place:end].replace("_", "-").replace(" ", "-") == words.replace("_", "-").replace(
            " ", "-"
        )
        if whole and same:
            yield place, end + text.plain.startswith("s", end)
        place = text.plain.find(wanted, end)


def _flags(
    text: _Text,
    start: int,
    end: int,
    regimes: tuple[str, ...],
    by: str,
    seen: set[tuple[str, int, Manner]],
    known: DataSet | None = None,
    *,
    sure: bool = True,
) -> Iterator[Flag]:
    first, last = text.sentence(start)
    sentence = text.text[first : max(last, end)]
    line, title, titles = text.at(start)
    of_data = any(_DATA_TITLE.search(one) for one in titles)
    of_use = bool(_USE_TITLE.search(title)) and not _DATA_TITLE.search(title)
    found = manner(
        sentence, start - first, end - first, of_data=of_data, of_use=of_use, sure=sure, is_name=known is not None
    )
    below = text.below(start)
    if _ASIDE.search(title) or (below is not None and known is None and not promises(below)):
        found = "mentioned"
    elif known is not None and found == "mentioned" and not of_use and not _LIKE.search(sentence):
        found = "told"
    where = f"line {line}" + (f", under “{plain(title, 40)}”" if title else "")
    if found == "told" and any(_TEST_TITLE.search(one) for one in titles):
        where += ", for evaluation"
    around = plain(" ".join(text.text[max(first, start - 60) : min(max(last, end), end + 60)].split()), 160)
    for regime in regimes:
        if (regime, first, found) not in seen:
            seen.add((regime, first, found))
            yield Flag(regime, found, by, around, where)


def _claim(regime: str, flags: list[Flag], knowledge: CardKnowledge) -> Claim:
    told = [flag for flag in flags if flag.manner == "told"]
    denied = [flag for flag in flags if flag.manner == "denied"]
    name, title = f"regulated-data/{regime}", knowledge.regimes.get(regime, regime)
    if told and denied and any(flag.by == "data set" for flag in told):
        sentence = f"{title}: it is denied ({_places_of(denied)}) and declared ({_places_of(told)})"
        return Claim(name, Status.CONTRADICTED, sentence, "contradicted", confirm=True)
    if told:
        sentence = f"{title}: {_places_of(told)}"
        sentence += f"; denied elsewhere: {_places_of(denied)}" if denied else ""
        return Claim(name, Status.DECLARED, sentence, "declared", confirm=True)
    return Claim(
        name,
        Status.DECLARED,
        f"{title}: said not to be there, and nothing proves it: {_places_of(denied)}",
        "denied",
        confirm=True,
    )


def _places_of(flags: list[Flag]) -> str:
    shown = "; ".join(f"“{flag.words}” ({flag.where})" for flag in flags[:FLAGS])
    return shown + (f"; and {len(flags) - FLAGS} more" if len(flags) > FLAGS else "")


def _summary(
    card: Card | None, names: list[Named], flags: list[Flag], unread: list[str], knowledge: CardKnowledge
) -> Claim:
    name = "regulated-data"
    parts = tuple(
        Claim("regulated-data/mention", Status.DECLARED, f"{flag.regime}: “{flag.words}” ({flag.where})", flag.regime)
        for flag in flags
        if flag.manner == "mentioned"
    )[:40]
    told = sorted({flag.regime for flag in flags if flag.manner == "told"})
    trained = [one.name for one in names if not one.tested]
    state = "absent"
    if card is not None:
        state = next(one.state for one in completeness(card, knowledge).fields if one.field.name == "training-data")
    rest = f"; not all was read: {', '.join(unread)}" if unread else ""
    if told:
        sentence = f"what it was trained on is said to hold, or may hold: {', '.join(told)}{rest}"
        return Claim(name, Status.DECLARED, sentence, ",".join(told), confirm=True, parts=parts)
    if not trained and state in ("absent", "empty"):
        sentence = f"no training data is declared: nobody can tell what it holds{rest}"
        return Claim(name, Status.ABSENT, sentence, confirm=True, parts=parts)
    unknown = [one for one in trained if not _ordinary(one, knowledge)]
    if unknown or not trained or unread:
        what = ", ".join(plain(one, 60) for one in unknown[:10]) or "the data that prose tells of"
        sentence = f"nothing regulated is named, but nobody here knows what {what} holds{rest}"
        return Claim(name, Status.DECLARED, sentence, "unknown", confirm=True, parts=parts)
    sentence = f"the data sets it declares are known to hold nothing regulated: {', '.join(trained[:10])}"
    return Claim(name, Status.DECLARED, sentence, "none-known", parts=parts)


def _ordinary(name: str, knowledge: CardKnowledge) -> bool:
    return name.lower() in knowledge.ordinary
