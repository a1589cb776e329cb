"""Evidence of one kind beside a stored model, as far as it is verified."""

from __future__ import annotations

from weighbridge.attest.trust import verify
from weighbridge.core.errors import Rejected
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from weighbridge.attest.trust import TrustPolicy, Verified
    from weighbridge.registry.read import StoredModel


def proved(model: StoredModel, kind: str, trust: TrustPolicy, now: datetime) -> Iterator[Verified]:
    """Statements of this predicate type about the model that a trusted signer made; others are passed over."""
    for item in model.evidence:
        if item.predicate_type == kind:
            try:
                yield verify(item.bundle, trust, predicate_type=kind, subject=model.manifest.digest, now=now)
            except Rejected:
                continue
