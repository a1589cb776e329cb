"""Watch what runs: judge its logs, write alert rules for Azure, ask an endpoint whether it is still the same.

  run      judge exported logs; status 1 if there is an alert at or above --fail-on
  list     every detection
  explain  one detection as a reader needs it, with the parameters that hold here
  render   the detections as alert rules for Log Analytics or Sentinel, as a workbook, or as plain KQL
  probe    ask an endpoint a stored set of questions and compare the answers; status 1 if they changed
  learn    make that set: ask the questions of a file and keep the answers as the fingerprint

LOGS are files and folders as Azure exports them: diagnostic settings, data export of Log Analytics, Event Hub records
and captures, the output of az, CSV, Parquet; or az://ACCOUNT/CONTAINER/PREFIX, where Azure puts them. With --state FILE
each record is judged once, and each alert told once, however often it runs. Parameters of detections stand under
[monitor.parameters] in weighbridge.toml; which models may be deployed is known from [azure] as well, and with
--registry from the registry itself.

Examples:
  weighbridge monitor run logs/
  weighbridge monitor run logs/ --state monitor.duckdb --webhook https://hooks.example.com/alerts --format json
  weighbridge monitor run az://wblogs/insights-logs-azfwapplicationrule --state monitor.duckdb
  weighbridge monitor run traffic.csv --table AmlOnlineEndpointTrafficLog --detection extraction-volume
  weighbridge monitor explain vault-enumeration
  weighbridge monitor render --as sentinel --format bicep --output rules.bicep
  weighbridge monitor render --registry registry.example.com/models --as alerts --output rules.json
  weighbridge monitor learn https://models.example.com/score --inputs questions.jsonl --output fingerprint.json
  weighbridge monitor probe https://models.example.com/score --fingerprint fingerprint.json --requests 1200
"""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.monitor import catalog
from weighbridge.render import monitor as rendered

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

    from weighbridge.core.settings import Settings
    from weighbridge.monitor.base import Alert, Detection


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `monitor` takes."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    sub = verbs.add_parser("run", allow_abbrev=False)
    sub.add_argument(
        "logs", metavar="LOGS", nargs="+", help="a file or a folder of exported logs, or az://ACCOUNT/CONTAINER/PREFIX"
    )
    _add_detections(sub)
    sub.add_argument("--table", metavar="NAME", default="", help="the table of records that do not say it themselves")
    sub.add_argument("--state", metavar="FILE", help="what is kept between runs")
    sub.add_argument("--webhook", metavar="URL", help="send new alerts there, as JSON")
    sub.add_argument("--now", metavar="TIME", help="judge as if it were this time (2026-01-31T12:00:00Z)")
    _add_parameters(sub)
    common.add_output(sub, ("text", "json", "sarif"))
    common.add_fail_on(sub)
    sub = verbs.add_parser("list", allow_abbrev=False)
    common.add_output(sub, ("text", "json"))
    sub = verbs.add_parser("explain", allow_abbrev=False)
    sub.add_argument("detection", metavar="ID", help="the id or the number of a detection")
    _add_parameters(sub)
    common.add_output(sub, ("markdown",))
    sub = verbs.add_parser("render", allow_abbrev=False)
    sub.add_argument(
        "--as",
        dest="kind",
        choices=("alerts", "sentinel", "workbook", "kql"),
        default="alerts",
        help="rules for Log Analytics alerts (the default) or Sentinel, a workbook, or plain queries",
    )
    _add_detections(sub)
    _add_parameters(sub)
    common.add_output(sub, ("json", "bicep", "text"))
    for verb in ("learn", "probe"):
        sub = verbs.add_parser(verb, allow_abbrev=False)
        sub.add_argument("endpoint", metavar="ENDPOINT", help="a scoring URL, or the base of an OpenAI-compatible API")
        if verb == "learn":
            sub.add_argument(
                "--inputs", metavar="FILE", required=True, help="one question a line: a JSON value or a text"
            )
            sub.add_argument("--rounds", type=int, default=5, metavar="N", help="ask each so often (default: 5)")
            sub.add_argument(
                "--model", default="", metavar="NAME", help="the model to ask for, of an OpenAI-compatible API"
            )
        else:
            sub.add_argument("--fingerprint", metavar="FILE", required=True, help="what learn wrote")
            sub.add_argument("--requests", type=int, default=0, metavar="N", help="ask so often (default: each once)")
        sub.add_argument(
            "--seconds", type=float, default=30.0, metavar="S", help="patience with one answer (default: 30)"
        )
        common.add_output(sub, ("text", "json"))


def _add_detections(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detection", metavar="ID", action="append", default=[], help="only this one (repeatable)")


def _add_parameters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--service-tags",
        metavar="FILE",
        help="the cloud's published service tags; with --service-tag NAME their networks are allowed",
    )
    parser.add_argument(
        "--service-tag", metavar="NAME", action="append", default=[], help="as in AzureMonitor (repeatable)"
    )
    parser.add_argument(
        "--registry",
        metavar="REGISTRY",
        help="approve the model assets of what this registry holds and gate two admits: oci:DIR, HOST or HOST/PREFIX",
    )
    parser.add_argument("--stage", choices=STAGES, default="production", help="admitted to (default: production)")


