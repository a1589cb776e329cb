"""Models as lines of text: LIBSVM, LIBLINEAR, SVMlight, and the graphs of ncnn.

    LIBSVM      "svm_type" …, lines "key values", "SV", lines "coefficients index:value …"
    LIBLINEAR   "solver_type" …, lines "key values", "w", lines of numbers
    SVMlight    "SVM-light Version V6.02", lines "value # what it is", lines "coefficient index:value …  #"
    ncnn        "7767517", "layers blobs", lines "Type name inputs outputs blobs… key=value…"

Every line must be of a form that the program writes. None can name code: a layer of ncnn that the runtime does not know
makes it give up. Sources: libsvm 3.35 `svm.cpp`; liblinear 2.47 `linear.cpp`; svm_light 6.02 `svm_common.c`; ncnn
`src/net.cpp`, `src/paramdict.cpp`.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Metadata, Operator, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.classic.boosters import text_lines
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

_NUMBER = rb"[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++|nan|inf)(?:[eE][-+]?[0-9]{1,4})?"
_VECTOR = re.compile(
    rb"\s*+(?:" + _NUMBER + rb")?(?:\s++(?:[0-9]{1,12}:" + _NUMBER + rb"|" + _NUMBER + rb"))*+\s*+(?:#.*)?"
)
_KEY = re.compile(rb"[a-zA-Z][\w]{1,40}(?: [-+\w.]+)*\s*")
_REMARK = re.compile(rb"[-+\w.]* ?# [^\0]*")
_LAYER = re.compile(
    rb"\s*+([A-Za-z_][\w.]{0,60}+)\s++(\S{1,300}+)\s++[0-9]{1,6}+\s++[0-9]{1,6}+"
    rb"((?:\s++[^\s=]{1,300}+(?=\s|$))*+)((?:\s++-?[0-9]{1,6}=(?:\"[^\"]*\"|[^\s\"]++))*+)\s*+"
)
_VALUE = re.compile(rb"[-+0-9.eExabcdfnpiA-F,]+|\"[^\"]*\"|[\w.,/-]+")
LONGEST_LAYER = 64 * 1024
"""Bytes of the longest line that is matched as a layer."""


class LineModel:
    """A support vector machine, or a linear model."""

    name = "svm-text"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the first line."""
        del data
        line = info.head.partition(b"\n")[0].rstrip(b"\r")
        known = re.fullmatch(rb"(?:svm_type|solver_type) [A-Za-z0-9_]+|SVM-light Version V[0-9.]+", line)
        return Match.YES if known else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Line by line: keys first, numbers behind them."""
        del info
        light = False
        numbers = False
        rows = 0
        keys: dict[bytes, bytes] = {}
        for offset, line in text_lines(data):
            if not offset:
                light = line.startswith(b"SVM-light")
                yield Metadata("first line", line.decode("latin-1")[:200], len(line), 0)
            elif numbers and _VECTOR.fullmatch(line):
                rows += bool(line.strip())
            elif line.rstrip() in (b"SV", b"w") and not light:
                numbers = True
            elif light and _REMARK.fullmatch(line):
                numbers = b"threshold" in line
                value, _, remark = line.partition(b"#")
                keys[b"vectors" if b"support vectors plus 1" in remark else remark] = value.strip()
                yield from _looked_into(line, offset, budget)
            elif not light and not numbers and _KEY.fullmatch(line):
                key, _, value = line.partition(b" ")
                keys[key] = value.strip()
                yield from _looked_into(line, offset, budget)
            else:
                yield Span(0, offset, "parsed")
                raise FormatError("a line is not of a form that the program writes", offset)
        if not numbers:
            raise FormatError("the numbers of the model are missing", data.size)
        if rows != _rows(keys):
            raise FormatError(f"{rows} rows of numbers, not {_rows(keys)}", data.size)
        yield Span(0, data.size, "parsed")


class NcnnParam:
    """The graph of an ncnn model."""

    name = "ncnn-param"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the number in the first line."""
        del data
        return Match.YES if re.match(rb"7767517\r?\n", info.head) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Every layer by its type; the numbers beside it are its parameters."""
        del info
        types: dict[str, tuple[int, int]] = {}
        counts = -1
        layers = index = 0
        for offset, line in text_lines(data):
            index += 1
            if index == 2 and re.fullmatch(rb"\s*[0-9]{1,9}\s+[0-9]{1,9}\s*", line):
                counts = int(line.split()[0])
            if index <= 2 or not line.strip():
                continue
            match = _LAYER.fullmatch(line) if len(line) <= LONGEST_LAYER else None
            if match is None or not all(_VALUE.fullmatch(word.partition(b"=")[2]) for word in match[4].split()):
                yield Span(0, offset, "parsed")
                raise FormatError("a line is no layer", offset)
            layers += 1
            name = match[1].decode()
            times, first = types.get(name, (0, offset))
            types[name] = (times + 1, first)
            yield from _looked_into(line, offset, budget)
            if len(types) > budget.facts:
                yield Limit("facts", budget.limits.facts, offset)
                return
        if layers != counts:
            raise FormatError(f"{layers} layers, not {counts}", 0)
        budget.facts -= len(types)
        for name, (times, first) in types.items():
            yield Operator("", name, times, first)
        yield Span(0, data.size, "parsed")


def _rows(keys: dict[bytes, bytes]) -> int:
    """How many rows of numbers the keys before them announce; -1 if they do not say it."""
    for key, less in ((b"total_sv", 0), (b"vectors", 1), (b"nr_feature", 0)):
        value = keys.get(key, b"")
        if value.isdigit() and len(value) < 12:
            biased = key == b"nr_feature" and not keys.get(b"bias", b"-1").startswith(b"-")
            return int(value) - less + biased
    return -1


def _looked_into(line: bytes, offset: int, budget: Budget) -> Iterator[Fact | Child]:
    if len(line) >= SHORTEST:
        yield from embedded_in_text(line.decode("utf-8", "replace"), "line", offset, budget)


LINE_MODELS = (LineModel(), NcnnParam())
