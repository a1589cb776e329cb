"""What a model says of itself, and how its repository looks: nothing of it is proven, some of it is refuted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from weighbridge.core.claims import Claim
    from weighbridge.core.origin import Origin
    from weighbridge.core.settings import StagePolicy
    from weighbridge.provenance.lineage import Known
    from weighbridge.provenance.signals import Earlier


def declared_claims(
    origin: Origin,
    folder: str,
    files: Mapping[str, str],
    *,
    policy: StagePolicy,
    now: datetime,
    earlier: Earlier | None = None,
    resolve: Callable[[str], Known | None] | None = None,
) -> tuple[Claim, ...]:
    """What the card, the licence, the lineage and the repository of a model in quarantine say.

    `folder` holds the files, `files` maps their escaped paths to the hex SHA-256 of the bytes that were inspected.
    `earlier` is what the last intake of the same place remembered; `resolve` gives what a registry or a folder of ours
    holds of a base model, or None.
    """
    del origin, folder, files, policy, now, earlier, resolve
    return ()
