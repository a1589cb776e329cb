"""A whole model: every checkpoint in it becomes safetensors, the rest is copied, and all of it appears at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from weighbridge.convert.checkpoint import ARRAYS, COMPRESSED, PICKLED
from weighbridge.convert.existing import check_same
from weighbridge.convert.file import Choice, Plan, plan
from weighbridge.convert.line import PIECE
from weighbridge.convert.names import INDEX, index_name, rest_name, tensors_name
from weighbridge.convert.record import ConversionRecord, ConvertedFile, ConvertedTensor, LeftOut, SharedName, Side
from weighbridge.convert.shards import LARGEST, check_same_index, new_index
from weighbridge.convert.staging import staged
from weighbridge.convert.write import Written, write_tensors
from weighbridge.core.artifact import escape_name
from weighbridge.core.digests import Digest, model_digest
from weighbridge.core.errors import NotConvertible, SourceError
from weighbridge.core.findings import Severity
from weighbridge.core.reader import FileSource, Reader
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import PICKLES
from weighbridge.scan.walk import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from weighbridge.core.limits import Limits
    from weighbridge.scan.engine import Watcher
    from weighbridge.scan.report import Inspection, ScanReport
    from weighbridge.scan.walk import Entry


SecondRoad = Callable[[str, Choice, ExitStack], Plan]
"""Reads a file that was refused, by its path; what it opens stays open as long as the stack."""
Stamps = dict[str, tuple[int, int, int, int, int]]
"""Device, inode, size and times of change of each file: what is converted is what was inspected."""


class Made(NamedTuple):
    """One file of the output that was made of one of the input."""

    source: str
    plan: Plan
    tensors: list[Written]
    road: str


def stamps(path: str, limits: Limits) -> Stamps:
    """How the files of an artifact are before they are inspected."""
    return {entry.path: _stamp(os.stat(entry.full)) for entry in walk(path, limits.files) if entry.is_read}


def pickled_files(inspection: Inspection) -> set[str]:
    """Paths, escaped, of the files that have a pickle in them."""
    found = {blob.location.partition("!")[0] for blob in inspection.facts.blobs if blob.format in PICKLES}
    return found | {file.path for file in inspection.report.artifact.files if file.format in PICKLES}


def check_verdict(report: ScanReport, files: set[str]) -> None:
    """Raise NotConvertible for what the scan would not let pass: anything severe, or anything unread in these files."""
    worst = next((found for found in report.findings if found.severity.rank >= Severity.HIGH.rank), None)
    mend = "weighbridge scan says more; do not load the file"
    if worst is not None:
        cause = f"the scan calls it {report.verdict.value}: {worst.title} ({worst.rule} at {worst.location})"
        raise NotConvertible(cause, mend)
    for unread in report.unread:
        if unread.location.partition("!")[0].partition("@")[0] in files:
            raise NotConvertible(f"the scan could not read all of it: {unread.why} ({unread.location})", mend)


def convert(
    path: str,
    output: str,
    inspection: Inspection,
    before: Stamps,
    choice: Choice,
    limits: Limits,
    watcher: Watcher,
    second: SecondRoad | None = None,
) -> ConversionRecord:
    """Convert the file or folder at `path`, which was inspected, into the new folder `output`.

    What is refused goes the `second` road, if there is one. Raises NotConvertible if anything in it cannot be converted
    or should not be; then nothing is written.
    """
    report = inspection.report
    check_verdict(report, set())
    chosen = _chosen(path, inspection)
    check_verdict(report, chosen)
    entries = [entry for entry in walk(path, limits.files) if entry.kind != "left-out"]
    formats = {file.path: file.format for file in report.artifact.files}
    with staged(output) as folder, ExitStack() as stack:
        made: dict[str, Made] = {}
        files: list[ConvertedFile] = []
        later: list[Entry] = []
        for entry in entries:
            name = _escaped(entry.path)
            watcher.note(entry.path)
            if not entry.is_read:
                raise NotConvertible(f"{name} is no regular file", "replace it by the file itself")
            if entry.path.endswith(INDEX) and os.path.getsize(entry.full) <= LARGEST:
                later.append(entry)
            elif name in chosen:
                target = tensors_name(entry.path)
                if target in made or _escaped(target) in chosen:
                    raise NotConvertible(f"{name} would become {target}, which is there already", "remove one of them")
                with _unchanged(entry, before) as data:
                    road = partial(second, entry.full, choice, stack) if second else None
                    made[target] = _planned(data, entry.path, formats[name], choice, limits, road)
                    there = next((other for other in entries if other.path == target), None)
                    if there is None:
                        files += _converted(made[target], folder, watcher)
                    else:
                        made[target] = _compared(made[target], there, folder, before, watcher)
            else:
                files.append(_copy(entry, folder, before, watcher.advance))
        for entry in later:
            files += _index(entry, folder, made, before)
        if len({file.path for file in files}) != len(files):
            raise NotConvertible("two files would have the same name", "rename one of them")
        return _record(report, sorted(files), made)


def _chosen(path: str, inspection: Inspection) -> set[str]:
    """The files to convert. Raises NotConvertible for a pickle in a container that is not understood here."""
    single = not os.path.isdir(path)
    chosen = set()
    pickled = pickled_files(inspection)
    for file in inspection.report.artifact.files:
        arrays = single and file.format in ARRAYS
        if file.path in pickled and file.format not in PICKLED:
            cause = f"{file.path} is {file.format} with a pickle in it, which is not converted"
            mend = "save numbers only, without objects" if arrays else "take the checkpoint out of it, or remove it"
            raise NotConvertible(cause, mend)
        if file.path in pickled or arrays:
            chosen.add(file.path)
        elif single and file.format in COMPRESSED:
            raise NotConvertible(f"{file.path} has no pickle in it", "name a checkpoint")
    if not chosen:
        formats = ", ".join(sorted({file.format for file in inspection.report.artifact.files}))
        raise NotConvertible(f"there is no checkpoint in it to convert (it is {formats})", "name a pickle checkpoint")
    return chosen


def _planned(
    data: Reader, path: str, kind: str, choice: Choice, limits: Limits, second: Callable[[], Plan] | None
) -> Made:
    """What will become of one file, by the first road that leads somewhere."""
    try:
        try:
            return Made(path, plan(data, kind, choice, limits), [], "symbolic")
        except NotConvertible:
            if second is None:
                raise
            return Made(path, second(), [], "torch")
    except NotConvertible as error:
        raise NotConvertible(f"{_escaped(path)}: {error.cause}", error.mend) from error


def _converted(made: Made, folder: str, watcher: Watcher) -> list[ConvertedFile]:
    """Write one file, and what is left out of it beside it."""
    target = tensors_name(made.source)
    full = _place(folder, target)
    tensors, digest, size = write_tensors(full, made.plan.sources, made.plan.metadata, watcher.advance)
    made.tensors.extend(tensors)
    files = [ConvertedFile(_escaped(target), size, digest.hex)]
    if made.plan.told:
        text = json.dumps(made.plan.told, indent=2, allow_nan=False).encode() + b"\n"
        files.append(_written(folder, rest_name(made.source), text))
    return files


def _compared(made: Made, there: Entry, folder: str, before: Stamps, watcher: Watcher) -> Made:
    """What became of one file whose safetensors are there already: they stay, if they are the same."""
    aside = os.path.join(folder, ".compared")
    tensors, _, _ = write_tensors(aside, made.plan.sources, made.plan.metadata, watcher.advance)
    os.unlink(aside)
    try:
        with _unchanged(there, before) as data:
            check_same(data, tensors, made.plan.shared)
    except NotConvertible as error:
        raise NotConvertible(f"{_escaped(made.source)}: {error.cause}", error.mend) from error
    rest = (("", f"the same tensors are in {_escaped(there.path)}"), *made.plan.rest)
    return made._replace(plan=made.plan._replace(rest=rest, told={}), tensors=tensors)


def _index(entry: Entry, folder: str, made: Mapping[str, Made], before: Stamps) -> list[ConvertedFile]:
    with _unchanged(entry, before) as data:
        raw = data.read(0, data.size)
    inside = entry.path.rpartition("/")[0]
    written = {path: (done.tensors, done.plan.shared) for path, done in made.items()}
    sizes = {path: sum(source.view.size for source in done.plan.sources) for path, done in made.items()}
    target = index_name(entry.path)
    text = new_index(raw, f"{inside}/" if inside else "", written, sizes)
    there = os.path.join(folder, target)
    if os.path.exists(there):
        check_same_index(there, text)
        return []
    return [_written(folder, target, text)]


def _record(report: ScanReport, files: list[ConvertedFile], made: Mapping[str, Made]) -> ConversionRecord:
    artifact = report.artifact
    before = tuple(ConvertedFile(file.path, file.size, file.sha256.hex) for file in artifact.files)
    digest = model_digest((file.path, file.size, Digest(file.sha256)) for file in files)
    tensors: list[ConvertedTensor] = []
    shared: list[SharedName] = []
    left_out: list[LeftOut] = []
    for target, done in made.items():
        place, source = _escaped(target), _escaped(done.source)
        tensors += [ConvertedTensor(*found, place, source) for found in done.tensors]
        shared += [SharedName(name, kept, place) for name, kept in sorted(done.plan.shared.items())]
        side = _escaped(rest_name(done.source))
        left_out += [LeftOut(source, key, what, side if key in done.plan.told else "") for key, what in done.plan.rest]
    return ConversionRecord(
        Side(artifact.name, artifact.digest, before),
        Side(artifact.name, digest, tuple(files)),
        tuple(tensors),
        tuple(shared),
        tuple(left_out),
        "torch" if any(done.road == "torch" for done in made.values()) else "symbolic",
    )


class _unchanged:  # noqa: N801 -- it reads as a statement
    """A file that is still the one that was inspected, open for reading, before and after it is read."""

    def __init__(self, entry: Entry, before: Stamps) -> None:
        self._entry = entry
        self._before = before.get(entry.path)
        self._fd = -1

    def __enter__(self) -> Reader:
        try:
            self._fd = os.open(self._entry.full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            cause = f"{_escaped(self._entry.path)} cannot be opened: {error.strerror}"
            raise SourceError(cause, "check its rights") from error
        self._check()
        return Reader(FileSource(self._fd, os.fstat(self._fd).st_size))

    def __exit__(self, kind: object, value: object, traceback: object) -> None:
        try:
            if kind is None:
                self._check()
        finally:
            os.close(self._fd)

    def _check(self) -> None:
        if _stamp(os.fstat(self._fd)) != self._before:
            cause = f"{_escaped(self._entry.path)} changed after it was inspected"
            raise SourceError(cause, "try again when nothing writes to it")


def _copy(entry: Entry, folder: str, before: Stamps, advance: Callable[[int], None]) -> ConvertedFile:
    import hashlib

    state = hashlib.sha256()
    with _unchanged(entry, before) as data, open(_place(folder, entry.path), "xb") as file:
        for piece in _pieces(data):
            state.update(piece)
            file.write(piece)
            advance(len(piece))
        return ConvertedFile(_escaped(entry.path), data.size, state.hexdigest())


def _pieces(data: Reader) -> Iterator[bytes]:
    for start in range(0, data.size, PIECE):
        yield data.read(start, min(PIECE, data.size - start))


def _written(folder: str, path: str, text: bytes) -> ConvertedFile:
    import hashlib

    with open(_place(folder, path), "xb") as file:
        file.write(text)
    return ConvertedFile(_escaped(path), len(text), hashlib.sha256(text).hexdigest())


def _place(folder: str, path: str) -> str:
    full = os.path.join(folder, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def _escaped(path: str) -> str:
    return escape_name(path)


def _stamp(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
