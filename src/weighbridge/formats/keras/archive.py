"""Keras models since Keras 2.12: a zip archive with a configuration and weights.

    config.json          the model as a serialized object; `formats/keras/config.py` says what it can do
    metadata.json        version of Keras, date
    model.weights.h5     the weights as HDF5; or model.weights.npz, or model.weights.json with model_00000.weights.h5, …
    assets/…             vocabularies and whatever else layers keep

Every member is a child of its own. Keras reads the configuration first, whatever else is there; so one that is too
large to be read as a tree is a limit reached. Source: Keras 3.15, `saving/saving_lib.py`.
"""

from __future__ import annotations

import re
from struct import unpack_from

from weighbridge.core.facts import Limit, Oddity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.zip import directory_end, frame, read_directory, read_member
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

CONFIG = "config.json"
_BESIDE = (b"model.weights.h5", b"model.weights.npz", b"model.weights.json")
_EXPECTED = re.compile(
    r"config\.json|metadata\.json|model\.weights\.(?:h5|npz|json)|model_\d{5}\.weights\.h5|assets/.*"
)


class Keras:
    """A `.keras` archive."""

    name = "keras"
    version = 1
    extensions = frozenset((".keras",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for a zip archive that has `config.json` at its top, and with it a second part or the right name."""
        if not info.head.startswith(b"PK\x03\x04"):
            return Match.NO
        tail = directory_end(data)
        beside = info.extension in self.extensions or any(_names(tail, name) for name in _BESIDE)
        return Match.YES if beside and _names(tail, CONFIG.encode()) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield every member as a child, and those that have no business in a model."""
        del info
        directory = read_directory(data, budget)
        yield from frame(directory, data, budget)
        for member in directory.members:
            if not _EXPECTED.fullmatch(member.name) and not (member.name.endswith("/") and not member.size):
                yield Oddity("keras-member", f"{member.name[:200]!r} is no part of a Keras model", member.local)
            if member.name == CONFIG and member.size > budget.limits.document:
                yield Limit("document", budget.limits.document, member.local)
            yield from read_member(member, data, budget)


def _names(tail: bytes, name: bytes) -> bool:
    """Whether an entry of a central directory has exactly this name."""
    place = tail.find(name)
    while place >= 0:
        entry = place - 46
        if entry >= 0 and tail[entry : entry + 4] == b"PK\x01\x02":
            (size,) = unpack_from("<H", tail, entry + 28)
            if size == len(name):
                return True
        place = tail.find(name, place + 1)
    return False
