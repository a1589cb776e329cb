"""The provenance report of a folder, as both the command and gate one make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from build.authorities import NOW
from weighbridge.cli.progress import silent
from weighbridge.core.origin import Origin
from weighbridge.core.settings import StagePolicy
from weighbridge.pipelines.provenance import weigh_provenance
from weighbridge.sources.base import Fetched
from weighbridge.sources.local import LocalFolder

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.provenance.report import ProvenanceReport
    from weighbridge.scan.engine import Watcher


class Pretended(NamedTuple):
    """A folder that says that it comes from somewhere else."""

    folder: Path
    origin: Origin

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        return LocalFolder(str(self.folder), 1000).fetch(into, watcher)._replace(origin=self.origin)


def weighed(
    folder: Path, trust: TrustPolicy, *, place: str = "", origin: Origin | None = None, **options: Any
) -> ProvenanceReport:
    """The report of this folder, from `place` if one is given."""
    source: Any = LocalFolder(str(folder), 1000)
    if place or origin:
        source = Pretended(folder, origin or Origin("hub", place))
    options = {"policy": StagePolicy(), "most": 1000, "watcher": silent(), "now": NOW, **options}
    return weigh_provenance(source, trust=trust, **options)[1]
