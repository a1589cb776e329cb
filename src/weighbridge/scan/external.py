"""Tensors that lie in other files of the artifact: whether they are there, and which bytes they account for.

A parser sees one blob only, so it says `ExternalData`: tensor, file, place. Here those are held against the files.
Models are inspected before the files beside them; a file of raw tensors, which is of no format, is then read as what
the models say of it. Nobody may launder a file by naming it: text, programs, and whatever another loader could take
for its own stay unread, and so does every byte that no tensor claims, unless it is zero.
"""

from __future__ import annotations

import math
import re

from weighbridge.core.artifact import Unread, escape_name
from weighbridge.core.facts import ExternalData, FileReference, Native, Oddity, Span, Tensor, UnreadSpan
from weighbridge.core.limits import Budget
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import Match
from weighbridge.formats.magic import hdf5_place, machine_code
from weighbridge.formats.pickles.stream import runs_something
from weighbridge.pickle.machine import interpret
from weighbridge.pickle.opcodes import KNOWN
from weighbridge.scan.report import BlobFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weighbridge.core.artifact import InspectedFile
    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo
    from weighbridge.scan.walk import Entry

REFER = (".onnx", ".xml", "model.json", ".index", ".tflite")
"""Ends of names of files that may name others: they are inspected first. Others are judged by their content alone."""
_RAW = frozenset(("", ".data", ".bin", ".dat", ".raw", ".onnx_data", ".weight", ".weights", ".bias"))
"""Extensions of files that may hold nothing but tensors."""
_OTHERS = (b"GGUF", b"lmgg", b"fmgg", b"tjgg", b"algg", b"7z\xbc\xaf", b"Rar!", b"%PDF", b"\x28\xb5\x2f\xfd")
"""First bytes of formats that other loaders recognize by content."""
_OTHERS_AT_4 = (b"TFL3", b"ORTM")
CHECKPOINT = "tensorflow-checkpoint"
"""The format whose tensors lie in shards."""
_STEP = 256 * 1024
OVERLAPS = 100
"""Overlaps of one file that are reported."""


class Range(NamedTuple):
    """Bytes that a tensor claims, from the first to behind the last.

    `kind` is set if the elements have lengths of their own, `elements` says then how many there are.
    """

    start: int
    end: int
    tensor: str
    kind: str = ""
    elements: int = 0


class ExternalTensors:
    """A file as the models beside it describe it; a Format for this one file."""

    name = "external-data"
    version = 1
    extensions: frozenset[str] = frozenset()

    def __init__(self, ranges: list[Range]) -> None:
        self.ranges = sorted(ranges)

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE if nothing else could be meant: a name for raw data, no text, no program, no other format."""
        head = info.head
        refused = (
            info.extension not in _RAW
            or head.startswith(_OTHERS)
            or head[4:8] in _OTHERS_AT_4
            or machine_code(head)
            or hdf5_place(data) >= 0
            or _is_text(data)
        )
        return Match.NO if refused else Match.MAYBE

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Tensors are data; zeros between them are parsed; the rest is not accounted for."""
        yield from _tensors(data, info, budget, self.ranges)


class CheckpointShard:
    """A shard as the index beside it describes it; a Format for this one file."""

    name = "tensorflow-checkpoint-data"
    version = 1
    extensions: frozenset[str] = frozenset()

    def __init__(self, ranges: list[Range]) -> None:
        self.ranges = sorted(ranges)

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE for the name of a shard, if nothing else could be meant."""
        refused = info.head.startswith(_OTHERS) or machine_code(info.head) or hdf5_place(data) >= 0
        return Match.MAYBE if re.search(r"\.data-\d{5}-of-\d{5}$", info.name) and not refused else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Tensors of numbers are data, those of strings are searched; the rest as in other files of tensors."""
        yield from _tensors(data, info, budget, self.ranges)


