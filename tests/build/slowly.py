"""Time and chance for tests: pauses are noted, not waited for."""

from __future__ import annotations

from weighbridge.registry.wire import Pace


class Pauses:
    """What was slept, in seconds, and a pace that sleeps so."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.now = 0.0
        self.pace = Pace(self._sleep, lambda: self.now, lambda: 0.5)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
