"""The bill of materials in a few fields, with the names that guides of this field use."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.sbom.collect import ModelBill


def render_minimal(bill: ModelBill, *, made_at: str) -> dict[str, Any]:
    """The bill as a short JSON document (schema `weighbridge.sbom/1`); what is not known is null."""
    declared = bill.declared
    return {
        "sbomVersion": "1.0",
        "modelName": bill.name,
        "modelDigest": str(bill.digest),
        "generatedAt": made_at,
        "provenance": {
            "baseModel": declared.base_model or None,
            "source": bill.source,
            "commitHash": bill.revision,
            "signatureVerified": None,
        },
        "artifacts": [
            {"filename": file.path, "size": file.size, "sha256": file.sha256.hex, "format": file.format}
            for file in bill.files
        ],
        "dependencies": [],
        "securityMetadata": {
            "scanTool": f"{bill.tool.name} {bill.tool.version}",
            "scanDate": bill.scanned_at,
            "scanResult": bill.verdict,
            "format": ", ".join(bill.formats),
            "picklePresent": bill.pickle_present,
        },
    }
