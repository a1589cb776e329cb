"""Tests that ask for `docker` have a real registry, one for each module."""

from __future__ import annotations

from build.docker_registry import docker  # noqa: F401 -- a fixture
