"""What registries hold: list it, show a model, verify everything, promote a model, clear a folder of remains.

  list     every tag, with its digest and size, and what its scan is said to have found
  show     one model as its manifest describes it
  tree     one model with all its evidence, each piece verified or not; status 1 if one is broken or none holds
  verify   read every byte and check every signature; status 1 if anything is wrong
  copy     promote a model with all its evidence, byte for byte; with --stage only if gate two allows it there
  gc       remove the blobs of a layout folder that nothing names

REGISTRY is oci:DIR, HOST or HOST/PREFIX; without it, the registry of the settings.

Examples:
  weighbridge registry list
  weighbridge registry list registry.example.com/models
  weighbridge registry show digits:v1
  weighbridge registry tree oci:registry:digits:v1
  weighbridge registry verify oci:registry --format json
  weighbridge registry verify --model registry.example.com/models/digits:v1
  weighbridge registry copy staging.example.com/digits:v1 example.com/digits:v1 --stage production
  weighbridge registry gc oci:registry --dry-run
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.pipelines import inventory
from weighbridge.registry.base import parse_reference
from weighbridge.registry.open import find_repositories, open_store
from weighbridge.render import registry as rendered

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from weighbridge.core.settings import Settings
    from weighbridge.registry.base import Reference, Store

GRACE_HOURS = 24


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `registry` takes."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, operand in (("list", "REGISTRY"), ("verify", "REGISTRY"), ("gc", "REGISTRY")):
        sub = verbs.add_parser(verb, allow_abbrev=False)
        sub.add_argument("registry", metavar=operand, nargs="?", default="", help="oci:DIR, HOST or HOST/PREFIX")
        if verb == "verify":
            sub.add_argument("--model", metavar="REFERENCE", help="this model alone")
        if verb == "gc":
            sub.add_argument("--dry-run", action="store_true", help="only say what would be removed")
            sub.add_argument(
                "--grace-hours",
                type=int,
                default=GRACE_HOURS,
                metavar="N",
                help=f"leave what was stored in the last N hours (default: {GRACE_HOURS}); a push may be using it",
            )
        common.add_output(sub, ("text", "json"))
    for verb in ("show", "tree"):
        sub = verbs.add_parser(verb, allow_abbrev=False)
        sub.add_argument("reference", metavar="REFERENCE", help="HOST/NAME:TAG, oci:DIR:NAME:TAG, or NAME:TAG")
        common.add_output(sub, ("text", "json"))
    sub = verbs.add_parser("copy", allow_abbrev=False)
    sub.add_argument("reference", metavar="FROM", help="the model")
    sub.add_argument("target", metavar="TO", help="where it shall be, with its tag")
    sub.add_argument("--stage", choices=STAGES, help="ask gate two first whether the model may go there")
    sub.add_argument("--replace", action="store_true", help="let the tag name this model if it names another one")
    common.add_output(sub, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Do what the verb says and give its status."""
    settings = common.settings_for(options)
    verbs = {"list": _list, "show": _show, "tree": _tree, "verify": _verify, "copy": _copy, "gc": _gc}
    return verbs[options.verb](options, settings)


def _list(options: argparse.Namespace, settings: Settings) -> int:
    rows = tuple(row for store, _ in _repositories(options, settings) for row in inventory.rows(store))
    if options.format == "json":
        common.write(options, rendered.registry_document("registry-list", rendered.Listing(rows)))
    else:
        common.write(options, rendered.list_text(rows, common.style_of(options)))
    return 0


def _show(options: argparse.Namespace, settings: Settings) -> int:
    reference = parse_reference(options.reference, settings.registry)
    model = inventory.show(open_store(reference, settings), reference)
    if options.format == "json":
        common.write(options, rendered.registry_document("registry-show", model))
    else:
        common.write(options, rendered.show_text(model))
    return 0


