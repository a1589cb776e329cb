"""Contents that were proved by their digest once, so that a registry need not be asked for the same bytes again.

Only what can never change is kept here: bytes under the digest that they have. Which manifest a tag names, and what is
attached to it, is asked anew each time. Any number of threads may share one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.core.digests import Digest
    from weighbridge.registry.base import Descriptor

MOST = 128 * 1024 * 1024
"""Bytes that are kept together; the least used go first."""
MOST_OF_ONE = 8 * 1024 * 1024
"""Bytes of one content: evidence and manifests, not models."""


class Contents:
    """Bytes by digest and size, and by the type that whoever named them gave."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, Digest, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, named: Descriptor) -> bytes | None:
        """The bytes that were proved to be those of this digest and size; None if they are not kept."""
        key = (named.media_type, named.digest, named.size)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        return found

    def keep(self, named: Descriptor, proved: bytes) -> None:
        """Keep bytes. Whoever gives them has compared them with the digest."""
        key = (named.media_type, named.digest, named.size)
        if not is_small(named) or len(proved) != named.size:
            return
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = proved
            self._bytes += named.size
            while self._bytes > self._most:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone)


def is_small(named: Descriptor) -> bool:
    """Whether something of this size is kept."""
    return 0 <= named.size <= MOST_OF_ONE
