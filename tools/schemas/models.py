"""What is said of one model: scanned, taken in, converted, verified, and its bill of materials."""

from __future__ import annotations

from typing import Literal, get_args

from tools.schemas.shapes import Hex, ListOf, OneOf, Shape, fields_of, first_sentence, shape_of, top, tops

from weighbridge.attest.model_signing import VerifiedModel
from weighbridge.convert.record import ConversionRecord
from weighbridge.core.artifact import Artifact, CoverageBytes, InspectedFile
from weighbridge.core.claims import Claim
from weighbridge.core.digests import Digest
from weighbridge.core.facts import Fact
from weighbridge.core.findings import Verdict
from weighbridge.core.origin import Origin
from weighbridge.engines.base import EngineReport
from weighbridge.provenance.report import ProvenanceReport
from weighbridge.sbom.check import BillCheck
from weighbridge.sbom.diff import BillDiff
from weighbridge.sbom.minimal import SCHEMA as SBOM_SCHEMA
from weighbridge.sbom.statements import Statement
from weighbridge.scan.report import BlobFacts, FactSheet, ScanReport


def shapes() -> dict[str, Shape | OneOf]:
    """Every document about one model, by the name of its schema."""
    {"reports": ListOf(scan_shape())}
    return {
        "scan": scan_shape(),
        "scan-set": top(
            "ScanSet", "One report for each PATH.", "weighbridge.scan-set/1", {"reports": ListOf(scan_shape())}
        ),
        "facts": facts_shape(),
        "intake": intake_shape(),
        "convert": convert_shapes(),
        "provenance": provenance_shape(),
        "verify": verify_shapes(),
        **sbom_shapes(),
    }


def scan_shape() -> Shape:
    """One scan report, as `scan.report.ScanReport.predicate` writes it."""
    fields = fields_of(ScanReport)
    unread = fields.pop("unread")
    fields["artifact"] = shape_of(Artifact, files=ListOf(shape_of(InspectedFile, sha256=Hex)))
    total = {"bytes": int, **fields_of(CoverageBytes), "unread": unread}
    fields["coverage"] = Shape("Coverage", "Bytes of all files, and what was not inspected.", total)
    fields["engines"] = tuple[EngineReport, ...]
    return top("ScanReport", first_sentence(ScanReport.__doc__), "weighbridge.scan/1", fields)._replace(
        optional=("engines",)
    )


def facts_shape() -> Shape:
    """All facts of one artifact, as `scan.report.FactSheet.predicate` writes them."""
    kinds = []
    for fact in get_args(Fact):
        shape = shape_of(fact)
        kinds.append(shape._replace(fields={"fact": Literal[fact.__name__], **shape.fields}))
    blob = shape_of(BlobFacts, facts=ListOf(OneOf(tuple(kinds))))
    fields = fields_of(FactSheet)
    written = {"digest": fields["subject"], "tool": fields["tool"], "blobs": ListOf(blob)}
    return top("FactSheet", first_sentence(FactSheet.__doc__), "weighbridge.facts/1", written)


def intake_shape() -> Shape:
    """The outcome of gate one, as `cli/intake.py` writes it. A refused model has no reference and no digest."""
    evidence = Shape("EvidenceItem", "One piece of stored evidence.", {"type": str, "digest": Digest})
    fields = {
        "decision": Literal["admitted", "refused"],
        "verdict": Verdict,
        "refusal": str,
        "reference": str,
        "digest": Digest | Literal[""],
        "evidence": ListOf(evidence),
        "engines": tuple[EngineReport, ...],
        "provenance": provenance_shape(),
        "report": scan_shape(),
    }
    return top("Intake", "The outcome of gate one.", "weighbridge.intake/1", fields)


