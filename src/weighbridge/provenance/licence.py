"""Under which licence a model says that it is, whether its files agree, and whether the stage allows it.

Sources: the card's front matter, the text of LICENSE files (`licence_text`), metadata inside the weights
(`general.license`, safetensors), what the place tells, and the models that it was made of. Each is a claim of its own;
they agree or they do not. A licence is an identifier of SPDX or of the Hub in lower case; `A OR B` leaves the choice,
`A AND B` and lists hold together. None of it proves that whoever wrote it may give it.
"""

from __future__ import annotations

import re

from weighbridge.core.claims import Claim, Status
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.provenance.licence_text import LIKE, SAME, recognise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from weighbridge.provenance.card_text import Card
    from weighbridge.provenance.knowledge import CardKnowledge, Licence

RANKS = {"permissive": 0, "copyleft": 1, "use-restricted": 2, "no-derivatives": 3, "non-commercial": 3}
"""How much a class asks: what is made of a model may not ask less than the model does."""
GENERIC = frozenset(("gpl", "lgpl", "bsd", "cc", "openrail", "apache", "llama"))
"""Names without a version: any version agrees with them."""
OPEN = frozenset(("other", "unknown"))
"""Names that say that the answer is elsewhere."""
RESTRICTING = re.compile(
    r"non-?commercial|not for commercial|research (?:use|purposes?) only|(?:no|not|"
    r"prohibit\w*)\W+(?:\w+\W+){0,3}commercial use|"
    r"commercial use (?:is )?(?:not|prohibited|requires)",
    re.IGNORECASE,
)
"""Words that take back what a permissive licence gives."""


class Told(NamedTuple):
    """A licence that something names, and where."""

    value: str
    where: str


class Base(NamedTuple):
    """A model that this one was made of, and its licence as far as it is known; `where` says who says so."""

    name: str
    licence: str
    where: str


class _Source(NamedTuple):
    """What one source says: alternatives, each a set of licences that hold together. Empty: nothing that is known."""

    claim: Claim
    choices: tuple[frozenset[str], ...]


def claims(
    card: Card | None,
    texts: Mapping[str, bytes],
    told: Iterable[Told] = (),
    bases: Iterable[Base] = (),
    *,
    knowledge: CardKnowledge,
    allowed: Iterable[str] = (),
) -> tuple[Claim, ...]:
    """One claim `licence` with a part for each source, its class, the stage's list and the base models.

    `texts` maps the paths of licence files to their bytes; `allowed` are the licences that the stage takes, none for
    any.
    """
    sources = [
        *([_of_card(card, knowledge)] if card is not None else []),
        *(_of_text(path, raw, knowledge) for path, raw in sorted(texts.items())),
        *(_of_told(one, knowledge) for one in told),
    ]
    speaking = [source for source in sources if source.choices]
    chosen = _agreed(speaking)
    parts = [source.claim for source in sources]
    if chosen is None:
        said = "; ".join(f"{source.claim.evidence}" for source in speaking)
        names = ", ".join(sorted({source.claim.value for source in speaking}))
        parts.extend(_allowed(names, (), allowed, knowledge))
        return (Claim("licence", Status.CONTRADICTED, f"its sources disagree: {said}", names, True, tuple(parts)),)
    value = _written(chosen)
    parts.extend(_classes(chosen, knowledge))
    parts.extend(_of_base(base, chosen, knowledge) for base in bases)
    parts.extend(_allowed(value, chosen, allowed, knowledge))
    if any(part.status is Status.CONTRADICTED for part in parts if part.claim != "licence/policy"):
        return (Claim("licence", Status.CONTRADICTED, _first(parts), value, True, tuple(parts)),)
    if not value:
        sentence = "no licence is declared" if not sources else f"no licence that is known here: {_first(parts)}"
        return (Claim("licence", Status.ABSENT, sentence, confirm=True, parts=tuple(parts)),)
    confirm = any(part.confirm for part in parts)
    sentence = f"{value}, as {len(speaking)} of its sources say" if len(speaking) > 1 else f"{value}: {_first(parts)}"
    return (Claim("licence", Status.DECLARED, sentence, value, confirm, tuple(parts)),)


