"""The bill of materials as a CycloneDX 1.6 ML-BOM.

Written by hand because the library drops modelCard, formulation and data; checked in the tests with the official
strict validator. The same model and time give the same bytes: the serial number is made from the model digest.
Source: CycloneDX 1.6 JSON schema; OWASP AIBOM generator for the `genai:aibom:*` properties.
"""

from __future__ import annotations

from urllib.parse import quote

from weighbridge.core.evidence import CYCLONEDX_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.sbom.collect import BillFile, ModelBill

NAMESPACE = "6f8d1f2e-5d8c-5b0a-9a54-6a2f0c1b7d11"
"""UUID namespace of serial numbers; a constant of ours."""


class CycloneDxBill(NamedTuple):
    """The bill as evidence; `made_at` is UTC, RFC 3339."""

    bill: ModelBill
    made_at: str

    @property
    def kind(self) -> str:
        return "sbom"

    @property
    def predicate_type(self) -> str:
        return CYCLONEDX_PREDICATE

    @property
    def subject(self) -> Digest:
        return self.bill.digest

    def predicate(self) -> dict[str, Any]:
        """The whole document."""
        return render_cyclonedx(self.bill, made_at=self.made_at)


def render_cyclonedx(bill: ModelBill, *, made_at: str) -> dict[str, Any]:
    """The bill as a CycloneDX document."""
    import uuid

    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.UUID(NAMESPACE), str(bill.digest))}",
        "version": 1,
        "metadata": {
            "timestamp": made_at,
            "tools": {"components": [{"type": "application", "name": bill.tool.name, "version": bill.tool.version}]},
            "component": _model(bill),
        },
        "components": [_file(file) for file in bill.files],
        "dependencies": [{"ref": "model", "dependsOn": [f"file:{file.path}" for file in bill.files]}],
    }


def _model(bill: ModelBill) -> dict[str, Any]:
    component: dict[str, Any] = {
        "bom-ref": "model",
        "type": "machine-learning-model",
        "name": plain(bill.name),
        "version": bill.revision or bill.digest.hex,
        "hashes": [{"alg": "SHA-256", "content": bill.digest.hex}],
        "modelCard": _card(bill),
        "properties": _properties(bill),
    }
    if bill.source:
        url = quote(bill.source, safe=":/@#?=&+", errors="surrogateescape")
        component["externalReferences"] = [{"type": "distribution", "url": url}]
    if bill.declared.base_model:
        base = {"type": "machine-learning-model", "name": plain(bill.declared.base_model)}
        component["pedigree"] = {"ancestors": [base]}
    return component


def _card(bill: ModelBill) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    if bill.declared.model_type:
        parameters["architectureFamily"] = plain(bill.declared.model_type)
    if bill.declared.architectures:
        parameters["modelArchitecture"] = plain(", ".join(bill.declared.architectures))
    return {"modelParameters": parameters} if parameters else {}


def _properties(bill: ModelBill) -> list[dict[str, str]]:
    declared, observed = bill.declared, bill.observed
    values = [
        ("weighbridge:scan:verdict", bill.verdict),
        ("weighbridge:scan:date", bill.scanned_at),
        ("weighbridge:scan:knowledge", bill.knowledge),
        ("weighbridge:coverage:parsed", str(bill.coverage.parsed)),
        ("weighbridge:coverage:data", str(bill.coverage.data)),
        ("weighbridge:coverage:opaque", str(bill.coverage.opaque)),
        ("weighbridge:formats", ", ".join(bill.formats)),
        ("weighbridge:pickle-present", str(bill.pickle_present).lower()),
        ("weighbridge:observed:tensors", str(observed.tensors) if observed.tensors else ""),
        ("weighbridge:observed:parameters", str(observed.parameters) if observed.tensors else ""),
        *((f"weighbridge:observed:dtype:{dtype}", str(elements)) for dtype, elements in observed.dtypes),
        ("weighbridge:declared:dtype", declared.dtype),
        ("weighbridge:declared:quantization", declared.quantization),
        ("weighbridge:declared:library-version", declared.library_version),
        *(("weighbridge:declared:custom-code", code) for code in declared.custom_code),
        ("genai:aibom:modelcard:typeOfModel", declared.model_type),
    ]
    return [{"name": name, "value": plain(value)} for name, value in values if value]


def _file(file: BillFile) -> dict[str, Any]:
    return {
        "bom-ref": f"file:{file.path}",
        "type": "file",
        "name": plain(file.path),
        "hashes": [{"alg": "SHA-256", "content": file.sha256.hex}],
        "properties": [
            {"name": "weighbridge:size", "value": str(file.size)},
            {"name": "weighbridge:format", "value": file.format},
            {"name": "weighbridge:can-carry-code", "value": str(file.can_carry_code).lower()},
        ],
    }