def _tree(options: argparse.Namespace, settings: Settings) -> int:
    reference = parse_reference(options.reference, settings.registry)
    now = datetime.now(UTC)
    found = inventory.tree(open_store(reference, settings), reference, common.trust_policy(settings, now=now), now)
    if options.format == "json":
        common.write(options, rendered.registry_document("registry-tree", found))
    else:
        common.write(options, rendered.tree_text(found, common.style_of(options)))
    return 0 if found.sound else 1


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    now = datetime.now(UTC)
    trust = common.trust_policy(settings, now=now)
    if options.model:
        if options.registry:
            raise UsageError("a registry and --model are both given", "give one of the two")
        reference = parse_reference(options.model, settings.registry)
        found = inventory.verify_repository(open_store(reference, settings), (reference,), trust, now)
    else:
        parts = []
        for store, references in _repositories(options, settings):
            common.say(options, f"verifying {references[0].place}/{references[0].name}" if references else "nothing")
            parts.append(inventory.verify_repository(store, references, trust, now))
        found = inventory.together(parts)
    if options.format == "json":
        common.write(options, rendered.registry_document("registry-verify", found))
    else:
        common.write(options, rendered.verify_text(found, common.style_of(options)))
    return 1 if found.faults else 0


def _copy(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.registry.copy import copy_model

    reference = parse_reference(options.reference, settings.registry)
    target = parse_reference(options.target, settings.registry)
    if target.tag is None:
        raise UsageError(f"{options.target!r} is a digest, not a place to store at", "write NAME:TAG")
    source = open_store(reference, settings)
    if options.stage:
        from weighbridge.pipelines.gate_two import open_gate, signing_key

        # What was decided on is what is copied: from here on the model goes by its digest.
        gate = open_gate(settings, signer=signing_key(settings))
        decision, _ = gate.admit(options.reference, options.stage, now=datetime.now(UTC))
        decided = source.reference(digest=decision.digest)
        _tell_index(options, settings, source, decided, reference.tag or "")
        reference = decided
        if not decision.allowed:
            if options.format == "json":
                from weighbridge.render.documents import document_json

                common.write(options, document_json(decision.document()))
            else:
                from weighbridge.render.decision import decision_text

                common.write(options, decision_text(decision, common.style_of(options)))
            return 1
    store = open_store(target, settings, create=True)
    copied = copy_model(source, reference, store, target.tag, replace=options.replace)
    _tell_index(options, settings, store, store.reference(tag=target.tag))
    if options.format == "json":
        common.write(options, rendered.registry_document("registry-copy", copied))
    else:
        common.write(options, rendered.copy_text(copied))
    return 0


def _tell_index(
    options: argparse.Namespace, settings: Settings, store: Store, reference: Reference, tag: str = ""
) -> None:
    """The index is brought up if there is one; what goes wrong there changes nothing about what was done."""
    from weighbridge.pipelines.indexing import tell_index

    now = datetime.now(UTC)
    trust = common.trust_policy(settings, needed=False, now=now)
    if said := tell_index(settings, store, reference, trust, now, tag):
        common.say(options, said)


def _gc(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.registry.garbage import clear_layout
    from weighbridge.registry.layout import open_layout

    registry = options.registry or settings.registry
    if not registry.startswith("oci:"):
        raise UsageError(
            f"{plain(registry) or 'nothing'} is no layout folder", "name oci:DIR; other registries clear themselves"
        )
    if options.grace_hours < 0:
        raise UsageError("--grace-hours is below zero", "write a whole number of hours")
    store = open_layout(registry.removeprefix("oci:"), "any")
    garbage = clear_layout(store, older_than=time.time() - options.grace_hours * 3600, dry_run=options.dry_run)
    if not options.dry_run:
        from weighbridge.pipelines.indexing import tell_index_of_removed

        if said := tell_index_of_removed(settings, store.folder, garbage.removed):
            common.say(options, said)
    if options.format == "json":
        common.write(options, rendered.registry_document("registry-gc", garbage))
    else:
        common.write(options, rendered.gc_text(garbage))
    return 0


def _repositories(options: argparse.Namespace, settings: Settings) -> Iterator[tuple[Store, tuple[Reference, ...]]]:
    """Every repository of the registry that is meant, with a reference for each of its tags."""
    registry = options.registry or settings.registry
    if not registry:
        raise UsageError("no registry is set", "run weighbridge init, or name oci:DIR or HOST")
    for place, name in find_repositories(registry, settings):
        store = open_store(parse_reference(f"{place}{name}:any"), settings)
        yield store, tuple(store.reference(tag=tag) for tag in store.tags())
