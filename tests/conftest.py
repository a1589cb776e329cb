"""For all tests. None is timed: a machine may be busy, and says nothing about the code with that."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("house", parent=settings.default, deadline=None)
settings.load_profile("house")

# What whoever runs the tests has set for their own work must not change what a test sees.
for name in [name for name in os.environ if name.startswith("WEIGHBRIDGE_")]:
    del os.environ[name]
