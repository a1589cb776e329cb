"""Detections on exported logs: take the records, ask every detection, tell each alert once."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from datetime import timedelta

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import Settings
from weighbridge.monitor.base import Alert, MonitorReport, TableRead
from weighbridge.monitor.catalog import bound, values_of
from weighbridge.monitor.database import database
from weighbridge.monitor.files import BEGINNING, log_files
from weighbridge.monitor.ingest import Ingest
from weighbridge.monitor.once import Once
from weighbridge.monitor.tables import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    import duckdb

    from weighbridge.monitor.base import Detection, Value
    from weighbridge.monitor.files import LogFile

MOST_ALERTS = 10_000
"""Alerts of one detection in one run; more are a flood that nobody reads, and the last of them says so."""
_NAMED = re.compile(r"\$([a-z_]+)\b(?!::)")


class Order(NamedTuple):
    """What one run shall do. `paths` are files, folders, and places as az://ACCOUNT/CONTAINER/PREFIX.

    `state` is a DuckDB file, or empty for none; `table` is what unnamed records are.
    """

    paths: tuple[str, ...]
    known: tuple[Detection, ...]
    parameters: Mapping[str, Any]
    now: datetime
    state: str = ""
    table: str = ""
    memory_mb: int = 512
    threads: int = 2
    keep_days: int = 30
    scratch: str = ""
    settings: Settings = Settings()
    """What limits a fetch from elsewhere."""


def run(
    order: Order,
    note: Callable[[str], None] = lambda _: None,
    send: Callable[[Sequence[Alert]], None] = lambda _: None,
) -> MonitorReport:
    """Judge logs. Alerts count as told when `send` has come back, so that a failure tells them again.

    Raises SourceError if there are no logs, UsageError if a parameter or the state is wrong.
    """
    values = values_of(order.known, order.parameters)
    tables = needed(order.known)
    with (
        contextlib.ExitStack() as stack,
        tempfile.TemporaryDirectory(prefix="weighbridge-monitor-", dir=order.scratch or None) as scratch,
        database(order.state, scratch, order.memory_mb, order.threads, tables) as connection,
    ):
        taking = Ingest(connection, tables, scratch, order.now, order.table)
        taken = taking.take(_files(order, stack), note)
        shown = tuple(_table(connection, name) for name in tables)
        there = {table.table for table in shown if table.records}
        alerts: list[Alert] = []
        blind = []
        for found in order.known:
            if not any(reads.table in there for reads in found.reads[:1]):
                blind.append(found.id)
                continue
            note(found.id)
            alerts += [alert for alert in hits(connection, found, values) if not _told(connection, alert)]
        alerts.sort(key=lambda alert: (-alert.severity.rank, alert.first, alert.detection, alert.window))
        send(alerts)
        _remember(connection, alerts, tables, order)
        return MonitorReport(tuple(alerts), taken.counts, shown, taken.unread, tuple(blind))


def _files(order: Order, stack: contextlib.ExitStack) -> Iterator[LogFile]:
    here = [path for path in order.paths if not path.startswith(BEGINNING)]
    if here:
        yield from log_files(here)
    for place in order.paths:
        if place.startswith(BEGINNING):
            from weighbridge.monitor.blobs import blob_files

            yield from blob_files(place, order.settings, stack)


def hits(connection: duckdb.DuckDBPyConnection, found: Detection, values: Mapping[str, Value]) -> list[Alert]:
    """What one detection finds in the tables, as alerts."""
    cursor = connection.execute(*statement(found, values))
    names = [column[0] for column in cursor.description or ()]
    return [_alert(found, dict(zip(names, row, strict=True))) for row in cursor.fetchmany(MOST_ALERTS)]


def statement(found: Detection, values: Mapping[str, Value]) -> tuple[str, dict[str, object]]:
    """A detection's SQL with its named parameters; lists have their type with them, for they may be empty."""
    given = {parameter.name: bound(parameter, values[parameter.name]) for parameter in found.parameters}
    lists = {name for name, value in given.items() if isinstance(value, list)}
    text = _NAMED.sub(lambda m: f"${m[1]}::varchar[]" if m[1] in lists else m[0], found.sql)
    return text, given


def _alert(found: Detection, row: Mapping[str, Any]) -> Alert:
    texts = {name: _text(value) for name, value in row.items()}
    shown = {name: text or "unknown" for name, text in texts.items()}
    fixed = set(found.columns)
    return Alert(
        detection=found.id,
        severity=found.severity,
        title=found.title,
        entities={name: texts[name] for name in found.entities},
        window=texts["Window"],
        first=texts["First"],
        last=texts["Last"],
        times=int(row["Count"]),
        why=found.why.format_map(shown),
        details={name: text for name, text in texts.items() if name not in fixed},
        references=found.references,
        to_do=found.to_do,
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def identity(alert: Alert) -> str:
    """What makes an alert the same alert in a later run: its detection, its entities, its window."""
    import hashlib
    import json

    parts = [alert.detection, sorted(alert.entities.items()), alert.window]
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _told(connection: duckdb.DuckDBPyConnection, alert: Alert) -> bool:
    return bool(connection.execute("select 1 from wb_told where id = ?", [identity(alert)]).fetchone())


def _table(connection: duckdb.DuckDBPyConnection, name: str) -> TableRead:
    count, first, last = connection.execute(
        f'select count(*), min(TimeGenerated), max(TimeGenerated) from "{name}"'  # noqa: S608 -- a name of ours
    ).fetchone() or (0, None, None)
    return TableRead(name, count, _text(first), _text(last))


def _remember(
    connection: duckdb.DuckDBPyConnection, alerts: Sequence[Alert], tables: Mapping[str, Sequence[str]], order: Order
) -> None:
    """Note what was told, how far each table goes, and let go of what is too old to be looked back at."""
    if not order.state:
        return
    now = order.now.replace(tzinfo=None)
    connection.execute("begin")
    for alert in alerts:
        connection.execute("insert into wb_told values (?, ?)", [identity(alert), now])
    connection.execute("delete from wb_newest")
    for name in tables:
        connection.execute(
            f'insert into wb_newest select ?, max(TimeGenerated) from "{name}" having count(*) > 0',  # noqa: S608
            [name],
        )
    Once(connection, tuple(tables)).forget(now, order.keep_days)
    connection.execute("delete from wb_told where noted < ?", [now - timedelta(days=2 * order.keep_days)])
    connection.execute("commit")
    connection.execute("checkpoint")


def state_folder(path: str) -> str:
    """The folder of the state, made if it is not there."""
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    return folder
