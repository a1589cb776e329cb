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
        connection.execute(tables.decided.delete())
        connection.execute(tables.standing.delete())
        followed = 0
    entries = log.entries
    query = entries.select().where(entries.c.sequence > followed).order_by(entries.c.sequence).limit(PAGE)
    rows = connection.execute(query).all()
    for row in rows:
        _note(connection, tables, row.sequence, _said(row.document))
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


def _note(connection: Connection, tables: ModelTables, sequence: int, said: dict[str, Any]) -> None:
    values = {
        "digest": short(str(said.get("digest", ""))),
        "path": short(path_of(str(said.get("reference", "")))),
        "stage": short(str(said.get("stage", ""))),
        "allowed": said.get("decision") == "allow",
        "made": short(str(said.get("madeAt", ""))),
    }
    if not values["digest"] or not values["stage"]:
        return
    connection.execute(tables.decided.insert().values(sequence=sequence, **values))
    c = tables.standing.c
    key = (c.digest == values["digest"]) & (c.path == values["path"]) & (c.stage == values["stage"])
    new = {"allowed": values["allowed"], "made": values["made"], "sequence": sequence}
    if not connection.execute(tables.standing.update().where(key).values(new)).rowcount:
        connection.execute(tables.standing.insert().values(sequence=sequence, **values))


def _said(document: bytes) -> dict[str, Any]:
    """What an entry says; nothing if it is not as we write it: proving the log is the work of `index.check`."""
    try:
        said = json.loads(document)
    except (ValueError, TypeError):
        return {}
    return said if isinstance(said, dict) else {}


def _decided(row: Any) -> Decided:
    said = _said(row.document)
    reasons = said.get("reasons")
    refused = [one for one in reasons if isinstance(one, dict)] if isinstance(reasons, list) else []
    return Decided(
        sequence=row.sequence,
        hash=row.hash,
        digest=str(said.get("digest", "")),
        stage=str(said.get("stage", "")),
        allowed=said.get("decision") == "allow",
        made=str(said.get("madeAt", "")),
        reference=str(said.get("reference", "")),
        refused=tuple(str(one.get("requirement", "")) for one in refused if one.get("result") != "met"),
    )
