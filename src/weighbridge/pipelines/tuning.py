"""What a model was fine-tuned on and how: signed reports on data, and parameters, become evidence about the model."""

from __future__ import annotations

from weighbridge.attest.trust import open_statement
from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.evidence import DATASET_PREDICATE, FINE_TUNING_PREDICATE, Tool
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.datasets import BASE, SCHEMA, fine_tuned, lacking
from weighbridge.sbom.bill import DataSet, Said

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.settings import StagePolicy
    from weighbridge.provenance.report import ProvenanceReport
    from weighbridge.sbom.bill import BaseModel, ModelBill
    from weighbridge.scan.report import Envelope, ScanReport

KEPT = ("rootDigest", "records", "source", "complete", "incomplete", "claims", "envelope")
"""What is repeated of a fingerprint; its files are named by the root."""
MOST = 20


class DataReport(NamedTuple):
    """A signed report on one data set: who signed it, the digest of its bundle, and what it says."""

    name: str
    signer: str
    bundle: Digest
    predicate: dict[str, Any]


class Tuning(NamedTuple):
    """What whoever hands a model in knows of its training: bundles with reports on the data, and parameters."""

    bundles: tuple[bytes, ...] = ()
    parameters: tuple[Said, ...] = ()


NO_TUNING = Tuning()


class FineTuning(NamedTuple):
    """On which data, from which models and with which parameters a model was made."""

    subject: Digest
    bases: tuple[BaseModel, ...]
    parameters: tuple[Said, ...]
    reports: tuple[DataReport, ...]
    envelope: Envelope
    tool: Tool = Tool()

    @property
    def kind(self) -> str:
        return "fine-tuning"

    @property
    def predicate_type(self) -> str:
        return FINE_TUNING_PREDICATE

    def predicate(self) -> dict[str, Any]:
        """The statement as JSON: see `gate.datasets`."""
        return {
            "schema": SCHEMA,
            "digest": str(self.subject),
            "bases": [{"name": one.name, "digest": one.digest} for one in self.bases],
            "parameters": [{"name": one.name, "value": one.value, "where": one.where} for one in self.parameters],
            "datasets": [_report(one) for one in self.reports],
            "tool": self.tool._asdict(),
            "envelope": self.envelope._asdict(),
        }


def _report(one: DataReport) -> dict[str, Any]:
    said = {key: one.predicate[key] for key in KEPT if key in one.predicate}
    if isinstance(said.get("incomplete"), list):
        said["incomplete"] = said["incomplete"][:MOST]
    return {
        "name": one.name,
        "signer": one.signer,
        "report": str(one.bundle),
        "fingerprint": said,
        "check": one.predicate.get("check"),
    }


def read_reports(bundles: Sequence[bytes], trust: TrustPolicy, now: datetime) -> tuple[DataReport, ...]:
    """Reports on data by somebody who may sign them. Raises Rejected for any other."""
    found = []
    for bundle in bundles:
        verified = open_statement(bundle, trust.for_evidence(), predicate_type=DATASET_PREDICATE, now=now)
        name = plain(verified.statement.subjects[0].name, 200) or "data"
        found.append(DataReport(name, verified.signer_name, digest_bytes(bundle), verified.statement.predicate))
    return tuple(found)


def data_sets(reports: Sequence[DataReport]) -> tuple[DataSet, ...]:
    """The same for a bill of materials: the version is the revision of the data, or else the root of its records."""
    return tuple(_data_set(one) for one in reports)


def _data_set(one: DataReport) -> DataSet:
    root = str(one.predicate.get("rootDigest")).removeprefix("sha256:")
    records, source = one.predicate.get("records"), one.predicate.get("source")
    number, tree = (records.get("number"), records.get("root")) if isinstance(records, dict) else ("", "")
    revision = str(source.get("revision") or "") if isinstance(source, dict) else ""
    where = f"the report on it, signed by {one.signer}"
    return DataSet(one.name, "training", where, revision or str(tree), root, f"{number} records, root {tree}")


def tuning_of(bill: ModelBill, reports: Sequence[DataReport], tuning: Tuning, envelope: Envelope) -> FineTuning | None:
    """What is known of the fine-tuning; None if nobody handed a report in."""
    if not reports:
        return None
    said = (*tuning.parameters, *bill.method, *bill.training)
    return FineTuning(bill.digest, bill.bases, said, tuple(reports), envelope)


def tuning_refusal(
    report: ScanReport, provenance: ProvenanceReport, policy: StagePolicy, found: FineTuning | None
) -> str:
    """Why a stage does not take a model in for what is known of its training; empty if it does."""
    if policy.dataset == "off":
        return ""
    named = [claim.value for claim in provenance.claims if claim.claim == BASE and claim.status.value != "contradicted"]
    named += [
        part.value
        for claim in provenance.claims
        for part in claim.parts
        if part.claim == BASE and part.status.value != "contradicted"
    ]
    why = fine_tuned((file.path for file in report.artifact.files), named)
    if policy.dataset == "fine-tuned" and not why:
        return ""
    missing = lacking(found.predicate() if found else None, policy)
    return f"{why or 'this stage wants it of every model'}; {missing}" if missing else ""
