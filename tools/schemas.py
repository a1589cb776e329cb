"""Generate the JSON Schemas (draft 2020-12) of what Weighbridge prints as JSON, into src/weighbridge/schemas/.

    record types → fields → documents → schemas/<name>.json

A schema is never written by hand: a field that is added to a record appears in it, and a document that no longer has
its fields fails the tests. Records are closed (no other fields); documents are open, because more fields are welcome.

Run: python tools/schemas.py [--check]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NewType, Union, get_args, get_origin, get_type_hints

from weighbridge.attest.model_signing import VerifiedModel
from weighbridge.azure.policy.effects import Judgement, Operation
from weighbridge.azure.policy.evaluate import Line
from weighbridge.azure.policy.lint import PolicyFinding
from weighbridge.cli.decisions import LoggedDecision
from weighbridge.cli.doctor_checks import Check
from weighbridge.cli.exemption import ListedExemption
from weighbridge.cli.policy import Demand, ReadFeed
from weighbridge.cli.trust import TrustRow
from weighbridge.controls.base import Check as AuditCheck
from weighbridge.controls.base import Judged
from weighbridge.controls.base import Result as CheckResult
from weighbridge.controls.checklist import Audited, Drift
from weighbridge.controls.defender import Covered
from weighbridge.controls.knowledge import Mapping as Mapped
from weighbridge.convert.record import ConversionRecord
from weighbridge.core.artifact import Artifact, CoverageBytes, InspectedFile, Unread
from weighbridge.core.claims import Claim, Status
from weighbridge.core.digests import Digest
from weighbridge.core.evidence import Tool
from weighbridge.core.facts import Fact
from weighbridge.core.findings import Finding, Severity, Verdict
from weighbridge.core.origin import Origin
from weighbridge.core.settings import STAGES
from weighbridge.dataset.difference import Difference
from weighbridge.dataset.fingerprint import DatasetFingerprint
from weighbridge.dataset.report import CheckReport, DataFinding
from weighbridge.engines.base import EngineReport
from weighbridge.gate.decision import Recorded, ShownExemption, UsedEvidence
from weighbridge.gate.reason import Reason
from weighbridge.index.check import Checked
from weighbridge.index.sheets import Change
from weighbridge.monitor.base import Alert, MonitorReport
from weighbridge.monitor.probe import ProbeReport
from weighbridge.pipelines.deployment import GateDecision
from weighbridge.pipelines.inventory import ShownModel, Tree, Verification
from weighbridge.pipelines.policy_cases import Tried
from weighbridge.pipelines.sweeping import ORDER
from weighbridge.provenance.report import ProvenanceReport
from weighbridge.registry.copy import Copied
from weighbridge.registry.garbage import Garbage
from weighbridge.registry.read import StoredFile
from weighbridge.render.index import AnswerDocument, IndexDocument, RebuiltDocument
from weighbridge.render.registry import Listing
from weighbridge.rules.base import Rule
from weighbridge.sandbox.probe import Wall
from weighbridge.sbom.check import BillCheck
from weighbridge.sbom.diff import BillDiff
from weighbridge.sbom.minimal import SCHEMA as SBOM_SCHEMA
from weighbridge.sbom.statements import Statement
from weighbridge.scan.report import BlobFacts, Envelope, FactSheet, ScanReport

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src", "weighbridge", "schemas")
DIALECT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://weighbridge.dev/schemas"

SOURCE_FIELDS = ("kind", "place", "asked", "revision")
"""What a provenance report repeats of the origin."""
Hex = NewType("Hex", str)
"""A sha256 digest as 64 digits, without the name of its algorithm."""
NAMES: Mapping[str, Any] = MappingProxyType(
    {
        record.__name__: record
        for record in (
            Artifact,
            BlobFacts,
            CheckReport,
            Claim,
            Digest,
            Envelope,
            Finding,
            InspectedFile,
            Line,
            Operation,
            Origin,
            StoredFile,
            Tool,
            Unread,
            Verdict,
        )
    }
    | {"Fact": Fact, "Mapping": Mapping, "Callable": Callable, "Iterator": Iterator}
)
"""Types that records name without importing them at run time."""


class Shape(NamedTuple):
    """An object of a document: its fields by name, each with its type. `closed` allows no other fields.

    Those in `optional` may be missing.
    """

    name: str
    about: str
    fields: Mapping[str, Any]
    closed: bool = True
    optional: tuple[str, ...] = ()


class ListOf(NamedTuple):
    """A list whose items are all of one kind."""

    item: Any


class OneOf(NamedTuple):
    """Exactly one of several objects."""

    shapes: tuple[Shape, ...]


def fields_of(record: type) -> dict[str, Any]:
    """The fields of a named tuple and their types. Raises NameError for a type that is neither there nor in NAMES."""
    names = {**vars(typing), **NAMES, **vars(sys.modules[record.__module__])}
    return get_type_hints(record, globalns=names)


def shape_of(record: type, **changes: Any) -> Shape:
    """The object that a named tuple is written as. `changes` are fields that are written as another type."""
    return Shape(record.__name__, first_sentence(record.__doc__), {**fields_of(record), **changes})


def schema_of(kind: Any, named: dict[str, Any]) -> dict[str, Any]:
    """The schema of one type. Objects go into `named` (the `$defs` of the schema) and are referred to.

    Knows str, int, float, bool, None, Literal, Enum, Digest, Hex, tuple[X, ...], named tuples, unions, Shape,
    ListOf and OneOf. Raises TypeError for anything else: a type that JSON cannot say must not slip into a document.
    """
    simple = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
    if isinstance(kind, Shape):
        return _referred(kind, named)
    if isinstance(kind, ListOf):
        return {"type": "array", "items": schema_of(kind.item, named)}
    if isinstance(kind, OneOf):
        return {"oneOf": [_referred(shape, named) for shape in kind.shapes]}
    if kind is Digest:
        return {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
    if kind is Hex:
        return {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    if kind in simple:
        return {"type": simple[kind]}
    if get_origin(kind) is Literal:
        values = list(get_args(kind))
        return {"const": values[0]} if len(values) == 1 else {"enum": values}
    if get_origin(kind) in (Union, UnionType):
        return {"anyOf": [schema_of(part, named) for part in get_args(kind)]}
    if get_origin(kind) is tuple and len(get_args(kind)) == 2 and get_args(kind)[1] is Ellipsis:
        return schema_of(ListOf(get_args(kind)[0]), named)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _referred(shape_of(kind), named)
    raise TypeError(f"no schema can be made of {kind!r}")


def _referred(shape: Shape, named: dict[str, Any]) -> dict[str, Any]:
    if shape.name not in named:
        named[shape.name] = {}  # the name is taken before the fields are read: a record may contain itself
        named[shape.name] = _object(shape, named)
    return {"$ref": f"#/$defs/{shape.name}"}


def _object(shape: Shape, named: dict[str, Any]) -> dict[str, Any]:
    return {
        **({"description": shape.about} if shape.about else {}),
        "type": "object",
        "properties": {name: schema_of(kind, named) for name, kind in shape.fields.items()},
        "required": [name for name in shape.fields if name not in shape.optional],
        "additionalProperties": not shape.closed,
    }


def document(name: str, body: Shape | OneOf) -> dict[str, Any]:
    """A whole schema file."""
    named: dict[str, Any] = {}
    main = schema_of(body, named)
    if isinstance(body, Shape):
        main = named[body.name]
        del named[body.name]
    head = {"$schema": DIALECT, "$id": f"{BASE}/{name}.json", "title": f"weighbridge {name}"}
    return {**head, **main, **({"$defs": dict(sorted(named.items()))} if named else {})}


def first_sentence(text: str | None) -> str:
    """The first sentence of a docstring on one line."""
    paragraph = " ".join((text or "").strip().split("\n\n", 1)[0].split())
    end = paragraph.find(". ")
    return paragraph if end < 0 else paragraph[: end + 1]


def _top(name: str, about: str, version: str, fields: Mapping[str, Any]) -> Shape:
    return Shape(name, about, {"schema": Literal[version], **fields}, closed=False)


def scan_shape() -> Shape:
    """One scan report, as `scan.report.ScanReport.predicate` writes it."""
    fields = fields_of(ScanReport)
    unread = fields.pop("unread")
    fields["artifact"] = shape_of(Artifact, files=ListOf(shape_of(InspectedFile, sha256=Hex)))
    total = {"bytes": int, **fields_of(CoverageBytes), "unread": unread}
    fields["coverage"] = Shape("Coverage", "Bytes of all files, and what was not inspected.", total)
    fields["engines"] = tuple[EngineReport, ...]
    top = _top("ScanReport", first_sentence(ScanReport.__doc__), "weighbridge.scan/1", fields)
    return top._replace(optional=("engines",))


def facts_shape() -> Shape:
    """All facts of one artifact, as `scan.report.FactSheet.predicate` writes them."""
    kinds = []
    for fact in get_args(Fact):
        shape = shape_of(fact)
        kinds.append(shape._replace(fields={"fact": Literal[fact.__name__], **shape.fields}))
    blob = shape_of(BlobFacts, facts=ListOf(OneOf(tuple(kinds))))
    fields = fields_of(FactSheet)
    written = {"digest": fields["subject"], "tool": fields["tool"], "blobs": ListOf(blob)}
    return _top("FactSheet", first_sentence(FactSheet.__doc__), "weighbridge.facts/1", written)


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
    return _top("Intake", "The outcome of gate one.", "weighbridge.intake/1", fields)


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
            _top("ConversionRecord", about[0], "weighbridge.convert/1", record),
            _top("NotConverted", about[1], "weighbridge.convert/1", refused),
        )
    )


def provenance_shape() -> Shape:
    """A provenance report, as `provenance.report.ProvenanceReport.predicate` writes it."""
    fields = fields_of(ProvenanceReport)
    origin = fields_of(Origin)
    source = Shape("Source", "Where the model came from.", {name: origin[name] for name in SOURCE_FIELDS})
    claim = Shape("Claim", first_sentence(Claim.__doc__), {})
    claim = claim._replace(fields={**fields_of(Claim), "parts": ListOf(claim)})
    written = {
        "digest": fields["subject"],
        "source": source,
        "signer": str,
        "claims": ListOf(claim),
        "tool": fields["tool"],
        "envelope": fields["envelope"],
    }
    return _top("ProvenanceReport", first_sentence(ProvenanceReport.__doc__), "weighbridge.provenance/1", written)


def decision_shape() -> Shape:
    """The answer of gate two, as `gate.decision.Decision.document` writes it."""
    fields = {
        "decision": Literal["allow", "deny"],
        "digest": Digest,
        "stage": Literal[STAGES],
        "madeAt": str,
        "reference": str,
        "reasons": tuple[Reason, ...],
        "warnings": tuple[str, ...],
        "exemptions": tuple[ShownExemption, ...],
        "evidence": tuple[UsedEvidence, ...],
        "policy": str,
        "knowledge": str,
        "recorded": Recorded,
    }
    top = _top("Decision", "The answer of gate two, with every reason.", "weighbridge.decision/1", fields)
    return top._replace(optional=("recorded",))


def gate_shapes() -> dict[str, Shape]:
    """What `weighbridge policy`, `exemption` and `decisions` say."""
    bodies: dict[str, tuple[str, str, dict[str, Any]]] = {
        "policy": (
            "What each stage demands.",
            "policy",
            {"demands": tuple[Demand, ...], "feeds": tuple[str, ...], "feeds_signed": bool},
        ),
        "policy-test": ("What came of a table of cases.", "policy-test", {"passed": bool, "cases": tuple[Tried, ...]}),
        "feeds": ("The feeds of bad digests.", "feeds", {"feeds": tuple[ReadFeed, ...]}),
        "exemptions": ("Exemptions.", "exemptions", {"exemptions": tuple[ListedExemption, ...]}),
        "decisions": ("The last decisions.", "decisions", {"decisions": tuple[LoggedDecision, ...]}),
        "decisions-verify": (
            "Whether the log of decisions is whole, and that of changes over the server.",
            "decisions-verify",
            {**fields_of(Checked), "changes": Checked | None},
        ),
        "sweep": (
            "Every indexed model, judged with the knowledge of today.",
            "sweep",
            {
                "sweep": int,
                "knowledge": str,
                "models": int,
                "judged": int,
                "verdicts": Shape("Models", "How many models have which verdict.", dict.fromkeys(ORDER, int)),
                **dict.fromkeys(("worse", "changed", "outdated"), tuple[Change, ...]),
            },
        ),
    }
    return {
        name: _top(name.title().replace("-", ""), about, f"weighbridge.{schema}/1", fields)
        for name, (about, schema, fields) in bodies.items()
    }


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
            _top("VerifiedModel", about[0], "weighbridge.verify/1", verified),
            _top("Refused", about[1], "weighbridge.verify/1", refused),
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
        "sbom": _top("Bill", "The bill of materials of a model in a few fields.", SBOM_SCHEMA, bill),
        "sbom-diff": _top("BillDiff", first_sentence(BillDiff.__doc__), "weighbridge.sbom-diff/1", fields_of(BillDiff)),
        "sbom-check": _top(
            "BillCheck", first_sentence(BillCheck.__doc__), "weighbridge.sbom-check/1", fields_of(BillCheck)
        ),
    }


def rules_shape() -> Shape:
    """The list of rules, as `cli/rules.py` writes it."""
    fields = fields_of(Rule)
    row = {
        "id": fields["id"],
        "severity": fields["severity"],
        "title": str,
        "since": fields["since"],
        "references": fields["references"],
    }
    rows = ListOf(Shape("Rule", "One rule; `weighbridge explain` says the rest.", row))
    return _top("Rules", "Every rule, by id.", "weighbridge.rules/1", {"rules": rows})


def trust_shape() -> Shape:
    """The entries of the trust store, as `cli/trust.py` writes them."""
    return _top("Trust", "Whose signatures count.", "weighbridge.trust/1", {"entries": tuple[TrustRow, ...]})


def audit_shape() -> Shape:
    """An audit of an estate, as `render/audit.py` writes it."""
    control = _judged({"mappings": tuple[Mapped, ...]}, "Control", "One control and its answer.")
    fields = {
        "holds": bool,
        "controls": ListOf(control),
        "defender": tuple[Covered, ...],
        "drift": tuple[Drift, ...],
        "problems": tuple[str, ...],
        "madeAt": str,
    }
    return _top("Audit", first_sentence(Audited.__doc__), "weighbridge.audit/1", fields)


def identity_shape() -> Shape:
    """The check of federated credentials, as `render/identity.py` writes it."""
    rule = _judged({"severity": Literal["fail", "warn"], "shuts": bool}, "IdentityRule", "One rule and its answer.")
    fields = {"holds": bool, "rules": ListOf(rule), "commands": tuple[str, ...], "problems": tuple[str, ...]}
    return _top("Identity", "Federated credentials and workflows, judged.", "weighbridge.identity/1", fields)


def azure_shapes() -> dict[str, Shape]:
    """The gate before a deployment, and publishing, as their records write themselves."""
    decision = {"decision": Literal["allow", "deny"]}
    properties = Shape("Properties", "What belongs into the deployment's properties.", {}, closed=False)
    gate = {
        **decision,
        "digest": Digest | Literal[""],
        "stage": Literal[STAGES],
        "deployment": str,
        "asset": str,
        "madeAt": str,
        "inputs": Digest,
        "id": str,
        "properties": properties,
        "reasons": tuple[Reason, ...],
    }
    file = Shape("PublishedFile", "A file of the model.", {"path": str, "size": int, "sha256": Hex})
    publish = {
        **decision,
        "digest": Digest,
        "asset": str,
        "published": bool,
        "path": str,
        "body": Shape("AssetBody", "What registers the asset.", {}, closed=False),
        "files": ListOf(file),
        "reasons": tuple[Reason, ...],
    }
    return {
        "azure-gate": _top("AzureGate", first_sentence(GateDecision.__doc__), "weighbridge.azure-gate/1", gate),
        "azure-publish": _top(
            "AzurePublish", "What was, or would be, published.", "weighbridge.azure-publish/1", publish
        ),
    }


def _judged(more: Mapping[str, Any], name: str, about: str) -> Shape:
    fields = {**fields_of(Judged), "result": CheckResult, "checks": tuple[AuditCheck, ...]}
    return Shape(name, about, {**fields, **more})


def monitor_shapes() -> dict[str, Shape]:
    """What `weighbridge monitor` says, as `render/monitor.py` and `monitor/probe.py` write it."""
    texts = Shape("Texts", "Output columns of the detection, by name.", {}, closed=False)
    alert = shape_of(Alert, entities=texts, details=texts)
    alert = alert._replace(fields={("count" if name == "times" else name): kind for name, kind in alert.fields.items()})
    fields = {**fields_of(MonitorReport), "alerts": ListOf(alert)}
    row = {"id": str, "number": str, "title": str, "severity": Severity, "references": tuple[str, ...]}
    row |= {"tables": tuple[str, ...], "parameters": tuple[str, ...]}
    rows = ListOf(Shape("Detection", "One detection; `weighbridge monitor explain` says the rest.", row))
    result = {**fields_of(ProbeReport), "result": Literal["same", "changed", "unknown"]}
    return {
        "monitor": _top("MonitorReport", first_sentence(MonitorReport.__doc__), "weighbridge.monitor/1", fields),
        "monitor-list": _top("Detections", "Every detection.", "weighbridge.monitor-list/1", {"detections": rows}),
        "alerts": _top("Alerts", "What a webhook gets.", "weighbridge.alerts/1", {"alerts": ListOf(alert)}),
        "probe": _top("ProbeReport", first_sentence(ProbeReport.__doc__), "weighbridge.probe/1", result),
    }


def registry_shapes() -> dict[str, Shape]:
    """What `weighbridge registry` says, as `render/registry.py` writes the records; a refused copy is a decision."""
    records: dict[str, type] = {
        "registry-list": Listing,
        "registry-show": ShownModel,
        "registry-tree": Tree,
        "registry-verify": Verification,
        "registry-copy": Copied,
        "registry-gc": Garbage,
    }
    return {
        name: _top(record.__name__, first_sentence(record.__doc__), f"weighbridge.{name}/1", fields_of(record))
        for name, record in records.items()
    }


def index_shapes() -> dict[str, Shape]:
    """What `weighbridge index` and `weighbridge query` say, as `render/index.py` writes it."""
    records: dict[str, type] = {
        "query": AnswerDocument,
        "index-rebuild": RebuiltDocument,
        "index-show": IndexDocument,
    }
    return {
        name: _top(record.__name__, first_sentence(record.__doc__), f"weighbridge.{name}/1", fields_of(record))
        for name, record in records.items()
    }


def azure_policy_shapes() -> dict[str, Shape]:
    """What `weighbridge azure policy` says, as `render/azure_policy.py` writes it."""
    judged = {**fields_of(Judgement), "knowledge": str}
    linted = {"findings": tuple[PolicyFinding, ...], "knowledge": str}
    written = {"folder": str, "files": ListOf(str)}
    about = "The files that the policies were written to."
    return {
        "azure-policy-test": _top(
            "Judgement", first_sentence(Judgement.__doc__), "weighbridge.azure-policy-test/1", judged
        ),
        "azure-policy-lint": _top(
            "PolicyLint", "What is wrong with policy definitions.", "weighbridge.azure-policy-lint/1", linted
        ),
        "azure-policy-render": _top("WrittenPolicies", about, "weighbridge.azure-policy-render/1", written),
    }


def dataset_shapes() -> dict[str, Shape]:
    """What `weighbridge dataset` says."""
    fields = fields_of(DatasetFingerprint)
    origin = fields_of(Origin)
    claim = Shape("Claim", first_sentence(Claim.__doc__), {"claim": str, "status": Status, "evidence": str})
    written = {
        "rootDigest": Digest,
        "files": fields["files"],
        "records": fields["records"],
        "source": Shape("Source", "Where it came from.", {name: origin[name] for name in SOURCE_FIELDS}),
        "claims": ListOf(claim),
        "complete": bool,
        "incomplete": fields["incomplete"],
        "tool": fields["tool"],
        "envelope": fields["envelope"],
    }
    checked = fields_of(CheckReport)
    check = {
        "verdict": Verdict,
        "findings": tuple[DataFinding, ...],
        "sight": checked["sight"],
        "records": int,
        "unread": checked["unread"],
    }
    count = Shape("Count", "How often a value stands there.", {"value": str, "count": int})
    column = Shape(
        "Column",
        "One column; what it has beside this goes by its kind.",
        {"name": str, "kind": str, "nulls": int, "distinct": int, "values": ListOf(count)},
        closed=False,
        optional=("values",),
    )
    table = {
        "files": tuple[str, ...],
        "rows": int,
        "label": str,
        "duplicates": Shape("Duplicates", "Rows that repeat another.", {"rows": int, "largest": int}),
        "near": Shape("Near", "Texts that are nearly the same.", {"looked_at": int, "rows": int, "largest": int}),
        "columns": ListOf(column),
    }
    images = Shape("Images", "Images by folder.", {"files": int, "bytes": int, "folders": ListOf(count)})
    profile = {
        "tables": ListOf(Shape("Table", "Files with the same columns.", table)),
        "images": images,
        "incomplete": tuple[str, ...],
    }
    bodies = {
        "dataset-fingerprint": (DatasetFingerprint.__doc__, written),
        "dataset-diff": (Difference.__doc__, fields_of(Difference)),
        "dataset-check": (CheckReport.__doc__, check),
        "dataset-profile": ("What is in a data set.", profile),
    }
    return {
        name: _top(name.title().replace("-", ""), first_sentence(about), f"weighbridge.{name}/1", body)
        for name, (about, body) in bodies.items()
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by the name of its file."""
    reports = {"reports": ListOf(scan_shape())}
    checks = {"checks": tuple[Check, ...], "walls": tuple[Wall, ...]}
    bodies: dict[str, Shape | OneOf] = {
        "scan": scan_shape(),
        "scan-set": _top("ScanSet", "One report for each PATH.", "weighbridge.scan-set/1", reports),
        "facts": facts_shape(),
        "intake": intake_shape(),
        "convert": convert_shapes(),
        "provenance": provenance_shape(),
        "decision": decision_shape(),
        "verify": verify_shapes(),
        "rules": rules_shape(),
        "trust": trust_shape(),
        "doctor": _top("Doctor", "What was looked at.", "weighbridge.doctor/1", checks),
    }
    bodies |= registry_shapes() | index_shapes() | azure_policy_shapes() | azure_shapes() | sbom_shapes()
    bodies |= {"audit": audit_shape(), "identity": identity_shape()}
    bodies |= gate_shapes()
    bodies |= monitor_shapes()
    bodies |= dataset_shapes()
    return {name: document(name, body) for name, body in bodies.items()}


