"""Reading the log of decisions page by page, for whoever shows it; what proves it is `index/check.py`."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.database import reading, told
from weighbridge.index.log import Entry

if TYPE_CHECKING:
    from sqlalchemy import Engine


def entries(engine: Engine, *, before: int = 0, limit: int = 50) -> list[Entry]:
    """Entries of the log, the newest first; `before` is the sequence of the last that was seen."""
    from sqlalchemy import column, select, table

    decisions = table("decisions", *(column(name) for name in Entry._fields))
    query = select(decisions).order_by(decisions.c.sequence.desc()).limit(limit)
    query = query.where(decisions.c.sequence < before) if before else query
    with told(), reading(engine) as connection:
        return [Entry._make(row) for row in connection.execute(query)]
