"""What is done to the estate: secrets, registries, policies, logs, data, networks."""

from __future__ import annotations

from build.log_rows import Case, activity, at, blob, push, signin, vault


def cases() -> dict[str, Case]:
    """For each detection: hits, and rows that come as near as they can."""
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
