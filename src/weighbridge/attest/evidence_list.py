"""What was attached to a model when it was stored, so that a missing piece is noticed: in-toto's reference.

    predicateType   https://in-toto.io/attestation/reference/v0.1
    predicate       {"attester": {"id": https://weighbridge.dev/gate/intake},
                     "references": [{"name": <kind>, "mediaType": <of the bundle>,
                                     "digest": {"sha256": <of the bundle>},
                                     "annotations": {"predicateType": …}}, …]}

Each bundle is signed by itself, but nothing else says that there was one: whoever can write to a registry, or to the
index of a folder, could hide a piece that speaks against a model. What is attached later (decisions, new scans) is not
in it. Source: github.com/in-toto/attestation, spec/predicates/reference.md.
"""

from __future__ import annotations

from weighbridge.attest.slsa import BUILDER
from weighbridge.core.digests import digest_bytes
from weighbridge.core.evidence import REFERENCE_PREDICATE
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.digests import Digest


class Reference(NamedTuple):
    """One piece of evidence: its kind and type, and the bytes that are attached."""

    kind: str
    predicate_type: str
    media_type: str
    content: bytes


class EvidenceList(NamedTuple):
    """Everything that was attached to a model with this model digest."""

    subject: Digest
    references: tuple[Reference, ...]

    @property
    def kind(self) -> str:
        return "evidence-list"

    @property
    def predicate_type(self) -> str:
        return REFERENCE_PREDICATE

    def predicate(self) -> dict[str, Any]:
        """The predicate as in-toto has it."""
        return {
            "attester": {"id": BUILDER},
            "references": [
                {
                    "name": item.kind,
                    "mediaType": item.media_type,
                    "digest": {"sha256": digest_bytes(item.content).hex},
                    "annotations": {"predicateType": item.predicate_type},
                }
                for item in self.references
            ],
        }
