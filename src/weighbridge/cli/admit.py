"""Gate two: decide from stored, signed evidence whether a registry model may be deployed. No model byte is read.

Status 0: allowed. Status 1: denied, with every reason. Status 2: the registry could not answer.

Examples:
  weighbridge admit oci:registry:digits:v1 --stage production
  weighbridge admit digits:v1 --stage staging --format json
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.pipelines.admission import admit
from weighbridge.registry.base import parse_reference
from weighbridge.registry.layout import open_layout

if TYPE_CHECKING:
    import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `admit` takes."""
    parser.add_argument("reference", metavar="REFERENCE", help="oci:DIR:NAME:TAG, or NAME:TAG of the default registry")
    parser.add_argument("--stage", choices=STAGES, required=True, help="the stage to deploy to")
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Decide and print the decision."""
    settings = common.settings_for(options)
    reference = parse_reference(options.reference, settings.registry)
    if reference.kind != "layout":
        raise UsageError(f"the registry {reference.place} is not a folder", "this version reads oci:DIR:NAME:TAG")
    store = open_layout(reference.place, reference.name)
    decision, case = admit(
        store,
        reference,
        stage=options.stage,
        policy=common.stage_policy(settings, options.stage),
        trust=common.trust_policy(settings),
        now=datetime.now(UTC),
    )
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json(decision.document()))
    else:
        from weighbridge.render.decision import decision_text
        from weighbridge.render.terminal import style_for

        environ = {**os.environ, "NO_COLOR": "1"} if options.no_color or options.output else os.environ
        proofs = (("scan", case.scan), ("sbom", case.sbom), ("model-signature", case.signature))
        evidence = [(kind, str(proof.digest), proof.signer) for kind, proof in proofs if proof is not None]
        common.write(options, decision_text(decision, str(reference), evidence, style_for(sys.stdout, environ)))
    return 0 if decision.allowed else 1
