"""Runs over exported logs: every shape, what is wrong with records, what is kept between runs, and where alerts go."""

from __future__ import annotations

import gzip
import json
import os
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import fastavro
import pytest
from jsonschema import Draft202012Validator

from build.monitor_web import Webhook
from build.running import command
from tools import schemas
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.monitor import catalog, local

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 3, tzinfo=UTC)
LATE = "2026-03-03T00:00:00Z"


def asked(number: int, fqdn: str = "evil.example") -> dict:
    return {
        "TimeGenerated": f"2026-03-01T10:{number:02d}:00.1234567Z",
        "SourceIp": "10.1.1.1",
        "Fqdn": fqdn,
        "Action": "Allow",
    }


def run(*paths: Path, state: Path | None = None, table: str = "", send=lambda _: None, now: datetime = NOW):
    order = local.Order(
        tuple(map(str, paths)),
        (catalog.detection("egress-name"),),
        {},
        now,
        state=str(state or ""),
        table=table,
        threads=1,
    )
    return local.run(order, send=send)


def lines(records: list) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def shapes(folder: Path) -> None:
    """One record in each shape, each asking for a name of its own."""
    place = folder / "insights-logs-azfwapplicationrule/resourceId=/SUBSCRIPTIONS/S/y=2026/m=03/d=01/h=10/m=00"
    place.mkdir(parents=True)
    raw = {
        "time": "2026-03-01T10:00:00Z",
        "resourceId": "/SUBSCRIPTIONS/S",
        "category": "AZFWApplicationRule",
        "properties": {"SourceIp": "10.1.1.1", "fqdn": "diagnostic.example", "Action": "Allow"},
    }
    (place / "PT1H.json").write_text(lines([raw]))
    (folder / "am-AZFWApplicationRule/y=2026").mkdir(parents=True)
    (folder / "am-AZFWApplicationRule/y=2026/PT05M.json").write_text(
        lines([{"TimeGenerated": "2026-03-01T10:00:00Z", "SourceIp": "10.1.1.1", "Fqdn": "export.example"}])
    )
    (folder / "hub.json").write_text(
        json.dumps({"records": [raw | {"properties": {"SourceIp": "10.1.1.1", "Fqdn": "hub.example"}}]}) + "\n"
    )
    (folder / "az.json").write_text(json.dumps([asked(1, "az.example") | {"TableName": "PrimaryResult"}], indent=2))
    names = list(asked(1))
    rest = {
        "tables": [
            {
                "name": "PrimaryResult",
                "columns": [{"name": name, "type": "string"} for name in names],
                "rows": [list(asked(2, "rest.example").values())],
            }
        ]
    }
    (folder / "rest.json").write_text(json.dumps(rest, indent=1))
    (folder / "portal.csv").write_bytes(
        b'\xef\xbb\xbf"TimeGenerated [UTC]",SourceIp,Fqdn,Action\r\n"3/1/2026, 10:00:00.000 AM",10.1.1.1,csv.example,Allow\r\n'
    )
    (folder / "packed").write_bytes(
        gzip.compress(lines([asked(3, "gzip.example") | {"Type": "AZFWApplicationRule"}]).encode())
    )
    import duckdb

    target = str(folder / "rows.parquet")
    duckdb.sql(
        "select timestamp '2026-03-01 10:00:00' as TimeGenerated, '10.1.1.1' as SourceIp, 'parquet.example' as Fqdn, 'Allow' as Action"
    ).write_parquet(target)


def test_every_shape_is_read(tmp_path: Path) -> None:
    shapes(tmp_path)
    report = run(tmp_path)
    told = {alert.entities["Fqdn"] for alert in report.alerts}
    assert told == {
        f"{name}.example" for name in ("diagnostic", "export", "hub", "az", "rest", "csv", "gzip", "parquet")
    }
    assert report.read.records == 8
    assert report.read.malformed == report.read.duplicates == report.read.other == 0
    assert report.unread == ()
    assert {alert.first[:16] for alert in report.alerts} <= {
        "2026-03-01T10:00",
        "2026-03-01T10:01",
        "2026-03-01T10:02",
        "2026-03-01T10:03",
    }


