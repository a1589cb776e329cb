"""The index of the registry: make it again from the registry, or say what is in it.

  rebuild  walk over the registry, verify all evidence, and write what holds; what is gone is removed. A walk that was
           stopped goes on where it stopped. Status 1 if something could not be read
  show     how many models of which verdicts there are, and when each registry was last walked

REGISTRY is oci:DIR, HOST or HOST/PREFIX; without it, the registry of the settings. Intake and admit keep an index that
is there up to date. The registry and the log of decisions are the truth: an index can be removed at any time but for
that log, which is in the same database.

Examples:
  weighbridge index rebuild
  weighbridge index rebuild registry.example.com/models --anew
  weighbridge index show --format json
"""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from weighbridge.core.settings import Settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `index` takes."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    rebuild = verbs.add_parser("rebuild", help="make the index again from the registry", allow_abbrev=False)
    rebuild.add_argument("registry", metavar="REGISTRY", nargs="?", default="", help="oci:DIR, HOST or HOST/PREFIX")
    rebuild.add_argument("--anew", action="store_true", help="begin anew where the last walk was stopped")
    common.add_output(rebuild, ("text", "json"))
    common.add_output(verbs.add_parser("show", help="what is in the index", allow_abbrev=False), ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Do what the verb says and give its status."""
    settings = common.settings_for(options)
    return _rebuild(options, settings) if options.verb == "rebuild" else _show(options, settings)


def _rebuild(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.index.models import open_index
    from weighbridge.pipelines.admission import internal_place
    from weighbridge.pipelines.gate_two import DEFAULT_INDEX
    from weighbridge.pipelines.reindexing import Walking, rebuild
    from weighbridge.registry.base import parse_reference
    from weighbridge.registry.open import find_repositories, open_store
    from weighbridge.render import index as rendered

    registry = options.registry or settings.registry
    if not registry:
        raise UsageError("no registry is set", "run weighbridge init, or name oci:DIR or HOST")
    now = datetime.now(UTC)
    trust = common.trust_policy(settings, now=now)
    repositories = find_repositories(registry, settings)
    place = f"{registry}:" if registry.startswith("oci:") else f"{registry.partition('/')[0]}/"
    progress = common.progress_for(options)
    index = open_index(settings.index_address or DEFAULT_INDEX, create=True)
    try:
        walking = Walking(
            index,
            internal_place(registry),
            tuple(name for _, name in repositories),
            lambda name: open_store(parse_reference(f"{place}{name}:any"), settings),
            trust,
            lambda: datetime.now(UTC),
            progress.note,
        )
        rebuilt = rebuild(walking, anew=options.anew)
    finally:
        progress.finish()
        index.close()
    text = rendered.rebuilt_json(rebuilt) if options.format == "json" else rendered.rebuilt_text(rebuilt)
    common.write(options, text)
    return 1 if rebuilt.walk.failed else 0


def _show(options: argparse.Namespace, settings: Settings) -> int:
    from weighbridge.index.models import open_index
    from weighbridge.index.walks import walks
    from weighbridge.pipelines.gate_two import DEFAULT_INDEX
    from weighbridge.render import index as rendered

    index = open_index(settings.index_address or DEFAULT_INDEX)
    counts, walked = index.counts(), walks(index)
    index.close()
    text = rendered.index_json(counts, walked) if options.format == "json" else rendered.index_text(counts, walked)
    common.write(options, text)
    return 0
