"""What a test needs and this machine does not have."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip, unless continuous integration runs: skipped there, it would hide that nothing was tried."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
