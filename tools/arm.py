"""Derive which properties and API versions Azure Resource Manager knows, for the resources that our Bicep uses.

The published Python classes of a deployment tool are made from Azure's own specifications. What they say is kept in
tests/scaffold/arm.json. A property is compared with the API version that those classes were made from, which may be
another than that of the template; that the template's version exists is compared too.

Run: python tools/arm.py WHEEL         (WHEEL: pulumi-azure-native, as pip downloads it)
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import zipfile
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.path.join(ROOT, "tests/scaffold/arm.json")
PLACES = {
    "Microsoft.Authorization/locks": ("authorization", "management_lock_by_scope", "ManagementLockByScope"),
    "Microsoft.Authorization/policyAssignments": ("authorization", "policy_assignment", "PolicyAssignment"),
    "Microsoft.Authorization/roleAssignments": ("authorization", "role_assignment", "RoleAssignment"),
    "Microsoft.Authorization/roleDefinitions": ("authorization", "role_definition", "RoleDefinition"),
    "Microsoft.ContainerRegistry/registries": ("containerregistry", "registry", "Registry"),
    "Microsoft.Insights/actionGroups": ("monitor", "action_group", "ActionGroup"),
    "Microsoft.Insights/diagnosticSettings": ("monitor", "diagnostic_setting", "DiagnosticSetting"),
    "Microsoft.Insights/scheduledQueryRules": ("monitor", "scheduled_query_rule", "ScheduledQueryRule"),
    "Microsoft.KeyVault/vaults": ("keyvault", "vault", "Vault"),
    "Microsoft.MachineLearningServices/workspaces": ("machinelearningservices", "workspace", "Workspace"),
    "Microsoft.ManagedIdentity/userAssignedIdentities": (
        "managedidentity",
        "user_assigned_identity",
        "UserAssignedIdentity",
    ),
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": (
        "managedidentity",
        "federated_identity_credential",
        "FederatedIdentityCredential",
    ),
    "Microsoft.Network/privateEndpoints": ("network", "private_endpoint", "PrivateEndpoint"),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": (
        "network",
        "private_dns_zone_group",
        "PrivateDnsZoneGroup",
    ),
    "Microsoft.OperationalInsights/workspaces": ("operationalinsights", "workspace", "Workspace"),
    "Microsoft.Resources/resourceGroups": ("resources", "resource_group", "ResourceGroup"),
    "Microsoft.Storage/storageAccounts": ("storage", "storage_account", "StorageAccount"),
    "Microsoft.Storage/storageAccounts/blobServices": (
        "storage",
        "blob_service_properties",
        "BlobServiceProperties",
    ),
}
"""Type → module, file and class."""


def main(wheel: str) -> None:
    """Read the wheel and write the facts."""
    facts: dict[str, Any] = {}
    with zipfile.ZipFile(wheel) as archive:
        for kind, (module, file, name) in PLACES.items():
            base = f"pulumi_azure_native/{module}"
            text = archive.read(f"{base}/{file}.py").decode()
            inputs = f"{base}/_inputs.py"
            shared = archive.read(inputs).decode() if inputs in archive.namelist() else ""
            # An input of another resource may have the name of this one's own class, which comes last and wins.
            classes = {node.name: node for part in (shared, text) for node in _classes(part)}
            versions = re.search(r"Uses Azure REST API version ([\w-]+)", text)
            others = re.search(r"Other available API versions: ([\w, -]+)", text)
            known = [versions[1]] if versions else []
            known += others[1].strip().split(", ") if others else []
            # A class that an input has taken the name of is called Init.
            own = f"{name}InitArgs" if f"{name}InitArgs" in classes else f"{name}Args"
            facts[kind] = {"versions": sorted(known), "properties": _properties(classes, own, ())}
    with open(TARGET, "w", encoding="utf-8") as stream:
        json.dump(
            {"source": os.path.basename(wheel).partition("-py3")[0], "types": facts}, stream, indent=1, sort_keys=True
        )
        stream.write("\n")


def _classes(text: str) -> list[ast.ClassDef]:
    return [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name.endswith("Args")]


def _properties(classes: dict[str, ast.ClassDef], name: str, above: tuple[str, ...]) -> dict[str, Any]:
    """Property → its own properties if it is an object of a known form, else None."""
    found: dict[str, Any] = {}
    names: dict[str, str] = {}
    made: ast.FunctionDef | None = None
    for one in classes[name].body:
        if not isinstance(one, ast.FunctionDef):
            continue
        if one.name == "__init__":
            made = one
        for mark in one.decorator_list:
            if isinstance(mark, ast.Call) and mark.keywords and isinstance(mark.keywords[0].value, ast.Constant):
                names[one.name] = str(mark.keywords[0].value.value)
    if made is None:
        return found
    for argument in made.args.kwonlyargs:
        kind = ast.unparse(argument.annotation) if argument.annotation else ""
        inner = [word for word in re.findall(r"\w+Args\b", kind) if word in classes]
        key = names.get(argument.arg, argument.arg)
        deeper = inner and inner[0] not in above and len(above) < 6
        found[key] = _properties(classes, inner[0], (*above, name)) if deeper else None
    return found


if __name__ == "__main__":
    main(sys.argv[1])
