"""Helm, as `make services` brings it: renders the chart without a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OWN = os.path.join(ROOT, ".services", "helm")
PROGRAM = OWN if os.path.exists(OWN) else shutil.which("helm")


def needs_helm() -> None:
    """Skip if it is missing, unless continuous integration runs: there it is a failure."""
    if PROGRAM is None:
        message = "helm is not installed (make services)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it with a home of nobody's."""
    assert PROGRAM is not None
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "HELM_PLUGINS": "/nonexistent"}
    return subprocess.run([PROGRAM, *words], env=environ, capture_output=True, text=True, check=False, timeout=60)
