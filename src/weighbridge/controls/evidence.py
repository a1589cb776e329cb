"""Controls that our own evidence proves: C03 scanned, C04 no pickles, C05 bills of materials, C11 provenance.

They are asked of every tag of the internal registry, with the requirements of gate two: evidence counts if a trusted
key signed it about this very manifest. Without a registry nobody knows.
"""

from __future__ import annotations

from weighbridge.controls.base import Check, Result, unknown
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.claims import read_claims
from weighbridge.gate.datasets import dataset_checked
from weighbridge.gate.reason import Result as Met
from weighbridge.gate.requirements import files_match, provenance_verified, sbom_present, scan_fresh, scan_present

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case
    from weighbridge.gate.reason import Reason

HOW = "name it with --registry oci:DIR or --registry HOST/PREFIX"
INTAKE = "weighbridge intake {} again, and remove what is not admitted"


class Held(NamedTuple):
    """One tag of the registry: what was verified of it, or why nothing could be.

    `pickled` are its files with a pickle in them by the signed facts of their content; None if there are no such facts.
    """

    reference: str
    case: Case | None
    pickled: tuple[str, ...] | None = None
    why: str = ""


class Holdings(NamedTuple):
    """What the internal registry holds; `policy` is that of production."""

    registry: str
    models: tuple[Held, ...]
    policy: StagePolicy
    now: datetime


def scanned(holdings: Holdings | None) -> Iterator[Check]:
    """C03: every model has a fresh scan of exactly its files."""
    yield from _asked(holdings, scan_present, files_match, scan_fresh)


def no_pickles(holdings: Holdings | None) -> Iterator[Check]:
    """C04: no file of any model is a pickle by its content."""
    for held in _models(holdings):
        if held.case is None or held.pickled is None:
            why = held.why or "there are no signed facts to go by"
            yield unknown(held.reference, "facts", why, "no pickles", INTAKE.format("it"))
            continue
        seen = ", ".join(held.pickled[:3]) or f"none of {len(held.case.files)} files"
        result = Result.FAIL if held.pickled else Result.PASS
        mend = f"weighbridge convert, and {INTAKE.format('it')}" if held.pickled else ""
        yield Check(result, held.reference, "facts.blobs.format", seen, "no pickles", "the signed facts", mend)
    yield from _none(holdings)


def listed(holdings: Holdings | None) -> Iterator[Check]:
    """C05: every model has a bill of materials that names all its files."""
    yield from _asked(holdings, sbom_present)


def proven(holdings: Holdings | None) -> Iterator[Check]:
    """C11: of every model a claim about its origin is verified, and all that production asks for; none is refuted.

    Where production asks for the data of fine-tuned models, that is of their origin too.
    """
    data = (dataset_checked,) if holdings and holdings.policy.dataset != "off" else ()
    yield from _asked(holdings, provenance_verified, *data)
    for held in _models(holdings):
        claims = read_claims(held.case.provenance.predicate) if held.case and held.case.provenance else None
        if claims is None:
            continue  # said above
        verified = sorted({claim.claim for claim in claims if claim.status == "verified"})
        result = Result.PASS if verified else Result.FAIL
        seen = ", ".join(verified[:3]) or "no claim is verified"
        mend = "" if verified else "take it in from a source that is signed: weighbridge provenance says what there is"
        yield Check(result, held.reference, "claims", seen, "a verified claim", "the signed provenance report", mend)


def _asked(holdings: Holdings | None, *asked: Callable[[Case, StagePolicy, datetime], Reason]) -> Iterator[Check]:
    for held in _models(holdings):
        if held.case is None:
            yield unknown(held.reference, "evidence", held.why, "signed evidence", INTAKE.format("it"))
            continue
        for ask in asked:
            assert holdings is not None  # noqa: S101 -- there are models
            reason = ask(held.case, holdings.policy, holdings.now)
            result = {Met.MET: Result.PASS, Met.UNMET: Result.FAIL, Met.UNKNOWN: Result.UNKNOWN}[reason.result]
            mend = "" if result is Result.PASS else INTAKE.format("it")
            yield Check(result, held.reference, reason.requirement, reason.why, reason.needs, "the registry", mend)
    yield from _none(holdings)


def _models(holdings: Holdings | None) -> tuple[Held, ...]:
    return holdings.models if holdings else ()


def _none(holdings: Holdings | None) -> Iterator[Check]:
    if holdings is None:
        yield unknown("the internal registry", "registry", "not asked", "its evidence", HOW)