def ids_of(text: str, knowledge: CardKnowledge) -> tuple[frozenset[str], ...]:
    """The licences that a text names, as alternatives; empty if one of them is not known."""
    name = _plain(text)
    found = _find(name, knowledge)
    if found is not None:
        return (frozenset((found.name,)),)
    if "(" in name or " with " in name or len(name) > 200:
        return ()
    choices = []
    for choice in name.split(" or "):
        names = [_find(part.strip(), knowledge) for part in choice.split(" and ")]
        if None in names:
            return ()
        choices.append(frozenset(one.name for one in names if one is not None))
    return tuple(choices)


def _find(name: str, knowledge: CardKnowledge) -> Licence | None:
    return next((one for one in knowledge.licences if name in (one.name, *one.aliases)), None)


def _plain(text: str) -> str:
    return " ".join(text.strip().lower().replace("_", "-").split())


def _of_card(card: Card, knowledge: CardKnowledge) -> _Source:
    name = "licence/card"
    items = [item for item in card.of("license") if item.value.strip()]
    names = [item for item in card.of("license_name") if item.value.strip()]
    if any(trouble.kind == "twice" and trouble.detail in ("license", "license_name") for trouble in card.troubles):
        both = " and ".join(plain(item.value, 60) for item in items)
        sentence = f"the card declares its licence twice: {both}; readers take one or the other"
        return _Source(Claim(name, Status.CONTRADICTED, sentence, confirm=True), ())
    if not items:
        return _Source(Claim(name, Status.ABSENT, "the front matter of the card declares no licence"), ())
    where = f"the card says {' and '.join(plain(item.value, 60) for item in items)} (line {items[0].line})"
    choices: tuple[frozenset[str], ...] = ()
    found = [ids_of(item.value, knowledge) for item in items]
    if all(found):
        choices = found[0] if len(found) == 1 else (frozenset().union(*(one for each in found for one in each)),)
    if names and choices and all(choice <= OPEN for choice in choices):
        where += f", named {plain(names[0].value, 80)}"
        choices = ids_of(names[0].value, knowledge)
    if not choices or all(choice <= OPEN for choice in choices):
        return _Source(Claim(name, Status.DECLARED, f"{where}, which is not known here", "unknown", confirm=True), ())
    return _Source(Claim(name, Status.DECLARED, where, _written(choices)), choices)


def _of_text(path: str, raw: bytes, knowledge: CardKnowledge) -> _Source:
    name = "licence/file"
    text = raw.decode("utf-8", "replace")
    found = recognise(text, knowledge.licences)
    whole = [one for one in found if one.share >= SAME]
    if not whole:
        like = f"; it resembles {found[0].licence}" if found and found[0].share >= LIKE else ""
        sentence = f"{plain(path, 100)} is no licence that is known here{like}"
        return _Source(Claim(name, Status.DECLARED, sentence, "unknown", confirm=True), ())
    ids = frozenset(one.licence for one in whole)
    kinds = {one.name: one.kind for one in knowledge.licences}
    taken_back = RESTRICTING.search(text) if all(kinds[one] == "permissive" for one in ids) else None
    value = _written((ids,))
    sentence = f"{plain(path, 100)} has the text of {value}"
    if taken_back is not None:
        sentence += f", and takes it back: “{plain(taken_back[0], 60)}”"
    elif whole[0].more:
        sentence += f", and about {whole[0].more} words that are not part of it"
    confirm = bool(taken_back or whole[0].more)
    return _Source(Claim(name, Status.DECLARED, sentence, value, confirm), (ids,))


def _of_told(told: Told, knowledge: CardKnowledge) -> _Source:
    choices = ids_of(told.value, knowledge)
    sentence = f"{told.where} says {plain(told.value, 80)}"
    if not choices or all(choice <= OPEN for choice in choices):
        claim = Claim("licence/metadata", Status.DECLARED, f"{sentence}, which is not known here", "unknown")
        return _Source(claim, ())
    return _Source(Claim("licence/metadata", Status.DECLARED, sentence, _written(choices)), choices)


def _agreed(sources: list[_Source]) -> tuple[frozenset[str], ...] | None:
    """What all sources allow together; None if two of them have nothing in common."""
    if not sources:
        return ()
    choices = sources[0].choices
    for source in sources[1:]:
        both = tuple(_joined(mine, other) for mine in choices for other in source.choices if _agree(mine, other))
        if not both:
            return None
        choices = both
    return tuple(dict.fromkeys(choices))


