"""Say where a model comes from: every claim about its origin, and whether it is verified, declared, absent or refuted.

The model is copied into quarantine and hashed, not inspected. Status 0: no claim is contradicted. Status 1: one is, or
one that --require names is not verified.

Examples:
  weighbridge provenance ./model
  weighbridge provenance ./model --require model-signature
  weighbridge provenance ./model --attestation build.sigstore.json --require build-provenance --format json
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.pipelines.provenance import weigh_provenance
from weighbridge.sources.open import is_remote, open_source

if TYPE_CHECKING:
    import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `provenance` takes."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder, a file, or where a model can be had: git+https://…@COMMIT, hf://ORG/NAME@REVISION, https://…",
    )
    parser.add_argument("--stage", choices=STAGES, default="staging", help="whose demands hold (default: staging)")
    parser.add_argument(
        "--require", metavar="CLAIM", action="append", default=[], help="status 1 unless this claim is verified"
    )
    common.add_attestations(parser)
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Weigh the claims and print them."""
    settings = common.settings_for(options, [] if is_remote(options.source) else [options.source])
    policy = common.stage_policy(settings, options.stage)
    now = datetime.now(UTC)
    progress = common.progress_for(options)
    try:
        name, report = weigh_provenance(
            open_source(options.source, settings),
            trust=common.publisher_trust(settings, now),
            policy=policy,
            most=settings.limits.files,
            watcher=progress,
            now=now,
            attestations=common.attestations(options),
            settings=settings.quarantine,
        )
    finally:
        progress.finish()
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json(report.predicate()))
    else:
        from weighbridge.render.provenance import provenance_text
        from weighbridge.render.terminal import style_for

        environ = {**os.environ, "NO_COLOR": "1"} if options.no_color or options.output else os.environ
        common.write(options, provenance_text(name, report, style=style_for(sys.stdout, environ)))
    missing = report.unverified(options.require)
    if missing:
        common.say(options, f"not verified: {', '.join(missing)}")
    return 1 if missing or report.contradicted else 0
