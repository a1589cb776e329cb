"""The log of decisions, as what is asked of it: all decisions about a digest, and where a model stands today."""

from __future__ import annotations

import json

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.log import PAGE, log_tables
from weighbridge.index.putting import short, take_turn
from weighbridge.index.records import Decided

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection

    from weighbridge.index.tables import ModelTables


MOST_PARTS = 32
"""Parts of a repository's name that are told apart."""


def follow(connection: Connection, tables: ModelTables) -> int:
    """Read at most a page of the log from where it was last left; how many entries that were.

    A log that is another one, or shorter than what was read of it, is followed from its beginning.
    """
    take_turn(connection, tables)
    log = log_tables()
    head = connection.execute(log.head.select()).first()
    state = connection.execute(tables.state.select()).one()
    if head is None:
        return 0
    followed = state.followed
    if state.log != head.log or followed > head.sequence:
        for table in (tables.decided, tables.decided_in, tables.decided_lacks, tables.standing):
            connection.execute(table.delete())
        followed = 0
    entries = log.entries
    query = entries.select().where(entries.c.sequence > followed).order_by(entries.c.sequence).limit(PAGE)
    rows = connection.execute(query).all()
    _note(connection, tables, [(row.sequence, _said(row.document)) for row in rows])
    last = rows[-1].sequence if rows else followed
    connection.execute(tables.state.update().values(log=head.log, followed=last))
    return len(rows)


def up_to_date(connection: Connection, tables: ModelTables) -> bool:
    """Whether the log has nothing that was not read."""
    head = connection.execute(log_tables().head.select()).first()
    state = connection.execute(tables.state.select()).one()
    return head is None or (state.log, state.followed) == (head.log, head.sequence)


def history(connection: Connection, tables: ModelTables, digests: Sequence[str], count: int) -> tuple[Decided, ...]:
    """The last decisions about these digests, the newest first."""
    decided, entries = tables.decided.c, log_tables().entries
    query = tables.decided.select().where(decided.digest.in_(digests)).order_by(decided.sequence.desc()).limit(count)
    places = [row.sequence for row in connection.execute(query)]
    rows = connection.execute(entries.select().where(entries.c.sequence.in_(places))).all()
    return tuple(_decided(row) for row in sorted(rows, key=lambda row: -row.sequence))


def path_of(reference: str) -> str:
    """The name of a repository inside its registry, of a reference as a decision has it."""
    text = reference.partition("@")[0]
    if text.startswith("oci:"):
        return text.removeprefix("oci:").partition(":")[2].partition(":")[0]
    return text.partition("/")[2].partition(":")[0]


def namespaces_of(reference: str) -> tuple[str, ...]:
    """What a repository lies in, of a reference as a decision has it: each namespace by its whole name, and itself."""
    text = reference.partition("@")[0]
    if text.startswith("oci:"):
        place, _, name = text.removeprefix("oci:").partition(":")
        root, name = f"oci:{place}:", name.partition(":")[0]
    else:
        place, slash, name = text.partition("/")
        root, name = f"{place}{slash}", name.partition(":")[0]
    words = name.split("/", MOST_PARTS)[:MOST_PARTS] if name else []
    return tuple(f"{root}{'/'.join(words[: count + 1])}" for count in range(len(words)))


def _note(connection: Connection, tables: ModelTables, said: Sequence[tuple[int, dict[str, Any]]]) -> None:
    """Take entries up: each as it is asked for, and the newest of each model and stage as where that stands."""
    rows, inside, lacking = [], [], []
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for sequence, one in said:
        reference = str(one.get("reference", ""))
        row: dict[str, Any] = {
            "sequence": sequence,
            "digest": short(str(one.get("digest", ""))),
            "path": short(path_of(reference)),
            "stage": short(str(one.get("stage", ""))),
            "allowed": one.get("decision") == "allow",
            "made": short(str(one.get("madeAt", ""))),
        }
        rows.append(row)
        names = dict.fromkeys(map(short, namespaces_of(reference)))
        inside += [{"namespace": name, "sequence": sequence} for name in names]
        words = dict.fromkeys(map(short, refused_of(one)))
        lacking += [{"requirement": word, "sequence": sequence} for word in words]
        if row["digest"] and row["stage"]:
            newest[row["digest"], row["path"], row["stage"]] = row
    for table, records in ((tables.decided, rows), (tables.decided_in, inside), (tables.decided_lacks, lacking)):
        if records:
            connection.execute(table.insert(), records)
    c = tables.standing.c
    for (digest, path, stage), row in newest.items():
        key = (c.digest == digest) & (c.path == path) & (c.stage == stage)
        new = {name: row[name] for name in ("allowed", "made", "sequence")}
        if not connection.execute(tables.standing.update().where(key).values(new)).rowcount:
            connection.execute(tables.standing.insert().values(row))


def refused_of(said: dict[str, Any]) -> tuple[str, ...]:
    """The requirements that a decision found unmet or could not answer."""
    reasons = said.get("reasons")
    found = [one for one in reasons if isinstance(one, dict)] if isinstance(reasons, list) else []
    return tuple(str(one.get("requirement", "")) for one in found if one.get("result") != "met")


def _said(document: bytes) -> dict[str, Any]:
    """What an entry says; nothing if it is not as we write it: proving the log is the work of `index.check`."""
    try:
        said = json.loads(document)
    except (ValueError, TypeError):
        return {}
    return said if isinstance(said, dict) else {}


def _decided(row: Any) -> Decided:
    said = _said(row.document)
    return Decided(
        sequence=row.sequence,
        hash=row.hash,
        digest=str(said.get("digest", "")),
        stage=str(said.get("stage", "")),
        allowed=said.get("decision") == "allow",
        made=str(said.get("madeAt", "")),
        reference=str(said.get("reference", "")),
        refused=refused_of(said),
    )
