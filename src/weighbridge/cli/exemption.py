"""Waive one rule for one digest: signed, with a reason and who approves it, and never for ever.

An exemption covers what exactly its rule finds: in the whole model if it is for a model of the registry, in one
file if --file names it. `file/unread` is the rule of what could not be inspected. It is a signed statement, kept in
the folder of exemptions (the setting exemptions) and beside the model in its registry, and every decision on the
model shows it, whether it counts or not. A stage can refuse exemptions, and says how severe what they cover may be.

Examples:
  weighbridge exemption add file/unread digits:v1 --reason "our format" --approver Ada --expires 2027-01-31
  weighbridge exemption add file/unread digits:v1 --file a.bin --reason "ours" --approver Ada --expires 2027-01-31
  weighbridge exemption add code/network --digest sha256:… --reason "ours" --approver Ada --expires 2027-01-31
  weighbridge exemption list
  weighbridge exemption list digits:v1 --format json
  weighbridge exemption revoke 4a6f0c21 digits:v1 --reason "no longer needed" --approver Ada
"""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.digests import Digest, parse_digest
from weighbridge.core.errors import UsageError, did_you_mean
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse

    from weighbridge.core.settings import Settings
    from weighbridge.gate.exemption import Exemption
    from weighbridge.registry.base import Descriptor, Store
    from weighbridge.registry.read import StoredModel

SCHEMA = "weighbridge.exemptions/1"
DEFAULT_FOLDER = ".weighbridge/exemptions"


