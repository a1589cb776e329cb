"""`weighbridge azure policy`: its actions, their options and what they print."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from weighbridge.azure.policy.dates import date_of
from weighbridge.azure.policy.definition import definition_of, definitions_in, given_parameters
from weighbridge.azure.policy.effects import SHUT, Surroundings, judge
from weighbridge.azure.policy.knowledge import load_azure_knowledge, snapshot_of
from weighbridge.azure.policy.lint import lint_document
from weighbridge.azure.policy.request import request_of
from weighbridge.azure.policy.resource import MOST_BYTES, load_json, resource_of
from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render import azure_policy as rendered

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from weighbridge.azure.policy.knowledge import AliasEntry


def add(nouns: Any) -> None:
    """The noun `policy` with its actions."""
    policy = nouns.add_parser("policy", help="evaluate, lint and write policy definitions", allow_abbrev=False)
    actions = policy.add_subparsers(dest="action", metavar="test|lint|render", required=True)
    _add_test(actions)
    lint = actions.add_parser("lint", help="find faults in a definition", allow_abbrev=False)
    lint.add_argument("policy", metavar="POLICY", help="a definition, a list of them, or an ARM template")
    _add_aliases(lint)
    common.add_fail_on(lint)
    common.add_output(lint, ("text", "json"))
    lint.set_defaults(work=_lint)
    render = actions.add_parser("render", help="write the policies for all stages", allow_abbrev=False)
    render.add_argument(
        "--output", metavar="DIR", help="write the files there; without it, the template alone is printed"
    )
    render.add_argument("--format", choices=("text", "json"), default="text", help="how the list of files is printed")
    common.add_general(render)
    render.set_defaults(work=_render)


def _add_test(actions: Any) -> None:
    test = actions.add_parser("test", help="evaluate a definition against one resource", allow_abbrev=False)
    test.add_argument("policy", metavar="POLICY", help="a policy definition (JSON)")
    text = (
        "the resource: as az … show, an ARM template, what-if or Resource Graph write it, or a deployment file (YAML)"
    )
    test.add_argument("resource", metavar="RESOURCE", help=text)
    test.add_argument("--parameters", metavar="FILE", help="the values of the assignment (JSON)")
    text = "who asks: the claims idtyp and appid, or an object with identity, apiVersion, resourceGroup … (JSON)"
    test.add_argument("--identity", metavar="FILE", help=text)
    test.add_argument(
        "--related", metavar="FILE", help="what else exists, for …IfNotExists: a list of resources (JSON)"
    )
    test.add_argument("--now", metavar="TIME", help="what utcNow() is, as 2026-01-31T12:00:00Z (default: now)")
    test.add_argument("--action", choices=("write", "delete"), help="what is asked for (default: write)")
    modes = ("Default", "DoNotEnforce")
    test.add_argument("--enforcement-mode", choices=modes, default="Default", help="that of the assignment")
    _add_aliases(test)
    common.add_output(test, ("text", "json"))
    test.set_defaults(work=_test)


def _add_aliases(parser: argparse.ArgumentParser) -> None:
    text = "the aliases of your tenant, as az provider show --expand resourceTypes/aliases writes them (repeatable)"
    parser.add_argument("--aliases", metavar="FILE", action="append", default=[], help=text)


def _test(options: argparse.Namespace) -> int:
    knowledge = load_azure_knowledge()
    documents = definitions_in(_json(options.policy, "the policy"))
    if len(documents) != 1:
        raise UsageError(f"{options.policy} holds {len(documents)} definitions", "give one definition")
    definition = definition_of(documents[0])
    resource = resource_of(_resource(options.resource))
    request = request_of(_json(options.identity, "the identity") if options.identity else None)
    if options.action:
        request = request._replace(action=options.action)
    related = None
    if options.related:
        found = _json(options.related, "the related resources")
        if not isinstance(found, list):
            raise UsageError("the related resources are no list", "write [ … ]")
        related = tuple(resource_of(item) for item in found)
    given = given_parameters(_json(options.parameters, "the parameters") if options.parameters else None)
    now = _time(options.now) if options.now else datetime.now(UTC)
    around = Surroundings(
        request=request,
        now=now,
        knowledge=knowledge,
        aliases={**knowledge.aliases, **_snapshot(options, now)},
        related=related,
        enforced=options.enforcement_mode == "Default",
    )
    judgement = judge(definition, resource, given, around)
    if options.format == "json":
        common.write(options, rendered.judgement_json(judgement, knowledge.version))
    else:
        common.write(options, rendered.judgement_text(judgement, common.style_of(options)))
    return int(judgement.outcome in SHUT)


def _lint(options: argparse.Namespace) -> int:
    severity = common.severity_of(options, common.settings_for(options))
    knowledge = load_azure_knowledge()
    snapshot = _snapshot(options, datetime.now(UTC)) if options.aliases else None
    findings = lint_document(_json(options.policy, "the policy"), knowledge, snapshot)
    if options.format == "json":
        common.write(options, rendered.lint_json(findings, knowledge.version))
    else:
        common.write(options, rendered.lint_text(findings, common.style_of(options)))
    return int(any(finding.severity.rank >= severity.rank for finding in findings))


def _render(options: argparse.Namespace) -> int:
    from weighbridge.azure.policy.bundle import bundle_of

    files = bundle_of(common.settings_for(options).azure, load_azure_knowledge())
    if not options.output:
        sys.stdout.write(files["initiative.template.json"])
        return 0
    for name, content in files.items():
        path = os.path.join(options.output, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        except OSError as error:
            raise UsageError(f"{path!r} cannot be written: {error.strerror}", "name another folder") from error
    if options.format == "json":
        sys.stdout.write(rendered.files_json(options.output, tuple(files)))
    else:
        sys.stdout.write("".join(f"{plain(os.path.join(options.output, name))}\n" for name in files))
    return 0


def _snapshot(options: argparse.Namespace, now: datetime) -> dict[str, AliasEntry]:
    found: dict[str, AliasEntry] = {}
    for path in options.aliases:
        found |= snapshot_of(_json(path, "the list of aliases", 64), f"{now:%Y-%m-%d}")
    return found


def _resource(path: str) -> Any:
    if not path.lower().endswith((".yml", ".yaml")):
        return _json(path, "the resource")
    import yaml  # type: ignore[import-untyped]

    raw = _read(path, "the resource", 1)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(raw, Loader=yaml.SafeLoader)):
            raise UsageError("the resource repeats parts of itself by alias", "write them out")
        return yaml.safe_load(raw)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"the resource cannot be read as YAML: {reason}", "mend the file") from None


def _json(path: str, what: str, times: int = 1) -> Any:
    return load_json(_read(path, what, times), what, MOST_BYTES * times)


def _read(path: str, what: str, times: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES * times + 1)
    except OSError as error:
        raise UsageError(f"{what} {path!r} cannot be read: {error.strerror}", "name another file") from error


def _time(text: str) -> datetime:
    found = date_of(text)
    if found is None:
        raise UsageError(f"--now {text!r} is no time", "write 2026-01-31T12:00:00Z")
    return found[0]
