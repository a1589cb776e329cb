"""Logs in a storage account, by the official client against Azurite: fetched once, growing, changing, missing."""

from __future__ import annotations

import json

import pytest

from build.azurite import ACCOUNT, azurite, needs_azurite
from build.running import command
from weighbridge.core.errors import SourceError
from weighbridge.sources.azure_blob import CONNECTION, AzureBlobs

azure_storage = pytest.importorskip("azure.storage.blob")
PLACE = "insights-logs-azfwapplicationrule/resourceId=/SUBSCRIPTIONS/S/y=2026/m=03/d=01/h=10/m=00/PT1H.json"
LATE = "2026-03-03T00:00:00Z"


def row(name: str, minute: int = 0) -> bytes:
    known = {"time": f"2026-03-01T10:{minute:02d}:00Z", "category": "AZFWApplicationRule"}
    return json.dumps(known | {"properties": {"SourceIp": "10.1.1.1", "Fqdn": name}}).encode() + b"\n"


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    needs_azurite()
    with (
        azurite(str(tmp_path_factory.mktemp("azurite"))) as connection,
        azure_storage.BlobServiceClient.from_connection_string(connection) as service,
        service.create_container("logs") as container,
    ):
        yield connection, container


def judged(*more: str) -> dict:
    outcome = command(
        *("monitor", "run", f"az://{ACCOUNT}/logs", "--detection", "egress-name", "--format", "json", "--now", LATE),
        *more,
    )
    assert outcome.status in (0, 1), outcome.err
    document = outcome.json()
    document["names"] = sorted(alert["entities"]["Fqdn"] for alert in document["alerts"])
    return document


def test_blobs_are_fetched_once_and_again_when_they_grew(logs, tmp_path, monkeypatch):
    connection, container = logs
    monkeypatch.setenv(CONNECTION, connection)
    monkeypatch.chdir(tmp_path)
    blob = container.get_blob_client(PLACE)
    blob.create_append_blob()
    blob.append_block(row("a.example"))
    container.upload_blob("insights-logs-azfwapplicationrule/empty.json", b"")
    state = ("--state", "state.duckdb")
    assert judged(*state)["names"] == ["a.example"]
    again = judged(*state)
    assert (again["names"], again["read"]["records"], again["read"]["known"]) == ([], 0, 2)
    blob.append_block(row("b.example", 5))
    grown = judged(*state)
    assert (grown["names"], grown["read"]["records"], grown["read"]["duplicates"]) == (["b.example"], 2, 1)

    real = AzureBlobs.read

    def overtaken(self, client, listed, file):
        if listed.blob == PLACE:
            client.get_blob_client(PLACE).append_block(row(f"c{len(seen)}.example", 6))
            seen.append(listed)
        return real(self, client, listed, file)

    seen: list = []
    blob.append_block(row("c.example", 6))
    monkeypatch.setattr(AzureBlobs, "read", overtaken)
    changing = judged(*state)
    assert changing["names"] == []
    assert "the next run takes it" in json.dumps(changing)
    monkeypatch.setattr(AzureBlobs, "read", real)
    assert judged(*state)["names"] == ["c.example", "c0.example"]


def test_what_cannot_be_fetched_ends_the_run(logs, tmp_path, monkeypatch):
    connection, container = logs
    monkeypatch.setenv(CONNECTION, connection)
    monkeypatch.chdir(tmp_path)
    container.upload_blob("more/x.json", row("x.example"), overwrite=True)

    def closed(*_):
        raise SourceError("the account is closed to us", "ask its owner")

    assert command("monitor", "run", f"az://{ACCOUNT}/logs/nowhere").status == 2
    assert command("monitor", "run", f"az://{ACCOUNT}").status == 2
    monkeypatch.setattr(AzureBlobs, "read", closed)
    outcome = command("monitor", "run", f"az://{ACCOUNT}/logs/more", "--state", "state.duckdb", "--now", LATE)
    assert (outcome.status, "closed to us" in outcome.err) == (2, True)
    monkeypatch.undo()
    monkeypatch.setenv(CONNECTION, connection)
    monkeypatch.chdir(tmp_path)
    assert (
        "x.example"
        in command("monitor", "run", f"az://{ACCOUNT}/logs/more", "--state", "state.duckdb", "--now", LATE).out
    )