class ListedExemption(NamedTuple):
    """One exemption whose signature was verified. `counts` says whether it does now, by what it says itself."""

    id: str
    rule: str
    digest: Digest
    reason: str
    approver: str
    signer: str
    made_at: str
    expires: str
    counts: bool
    why: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `exemption` takes."""
    actions = parser.add_subparsers(dest="action", metavar="add|list|revoke", required=True)
    add = actions.add_parser("add", help="waive a rule", allow_abbrev=False)
    add.add_argument("rule", metavar="RULE", help="the rule, as a finding names it: file/unread, code/network, …")
    add.add_argument("reference", metavar="REFERENCE", nargs="?", help="the model in its registry")
    add.add_argument("--file", metavar="PATH", help="only for this file of the model, as a finding writes its path")
    add.add_argument("--digest", metavar="DIGEST", help="of a file, a model or a manifest, instead of REFERENCE")
    add.add_argument("--reason", required=True, help="why it may pass")
    add.add_argument("--approver", required=True, help="who answers for it")
    add.add_argument("--expires", metavar="TIME", required=True, help="2027-01-31 or 2027-01-31T12:00:00Z")
    add.add_argument("--any-rule", action="store_true", help="allow a rule that this version does not know")
    common.add_general(add)
    listing = actions.add_parser("list", help="show exemptions and whether they count", allow_abbrev=False)
    listing.add_argument("reference", metavar="REFERENCE", nargs="?", help="those of a model, its registry included")
    common.add_output(listing, ("text", "json"))
    revoke = actions.add_parser("revoke", help="take an exemption back", allow_abbrev=False)
    revoke.add_argument("id", metavar="ID", help="of the exemption, as list shows it")
    revoke.add_argument("reference", metavar="REFERENCE", nargs="?", help="the model: its registry is told as well")
    revoke.add_argument("--reason", required=True, help="why it no longer counts")
    revoke.add_argument("--approver", required=True, help="who says so")
    common.add_general(revoke)


def run(options: argparse.Namespace) -> int:
    """Add, list or revoke."""
    settings = common.settings_for(options)
    if options.action == "list":
        return _list(options, settings)
    return _add(options, settings) if options.action == "add" else _revoke(options, settings)


def _add(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.gate.exemption import grant_predicate
    from weighbridge.pipelines.exempting import seal_exemption, write_bundle

    _check_rule(options)
    signer = common.signing_key(settings)
    model, store = _model(options.reference, settings) if options.reference else (None, None)
    if (options.digest is None) == (model is None):
        raise UsageError("it is not said what is exempted", "give a REFERENCE, or --digest")
    digest = parse_digest(options.digest) if options.digest else _digest(model, options.file)
    predicate = grant_predicate(
        options.rule,
        digest,
        reason=options.reason,
        approver=options.approver,
        made_at=datetime.now(UTC),
        expires=_time(options.expires),
    )
    subjects = {digest, *((model.manifest.digest,) if model else ())}
    bundle = seal_exemption(predicate, subjects, signer)
    path = write_bundle(settings.exemptions or DEFAULT_FOLDER, predicate["id"], bundle)
    if model is not None and store is not None:
        _attach(store, model.manifest, bundle)
    common.say(options, f"{path}: {options.rule} is waived for {digest} until {predicate['expires']}")
    print(predicate["id"])
    return 0


def _revoke(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.gate.exemption import revoke_predicate
    from weighbridge.pipelines.exempting import seal_exemption, write_bundle

    found = {one.id: one for one in _found(options, settings)}
    if options.id not in found:
        raise UsageError(f"there is no exemption {plain(options.id, 40)!r}", "weighbridge exemption list shows them")
    predicate = revoke_predicate(
        options.id, reason=options.reason, approver=options.approver, made_at=datetime.now(UTC)
    )
    bundle = seal_exemption(predicate, {found[options.id].digest}, common.signing_key(settings))
    path = write_bundle(settings.exemptions or DEFAULT_FOLDER, f"{options.id}.revoked", bundle)
    if options.reference:
        model, store = _model(options.reference, settings)
        _attach(store, model.manifest, bundle)
    common.say(options, f"{path}: the exemption {options.id} no longer counts")
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.gate.exemption import stamp

    now = datetime.now(UTC)
    rows = []
    for one in _found(options, settings):
        why = f"revoked: {one.revoked}" if one.revoked else "expired" if now >= one.expires else ""
        rows.append(
            ListedExemption(
                one.id,
                one.rule,
                one.digest,
                one.reason,
                one.approver,
                one.signer,
                stamp(one.made_at),
                stamp(one.expires),
                not why,
                why,
            )
        )
    if options.format == "json":
        from weighbridge.render.documents import document_json

        listed = [{**row._asdict(), "digest": str(row.digest)} for row in rows]
        common.write(options, document_json({"schema": SCHEMA, "exemptions": listed}))
        return 0
    lines = []
    for row in rows:
        state = "counts" if row.counts else f"DOES NOT COUNT ({plain(row.why, 120)})"
        lines.append(f"{row.id}  {plain(row.rule, 60)}  until {row.expires}  {state}")
        lines.append(f"  {row.digest}")
        lines.append(f"  approved by {plain(row.approver, 80)}, signed by {plain(row.signer, 80)}: {plain(row.reason)}")
    common.write(options, "\n".join(lines) or "nothing is exempted")
    return 0


def _found(options: argparse.Namespace, settings: Settings) -> tuple[Exemption, ...]:
    from weighbridge.core.evidence import EXEMPTION_PREDICATE
    from weighbridge.pipelines.admission import assemble, digests_of
    from weighbridge.pipelines.exempting import open_exemptions, read_folder

    trust, now = common.trust_policy(settings), datetime.now(UTC)
    kept, digests, stored = read_folder(settings.exemptions or DEFAULT_FOLDER), None, []
    if options.reference:
        model, _ = _model(options.reference, settings)
        stored = [item.bundle for item in model.evidence if item.predicate_type == EXEMPTION_PREDICATE]
        digests = digests_of(assemble(model._replace(evidence=()), trust, now))
    found, problems = open_exemptions(kept, stored, trust, now, digests=digests)
    for problem in problems:
        common.say(options, f"an exemption was refused: {problem.code}: {problem.why}")
    return found


def _model(reference: str, settings: Settings) -> tuple[StoredModel, Store]:
    from weighbridge.registry.base import parse_reference
    from weighbridge.registry.open import open_store
    from weighbridge.registry.read import load_model

    where = parse_reference(reference, settings.registry)
    store = open_store(where, settings)
    return load_model(store, where), store


def _attach(store: Store, manifest: Descriptor, bundle: bytes) -> None:
    from weighbridge.core.evidence import EXEMPTION_PREDICATE
    from weighbridge.registry.publish import EvidenceBlob, attach_evidence

    attach_evidence(store, manifest, EvidenceBlob("exemption", EXEMPTION_PREDICATE, bundle))


def _digest(model: StoredModel | None, path: str | None) -> Digest:
    from weighbridge.core.artifact import escape_name

    if model is None:
        raise UsageError("it is not said what is exempted", "give a REFERENCE, or --digest")
    if path is None:
        return model.manifest.digest
    found = [file.digest for file in model.files if escape_name(file.path) == path or file.path == path]
    if not found:
        raise UsageError(f"the model has no file {plain(path)!r}", "write its path as the finding does")
    return found[0]


def _check_rule(options: argparse.Namespace) -> None:
    from weighbridge.gate.weighing import HUB
    from weighbridge.rules import RULES

    names = [rule.id for rule in RULES] + [HUB]
    if options.rule not in names and not options.any_rule:
        mend = did_you_mean(options.rule, names, "weighbridge rules lists them")
        raise UsageError(f"{plain(options.rule, 80)!r} is no rule", mend)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{plain(text, 40)!r} is no time", "write 2027-01-31 or 2027-01-31T12:00:00Z") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
