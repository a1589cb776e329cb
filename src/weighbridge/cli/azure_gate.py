"""Ask everything once more right before a deployment to Azure: seven checks, each of which must be met.

DEPLOYMENT is the file that deploys: YAML of `az ml`, or the JSON of one ARM resource. It must name a version of a model
of an Azure ML registry; the asset must name the digest of what gate two admitted, and the evidence of that digest must
hold now. The asset is read from --asset FILE (`az rest` or `az ml model show`), or asked of Azure. At production its
bytes are compared too: --bytes names a folder with them (`az ml model download`). If [azure] in the settings names
registries, the policies of the stage are evaluated on the deployment as Azure would, and so is each definition that
--policy names.

Status 0: allowed; `properties` of the JSON belong into the deployment. Status 1: denied, with every reason.

Examples:
  weighbridge azure gate deployment.yml --stage staging --ml-registry wb-prod --asset asset.json
  weighbridge azure gate deployment.yml --stage production --ml-registry wb-prod --asset asset.json --bytes ./model
  weighbridge azure gate deployment.json --stage staging --ml-registry wb-prod --subscription ID --resource-group rg
"""

from __future__ import annotations

import os
import sys

from weighbridge.cli import common
from weighbridge.cli.azure_audit import moment
from weighbridge.core.errors import AzureError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from typing import Any

    from weighbridge.azure.assets import Stored
    from weighbridge.azure.deployments import Asset
    from weighbridge.core.settings import Settings
    from weighbridge.gate.reason import Reason
    from weighbridge.pipelines.deployment import GateDecision


