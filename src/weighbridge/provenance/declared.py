"""What a model says of itself, and how its repository looks: nothing of it is proven, some of it is refuted.

Files are read from the quarantine with a limit each, and only if they are the ones whose digests were inspected.
"""

from __future__ import annotations

import os

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.provenance import lineage, signals
from weighbridge.provenance.card import card_claims
from weighbridge.provenance.card import claims as no_card
from weighbridge.provenance.card_text import FRONT, read_card
from weighbridge.provenance.knowledge import load_card_knowledge
from weighbridge.provenance.licence import Base
from weighbridge.provenance.licence import Told as ToldLicence
from weighbridge.provenance.licence import claims as licence_claims
from weighbridge.provenance.lineage import Says
from weighbridge.provenance.quarantined import Quarantined
from weighbridge.provenance.regulated import Named, regulated_claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.core.claims import Claim
    from weighbridge.core.origin import Origin
    from weighbridge.core.settings import StagePolicy
    from weighbridge.provenance.card_text import Card
    from weighbridge.provenance.knowledge import CardKnowledge
    from weighbridge.provenance.lineage import Known
    from weighbridge.provenance.signals import Earlier

CARD = "README.md"
LARGEST_CARD = FRONT + 2 * 1024 * 1024
LARGEST_TEXT = 1024 * 1024
"""Bytes of a licence or a configuration that are read."""
MOST = 16
"""Files of one kind that are looked into."""
_LICENCE_NAMES = ("license", "licence", "copying", "unlicense")
_LICENCE_ENDS = frozenset(("", ".md", ".txt", ".rst", ".mit", ".apache", ".bsd"))
_SCRATCH = ("trained from scratch", "pretrained from scratch", "pre-trained from scratch")


class Gathered(NamedTuple):
    """What the files of a model name, apart from its card."""

    bases: tuple[Says, ...] = ()
    licences: tuple[ToldLicence, ...] = ()
    data_sets: tuple[Named, ...] = ()
    adapter: bool = False
    problems: tuple[Claim, ...] = ()


def declared_claims(
    origin: Origin,
    folder: str,
    files: Mapping[str, str],
    *,
    policy: StagePolicy,
    now: datetime,
    earlier: Earlier | None = None,
    resolve: Callable[[str], Known | None] | None = None,
) -> tuple[Claim, ...]:
    """What the card, the licence, the lineage and the repository of a model in quarantine say.

    `folder` holds the files, `files` maps their escaped paths to the hex SHA-256 of the bytes that were inspected.
    `earlier` is what the last intake of the same place remembered; `resolve` gives what a registry or a folder of ours
    holds of a base model, or None. Raises UsageError only if the knowledge is missing.
    """
    knowledge = load_card_knowledge()
    quarantine = Quarantined(folder, files)
    raw = quarantine.read(CARD, LARGEST_CARD)
    card = read_card(raw) if raw is not None else None
    gathered = gather(quarantine)
    says = (*_of_card(card), *gathered.bases)
    bases = list(_bases(says, knowledge, resolve))
    texts = _licence_texts(quarantine)
    return (
        *(card_claims(card, knowledge=knowledge) if card is not None else no_card(None, knowledge=knowledge)),
        *regulated_claims(
            card,
            knowledge=knowledge,
            named=gathered.data_sets,
            inherited=[(base.name, regime) for base, known in bases if known is not None for regime in known.regulated],
        ),
        *licence_claims(
            card,
            texts,
            (*gathered.licences, *_told_licences(origin)),
            [base for base, _ in bases],
            knowledge=knowledge,
            allowed=policy.licences,
        ),
        *lineage.claims(
            says,
            own=_own_name(origin),
            relation=_relation(card),
            adapter=gathered.adapter,
            scratch=card is not None and _from_scratch(card),
            resolve=resolve,
        ),
        *signals.claims(origin, files, knowledge=knowledge, now=now, earlier=earlier),
        *gathered.problems,
        *quarantine.problems(),
    )


