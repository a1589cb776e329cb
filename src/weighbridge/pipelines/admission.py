"""Gate two: judge a model of the registry from its stored and verified evidence alone, without reading a model byte."""

from __future__ import annotations

from weighbridge.attest.trust import TrustPolicy, open_statement, verify
from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import Rejected
from weighbridge.core.evidence import CYCLONEDX_PREDICATE, MODEL_SIGNATURE_PREDICATE, SCAN_PREDICATE
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.case import Case, Problem, Proof
from weighbridge.gate.decision import Decision, decide
from weighbridge.registry.read import StoredEvidence, StoredModel, load_model

if TYPE_CHECKING:
    from datetime import datetime

    from weighbridge.core.settings import StagePolicy
    from weighbridge.registry.base import Reference, Store


def admit(
    store: Store, reference: Reference, *, stage: str, policy: StagePolicy, trust: TrustPolicy, now: datetime
) -> tuple[Decision, Case]:
    """Decide on the manifest that `reference` names at this moment, and give the case that was judged too.

    Raises NotFound or RegistryError if the registry cannot answer: then there is no decision.
    """
    case = assemble(load_model(store, reference), trust)
    return decide(case, stage, policy, now), case


def assemble(model: StoredModel, trust: TrustPolicy) -> Case:
    """Verify every piece of stored evidence; what is refused becomes a problem and proves nothing."""
    proofs: dict[str, Proof] = {}
    problems: list[Problem] = []
    for item in model.evidence:
        try:
            proof = _prove(item, model, trust)
        except Rejected as error:
            problems.append(Problem(item.predicate_type, error.code, error.cause))
            continue
        newest = proofs.get(item.predicate_type)
        if newest is None or _made_at(proof) >= _made_at(newest):
            proofs[item.predicate_type] = proof
    return Case(
        manifest=model.manifest.digest,
        files=frozenset((escape_name(file.path), file.size, file.digest.hex) for file in model.files),
        annotations=model.annotations,
        scan=proofs.get(SCAN_PREDICATE),
        sbom=proofs.get(CYCLONEDX_PREDICATE),
        signature=proofs.get(MODEL_SIGNATURE_PREDICATE),
        problems=tuple(problems),
    )


def _prove(item: StoredEvidence, model: StoredModel, trust: TrustPolicy) -> Proof:
    if item.predicate_type == MODEL_SIGNATURE_PREDICATE:
        # A model signature names files, not the manifest; the gate compares them with the manifest's.
        verified = open_statement(item.bundle, trust, predicate_type=item.predicate_type)
    else:
        verified = verify(item.bundle, trust, predicate_type=item.predicate_type, subject=model.manifest.digest)
    return Proof(verified.signer_name, item.descriptor.digest, verified.statement.predicate)


def _made_at(proof: Proof) -> str:
    envelope = proof.predicate.get("envelope")
    return str(envelope.get("finished", "")) if isinstance(envelope, dict) else ""
