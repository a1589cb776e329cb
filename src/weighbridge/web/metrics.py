"""What the server counts about itself, for Prometheus; how long the queue is, is asked for when somebody looks."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio import CapacityLimiter

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counters of one server, and the threads that its requests share."""

    def __init__(self, threads: int) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._requests = Counter(
            "weighbridge_requests", "Requests", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "weighbridge_request_seconds", "Seconds of an answer", ("route",), registry=self.registry, buckets=_SECONDS
        )
        self._jobs = Gauge("weighbridge_jobs", "Intakes by state", ("state",), registry=self.registry)
        self._oldest = Gauge(
            "weighbridge_oldest_waiting_seconds", "Age of the intake that waits the longest", registry=self.registry
        )
        self._threads = threads
        self._lanes: CapacityLimiter | None = None
        self.streams = 0
        """Callers that follow something live now."""

    def lanes(self) -> CapacityLimiter:
        """The threads, which belong to the loop that first asks."""
        if self._lanes is None:
            import anyio

            self._lanes = anyio.CapacityLimiter(self._threads)
        return self._lanes

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        known = method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
        self._requests.labels(route, known, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self, counts: Mapping[str, int], oldest: float) -> bytes:
        """All of it, with how many intakes are in which state now."""
        from prometheus_client import generate_latest

        for state, count in counts.items():
            self._jobs.labels(state).set(count)
        self._oldest.set(oldest)
        return generate_latest(self.registry)
