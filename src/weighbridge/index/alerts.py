"""Alerts that a server was told of, and who acknowledged them. An alert that is told twice stands there once."""

from __future__ import annotations

import json

from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.audit import note_change
from weighbridge.index.database import reading, told, writing
from weighbridge.index.serving_tables import EVERY_TENANT, clock_of, serving_tables, within

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Engine, Row

    from weighbridge.index.log import Seal


class KeptAlert(NamedTuple):
    """One alert; `acknowledged_at` is 0 if nobody did. One without `tenant` is seen by those who see every tenant."""

    number: int
    id: str
    tenant: str
    received_at: float
    document: dict[str, Any]
    acknowledged_at: float
    acknowledged_by: str
    reason: str


class Alerts:
    """The alerts of one index. May be used by many processes and threads at once."""

    def __init__(self, engine: Engine, seal: Seal | None = None) -> None:
        """`seal` signs the log of changes."""
        self._engine, self._seal = engine, seal
        self._table = serving_tables().alerts

    def receive(self, documents: Sequence[dict[str, Any]], *, tenant: str, who: str) -> int:
        """Keep alerts, and how many of them were new."""
        new = 0
        with told(), writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("LOCK TABLE alerts IN SHARE ROW EXCLUSIVE MODE")
            moment = clock_of(self._engine, connection)
            for document in documents:
                raw = canonical_json(document)
                identity = digest_bytes(f"{tenant}\n".encode() + raw).hex
                there = connection.execute(self._table.select().where(self._table.c.id == identity)).first()
                if there is not None:
                    continue
                new += 1
                values = {"id": identity, "tenant": tenant, "received_at": moment, "document": raw}
                connection.execute(
                    self._table.insert().values(**values, acknowledged_at=0.0, acknowledged_by="", reason="")
                )
            if new:
                note_change(connection, who, "alerts", tenant or EVERY_TENANT, f"{new} new", seal=self._seal)
        return new

    def listed(
        self, tenants: tuple[str, ...], *, only_open: bool = False, before: int = 0, limit: int = 50
    ) -> list[KeptAlert]:
        """Alerts of these tenants, the newest first; `before` is the number of the last that was seen."""
        table = self._table
        query = table.select().where(within(table.c.tenant, tenants))
        query = query.where(table.c.acknowledged_at == 0.0) if only_open else query
        query = query.where(table.c.number < before) if before else query
        with told(), reading(self._engine) as connection:
            return [_alert(row) for row in connection.execute(query.order_by(table.c.number.desc()).limit(limit))]

    def acknowledge(self, identity: str, tenants: tuple[str, ...], *, who: str, reason: str) -> KeptAlert | None:
        """Say that a person has seen an alert, and why it may rest; the first who does stands there. None if there
        is no such alert of these tenants.
        """
        table = self._table
        mine = (table.c.id == identity) & within(table.c.tenant, tenants)
        with told(), writing(self._engine) as connection:
            row = connection.execute(table.select().where(mine).with_for_update()).first()
            if row is None:
                return None
            if not row.acknowledged_at:
                moment = clock_of(self._engine, connection)
                said = {"acknowledged_at": moment, "acknowledged_by": who, "reason": reason}
                connection.execute(table.update().where(mine).values(said))
                note_change(connection, who, "acknowledge", identity, reason, seal=self._seal)
                row = connection.execute(table.select().where(mine)).one()
            return _alert(row)


def _alert(row: Row[Any]) -> KeptAlert:
    return KeptAlert._make(row)._replace(document=json.loads(row.document))
