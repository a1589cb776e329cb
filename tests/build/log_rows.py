"""Rows of the logs that detections read, as the platform writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday; where fixtures begin."""

Row = dict[str, Any]


class Case(NamedTuple):
    """A log, by table; parameters that are not the default; the entities that must be told, and no others."""

    rows: dict[str, list[Row]]
    hits: list[tuple[Any, ...]]
    parameters: dict[str, Any] = {}  # noqa: RUF012 -- never changed


def at(hours: float = 0, minutes: float = 0, **more: float) -> datetime:
    """A time after START."""
    return START + timedelta(hours=hours, minutes=minutes, **more)


def activity(
    operation: str,
    when: datetime,
    *,
    status: str = "Success",
    caller: str = "eve",
    body: Any = None,
    resource: str = "/subscriptions/s/x",
    correlation: str = "c",
) -> Row:
    """One row of AzureActivity."""
    said = None if body is None else {"requestbody": json.dumps(body)}
    return {
        "TimeGenerated": when,
        "OperationNameValue": operation,
        "ActivityStatusValue": status,
        "Caller": caller,
        "CallerIpAddress": "10.0.0.9",
        "CorrelationId": correlation,
        "_ResourceId": resource,
        "ResourceId": "",
        "Properties": "",
        "Properties_d": None if said is None else json.dumps(said),
    }


def traffic(when: datetime, **more: Any) -> Row:
    """One row of AmlOnlineEndpointTrafficLog."""
    return {
        "TimeGenerated": when,
        "IdentityData": "caller-1",
        "AuthType": "AADToken",
        "EndpointName": "e",
        "DeploymentName": "blue",
        "ResponseCode": 200,
        "ResponsePayloadSize": 100,
        "RequestPayloadSize": 50,
        "TotalDurationMs": 20,
        "XRequestId": when.isoformat(),
    } | more


def push(when: datetime, tag: str, digest: str, **more: Any) -> Row:
    """One row of ContainerRegistryRepositoryEvents."""
    return {
        "TimeGenerated": when,
        "OperationName": "Push",
        "LoginServer": "r.example",
        "Repository": "verified/m",
        "Tag": tag,
        "Digest": digest,
        "Identity": "pipeline",
        "CallerIpAddress": "10.0.0.1",
        "ResultType": "HttpStatusCode_201",
    } | more


def vault(when: datetime, operation: str, secret: str = "", oid: str = "app", status: int = 200) -> Row:
    """One row of AZKVAuditLogs."""
    return {
        "TimeGenerated": when,
        "OperationName": operation,
        "CallerIpAddress": "10.0.0.1",
        "HttpStatusCode": status,
        "Id": f"https://v.vault.azure.net/secrets/{secret}",
        "_ResourceId": "/S/V",
        "Identity": json.dumps({"claim": {"http://schemas.microsoft.com/identity/claims/objectidentifier": oid}}),
    }


def prompt(when: datetime, text: str = "hello", answer: str = "hi", **more: Any) -> Row:
    """One row of ApiManagementGatewayLlmLog."""
    return {
        "TimeGenerated": when,
        "DeploymentName": "chat",
        "ModelName": "m",
        "OperationName": "complete",
        "TotalTokens": 30,
        "CompletionTokens": 20,
        "RequestMessages": json.dumps([{"role": "user", "content": text}]),
        "ResponseMessages": json.dumps([{"role": "assistant", "content": answer}]),
    } | more


def blob(when: datetime, operation: str = "DeleteBlob", **more: Any) -> Row:
    """One row of StorageBlobLogs."""
    return {
        "TimeGenerated": when,
        "AccountName": "traindata",
        "OperationName": operation,
        "StatusCode": "202",
        "Uri": "https://traindata/x",
        "ObjectKey": "/traindata/x",
        "RequesterObjectId": "mallory",
        "AuthenticationType": "OAuth",
        "CallerIpAddress": "10.1.2.3:4444",
    } | more


def signin(when: datetime, address: str, **more: Any) -> Row:
    """One row of AADManagedIdentitySignInLogs."""
    return {
        "TimeGenerated": when,
        "ServicePrincipalId": "sp-1",
        "ServicePrincipalName": "endpoint",
        "IPAddress": address,
        "ResultType": "0",
        "ResourceDisplayName": "Vault",
    } | more


DEPLOY = "MICROSOFT.MACHINELEARNINGSERVICES/WORKSPACES/ONLINEENDPOINTS/DEPLOYMENTS/WRITE"
APPROVED = "azureml://registries/wb-prod/models/"


def deployment(model: Any, **more: Any) -> Row:
    """A row of AzureActivity: a model is deployed."""
    return activity(DEPLOY, at(1), body={"properties": {"model": model}}, **more)


def flow(**more: Any) -> Row:
    """One row of NTANetAnalytics."""
    return {
        "TimeGenerated": at(1),
        "SubType": "FlowLog",
        "FlowType": "ExternalPublic",
        "FlowDirection": "Outbound",
        "FlowStatus": "Allowed",
        "SrcSubnet": "rg/vnet/ai",
        "DestIp": "",
        "DestPublicIps": "203.0.113.9|1|2|3|4|5|6 198.51.100.1|1",
        "DestPort": 443,
        "BytesSrcToDest": 1000,
        "CompletedFlows": 2,
        "Country": "xx",
    } | more


def sizes(count: int, size: int, first: int = 0, **more: Any) -> list[Row]:
    """Traffic a minute apart, with answers of about this size."""
    return [traffic(at(minutes=first + n), ResponsePayloadSize=size + (n * 37) % 100, **more) for n in range(count)]


def hourly(hours: int, measured: Any, **more: Any) -> list[Row]:
    """Traffic of thirty calls an hour, which take as long as `measured` says of the hour."""
    return [
        traffic(at(hour, n), TotalDurationMs=measured(hour) + n % 5, **more) for hour in range(hours) for n in range(30)
    ]