def files() -> dict[str, str]:
    """The text of every schema file by its path."""
    return {
        os.path.join(FOLDER, f"{name}.json"): json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas().items()
    }


def out_of_date() -> list[str]:
    """Schema files that are missing, differ from what the generator makes, or are not made by it at all."""
    wanted = files()
    there = {os.path.join(FOLDER, name) for name in os.listdir(FOLDER)} if os.path.isdir(FOLDER) else set()
    return sorted(path for path in wanted.keys() | there if _read(path) != wanted.get(path))


def write(paths: Iterable[str]) -> None:
    """Bring these files up to date; one that the generator does not make is removed."""
    wanted = files()
    os.makedirs(FOLDER, exist_ok=True)
    for path in paths:
        if path not in wanted:
            os.remove(path)
            continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(wanted[path])


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def main(arguments: list[str]) -> int:
    """0: the files are what the generator makes. 1: with --check, they are not; each is one line on stderr."""
    parser = argparse.ArgumentParser(prog="schemas.py", description="Generate the JSON Schemas from the record types.")
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a file is out of date")
    options = parser.parse_args(arguments)
    stale = out_of_date()
    if not options.check:
        write(stale)
    for path in stale:
        print(f"{'out of date' if options.check else 'wrote'}: {os.path.relpath(path)}", file=sys.stderr)
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
