"""Judge an exported Azure estate against the hardening checklist: twelve controls, and six worth having.

EXPORT_DIR is a folder of JSON files: rows of Resource Graph in resources.json, and beside it the collections that
Resource Graph does not have (diagnosticSettings.json, blobServices.json, policyAssignments.json, …: docs/azure-audit.md
lists them with the commands that write them). What is not there is unknown, and unknown is never a pass. What our own
evidence proves (scans, bills of materials, provenance) is asked of the registry that --registry names.

Status 0: everything holds. Status 1: a control fails or is unknown.

Examples:
  weighbridge azure audit ./export
  weighbridge azure audit ./export --registry oci:registry --format html --output audit.html
  weighbridge azure audit ./export --baseline last-week.json --format json
  weighbridge azure audit ./export --live --subscription 00000000-0000-0000-0000-000000000000
"""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from weighbridge.controls.checklist import Audited
    from weighbridge.controls.evidence import Holdings

FORMATS = ("text", "json", "html", "markdown")


def add(nouns: Any) -> None:
    """The noun `audit`."""
    parser = common.noun(nouns, "audit", __doc__ or "")
    parser.add_argument("export", metavar="EXPORT_DIR", help="the folder with the export; with --live it is written")
    parser.add_argument("--registry", default="", help="ask this registry for evidence: oci:DIR, HOST or HOST/PREFIX")
    parser.add_argument("--estate", metavar="FILE", default="", help="what the owners say (default: estate.json in it)")
    parser.add_argument("--baseline", metavar="FILE", help="the JSON of an earlier audit; what changed is shown")
    parser.add_argument("--now", metavar="TIME", help="judge as of this time (2026-01-31T12:00:00Z; default: now)")
    parser.add_argument("--live", action="store_true", help="export first, through Azure Resource Graph and ARM")
    text = "a subscription to export (repeatable; with --live)"
    parser.add_argument("--subscription", metavar="ID", action="append", default=[], help=text)
    text = "an application that pipelines log in as, by its appId (repeatable; with --live)"
    parser.add_argument("--application", metavar="APPID", action="append", default=[], help=text)
    common.add_output(parser, FORMATS)
    parser.set_defaults(work=_work)


def _work(given: argparse.Namespace) -> int:
    """Audit and print."""
    from weighbridge.pipelines.audit import audit_export

    now = moment(given.now)
    if given.live:
        _export(given)
    audited = audit_export(
        given.export,
        now,
        owners_word=given.estate,
        holdings=_holdings(given, now) if given.registry else None,
        baseline=_baseline(given.baseline) if given.baseline else None,
    )
    common.write(given, _rendered(given, audited))
    return 0 if audited.holds else 1


def moment(text: str | None) -> datetime:
    """The time that was given, or now. Raises UsageError."""
    if not text:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{plain(text, 60)!r} is no time", "write 2026-01-31T12:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _rendered(given: argparse.Namespace, audited: Audited) -> str:
    from weighbridge.render import audit as rendered
    from weighbridge.render.terminal import style_for

    if given.format == "json":
        return rendered.audit_json(audited)
    if given.format == "html":
        return rendered.audit_html(audited)
    if given.format == "markdown":
        return rendered.audit_markdown(audited)
    environ = {**os.environ, "NO_COLOR": "1"} if given.no_color or given.output else os.environ
    return rendered.audit_text(audited, style_for(sys.stdout, environ))


def _holdings(given: argparse.Namespace, now: datetime) -> Holdings:
    from weighbridge.pipelines.audit import hold
    from weighbridge.registry.base import parse_reference
    from weighbridge.registry.open import find_repositories, open_store

    settings = common.settings_for(given)
    stores = [
        open_store(parse_reference(f"{place}{name}:any"), settings)
        for place, name in find_repositories(given.registry, settings)
    ]
    repositories = [(store, [store.reference(tag=tag) for tag in store.tags()]) for store in stores]
    policy = common.stage_policy(settings, "production")
    return hold(given.registry, repositories, policy, common.trust_policy(settings), now)


def _baseline(path: str) -> dict[str, str]:
    from weighbridge.controls.reading import read_json_file
    from weighbridge.render.audit import SCHEMA

    try:
        said, _ = read_json_file(path)
        schema = said["schema"]
        found = {str(one["id"]): str(one["result"]) for one in said["controls"]}
    except (ValueError, KeyError, TypeError) as error:
        mend = "name the JSON of an earlier audit"
        raise UsageError(f"the baseline {plain(path)!r} cannot be used: {plain(str(error), 200)}", mend) from error
    if schema != SCHEMA:
        raise UsageError(
            f"the baseline {plain(path)!r} has not the schema {SCHEMA}", "name the JSON of an earlier audit"
        )
    return found


def _export(given: argparse.Namespace) -> None:
    if not given.subscription:
        raise UsageError("--live needs a subscription", "name one with --subscription ID")
    for one in given.subscription:
        if not re.fullmatch(r"[0-9a-fA-F-]{36}", one):
            raise UsageError(f"{plain(one, 60)!r} is no id of a subscription", "give the GUID that az account show has")
    from weighbridge.azure.clients import GRAPH, connect
    from weighbridge.azure.collect import collect, collect_applications

    problems = collect(connect(), given.subscription, given.export)
    if given.application:
        problems += collect_applications(connect(GRAPH), given.application, given.export)
    for problem in problems:
        common.say(given, problem)
