"""Universal Binary JSON, in which XGBoost writes its models.

    value  = Z | T | F | N | C byte | i int8 | U uint8 | I int16 | l int32 | L int64 | d float32 | D float64
           | S length text | H length digits | [ … ] | { … }            all numbers big endian
    [ value* ]      [ # length value*      [ $ type # length payload*       payloads of one type, without markers
    { (length text value)* }        { # length …         { $ type # length …       keys have no marker
    length = one of i U I l L

A model is one object. XGBoost tells the form by the name and by `{` with no `"` behind it; the same tree as JSON is
read as JSON. Arrays of numbers are data, strings are searched. Sources: ubjson.org, draft 12; xgboost 3.2,
`src/common/json.cc`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Metadata, Oddity, Span
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import Match, spans_of
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.grammars.one_value import one_value
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

SIZES = {"Z": 0, "T": 0, "F": 0, "C": 1, "i": 1, "U": 1, "I": 2, "l": 4, "L": 8, "d": 4, "D": 8}
"""Marker → bytes of the payload."""
_LENGTHS = {ord(marker): SIZES[marker] for marker in "iUIlL"}
_FIXED = {ord(marker): size for marker, size in SIZES.items()}
_VALUES = frozenset(b"ZTFNCiUIlLdDSH[{")
_NOOP, _TEXT, _DIGITS, _LIST, _LIST_END, _OBJECT, _OBJECT_END = b"NSH[]{}"
_TYPE, _COUNT = b"$#"
NESTING = 200
"""Levels that values may be nested: models have about ten."""
KEPT = 200
"""Texts of one model that become facts."""
LONGEST_KEY = 64 * 1024
LARGE = 64
"""Bytes from which on an array of numbers is data and not read."""


class Level(NamedTuple):
    """An open list or object: `type` of all its values or 0, `left` values to come or -1 if an end mark comes."""

    is_object: bool
    type: int
    left: int
    key: str
    keys: set[str]


class Ubjson:
    """A model of XGBoost, or any other object, as UBJSON."""

    name = "ubjson"
    version = 1
    extensions = frozenset((".ubj",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if an object with a first key begins it; MAYBE by the name."""
        if info.head.startswith(b"{") and _begins(data):
            return Match.YES
        return Match.MAYBE if info.extension == ".ubj" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the one value that the document is."""
        del info
        yield from one_value(Walk(data, budget))


class Walk:
    """One value after the other, with a stack of what is open."""

    __slots__ = ("_budget", "_data", "_kept", "_open", "cursor")

    def __init__(self, data: Reader, budget: Budget) -> None:
        self.cursor = Cursor(data)
        self._budget = budget
        self._open: list[Level] = []
        self._data: list[tuple[int, int]] = []
        self._kept = 0

    def document(self) -> Iterator[Fact | Child]:
        """The facts of the whole value."""
        yield from self._value(self._marker())
        while self._open:
            level = self._open[-1]
            if level.left == 0:
                self._close()
                continue
            marker = 0
            if level.left < 0:
                marker = self._marker()
                if marker == (_OBJECT_END if level.is_object else _LIST_END):
                    self._close()
                    continue
                if level.is_object:
                    self.cursor.place -= 1
            else:
                self._open[-1] = level._replace(left=level.left - 1)
            if level.is_object:
                yield from self._key(level)
            if level.type:
                marker = level.type
            elif level.is_object or level.left >= 0:
                marker = self._marker()
            yield from self._value(marker)

    def spans(self, end: int) -> Iterator[Span]:
        """What was read: long arrays as data, the rest as parsed."""
        return spans_of(self._data, end)

    def _marker(self) -> int:
        """The next marker; no-ops between values are allowed and skipped."""
        while True:
            marker = self.cursor.byte()
            if marker != _NOOP:
                return marker

    def _value(self, marker: int) -> Iterator[Fact | Child]:
        size = _FIXED.get(marker)
        if size is not None:
            self.cursor.take(size)
        elif marker in (_TEXT, _DIGITS):
            yield from self._text()
        elif marker in (_LIST, _OBJECT):
            self._enter(is_object=marker == _OBJECT)
        else:
            raise FormatError(f"there is no value that begins with {marker:#04x}", self.cursor.place - 1)

    def _enter(self, *, is_object: bool) -> None:
        place = self.cursor.place
        if len(self._open) >= NESTING:
            raise FormatError("values are nested too deeply", place)
        type_, left = 0, -1
        marker = self.cursor.byte()
        if marker == _TYPE:
            type_ = self.cursor.byte()
            if type_ not in _VALUES or type_ == _NOOP:
                raise FormatError("a list is of a type that does not exist", place)
            marker = self.cursor.byte()
            if marker != _COUNT:
                raise FormatError("a list has a type and no length", place)
        if marker == _COUNT:
            left = self._length()
            size = _FIXED.get(type_)
            least = (1 if is_object else 0) + (size if size is not None else 1)
            # Values without a payload take no bytes: their number is bounded by the file like everything else.
            if left * least > self.cursor.left or (least == 0 and left > self.cursor.reader.size):
                raise FormatError(f"{left} values do not fit into what is left", place)
            if size is not None and not is_object:
                start = self.cursor.skip(left * size)
                if left * size >= LARGE:
                    self._data.append((start, left * size))
                return
        else:
            self.cursor.place -= 1
        self._open.append(Level(is_object, type_, left, self._path(), set()))

    def _path(self) -> str:
        return self._open[-1].key if self._open else ""

    def _close(self) -> None:
        self._open.pop()

    def _key(self, level: Level) -> Iterator[Fact | Child]:
        place = self.cursor.place
        size = self._length()
        if size > LONGEST_KEY:
            raise FormatError("a key is absurdly long", place)
        key = _decoded(self.cursor.take(size), place)
        if key in level.keys:
            yield from self._keep(Oddity("duplicate-key", f"{key[:200]!r} stands twice", place))
        level.keys.add(key)
        self._open[-1] = self._open[-1]._replace(key=key[:100])
        if len(key) >= SHORTEST:
            yield from embedded_in_text(key, key[:100], place, self._budget)

    def _text(self) -> Iterator[Fact | Child]:
        place = self.cursor.place
        size = self._length()
        if size > self.cursor.left:
            raise FormatError(f"a text of {size} bytes does not fit into what is left", place)
        if size > self._budget.limits.embedded * 2:
            self.cursor.skip(size)
            yield Limit("embedded", self._budget.limits.embedded, place)
            return
        text = _decoded(self.cursor.take(size), place)
        key = self._path()
        if len(text) >= SHORTEST:
            yield from embedded_in_text(text, key or "text", place, self._budget)
        if self._kept < KEPT and key:
            self._kept += 1
            yield from self._keep(Metadata(key, text[:200], len(text), place))

    def _length(self) -> int:
        marker = self.cursor.byte()
        size = _LENGTHS.get(marker)
        if size is None:
            raise FormatError("a length is no whole number", self.cursor.place - 1)
        length = self.cursor.unsigned(1, "big") if marker == ord("U") else self.cursor.signed(size, "big")
        if length < 0:
            raise FormatError("a length is negative", self.cursor.place - size)
        return length

    def _keep(self, fact: Fact) -> Iterator[Fact]:
        if self._budget.facts > 0:
            self._budget.facts -= 1
            yield fact


def _decoded(raw: bytes, place: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("a text is not UTF-8", place) from None


def _begins(data: Reader) -> bool:
    """Whether an object with one key and a value stands at the beginning, or one with a type or a number of values."""
    cursor = Cursor(data, 1)
    try:
        marker = cursor.byte()
        if marker in (_TYPE, _COUNT):
            follows = cursor.byte()
            return follows in (_VALUES if marker == _TYPE else _LENGTHS) and (
                marker == _COUNT or cursor.byte() == _COUNT
            )
        size = _LENGTHS.get(marker)
        if size is None:
            return False
        length = cursor.unsigned(1, "big") if marker == ord("U") else cursor.signed(size, "big")
        if not 0 <= length <= min(LONGEST_KEY, cursor.left):
            return False
        key = cursor.take(length).decode("utf-8")
        return (key.isprintable() or not key) and cursor.byte() in _VALUES
    except (FormatError, UnicodeDecodeError):
        return False
