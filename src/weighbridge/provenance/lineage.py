"""Which models a model was made of, as far as it says, followed through what is known here.

    this model ── adapter_config.json, base_model ──▶ org/base ── our store knows it ──▶ org/base-of-base ──▶ …

Each name is one claim with the claims of its own bases below it. That our store holds a model of a name, with a digest,
does not prove that this one was made of it: every step stays declared. A name that nothing here knows ends the way, and
a person has to confirm it. A model that comes from itself is a contradiction.
"""

from __future__ import annotations

import re
from itertools import pairwise

from weighbridge.core.claims import Claim, Status
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEPTH = 16
"""Steps that are followed; published lines have up to five."""
NODES = 64
"""Models that are looked up in all."""
RELATIONS = ("adapter", "finetune", "merge", "quantized")
"""How one model comes from another, in the words of the Hub."""
_BEFORE = re.compile(r"^(?:https?://[^/]+/|hf://|oci://)")
_LOCAL = re.compile(r"^(?:[./~\\]|[A-Za-z]:[\\/])|\\")
_ENDING = re.compile(
    r"[-_](?:bnb-4bit|unsloth-bnb-4bit|gguf|gptq|awq|exl2|mlx|fp8|fp16|bf16|4bit|8bit|int4|int8|hf)$", re.IGNORECASE
)


class Known(NamedTuple):
    """What our own store knows of a model that another one names as its base.

    `name` is how it is called here, `digest` its model digest (empty: it has none yet), `revision` the commit that it
    came from, `bases` the names of the models that it was made of itself, `licence` what it declares, `relation` how it
    says that it was made of them, `regulated` the regimes of data that it was found to hold.
    """

    name: str
    digest: str = ""
    revision: str = ""
    bases: tuple[str, ...] = ()
    licence: str = ""
    relation: str = ""
    regulated: tuple[str, ...] = ()


class Says(NamedTuple):
    """A base model that something names. `binding`: a loader goes by it, so it has to agree with the card."""

    name: str
    where: str
    binding: bool = True


def claims(
    says: Iterable[Says],
    *,
    own: str = "",
    relation: str = "",
    adapter: bool = False,
    scratch: bool = False,
    resolve: Callable[[str], Known | None] | None = None,
) -> tuple[Claim, ...]:
    """One claim `lineage` with a part for each base model.

    `own` is the name of this model, `relation` what the card declares, `adapter` whether there is a configuration of an
    adapter, `scratch` whether the card says that it was made of nothing.
    """
    named: dict[str, tuple[str, list[Says]]] = {}
    local = []
    for one in says:
        name = model_name(one.name)
        if not name:
            local.append(one)
        elif name.lower() != own.lower():
            named.setdefault(name.lower(), (name, []))[1].append(one)
    parts = [*_local(local)]
    if not named:
        if scratch:
            sentence = "the card says that it was trained from scratch; nothing proves it"
            return (Claim("lineage", Status.DECLARED, sentence, "none", parts=tuple(parts)),)
        sentence = "no base model is named, and nothing says that there is none"
        return (Claim("lineage", Status.ABSENT, sentence, confirm=adapter, parts=tuple(parts)),)
    walk = _Walk(resolve)
    names = [name for name, _ in named.values()]
    steps = [walk.step(name, (own.lower(),), _where(sources)) for name, sources in named.values()]
    parts = [*_agreement(named), *_relation(relation, names, adapter=adapter), *steps, *parts]
    kind = relation if relation in RELATIONS else _guessed(names, adapter=adapter)
    value = ", ".join(names)
    broken = [part for part in _all(parts) if part.status is Status.CONTRADICTED]
    if broken:
        return (Claim("lineage", Status.CONTRADICTED, broken[0].evidence, value, confirm=True, parts=tuple(parts)),)
    confirm = any(part.confirm for part in _all(parts))
    sentence = f"{kind} of {plain(value, 300)}" + ("" if not confirm else "; not every step is known here")
    return (Claim("lineage", Status.DECLARED, sentence, value, confirm, tuple(parts)),)


def model_name(text: str) -> str:
    """`org/name` of whatever names a model; an empty text if it names a folder of somebody's machine or nothing."""
    name = _BEFORE.sub("", text.strip()).split("@")[0].split("?")[0].rstrip("/")
    name = re.sub(r"/(?:tree|resolve|blob)/.*$", "", name)
    if not name or _LOCAL.match(name) or name.count("/") > 1 or len(name) > 200 or any(char.isspace() for char in name):
        return ""
    return name


