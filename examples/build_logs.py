"""Write `logs/`: one day of an Azure estate as it exports its logs, with the break-in that the field's story tells.

    python examples/build_logs.py [FOLDER]

From nine o'clock everything is as it should be: the pipeline pushes, the gate admits, the pipeline deploys, people ask
the model. At eleven somebody pushes a model past the pipeline and deploys another one from a public catalogue. Ten
minutes later the identity of that endpoint lists the secrets of a vault and reads them, sends something to a host that
nobody knows, and somebody takes the diagnostics away. The same bytes come out every time.
"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DAY = datetime(2026, 3, 2, tzinfo=UTC)
ML = "/subscriptions/s/resourceGroups/ai/providers/Microsoft.MachineLearningServices/workspaces/prod/onlineEndpoints"
VAULT = "/subscriptions/s/resourceGroups/ai/providers/Microsoft.KeyVault/vaults/prod"
DEPLOY = "MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/ONLINEENDPOINTS/DEPLOYMENTS/WRITE"
REGISTRIES = "azureml://registries"
Row = dict[str, Any]


def at(hour: int, minute: float = 0) -> datetime:
    """A time of the day."""
    return DAY + timedelta(hours=hour, minutes=minute)


def deployment(who: str, endpoint: str, model: str) -> Row:
    """A deployment, as the activity log has it."""
    body = {"properties": {"model": model}}
    return {
        "OperationNameValue": DEPLOY,
        "ActivityStatusValue": "Success",
        "Caller": who,
        "CorrelationId": endpoint,
        "_ResourceId": f"{ML}/{endpoint}/deployments/blue",
        "Properties_d": {"requestbody": json.dumps(body)},
    }


def push(who: str, tag: str, digit: str) -> Row:
    """A push to the registry."""
    return {
        "OperationName": "Push",
        "LoginServer": "wbprod.azurecr.io",
        "Repository": "models/digits",
        "Tag": tag,
        "Digest": f"sha256:{digit * 64}",
        "Identity": who,
        "ResultType": "HttpStatusCode_201",
    }


def read_secret(number: int, operation: str = "SecretGet") -> Row:
    """What the endpoint's identity asks of the vault."""
    return {
        "OperationName": operation,
        "HttpStatusCode": 200,
        "Id": f"https://prod.vault.azure.net/secrets/secret-{number}",
        "_ResourceId": VAULT,
        "Identity": {"claim": {"oid": "endpoint-chat"}},
    }


def honest() -> list[tuple[str, datetime, Row]]:
    """A morning on which nothing is wrong."""
    decision = {"Decision": "allow", "DeploymentId": f"{ML}/digits/deployments/blue", "DecisionId": "1"}
    rows: list[tuple[str, datetime, Row]] = [
        ("ContainerRegistryRepositoryEvents", at(9), push("pipeline", "v7", "7")),
        ("WeighbridgeDecisions_CL", at(9, 4), decision),
        (
            "AzureActivity",
            at(9, 10),
            deployment("pipeline", "digits", f"{REGISTRIES}/wb-prod/models/digits/versions/7"),
        ),
    ]
    for number in range(60):
        asked = {"IdentityData": f"clerk-{number % 7}", "AuthType": "AADToken", "EndpointName": "digits"}
        answer = {"DeploymentName": "blue", "ResponseCode": 200, "ResponsePayloadSize": 180 + number * 37 % 50}
        rows.append(
            (
                "AmlOnlineEndpointTrafficLog",
                at(9, 12 + number * 2),
                {**asked, **answer, "TotalDurationMs": 20 + number % 9},
            )
        )
    for number in range(12):
        name = ("login.microsoftonline.com", "mcr.microsoft.com", "westeurope.api.azureml.ms")[number % 3]
        rows.append(
            ("AZFWApplicationRule", at(9, number * 9), {"SourceIp": "10.20.0.4", "Fqdn": name, "Action": "Allow"})
        )
    return rows


def planted() -> list[tuple[str, datetime, Row]]:
    """What happened after eleven o'clock."""
    removed = {
        "OperationNameValue": "MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/DELETE",
        "ActivityStatusValue": "Success",
        "Caller": "mallory",
        "CorrelationId": "diagnostics",
        "_ResourceId": f"{ML}/chat",
    }
    called = {"SourceIp": "10.20.0.9", "Fqdn": "collect.example", "Action": "Allow"}
    return [
        ("ContainerRegistryRepositoryEvents", at(11), push("mallory", "v7", "e")),
        (
            "AzureActivity",
            at(11, 5),
            deployment("mallory", "chat", f"{REGISTRIES}/azure-huggingface/models/chat/versions/3"),
        ),
        ("AZKVAuditLogs", at(11, 15), read_secret(0, "SecretList")),
        *[("AZKVAuditLogs", at(11, 15.2 + number / 60), read_secret(number)) for number in range(8)],
        ("AZFWApplicationRule", at(11, 16), called),
        ("AZFWApplicationRule", at(11, 17), called),
        ("AzureActivity", at(11, 20), removed),
    ]


def write(folder: Path) -> None:
    """Write every table as the data export of Log Analytics does; one record twice, and one cut off."""
    files: dict[str, list[str]] = {}
    for number, (table, when, row) in enumerate(sorted([*honest(), *planted()], key=lambda one: one[1])):
        record = {
            "TimeGenerated": f"{when:%Y-%m-%dT%H:%M:%SZ}",
            **row,
            "_ItemId": str(uuid.UUID(int=number + 1)),
            "Type": table,
        }
        files.setdefault(table, []).append(json.dumps(record) + "\n")
    files["AmlOnlineEndpointTrafficLog"].append(files["AmlOnlineEndpointTrafficLog"][-1])
    files["AZFWApplicationRule"].append('{"TimeGenerated": "2026-03-02T11:2')
    for table, lines in files.items():
        place = folder / f"am-{table}" / "y=2026" / "m=03" / "d=02"
        place.mkdir(parents=True, exist_ok=True)
        (place / "PT1D.json").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "logs")
