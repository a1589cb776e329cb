"""One file per family of rules. `RULES` is the list that the engine applies."""

from __future__ import annotations

from weighbridge.rules import calls, coverage, onnx, structure
from weighbridge.rules.base import Rule

RULES: tuple[Rule, ...] = (*calls.RULES, *structure.RULES, *onnx.RULES, *coverage.RULES)
