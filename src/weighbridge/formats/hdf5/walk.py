"""The tree of an HDF5 file: every object that a name leads to, its attributes, its elements.

Objects are visited once. A name that leads back to a group around it is a fact, and so is each kind of link that does
not lead to an object of this file: loaders follow them. A part that is broken stays unread; what stands beside it is
looked at all the same.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, FileReference, Limit, Metadata, Oddity, Tensor, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.hdf5.data import elements, storage
from weighbridge.formats.hdf5.file import STRUCTURES
from weighbridge.formats.hdf5.groups import attributes, links
from weighbridge.formats.hdf5.objects import EXTERNAL, FILTERS, LAYOUT, LINK, LINK_INFO, SPACE, STAB, TYPE, read_header
from weighbridge.formats.hdf5.objects import message_type as type_of
from weighbridge.formats.hdf5.types import dataspace, layout, pipeline
from weighbridge.formats.hdf5.values import heap_texts, leftovers, values
from weighbridge.formats.keras.config import config_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.formats.hdf5.file import Hdf5File
    from weighbridge.formats.hdf5.objects import Attribute, Message
    from weighbridge.formats.hdf5.types import Filter

NAME = 200
"""Characters of a path that are kept: the end of it."""
TEXTS = 100_000
"""Texts of one attribute that are looked at one by one; more are taken for one text."""
_CONFIGS = ("model_config", "training_config")
_ONCE = (TYPE, SPACE, LAYOUT, FILTERS, EXTERNAL)
_GROUP = frozenset((STAB, LINK, LINK_INFO))


class Walk:
    """One way through a file. `tree` gives every fact; the bytes are accounted for by the file."""

    __slots__ = ("_around", "_file", "_full", "_seen")

    def __init__(self, file: Hdf5File) -> None:
        self._file = file
        self._around: set[int] = set()
        self._seen: set[int] = set()
        self._full = False

    def tree(self, root: int) -> Iterator[Fact | Child]:
        """Everything below the object at `root`."""
        pending = [(root, "", False)]
        while pending:
            address, path, leave = pending.pop()
            if leave:
                self._around.discard(address)
                continue
            if address in self._seen:
                continue
            self._seen.add(address)
            self._around.add(address)
            pending.append((address, path, True))
            inner: list[tuple[int, str, bool]] = []
            try:
                for fact in self._object(address, path, inner):
                    yield from self._kept(fact)
            except FormatError as error:
                yield self._broken(error, path)
            pending.extend(reversed(inner))
        for fact in leftovers(self._file):
            yield from self._kept(fact)

    def _kept(self, fact: Fact | Child) -> Iterator[Fact | Child]:
        """A fact, as long as there is room for more. Of tensors and notes fewer will do; what is judged will not."""
        if isinstance(fact, (Child, UnreadSpan, Limit)):
            yield fact
        elif self._file.budget.facts > 0:
            self._file.budget.facts -= 1
            yield fact
        elif not self._full and not isinstance(fact, (Tensor, Metadata)):
            self._full = True
            yield Limit("facts", self._file.budget.limits.facts, 0)

    def _broken(self, error: FormatError, path: str) -> UnreadSpan:
        what = f"{path[-100:]!r}" if path else "the root group"
        return UnreadSpan(error.offset, 8, f"{what} is broken: {error.cause}")

    def _object(self, address: int, path: str, inner: list[tuple[int, str, bool]]) -> Iterator[Fact | Child]:
        messages = read_header(self._file, address)
        kinds = {message.type for message in messages}
        if LAYOUT in kinds:
            yield from self._parts(self._dataset(messages, path), path)
        elif TYPE in kinds:
            self._file.types.setdefault(address, type_of(next(one for one in messages if one.type == TYPE)))
        yield from self._parts(self._attributes(messages, path), path)
        if address in self._file.cached and STAB in kinds:
            body = next(message.body for message in messages if message.type == STAB)
            if self._file.cached[address] != (body.address(), body.address()):
                raise FormatError("the two places of the root group disagree", body.offset)
            body.place = 0
        if kinds & _GROUP:
            yield from self._group(messages, path, inner)

    def _parts(self, facts: Iterator[Fact | Child], path: str) -> Iterator[Fact | Child]:
        try:
            yield from facts
        except FormatError as error:
            yield self._broken(error, path)

    def _group(self, messages: list[Message], path: str, inner: list[tuple[int, str, bool]]) -> Iterator[Fact]:
        for link in links(self._file, messages):
            if len(inner) >= STRUCTURES:
                raise FormatError(f"more than {STRUCTURES} names are not followed", link.offset)
            name = f"{path}/{link.name}"[-NAME:].lstrip("/")
            if link.kind == "hard" and link.address in self._around:
                yield Oddity("hdf5-cycle", f"{name!r} leads back to a group around it", link.offset)
            elif link.kind == "hard":
                inner.append((link.address, name, False))
            elif link.kind == "soft":
                yield Oddity("hdf5-soft-link", f"{name!r} stands for {link.target[:200]!r}", link.offset)
            elif link.kind == "external":
                yield FileReference("hdf5-external-link", link.target[:1000], name, link.offset)
            else:
                yield Oddity("hdf5-user-link", f"{name!r} is a link of the {link.target}", link.offset)

    def _dataset(self, messages: list[Message], path: str) -> Iterator[Fact | Child]:
        by_type = {message.type: message for message in messages}
        if any(sum(one.type == kind for one in messages) > 1 for kind in _ONCE):
            raise FormatError("a dataset says twice what it is", messages[0].body.offset)
        if TYPE not in by_type or SPACE not in by_type:
            raise FormatError("a dataset has no type or no shape", messages[0].body.offset)
        if any(by_type[kind].flags & 2 for kind in (SPACE, LAYOUT)):
            raise FormatError("a heap of shared messages is not read", messages[0].body.offset)
        if EXTERNAL in by_type:
            yield from storage(self._file, path, by_type[EXTERNAL].body)
        filters: tuple[Filter, ...] = ()
        if FILTERS in by_type:
            if by_type[FILTERS].flags & 2:
                raise FormatError("a heap of shared messages is not read", by_type[FILTERS].body.offset)
            filters = pipeline(by_type[FILTERS].body)
        kind, space = type_of(by_type[TYPE]), dataspace(by_type[SPACE].body)
        place = layout(by_type[LAYOUT].body)
        yield from elements(self._file, path, kind, space, place, filters, away=EXTERNAL in by_type)

    def _attributes(self, messages: list[Message], path: str) -> Iterator[Fact | Child]:
        split: dict[str, list[tuple[int, str, str, int]]] = {}
        for one in attributes(self._file, messages):
            key = f"{path}@{one.name}"[-NAME:].lstrip("@")
            try:
                texts = self._texts(one)
                yield from values(self._file, key, one.type, one.raw, one.offset)
            except FormatError as error:
                yield self._broken(error, key)
                continue
            if len(texts) == 1 and one.space.elements == 1:
                yield Metadata(key, texts[0][:200], len(texts[0]), one.offset)
            stem = one.name.rstrip("0123456789") if not path else ""
            if stem in _CONFIGS and stem != one.name:
                split.setdefault(stem, []).append((len(one.name), one.name, "".join(texts), one.offset))
                continue
            for text in texts:
                certain = one.name in _CONFIGS and not path
                yield from config_in_text(text, key, one.offset, self._file.budget, certain=certain)
        for stem, pieces in split.items():
            text = "".join(piece[2] for piece in sorted(pieces))
            yield from config_in_text(text, stem, pieces[0][3], self._file.budget, certain=True)

    def _texts(self, one: Attribute) -> list[str]:
        if one.type.kind == "text":
            return heap_texts(self._file, one.type, one.raw)
        if one.type.kind == "string" and one.type.size:
            size = one.type.size if one.space.elements <= TEXTS else len(one.raw)
            pieces = [one.raw[start : start + size] for start in range(0, len(one.raw), size)]
            return [piece.rstrip(b"\0").decode("utf-8", "replace") for piece in pieces]
        return []
