"""Models of XGBoost in the binary form that it wrote before 1.7.

    offset 0   "binf"
    offset 4   136 bytes: f32 base score, u32 features, i32 classes, i32 has attributes, i32 has metrics, version, zeros
    …          text objective, text booster                          text: u64 size, bytes
    gbtree     160 bytes: i32 trees, …; for each tree 148 bytes: i32 roots, i32 nodes, …, then 20 and 16 bytes for each
               node; i32 for each tree
    dart       as gbtree, then u64 number, f32 each
    gblinear   136 bytes, u64 number, f32 each
    …          if it has attributes: u64 number, twice as many texts; if it has metrics: u64 number, texts

Read to the last byte; nothing in it can name code. The form without a mark ("nothing at all") of versions before 0.8 is
not known here. Source: xgboost 1.5.2, `src/learner.cc`, `src/gbm/gbtree_model.cc`, `src/gbm/gblinear_model.h`,
`src/tree/tree_model.cc`; files written by it.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Metadata, Oddity, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

TREE = 148
NODE = 20 + 16


class XgboostBinary:
    """A model of XGBoost before 1.7."""

    name = "xgboost-binary"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark and the zeros that follow it."""
        sure = info.head.startswith(b"binf") and data.size > 160 and b"\0" in info.head[4:64]
        return Match.YES if sure else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Texts are facts and looked into, trees and weights are numbers."""
        del info
        cursor = Cursor(data, 16)
        attributes, metrics = cursor.signed(4), cursor.signed(4)
        cursor.place = 4 + 136
        texts = [_text(cursor, budget), _text(cursor, budget)]
        yield Metadata("objective", texts[0][1][:200], len(texts[0][1]), texts[0][0])
        yield Metadata("booster", texts[1][1][:200], len(texts[1][1]), texts[1][0])
        yield Span(0, cursor.place, "parsed")
        start = cursor.place
        _booster(cursor, texts[1][1])
        yield Span(start, cursor.place - start, "data")
        start = cursor.place
        for present, each in ((attributes, 2), (metrics, 1)):
            if not present:
                continue
            count = cursor.unsigned(8)
            if count * 8 * each > cursor.left:
                raise FormatError(f"{count} texts are more than there is room for", cursor.place - 8)
            if count * each > budget.facts:
                yield Limit("facts", budget.limits.facts, cursor.place)
                return
            texts += [_text(cursor, budget) for _ in range(count * each)]
        for place, text in texts:
            budget.facts -= 1
            if len(text) >= SHORTEST:
                yield from embedded_in_text(text, "text", place, budget)
        yield Span(start, cursor.place - start, "parsed")
        if cursor.left:
            yield Oddity("trailing-bytes", f"{cursor.left} bytes behind the model", cursor.place)


def _booster(cursor: Cursor, kind: str) -> None:
    """Go over the numbers of a booster."""
    start = cursor.place
    if kind in ("gbtree", "dart"):
        trees = cursor.signed(4)
        cursor.place = start + 160
        if not 0 <= trees <= cursor.left // TREE:
            raise FormatError(f"{trees} trees are more than there is room for", start)
        for _ in range(trees):
            place = cursor.skip(4)
            nodes = cursor.signed(4)
            cursor.place = place + TREE
            if not 0 <= nodes <= cursor.left // NODE:
                raise FormatError(f"a tree has {nodes} nodes", place)
            cursor.skip(nodes * NODE)
        cursor.skip(4 * trees)
    elif kind == "gblinear":
        cursor.skip(136)
    else:
        raise FormatError(f"the booster {kind[:40]!r} is not known", start)
    if kind != "gbtree":
        count = cursor.unsigned(8)
        cursor.skip(4 * min(count, cursor.reader.size))


def _text(cursor: Cursor, budget: Budget) -> tuple[int, str]:
    size = cursor.unsigned(8)
    if size > min(cursor.left, budget.limits.embedded):
        raise FormatError(f"a text has {size} bytes", cursor.place - 8)
    place = cursor.place
    try:
        return place, cursor.take(size).decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("a text is not UTF-8", place) from None
