"""Tests that ask for a database have an empty one of each kind."""

from __future__ import annotations

from build.databases import address, server  # noqa: F401 -- fixtures
