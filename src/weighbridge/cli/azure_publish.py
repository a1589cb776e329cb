"""Register what gate two admits as a model asset of an Azure ML registry, byte for byte, with its digest.

The bytes come from the internal registry and are proved on their way; a version that is there already is never touched;
what was written is read back and compared. With --dry-run nothing is asked of Azure, and no credentials are needed.

Status 0: published (or would be). Status 1: gate two denies it. Status 2: Azure or the registry refused.

Examples:
  weighbridge azure publish digits:v1 --ml-registry wb-prod --dry-run
  weighbridge azure publish digits:v1 --ml-registry wb-prod --subscription ID --resource-group rg --stage production
"""

from __future__ import annotations

from weighbridge.cli import common
from weighbridge.cli.azure_audit import moment
from weighbridge.cli.azure_gate import add_place, place_of
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES

if TYPE_CHECKING:
    import argparse
    from typing import Any


def add(nouns: Any) -> None:
    """The noun `publish`."""
    parser = common.noun(nouns, "publish", __doc__ or "")
    parser.add_argument("reference", metavar="REFERENCE", help="the model in the internal registry")
    parser.add_argument("--ml-registry", metavar="NAME", required=True, help="the Azure ML registry")
    parser.add_argument("--name", default="", help="the asset's name (default: that of the repository)")
    parser.add_argument("--version", default="", help="its version (default: the first twelve digits of the digest)")
    parser.add_argument(
        "--stage", choices=STAGES, default="production", help="whose demands hold (default: production)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    add_place(parser)
    parser.add_argument("--now", metavar="TIME", help="decide as of this time (default: now)")
    common.add_output(parser, ("text", "json"))
    parser.set_defaults(work=_work)


def _work(given: argparse.Namespace) -> int:
    from weighbridge.azure.assets import Place
    from weighbridge.pipelines.asset import plan, publish
    from weighbridge.pipelines.gate_two import surroundings_of
    from weighbridge.registry.base import parse_reference
    from weighbridge.registry.open import open_store

    settings = common.settings_for(given)
    reference = parse_reference(given.reference, settings.registry)
    store = open_store(reference, settings)
    dry = given.dry_run
    place = Place(given.subscription or "SUBSCRIPTION", given.resource_group or "GROUP") if dry else place_of(given)
    planned = plan(
        store,
        reference,
        registry=given.ml_registry,
        name=given.name,
        version=given.version,
        stage=given.stage,
        policy=common.stage_policy(settings, given.stage),
        trust=common.trust_policy(settings),
        now=moment(given.now),
        surroundings=surroundings_of(settings, given.stage),
    )
    allowed = planned.decision.allowed
    if allowed and not dry:
        from weighbridge.azure.clients import connect

        publish(connect(), place, store, planned)
    if given.format == "json":
        from weighbridge.render.documents import document_json

        common.write(given, document_json(planned.document(place, published=allowed and not dry)))
    else:
        word = "DENIED" if not allowed else "WOULD PUBLISH" if dry else "PUBLISHED"
        lines = [f"{word}  {planned.asset}", f"  {planned.decision.digest}"]
        lines += [f"  {file.digest.short}  {file.size:>12,}  {plain(file.path)}" for file in planned.files]
        lines += [
            f"  ✗ {one.requirement}: {plain(one.why)}" for one in planned.decision.reasons if one.result.value != "met"
        ]
        common.write(given, "\n".join(lines))
    return 0 if allowed else 1
