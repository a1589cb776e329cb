"""What `scan --engine` does: the same scan with other scanners beside it, and one answer of all of them.

The gate is open only if it is for Weighbridge and for every engine: a finding at or above --fail-on, something unread,
or no answer shuts it. An engine that reads none of the files says nothing and shuts nothing.
"""

from __future__ import annotations

import os
import sys

from weighbridge.cli import common
from weighbridge.cli.scan import host, status_of, tracer_for
from weighbridge.core.errors import UsageError, did_you_mean
from weighbridge.core.findings import Severity
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.ask import ENGINES, chosen, program_of
from weighbridge.engines.base import Wanted
from weighbridge.engines.find import version_of
from weighbridge.pipelines.opinions import inspect_with_engines

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from weighbridge.core.settings import Settings
    from weighbridge.engines.base import EngineReport
    from weighbridge.scan.report import ScanReport

_SPLIT = {"suspicious": 10, "malicious": 11, "incomplete": 12}


def scan_with_engines(options: argparse.Namespace, settings: Settings) -> int:
    """Inspect every path, ask every engine, print both; the worst answer is the exit status."""
    wanted = wanted_engines(options, settings)
    if "list" in options.engine:
        common.write(options, listing(wanted))
        return 0
    if options.format == "html":
        raise UsageError("--format html has no place for engines", "use any other format with --engine")
    threshold = common.severity_of(options, settings)
    pairs = chosen(wanted)
    knowledge = load_knowledge()
    progress = common.progress_for(options)
    tracer = tracer_for(settings.limits) if options.trace else None
    reports, opinions = [], []
    for path in options.paths:
        try:
            inspection, said = inspect_with_engines(
                path,
                pairs,
                wanted,
                knowledge=knowledge,
                limits=settings.limits,
                watcher=progress,
                host=host(),
                visitor=tracer.visit if tracer else None,
            )
        finally:
            progress.finish()
        reports.append(inspection.report)
        opinions.append(said)
    common.write(options, (tracer.text() if tracer else "") + _rendered(options, reports, opinions))
    split = options.exit_verdict
    statuses = [status_of(report, threshold, split=split) for report in reports]
    statuses += [engine_status(said, threshold, split=split) for answers in opinions for said in answers]
    return max(statuses)


def wanted_engines(options: argparse.Namespace, settings: Settings, names: Sequence[str] | None = None) -> Wanted:
    """What the options ask for (`names`: these instead), with what the settings say. Raises UsageError for a name that
    is no engine.
    """
    asked = options.engine if names is None else names
    for name in asked:
        if name != "list":
            _known(name)
    paths = dict(settings.engines.paths)
    for entry in options.engine_path:
        name, equals, path = entry.partition("=")
        if not equals or not path:
            raise UsageError(f"--engine-path {entry!r} is not NAME=PROGRAM", "write --engine-path picklescan=PROGRAM")
        paths[_known(name)] = path
    return Wanted(
        names=tuple(name for name in asked if name != "list"),
        paths=paths,
        yara_rules=options.yara_rules or settings.engines.yara_rules,
        seconds=settings.engines.seconds,
        unsafe=options.unsafe_no_sandbox or settings.engines.unsafe_no_sandbox,
    )


def _known(name: str) -> str:
    if name not in ENGINES:
        mend = did_you_mean(name, ENGINES, f"there are {', '.join(ENGINES)}")
        raise UsageError(f"{name!r} is no engine", mend)
    return name


def listing(wanted: Wanted) -> str:
    """Every engine: its version and program if it is installed, else what to install."""
    lines = []
    for engine in ENGINES.values():
        try:
            program = program_of(engine, wanted.paths.get(engine.name, ""))
        except UsageError:
            lines.append(f"MISS  {engine.name:<11} {engine.about}\n                  {engine.install}")
        else:
            version = version_of(program, engine.distribution) or "version unknown"
            lines.append(f"ok    {engine.name:<11} {engine.about}\n                  {version}, {program}")
    return "\n".join(lines)


def engine_status(said: EngineReport, threshold: Severity, *, split: bool) -> int:
    """The exit status that an engine's answer means."""
    worst = max((finding.severity.rank for finding in said.findings), default=-1)
    if worst < threshold.rank and said.verdict != "incomplete" and said.status == "ran":
        return 0
    return _SPLIT.get(said.verdict, 12) if split else 1


def _rendered(
    options: argparse.Namespace, reports: Sequence[ScanReport], opinions: Sequence[Sequence[EngineReport]]
) -> str:
    if options.format == "json":
        from weighbridge.render.documents import scan_json

        return scan_json(reports, opinions)
    if options.format == "sarif":
        from weighbridge.cli.rules import rule_texts
        from weighbridge.render.sarif import scan_sarif

        return scan_sarif(reports, rule_texts(), opinions)
    if options.format == "markdown":
        from weighbridge.render.markdown import scan_markdown

        return scan_markdown(reports, opinions)
    if options.format == "junit":
        from weighbridge.render.junit import scan_junit

        return scan_junit(reports, opinions)
    from weighbridge.render.engines import engines_text
    from weighbridge.render.terminal import scan_text, style_for

    environ = {**os.environ, "NO_COLOR": "1"} if options.no_color or options.output else os.environ
    style = style_for(sys.stdout, environ)
    return "\n".join(
        scan_text(report, style=style) + "\n" + engines_text(report, said, style=style)
        for report, said in zip(reports, opinions, strict=True)
    )
