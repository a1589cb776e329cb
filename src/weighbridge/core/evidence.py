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
DATASET_PREDICATE = "https://weighbridge.dev/predicate/dataset/v1"
CYCLONEDX_PREDICATE = "https://cyclonedx.org/bom"
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
