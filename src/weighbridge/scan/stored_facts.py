"""Facts that were stored beside a model, read back, so that what is known today can judge what was seen then.

A stored fact is its fields and `fact`, the name of its type. Only types and fields that this version writes are read:
facts of another version are no facts here, and the model has to be inspected again.
"""

from __future__ import annotations

from functools import lru_cache

from weighbridge.core import facts as known
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats import LAST, REGISTRY, loaded
from weighbridge.scan.report import BlobFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.formats.base import Format
    from weighbridge.scan.external import CheckpointShard, ExternalTensors

SCHEMA = "weighbridge.facts/1"
NO_FORMAT = frozenset((("none", 1), ("opaque", 1), ("empty", 1)))
"""What the engine writes where no format read anything."""


class UnknownFacts(ValueError):
    """The stored facts are not in the shape that this version writes; the text says what was met."""


def read_facts(predicate: Mapping[str, Any]) -> tuple[BlobFacts, ...]:
    """The facts of a fact sheet that was written by `FactSheet.predicate`. Raises UnknownFacts."""
    if predicate.get("schema") != SCHEMA:
        raise UnknownFacts(f"facts of the schema {plain(str(predicate.get('schema')), 60)}")
    blobs = predicate.get("blobs")
    if not isinstance(blobs, list):
        raise UnknownFacts("facts without blobs")
    return tuple(_blob(blob) for blob in blobs)


def outdated(blobs: Iterable[BlobFacts]) -> tuple[str, ...]:
    """The formats whose parser is another one today than that which saw these facts, with both versions."""
    found = {}
    for name, version in sorted({(blob.format, blob.version) for blob in blobs} - NO_FORMAT):
        today = _version(name)
        if today is not None and today != version:
            found[name] = f"{name} (version {version}, today {today})"
        elif today is None:
            found[name] = f"{name} (no longer read)"
    return tuple(found.values())


def _version(name: str) -> int | None:
    found = _format(name)
    return found.version if found else None


@lru_cache(1000)
def _format(name: str) -> Format | type[CheckpointShard | ExternalTensors] | None:
    """The format of a name; those that an extension promises are found without loading all the others."""
    likely = [entry for entry in (*REGISTRY, LAST) if name in entry.promised.values()]
    for entries in (likely, (*REGISTRY, LAST)):
        for entry in entries:
            for found in loaded(entry.module, entry.attribute):
                if found.name == name:
                    return found
    from weighbridge.scan.external import CheckpointShard, ExternalTensors

    return next((found for found in (CheckpointShard, ExternalTensors) if found.name == name), None)


def _blob(blob: object) -> BlobFacts:
    if not isinstance(blob, dict):
        raise UnknownFacts("a blob that is no object")
    location, name, version, facts = (blob.get(key) for key in ("location", "format", "version", "facts"))
    if not isinstance(location, str) or not isinstance(name, str) or type(version) is not int:
        raise UnknownFacts("a blob without its location, format or version")
    if not isinstance(facts, list):
        raise UnknownFacts(f"a blob without facts ({plain(location, 80)})")
    return BlobFacts(location, name, version, tuple(_fact(fact) for fact in facts))


def _fact(fact: object) -> Fact:
    if not isinstance(fact, dict):
        raise UnknownFacts("a fact that is no object")
    name = fact.get("fact")
    fields = _FIELDS.get(name) if isinstance(name, str) else None
    if fields is None:
        raise UnknownFacts(f"a fact of the unknown type {plain(str(name), 40)}")
    if fact.keys() - {"fact"} != fields.keys():
        raise UnknownFacts(f"a fact {name} with other fields")
    values = []
    for key, reads in fields.items():
        value = reads(fact[key])
        if value is None:
            raise UnknownFacts(f"a fact {name} whose {key} is {plain(str(fact[key]), 40)}")
        values.append(value)
    made: Fact = getattr(known, str(name))(*values)
    return made


def _only(kind: type) -> Callable[[object], Any]:
    return lambda value: value if type(value) is kind else None


def _many(kind: type) -> Callable[[object], Any]:
    return lambda value: tuple(value) if isinstance(value, list) and all(type(item) is kind for item in value) else None


_READERS: dict[str, Callable[[object], Any]] = {
    "str": _only(str),
    "CallMode": _only(str),
    "int": _only(int),
    "bool": _only(bool),
    "tuple[int, ...]": _many(int),
    "tuple[str, ...]": _many(str),
}
_FACTS = (
    *(known.Import, known.Call, known.ComputedImport, known.PickleEnd, known.Tensor, known.Operator),
    *(known.OperatorSet, known.Graph, known.ExternalData, known.Metadata, known.Setting, known.Reference),
    *(known.FileReference, known.TemplateUse, known.ActiveText, known.SourceUse, known.Markup, known.Address),
    *(known.Secret, known.PersonalData, known.Embedded, known.Oddity, known.Limit, known.NameMismatch),
    *(known.Native, known.Link, known.JudgeSettings, known.Pointer, known.UnreadSpan),
)
KINDS: dict[str, Any] = {kind.__name__: kind for kind in _FACTS}
"""Every type of fact by its name."""
_FIELDS: dict[str, dict[str, Callable[[object], Any]]] = {
    name: {field: _READERS[kind.__annotations__[field]] for field in kind._fields} for name, kind in KINDS.items()
}
"""Every type of fact → its fields, each with what reads it; a type that is new in `core.facts` has to be named here."""