def run(options: argparse.Namespace) -> int:
    """Do what the verb says and give its status."""
    here = [path for path in options.logs if "://" not in path] if options.verb == "run" else ()
    settings = common.settings_for(options, here)
    verbs = {"run": _run, "list": _list, "explain": _explain, "render": _render, "learn": _learn, "probe": _probe}
    return verbs[options.verb](options, settings)


def _run(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.monitor import local
    from weighbridge.monitor.tables import log_tables
    from weighbridge.monitor.webhook import checked_address, post

    if options.table and options.table not in log_tables():
        raise UsageError(f"{options.table!r} is no table that is known", f"known are {', '.join(log_tables())}")
    webhook = options.webhook or settings.monitor.webhook
    if webhook:
        checked_address(webhook)
    state = options.state or settings.monitor.state
    if state:
        local.state_folder(state)
    progress = common.progress_for(options)

    def send(alerts: Sequence[Alert]) -> None:
        if webhook and alerts:
            from weighbridge.render.documents import document_json

            found = [rendered.alert_object(alert) for alert in alerts]
            post(webhook, document_json({"schema": "weighbridge.alerts/1", "alerts": found}).encode())

    order = local.Order(
        paths=tuple(options.logs),
        known=_wanted(options),
        parameters=_parameters(options, settings),
        now=_now(options),
        state=state,
        table=options.table,
        memory_mb=settings.monitor.memory_mb,
        keep_days=settings.monitor.keep_days,
        settings=settings,
    )
    report = local.run(order, progress.note, send)
    progress.finish()
    if options.format == "json":
        common.write(options, rendered.monitor_json(report))
    elif options.format == "sarif":
        from weighbridge.core.evidence import Tool

        common.write(options, rendered.monitor_sarif(report, order.known, Tool()))
    else:
        common.write(options, rendered.monitor_text(report, common.style_of(options)))
    limit = common.severity_of(options, settings)
    return int(any(alert.severity.rank >= limit.rank for alert in report.alerts))


def _list(options: argparse.Namespace, settings: Settings) -> int:
    del settings
    known = catalog.detections()
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json(rendered.list_object(known)))
    else:
        common.write(options, rendered.list_text(known, common.style_of(options)))
    return 0


def _explain(options: argparse.Namespace, settings: Settings) -> int:
    found = catalog.detection(options.detection)
    values = catalog.values_of(catalog.detections(), _parameters(options, settings))
    common.write(options, rendered.detection_page(found, values))
    return 0


def _render(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.monitor import rules

    known = _wanted(options)
    values = catalog.values_of(catalog.detections(), _parameters(options, settings))
    if options.kind == "kql" or options.format == "text":
        common.write(options, rules.plain_kql(known, values))
        return 0
    made = {"alerts": rules.alert_rules, "sentinel": rules.sentinel_rules, "workbook": rules.workbook}[options.kind]
    template = made(known, values)
    left_out = [found.id for found in known if options.kind == "alerts" and found.period > rules.MOST_ALERT_MINUTES]
    if left_out:
        common.say(options, f"alert rules look back two days at most; render for Sentinel: {', '.join(left_out)}")
    if options.format == "bicep":
        common.write(options, rules.bicep(template))
    else:
        import json

        common.write(options, json.dumps(template, indent=2))
    return 0


def _learn(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.monitor import probe

    del settings
    target = probe.target_of(options.endpoint, options.model, options.seconds)
    made = probe.learn(target, probe.read_inputs(options.inputs), options.rounds)
    common.write(options, probe.fingerprint_json(made))
    return 0


def _probe(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.monitor import probe

    del settings
    fingerprint = probe.read_fingerprint(options.fingerprint)
    target = probe.target_of(options.endpoint, fingerprint.model, options.seconds)
    report = probe.probe(target, fingerprint, options.requests)
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json(probe.probe_object(report)))
    else:
        common.write(options, rendered.probe_text(report, common.style_of(options)))
    return 0 if report.result == "same" else 1


def _wanted(options: argparse.Namespace) -> tuple[Detection, ...]:
    if not options.detection:
        return catalog.detections()
    return tuple(dict.fromkeys(catalog.detection(name) for name in options.detection))


def _parameters(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """What the settings and the registry say, with the networks of service tags added to those that are allowed."""
    from weighbridge.monitor.organisation import parameters_of

    assets: tuple[str, ...] = ()
    if options.registry:
        from weighbridge.pipelines.approved import approved_assets

        progress = common.progress_for(options)
        assets = approved_assets(settings, options.registry, options.stage, datetime.now(UTC), progress.note)
        progress.finish()
        common.say(
            options, f"{len(assets):,} model assets of {plain(options.registry)} are admitted to {options.stage}"
        )
    given = parameters_of(settings.monitor, settings.azure, assets)
    if options.service_tag and not options.service_tags:
        raise UsageError("--service-tag names a tag, and no file has it", "give --service-tags FILE")
    if options.service_tags:
        from weighbridge.monitor.service_tags import networks_of

        known = list(given.get("allowed_ranges", ()))
        given["allowed_ranges"] = [*known, *networks_of(options.service_tags, options.service_tag)]
    return given


def _now(options: argparse.Namespace) -> datetime:
    if not options.now:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(options.now)
    except ValueError:
        raise UsageError(f"{options.now!r} is no time", "write 2026-01-31T12:00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
