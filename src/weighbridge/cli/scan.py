"""Inspect files or folders without running anything in them; the exit status is the verdict.

One PATH is one artifact: a folder is a model with all its files. A model elsewhere (hf://ORG/NAME@REVISION, https://…)
is fetched into quarantine and inspected there; with --quick its tensors stay where they are, and count as unread.
Status 0: nothing at or above --fail-on and every byte read. Status 1: a finding, or something
that could not be read. Status 2: there was nothing to inspect.

Examples:
  weighbridge scan ./model
  weighbridge scan model.pt --format json --output report.json
  weighbridge scan ./model --format sarif --fail-on medium
  weighbridge scan ./a ./b --exit-verdict
  weighbridge scan hf://org/name@main --quick
  weighbridge scan model.pkl --trace
  weighbridge scan ./model --engine picklescan --engine modelscan
"""

from __future__ import annotations

import sys

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.findings import Severity, Verdict
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.loading import load
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.scan.engine import inspect

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from weighbridge.core.limits import Limits
    from weighbridge.core.settings import Settings
    from weighbridge.scan.report import ScanReport
    from weighbridge.scan.tracing import Tracer

FORMATS = ("text", "json", "sarif", "html", "markdown", "junit")
_SPLIT = {Verdict.SUSPICIOUS: 10, Verdict.MALICIOUS: 11, Verdict.INCOMPLETE: 12}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `scan` takes."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="a file or a folder; or hf://…, https://…")
    parser.add_argument("--exit-verdict", action="store_true", help="status 10 suspicious, 11 malicious, 12 incomplete")
    parser.add_argument("--quick", action="store_true", help="of a model elsewhere, fetch no tensors")
    parser.add_argument("--trace", action="store_true", help="write every pickle down as the program that it is")
    common.add_engines(parser, "ask this scanner too, in a sandbox; list: show all")
    common.add_fail_on(parser)
    common.add_output(parser, FORMATS)


def run(options: argparse.Namespace) -> int:
    """Inspect every path and print one report, or a set of them."""
    if options.trace and options.format != "text":
        raise UsageError("--trace is for people to read", "leave out --format, or leave out --trace")
    if not options.paths and "list" not in options.engine:
        raise UsageError("weighbridge scan: a PATH is required", "weighbridge scan --help shows what it takes")
    elsewhere = {path for path in options.paths if "://" in path or path.startswith("oci:")}
    settings = common.settings_for(options, [path for path in options.paths if path not in elsewhere])
    if options.quick and len(elsewhere) < len(set(options.paths)):
        raise UsageError("--quick is for models elsewhere", "leave it out: what is here is inspected whole")
    if options.engine:
        if elsewhere:
            raise UsageError("engines inspect what is here", "fetch the model, and name its folder with --engine")
        return _run_with_engines(options, settings)
    if options.engine_path or options.yara_rules or options.unsafe_no_sandbox:
        raise UsageError("these options are for engines, and none is asked for", "add --engine NAME")
    threshold = common.severity_of(options, settings)
    knowledge = load_knowledge()
    progress = common.progress_for(options)
    reports = []
    tracer = tracer_for(settings.limits) if options.trace else None
    for path in options.paths:
        inspected = inspect
        if path in elsewhere:
            from weighbridge.cli.elsewhere import inspector

            inspected = inspector(options, settings)
        try:
            inspection = inspected(
                path,
                knowledge=knowledge,
                limits=settings.limits,
                watcher=progress,
                host=host(),
                visitor=tracer.visit if tracer else None,
            )
        finally:
            progress.finish()
        reports.append(inspection.report)
    common.write(options, (tracer.text() if tracer else "") + _rendered(options, reports))
    return max(status_of(report, threshold, split=options.exit_verdict) for report in reports)


def _run_with_engines(options: argparse.Namespace, settings: Settings) -> int:
    """The same with other scanners beside it; in a file of its own, so that a scan without them does not load it."""
    from weighbridge.cli.engines import scan_with_engines

    return scan_with_engines(options, settings)


def tracer_for(limits: Limits) -> Tracer:
    """Who writes pickles down as programs."""
    from weighbridge.scan.tracing import Tracer

    return Tracer(limits)


def status_of(report: ScanReport, threshold: Severity, *, split: bool) -> int:
    """The exit status that a report means."""
    worst = max((finding.severity.rank for finding in report.findings), default=-1)
    shut = worst >= threshold.rank or report.unread or report.limits_reached
    if not shut:
        return 0
    return _SPLIT.get(report.verdict, 1) if split else 1


def _rendered(options: argparse.Namespace, reports: Sequence[ScanReport]) -> str:
    if options.format == "text":
        import os

        from weighbridge.render.terminal import scan_text, style_for

        environ = {**os.environ, "NO_COLOR": "1"} if options.no_color or options.output else os.environ
        style = style_for(sys.stdout, environ)
        return "\n".join(scan_text(report, style=style) for report in reports)
    if options.format == "json":
        from weighbridge.render.documents import scan_json

        return scan_json(reports)
    if options.format == "sarif":
        from weighbridge.cli.rules import rule_texts
        from weighbridge.render.sarif import scan_sarif

        return scan_sarif(reports, rule_texts())
    module = load(f"weighbridge.render.{options.format}")
    text: str = getattr(module, f"scan_{options.format}")(reports)
    return text


def host() -> str:
    """The name of this machine."""
    import os

    return os.uname().nodename
