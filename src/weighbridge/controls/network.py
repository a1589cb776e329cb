"""C08: what runs a model reaches only what was approved.

Rules that Azure needs for itself (category Required) do not count. A project uses the network of its hub. A mode that
is set and not provisioned isolates nothing. A workspace of no known stage is judged as one of production.
Source: learn.microsoft.com, "Workspace managed virtual network isolation".
"""

from __future__ import annotations

from weighbridge.controls.base import Check, Result, az, equals, expect, found, not_exported, unknown
from weighbridge.controls.estate import ACCOUNT, MANAGED_NETWORK, WORKSPACE, Resource, items, look, shown, walk
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate

ISOLATED = "AllowOnlyApprovedOutbound"
FOUNDRY = ("aiservices", "openai", "aihub")
CATALOGS = frozenset(
    (
        "huggingface.co",
        "hf.co",
        "pypi.org",
        "pythonhosted.org",
        "github.com",
        "githubusercontent.com",
        "modelscope.cn",
        "kaggle.com",
        "docker.io",
        "conda.io",
        "anaconda.org",
        "civitai.com",
    )
)
"""Hosts, with everything below them, where anybody can publish models or packages."""


def isolated(estate: Estate) -> Iterator[Check]:
    """Workspaces and Foundry accounts."""
    workspaces, accounts = estate.of(WORKSPACE), foundry_accounts(estate)
    if not workspaces and not accounts:
        yield from not_exported(estate, "resources", "workspaces and accounts", "export resources.json")
    for one in workspaces:
        if str(one.body.get("kind", "")).lower() != "project":
            yield from _workspace(one, estate)
    for one in accounts:
        yield from _account(one, estate)


def foundry_accounts(estate: Estate) -> tuple[Resource, ...]:
    """Accounts that can hold models."""
    return tuple(one for one in estate.of(ACCOUNT) if str(one.body.get("kind", "")).lower() in FOUNDRY)


def _workspace(one: Resource, estate: Estate) -> Iterator[Check]:
    if estate.stage(one) == "sandbox":
        return
    path = "properties.managedNetwork.isolationMode"
    base = ("ml", "workspace", "update", "--name", one.name, "--resource-group", one.group)
    mend = az(*base, "--managed-network", "allow_only_approved_outbound")
    # `az ml` writes the mode with underscores.
    same = equals(ISOLATED)
    yield expect(one, path, lambda value: same(str(value).replace("_", "")), ISOLATED, mend=mend)
    status = az("ml", "workspace", "provision-network", "--name", one.name, "--resource-group", one.group)
    yield expect(one, "properties.managedNetwork.status.status", equals("Active"), "Active", mend=status)
    rules = look(one, "properties.managedNetwork.outboundRules")
    named = rules.items() if isinstance(rules, dict) else [(str(walk(rule, ["name"])), rule) for rule in items(rules)]
    for name, rule in named:
        yield from _rule(one, name, rule)


def _rule(one: Resource, name: str, rule: object) -> Iterator[Check]:
    kind = str(walk(rule, ["type"])).lower().replace("_", "")
    if str(walk(rule, ["category"])).lower() == "required" or kind not in ("fqdn", "servicetag"):
        return
    destination = walk(rule, ["destination"])
    host = destination.lower().rstrip(".") if isinstance(destination, str) else ""
    bare = host.removeprefix("*").lstrip(".")
    open_ = not bare or "." not in bare or any(bare == known or bare.endswith(f".{known}") for known in CATALOGS)
    if kind == "servicetag":
        label = str(walk(destination, ["serviceTag"]) if isinstance(destination, dict) else walk(rule, ["serviceTag"]))
        open_ = label.lower().partition(".")[0] in ("internet", "azurecloud")
    base = ("ml", "workspace", "outbound-rule", "remove", "--workspace-name", one.name, "--resource-group", one.group)
    path = f"properties.managedNetwork.outboundRules.{name}"
    mend = az(*base, "--rule", name)
    yield found(one, path, not open_, shown(destination), "a host of your own, no public catalog and no *", mend)


def _account(one: Resource, estate: Estate) -> Iterator[Check]:
    if estate.stage(one) == "sandbox":
        return
    base = ("resource", "update", "--ids", one.id, "--set")
    mend = az(*base, "properties.publicNetworkAccess=Disabled")
    yield expect(one, "properties.publicNetworkAccess", equals("Disabled"), "Disabled", mend=mend)
    networks = estate.below(one, MANAGED_NETWORK)
    if networks:
        for network in networks:
            path = "properties.managedNetwork.isolationMode"
            if isinstance(look(network, "properties.isolationMode"), str):
                path = "properties.isolationMode"
            mend = az("resource", "update", "--ids", network.id, "--set", f"{path}={ISOLATED}")
            yield expect(network, path, equals(ISOLATED), ISOLATED, mend=mend)
        return
    injected = look(one, "properties.networkInjections")
    if items(injected):
        yield found(one, "properties.networkInjections", True, shown(injected), "a network of your own")
        return
    if not estate.has("managedNetworks"):
        how = "az rest --url {account}/managedNetworks?api-version=2026-03-01 > managedNetworks.json"
        yield unknown(one.id, "managedNetworks.json", "not in the export", ISOLATED, how)
        return
    mend = az(*base, "properties.restrictOutboundNetworkAccess=true")
    path = "properties.restrictOutboundNetworkAccess"
    yield expect(one, path, lambda value: str(value).lower() == "true", "true", mend=mend, absent=Result.FAIL)
