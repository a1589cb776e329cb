"""Every test of the index has an empty database of each kind."""

from __future__ import annotations

from build.databases import address, index, server  # noqa: F401 -- fixtures
