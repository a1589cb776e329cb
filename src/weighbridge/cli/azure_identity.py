"""Judge how pipelines log in to Azure: federated credentials by FIC-01 to FIC-13, and the workflows that use them.

PATH is a JSON file as `az ad app federated-credential list`, `az identity federated-credential list` or Microsoft Graph
write it, a workflow file, or a folder of both (applications.json, servicePrincipals.json, roleAssignments.json and
others as for `azure audit`). Nothing of a workflow is run or constructed.

What lies behind a credential and was not given (secrets, owners, roles, GitHub's protections) is unknown, and shuts the
gate with --strict; so do warnings, and subjects of names alone, which whoever takes over the names can present.

Status 0: nothing fails. Status 1: a rule fails, or something that was given cannot be understood.

Examples:
  weighbridge azure identity check credential.json
  weighbridge azure identity check ./export .github/workflows --environment production --strict
  weighbridge azure identity check credential.json --app 00000000-0000-0000-0000-000000000000 --format json
"""

from __future__ import annotations

import os
import sys

from weighbridge.cli import common
from weighbridge.cli.azure_audit import moment
from weighbridge.core.errors import SourceError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.controls.workflows import Workflow

MOST = 1024 * 1024
MOST_FILES = 1000


def add(nouns: Any) -> None:
    """The noun `identity`."""
    parser = common.noun(nouns, "identity", __doc__ or "")
    verbs = parser.add_subparsers(dest="action", metavar="check", required=True)
    check = verbs.add_parser("check", allow_abbrev=False, help="judge files and folders")
    check.add_argument("paths", metavar="PATH", nargs="+", help="JSON, workflow files, or folders of them")
    text = "an environment that tokens may be for (repeatable; default: production, staging, sandbox)"
    check.add_argument("--environment", metavar="NAME", action="append", default=[], help=text)
    text = "an issuer to believe instead of GitHub's (repeatable)"
    check.add_argument("--issuer", metavar="URL", action="append", default=[], help=text)
    check.add_argument("--app", metavar="ID", default="", help="the application, for the commands that are written")
    check.add_argument("--strict", action="store_true", help="warnings and unknowns shut the gate too")
    check.add_argument("--now", metavar="TIME", help="judge as of this time (default: now)")
    common.add_output(check, ("text", "json"))
    check.set_defaults(work=_work)


def _work(given: argparse.Namespace) -> int:
    """Check and print."""
    from weighbridge.controls.federated import check_identities, commands
    from weighbridge.controls.reading import read_files
    from weighbridge.controls.workflows import read_workflow
    from weighbridge.render.identity import identity_document, identity_text

    documents, texts = _files(given.paths)
    estate = read_files(documents, moment(given.now))
    strange = tuple(f"{one.source}: it is nothing that is known here" for one in estate.resources if not one.kind)
    estate = estate._replace(problems=(*estate.problems, *strange))
    estate = estate._replace(environments=tuple(given.environment), issuers=tuple(given.issuer))
    workflows: list[Workflow] = [read_workflow(name, text) for name, text in texts]
    answers = check_identities(estate, workflows, given.strict)
    written = commands(estate, answers, given.app)
    if given.format == "json":
        from weighbridge.render.documents import document_json

        common.write(given, document_json(identity_document(answers, written, estate.problems)))
    else:
        from weighbridge.render.terminal import style_for

        environ = {**os.environ, "NO_COLOR": "1"} if given.no_color or given.output else os.environ
        style = style_for(sys.stdout, environ)
        common.write(given, identity_text(answers, written, estate.problems, style))
    return 1 if estate.problems or any(answer.shuts for answer in answers) else 0


def _files(paths: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """JSON files by path, and workflow files by name and text. Raises SourceError for a path that is not there."""
    documents: list[str] = []
    texts: list[tuple[str, str]] = []
    for path in paths:
        if not os.path.exists(path):
            raise SourceError(f"there is no {plain(path)!r}", "check the path")
        for found in _below(path):
            if found.endswith((".yml", ".yaml")):
                with open(found, "rb") as file:
                    raw = file.read(MOST + 1)
                texts.append((found, raw.decode("utf-8", "surrogateescape")))
            elif found.endswith(".json") or found == path:
                documents.append(found)
    if not documents and not texts:
        raise SourceError("there is nothing to judge", "name JSON files of credentials, workflow files or folders")
    if len(documents) + len(texts) > MOST_FILES:
        raise SourceError(f"there are more than {MOST_FILES} files", "name those that matter")
    return documents, texts


def _below(path: str) -> Iterator[str]:
    if os.path.isfile(path):
        yield path
    for place, folders, names in os.walk(path):
        folders.sort()
        yield from (os.path.join(place, name) for name in sorted(names))
