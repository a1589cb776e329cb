"""What `scan` does with a source that is not a path: into quarantine with it, inspect it there, and out again."""

from __future__ import annotations

from weighbridge.cli import common
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.scan.engine import inspect
from weighbridge.sources.open import open_source
from weighbridge.sources.quarantine import quarantine
from weighbridge.sources.quick import shown

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from weighbridge.core.knowledge import Knowledge
    from weighbridge.core.limits import Limits
    from weighbridge.core.settings import Settings
    from weighbridge.scan.engine import Visitor, Watcher
    from weighbridge.scan.report import Inspection


def inspector(options: argparse.Namespace, settings: Settings) -> Callable[..., Inspection]:
    """`scan.engine.inspect`, for the name of a source instead of a path."""

    def inspected(
        text: str, *, knowledge: Knowledge, limits: Limits, watcher: Watcher, host: str, visitor: Visitor | None
    ) -> Inspection:
        source = open_source(text, settings)
        with quarantine(settings.quarantine) as place:
            if place.kept:
                common.say(options, f"the quarantine {place.folder} is kept")
            if not options.quick:
                fetched = place.take(source, watcher)
                return inspect(
                    fetched.folder,
                    knowledge=knowledge,
                    limits=limits,
                    watcher=watcher,
                    host=host,
                    name=fetched.name,
                    visitor=visitor,
                )
            with shown(source, place, limits, watcher) as look:
                return inspect(
                    look.fetched.folder,
                    knowledge=knowledge,
                    limits=limits,
                    watcher=watcher,
                    host=host,
                    name=look.fetched.name,
                    visitor=visitor,
                    partly=look.partly,
                )

    return inspected
