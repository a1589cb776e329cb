"""What stops an evaluation. Neither is ever a pass."""

from __future__ import annotations

from weighbridge.core.errors import WeighbridgeError


class EvaluationError(WeighbridgeError):
    """Azure would fail to evaluate the rule, which denies the request, whatever the effect is."""


class Unsupported(WeighbridgeError):
    """Azure would refuse the definition, or what it asks for is not known here: nothing can be said."""
