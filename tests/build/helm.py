"""Helm, as `make services` brings it: renders the chart without a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess

from build.missing import missing

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OWN = os.path.join(ROOT, ".services", "helm")
PROGRAM = OWN if os.path.exists(OWN) else shutil.which("helm")


def needs_helm() -> None:
    """Skip if it is missing, unless continuous integration runs: there it is a failure."""
    if PROGRAM is None:
        missing("helm is not installed (make services)")


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it with a home of nobody's."""
    assert PROGRAM is not None
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "HELM_PLUGINS": "/nonexistent"}
    return subprocess.run([PROGRAM, *words], env=environ, capture_output=True, text=True, check=False, timeout=60)
