"""walk → sniff → parse → rules → report. The first of the two fences: a parser that fails makes `incomplete`.

Each file is opened once. Parsers read it in blocks that are remembered by checksum, then the whole file is hashed
and every block compared on the way: what is hashed is what was inspected (see `core.reader`).
"""

from __future__ import annotations

import os
import time
from functools import cache

from weighbridge.core.artifact import Artifact, InspectedFile, Location, Unread, escape_name
from weighbridge.core.digests import digest_bytes, model_digest
from weighbridge.core.errors import FormatError
from weighbridge.core.evidence import Tool
from weighbridge.core.facts import (
    Child,
    JudgeSettings,
    Limit,
    Link,
    NameMismatch,
    Native,
    Oddity,
    Pointer,
    Span,
    UnreadSpan,
)
from weighbridge.core.findings import judge
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import FileSource, MemorySource, Reader, hash_file
from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol
from weighbridge.formats import INCLUDES, STAND_INS, candidates, fallbacks, promised
from weighbridge.formats.base import BlobInfo, Match, blob_info
from weighbridge.formats.magic import machine_code
from weighbridge.formats.python.started import started_by
from weighbridge.rules import rules_on
from weighbridge.rules.base import RuleContext
from weighbridge.scan.external import Claims, order, settle_external
from weighbridge.scan.ledger import Claim, Ledger, apart, settle
from weighbridge.scan.leftovers import left_over
from weighbridge.scan.report import BlobFacts, Envelope, FactSheet, Inspection, ScanReport
from weighbridge.scan.scrub import Scrub, quoted
from weighbridge.scan.walk import walk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.core.facts import Fact
    from weighbridge.core.findings import Finding
    from weighbridge.core.knowledge import Knowledge
    from weighbridge.formats.base import Format
    from weighbridge.rules.base import Rule
    from weighbridge.scan.walk import Entry

SMALL_FILE = 8 * 1024 * 1024
"""Bytes of a file that is read into memory at once."""
JUDGE_FILES = ("weighbridge.toml",)
_NO_FORMAT = "no format is known for these bytes"


class Watcher(Protocol):
    """Who wants to know how far the inspection is."""

    def note(self, text: str) -> None: ...

    def advance(self, size: int, /) -> None: ...


class Visitor(Protocol):
    """Who wants to look at each blob himself, with what was seen of it. The reader is good for this call only."""

    def __call__(self, location: str, data: Reader, facts: Sequence[Fact], /) -> None: ...


class Blob(NamedTuple):
    """One blob after inspection, and all blobs inside it."""

    ledger: Ledger
    format: str
    facts: tuple[BlobFacts, ...]
    unread: tuple[Unread, ...]


def inspect(
    path: str,
    *,
    knowledge: Knowledge,
    limits: Limits,
    watcher: Watcher,
    host: str = "",
    name: str = "",
    visitor: Visitor | None = None,
) -> Inspection:
    """Inspect the file or folder at `path` as one artifact.

    Raises SourceError if there is nothing that could be inspected; everything else ends in the report.
    """
    started = _now()
    files: list[InspectedFile] = []
    identities: list[tuple[str, int, Digest]] = []
    facts: list[BlobFacts] = []
    unread: list[Unread] = []
    claims = Claims()
    inspected: dict[str, tuple[InspectedFile | None, Blob]] = {}
    entries = walk(path, limits.files)
    for entry in order(entries):
        watcher.note(entry.path)
        inspected[entry.path] = _file(entry, limits, watcher, visitor, claims.of(entry.path))
        claims.add(entry.path, inspected[entry.path][1].facts)
    for entry in entries:
        file, blob = inspected[entry.path]
        facts.extend(blob.facts)
        unread.extend(blob.unread)
        if file is not None:
            files.append(file)
            identities.append((entry.path, file.size, file.sha256))
    facts, missing = settle_external(facts, files)
    unread.extend(missing)
    findings = judge_facts(facts, knowledge, frozenset(file.path for file in files))
    reached = sorted({fact.limit for blob in facts for fact in blob.facts if isinstance(fact, Limit)})
    digest = model_digest(identities)
    artifact = Artifact(name or _artifact_name(path), digest, tuple(files))
    report = ScanReport(
        verdict=judge(findings, unread=bool(unread or reached)),
        artifact=artifact,
        findings=findings,
        unread=tuple(unread),
        limits_reached=tuple(reached),
        knowledge=knowledge.version,
        tool=Tool(),
        envelope=Envelope(started, _now(), host),
    )
    return Inspection(report, FactSheet(digest, tuple(facts), Tool()))


