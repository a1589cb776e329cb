"""A scan with other engines beside it: one copy, which Weighbridge and every engine look at.

    copy into quarantine → inspect → ask each engine, behind walls

The copy makes sure that all of them see the same bytes, and lets root give the engines a user of their own.
"""

from __future__ import annotations

import os

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.ask import ask
from weighbridge.scan.engine import inspect
from weighbridge.sources.local import LocalFolder
from weighbridge.sources.quarantine import quarantine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.core.knowledge import Knowledge
    from weighbridge.core.limits import Limits
    from weighbridge.engines.base import Engine, EngineReport, Wanted
    from weighbridge.scan.engine import Visitor, Watcher
    from weighbridge.scan.report import Inspection


def inspect_with_engines(
    path: str,
    pairs: Sequence[tuple[Engine, str]],
    wanted: Wanted,
    *,
    knowledge: Knowledge,
    limits: Limits,
    watcher: Watcher,
    host: str,
    visitor: Visitor | None,
) -> tuple[Inspection, tuple[EngineReport, ...]]:
    """The inspection of a copy of `path`, and what each engine says of it."""
    with quarantine() as folder:
        source = LocalFolder(path, limits.files)
        room = os.path.join(folder, "model")
        os.mkdir(room, 0o700)
        fetched = source.fetch(room, watcher)
        names = os.listdir(room)
        # A single file keeps its name, which engines choose their readers by; a folder is called `model`.
        top = room if os.path.isdir(path) else os.path.join(room, names[0])
        inspection = inspect(
            top, knowledge=knowledge, limits=limits, watcher=watcher, host=host, name=fetched.name, visitor=visitor
        )
        return inspection, ask(pairs, top, inspection.report.artifact.files, wanted, watcher.note)
