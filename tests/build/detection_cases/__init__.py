"""Logs with hits and near misses for each detection."""

from __future__ import annotations

from build.detection_cases import deployments, estate, network, use
from build.log_rows import Case


def cases() -> dict[str, Case]:
    """Every case by the name of its detection."""
    return {**network.cases(), **deployments.cases(), **use.cases(), **estate.cases()}
