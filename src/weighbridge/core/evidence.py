"""Seam 3: what is said about one model digest, ready to be signed."""

from __future__ import annotations

from weighbridge import __version__
from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.digests import Digest

SCAN_PREDICATE = "https://weighbridge.dev/predicate/scan/v1"
FACTS_PREDICATE = "https://weighbridge.dev/predicate/facts/v1"
PROVENANCE_PREDICATE = "https://weighbridge.dev/predicate/provenance/v1"
CONVERSION_PREDICATE = "https://weighbridge.dev/predicate/conversion/v1"
ENGINES_PREDICATE = "https://weighbridge.dev/predicate/engines/v1"
"""What other scanners said: see `attest.engine_answers`."""
TEST_RESULT_PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
"""What the scan says, in the words of in-toto: see `attest.test_result`."""
SLSA_PROVENANCE_PREDICATE = "https://slsa.dev/provenance/v1"
"""How a model came into the registry: see `attest.slsa`."""
REFERENCE_PREDICATE = "https://in-toto.io/attestation/reference/v0.1"
"""Everything that was attached to a model when it was stored: see `attest.evidence_list`."""
VSA_PREDICATE = "https://slsa.dev/verification_summary/v1"
"""The decision of a gate: see `gate.summary`."""
NOTARY_SIGNATURE = "application/vnd.cncf.notary.signature"
"""Not a predicate but the artifact type of a Notary Project signature, which is no bundle: see `attest.notary`."""
DATASET_PREDICATE = "https://weighbridge.dev/predicate/dataset/v1"
FINE_TUNING_PREDICATE = "https://weighbridge.dev/predicate/fine-tuning/v1"
"""On which data and how a model was fine-tuned: see `gate.datasets`."""
CYCLONEDX_PREDICATE = "https://cyclonedx.org/bom"
EXEMPTION_PREDICATE = "https://weighbridge.dev/predicate/exemption/v1"
DECISION_LOG_PREDICATE = "https://weighbridge.dev/predicate/decision-log/v1"
KNOWN_BAD_PREDICATE = "https://weighbridge.dev/predicate/known-bad/v1"
SPDX_PREDICATE = "https://spdx.dev/Document/v3"
MODEL_SIGNATURE_PREDICATE = "https://model_signing/signature/v1.0"


class Tool(NamedTuple):
    """The program that made a piece of evidence."""

    name: str = "weighbridge"
    version: str = __version__


class Evidence(Protocol):
    """A frozen record about one model. The intake pipeline signs each one and stores it beside the model.

    `kind` is the short name that people see (`scan`, `sbom`, …); `predicate_type` the URI that programs go by.
    """

    @property
    def kind(self) -> str: ...

    @property
    def predicate_type(self) -> str: ...

    @property
    def subject(self) -> Digest:
        """The model digest (`core.digests.model_digest`) that this evidence is about."""

    def predicate(self) -> dict[str, Any]:
        """The JSON object that is signed."""
