"""The private place that a model lands in before anybody trusts it.

One folder per intake, readable by its owner alone, never on a path that a loader looks into, removed at the end
whatever happens. Files in it are read-only and not executable.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager

from weighbridge.core.errors import SourceError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def quarantine(parent: str | None = None) -> Iterator[str]:
    """An empty private folder, in `parent` or the system's place for temporary files; gone afterwards."""
    try:
        folder = tempfile.mkdtemp(prefix="weighbridge-quarantine-", dir=parent)
    except OSError as error:
        raise SourceError(
            f"no quarantine can be set up: {error.strerror}", "set TMPDIR to a writable folder"
        ) from error
    try:
        yield folder
    finally:
        for place, folders, _ in os.walk(folder):
            for name in folders:
                os.chmod(os.path.join(place, name), 0o700)
        shutil.rmtree(folder, ignore_errors=True)