class _Walk:
    """Follows names through what is known; `NODES` of them at most."""

    def __init__(self, resolve: Callable[[str], Known | None] | None) -> None:
        self._resolve = resolve
        self._left = NODES

    def step(self, name: str, above: tuple[str, ...], where: str) -> Claim:
        claim, shown = "lineage/base-model", plain(name, 120)
        if name.lower() in above:
            return Claim(claim, Status.CONTRADICTED, f"{shown} is said to come from itself", name, confirm=True)
        if len(above) > DEPTH or self._left <= 0:
            sentence = f"{shown} is followed no further: {DEPTH} steps or {NODES} models are the most"
            return Claim(claim, Status.ABSENT, sentence, name, confirm=True)
        self._left -= 1
        known = self._resolve(name) if self._resolve is not None else None
        said = f"{shown}, as {where}" if where else shown
        if known is None:
            return Claim(claim, Status.DECLARED, f"{said}; nothing here knows it, nor its digest", name, confirm=True)
        parts = tuple(self.step(base, (*above, name.lower()), f"{shown} declares") for base in _names(known.bases))
        if not known.digest:
            sentence = f"{said}; it is known here, its digest is not"
            return Claim(claim, Status.DECLARED, sentence, name, confirm=True, parts=parts)
        sentence = f"{said}; it is here as {plain(known.name, 120)}, {plain(known.digest, 80)}"
        if known.revision:
            shown = plain(known.revision, 64)
            told = Claim("lineage/base-revision", Status.DECLARED, f"taken in at the commit {shown}", known.revision)
            parts = (told, *parts)
        return Claim(claim, Status.DECLARED, sentence, f"{name}@{known.digest}", parts=parts)


def _names(bases: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(model_name(base) for base in bases) if name]


def _where(sources: list[Says]) -> str:
    return f"{' and '.join(dict.fromkeys(one.where for one in sources))} say{'s' if len(sources) == 1 else ''}"


def _local(says: list[Says]) -> Iterable[Claim]:
    """A folder of the machine that it was made on: it names nothing that anybody else could look up."""
    for one in says[:8]:
        sentence = f"{one.where} names {plain(one.name, 120)}, which is no model that could be looked up"
        yield Claim("lineage/unnamed", Status.DECLARED, sentence, confirm=one.binding)


def _agreement(named: dict[str, tuple[str, list[Says]]]) -> Iterable[Claim]:
    """The card and the files that loaders go by have to name the same models."""
    places: dict[str, set[str]] = {}
    for key, (_, sources) in named.items():
        for one in sources:
            if one.binding:
                places.setdefault(one.where.split(" (")[0], set()).add(key)
    ordered = list(places.items())
    for (where, names), (other, others) in pairwise(ordered):
        if names & others:
            continue
        mine, theirs = (sorted(named[key][0] for key in keys) for keys in (names, others))
        sentence = f"{where} names {plain(', '.join(mine), 120)}, {other} names {plain(', '.join(theirs), 120)}"
        if {_last(key) for key in names} & {_last(key) for key in others}:
            sentence += ": copies of one model by different publishers, if the names are true"
            yield Claim("lineage/agreement", Status.DECLARED, sentence, confirm=True)
        else:
            yield Claim("lineage/agreement", Status.CONTRADICTED, sentence, confirm=True)


def _last(name: str) -> str:
    last = name.rpartition("/")[2]
    while _ENDING.search(last):
        last = _ENDING.sub("", last)
    return last.removeprefix("meta-")


def _relation(relation: str, names: list[str], *, adapter: bool) -> Iterable[Claim]:
    name = "lineage/relation"
    if not relation:
        return
    if relation not in RELATIONS:
        sentence = f"the card calls it {plain(relation, 60)}, which is no relation of models"
        yield Claim(name, Status.DECLARED, sentence, confirm=True)
    elif adapter and relation in ("finetune", "merge"):
        sentence = f"the card calls it {relation}, and there is the configuration of an adapter"
        yield Claim(name, Status.CONTRADICTED, sentence, relation, confirm=True)
    elif relation == "merge" and len(names) < 2:
        yield Claim(name, Status.DECLARED, "the card calls it a merge, and names one model", relation, confirm=True)
    else:
        yield Claim(name, Status.DECLARED, f"the card calls it {relation}", relation)


def _guessed(names: list[str], *, adapter: bool) -> str:
    if adapter:
        return "adapter"
    return "merge" if len(names) > 1 else "derivative"


def _all(parts: Iterable[Claim]) -> Iterable[Claim]:
    for part in parts:
        yield part
        yield from _all(part.parts)