def _tensors(data: Reader, info: BlobInfo, budget: Budget, ranges: list[Range]) -> Iterator[Fact | Span | Child]:
    if info.head and info.head[0] in KNOWN:
        program = interpret(data, 0, Budget(budget.limits, data.size))
        if runs_something(program) or program.exhausted:
            yield UnreadSpan(0, data.size, "the tensors are also a pickle")
            return
    place = 0
    for start, behind, _, strange, count in ranges:
        end = min(behind, data.size)
        if start >= data.size:
            break
        kind = machine_code(data.peek(start, 512))
        if kind and start:
            yield Native(kind, start)
        if start > place:
            yield from _padding(data, place, start)
        if strange:
            from weighbridge.formats.tensorflow.checkpoint_data import strings, variants

            inside = strings if strange == "STRING" else variants
            yield from inside(data, start, end - start, count, budget)
        elif end > place:
            yield Span(max(start, place), end - max(start, place), "data")
        place = max(place, end)
    if place < data.size:
        yield from _padding(data, place, data.size)


class Claims:
    """Which file of the artifact is claimed by which tensors."""

    __slots__ = ("_ranges", "_shards")

    def __init__(self) -> None:
        self._ranges: dict[str, list[Range]] = {}
        self._shards: set[str] = set()

    def add(self, path: str, blobs: Iterable[BlobFacts]) -> None:
        """Take down what the file at `path` says of others. Models inside archives have no files beside them."""
        for blob in blobs:
            if blob.location == escape_name(path):
                strange = _strange(blob) if blob.format == CHECKPOINT else {}
                for fact in blob.facts:
                    if isinstance(fact, ExternalData):
                        target = beside(path, fact)
                        size = fact.wanted if fact.length < 0 else fact.length
                        if target and size > 0:
                            kind = strange.get((fact.tensor, fact.start), ("", 0))
                            self._ranges.setdefault(target, []).append(
                                Range(fact.start, fact.start + size, fact.tensor, *kind)
                            )
                            if blob.format == CHECKPOINT:
                                self._shards.add(target)

    def of(self, path: str) -> ExternalTensors | CheckpointShard | None:
        """How to read the file at `path`, if a model claimed parts of it."""
        ranges = self._ranges.get(path)
        if not ranges:
            return None
        return CheckpointShard(ranges) if path in self._shards else ExternalTensors(ranges)


def _strange(blob: BlobFacts) -> dict[tuple[str, int], tuple[str, int]]:
    """The tensors of a checkpoint whose elements have lengths of their own: their kind, and how many there are."""
    return {
        (fact.name, fact.offset): (fact.dtype, math.prod(fact.shape))
        for fact in blob.facts
        if isinstance(fact, Tensor) and fact.dtype in ("STRING", "VARIANT")
    }


def order(entries: list[Entry]) -> list[Entry]:
    """The entries with those first that may name others."""
    return sorted(entries, key=lambda entry: not entry.path.lower().endswith(REFER))


def beside(path: str, data: ExternalData) -> str:
    """The path in the artifact of the file that a tensor lies in; empty if that leads out of it."""
    parts = [part for part in data.location.split("/") if part != "."]
    if data.base or not all(parts) or ".." in parts or not parts or "\\" in data.location or ":" in parts[0]:
        return ""
    folder = path.rpartition("/")[0]
    return "/".join([folder, *parts] if folder else parts)


def settle_external(blobs: list[BlobFacts], files: list[InspectedFile]) -> tuple[list[BlobFacts], list[Unread]]:
    """Hold every `ExternalData` against the files: what is missing, out of range or shared becomes a fact."""
    sizes = {file.path: file.size for file in files}
    unread: list[Unread] = []
    settled = []
    for blob in blobs:
        apart = [*_shards(blob, sizes), *_assets(blob, sizes)]
        if apart:
            unread.extend(Unread(blob.location, 0, fact.why) for fact in apart if isinstance(fact, UnreadSpan))
            blob = blob._replace(facts=(*blob.facts, *apart))  # noqa: PLW2901 -- the same blob, with what goes with it
        outside = [fact for fact in blob.facts if isinstance(fact, ExternalData)]
        if not outside:
            settled.append(blob)
            continue
        facts, missing = _against(blob.location, outside, sizes)
        facts.extend(missing)
        unread.extend(Unread(f"{blob.location}@{span.offset}", 0, span.why) for span in missing)
        settled.append(blob._replace(facts=(*blob.facts, *facts)))
    return settled, unread


