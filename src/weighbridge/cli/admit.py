"""Gate two: decide from stored, signed evidence whether a registry model may be deployed. No model byte is read.

What is known today judges the facts that were stored with the scan. Every decision is written into the log of decisions
before it is printed (the setting index; weighbridge decisions shows it).

Status 0: allowed. Status 1: denied, with every reason. Status 2: the registry or the log could not answer.

Examples:
  weighbridge admit oci:registry:digits:v1 --stage production
  weighbridge admit registry.example.com/models/digits:v1 --stage production --runtime requirements.txt
  weighbridge admit digits:v1 --stage staging --format json
  weighbridge admit digits:v1 --stage production --no-record
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES

if TYPE_CHECKING:
    import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `admit` takes."""
    parser.add_argument(
        "reference",
        metavar="REFERENCE",
        help="HOST/NAME:TAG, oci:DIR:NAME:TAG, or NAME:TAG of the settings' registry",
    )
    parser.add_argument("--stage", choices=STAGES, required=True, help="the stage to deploy to")
    text = "requirements of the serving image: its frameworks are held against loader advisories (repeatable)"
    parser.add_argument("--runtime", metavar="FILE", action="append", default=[], help=text)
    parser.add_argument("--no-record", action="store_true", help="only look: write nothing into the log of decisions")
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Decide, record and print the decision."""
    from weighbridge.pipelines.frameworks import read_runtime
    from weighbridge.pipelines.gate_two import open_gate, signing_key

    settings = common.settings_for(options)
    runtime = [read_runtime(path) for path in options.runtime]
    record = not options.no_record
    gate = open_gate(settings, record=record, signer=signing_key(settings) if record else None)
    decision, _ = gate.admit(options.reference, options.stage, runtime=runtime, now=datetime.now(UTC))
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json(decision.document()))
    else:
        from weighbridge.render.decision import decision_text
        from weighbridge.render.terminal import style_for

        environ = {**os.environ, "NO_COLOR": "1"} if options.no_color or options.output else os.environ
        common.write(options, decision_text(decision, style_for(sys.stdout, environ)))
    return 0 if decision.allowed else 1