def test_what_is_wrong_is_counted_and_ends_nothing(tmp_path: Path) -> None:
    good = asked(1) | {"Type": "AZFWApplicationRule"}
    records = [
        good,
        good,
        good | {"TimeGenerated": "yesterday"},
        good | {"TimeGenerated": "2036-01-01T00:00:00Z"},
        {"Type": "Unheard", "x": 1},
    ]
    (tmp_path / "a.json").write_text(lines(records) + 'nonsense\n[1]\n{"Type": "AZFW')
    (tmp_path / "b.gz").write_bytes(
        gzip.compress(lines([asked(n, f"n{n}.example") | {"Type": "AZFWApplicationRule"} for n in range(50)]).encode())[
            :-30
        ]
    )
    (tmp_path / "c").write_bytes(b"Obj\x01avro")
    (tmp_path / "d").write_bytes(b"PAR1 and no more")
    (tmp_path / "e").write_bytes(b"\xff\xfe{\x00")
    (tmp_path / "f").write_bytes(b"")
    (tmp_path / "g.json").write_text("[" * 100_000)
    (tmp_path / "h.csv").write_text(",".join("x" * 100_000))
    report = run(tmp_path)
    assert {"evil.example"} <= {alert.entities["Fqdn"] for alert in report.alerts}
    assert report.read.duplicates == 1
    assert report.read.other == 1
    assert report.read.malformed >= 5
    assert {os.path.basename(unread.place) for unread in report.unread} >= {"b.gz", "c", "d", "e", "g.json", "h.csv"}


def test_any_bytes_end_in_a_report(tmp_path: Path) -> None:
    chance = random.Random(3)
    heads = (b"", b'{"', b"PAR1", b"\x1f\x8b\x08", b'[{"a":1},', b"a,b\n", b'{"records":[', b'{"tables":[{"rows":[[')
    for number in range(64):
        body = bytes(chance.randrange(256) for _ in range(chance.randrange(400)))
        (tmp_path / f"{number}").write_bytes(heads[number % len(heads)] + body)
    (tmp_path / "good.json").write_text(lines([asked(1) | {"Type": "AZFWApplicationRule"}]))
    assert [alert.entities["Fqdn"] for alert in run(tmp_path).alerts] == ["evil.example"]


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    ugly = 'x\'; drop table "AZFWApplicationRule"; --\x1b]0;owned\x07\u202e{Fqdn}%s'
    folder = tmp_path / "am-AZFWApplicationRule" / "a'b\"; drop *?[x]"
    folder.mkdir(parents=True)
    (folder / "PT05M.json").write_text(lines([asked(1, ugly)]))
    report = run(tmp_path)
    assert report.alerts[0].entities["Fqdn"] == ugly.lower()
    for form in ("text", "json", "sarif"):
        outcome = command(
            "monitor", "run", str(tmp_path), "--detection", "egress-name", "--format", form, "--now", LATE
        )
        assert outcome.status == 1
        assert "owned" in outcome.out
        assert all(char.isprintable() or char == "\n" for char in outcome.out)
        assert "\u202e" not in outcome.out


