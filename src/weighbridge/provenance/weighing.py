"""How claims are put together: a whole is as good as its weakest part, and one contradiction is enough."""

from __future__ import annotations

from weighbridge.core.claims import Claim, Status, every
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

NAMED = 3
"""Names that a sentence gives; it counts the others."""
_STRENGTH = {Status.CONTRADICTED: 0, Status.ABSENT: 1, Status.DECLARED: 2, Status.VERIFIED: 3}


def together(name: str, of: str, parts: tuple[Claim, ...], value: str = "") -> Claim:
    """The claim that these parts make up: contradicted by one, verified by all, declared otherwise.

    The evidence is that of the part that decides, or of the first two if all are verified; `of` is what it is about.
    The value counts only if all is verified.
    """
    if all(part.status is Status.VERIFIED for part in parts):
        evidence = "; ".join(part.evidence.removeprefix(f"{of}: ") for part in parts[:2])
        return Claim(name, Status.VERIFIED, f"{of}: {evidence}", value, parts=parts)
    deciding = min(parts, key=lambda part: _STRENGTH[part.status])
    status = Status.CONTRADICTED if deciding.status is Status.CONTRADICTED else Status.DECLARED
    return Claim(name, status, deciding.evidence, parts=parts)


def least(claims: Sequence[Claim]) -> Claim:
    """Of several claims of one name the one that counts: a contradicted one, else the best; the others are parts."""
    contradicted = [claim for claim in claims if claim.status is Status.CONTRADICTED]
    counting = contradicted[0] if contradicted else max(claims, key=lambda claim: _STRENGTH[claim.status])
    others = [claim._replace(claim=f"{claim.claim}/other") for claim in claims if claim is not counting]
    return counting._replace(parts=(*counting.parts, *others))


def by_name(claims: Sequence[Claim]) -> dict[str, Claim]:
    """Claims and parts by name; of several the first one, which is of the claim that counts."""
    found: dict[str, Claim] = {}
    for claim in every(claims):
        found.setdefault(claim.claim, claim)
    return found


def named(paths: Collection[str]) -> str:
    """A few of these paths, and how many there are besides."""
    ordered = sorted(paths)
    more = f" and {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
    return ", ".join(ordered[:NAMED]) + more
