"""Judge every model of the index again with the knowledge of today, from stored facts: no model byte is read.

The index has to hold the models (intake writes them; `weighbridge index rebuild` reads a registry again). A sweep that
was stopped goes on where it was. Models whose facts an older parser saw are named: they have to be read again, by
`weighbridge intake`. The work is spread over processes, or over the workers of a Dask cluster.

Status 0: no verdict is worse than it was. Status 1: one is, or there are models whose facts cannot be judged (they are
unknown, and stay so until the index is made again). Status 2: there is no index, or no such model in it.

Examples:
  weighbridge sweep
  weighbridge sweep registry.example/models --format json
  weighbridge sweep --jobs 2
  weighbridge sweep --engine dask://scheduler:8786
"""

from __future__ import annotations

import os

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

SCHEMA = "weighbridge.sweep/1"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `sweep` takes."""
    text = "only what lies in this registry or below this name (default: everything)"
    parser.add_argument("registry", metavar="REGISTRY", nargs="?", default="", help=text)
    parser.add_argument("--jobs", metavar="N", type=int, default=0, help="processes (default: one for each core)")
    text = "what does the work: processes, or dask://HOST:PORT (default: processes)"
    parser.add_argument("--engine", metavar="ENGINE", default="processes", help=text)
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Judge again, and say what changed."""
    from weighbridge.pipelines.gate_two import DEFAULT_INDEX
    from weighbridge.pipelines.sweeping import open_lanes, sweep
    from weighbridge.render.sweep import sweep_document, sweep_text

    if options.jobs < 0:
        raise UsageError("--jobs is below zero", "write a whole number")
    settings = common.settings_for(options)
    progress = common.progress_for(options)
    lanes = open_lanes(options.engine, options.jobs)
    try:
        found = sweep(
            settings.index_address or DEFAULT_INDEX,
            lanes,
            within=_place(options.registry),
            tell=lambda models: progress.note(f"{models} models judged"),
        )
    finally:
        lanes.close()
        progress.finish()
    if not found.models:
        what = f"of {plain(options.registry, 200)} " if options.registry else ""
        raise UsageError(f"no model {what}is in the index", "weighbridge index rebuild reads a registry into it")
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json({"schema": SCHEMA, **sweep_document(found)}))
    else:
        common.write(options, sweep_text(found))
    return 1 if found.worse or "unknown" in found.counts else 0


def _place(registry: str) -> str:
    """How repositories of the index begin that lie in a registry, or below a name of it."""
    if not registry.startswith("oci:"):
        return registry
    folder, colon, name = registry.removeprefix("oci:").partition(":")
    return f"oci:{os.path.realpath(folder)}:{name if colon else ''}"
