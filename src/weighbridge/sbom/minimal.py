"""The bill of materials in a few fields, with the names that guides of this field use, and its statements."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sbom.elements import unknown
from weighbridge.sbom.statements import statements

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.sbom.bill import Dependency, ModelBill

SCHEMA = "weighbridge.sbom/1"


def render_minimal(bill: ModelBill, *, made_at: str) -> dict[str, Any]:
    """The bill as a short JSON document; what is not known is null, and listed in `unknown`."""
    return {
        "schema": SCHEMA,
        "sbomVersion": "1.0",
        "modelName": bill.name,
        "modelDigest": str(bill.digest),
        "generatedAt": made_at,
        "provenance": {
            "baseModel": ", ".join(base.name for base in bill.bases) or None,
            "source": bill.source or None,
            "commitHash": bill.revision or None,
            "signatureVerified": bill.signature_verified,
        },
        "artifacts": [
            {
                "filename": file.path,
                "size": file.size,
                "sha256": file.sha256.hex,
                "format": file.format,
                "canCarryCode": file.can_carry_code,
            }
            for file in bill.files
        ],
        "dependencies": [_dependency(one) for one in bill.dependencies],
        "securityMetadata": {
            "scanTool": f"{bill.tool.name} {bill.tool.version}",
            "scanDate": bill.scanned_at,
            "scanResult": bill.verdict,
            "format": ", ".join(bill.formats),
            "picklePresent": bill.pickle_present,
        },
        "statements": [one._asdict() for one in statements(bill)],
        "unknown": list(unknown(bill)),
    }


def _dependency(need: Dependency) -> dict[str, Any]:
    return {
        "name": need.name,
        "version": need.version or None,
        "wanted": need.wanted or None,
        "kind": need.kind,
        "purl": need.purl or None,
        "where": need.where,
    }