def test_each_record_and_each_alert_once(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state.duckdb"
    logs.mkdir()
    first = [asked(n) | {"Type": "AZFWApplicationRule"} for n in range(10)]
    (logs / "a.json").write_text(lines(first[5:]))
    assert len(run(logs, state=state).alerts) == 1
    again = run(logs, state=state)
    assert (again.alerts, again.read.known, again.read.records) == ((), 1, 0)
    (logs / "a.json").write_text(lines(first))  # an append blob grows; older records come late
    grown = run(logs, state=state)
    assert grown.alerts == ()
    assert (grown.read.records, grown.read.duplicates, grown.read.late) == (10, 5, 5)
    assert grown.tables[0].records == 10
    (logs / "b.json").write_text(lines([asked(1, "other.example") | {"Type": "AZFWApplicationRule"}]))
    assert [alert.entities["Fqdn"] for alert in run(logs, state=state).alerts] == ["other.example"]


def test_an_alert_that_could_not_be_sent_is_told_again(tmp_path: Path) -> None:
    logs, state = tmp_path / "a.json", tmp_path / "state.duckdb"
    logs.write_text(lines([asked(1) | {"Type": "AZFWApplicationRule"}]))

    def fail(_: object) -> None:
        raise SourceError("down", "")

    with pytest.raises(SourceError):
        run(logs, state=state, send=fail)
    assert len(run(logs, state=state).alerts) == 1


def test_a_run_beside_a_run_is_refused(tmp_path: Path) -> None:
    logs = tmp_path / "a.json"
    logs.write_text(lines([asked(1)]))
    (tmp_path / "state").write_bytes(b"no database" * 1000)
    with pytest.raises(UsageError, match="state"):
        run(logs, state=tmp_path / "state")


def test_the_commands_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    logs = tmp_path / "a.json"
    logs.write_text(lines([asked(1) | {"Type": "AZFWApplicationRule"}]))
    outcome = command("monitor", "run", "a.json", "--format", "json", "--now", LATE)
    assert outcome.status == 1
    document = outcome.json()
    Draft202012Validator(schemas.schemas()["monitor"]).validate(document)
    assert document["alerts"][0]["count"] == 1
    assert command("monitor", "run", "a.json", "--now", LATE, "--fail-on", "critical").status == 0
    text = command("monitor", "run", "a.json", "--now", LATE).out
    assert text.startswith("ALERT  1 alert")
    assert "without logs to judge" in text
    sarif = command("monitor", "run", "a.json", "--now", LATE, "--format", "sarif").json()
    assert sarif["runs"][0]["results"][0]["ruleId"] == "egress-name"
    assert command("monitor", "run", "nowhere").status == 2
    assert command("monitor", "run", "a.json", "--table", "Nope").status == 2
    assert command("monitor", "explain", "D99").status == 2
    assert "did you mean" in command("monitor", "explain", "egres-name").err
    assert "allowed_names" in command("monitor", "explain", "d01a").out
    listed = command("monitor", "list", "--format", "json").json()
    Draft202012Validator(schemas.schemas()["monitor-list"]).validate(listed)
    assert len(listed["detections"]) == 24


def test_parameters_come_from_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.json").write_text(lines([asked(1) | {"Type": "AZFWApplicationRule"}]))
    settings = tmp_path / "weighbridge.toml"
    settings.write_text('[monitor]\nkeep_days = 10\n[monitor.parameters]\nallowed_names = ["evil.example"]\n')
    assert command("monitor", "run", "logs", "--now", LATE).status == 0
    for wrong, said in (
        ("allowed_name = []", "did you mean 'allowed_names'"),
        ("allowed_names = 3", "no list"),
        ("hourly_requests = true", "no number"),
        ('allowed_ranges = ["10.0.0.0/99"]', "no network"),
        ('canaries = ["x"]', "too short"),
    ):
        settings.write_text(f"[monitor.parameters]\n{wrong}\n")
        outcome = command("monitor", "run", "logs", "--now", LATE)
        assert outcome.status == 2
        assert said in outcome.err
    settings.write_text("[monitor]\nkeep = 3\n")
    assert command("monitor", "list").status == 2


def test_service_tags_are_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tags.json").write_text(
        json.dumps(
            {
                "cloud": "Public",
                "values": [
                    {"name": "AzureMonitor", "properties": {"addressPrefixes": ["203.0.113.0/24", "2001:db8::/32"]}}
                ],
            }
        )
    )
    out = command(
        "monitor", "explain", "egress-address", "--service-tags", "tags.json", "--service-tag", "azuremonitor"
    ).out
    assert "203.0.113.0/24" in out
    assert (
        "did you mean 'azuremonitor'"
        in command("monitor", "explain", "D01b", "--service-tags", "tags.json", "--service-tag", "AzureMonito").err
    )


