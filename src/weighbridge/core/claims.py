"""What is said about where a model came from, and how much of it is proven."""

from __future__ import annotations

from enum import StrEnum

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Status(StrEnum):
    """How much stands behind a claim."""

    VERIFIED = "verified"
    """Checked against bytes, or signed by somebody whom the trust store allows to say it."""
    DECLARED = "declared"
    """Somebody says so, and nothing proves it."""
    ABSENT = "absent"
    """Nothing is said, or there was nothing to check with."""
    CONTRADICTED = "contradicted"
    """The evidence says otherwise: a broken link, a wrong digest, a revoked key."""


class Claim(NamedTuple):
    """One claim. `claim` is its stable name (`commit-signature`, `card/licence`, `regulated-data/hipaa`, …).

    `evidence` is one sentence that says what decides the status and, if a chain is broken, which link; text of the
    model in it is hostile until it is rendered. `value` is what is claimed, for programs. `confirm` says that a person
    has to confirm it before a gate may count on it. `parts` are the claims that this one is made of.
    """

    claim: str
    status: Status
    evidence: str
    value: str = ""
    confirm: bool = False
    parts: tuple[Claim, ...] = ()


def every(claims: Iterable[Claim]) -> Iterator[Claim]:
    """All claims and their parts, the whole before its parts."""
    for claim in claims:
        yield claim
        yield from every(claim.parts)
