"""The provenance report: every claim about where a model came from, and what stands behind it. One piece of evidence.

    {"schema": "weighbridge.provenance/1", "digest": "sha256:…",
     "source": {"kind", "place", "asked", "revision"}, "signer": "none" | "commit:NAME" | "key:NAME" | …,
     "claims": [{"claim", "status", "evidence", "value", "confirm", "parts": […]}, …],
     "tool": {…}, "envelope": {…times, host…}}

Same bytes, same origin, same trust store, same day: the same JSON, but for the envelope.
"""

from __future__ import annotations

from weighbridge.core.claims import Status, every
from weighbridge.core.evidence import PROVENANCE_PREDICATE, Tool
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.provenance.build import BUILD, build_provenance
from weighbridge.provenance.commits import claims as commit_claims
from weighbridge.provenance.declared import declared_claims
from weighbridge.provenance.of_source import files_claim, source_claim
from weighbridge.provenance.signature_files import find_signatures
from weighbridge.provenance.signatures import MODEL_SIGNATURE, file_signature, model_signature
from weighbridge.provenance.weighing import by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.claims import Claim
    from weighbridge.core.digests import Digest
    from weighbridge.core.origin import Origin
    from weighbridge.core.settings import StagePolicy
    from weighbridge.provenance.lineage import Known
    from weighbridge.provenance.signals import Earlier
    from weighbridge.scan.report import Envelope
    from weighbridge.sources.base import Fetched

SCHEMA = "weighbridge.provenance/1"
COMMIT_SIGNATURE = "commit-signature"
NOBODY = "none"
"""The signer of a model that nobody signed whom the trust store knows."""


class ProvenanceReport(NamedTuple):
    """What is claimed about the origin of one model."""

    subject: Digest
    origin: Origin
    claims: tuple[Claim, ...]
    tool: Tool
    envelope: Envelope

    @property
    def kind(self) -> str:
        return "provenance"

    @property
    def predicate_type(self) -> str:
        return PROVENANCE_PREDICATE

    @property
    def signer(self) -> str:
        """Who signed the model: the value of the first of its signatures that is verified, or `none`."""
        values = {claim.claim: claim.value for claim in self.claims if claim.status is Status.VERIFIED}
        for name, kind in ((COMMIT_SIGNATURE, "commit:"), (MODEL_SIGNATURE, ""), (BUILD, "build:")):
            if name in values:
                return f"{kind}{values[name]}"
        return NOBODY

    @property
    def contradicted(self) -> tuple[Claim, ...]:
        """Claims, and parts of claims, that the evidence speaks against."""
        return tuple(claim for claim in every(self.claims) if claim.status is Status.CONTRADICTED)

    def unverified(self, wanted: Collection[str]) -> tuple[str, ...]:
        """Those of the wanted claims that are not verified, or that the report says nothing of."""
        found = by_name(self.claims)
        return tuple(name for name in wanted if name not in found or found[name].status is not Status.VERIFIED)

    def predicate(self) -> dict[str, Any]:
        """The report as JSON, in the shape that `schemas/provenance.json` fixes."""
        origin = self.origin
        return {
            "schema": SCHEMA,
            "digest": str(self.subject),
            "source": {
                "kind": origin.kind,
                "place": origin.place,
                "asked": origin.asked,
                "revision": origin.revision,
            },
            "signer": self.signer,
            "claims": [claim_document(claim) for claim in self.claims],
            "tool": self.tool._asdict(),
            "envelope": self.envelope._asdict(),
        }


def claim_document(claim: Claim) -> dict[str, Any]:
    """One claim as JSON, with its parts."""
    return {
        "claim": claim.claim,
        "status": claim.status.value,
        "evidence": claim.evidence,
        "value": claim.value,
        "confirm": claim.confirm,
        "parts": [claim_document(part) for part in claim.parts],
    }


def provenance_report(
    fetched: Fetched,
    subject: Digest,
    files: Mapping[str, str],
    links: Sequence[str],
    *,
    trust: TrustPolicy,
    policy: StagePolicy,
    now: datetime,
    envelope: Envelope,
    attestations: Sequence[tuple[str, bytes]] = (),
    earlier: Earlier | None = None,
    resolve: Callable[[str], Known | None] | None = None,
) -> ProvenanceReport:
    """Weigh everything that is said about a model in quarantine.

    `files` are the files that were inspected (escaped path → sha256 in hex), `links` the escaped paths of what is no
    regular file; `attestations` come from elsewhere (name, content). `earlier` is what is remembered of the same place,
    `resolve` what is known of a base model. Raises SourceError if a file cannot be read
    or is not what was inspected, KeyMissing if an entry of the trust store cannot be used.
    """
    origin = fetched.origin
    found = find_signatures(fetched.folder, files, attestations)
    of_files = file_signature(found, files, trust, place=origin.place, now=now)
    claims = (
        source_claim(origin),
        files_claim(origin, fetched.folder, files),
        *commit_claims(origin, files, trust, now),
        model_signature(found, files, links, trust, place=origin.place, now=now),
        *((of_files,) if of_files else ()),
        build_provenance(found, files, trust, place=origin.place, now=now),
        *declared_claims(origin, fetched.folder, files, policy=policy, now=now, earlier=earlier, resolve=resolve),
    )
    return ProvenanceReport(subject, origin, claims, Tool(), envelope)
