"""The decision of gate two becomes evidence: signed, and attached to the model that it is about."""

from __future__ import annotations

from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, statement
from weighbridge.core.errors import Rejected
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.summary import read_summary, says_the_same, summary_of
from weighbridge.registry.publish import EvidenceBlob, attach_evidence

if TYPE_CHECKING:
    from datetime import datetime

    from weighbridge.attest.signers import Signer
    from weighbridge.core.digests import Digest
    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case
    from weighbridge.gate.decision import Decision
    from weighbridge.registry.base import Reference, Store


class Attested(NamedTuple):
    """The referrer that holds the summary of a decision; `made` is false if one was there that says the same."""

    digest: Digest
    made: bool


def attest_decision(
    store: Store, decision: Decision, case: Case, *, policy: StagePolicy, signer: Signer, now: datetime
) -> Attested:
    """Store the summary of a decision as a referrer of the model.

    A summary by somebody who may sign one, which says the same and has half of its time left, is used again: asking
    often does not fill the registry. Raises RegistryError, KeyMissing.
    """
    manifest = store.resolve(store.reference(digest=decision.digest))
    ours = summary_of(decision, case, policy, resource_uri(store.reference(digest=decision.digest)))
    for proof in reversed(case.summaries):
        try:
            there = read_summary(proof.predicate)
        except Rejected:
            continue
        if says_the_same(there, ours, now):
            return Attested(proof.digest, made=False)
    payload = statement(ours, [Subject("manifest", decision.digest)])
    blob = EvidenceBlob(ours.kind, ours.predicate_type, seal(payload, PAYLOAD_TYPE, signer))
    return Attested(attach_evidence(store, manifest, blob).digest, made=True)


def resource_uri(reference: Reference) -> str:
    """Where a manifest is, as a URI. The folder of a layout is left out: it means something on one machine only."""
    if reference.kind == "layout":
        return f"oci-layout:{reference.name}@{reference.digest}"
    return f"oci://{reference}"