def _agree(mine: frozenset[str], other: frozenset[str]) -> bool:
    """Whether one is part of the other; a name without a version agrees with each version."""
    less, more = (mine, other) if len(mine) <= len(other) else (other, mine)
    return all(any(_same(one, two) for two in more) for one in less)


def _same(one: str, two: str) -> bool:
    if one == two:
        return True
    return (one in GENERIC and two.startswith(one)) or (two in GENERIC and one.startswith(two))


def _joined(mine: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    both = mine | other
    return frozenset(
        one for one in both if not (one in GENERIC and any(two != one and _same(one, two) for two in both))
    )


def _written(choices: tuple[frozenset[str], ...]) -> str:
    return " OR ".join(" AND ".join(sorted(choice)) for choice in choices)


def _classes(choices: tuple[frozenset[str], ...], knowledge: CardKnowledge) -> Iterable[Claim]:
    kinds = sorted({_kind(choice, knowledge) for choice in choices})
    if kinds:
        why = "; ".join(f"{kind}: {knowledge.kinds[kind]}" for kind in kinds)
        yield Claim("licence/class", Status.DECLARED, why, " OR ".join(kinds))


def _kind(choice: frozenset[str], knowledge: CardKnowledge) -> str:
    """The class of licences that hold together: the one that asks most."""
    kinds = {one.kind for one in knowledge.licences if one.name in choice}
    return max(kinds, key=lambda kind: RANKS.get(kind, 9)) if kinds else "unknown"


def _of_base(base: Base, choices: tuple[frozenset[str], ...], knowledge: CardKnowledge) -> Claim:
    """A licence cannot give more than that of the model it was made of."""
    name = "licence/base-model"
    theirs = ids_of(base.licence, knowledge) if base.licence else ()
    if not theirs:
        sentence = f"the licence of its base {plain(base.name, 80)} is not known here"
        return Claim(name, Status.ABSENT, sentence, confirm=bool(choices))
    most = min(RANKS.get(_kind(choice, knowledge), 9) for choice in theirs)
    said = f"its base {plain(base.name, 80)} is under {_written(theirs)} ({base.where})"
    if not choices:
        return Claim(name, Status.DECLARED, f"{said}; it declares none of its own", _written(theirs), confirm=True)
    less = [choice for choice in choices if RANKS.get(_kind(choice, knowledge), 9) < most]
    if less:
        sentence = f"{said}, and {_written(tuple(less))} gives more than that"
        return Claim(name, Status.CONTRADICTED, sentence, _written(theirs), confirm=True)
    same = any(_agree(mine, other) for mine in choices for other in theirs)
    if most and not same:
        sentence = f"{said}, which is another one: a person has to see whether both can hold"
        return Claim(name, Status.DECLARED, sentence, _written(theirs), confirm=True)
    return Claim(name, Status.DECLARED, said, _written(theirs))


def _allowed(
    value: str, choices: tuple[frozenset[str], ...], allowed: Iterable[str], knowledge: CardKnowledge
) -> Iterable[Claim]:
    names = frozenset().union(
        *(choice for one in allowed for choice in (*ids_of(one, knowledge), frozenset((_plain(one),))))
    )
    if not names:
        return
    name, some = "licence/policy", ", ".join(sorted(allowed))
    if any(choice and choice <= names for choice in choices):
        yield Claim(name, Status.DECLARED, f"the stage takes {value}", "allowed")
    elif value:
        sentence = f"the stage takes {plain(some, 200)}, and not {plain(value, 200)}"
        yield Claim(name, Status.CONTRADICTED, sentence, "not-allowed", confirm=True)
    else:
        sentence = f"the stage takes {plain(some, 200)}, and no licence is known"
        yield Claim(name, Status.ABSENT, sentence, "not-allowed", confirm=True)


def _first(parts: Iterable[Claim]) -> str:
    """The evidence that decides: of a contradiction, else of the first source that says something."""
    order = {Status.CONTRADICTED: 0, Status.DECLARED: 1, Status.VERIFIED: 1, Status.ABSENT: 2}
    return min(parts, key=lambda part: order[part.status]).evidence
