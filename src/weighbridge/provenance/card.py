"""The card as a security document: what it declares, what it leaves empty, what it does not mention.

Each field of `knowledge/card_fields.json` is found, partial, empty or absent. Found: a key of the front matter has a
value, or a section of that title has prose of its own. Partial: there is less than that, or only code. Empty: there is
a title or a key with nothing behind it but a placeholder. The score adds the points of the fields, half of them for
partial ones; all together are 100. It says how much is declared, not whether it is true.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from weighbridge.core.claims import Claim, Status
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.provenance.card_text import read_card

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from weighbridge.provenance.card_text import Card, Declared, Label, Section
    from weighbridge.provenance.knowledge import CardKnowledge, Field

State = Literal["found", "partial", "empty", "absent"]
EXCERPT = 100
"""Characters of the card in one sentence of evidence."""
SAYS_NOTHING = 2
"""Words that are left of a line of which nothing but the label and a placeholder is there."""
WEAK = frozenset(("description", "fine-tuning"))
"""Fields whose words are so ordinary that a title alone, with no prose of its own, is not called empty."""
_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_NOTHING = frozenset(("", "~", "null", "none", "n/a", "na", "unknown", "tbd", "todo", "-", "?", "...", "[]", "{}"))


class Found(NamedTuple):
    """One field as the card has it. `line` is where, 0 if nowhere; `value` what the front matter declares."""

    field: Field
    state: State
    line: int
    words: str
    value: str = ""


class Completeness(NamedTuple):
    """How much a card declares: 0 to 100, and each field with its state."""

    score: int
    fields: tuple[Found, ...]

    def named(self, *states: State) -> tuple[str, ...]:
        """The titles of the fields in one of these states, those that count most first."""
        found = sorted((one for one in self.fields if one.state in states), key=lambda one: -one.field.points)
        return tuple(one.field.title for one in found)


def claims(card_text: bytes | None, *, knowledge: CardKnowledge) -> tuple[Claim, ...]:
    """One claim `card` with its score as value, and under it the front matter and each field."""
    if card_text is None:
        return (Claim("card", Status.ABSENT, "there is no README.md: nothing is declared", "0", confirm=True),)
    return card_claims(read_card(card_text), knowledge=knowledge)


def card_claims(card: Card, *, knowledge: CardKnowledge) -> tuple[Claim, ...]:
    """As `claims`, of a card that was read."""
    measured = completeness(card, knowledge)
    lacks = measured.named("empty", "absent")
    thin = measured.named("partial")
    sentence = f"the card of {card.size} bytes declares {measured.score} of 100 points"
    sentence += f"; it lacks {', '.join(lacks)}" if lacks else "; it lacks nothing"
    sentence += f"; it says little of {', '.join(thin)}" if thin else ""
    front = _front_matter(card)
    bad = front.status is Status.CONTRADICTED or bool(card.unread)
    if card.unread:
        sentence += f"; not all of it was read: {card.unread}"
    parts = (front, *(_field_claim(found, card) for found in measured.fields))
    status = Status.CONTRADICTED if front.status is Status.CONTRADICTED else Status.DECLARED
    if not card.size:
        status, sentence = Status.ABSENT, "README.md is empty: nothing is declared"
    return (Claim("card", status, sentence, str(measured.score), bad or not card.size, parts),)


def completeness(card: Card, knowledge: CardKnowledge) -> Completeness:
    """The state of every field, and the score."""
    content = _by_field(card, knowledge)
    found = tuple(_state(field, card, content.get(field.name, []), knowledge) for field in knowledge.fields)
    halves = sum(one.field.points * {"found": 2, "partial": 1}.get(one.state, 0) for one in found)
    return Completeness((halves + 1) // 2, found)


def passages(card: Card, knowledge: CardKnowledge) -> Iterator[tuple[str, str, int]]:
    """What the card says on each field in words of its own, as (field, text, line): found ones alone, whole."""
    content = _by_field(card, knowledge)
    for field in knowledge.fields:
        found = _state(field, card, [], knowledge)
        texts = [_without(one.text, knowledge.placeholders) for one in content.get(field.name, ())]
        best = max(texts, key=_counted, default="")
        if _counted(best) >= field.words:
            line = next(one.line for one in content[field.name] if _without(one.text, knowledge.placeholders) == best)
            yield field.name, best, line
        elif found.state == "found" and not found.value:
            yield field.name, found.words, found.line


def _front_matter(card: Card) -> Claim:
    name = "card/front-matter"
    if card.troubles:
        told = "; ".join(f"line {trouble.line}: {_trouble(trouble.kind, trouble.detail)}" for trouble in card.troubles)
        return Claim(name, Status.CONTRADICTED, f"readers disagree on it: {told}"[:1000], confirm=True)
    if not card.keys:
        return Claim(name, Status.ABSENT, "the card has no front matter")
    top = [item.path for item in card.keys if "." not in item.path]
    return Claim(name, Status.DECLARED, f"it declares {', '.join(plain(key, 40) for key in top[:30])}")


def _trouble(kind: str, detail: str) -> str:
    if kind == "twice":
        return f"the key {plain(detail, 60)} stands twice"
    return plain(detail, 160)


class _Passage(NamedTuple):
    """What one title or label leads to."""

    line: int
    text: str
    code: bool
    labelled: bool


def _by_field(card: Card, knowledge: CardKnowledge) -> dict[str, list[_Passage]]:
    """For each field the passages that its titles and labels lead to. A section ends where another field begins."""
    found: dict[str, list[_Passage]] = {}
    known: dict[str, set[str]] = {}

    def fields_of(title: str) -> set[str]:
        if title not in known:
            known[title] = _leads(title, knowledge)
        return known[title]

    matched = [fields_of(section.title) for section in card.sections]
    for place, section in enumerate(card.sections):
        for name in matched[place]:
            inner = list(_inside(card.sections, matched, place, name))
            text = "\n".join(_own(one, name, fields_of) for one in inner)
            found.setdefault(name, []).append(_Passage(section.line, text, any(one.code for one in inner), False))
        for label in section.labels:
            for name in fields_of(label.name):
                found.setdefault(name, []).append(_labelled(label))
    return found


def _own(section: Section, name: str, fields_of: Callable[[str], set[str]]) -> str:
    """The prose of a section, without rows and items that belong to other fields by their labels."""
    others = {label.line for label in section.labels if fields_of(label.name) - {name}}
    return "\n".join(block.text for block in section.blocks if block.line not in others)


def _labelled(label: Label) -> _Passage:
    return _Passage(label.line, label.value, False, True)


def _inside(sections: tuple[Section, ...], matched: list[set[str]], place: int, name: str) -> Iterator[Section]:
    """A section and those below it, without those that belong to another field."""
    yield sections[place]
    for other in range(place + 1, len(sections)):
        if sections[other].level <= sections[place].level:
            return
        if not matched[other] or name in matched[other]:
            yield sections[other]


def _state(field: Field, card: Card, passages: list[_Passage], knowledge: CardKnowledge) -> Found:
    values = [item for key in field.keys for item in _values(card, key)]
    declared = [item for item in values if item.value.strip().lower() not in _NOTHING]
    if declared:
        value = ", ".join(item.value for item in declared if not item.path.startswith("model-index."))
        return Found(field, "found", declared[0].line, f"{declared[0].path}: {value or 'results'}", value)
    best: Found | None = None
    for passage in passages:
        found = _passage(field, passage, knowledge)
        if best is None or _rank(found.state) > _rank(best.state):
            best = found
    if best is None or best.state != "found":
        said = _said(field, card, knowledge)
        if said is not None and (best is None or _rank(said.state) > _rank(best.state)):
            best = said
    if best is None and field.name == "description":
        best = _opening(field, card, knowledge)
    key = next((item for item in card.keys if item.path in field.keys), None)
    if best is None and key is not None:
        return Found(field, "empty", key.line, f"the key {key.path} has no value")
    return best or Found(field, "absent", 0, "")


def _values(card: Card, key: str) -> Iterator[Declared]:
    """What a key declares; of results, those that name a metric."""
    if key == "model-index":
        yield from (
            item for item in card.values if item.path.startswith("model-index.") and item.path.endswith("value")
        )
    elif key == "co2_eq_emissions":
        yield from (item for item in card.values if item.path in (key, f"{key}.emissions"))
    else:
        yield from card.of(key)


def _passage(field: Field, passage: _Passage, knowledge: CardKnowledge) -> Found:
    text = _without(passage.text, knowledge.placeholders)
    words = _counted(text)
    needed = 1 if passage.labelled else field.words
    if words >= needed:
        return Found(field, "found", passage.line, text)
    if words or passage.code:
        return Found(field, "partial", passage.line, text or "there is code and no words")
    if field.name in WEAK and not passage.text.strip():
        return Found(field, "absent", 0, "")
    return Found(field, "empty", passage.line, passage.text or "there is a title and nothing under it")


def _said(field: Field, card: Card, knowledge: CardKnowledge) -> Found | None:
    """Prose that says it without a title: a whole sentence counts in full only where a word would do."""
    if not field.said:
        return None
    for section in card.sections:
        for block in section.blocks:
            lower = block.text.lower()
            place = min((at for said in field.said if (at := lower.find(said)) >= 0), default=-1)
            empty = place >= 0 and _counted(_without(block.text, knowledge.placeholders)) <= SAYS_NOTHING
            if place >= 0 and not empty and not (field.name == "training-data" and "unknown dataset" in lower):
                enough = _counted(block.text) >= max(8, field.words)
                return Found(field, "found" if enough else "partial", block.line, block.text[max(0, place - 20) :])
    return None


def _opening(field: Field, card: Card, knowledge: CardKnowledge) -> Found | None:
    """What a card says before its second title."""
    for section in card.sections[:2]:
        text = _without(section.text, knowledge.placeholders)
        words = _counted(text)
        if words >= 4:
            return Found(field, "found" if words >= field.words else "partial", section.line, text)
    return None


def _field_claim(found: Found, card: Card) -> Claim:
    name, where = f"card/{found.field.name}", f"line {found.line}"
    twice = [trouble for trouble in card.troubles if trouble.kind == "twice" and trouble.detail in found.field.keys]
    if twice:
        both = " and ".join(plain(item.value, 60) for key in found.field.keys for item in card.of(key))
        sentence = (
            f"the key {twice[0].detail} stands twice (line {twice[0].line}): {both}; readers take one or the other"
        )
        return Claim(name, Status.CONTRADICTED, sentence, confirm=True)
    words = plain(" ".join(found.words.split()), EXCERPT)
    if found.state == "found":
        return Claim(name, Status.DECLARED, f"{where}: {words}", found.value or "found")
    if found.state == "partial":
        return Claim(name, Status.DECLARED, f"{where} says little: {words}", "partial")
    if found.state == "empty":
        return Claim(name, Status.ABSENT, f"{where} has a place for it, and nothing in it: {words}", "empty")
    return Claim(name, Status.ABSENT, "the card does not mention it", "absent")


def _rank(state: State) -> int:
    return ("absent", "empty", "partial", "found").index(state)


def _leads(title: str, knowledge: CardKnowledge) -> set[str]:
    """The fields that a title or a label leads to."""
    whole = _normal(title)
    if not whole:
        return set()
    parts = {whole, *(_normal(part) for part in re.split(r"[,;&/|\u3001]| and | und | et | y ", title[:300]))}
    return {
        field.name
        for field in knowledge.fields
        if any(_matches(part, wanted) for part in parts for wanted in field.titles)
    }


def _matches(title: str, wanted: str) -> bool:
    if wanted.startswith("="):
        return title == wanted[1:]
    if not wanted.isascii() and wanted in title:
        return True
    if f" {wanted} " not in f" {title} ":
        return False
    return title.count(" ") <= (2 if " " not in wanted else 6)


def _normal(title: str) -> str:
    """Words of a title in lower case, without numbers before it, signs, and what is optional."""
    text = unicodedata.normalize("NFKC", title[:300]).casefold().replace("[optional]", " ").replace("'", "\u2019")
    words = re.findall(r"[^\W_]+(?:\u2019[^\W_]+)*", text)
    while words and words[0].isdigit():
        words.pop(0)
    return " ".join(words).replace("\u2019", "'")


def _without(text: str, placeholders: Iterable[str]) -> str:
    """`text` without its placeholders; as it is if there are none."""
    lower = " ".join(text.lower().split())
    if not any(word in lower for word in placeholders):
        return text
    for word in sorted(placeholders, key=len, reverse=True):
        if word in lower:
            lower = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", lower)
    return lower


def _counted(text: str) -> int:
    """Words; where writing has no spaces, two signs are one."""
    return len(_WORD.findall(_CJK.sub(" ", text))) + (len(_CJK.findall(text)) + 1) // 2
