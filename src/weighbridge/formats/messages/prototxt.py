"""Network definitions of Caffe in the text form of Protocol Buffers.

    field      name ":" value | name [":"] "{" field* "}" | name [":"] "<" field* ">"     ended by "," or ";" or nothing
    value      number | word | text in quotes, several in a row are one | "[" value, … "]"
    comment    "#" to the end of the line

A layer of the type Python names a module and a class, which the runtime imports and calls: reference `caffe-python`.
Layers of data and solvers name files: road `caffe-data`. All other fields are settings of layers.
Source: protobuf "Text Format Language Specification"; BVLC caffe 1.0 `caffe.proto`.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import FileReference, Limit, Operator, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.messages.models import python_layer
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

_BEGINS = re.compile(
    rb"\A(?:\s|#[^\n]{0,200}\n)*(?:name\s*:\s*\"[^\"\n]{0,200}\"\s*)?(?:input\s*:\s*\"[^\"\n]{0,200}\"\s*)?layers?\s*\{"
)
_QUOTED = r"\"[^\"\\\n]*+(?:\\.[^\"\\\n]*+)*+\"|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'"
_TOKEN = re.compile(
    r"\s++|#[^\n]*+|(?P<word>[A-Za-z_][\w.]*+|\[[A-Za-z_][\w./]*+\](?=\s*+[:{<]))"
    rf"|(?P<text>{_QUOTED})"
    r"|(?P<number>[-+]?(?:0[xX][0-9a-fA-F]++|[0-9.]++(?:[eE][-+]?[0-9]++)?[fF]?))|(?P<mark>[-:{}<>\[\],;])",
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r"}
FILES = frozenset(
    (
        *("source", "mean_file", "root_folder", "file_name", "weights", "snapshot_prefix", "snapshot", "filename"),
        *("label_map_file", "name_size_file", "output_directory", "save_file", "net", "train_net", "test_net"),
        *("meanfile", "infogain_file", "anno_file"),
    )
)
"""Fields of layers and solvers that are paths; `source` is also a matrix in a file."""
DEPTH = 100
MOST = 4 * 1024 * 1024
"""Bytes of a definition that are read: real ones have less than a tenth of them, and each costs a microsecond."""


class Prototxt:
    """A definition of a network or of its training."""

    name = "prototxt"
    version = 1
    extensions = frozenset((".prototxt",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if a layer is the first or second field; MAYBE by the name."""
        del data
        if _BEGINS.match(info.head):
            return Match.YES
        return Match.MAYBE if info.extension == ".prototxt" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Every field; what belongs to one layer is held together."""
        del info
        if data.size > MOST:
            yield UnreadSpan(0, data.size, f"a definition of more than {MOST} bytes is not read")
            return
        try:
            text = data.read(0, data.size).decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("the text is not UTF-8", error.start) from None
        types: dict[str, tuple[int, int]] = {}
        fields: dict[str, str] = {}
        started, inside = 0, "{"
        for path, value, offset in walk(text):
            if budget.facts <= 0:
                yield Limit("facts", budget.limits.facts, offset)
                return
            last = path.rpartition(".")[2]
            if last in ("layer{", "layers{"):
                fields, started, inside = {}, offset, path[:-1] + "."
            elif last in ("layer}", "layers}"):
                budget.facts -= 1
                yield from python_layer(fields, started)
                kind = fields.get("type", "")
                times, first = types.get(kind, (0, started))
                types[kind] = (times + 1, first)
            elif not path.endswith(("{", "}")):
                if path.startswith(inside):
                    fields[path.removeprefix(inside).replace("python_param.", "python.")] = value
                if last in FILES and value:
                    budget.facts -= 1
                    yield FileReference("caffe-data", value[:1000], ".".join(path.split(".")[-2:])[:200], offset)
                if len(value) >= SHORTEST:
                    yield from embedded_in_text(value, path[:200], offset, budget)
        for kind, (times, first) in types.items():
            yield Operator("", kind[:200], times, first)
        yield Span(0, data.size, "parsed")


def walk(text: str) -> Iterator[tuple[str, str, int]]:
    """Every field as its path and value, and where messages begin (`path{`) and end (`path}`); offsets in bytes."""
    tokens = _tokens(text)
    open_: list[tuple[str, str]] = []
    kind, piece, offset = next(tokens)
    while kind != "end":
        path = ".".join(name for name, _ in open_)
        if piece in ("}", ">") and kind == "mark":
            if not open_ or open_.pop()[1] != piece:
                raise FormatError("a message is closed that is not open", offset)
            yield path + "}", "", offset
            kind, piece, offset = next(tokens)
        elif kind == "word":
            name, start = piece, offset
            path = f"{path}.{name}" if path else name
            kind, piece, offset = next(tokens)
            colon = piece == ":" and kind == "mark"
            if colon:
                kind, piece, offset = next(tokens)
            if kind == "mark" and piece in "{<":
                if len(open_) >= DEPTH:
                    raise FormatError("the messages are nested too deeply", offset)
                open_.append((name, "}" if piece == "{" else ">"))
                yield path + "{", "", start
                kind, piece, offset = next(tokens)
            elif colon and kind == "mark" and piece == "[":
                while piece != "]" or kind != "mark":
                    kind, piece, offset = next(tokens)
                    if kind == "end" or (kind == "mark" and piece not in ",-]"):
                        raise FormatError("a list does not end", start)
                    if kind != "mark":
                        yield path, piece, start
                kind, piece, offset = next(tokens)
            elif colon:
                if kind == "mark" and piece == "-":
                    kind, piece, offset = next(tokens)
                if kind not in ("text", "word", "number"):
                    raise FormatError("a field has no value", start)
                value, texts = piece, kind == "text"
                kind, piece, offset = next(tokens)
                while texts and kind == "text":
                    value += piece
                    kind, piece, offset = next(tokens)
                yield path, value, start
            else:
                raise FormatError("a field has neither a value nor a message", offset)
        elif kind == "mark" and piece in ",;":
            kind, piece, offset = next(tokens)
        else:
            raise FormatError("a field is missing", offset)
    if open_:
        raise FormatError("a message does not end", offset)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    place = bytes_ = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise FormatError("the text is none of Protocol Buffers", bytes_)
        piece = match[0]
        if match.lastgroup == "text":
            yield "text", _ESCAPE.sub(_unescaped, piece[1:-1]), bytes_
        elif match.lastgroup:
            yield match.lastgroup, piece, bytes_
        bytes_ += len(piece.encode("utf-8", "surrogatepass"))
        place = match.end()
    while True:
        yield "end", "", bytes_


def _unescaped(match: re.Match[str]) -> str:
    hexadecimal, octal, wide, letter = match.groups()
    if hexadecimal or wide:
        return chr(int(hexadecimal or wide, 16))
    if octal:
        return chr(int(octal, 8) & 0xFF)
    return _LETTERS.get(letter, letter)
