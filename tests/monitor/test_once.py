"""Each record once: over files, runs, days and shapes; beside another run; after one that was killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from weighbridge.monitor import catalog, flat, local, once
from weighbridge.monitor.database import database
from weighbridge.monitor.tables import needed

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
TABLE = "AZFWApplicationRule"
KNOWN = (catalog.detection("egress-name"),)


def record(number: int, **more: object) -> dict:
    when = START + timedelta(minutes=number * 7)
    known = {
        "TimeGenerated": f"{when:%Y-%m-%dT%H:%M:%S}.1234567Z",
        "SourceIp": "10.1.1.1",
        "Fqdn": f"n{number}.example",
    }
    return known | {"Action": "Allow", "_ItemId": str(uuid.UUID(int=number + 1)), "Type": TABLE} | more


def export(folder: Path, records: list, name: str = "PT05M.json", rest: str = "") -> Path:
    path = folder / f"am-{TABLE}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in records) + rest)
    return path


def run(folder: Path, state: str = "", now: datetime = NOW, keep_days: int = 90, send=lambda _: None):
    return local.run(
        local.Order((str(folder),), KNOWN, {}, now, state=state, threads=1, keep_days=keep_days), send=send
    )


def told(report) -> list[tuple[str, str, str, int]]:
    return sorted((alert.entities["Fqdn"], alert.first, alert.last, alert.times) for alert in report.alerts)


ODD = [
    record(1) | {"TimeGenerated": "2026-03-01T10:00:00+02:00"},
    record(2) | {"TimeGenerated": "3/1/2026, 10:00:00.000 AM"},
    record(3) | {"TimeGenerated": "never"},
    record(4) | {"TimeGenerated": "2036-03-01T10:00:00Z"},
    record(5) | {"_ItemId": "no uuid"},
    record(6) | {"Type": "AzureActivity"},
    record(7) | {"Type": None},
    {"time": "2026-03-02T00:00:00Z", "category": TABLE, "properties": {"SourceIp": "10.1.1.1", "fqdn": "deep.example"}},
    {"records": [record(8), record(9)]},
    {key: value for key, value in record(10).items() if key != "_ItemId"},
]
REST = 'nonsense\n[1]\n"text"\n5\n{"cut": '


def test_flat_and_general_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files by both ways, with everything odd among what lies flat."""
    chance = random.Random(4)
    records = [
        record(20 + n, Fqdn=chance.choice(["a.example", "\u00e9\u202e", "x" * 300, None, 7])) for n in range(300)
    ]
    records += ODD + records[:30]
    chance.shuffle(records)
    export(tmp_path, records, rest=REST)
    fast = run(tmp_path)
    assert fast.read.records + fast.read.malformed == len(records) + 5 + 1 + 2  # two that lie in one; two of no time
    assert (fast.read.malformed, fast.read.duplicates, fast.read.other) == (7, 30, 1)

    def refuse(*_: object) -> flat.Flat:
        import duckdb

        raise duckdb.Error

    monkeypatch.setattr(flat, "read_flat", refuse)
    slow = run(tmp_path)
    assert told(fast) == told(slow)
    assert fast.read == slow.read
    assert {"deep.example", "n5.example", "n8.example", "n10.example"} <= {name for name, *_ in told(fast)}


def test_a_file_that_changes_meanwhile_is_taken_the_general_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path, [record(1), record(2), *ODD[:2]])
    real = flat.read_flat

    def miscounted(*given: object) -> flat.Flat:
        found = real(*given)
        return found._replace(odd=found.odd + 1)

    monkeypatch.setattr(flat, "read_flat", miscounted)
    report = run(tmp_path)
    assert (report.read.records, report.read.duplicates) == (4, 2)  # the odd ones have the ids of the others


def test_duplicates_over_files_days_and_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "AT_ONCE", 10)
    records = [record(n) for n in range(600)]  # three days
    export(tmp_path, records[:400], "a.json")
    export(tmp_path, records[200:], "b.json")
    (tmp_path / "hub.json").write_text(json.dumps({"records": records[100:500]}))
    report = run(tmp_path)
    assert (report.read.records, report.read.duplicates) == (1200, 600)
    assert report.tables[0].records == 600
    assert {times for *_, times in told(report)} == {1}


def test_tables_that_nobody_reads_are_counted(tmp_path: Path) -> None:
    path = export(tmp_path, [record(1)])
    other = tmp_path / "am-StorageBlobLogs" / "PT05M.json"
    other.parent.mkdir()
    other.write_text(
        "".join(json.dumps(record(n) | {"Type": "StorageBlobLogs"}) + "\n" for n in range(9)) + "nonsense\n"
    )
    report = run(tmp_path)
    assert (report.read.records, report.read.other, report.read.malformed) == (10, 9, 1)
    assert path.exists()


def test_what_was_let_go_is_not_taken_again(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", str(tmp_path / "state.duckdb")
    old = [record(n) for n in range(5)]
    export(logs, old, "a.json")
    assert len(run(logs, state, keep_days=3).alerts) == 5
    export(logs, [*old, record(3000)], "b.json")
    again = run(logs, state, keep_days=3, now=NOW + timedelta(days=1))
    assert (again.read.records, again.read.duplicates, again.read.late) == (6, 5, 0)
    assert [alert.entities["Fqdn"] for alert in again.alerts] == ["n3000.example"]


def test_a_run_that_was_killed_is_settled_by_the_next(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", str(tmp_path / "state.duckdb")
    path = export(logs, [record(n) for n in range(50)])
    tables = needed(KNOWN)
    with database(state, str(tmp_path), 256, 1, tables) as connection:
        once.Once(connection, tuple(tables)).begin()
        for _ in range(2):  # what it had taken before it noted the file, once too often
            flat.read_flat(connection, [str(path)], TABLE, tables[TABLE], NOW)
    report = run(logs, state)
    assert report.tables[0].records == 50
    assert len(report.alerts) == 50
    assert run(logs, state).alerts == ()


def test_a_run_beside_a_run_is_refused_and_sees_nothing_twice(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", str(tmp_path / "state.duckdb")
    export(logs, [record(n) for n in range(20)])
    order = [
        sys.executable,
        "-m",
        "weighbridge",
        "monitor",
        "run",
        str(logs),
        "--state",
        state,
        "--now",
        f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
    ]
    beside: list[subprocess.CompletedProcess] = []

    def send(_: object) -> None:
        beside.append(subprocess.run(order, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path))

    first = run(logs, state, send=send)
    assert len(first.alerts) == 20
    assert beside[0].returncode == 2
    assert beside[0].stdout == ""
    assert "in use by another run" in beside[0].stderr
    after = run(logs, state)
    assert (after.alerts, after.read.known, after.tables[0].records) == ((), 1, 20)
