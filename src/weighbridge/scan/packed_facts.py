"""Facts of one model as they lie in the index: what rules look at, in as few bytes and as little work as it takes.

A hundred thousand models are judged again whenever something was learned, so this is read far more often than it is
written. Facts that no rule judges (a tensor's name and shape, of which a model has hundreds) are left out; what is
written is an array for each fact, compressed. The layout of the facts stands beside it: a sheet of another version
of this program is refused, and the index has to be made again from the registry, where the signed facts are.
"""

from __future__ import annotations

import json
import zlib

from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.scan.report import BlobFacts
from weighbridge.scan.stored_facts import KINDS, UnknownFacts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from weighbridge.core.facts import Fact

LEFT_OUT = frozenset(("OperatorSet", "PickleEnd", "Tensor"))
"""Types of facts that no rule looks at; a test holds this against the rules."""
MOST = 256 * 1024 * 1024
"""Bytes of one sheet when it is unpacked."""
LAYOUT = digest_bytes(canonical_json({name: list(kind._fields) for name, kind in KINDS.items()})).hex[:16]
"""Names and fields of all facts that this version knows."""
_TUPLES = {
    name: tuple(place for place, field in enumerate(kind._fields) if kind.__annotations__[field].startswith("tuple"))
    for name, kind in KINDS.items()
}


class Sheet(NamedTuple):
    """What judging a model again rests on: its files' paths as reports write them, whether something was unread."""

    files: frozenset[str]
    unread: bool
    blobs: tuple[BlobFacts, ...]


def pack(files: Iterable[str], blobs: Iterable[BlobFacts], *, unread: bool) -> bytes:
    """A sheet as bytes."""
    document = {
        "layout": LAYOUT,
        "files": sorted(files),
        "unread": unread,
        "blobs": [
            [
                *(blob.location, blob.format, blob.version),
                [[type(fact).__name__, *fact] for fact in blob.facts if type(fact).__name__ not in LEFT_OUT],
            ]
            for blob in blobs
        ],
    }
    return zlib.compress(
        json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"), 6
    )


def unpack(raw: bytes) -> Sheet:
    """The sheet that was packed. Raises UnknownFacts for anything else, and for one of another version."""
    engine = zlib.decompressobj()
    try:
        text = engine.decompress(raw, MOST)
        document = json.loads(text.decode("utf-8", "surrogatepass"))
        if document["layout"] != LAYOUT:
            raise UnknownFacts("facts of another version")
        blobs = tuple(
            BlobFacts(location, name, version, tuple(_fact(*fact) for fact in facts))
            for location, name, version, facts in document["blobs"]
        )
        return Sheet(frozenset(document["files"]), bool(document["unread"]), blobs)
    except (zlib.error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise error if isinstance(error, UnknownFacts) else UnknownFacts("a sheet that is broken") from error


def _fact(name: str, *values: Any) -> Fact:
    places = _TUPLES[name]
    if places:
        values = tuple(tuple(value) if place in places else value for place, value in enumerate(values))
    made: Fact = KINDS[name](*values)
    return made
