"""TensorFlow Lite models of TensorFlow and of others: what the interpreter and the reference library read in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from build.inspecting import inspected, rules_of
from build.writers import written
from formats.test_tflite import agree, facts
from weighbridge.core.facts import Metadata, Operator
from weighbridge.core.findings import Verdict
