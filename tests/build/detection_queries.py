"""Both texts of a detection, run on the rows of a case; what Microsoft's analyser says of queries."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from build.missing import missing
from weighbridge.monitor import catalog, kql, local
from weighbridge.monitor.database import database
from weighbridge.monitor.tables import SQL_TYPES, log_tables, needed

if TYPE_CHECKING:
    from build.log_rows import Case, Row

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KUSTO = os.path.join(ROOT, ".services")


@contextmanager
def tables_of(case: Case):
    """A database with the rows of a case in the tables of all detections."""
    tables = needed(catalog.detections())
    with tempfile.TemporaryDirectory() as scratch, database("", scratch, 256, 1, tables) as connection:
        for table, rows in case.rows.items():
            fill(connection, table, tables[table], rows)
        yield connection


def fill(connection: Any, table: str, columns: Any, rows: list[Row]) -> None:
    """Put rows into a table, by way of a JSON file: thousands of single inserts take their time."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        for row in rows:
            kept = {name: row.get(name) for name in columns}
            file.write(json.dumps(kept, default=lambda value: f"{value:%Y-%m-%d %H:%M:%S.%f}") + "\n")
        file.flush()
        types = {name: SQL_TYPES[log_tables()[table].columns[name]] for name in columns}
        wanted = {name: "VARCHAR" if kind == "JSON" else kind for name, kind in types.items()}
        shown = ", ".join(f'"{name}"::{kind} as "{name}"' for name, kind in types.items())
        connection.execute(
            f"insert into \"{table}\" by name select {shown} from read_json($1, columns = {wanted}, format = 'newline_delimited')",
            [file.name],
        )


def sql_rows(found: Any, case: Case) -> tuple[list[str], list[tuple[Any, ...]]]:
    """What the SQL of a detection gives."""
    values = catalog.values_of(catalog.detections(), case.parameters)
    with tables_of(case) as connection:
        cursor = connection.execute(*local.statement(found, values))
        return [column[0] for column in cursor.description], cursor.fetchall()


def kql_rows(found: Any, case: Case) -> tuple[list[str], list[tuple[Any, ...]]]:
    """What the KQL of a detection gives in duckdb-kql. Raises its KqlUnsupportedError."""
    import duckdb_kql

    values = catalog.values_of(catalog.detections(), case.parameters)
    tables = needed([found])
    with closing(duckdb_kql.connect()) as connection:
        connection.execute("set TimeZone = 'UTC'")
        for table, columns in tables.items():
            body = ", ".join(f'"{name}" {SQL_TYPES[log_tables()[table].columns[name]]}' for name in columns)
            connection.execute(f'create table "{table}" ({body})')
            fill(connection, table, columns, case.rows.get(table, []))
        result = duckdb_kql.query(connection, _without_networks(kql.query(found, values), case, values))
        return list(result.columns), result.fetchall()


def _without_networks(text: str, case: Case, values: Any) -> str:
    """The query with its conditions on networks, which duckdb-kql has not, as lists of the addresses that they hold for.

    Which these are, Python's `ipaddress` says, and not our own SQL.
    """
    words = {
        str(value) for rows in case.rows.values() for row in rows for value in row.values() if isinstance(value, str)
    }
    words |= {part for word in words for part in word.replace("|", " ").split()}

    def inside(found: re.Match[str]) -> str:
        networks = [ipaddress.ip_network(item) for item in values[found[2]]]
        kept = [
            word for word in words if (address := _address(word)) and any(address in network for network in networks)
        ]
        return f"{found[1]} in (dynamic({json.dumps(sorted(kept))}))"

    return re.sub(r"ipv4_is_in_any_range\((\w+), (\w+)\) or ipv6_is_in_any_range\(\1, \2_v6\)", inside, text)


def _address(word: str) -> Any:
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def analysed(queries: list[str]) -> list[dict[str, Any]]:
    """What Microsoft's analyser says of each query; skips if it is not there, and fails if that is in CI."""
    if not os.path.isdir(os.path.join(KUSTO, "node_modules", "@kusto")) or shutil.which("node") is None:
        missing("Microsoft's analyser of KQL is not installed (make services; needs node and npm)")
    asked = {"tables": {table.name: dict(table.columns) for table in log_tables().values()}, "queries": queries}
    program = os.path.join(ROOT, "tests", "build", "kusto.cjs")
    done = subprocess.run(
        ["node", program, KUSTO], input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout)
