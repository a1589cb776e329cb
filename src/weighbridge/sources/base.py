"""What every source gives: a copy of the model in quarantine, and where it came from."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from weighbridge.core.origin import Origin
    from weighbridge.scan.engine import Watcher


class Fetched(NamedTuple):
    """A model in quarantine: `folder` has its files and nothing else, `name` is what people call it."""

    folder: str
    name: str
    origin: Origin


class Source(Protocol):
    """A place that models come from."""

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Copy the model into the empty folder `into`. Raises SourceError if it cannot be had whole."""
