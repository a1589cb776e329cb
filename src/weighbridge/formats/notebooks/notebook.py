"""Jupyter notebooks, versions 2 to 4: cells of code and prose, and what the code showed when it was run.

    {"nbformat": 4, "nbformat_minor": 5,
     "metadata": {"kernelspec": {"name", "display_name", "language"}, "language_info": {"name"}, "widgets": {…}},
     "cells": [{"cell_type": "code" | "markdown" | "raw" | "heading", "source": "…" | ["…"], "metadata": {…},
                "outputs": [{"output_type", "data": {type: content}, "text", "traceback"}],
                "attachments": {name: {type: base64}}}]}
    versions 2 and 3: "worksheets": [{"cells": […]}], "input" for "source", outputs with "png", "html", … themselves

Everything is read where it stands: keys that stand twice twice, cells of either version in any version, because readers
disagree on which ones count. The code of all cells is one program, in order (`code.py`). Prose, pictures and
pages are blobs of their own. A cell that is not understood stays unread and is said to.
Sources: nbformat 5.11, `v2`, `v3`, `v4`; Jupyter documentation, "The Notebook file format".
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Oddity, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.json_places import Bytes, Cursor, Text
from weighbridge.formats.notebooks import outputs as shown
from weighbridge.formats.notebooks.code import CodeCell, program_facts
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import search_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

VERSIONS = (2, 3, 4)
ODD_PARTS = 100
"""Parts that are of another type than the format says which are passed over; then nothing more is read."""
_MARKS = (b'"cell_type"', b'"nbformat')
_HIDDEN_TAGS = frozenset(
    ("remove-cell", "remove_cell", "hide-cell", "hide_cell", "hide-input", "hide_input", "remove-input", "remove_input")
)
_NAME = re.compile(r"[\w .()+\[\]:@/&,-]{0,120}")


class Notebook:
    """A notebook."""

    name = "notebook"
    version = 2
    extensions = frozenset((".ipynb",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for an object under the name of a notebook, or with the keys of one at its beginning or end."""
        head = info.head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
        if head[:1] != b"{":
            return Match.NO
        if info.extension == ".ipynb":
            return Match.YES
        tail = data.peek(max(0, data.size - 256), 256)
        return Match.YES if any(mark in head for mark in _MARKS) and b'"nbformat' in head + tail else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read cells, outputs and metadata; then the code of all cells as one program."""
        if data.size > budget.limits.document:
            yield Limit("document", budget.limits.document)
            yield from search_text(data, budget)
            return
        raw = data.read(0, data.size)
        mark = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
        try:
            text = raw[mark:].decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("the text is not UTF-8", mark + error.start) from None
        if info.extension == ".json":
            from weighbridge.formats.config.hub import HubConfig

            yield from HubConfig().parse(data, info, budget)
        book = _Book(text, Bytes(text, mark), budget)
        broken: FormatError | None = None
        try:
            yield from book.document()
        except FormatError as error:
            broken = FormatError(error.cause, book.places.at(min(error.offset, len(text))))
        # What stands before the place where a document breaks is looked at too.
        yield from program_facts(book.code, book.languages, text, book.places, budget)
        if broken is not None:
            raise broken
        yield from book.closing()
        yield Span(0, data.size, "parsed")


class _Book:
    """One document on its way from front to back."""

    def __init__(self, text: str, places: Bytes, budget: Budget) -> None:
        self.places = places
        self.code: list[CodeCell] = []
        self.languages: set[str] = set()
        self._cursor = Cursor(text)
        self._budget = budget
        self._cells = 0
        self._odd_parts = 0
        self._holders: set[str] = set()
        self._versions: list[Any] = []

    def document(self) -> Iterator[Fact | Child]:
        """The object that everything lies in."""
        cursor = self._cursor
        if cursor.begins() != "{":
            raise FormatError("the document is not an object", cursor.index)
        for key in cursor.members():
            start = cursor.index
            if key == "cells" and cursor.begins() == "[":
                self._holders.add(key)
                yield from self._list()
            elif key == "worksheets" and cursor.begins() == "[":
                yield from self._worksheets()
            elif key == "metadata":
                yield from self._metadata(cursor.plain(), start)
            elif key == "nbformat":
                self._versions.append(cursor.plain())
            else:
                value = cursor.plain()
                if key in ("cells", "worksheets"):
                    yield self._odd(f"{key!r} is no list", start)
                yield from self._searched(value, key, start)
        cursor.end()

    def closing(self) -> Iterator[Fact]:
        """What can be said when everything was read."""
        for key in self._cursor.twice:
            yield Oddity("duplicate-key", f"{key!r} stands twice; readers disagree on which counts", 0)
        if len(self._holders) > 1:
            yield Oddity("notebook-structure", "it has cells for version 4 and for older versions; readers disagree", 0)
        if not self._holders:
            yield UnreadSpan(0, 0, "it has no cells")
            raise FormatError("it has no cells", 0)
        if not self._versions or any(type(one) is not int or one not in VERSIONS for one in self._versions):
            said = ", ".join(str(one)[:20] for one in self._versions) or "none"
            raise FormatError(f"the version is {said}, and 2 to 4 are known", 0)

    def _worksheets(self) -> Iterator[Fact | Child]:
        cursor = self._cursor
        self._holders.add("worksheets")
        for _ in cursor.items():
            if cursor.begins() != "{":
                yield from self._unread("a worksheet is no object")
                continue
            for key in cursor.members():
                if key == "cells" and cursor.begins() == "[":
                    yield from self._list()
                else:
                    start = cursor.index
                    yield from self._searched(cursor.plain(), key, start)

    def _list(self) -> Iterator[Fact | Child]:
        for _ in self._cursor.items():
            self._cells += 1
            if self._cursor.begins() == "{":
                yield from self._cell(f"cell{self._cells}")
            else:
                yield from self._unread(f"cell {self._cells} is no object")

    def _cell(self, name: str) -> Iterator[Fact | Child]:
        cursor = self._cursor
        kinds: list[Any] = []
        sources: list[Text] = []
        number = self._cells
        begin = cursor.index
        for key in cursor.members():
            start = cursor.index
            if key in ("source", "input"):
                text = cursor.joined()
                if text is None:
                    yield UnreadSpan(self._at(start), self._size(start), f"the source of cell {number} is no text")
                else:
                    sources.append(text)
            elif key == "cell_type":
                kinds.append(cursor.plain())
            elif key == "outputs" and cursor.begins() == "[":
                yield from self._outputs(name)
            elif key == "attachments" and cursor.begins() == "{":
                yield from self._attachments(name)
            elif key == "metadata":
                metadata = cursor.plain()
                yield from self._cell_metadata(metadata, number, start)
                yield from self._searched(metadata, f"cell {number}", start)
            elif key == "language":
                language = cursor.plain()
                self.languages.add(str(language))
            else:
                yield from self._searched(cursor.plain(), f"cell {number}.{key}"[:100], start)
        for source in sources:
            yield from embedded_in_text(source.value, f"cell {number}", self._at(source.start), self._budget)
        if len(sources) > 1:
            yield Oddity(
                "notebook-structure", f"cell {number} has {len(sources)} sources; readers disagree", self._at(begin)
            )
        yield from self._kinds(kinds, sources, name, begin)

    def _kinds(self, kinds: list[Any], sources: list[Text], name: str, begin: int) -> Iterator[Fact | Child]:
        """What a cell is: every type that it says it has counts."""
        number = self._cells
        known = ("code", "markdown", "raw", "heading", "html")
        unknown = [kind for kind in kinds if kind not in known] if kinds else ["none"]
        if unknown:
            yield UnreadSpan(
                self._at(begin),
                self._size(begin),
                f"cell {number} is of a type that is not known: {str(unknown[0])[:40]!r}",
            )
        for source in sources:
            start, end = self._at(source.start), self._at(source.end)
            if "code" in kinds or unknown:
                self.code.append(CodeCell(number, source))
            if "markdown" in kinds or "heading" in kinds:
                yield from shown.document("text/markdown", source.value, name, start, end)
            if "html" in kinds:
                yield from shown.document("text/html", source.value, name, start, end)

    def _cell_metadata(self, metadata: Any, number: int, start: int) -> Iterator[Fact]:
        if not isinstance(metadata, dict):
            yield self._odd(f"the metadata of cell {number} is no object", start)
            return
        if metadata.get("init_cell"):
            yield Oddity(
                "notebook-autorun", f"cell {number} runs when the notebook is opened (init_cell)", self._at(start)
            )
        jupyter = metadata.get("jupyter")
        tags = metadata.get("tags")
        hidden = [tag for tag in tags if isinstance(tag, str) and tag in _HIDDEN_TAGS] if isinstance(tags, list) else []
        if isinstance(jupyter, dict) and jupyter.get("source_hidden"):
            hidden.append("source_hidden")
        hidden += [key for key in ("hide_input", "hideCode", "hide_code", "hidden") if metadata.get(key) is True]
        if hidden:
            yield Oddity("hidden-cell", f"cell {number} is not shown: {', '.join(hidden[:4])}", self._at(start))

    def _outputs(self, name: str) -> Iterator[Fact | Child]:
        cursor = self._cursor
        for index in cursor.items():
            if cursor.begins() != "{":
                yield from self._unread(f"an output of {name} is no object")
                continue
            place = f"{name}-output{index + 1}"
            for key in cursor.members():
                if key == "data" and cursor.begins() == "{":
                    for mime in cursor.members():
                        yield from self._content(mime, place)
                elif key in shown.SHORT:
                    yield from self._content(shown.SHORT[key], place)
                else:
                    start = cursor.index
                    yield from self._searched(cursor.plain(), f"{place}.{key}"[:100], start)

    def _attachments(self, name: str) -> Iterator[Fact | Child]:
        cursor = self._cursor
        for index, _ in enumerate(cursor.members()):
            if cursor.begins() != "{":
                yield from self._unread(f"an attachment of {name} is no object")
                continue
            for mime in cursor.members():
                yield from self._content(mime, f"{name}-attachment{index + 1}")

    def _content(self, mime: str, place: str) -> Iterator[Fact | Child]:
        """One content of an output or an attachment, by its type."""
        cursor = self._cursor
        start = cursor.index
        kind = shown.kind_of_output(mime)
        mime = mime.partition(";")[0].strip().lower()
        at = self._at(start)
        if not kind or (kind == "data" and not shown.known_data(mime)):
            yield Oddity("output-type", f"{place} is of a type that is not known: {mime[:80]!r}", at)
        if kind == "data" or not kind or cursor.begins() not in ('"', "["):
            value = cursor.plain()
            yield from shown.data_facts(mime, value, place, at, self._budget)
            if kind not in ("data", ""):
                yield UnreadSpan(at, self._size(start), f"{place} should be a text")
            return
        text = cursor.joined()
        end = self._at(cursor.index)
        if text is None:
            yield UnreadSpan(at, end - at, f"{place} is a list of other things than texts")
        elif kind == "binary":
            yield from shown.picture(mime, text.value, place, at, end)
        elif kind == "script":
            yield shown.script_use(mime, text.value, place, at)
        else:
            yield from embedded_in_text(text.value, place, at, self._budget)
            if kind == "document":
                yield from shown.document(mime, text.value, place, at, end)

    def _metadata(self, metadata: Any, start: int) -> Iterator[Fact | Child]:
        """What the document says of itself: kernel, language, widgets."""
        at = self._at(start)
        if not isinstance(metadata, dict):
            yield self._odd("the metadata is no object", start)
            return
        for key, value in metadata.items():
            name = key.partition("\0")[0]
            if name in ("kernelspec", "language_info", "kernel_info"):
                yield from self._kernel(name, value, start)
            elif name == "language":
                self.languages.add(str(value))
            elif name == "widgets" and isinstance(value, dict):
                for mime, state in value.items():
                    if mime.partition("\0")[0] == shown.WIDGETS:
                        yield from shown.widgets(state, "widgets", at)
                        yield from self._widget_pages(state, start)
        yield from self._searched(metadata, "metadata", start)

    def _widget_pages(self, state: Any, start: int) -> Iterator[Fact | Child]:
        """Widgets that show markup put it into the page as it is."""
        models = state.get("state") if isinstance(state, dict) else None
        texts = []
        for model in models.values() if isinstance(models, dict) else ():
            held = model.get("state") if isinstance(model, dict) else None
            if isinstance(held, dict):
                keys = ("value", "description", "placeholder", "_titles", "tooltip", "description_tooltip")
                texts += [str(held[key]) for key in keys if isinstance(held.get(key), str) and "<" in held[key]]
        if texts:
            yield from shown.shown_file(
                "widgets.html", "\n".join(texts), "widgets", self._at(start), self._at(self._cursor.index)
            )

    def _kernel(self, name: str, value: Any, start: int) -> Iterator[Fact]:
        if not isinstance(value, dict):
            yield self._odd(f"{name} is no object", start)
            return
        keys = ("language", "name") if name == "kernelspec" else ("name",)
        self.languages.update(str(value[key]) for key in keys if value.get(key))
        if name == "kernelspec":
            more = sorted(key for key in value if key.partition("\0")[0] in ("argv", "env", "interrupt_mode"))
            odd = [key for key in ("name", "display_name") if not _NAME.fullmatch(str(value.get(key, "")))]
            if more:
                yield Oddity("notebook-kernel", f"the kernel brings its own {', '.join(more)}", self._at(start))
            if odd or ".." in str(value.get("name")) or "/" in str(value.get("name")):
                yield Oddity(
                    "notebook-kernel", f"the kernel is called {str(value.get('name'))[:80]!r}", self._at(start)
                )

    def _searched(self, value: Any, key: str, start: int) -> Iterator[Fact | Child]:
        """Look for hidden objects in every text of a value."""
        at = self._at(start)
        for path, leaf in shown.leaves(value):
            if isinstance(leaf, str) and len(leaf) >= SHORTEST:
                yield from embedded_in_text(leaf, f"{key}.{path}".rstrip("."), at, self._budget)

    def _unread(self, why: str) -> Iterator[Fact | Child]:
        start = self._cursor.index
        self._odd_parts += 1
        if self._odd_parts > ODD_PARTS:
            raise FormatError(f"{why}, as more than {ODD_PARTS} others", start)
        value = self._cursor.plain()
        yield UnreadSpan(self._at(start), self._size(start), why)
        yield from self._searched(value, why, start)

    def _odd(self, what: str, start: int) -> Oddity:
        return Oddity("notebook-structure", what, self._at(start))

    def _at(self, index: int) -> int:
        return self.places.at(index)

    def _size(self, start: int) -> int:
        return self._at(self._cursor.index) - self._at(start)