def _shards(blob: BlobFacts, sizes: dict[str, int]) -> list[Fact]:
    """Shards that an index names and that are not here, and files that look like its shards and are not named."""
    named = [fact for fact in blob.facts if isinstance(fact, FileReference) and fact.road == "weight-shard"]
    if not named or "!" in blob.location:
        return []
    folder, slash, _ = blob.location.rpartition("/")
    here = {escape_name(f"{folder}{slash}{fact.target}") for fact in named}
    found: list[Fact] = [
        UnreadSpan(0, 0, f"the shard {path[:200]!r} of the index is not here") for path in sorted(here - sizes.keys())
    ]
    pattern = re.compile(re.escape(f"{folder}{slash}") + r"[^/]*-\d{5}-of-\d{5}(\.[a-z]+)")
    kinds = {match[1] for match in map(pattern.fullmatch, here) if match}
    for path in sizes:
        match = pattern.fullmatch(path)
        if match and match[1] in kinds and path not in here:
            found.append(Oddity("extra-shard", f"{path[:200]!r} is named like a shard and is not in the index"))
    return found


def _assets(blob: BlobFacts, sizes: dict[str, int]) -> list[Fact]:
    """Files of the folder `assets` that a SavedModel names and that are not here."""
    # A model as text is a message inside of the file, and lies in the same folder.
    location = blob.location.removesuffix("!message")
    if "!" in location:
        return []
    folder, slash, _ = location.rpartition("/")
    named = {fact.target for fact in blob.facts if isinstance(fact, FileReference) and fact.road == "tf-asset"}
    missing = sorted(name for name in named if escape_name(f"{folder}{slash}assets/{name}") not in sizes)
    return [UnreadSpan(0, 0, f"the asset {name[:200]!r} is not inspected with the model") for name in missing]


def _against(location: str, outside: list[ExternalData], sizes: dict[str, int]) -> tuple[list[Fact], list[UnreadSpan]]:
    facts: list[Fact] = []
    absent: dict[str, list[ExternalData]] = {}
    claimed: dict[str, list[Range]] = {}
    for fact in outside:
        # Locations are escaped names, so that `!` in one means a member: nothing lies beside that.
        target = "" if "!" in location else escaped_beside(location, fact)
        size = fact.wanted if fact.length < 0 else fact.length
        if target not in sizes:
            absent.setdefault(fact.location, []).append(fact)
        elif fact.start + max(size, 0) > sizes[target]:
            end = fact.start + max(size, 0)
            detail = f"tensor {fact.tensor!r} ends at {end} of {fact.location!r}, which has {sizes[target]} bytes"
            facts.append(Oddity("external-range", detail, fact.offset))
        elif size > 0:
            claimed.setdefault(target, []).append(Range(fact.start, fact.start + size, fact.tensor))
    for target, ranges in claimed.items():
        facts.extend(_overlaps(target, sorted(ranges)))
    missing = [
        UnreadSpan(
            tensors[0].offset, 0, f"{len(tensors)} tensors lie in {name[:200]!r}, which is not inspected with it"
        )
        for name, tensors in absent.items()
    ]
    return facts, missing


def escaped_beside(location: str, data: ExternalData) -> str:
    """`beside`, for a location whose names are escaped as in a report."""
    target = beside("", data)
    folder = location.rpartition("/")[0]
    if not target:
        return ""
    name = escape_name(target)
    return f"{folder}/{name}" if folder else name


def _overlaps(target: str, ranges: list[Range]) -> list[Oddity]:
    """Tensors that share some bytes but not all: the same range twice is one tensor under two names."""
    found: list[Oddity] = []
    last = ranges[0]
    for current in ranges[1:]:
        if current.start < last.end and current[:2] != last[:2] and len(found) < OVERLAPS:
            detail = f"tensors {last.tensor!r} and {current.tensor!r} share some bytes of {target[:200]!r}"
            found.append(Oddity("external-overlap", detail))
        if current.end > last.end:
            last = current
    return found


def _padding(data: Reader, start: int, end: int) -> Iterator[Span]:
    for place in range(start, end, _STEP):
        size = min(_STEP, end - place)
        if data.read(place, size).strip(b"\0"):
            return
        yield Span(place, size, "parsed")


def _is_text(data: Reader) -> bool:
    """Whether all of it is UTF-8 without a NUL, as source code has to be."""
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")()
    for place in range(0, data.size, _STEP):
        raw = data.peek(place, _STEP)
        if b"\0" in raw:
            return False
        try:
            decoder.decode(raw)
        except UnicodeDecodeError:
            return False
    return True
