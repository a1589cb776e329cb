"""What the index holds and what a query found, for people, for programs and for spreadsheets."""

from __future__ import annotations

import csv
import io

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.records import Row
from weighbridge.index.walks import Walk
from weighbridge.render.documents import document_json
from weighbridge.render.terminal import size_text

if TYPE_CHECKING:
    from weighbridge.index.asking import Answer
    from weighbridge.index.records import Counts
    from weighbridge.pipelines.reindexing import Rebuilt

COLUMNS = (
    *("repository", "manifest", "tags", "name", "verdict", "proof", "scanned", "size", "source", "publisher"),
    *("licence", "deployed"),
)


class AnswerDocument(NamedTuple):
    """A query and the models that it fits; `more`: there are others; `unknown`: of so many nobody can say."""

    query: str
    models: tuple[Row, ...]
    more: bool
    unknown: int


class RebuiltDocument(NamedTuple):
    """What a walk over a registry came to, what could not be read, and how many decisions were taken up."""

    walk: Walk
    faults: tuple[str, ...]
    decisions: int


class Amount(NamedTuple):
    """How many there are of something."""

    name: str
    models: int


class IndexDocument(NamedTuple):
    """How many models the index has, of which verdicts, allowed at which stages; the last walk over each registry."""

    models: int
    bytes: int
    verdicts: tuple[Amount, ...]
    deployed: tuple[Amount, ...]
    walks: tuple[Walk, ...]


def answer_json(query: str, answer: Answer) -> str:
    """The answer as `weighbridge.query/1`."""
    document = AnswerDocument(query, answer.rows, answer.more, answer.unknown)
    rows = [{**row._asdict(), "tags": list(row.tags), "deployed": list(row.deployed)} for row in document.models]
    return document_json({"schema": "weighbridge.query/1", **document._asdict(), "models": rows})


def answer_csv(answer: Answer) -> str:
    """One line for each model; what a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in answer.rows:
        values = row._asdict()
        writer.writerow([_cell(values[name]) for name in COLUMNS])
    return text.getvalue()


def answer_text(answer: Answer) -> str:
    """Two lines for each model, and what has to be known of the answer as a whole."""
    lines = []
    for row in answer.rows:
        tags = ", ".join(row.tags) or "no tag"
        lines.append(f"{row.verdict:<10}  {plain(row.repository, 160)} ({plain(tags, 80)})")
        stages = f"  allowed in {', '.join(row.deployed)}" if row.deployed else ""
        proof = "" if row.proof == "verified" else f"  evidence {row.proof}"
        lines.append(f"    {row.manifest}  {size_text(row.size)}{proof}{stages}")
    count = len(answer.rows)
    lines.append(
        f"{count:,} model{'' if count == 1 else 's'}{', and there are more: give --limit' if answer.more else ''}"
    )
    if answer.unknown:
        lines.append(f"of {answer.unknown:,} models nobody can say: their facts are missing, unreadable or cut short")
    return "\n".join(lines)


def rebuilt_json(rebuilt: Rebuilt) -> str:
    """The outcome as `weighbridge.index-rebuild/1`."""
    said = {"walk": rebuilt.walk._asdict(), "faults": list(rebuilt.faults), "decisions": rebuilt.decisions}
    return document_json({"schema": "weighbridge.index-rebuild/1", **said})


def rebuilt_text(rebuilt: Rebuilt) -> str:
    """The counts, and what could not be read."""
    walk = rebuilt.walk
    met = f"{walk.models:,} models in {walk.repositories:,} repositories, {walk.removed:,} removed that are gone"
    lines = [
        f"{'INCOMPLETE' if walk.failed else 'REBUILT'}  {plain(walk.registry, 200)}",
        f"  {met}, {rebuilt.decisions:,} decisions taken up",
    ]
    lines += [f"  {walk.failed:,} could not be read and stay as they were"] if walk.failed else []
    return "\n".join([*lines, *(f"  {plain(fault, 300)}" for fault in rebuilt.faults)])


def index_json(counts: Counts, walks: tuple[Walk, ...]) -> str:
    """What the index holds as `weighbridge.index-show/1`."""
    return document_json(
        {
            "schema": "weighbridge.index-show/1",
            "models": counts.models,
            "bytes": counts.bytes,
            "verdicts": [Amount(*item)._asdict() for item in counts.verdicts.items()],
            "deployed": [Amount(*item)._asdict() for item in counts.deployed.items()],
            "walks": [walk._asdict() for walk in walks],
        }
    )


def index_text(counts: Counts, walks: tuple[Walk, ...]) -> str:
    """What the index holds, for people."""
    verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in counts.verdicts.items()) or "none"
    deployed = ", ".join(f"{count:,} in {stage}" for stage, count in counts.deployed.items())
    lines = [
        f"{counts.models:,} models, {size_text(counts.bytes)}: {plain(verdicts, 200)}",
        f"  allowed: {deployed}",
    ]
    for walk in walks:
        when = f"walked by {walk.finished}" if walk.finished else f"a walk stopped after {plain(walk.after, 100)}"
        failed = f", {walk.failed:,} could not be read" if walk.failed else ""
        lines.append(f"  {plain(walk.registry, 160)}: {when}, {walk.models:,} models{failed}")
    if not walks:
        lines.append("  no registry was walked yet: weighbridge index rebuild")
    return "\n".join(lines)


def _cell(value: object) -> str:
    text = plain(" ".join(value) if isinstance(value, tuple) else str(value))
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