def test_alerts_reach_a_webhook_that_is_busy_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_WEBHOOK_TOKEN", "s3cret")
    monkeypatch.setattr("time.sleep", lambda _: None)
    (tmp_path / "a.json").write_text(lines([asked(1) | {"Type": "AZFWApplicationRule"}]))
    with Webhook((503, 429, 200)) as hook:
        outcome = command("monitor", "run", str(tmp_path / "a.json"), "--now", LATE, "--webhook", hook.address)
        assert outcome.status == 1
        assert len(hook.bodies) == 3
        assert hook.bodies[-1]["alerts"][0]["detection"] == "egress-name"
        assert hook.headers[-1]["Authorization"] == "Bearer s3cret"
        assert "s3cret" not in outcome.out + outcome.err
    with Webhook((400,)) as hook:
        outcome = command(
            "monitor", "run", str(tmp_path / "a.json"), "--now", LATE, "--webhook", f"{hook.address}/secret-path"
        )
        assert outcome.status == 2
        assert len(hook.bodies) == 1
        assert "secret-path" not in outcome.err
    assert command("monitor", "run", str(tmp_path / "a.json"), "--webhook", "http://example.com").status == 2


SCHEMA = {
    "type": "record",
    "name": "EventData",
    "namespace": "Microsoft.ServiceBus.Messaging",
    "fields": [
        {"name": "SequenceNumber", "type": "long"},
        {"name": "Offset", "type": "string"},
        {"name": "EnqueuedTimeUtc", "type": "string"},
        {"name": "SystemProperties", "type": {"type": "map", "values": ["long", "double", "string", "bytes"]}},
        {"name": "Properties", "type": {"type": "map", "values": ["long", "double", "string", "bytes", "null"]}},
        {"name": "Body", "type": ["null", "bytes"]},
    ],
}
"""The schema of a capture, as Event Hub writes it."""


def capture(path: Path, bodies: list[bytes | None], codec: str = "null") -> bytes:
    rows = [
        {"SequenceNumber": n, "Offset": str(n), "EnqueuedTimeUtc": "", "SystemProperties": {}, "Properties": {}}
        | {"Body": body}
        for n, body in enumerate(bodies)
    ]
    with path.open("wb") as file:
        fastavro.writer(file, SCHEMA, rows, codec=codec)
    return path.read_bytes()


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_captures_of_event_hub(tmp_path: Path, codec: str) -> None:
    def body(*records: dict, indent: int | None = None) -> bytes:
        return json.dumps(
            {"records": [record | {"Type": "AZFWApplicationRule"} for record in records]}, indent=indent
        ).encode()

    two = lines(
        [
            asked(5, "e.example") | {"Type": "AZFWApplicationRule"},
            asked(6, "f.example") | {"Type": "AZFWApplicationRule"},
        ]
    )
    bodies = [
        body(asked(1, "a.example"), asked(2, "b.example")),
        None,
        body(asked(3, "c.example"), indent=1),
        two.encode(),
    ]
    whole = capture(tmp_path / "00.avro", [*bodies, b"no json"], codec)
    report = run(tmp_path)
    assert {alert.entities["Fqdn"][0] for alert in report.alerts} == set("abcef")
    assert (report.read.records, report.read.malformed, report.unread) == (5, 2, ())
    for size in range(5, len(whole), 97):
        (tmp_path / "00.avro").write_bytes(whole[:size])
        assert run(tmp_path).unread


def test_hostile_avro_is_unread(tmp_path: Path) -> None:
    whole = capture(tmp_path / "a", [lines([asked(1)]).encode()], "deflate")
    start = whole.index(b"\x00", 20)
    chance = random.Random(5)
    for number in range(40):
        broken = bytearray(whole)
        broken[chance.randrange(4, len(whole))] ^= 1 << chance.randrange(8)
        (tmp_path / f"b{number}").write_bytes(broken)
    (tmp_path / "c").write_bytes(whole[:start] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" * 3)
    (tmp_path / "bomb").write_bytes(capture(tmp_path / "bomb", [b"0" * (70 * 1024 * 1024)], "deflate"))
    (tmp_path / "good.json").write_text(lines([asked(1, "good.example") | {"Type": "AZFWApplicationRule"}]))
    report = run(tmp_path)
    assert "good.example" in {alert.entities["Fqdn"] for alert in report.alerts}
    assert {os.path.basename(unread.place) for unread in report.unread} >= {"bomb", "c"}
