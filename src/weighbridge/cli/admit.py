"""Gate two: decide from stored, signed evidence whether a registry model may be deployed. Nothing is scanned again.

Of a model in a folder, every byte is compared with its digest too (--no-read-bytes leaves that out); of one in a
registry, whoever pulls it does so. With --attest the decision is signed and attached to the model, as a SLSA
verification summary.

What is known today judges the facts that were stored with the scan. Every decision is written into the log of decisions
before it is printed (the setting index; weighbridge decisions shows it).

Status 0: allowed. Status 1: denied, with every reason. Status 2: the registry or the log could not answer.

Examples:
  weighbridge admit oci:registry:digits:v1 --stage production
  weighbridge admit registry.example.com/models/digits:v1 --stage production --runtime requirements.txt
  weighbridge admit digits:v1 --stage staging --format json
  weighbridge admit digits:v1 --stage production --no-record
  weighbridge admit registry.example.com/models/digits:v1 --stage production --attest
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.settings import STAGES
from weighbridge.pipelines.attesting import attest_decision
from weighbridge.registry.base import parse_reference
from weighbridge.registry.open import open_store


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
    parser.add_argument(
        "--read-bytes",
        action=argparse.BooleanOptionalAction,
        help="compare every byte of the model with its digest (default: only of a model in a folder)",
    )
    parser.add_argument("--attest", action="store_true", help="sign the decision and attach it to the model")
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Decide, record and print the decision."""
    from weighbridge.pipelines.frameworks import read_runtime
    from weighbridge.pipelines.gate_two import open_gate, signing_key

    settings = common.settings_for(options)
    runtime = [read_runtime(path) for path in options.runtime]
    record = not options.no_record
    reference = parse_reference(options.reference, settings.registry)
    signer = common.signing_key(settings) if options.attest else None
    now = datetime.now(UTC)
    gate = open_gate(settings, record=record, signer=signing_key(settings) if record else None)
    whole = reference.kind == "layout" if options.read_bytes is None else options.read_bytes
    decision, case = gate.admit(options.reference, options.stage, runtime=runtime, now=now, read_bytes=whole)
    if signer is not None:
        policy = common.stage_policy(settings, options.stage)
        store = open_store(reference, settings)
        attested = attest_decision(store, decision, case, policy=policy, signer=signer, now=now)
        what = "the decision is attached as" if attested.made else "a summary that says the same is attached already:"
        common.say(options, f"{what} {attested.digest}")
    if record:
        from weighbridge.pipelines.indexing import tell_index

        decided = open_store(reference, settings).reference(digest=decision.digest)
        trust = common.trust_policy(settings, needed=False, now=now)
        if said := tell_index(settings, open_store(reference, settings), decided, trust, now, reference.tag or ""):
            common.say(options, said)
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json(decision.document()))
    else:
        from weighbridge.render.decision import decision_text
        from weighbridge.render.terminal import style_for

        environ = {**os.environ, "NO_COLOR": "1"} if options.no_color or options.output else os.environ
        common.write(options, decision_text(decision, style_for(sys.stdout, environ)))
    return 0 if decision.allowed else 1