def judge_facts(blobs: list[BlobFacts], knowledge: Knowledge, files: frozenset[str]) -> tuple[Finding, ...]:
    """Apply every rule to every fact; worst first, then by rule and location. `files` are the artifact's paths."""
    by_type: dict[type, list[Rule]] = {}
    for rule in rules_on({type(fact).__name__ for blob in blobs for fact in blob.facts}):
        by_type.setdefault(rule.on, []).append(rule)

    @cache
    def everywhere(type_: type) -> tuple[tuple[str, Any], ...]:
        return tuple((blob.location, fact) for blob in blobs for fact in blob.facts if type(fact) is type_)

    findings: list[Finding] = []
    for blob in blobs:
        context = RuleContext(blob.format, blob.facts, knowledge, blob.location, files, everywhere)
        for fact in blob.facts:
            for rule in by_type.get(type(fact), ()):
                findings.extend(rule.finding(hit, fact, blob.location) for hit in rule.judge(fact, context))
    findings.sort(key=lambda finding: (-finding.severity.rank, finding.rule, finding.location, finding.evidence))
    return tuple(findings)


def _file(
    entry: Entry, limits: Limits, watcher: Watcher, visitor: Visitor | None, claimed: Format | None
) -> tuple[InspectedFile | None, Blob]:
    """Inspect one entry of the artifact. Only regular files, and links to them, become files of the artifact."""
    path = escape_name(entry.path)
    about = _about_name(entry)
    if entry.kind == "left-out":
        return None, _nothing(path, [Oddity("left-out", entry.path)])
    if entry.kind == "link":
        about.append(Link(entry.target, entry.inside))
        if not entry.inside:
            return None, _unreadable(path, about, "a link that leads out of the artifact is not followed")
    if entry.kind == "other":
        return None, _unreadable(path, about, "it is no regular file")
    try:
        fd = os.open(entry.full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return None, _unreadable(path, about, f"it cannot be opened: {error.strerror}")
    try:
        return _opened(fd, entry, path, about, limits, watcher, visitor, claimed)
    except OSError as error:
        return None, _unreadable(path, about, f"it cannot be read: {error.strerror}")
    finally:
        os.close(fd)


def _opened(
    fd: int,
    entry: Entry,
    path: str,
    about: list[Fact],
    limits: Limits,
    watcher: Watcher,
    visitor: Visitor | None,
    claimed: Format | None,
) -> tuple[InspectedFile | None, Blob]:
    before = os.fstat(fd)
    size = before.st_size
    budget = Budget(limits, size)
    if size <= SMALL_FILE:
        content = _read_all(fd, size)
        digest = digest_bytes(content)
        reader = Reader(MemorySource(content))
        blob = _blob(reader, blob_info(entry.path, reader), Location(path), budget, visitor, about, claimed)
        same = len(content) == size
        size = len(content)
        watcher.advance(size)
    else:
        source = FileSource(fd, size)
        reader = Reader(source)
        blob = _blob(reader, blob_info(entry.path, reader), Location(path), budget, visitor, about, claimed)
        digest, same = hash_file(source, watcher.advance)
    after = os.fstat(fd)
    if not same or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        blob = _changed(blob, path, size)
    blob = _scrubbed(blob, budget.hidden)
    if size == 0:
        blob = _nothing(path, [*about, Oddity("empty", "0 bytes")], "empty")
    return InspectedFile(path, size, digest, blob.format, blob.ledger.coverage), blob


def _scrubbed(blob: Blob, secrets: set[str]) -> Blob:
    """The blob without the secrets that were found in its file, or are quoted of it: they stay in this process."""
    secrets = secrets.union(*(quoted(found.facts) for found in blob.facts), quoted(blob.unread))
    if not secrets:
        return blob
    scrub = Scrub(secrets)
    return blob._replace(facts=scrub.record(blob.facts), unread=scrub.record(blob.unread))


def _read_all(fd: int, most: int) -> bytes:
    """Up to `most` bytes; a file that grew meanwhile shows in its status afterwards."""
    pieces = []
    while most > 0:
        piece = os.read(fd, most)
        if not piece:
            break
        pieces.append(piece)
        most -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _blob(
    data: Reader,
    info: BlobInfo,
    at: Location,
    budget: Budget,
    visitor: Visitor | None,
    about: list[Fact] | None = None,
    claimed: Format | None = None,
) -> Blob:
    """Sniff and parse one blob in every format that it is, and go into its children by the same way.

    `claimed` is how other files describe this one: it counts only if no format is sure of the content.
    """
    facts: list[Fact] = list(about or ())
    claims: list[Claim] = []
    inner: list[Blob] = []
    children: list[tuple[int, int]] = []
    why: list[UnreadSpan] = []
    readings: list[Format] = []
    try:
        readings = _readings(data, info, claimed)
    except Exception as error:  # noqa: BLE001 -- the same fence: what cannot be recognized is not inspected
        why.append(UnreadSpan(0, data.size, f"recognizing the format failed: {type(error).__name__}"))
    started = started_by(at.path)
    if started:
        facts.append(Oddity("runs-by-name", f"{info.name} has its name or place for it: {started}"))
    program = machine_code(info.head)
    if program and not (program == "script" and any(found.name == "python" for found in readings)):
        facts.append(Native(program))
    if len(readings) > 1:
        facts.append(Oddity("polyglot", "it can be read as " + " and as ".join(found.name for found in readings)))
    if readings:
        facts.extend(_promise(readings, info))
    for found in readings:
        try:
            for seen in found.parse(data, info, budget):
                if isinstance(seen, Span):
                    claims.append(Claim(seen.offset, seen.offset + seen.size, seen.kind))
                elif isinstance(seen, Child):
                    child = _child(seen, info, at, budget, visitor)
                    if child is None:
                        continue
                    inner.append(child)
                    if seen.offset >= 0:
                        children.append((seen.offset, seen.offset + seen.size))
                        claims.extend(_child_claims(child, seen))
                elif isinstance(seen, UnreadSpan):
                    why.append(seen)
                else:
                    facts.append(seen)
        except FormatError as error:
            start = min(error.offset, data.size)
            why.append(UnreadSpan(start, data.size - start, f"broken {found.name}: {error.cause}"))
        except Exception as error:  # noqa: BLE001 -- the fence: a parser that fails must not stop the inspection
            why.append(UnreadSpan(0, data.size, f"the {found.name} parser failed: {type(error).__name__}"))
    claims.extend(Claim(span.offset, span.offset + span.size, "unread") for span in why)
    ledger = settle(claims, data.size)
    for rest in left_over(data, ledger.opaque, why, budget) if readings else ():
        hidden = _child(rest, info, at, budget, visitor)
        if hidden is not None:
            inner.append(hidden)
    told = children + [(span.offset, span.offset + span.size) for span in why]
    because = f"{readings[0].name} does not account for these bytes" if readings else _NO_FORMAT
    why += [UnreadSpan(start, end - start, because) for start, end in apart(ledger.opaque, told)]
    facts.extend(why)
    unread = [Unread(f"{at.path}@{span.offset}", span.size, span.why) for span in why]
    unread.extend(
        Unread(f"{at.path}@{fact.offset}", 0, f"the limit {fact.limit} of {fact.value} was reached")
        for fact in facts
        if isinstance(fact, Limit)
    )
    unread.extend(
        Unread(
            at.path, 0, f"the content is not here, this is a pointer to {fact.size} bytes: fetch it with git lfs pull"
        )
        for fact in facts
        if isinstance(fact, Pointer)
    )
    if visitor is not None:
        visitor(at.path, data, facts)
    name = readings[0].name if readings else "opaque"
    version = readings[0].version if readings else 1
    own = (BlobFacts(at.path, name, version, tuple(facts)),) if facts else ()
    return Blob(
        ledger,
        name,
        own + tuple(blob for child in inner for blob in child.facts),
        tuple(unread) + tuple(item for child in inner for item in child.unread),
    )


def _readings(data: Reader, info: BlobInfo, claimed: Format | None) -> list[Format]:
    """Every format that is sure of the blob; if none is, the first that may be right."""
    if data.size == 0:
        return []
    sure: list[Format] = []
    perhaps: list[Format] = []
    for found in candidates(data, info):
        match = found.sniff(data, info)
        if match is Match.YES and not any(INCLUDES.get(other.name) == found.name for other in sure):
            sure.append(found)
        elif match is Match.MAYBE:
            perhaps.append(found)
    if sure:
        return sure
    if claimed is not None and claimed.sniff(data, info) is Match.MAYBE:
        return [claimed]
    perhaps.extend(found for found in fallbacks(data, info) if found.sniff(data, info) is Match.MAYBE)
    return perhaps[:1]


def _promise(readings: list[Format], info: BlobInfo) -> list[Fact]:
    """What the extension promises, if it is none of the formats found."""
    extension = info.extension
    if not extension:
        return []
    names = promised(extension)
    found_names = {found.name for found in readings} | {INCLUDES.get(found.name, "") for found in readings}
    if names and not found_names & (set(names) | STAND_INS):
        return [NameMismatch(names[0], readings[0].name)]
    return []


def _child(child: Child, parent: BlobInfo, at: Location, budget: Budget, visitor: Visitor | None) -> Blob | None:
    place = at.inside(child.name)
    if parent.depth + 1 > budget.limits.depth:
        limit = Limit("depth", budget.limits.depth)
        unread = Unread(place.path, child.size, f"the limit depth of {limit.value} was reached")
        facts = BlobFacts(place.path, "opaque", 1, (limit,))
        return Blob(settle((), child.reader.size), "opaque", (facts,), (unread,))
    blob = _blob(child.reader, blob_info(child.name, child.reader, parent.depth + 1), place, budget, visitor)
    if child.offset < 0:
        # A value inside text or a constant of a pickle: its bytes are the parent's, which accounts for them.
        limited = tuple(item for item in blob.unread if item.size == 0)
        return None if blob.format == "opaque" else blob._replace(unread=limited)
    return blob


def _child_claims(blob: Blob, child: Child) -> list[Claim]:
    """What a child's coverage says about the parent's bytes: exactly if they are the same bytes, else as a whole."""
    if child.reader.size == child.size:
        return blob.ledger.claims(child.offset)
    parsed, data, opaque = blob.ledger.coverage
    end = child.offset + child.size
    if opaque or blob.unread:
        return [Claim(child.offset, end, "unread")]
    return [Claim(child.offset, end, "data" if data > parsed else "parsed")]


def _about_name(entry: Entry) -> list[Fact]:
    facts: list[Fact] = []
    name = entry.path
    if name.rpartition("/")[2] in JUDGE_FILES:
        facts.append(JudgeSettings(name))
    if not (name.isascii() and name.isprintable()):
        if any(0xDC80 <= ord(char) <= 0xDCFF for char in name):
            facts.append(Oddity("file-name", "it is not UTF-8"))
        elif not name.isprintable():
            facts.append(Oddity("file-name", "it contains characters that are not printable"))
    return facts


def _nothing(path: str, facts: list[Fact], format_: str = "none") -> Blob:
    return Blob(settle((), 0), format_, (BlobFacts(path, format_, 1, tuple(facts)),), ())


def _unreadable(path: str, facts: list[Fact], why: str) -> Blob:
    span = UnreadSpan(0, 0, why)
    return Blob(settle((), 0), "opaque", (BlobFacts(path, "opaque", 1, (*facts, span)),), (Unread(path, 0, why),))


def _changed(blob: Blob, path: str, size: int) -> Blob:
    why = "the file changed while it was being read"
    facts = BlobFacts(path, blob.format, 1, (UnreadSpan(0, size, why),))
    return Blob(settle((), size), blob.format, (*blob.facts, facts), (*blob.unread, Unread(path, size, why)))


def _artifact_name(path: str) -> str:
    return escape_name(os.path.basename(os.path.abspath(path)) or "artifact")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