def add(nouns: Any) -> None:
    """The noun `gate`."""
    parser = common.noun(nouns, "gate", __doc__ or "")
    parser.add_argument("deployment", metavar="DEPLOYMENT", help="the deployment file")
    parser.add_argument("--stage", choices=STAGES, required=True, help="the stage to deploy to")
    text = "an Azure ML registry that may be deployed from (repeatable)"
    parser.add_argument("--ml-registry", metavar="NAME", action="append", default=[], help=text)
    parser.add_argument("--asset", metavar="FILE", help="the asset as Azure gives it; nothing is asked of Azure then")
    parser.add_argument("--bytes", metavar="DIR", default="", help="the asset's files, to be compared")
    text = "a policy definition that has to let the deployment pass (repeatable)"
    parser.add_argument("--policy", metavar="FILE", action="append", default=[], help=text)
    parser.add_argument("--parameters", metavar="FILE", help="values for its parameters")
    parser.add_argument("--identity", metavar="FILE", help="who deploys: {idtyp, appid}")
    add_place(parser)
    parser.add_argument("--now", metavar="TIME", help="decide as of this time (default: now)")
    common.add_output(parser, ("text", "json"))
    parser.set_defaults(work=_work)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Where an Azure ML registry is."""
    parser.add_argument("--subscription", metavar="ID", default="", help="the subscription of the Azure ML registry")
    parser.add_argument("--resource-group", metavar="NAME", default="", help="its resource group")


def _work(given: argparse.Namespace) -> int:
    from weighbridge.azure.deployments import read_deployment
    from weighbridge.pipelines.deployment import Asked, gate
    from weighbridge.pipelines.gate_two import surroundings_of
    from weighbridge.registry.open import open_store

    settings = common.settings_for(given)
    asked = Asked(
        given.stage,
        common.stage_policy(settings, given.stage),
        common.trust_policy(settings),
        moment(given.now),
        _resolver(given),
        lambda reference: open_store(reference, settings),
        settings.registry,
        tuple(given.ml_registry) or _registries(settings, given.stage),
        given.bytes,
        _policies(given, settings),
        surroundings_of(settings, given.stage),
    )
    decision = gate(read_deployment(_read(given.deployment)), asked)
    if given.format == "json":
        from weighbridge.render.documents import document_json

        common.write(given, document_json(decision.document()))
    else:
        common.write(given, _text(given, decision))
    return 0 if decision.allowed else 1


def _resolver(given: argparse.Namespace) -> Callable[[Asset], Stored | None]:
    from weighbridge.azure.assets import find_asset, read_asset

    if given.asset:
        from weighbridge.controls.reading import read_json_file

        try:
            document, _ = read_json_file(given.asset, 1024 * 1024)
            stored = read_asset(document if isinstance(document, dict) else {})
        except (ValueError, AzureError) as error:
            cause = f"the asset {plain(given.asset)!r} cannot be used: {plain(str(error), 200)}"
            raise UsageError(cause, "write it with az rest, or az ml model show") from error
        return lambda _asset: stored
    place = place_of(given)
    from weighbridge.azure.clients import connect

    arm = connect()
    return lambda asset: find_asset(arm, place, asset)


def place_of(given: argparse.Namespace) -> Any:
    """The resource group of the Azure ML registry. Raises UsageError if it is not named."""
    import re

    from weighbridge.azure.assets import Place

    subscription, group = given.subscription, given.resource_group
    if not re.fullmatch(r"[0-9a-fA-F-]{36}", subscription) or not re.fullmatch(r"[\w().-]{1,90}", group):
        raise UsageError("where the Azure ML registry is, is not known", "give --subscription and --resource-group")
    return Place(subscription, group)


def _registries(settings: Settings, stage: str) -> tuple[str, ...]:
    """The Azure ML registries that the settings name for a stage."""
    own = settings.azure.registries
    return own if stage == "production" else tuple(dict.fromkeys((*settings.azure.staging_registries, *own)))


def _policies(given: argparse.Namespace, settings: Settings) -> tuple[Callable[[Mapping[str, Any]], Reason], ...]:
    """Our own policies of the stage, if the settings have what they need, and the definitions that are named."""
    from weighbridge.controls.reading import read_json_file
    from weighbridge.pipelines.deployment_policies import policy_checks, stage_check

    def read(path: str) -> Any:
        try:
            return read_json_file(path, 8 * 1024 * 1024)[0]
        except ValueError as error:
            raise UsageError(f"{plain(path)!r} cannot be used: {plain(str(error), 200)}", "name a JSON file") from error

    documents = {os.path.basename(path): read(path) for path in given.policy}
    parameters = read(given.parameters) if given.parameters else None
    identity, now = read(given.identity) if given.identity else None, moment(given.now)
    own = (stage_check(settings.azure, given.stage, identity, now),) if _registries(settings, given.stage) else ()
    return (*own, *policy_checks(documents, parameters, identity, now))


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1024 * 1024 + 1)
    except OSError as error:
        raise UsageError(f"{plain(path)!r} cannot be read: {error.strerror}", "name the deployment file") from error


def _text(given: argparse.Namespace, decision: GateDecision) -> str:
    from weighbridge.render.audit import ASCII, MARKS
    from weighbridge.render.terminal import style_for

    environ = {**os.environ, "NO_COLOR": "1"} if given.no_color or given.output else os.environ
    style = style_for(sys.stdout, environ)
    marks = MARKS if style.unicode else ASCII
    word = "ALLOWED" if decision.allowed else "DENIED"
    lines = [f"{word}  {plain(decision.asset, 200)}  for {decision.stage}", f"  {decision.digest or 'no digest'}"]
    for one in decision.reasons:
        mark = marks[{"met": "pass", "unmet": "fail", "unknown": "unknown"}[one.result.value]]
        lines.append(f"  {mark} {one.requirement:<19} {plain(one.why, 160)}")
        if one.result.value != "met":
            lines.append(f"      needs: {plain(one.needs, 160)}")
    if decision.allowed:
        lines += ["  put into the deployment's properties, where they stay:"]
        lines += [f"    {key}: {plain(value)}" for key, value in decision.document()["properties"].items()]
    return "\n".join(lines)