def gather(quarantine: Quarantined) -> Gathered:
    """Read the configurations and the metadata of weights. What cannot be read names nothing, and is said."""
    bases: list[Says] = []
    licences: list[ToldLicence] = []
    data_sets: list[Named] = []
    adapter = False
    for path in quarantine.paths(lambda name: name == "adapter_config.json"):
        table = quarantine.json(path, LARGEST_TEXT)
        adapter = True
        bases.extend(_texts(table, "base_model_name_or_path", path, binding=True))
    for path in quarantine.paths(lambda name: name == "config.json"):
        bases.extend(_texts(quarantine.json(path, LARGEST_TEXT), "_name_or_path", path, binding=False))
    for path in quarantine.paths(lambda name: name in ("mergekit_config.yml", "mergekit_config.yaml")):
        bases.extend(Says(name, path, binding=False) for name in quarantine.merged(path, LARGEST_TEXT))
    for path in quarantine.paths(lambda name: name.endswith((".gguf", ".safetensors"))):
        pairs = quarantine.metadata(path)
        licences.extend(
            ToldLicence(value, path) for key, value in pairs if key in ("general.license", "license") and value
        )
        bases.extend(_gguf_bases(pairs, path))
        data_sets.extend(
            Named(value, f"{key} of {path}")
            for key, value in pairs
            if value and (key.startswith("general.dataset.") and key.endswith(".name"))
        )
    return Gathered(tuple(bases), tuple(licences), tuple(data_sets), adapter)


def _texts(table: Any, key: str, where: str, *, binding: bool) -> Iterator[Says]:
    value = table.get(key) if isinstance(table, dict) else None
    if isinstance(value, str) and value.strip():
        yield Says(value[:500], where, binding)


def _gguf_bases(pairs: Iterable[tuple[str, str]], where: str) -> Iterator[Says]:
    """`general.base_model.0.repo_url`, or the name and organisation beside it."""
    found: dict[str, dict[str, str]] = {}
    for key, value in pairs:
        parts = key.split(".")
        if key.startswith("general.base_model.") and len(parts) == 4 and value:
            found.setdefault(parts[2], {})[parts[3]] = value
    for entry in list(found.values())[:MOST]:
        name = entry.get("repo_url", "")
        if not name and entry.get("name"):
            name = f"{entry.get('organization', '')}/{entry['name']}".lstrip("/").replace(" ", "-")
        if name:
            yield Says(name, where, binding=False)


def _of_card(card: Card | None) -> Iterator[Says]:
    if card is None:
        return
    for item in card.of("base_model"):
        if item.value.strip():
            yield Says(item.value.strip(), f"the card (line {item.line})")


def _bases(
    says: Iterable[Says], knowledge: CardKnowledge, resolve: Callable[[str], Known | None] | None
) -> Iterator[tuple[Base, Known | None]]:
    """Each base model once, with its licence: as our store knows it, else as its publisher is known to say."""
    names = dict.fromkeys(name for one in says if one.binding and (name := lineage.model_name(one.name)))
    for name in list(names)[:MOST]:
        known = resolve(name) if resolve is not None else None
        if known is not None and known.licence:
            yield Base(name, known.licence, "as it is stored here"), known
            continue
        lower = name.lower()
        found = max(
            (one for one in knowledge.bases if lower.startswith(one.prefix)),
            key=lambda one: len(one.prefix),
            default=None,
        )
        yield Base(name, found.licence if found else "", found.source if found else ""), known


def _relation(card: Card | None) -> str:
    values = card.of("base_model_relation") if card is not None else ()
    return values[0].value.strip().lower() if values else ""


def _from_scratch(card: Card) -> bool:
    return any(
        words in block.text.lower() for section in card.sections for block in section.blocks for words in _SCRATCH
    )


def _own_name(origin: Origin) -> str:
    publisher = signals.publisher_of(origin)
    last = origin.place.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return f"{publisher}/{last}" if publisher else last


def _told_licences(origin: Origin) -> Iterator[ToldLicence]:
    for one in origin.told:
        if one.key in ("licence", "license") and one.value:
            yield ToldLicence(one.value, "the place")


def _licence_texts(quarantine: Quarantined) -> dict[str, bytes]:
    def is_licence(name: str) -> bool:
        stem, extension = os.path.splitext(name.lower())
        return stem.startswith(_LICENCE_NAMES) and extension in _LICENCE_ENDS

    texts = {}
    for path in quarantine.paths(is_licence):
        raw = quarantine.read(path, LARGEST_TEXT)
        if raw is not None:
            texts[path] = raw
    return texts
