"""What each stage demands: show it, try it on cases of your own, and look at the feeds of bad digests.

A stage's demands are the keys of [stage.NAME] in weighbridge.toml; what it does not say is the default of the stage.
`test` judges a table of cases, each a model as it might be and what the gate has to say:

  [[case]]
  name = "a checkpoint never reaches production"
  stage = "production"
  expect = "deny"
  requirement = "formats-allowed"
  model = { formats = ["torch-zip"] }

Status of test: 0 if every case came as expected, 1 if one did not. Status of feeds: 1 if one cannot be used.

Examples:
  weighbridge policy show
  weighbridge policy show --stage production --format json
  weighbridge policy test cases.toml
  weighbridge policy feeds
"""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import DEFAULT_STAGES, STAGES

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from weighbridge.core.settings import Settings
    from weighbridge.gate.decision import Decision

SHOW_SCHEMA, TEST_SCHEMA, FEEDS_SCHEMA = "weighbridge.policy/1", "weighbridge.policy-test/1", "weighbridge.feeds/1"


class Demand(NamedTuple):
    """One key of a stage's policy: its value as JSON writes it, and where that comes from."""

    stage: str
    key: str
    value: str
    origin: str


class ReadFeed(NamedTuple):
    """One feed of bad digests. `problem` says why it cannot be used; empty: it can."""

    path: str
    digests: int
    signer: str
    problem: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `policy` takes."""
    actions = parser.add_subparsers(dest="action", metavar="show|test|feeds", required=True)
    show = actions.add_parser("show", help="what holds at each stage, and where it is set", allow_abbrev=False)
    show.add_argument("--stage", choices=STAGES, help="only this stage")
    common.add_output(show, ("text", "json"))
    test = actions.add_parser("test", help="judge a table of cases", allow_abbrev=False)
    test.add_argument("table", metavar="TABLE", help="a TOML or JSON file with cases")
    common.add_output(test, ("text", "json"))
    feeds = actions.add_parser("feeds", help="read the feeds of bad digests", allow_abbrev=False)
    common.add_output(feeds, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Show, test, or read the feeds."""
    settings = common.settings_for(options)
    if options.action == "show":
        return _show(options, settings)
    return _test(options, settings) if options.action == "test" else _feeds(options, settings)


def demands(settings: Settings, stage: str) -> list[Demand]:
    """Every key of a stage, with its value and its origin."""
    import json

    file = settings.file or "no settings"
    rows = []
    for key, value in settings.stages[stage]._asdict().items():
        given = f"{stage}.{key}" in settings.given
        own = getattr(DEFAULT_STAGES[stage], key) != getattr(type(DEFAULT_STAGES[stage])(), key)
        origin = f"{file}, [stage.{stage}]" if given else f"default of {stage}" if own else "default"
        rows.append(Demand(stage, key, json.dumps(value, ensure_ascii=False), origin))
    return rows


def _show(options: argparse.Namespace, settings: Settings) -> int:
    rows = [row for stage in ([options.stage] if options.stage else STAGES) for row in demands(settings, stage)]
    if options.format == "json":
        document: dict[str, Any] = {
            "schema": SHOW_SCHEMA,
            "demands": [row._asdict() for row in rows],
            "feeds": list(settings.feeds),
            "feeds_signed": settings.feeds_signed,
        }
        _write(options, document)
        return 0
    lines: list[str] = []
    for row in rows:
        if not lines or not lines[-1].startswith(" ") or row.key == "verdicts":
            lines.append(f"[stage.{row.stage}]")
        lines.append(f"  {row.key:<22} = {plain(row.value, 120):<40} {plain(row.origin, 160)}")
    lines += ["", "feeds of bad digests, at every stage:"]
    lines += [f"  {plain(path)}" for path in settings.feeds] or ["  none"]
    lines += ["  only signed ones count"] if settings.feeds_signed else []
    common.write(options, "\n".join(lines))
    return 0


def _test(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.core.advisories import with_newer
    from weighbridge.pipelines.gate_two import open_gate
    from weighbridge.pipelines.policy_cases import read_cases, try_cases

    cases = read_cases(options.table)
    gate = open_gate(settings, record=False)
    now = datetime.now(UTC)

    def asked(reference: str, stage: str) -> Decision:
        return gate.admit(reference, stage, now=now)[0]

    tried = try_cases(cases, settings, now, with_newer(settings.advisories), asked)
    wrong = [one for one in tried if one.wrong]
    if options.format == "json":
        _write(options, {"schema": TEST_SCHEMA, "passed": not wrong, "cases": [one._asdict() for one in tried]})
    else:
        lines = []
        for one in tried:
            refused = f" ({', '.join(one.not_met)})" if one.not_met else ""
            lines.append(f"{'WRONG' if one.wrong else 'ok':<5} {plain(one.name, 120)}: {one.decision}{refused}")
            lines += [f"      {plain(one.wrong, 200)}"] if one.wrong else []
        common.write(options, "\n".join([*lines, f"{len(tried) - len(wrong)} of {len(tried)} cases as expected"]))
    return 1 if wrong else 0


def _feeds(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.pipelines.feeds import read_feeds

    trust = common.trust_policy(settings, needed=False)
    found = read_feeds(settings.feeds, (), trust, datetime.now(UTC), signed=settings.feeds_signed)
    rows = [ReadFeed(feed.path, feed.digests, feed.signer, feed.problem) for feed in found]
    if options.format == "json":
        _write(options, {"schema": FEEDS_SCHEMA, "feeds": [row._asdict() for row in rows]})
    else:
        lines = []
        for row in rows:
            signed = f"signed by {plain(row.signer, 60)}" if row.signer else "not signed"
            lines.append(f"{plain(row.path)}  {row.problem or f'{row.digests} digests, {signed}'}")
        common.write(options, "\n".join(lines) or 'no feed is set: write feeds = ["FILE"] in weighbridge.toml')
    return 1 if any(row.problem for row in rows) else 0


def _write(options: argparse.Namespace, document: dict[str, Any]) -> None:
    from weighbridge.render.documents import document_json

    common.write(options, document_json(document))
