"""The log of decisions: show what was decided, prove that nothing was changed, removed or cut off, keep its end.

`verify` walks the chain of all entries and checks the signed head; and it does the same with the log of changes that a
server keeps beside it (exemptions, tokens, intakes, alerts, signing in). A database that was put back to an earlier
state is whole in itself: what tells is something kept elsewhere, a decision as JSON (it names its place in the log)
or a head that `head` wrote, given with --witness. `head --changes` is the end of the log of changes.

Status 0: whole. Status 1: not whole, or nobody can say. Status 2: there is no log, or it cannot be read.

Examples:
  weighbridge decisions show
  weighbridge decisions show --last 50 --format json
  weighbridge decisions verify
  weighbridge decisions head --output head.json
  weighbridge decisions verify --witness head.json --witness decision.json
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import Rejected, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.settings import Settings
    from weighbridge.index.check import Checked
    from weighbridge.index.log import ChainedLog, Head

SHOW_SCHEMA, VERIFY_SCHEMA = "weighbridge.decisions/1", "weighbridge.decisions-verify/1"
_MOST = 4 * 1024 * 1024


class LoggedDecision(NamedTuple):
    """One entry of the log: its place, its hash, and what was decided."""

    sequence: int
    hash: str
    decision: str
    stage: str
    digest: str
    reference: str
    made_at: str
    refused: tuple[str, ...]
    exemptions: tuple[str, ...]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `decisions` takes."""
    actions = parser.add_subparsers(dest="action", metavar="show|verify|head", required=True)
    show = actions.add_parser("show", help="the last decisions, the newest first", allow_abbrev=False)
    show.add_argument("--last", metavar="N", type=int, default=20, help="how many (default: 20)")
    common.add_output(show, ("text", "json"))
    verify = actions.add_parser("verify", help="prove the log whole", allow_abbrev=False)
    text = "a decision or a head as JSON that was kept elsewhere: the log must still have it (repeatable)"
    verify.add_argument("--witness", metavar="FILE", action="append", default=[], help=text)
    common.add_output(verify, ("text", "json"))
    head = actions.add_parser("head", help="write the signed end of the log, to keep elsewhere", allow_abbrev=False)
    head.add_argument("--changes", action="store_true", help="of the log of changes over the server")
    head.add_argument("--output", metavar="FILE", help="write it to FILE instead of standard output")
    common.add_general(head)


def run(options: argparse.Namespace) -> int:
    """Show the log, prove it, or write its end."""
    from weighbridge.index.audit import change_log
    from weighbridge.index.database import open_database
    from weighbridge.index.log import open_log
    from weighbridge.pipelines.gate_two import DEFAULT_INDEX

    settings = common.settings_for(options)
    address = settings.index_address or DEFAULT_INDEX
    log = open_log(address)
    if options.action == "show":
        return _show(options, log)
    changed = change_log(open_database(address))
    if options.action == "head":
        return _head(options, changed if options.changes else log)
    return _verify(options, settings, log, changed)


def _show(options: argparse.Namespace, log: ChainedLog) -> int:
    if options.last < 1:
        raise UsageError("--last is below one", "write a whole number")
    rows = [_row(entry.sequence, entry.hash, json.loads(entry.document)) for entry in log.newest(options.last)]
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json({"schema": SHOW_SCHEMA, "decisions": [row._asdict() for row in rows]}))
        return 0
    lines = []
    for row in rows:
        lines.append(f"{row.sequence}  {row.made_at}  {row.decision:<5}  {row.stage:<10}  {plain(row.reference, 120)}")
        lines.append(f"    {row.digest}")
        lines += [f"    not met: {', '.join(row.refused)}"] if row.refused else []
        lines += [f"    exemptions: {', '.join(row.exemptions)}"] if row.exemptions else []
    common.write(options, "\n".join(lines) or "nothing was decided")
    return 0


def _row(sequence: int, digest: str, said: dict[str, Any]) -> LoggedDecision:
    return LoggedDecision(
        sequence=sequence,
        hash=digest,
        decision=str(said.get("decision")),
        stage=str(said.get("stage")),
        digest=str(said.get("digest")),
        reference=str(said.get("reference")),
        made_at=str(said.get("madeAt")),
        refused=tuple(one["requirement"] for one in said.get("reasons", []) if one["result"] != "met"),
        exemptions=tuple(one["id"] for one in said.get("exemptions", []) if not one["refused"]),
    )


def _head(options: argparse.Namespace, log: ChainedLog) -> int:
    head = log.head()
    said = {"log": head.log, "sequence": head.sequence, "hash": head.hash}
    common.write(options, head.bundle.decode() if head.bundle else json.dumps(said))
    return 0


def _verify(options: argparse.Namespace, settings: Settings, log: ChainedLog, changed: ChainedLog) -> int:
    from weighbridge.index.check import check
    from weighbridge.pipelines.log_heads import signer_of

    now = datetime.now(UTC)
    trust = common.trust_policy(settings, needed=False)
    witnesses = [_witness(path, trust, now) for path in options.witness]
    begun = changed.begun()
    of_changes = [one for one in witnesses if begun and one.log == changed.head().log]
    others = [one for one in witnesses if one not in of_changes]

    def opens(head: Head) -> str:
        return signer_of(head, trust, now)

    found = check(log, opens, others)
    changes = check(changed, opens, of_changes) if begun else None
    whole = found.whole and (changes is None or changes.whole)
    if options.format == "json":
        from weighbridge.render.documents import document_json

        said = {**found._asdict(), "whole": whole, "changes": changes._asdict() if changes else None}
        common.write(options, document_json({"schema": VERIFY_SCHEMA, **said}))
    else:
        of_the_server = _text(changes, "changes") if changes else "no change was made over a server"
        common.write(options, f"{_text(found, 'decisions')}\n{of_the_server}")
    return 0 if whole else 1


def _text(found: Checked, what: str) -> str:
    lines = [f"{'WHOLE' if found.whole else 'NOT WHOLE'}  {found.entries} {what} of log {found.log[:12]}"]
    lines += [f"  the end is signed by {plain(found.signer, 80)}"] if found.signer else []
    lines += [f"  {found.witnesses} of them were met again as kept elsewhere"] if found.witnesses else []
    return "\n".join([*lines, *(f"  {plain(problem, 300)}" for problem in found.problems)])


def _witness(path: str, trust: TrustPolicy, now: datetime) -> Head:
    from weighbridge.attest.statement import strict_object
    from weighbridge.pipelines.log_heads import head_of, open_head

    try:
        with open(path, "rb") as file:
            raw = file.read(_MOST)
        table = strict_object(raw, "the witness")
        if "dsseEnvelope" in table:
            return open_head(raw, trust, now)[0]
        recorded = table.get("recorded", table)
        return head_of(recorded if isinstance(recorded, dict) else {})
    except (OSError, Rejected) as error:
        cause = f"the witness {plain(path)} cannot be read: {plain(str(error), 200)}"
        raise UsageError(cause, "name a decision of weighbridge admit --format json, or a head of the log") from error
