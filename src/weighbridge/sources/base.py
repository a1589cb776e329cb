"""What every source gives: a copy of the model in quarantine, and where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from weighbridge.scan.engine import Watcher


class Fetched(NamedTuple):
    """A model in quarantine. `origin` is what people call the source, `revision` its immutable version if any."""

    folder: str
    name: str
    origin: str
    revision: str


class Source(Protocol):
    """A place that models come from."""

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Copy the model into the empty folder `into`. Raises SourceError if it cannot be had whole."""
        ...
