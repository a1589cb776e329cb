"""Gate two: judge a model of the registry from its stored and verified evidence.

No model byte is inspected again. Whether the bytes that lie there are those that the manifest names can be read too:
that is wanted where they are deployed from where they lie, and not where whoever pulls them proves each digest.
"""

from __future__ import annotations

from weighbridge.attest.notary import Target, verify_notary
from weighbridge.attest.trust import TrustPolicy, open_statement, verify
from weighbridge.core.artifact import escape_name
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import Rejected
from weighbridge.core.evidence import (
    CYCLONEDX_PREDICATE,
    MODEL_SIGNATURE_PREDICATE,
    NOTARY_SIGNATURE,
    PROVENANCE_PREDICATE,
    REFERENCE_PREDICATE,
    SCAN_PREDICATE,
    SLSA_PROVENANCE_PREDICATE,
    TEST_RESULT_PREDICATE,
    VSA_PREDICATE,
)
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.case import Case, Problem, Proof
from weighbridge.gate.decision import Decision, decide
from weighbridge.registry.read import StoredEvidence, StoredModel, damaged_blobs, load_model

if TYPE_CHECKING:
    from datetime import datetime

    from weighbridge.core.settings import StagePolicy
    from weighbridge.registry.base import Reference, Store


def admit(
    store: Store,
    reference: Reference,
    *,
    stage: str,
    policy: StagePolicy,
    trust: TrustPolicy,
    now: datetime,
    read_bytes: bool = False,
) -> tuple[Decision, Case]:
    """Decide on the manifest that `reference` names at this moment, and give the case that was judged too.

    `read_bytes`: read every file of the model and compare it with its digest.
    Raises NotFound or RegistryError if the registry cannot answer: then there is no decision.
    """
    model = load_model(store, reference, NOTARY_SIGNATURE)
    case = assemble(model, trust, now)
    if read_bytes:
        case = case._replace(damaged=tuple(damaged_blobs(store, model)))
    return decide(case, stage, policy, now), case


def assemble(model: StoredModel, trust: TrustPolicy, now: datetime) -> Case:
    """Verify every piece of stored evidence; what is refused becomes a problem and proves nothing."""
    proofs: dict[str, Proof] = {}
    summaries: list[Proof] = []
    lists: list[Proof] = []
    problems: list[Problem] = []
    for item in model.evidence:
        try:
            proof = _prove(item, model, trust, now)
        except Rejected as error:
            problems.append(Problem(item.predicate_type, error.code, error.cause))
            continue
        several = {VSA_PREDICATE: summaries, REFERENCE_PREDICATE: lists}.get(item.predicate_type)
        if several is not None:
            several.append(proof)
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
        provenance=proofs.get(PROVENANCE_PREDICATE),
        result=proofs.get(TEST_RESULT_PREDICATE),
        slsa=proofs.get(SLSA_PROVENANCE_PREDICATE),
        lists=tuple(lists),
        attached=frozenset(digest_bytes(item.bundle).hex for item in model.evidence),
        summaries=tuple(summaries),
    )


def _prove(item: StoredEvidence, model: StoredModel, trust: TrustPolicy, now: datetime) -> Proof:
    if item.predicate_type == NOTARY_SIGNATURE:
        manifest = model.manifest
        target = Target(manifest.media_type, manifest.digest, manifest.size)
        return Proof(verify_notary(item.bundle, target, trust, now).authority, item.descriptor.digest, {})
    if item.predicate_type == MODEL_SIGNATURE_PREDICATE:
        # A model signature names files, not the manifest; the gate compares them with the manifest's.
        verified = open_statement(item.bundle, trust, predicate_type=item.predicate_type, now=now)
    else:
        subject = model.manifest.digest
        verified = verify(item.bundle, trust, predicate_type=item.predicate_type, subject=subject, now=now)
    return Proof(verified.signer_name, item.descriptor.digest, verified.statement.predicate)


def _made_at(proof: Proof) -> str:
    envelope = proof.predicate.get("envelope")
    return str(envelope.get("finished", "")) if isinstance(envelope, dict) else ""
