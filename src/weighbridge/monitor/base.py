"""SEAM 5: a detection is one judgement on logs, written twice, as KQL and as DuckDB SQL, with its documentation.

Both texts give the same columns: those in `entities`, then `Window` (the start of the interval that a row is about:
it names the row from one run to the next), `First`, `Last`, `Count`, and any more that `why` speaks of. Parameters go
by the same name in both: KQL sees a `let`, SQL a named parameter. Neither text ever contains a value from a log.

Values of parameters by kind:

    texts      a list of texts           KQL: dynamic([…])         SQL: VARCHAR[], in lower case
    ranges     networks as 10.0.0.0/8    KQL: NAME and NAME_v6     SQL: VARCHAR[] of spans, as `address_key` writes them
    prefixes, suffixes, words            beginnings, endings or parts of texts: one regular expression in both, that
                                         matches any of them, and nothing if there are none
    sources                      the same of beginnings that end in a slash, and of whole texts that do not
    count, ratio, minutes                      numbers; minutes are a timespan in KQL and an interval in SQL
"""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    Value = tuple[str, ...] | int | float
    """What a parameter can be."""

KINDS = ("texts", "ranges", "prefixes", "suffixes", "words", "sources", "count", "ratio", "minutes")


class Parameter(NamedTuple):
    """Something that an organisation sets. `name` is the key in [monitor.parameters]; detections may share one."""

    name: str
    kind: str
    default: Value
    about: str


class Entity(NamedTuple):
    """An output column as an entity of Sentinel: `kind` and `identifier` are its words (`Account`, `AadUserId`)."""

    kind: str
    identifier: str
    column: str


class Reads(NamedTuple):
    """A table and the columns of it that a detection needs."""

    table: str
    columns: tuple[str, ...]


class Detection(NamedTuple):
    """One runtime rule.

    `number` is its short name in queries and rules. `every` and `period` are minutes: how often hosted rules run, and
    how far back they look. `why` is a sentence with output columns in braces. `seen` are example rows of no effect on
    the judgement; hits and near misses are in its test.
    """

    id: str
    number: str
    title: str
    severity: Severity
    references: tuple[str, ...]
    tactics: tuple[str, ...]
    reads: tuple[Reads, ...]
    parameters: tuple[Parameter, ...]
    every: int
    period: int
    entities: tuple[str, ...]
    maps: tuple[Entity, ...]
    why: str
    matters: str
    false_positives: str
    to_do: str
    kql: str
    sql: str
    version: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The output columns that every detection has."""
        return (*self.entities, "Window", "First", "Last", "Count")


class Alert(NamedTuple):
    """One hit of a detection. First, last and window are UTC as text; `times` is `count` in JSON; `entities`
    and `details` are output columns as text.
    """

    detection: str
    severity: Severity
    title: str
    entities: Mapping[str, str]
    window: str
    first: str
    last: str
    times: int
    why: str
    details: Mapping[str, str]
    references: tuple[str, ...]
    to_do: str


class Unread(NamedTuple):
    """A file, or a part of one, that could not be read, and why."""

    place: str
    why: str


class ReadCounts(NamedTuple):
    """What became of the records of one run.

    `malformed` are no JSON, have no time, or one that is to come; `duplicates` were there before, in this run or in an
    earlier one; `late` are older than the newest record of their table in an earlier run, and are judged all the same;
    `other` belong to tables that no detection reads. `files` were read, `known` had not changed since the last run.
    """

    records: int = 0
    malformed: int = 0
    duplicates: int = 0
    late: int = 0
    other: int = 0
    files: int = 0
    known: int = 0


class TableRead(NamedTuple):
    """How many records of a table are judged, and from when to when."""

    table: str
    records: int
    first: str
    last: str


class MonitorReport(NamedTuple):
    """What one run found in logs."""

    alerts: tuple[Alert, ...]
    read: ReadCounts
    tables: tuple[TableRead, ...]
    unread: tuple[Unread, ...]
    blind: tuple[str, ...]
    """Detections that judged nothing, because a table that they need has no record."""
