"""Write the bill of materials of a model folder. The model is inspected on the way; nothing in it is run.

Status 0: written. Status 2: there was nothing to inspect. The bill carries the verdict; it is no gate.

Examples:
  weighbridge sbom ./model --output bom.json
  weighbridge sbom ./model --format weighbridge
"""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.documents import document_json
from weighbridge.sbom.collect import collect
from weighbridge.scan.engine import inspect

if TYPE_CHECKING:
    import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `sbom` takes."""
    parser.add_argument("path", metavar="PATH", help="a model folder or file")
    parser.add_argument("--source", metavar="SOURCE", help="where the model comes from, as it shall stand in the bill")
    parser.add_argument("--revision", metavar="REVISION", help="the commit or version at the source")
    common.add_output(parser, ("cyclonedx", "weighbridge"))


def run(options: argparse.Namespace) -> int:
    """Inspect the model and print its bill."""
    settings = common.settings_for(options, [options.path])
    progress = common.progress_for(options)
    try:
        inspection = inspect(options.path, knowledge=load_knowledge(), limits=settings.limits, watcher=progress)
    finally:
        progress.finish()
    bill = collect(inspection, source=options.source, revision=options.revision)
    made_at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if options.format == "cyclonedx":
        from weighbridge.sbom.cyclonedx import render_cyclonedx

        document = render_cyclonedx(bill, made_at=made_at)
    else:
        from weighbridge.sbom.minimal import render_minimal

        document = render_minimal(bill, made_at=made_at)
    common.write(options, document_json(document))
    return 0