def convert_shapes() -> OneOf:
    """The answer of `weighbridge convert`: the record, or refused with a sentence."""
    fields = fields_of(ConversionRecord)
    record = {
        "converted": Literal[True],
        "from": fields["source"],
        "to": fields["target"],
        "tensors": fields["tensors"],
        "shared": fields["shared"],
        "left_out": fields["left_out"],
        "road": Literal["symbolic", "torch"],
        "walls": fields["walls"],
        "tool": fields["tool"],
    }
    refused = {"converted": Literal[False], "refusal": str, "mend": str}
    about = (first_sentence(ConversionRecord.__doc__), "It was not converted, and nothing was written.")
    return OneOf(
        (
            top("ConversionRecord", about[0], "weighbridge.convert/1", record),
            top("NotConverted", about[1], "weighbridge.convert/1", refused),
        )
    )


def provenance_shape() -> Shape:
    """A provenance report, as `provenance.report.ProvenanceReport.predicate` writes it."""
    fields = fields_of(ProvenanceReport)
    claim = Shape("Claim", first_sentence(Claim.__doc__), {})
    claim = claim._replace(fields={**fields_of(Claim), "parts": ListOf(claim)})
    written = {
        "digest": fields["subject"],
        "source": source_shape("Where the model came from."),
        "signer": str,
        "claims": ListOf(claim),
        "tool": fields["tool"],
        "envelope": fields["envelope"],
    }
    return top("ProvenanceReport", first_sentence(ProvenanceReport.__doc__), "weighbridge.provenance/1", written)


def source_shape(about: str) -> Shape:
    """What a report repeats of the origin."""
    origin = fields_of(Origin)
    return Shape("Source", about, {name: origin[name] for name in ("kind", "place", "asked", "revision")})


def verify_shapes() -> OneOf:
    """The answer of `weighbridge verify`: verified, or refused with a code."""
    fields = fields_of(VerifiedModel)
    signed = Shape("SignedFile", "A file that the signature covers.", {"path": str, "sha256": Hex})
    verified = {
        "verified": Literal[True],
        "name": fields["name"],
        "digest": fields["digest"],
        "signer": fields["signer_name"],
        "keyId": fields["key_id"],
        "files": ListOf(signed),
        "unsigned": fields["unsigned"],
    }
    refused = {"verified": Literal[False], "code": str, "got": str, "expected": str}
    about = (first_sentence(VerifiedModel.__doc__), "The signature does not hold, or its signer is not trusted.")
    return OneOf(
        (
            top("VerifiedModel", about[0], "weighbridge.verify/1", verified),
            top("Refused", about[1], "weighbridge.verify/1", refused),
        )
    )


def sbom_shapes() -> dict[str, Shape]:
    """The short bill of materials, and the answers of `weighbridge sbom diff` and `check`."""
    known = str | None
    provenance = {"baseModel": known, "source": known, "commitHash": known, "signatureVerified": bool | None}
    artifact = {"filename": str, "size": int, "sha256": Hex, "format": str, "canCarryCode": bool}
    needed = {
        "name": str,
        "version": known,
        "wanted": known,
        "kind": Literal["package", "platform", "runtime"],
        "purl": known,
        "where": str,
    }
    scanned = {"scanTool": str, "scanDate": str, "scanResult": Verdict, "format": str, "picklePresent": bool}
    bill = {
        "sbomVersion": Literal["1.0"],
        "modelName": str,
        "modelDigest": Digest,
        "generatedAt": str,
        "provenance": Shape("BillProvenance", "Where the model comes from; null: not known.", provenance),
        "artifacts": ListOf(Shape("BillArtifact", "A file of the model.", artifact)),
        "dependencies": ListOf(Shape("BillDependency", "Something that is needed to run it.", needed)),
        "securityMetadata": Shape("BillSecurity", "What the scan found.", scanned),
        "statements": tuple[Statement, ...],
        "unknown": tuple[str, ...],
    }
    return {
        "sbom": top("Bill", "The bill of materials of a model in a few fields.", SBOM_SCHEMA, bill),
        **tops({"sbom-diff": BillDiff, "sbom-check": BillCheck}),
    }
