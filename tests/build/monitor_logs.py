"""Logs with hits and near misses for each detection, and the ways to run both of its texts on them."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from weighbridge.monitor import catalog, kql, local
from weighbridge.monitor.database import database
from weighbridge.monitor.tables import SQL_TYPES, log_tables, needed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KUSTO = os.path.join(ROOT, ".services")
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
_APPROVED = "azureml://registries/wb-prod/models/"


def _deployment(model: Any, **more: Any) -> Row:
    return activity(DEPLOY, at(1), body={"properties": {"model": model}}, **more)


def _flow(**more: Any) -> Row:
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


def _sizes(count: int, size: int, first: int = 0, **more: Any) -> list[Row]:
    return [traffic(at(minutes=first + n), ResponsePayloadSize=size + (n * 37) % 100, **more) for n in range(count)]


def _hourly(hours: int, measured: Any, **more: Any) -> list[Row]:
    return [
        traffic(at(hour, n), TotalDurationMs=measured(hour) + n % 5, **more) for hour in range(hours) for n in range(30)
    ]


def cases() -> dict[str, Case]:
    """For each detection: hits, and rows that come as near as they can."""
    firewall = {"TimeGenerated": at(1), "SourceIp": "10.20.0.4", "Action": "Allow"}
    network = firewall | {"DestinationPort": 443, "Protocol": "TCP"}
    deleted = "Microsoft.Authorization/policyAssignments/delete"
    keys = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/listKeys/action"
    workspace = "Microsoft.MachineLearningServices/workspaces/write"
    alert = {
        "TimeGenerated": at(1),
        "SystemAlertId": "a1",
        "AlertName": "A Jailbreak attempt",
        "AlertType": "AI.Azure_Jailbreak",
        "AlertSeverity": "High",
        "ProductName": "Microsoft Defender for Cloud",
        "ProviderName": "",
        "CompromisedEntity": "acc",
        "ResourceId": "",
        "Status": "New",
    }
    return {
        "egress-name": Case(
            {
                "AZFWApplicationRule": [
                    firewall | {"Fqdn": "EVIL.example"},
                    firewall | {"Fqdn": "evil.example", "Action": "Deny"},
                    firewall | {"Fqdn": "notazureml.ms"},
                    firewall | {"Fqdn": "mcr.microsoft.com"},
                    firewall | {"Fqdn": "west.api.azureml.ms"},
                    firewall | {"Fqdn": ""},
                    firewall | {"Fqdn": "evil.example", "SourceIp": "172.32.0.1"},
                ]
            },
            [("10.20.0.4", "evil.example"), ("10.20.0.4", "notazureml.ms")],
        ),
        "egress-address": Case(
            {
                "AZFWNetworkRule": [
                    network | {"DestinationIp": "203.0.113.7"},
                    network | {"DestinationIp": "172.32.0.1"},
                    network | {"DestinationIp": "2001:db8:1::7"},
                    network | {"DestinationIp": "::ffff:203.0.113.8"},
                    network | {"DestinationIp": "172.31.255.255"},
                    network | {"DestinationIp": "192.168.1.1"},
                    network | {"DestinationIp": "100.64.0.1"},
                    network | {"DestinationIp": "169.254.169.254"},
                    network | {"DestinationIp": "fe80::1"},
                    network | {"DestinationIp": "fd00::1"},
                    network | {"DestinationIp": "::ffff:10.0.0.1"},
                    network | {"DestinationIp": "20.60.1.1"},
                    network | {"DestinationIp": ""},
                    network | {"DestinationIp": "203.0.113.7", "SourceIp": "8.8.8.8"},
                ]
            },
            [
                ("10.20.0.4", ip, 443, "TCP")
                for ip in ("203.0.113.7", "172.32.0.1", "2001:db8:1::7", "::ffff:203.0.113.8")
            ],
            {"allowed_ranges": ["20.60.0.0/16"]},
        ),
        "egress-flow": Case(
            {
                "NTANetAnalytics": [
                    _flow(),
                    _flow(
                        DestIp="203.0.113.5",
                        DestPublicIps="",
                        FlowType="MaliciousFlow",
                        FlowDirection="O",
                        FlowStatus="A",
                    ),
                    _flow(FlowType="AzurePublic"),
                    _flow(FlowStatus="Denied", DestPort=1),
                    _flow(FlowDirection="Inbound", DestPort=2),
                    _flow(SrcSubnet="rg/vnet/other"),
                    _flow(SubType="StatusMessage", DestPort=3),
                    _flow(DestPublicIps="20.60.0.1|1", DestPort=4),
                ]
            },
            [("rg/vnet/ai", "203.0.113.9", 443, "ExternalPublic"), ("rg/vnet/ai", "203.0.113.5", 443, "MaliciousFlow")],
            {"workload_subnets": ["rg/vnet/ai"], "allowed_ranges": ["20.60.0.0/16"]},
        ),
        "deployment-source": Case(
            {
                "AzureActivity": [
                    _deployment("azureml://registries/azureml/models/gpt/versions/1"),
                    _deployment("azureml://registries/wb-prod2/models/m/versions/1", caller="mallory"),
                    _deployment(f"{_APPROVED}m/labels/latest", caller="late"),
                    _deployment({"format": "OpenAI", "name": "gpt", "version": "1"}, caller="bob"),
                    _deployment(f"{_APPROVED}m/versions/3"),
                    _deployment("x", status="Failure"),
                    activity(DEPLOY, at(1)),
                    activity(
                        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/write",
                        at(1),
                        body={"properties": {"model": "x"}},
                    ),
                ]
            },
            [
                ("/subscriptions/s/x", "azureml://registries/azureml/models/gpt/versions/1", "eve"),
                ("/subscriptions/s/x", "azureml://registries/wb-prod2/models/m/versions/1", "mallory"),
                ("/subscriptions/s/x", f"{_APPROVED}m/labels/latest", "late"),
                ("/subscriptions/s/x", "OpenAI/gpt/1", "bob"),
            ],
            {"approved_sources": [_APPROVED]},
        ),
        "deployment-unadmitted": Case(
            {
                "AzureActivity": [
                    activity(DEPLOY, at(5), resource="/S/none", correlation="1"),
                    activity(DEPLOY, at(5), resource="/S/Ok", correlation="2"),
                    activity(DEPLOY, at(5), resource="/S/stale", correlation="3"),
                    activity(DEPLOY, at(5), resource="/s/denied", correlation="4"),
                    activity(DEPLOY, at(5), resource="/s/after", correlation="5"),
                    activity(DEPLOY, at(5), resource="/s/failed", status="Failure"),
                ],
                "WeighbridgeDecisions_CL": [
                    {
                        "TimeGenerated": at(4),
                        "Decision": "allow",
                        "DeploymentId": "/s/OK",
                        "Digest": "d",
                        "DecisionId": "1",
                    },
                    {
                        "TimeGenerated": at(2),
                        "Decision": "allow",
                        "DeploymentId": "/s/stale",
                        "Digest": "d",
                        "DecisionId": "2",
                    },
                    {
                        "TimeGenerated": at(4),
                        "Decision": "deny",
                        "DeploymentId": "/s/denied",
                        "Digest": "d",
                        "DecisionId": "3",
                    },
                    {
                        "TimeGenerated": at(5, 1),
                        "Decision": "allow",
                        "DeploymentId": "/s/after",
                        "Digest": "d",
                        "DecisionId": "4",
                    },
                ],
            },
            [("/s/none", "eve", "1"), ("/s/stale", "eve", "3"), ("/s/denied", "eve", "4"), ("/s/after", "eve", "5")],
        ),
        "extraction-volume": Case(
            {
                "AmlOnlineEndpointTrafficLog": [
                    *(traffic(at(1, seconds=n), IdentityData="thief") for n in range(501)),
                    *(traffic(at(1, seconds=n), IdentityData="", AuthType="Key") for n in range(501)),
                    *(traffic(at(1, seconds=n), IdentityData="edge") for n in range(500)),
                    *(traffic(at(1, minutes=30, seconds=7 * n), IdentityData="two-hours") for n in range(510)),
                    *(traffic(at(1, seconds=n), IdentityData="Batch") for n in range(501)),
                ]
            },
            [("thief", "e", "blue"), ("auth:Key", "e", "blue")],
            {"batch_callers": ["batch"]},
        ),
        "extraction-slow": Case(
            {
                "AmlOnlineEndpointTrafficLog": [
                    *(traffic(at(24 * day + n * 0.5), IdentityData="slow") for day in range(12) for n in range(48)),
                    *(
                        traffic(at(24 * day + 9 + n * 0.2), IdentityData="office")
                        for day in range(12)
                        for n in range(45)
                    ),
                    *(traffic(at(24 * day + n * 0.5), IdentityData="nine-days") for day in range(9) for n in range(48)),
                    *(
                        traffic(at(24 * day + n / 20), IdentityData="peak")
                        for day in range(12)
                        for n in range(400 if day == 5 else 20)
                    ),
                ]
            },
            [("slow", "e")],
            {"slow_requests": 400},
        ),
        "extraction-template": Case(
            {
                "ApiManagementGatewayLlmLog": [
                    *(prompt(at(1, seconds=n), f"Classify  customer {n}: yes or no?") for n in range(220)),
                    *(prompt(at(1, seconds=n), "Translate the same text, please") for n in range(220)),
                    *(prompt(at(1, seconds=n), f"Summarise order {n} for the team") for n in range(220)),
                    *(prompt(at(1, seconds=n), f"Question {n}") for n in range(199)),
                    prompt(at(1), RequestMessages=None),
                ]
            },
            [("classify customer #: yes or no?", "chat", "complete")],
            {"known_templates": ["summarise order"]},
        ),
        "behaviour-change": Case(
            {
                "AmlOnlineEndpointTrafficLog": [
                    *_sizes(1400, 500),
                    *_sizes(400, 900, 1400),
                    *_sizes(1800, 500, DeploymentName="steady"),
                    *_sizes(1000, 500, DeploymentName="short"),
                    *_sizes(150, 900, 1000, DeploymentName="short"),
                ]
            },
            [("e", "blue")],
        ),
        "latency-drift": Case(
            {
                "AmlOnlineEndpointTrafficLog": [
                    *_hourly(200, lambda hour: (200 if hour < 180 else 400) + 20 * (hour % 24)),
                    *_hourly(200, lambda hour: 200 + 20 * (hour % 24) + hour % 7, DeploymentName="rhythm"),
                    *_hourly(160, lambda hour: 200 if hour < 150 else 800, DeploymentName="young"),
                ]
            },
            [("e", "blue", "higher")],
        ),
        "token-drift": Case(
            {
                "ApiManagementGatewayLlmLog": [
                    *(
                        prompt(at(hour, n), CompletionTokens=(400 if hour < 180 else 100) + n)
                        for hour in range(200)
                        for n in range(30)
                    ),
                    *(
                        prompt(at(hour, n), CompletionTokens=400 + n, ModelName="same")
                        for hour in range(200)
                        for n in range(30)
                    ),
                ]
            },
            [("chat", "m", "lower")],
        ),
        "leak-canary": Case(
            {
                "ApiManagementGatewayLlmLog": [
                    prompt(at(1), answer="it says WBCANARY-7f3a (x)+ there"),
                    prompt(at(1), answer="wbcanary-7f3a (x)+", OperationName="lower"),
                    prompt(at(1), text="WBCANARY-7f3a (x)+", OperationName="asked"),
                    prompt(at(1), answer="WBCANARY-7f3a xx", OperationName="other"),
                ]
            },
            [("chat", "m", "complete")],
            {"canaries": ["WBCANARY-7f3a (x)+"]},
        ),
        "leak-personal": Case(
            {
                "ApiManagementGatewayLlmLog": [
                    *(prompt(at(1, n), answer=f"Ann, 123-45-67{n:02d}, ann{n}@mail.example") for n in range(21)),
                    *(prompt(at(1, n), answer="fine") for n in range(30)),
                    *(prompt(at(2, n), answer="123-45-6789") for n in range(20)),
                    *(prompt(at(1, n), answer="1234-56-78901 or a@b", ModelName="near") for n in range(50)),
                ]
            },
            [("chat", "m")],
        ),
        "vault-enumeration": Case(
            {
                "AZKVAuditLogs": [
                    *(vault(at(1, n), "SecretGet", f"s{n}", "five") for n in range(5)),
                    *(vault(at(1, n), "SecretGet", f"s{n}", "lister") for n in range(3)),
                    vault(at(1), "SecretList", oid="lister"),
                    *(vault(at(1, n / 2), "SecretGet", "s", "refused", 403) for n in range(10)),
                    *(vault(at(1, n), "SecretGet", f"s{n}", "four") for n in range(4)),
                    *(vault(at(1, n), "SecretGet", "same", "again") for n in range(9)),
                    *(vault(at(1, 12 * n), "SecretGet", f"s{n}", "slowly") for n in range(5)),
                    *(vault(at(1, n), "SecretGet", f"s{n}", "Rotation") for n in range(9)),
                    vault(at(1), "SecretList", oid="looker"),
                ]
            },
            [("five", "/s/v"), ("lister", "/s/v"), ("refused", "/s/v")],
            {"vault_readers": ["rotation"]},
        ),
        "identity-new-place": Case(
            {
                "AADManagedIdentitySignInLogs": [
                    *(signin(at(24 * day), "20.1.1.1") for day in range(10)),
                    signin(at(24 * 9), "203.0.113.9"),
                    signin(at(24 * 2), "20.1.1.2"),
                    signin(at(24 * 9), "203.0.113.10", ResultType="50057"),
                    signin(at(24 * 9), ""),
                    signin(at(24 * 9), "20.2.0.7"),
                    signin(at(24 * 9), "203.0.113.11", ServicePrincipalId="sp-new"),
                ]
            },
            [("sp-1", "endpoint", "203.0.113.9")],
            {"known_places": ["20.2.0.0/16"]},
        ),
        "registry-writer": Case(
            {
                "ContainerRegistryRepositoryEvents": [
                    push(at(1), "v1", "d1", Identity="mallory"),
                    push(at(1), "v1", "d1", Identity="mallory", OperationName="Delete"),
                    push(at(1), "v1", "d1", Identity="Pipeline"),
                    push(at(1), "v1", "d1", Identity="x", OperationName="Pull"),
                    push(at(1), "v1", "d1", Identity="x", ResultType="HttpStatusCode_403"),
                    push(at(1), "v1", "d1", Identity="x", Repository="scratch/m"),
                ]
            },
            [("mallory", "r.example", "verified/m", "Push"), ("mallory", "r.example", "verified/m", "Delete")],
            {"pipeline_identities": ["pipeline"], "model_repositories": ["verified/"]},
        ),
        "tag-moved": Case(
            {
                "ContainerRegistryRepositoryEvents": [
                    push(at(1), "v1", "d1"),
                    push(at(2), "v1", "d2"),
                    push(at(1), "v2", "d1"),
                    push(at(2), "v2", "d1"),
                    push(at(1), "latest", "d1"),
                    push(at(2), "latest", "d2"),
                    push(at(1), "", "d1"),
                    push(at(2), "", "d2"),
                    push(at(3), "v2", "d9", OperationName="Pull"),
                ]
            },
            [("r.example", "verified/m", "v1")],
        ),
        "policy-removed": Case(
            {
                "AzureActivity": [
                    activity(deleted.upper(), at(1)),
                    activity("Microsoft.Authorization/policyExemptions/write", at(1)),
                    activity(deleted, at(1), status="Start"),
                    activity(deleted, at(1), caller="IaC"),
                    activity("Microsoft.Authorization/policyAssignments/read", at(1)),
                ]
            },
            [
                ("eve", deleted.lower(), "/subscriptions/s/x"),
                ("eve", "microsoft.authorization/policyexemptions/write", "/subscriptions/s/x"),
            ],
            {"policy_managers": ["iac"]},
        ),
        "diagnostics-removed": Case(
            {
                "AzureActivity": [
                    activity("MICROSOFT.INSIGHTS/DIAGNOSTICSETTINGS/DELETE", at(1)),
                    activity("Microsoft.Insights/diagnosticSettings/write", at(1)),
                    activity("Microsoft.Insights/diagnosticSettings/delete", at(1), status="Failure"),
                ]
            },
            [("eve", "microsoft.insights/diagnosticsettings/delete", "/subscriptions/s/x")],
        ),
        "data-purge": Case(
            {
                "StorageBlobLogs": [
                    *(blob(at(1, n)) for n in range(20)),
                    blob(at(1), RequesterObjectId="purger", Uri="https://x?deletetype=permanent"),
                    *(blob(at(1, n), RequesterObjectId="few") for n in range(19)),
                    *(blob(at(1, n), RequesterObjectId="failed", StatusCode="403") for n in range(20)),
                    *(blob(at(1, n), RequesterObjectId="Cleaner") for n in range(20)),
                    *(blob(at(1, n), RequesterObjectId="", AuthenticationType="SystemIdentity") for n in range(20)),
                    *(blob(at(1, n), RequesterObjectId="writer", OperationName="PutBlob") for n in range(20)),
                    *(blob(at(1, n), RequesterObjectId="elsewhere", AccountName="logs") for n in range(20)),
                ]
            },
            [("mallory", "traindata", "OAuth"), ("purger", "traindata", "OAuth")],
            {"data_accounts": ["train"], "data_managers": ["cleaner"]},
        ),
        "data-key-access": Case(
            {
                "StorageBlobLogs": [
                    blob(at(1), "PutBlob", AuthenticationType="AccountKey"),
                    blob(at(1), "PutBlob", AuthenticationType="SAS"),
                    blob(at(1), "PutBlob"),
                    blob(at(1), "GetBlob", AuthenticationType="AccountKey"),
                    blob(at(1), "PutBlob", AuthenticationType="AccountKey", StatusCode="409"),
                    blob(at(1), "PutBlob", AuthenticationType="AccountKey", AccountName="logs"),
                ]
            },
            [("10.1.2.3", "traindata", "AccountKey"), ("10.1.2.3", "traindata", "SAS")],
            {"data_accounts": ["train"]},
        ),
        "key-listing": Case(
            {
                "AzureActivity": [
                    activity(keys.upper(), at(1)),
                    activity(keys, at(1), status="Failure", caller="x"),
                    activity(keys, at(1), caller="Bootstrap"),
                    activity("Microsoft.MachineLearningServices/workspaces/read", at(1), caller="x"),
                ]
            },
            [("eve", keys.lower(), "/subscriptions/s/x")],
            {"key_readers": ["bootstrap"]},
        ),
        "network-loosened": Case(
            {
                "AzureActivity": [
                    activity(workspace, at(1), body={"properties": {"publicNetworkAccess": "Enabled"}}),
                    activity(
                        workspace,
                        at(1),
                        caller="m",
                        body={"properties": {"managedNetwork": {"isolationMode": "AllowInternetOutbound"}}},
                    ),
                    activity("Microsoft.MachineLearningServices/workspaces/outboundRules/write", at(1), caller="r"),
                    activity(
                        workspace,
                        at(1),
                        caller="x",
                        body={"properties": {"publicNetworkAccess": "Disabled", "note": "Enabled"}},
                    ),
                    activity(workspace, at(1), caller="y"),
                    activity(workspace, at(1), caller="z", status="Failure", body={"publicNetworkAccess": "Enabled"}),
                    activity("Microsoft.MachineLearningServices/workspaces/outboundRules/write", at(1), caller="IaC"),
                ]
            },
            [
                ("eve", workspace.lower(), "/subscriptions/s/x"),
                ("m", workspace.lower(), "/subscriptions/s/x"),
                ("r", "microsoft.machinelearningservices/workspaces/outboundrules/write", "/subscriptions/s/x"),
            ],
            {"network_managers": ["iac"]},
        ),
        "defender-alert": Case(
            {
                "SecurityAlert": [
                    alert,
                    alert | {"TimeGenerated": at(2)},
                    alert | {"SystemAlertId": "a2", "AlertType": "X", "AlertName": "Possible ASCII smuggling"},
                    alert
                    | {
                        "SystemAlertId": "a3",
                        "AlertType": "VM_Suspicious",
                        "AlertName": "Malware",
                        "CompromisedEntity": "vm",
                    },
                    alert | {"SystemAlertId": "a4", "ProductName": "Other", "CompromisedEntity": "other"},
                ]
            },
            [("A Jailbreak attempt", "acc", "High"), ("Possible ASCII smuggling", "acc", "High")],
        ),
    }


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
        message = "Microsoft's analyser of KQL is not installed (make services; needs node and npm)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    asked = {"tables": {table.name: dict(table.columns) for table in log_tables().values()}, "queries": queries}
    program = os.path.join(ROOT, "tests", "build", "kusto.cjs")
    done = subprocess.run(
        ["node", program, KUSTO], input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=True
    )
    return json.loads(done.stdout)
