"""What goes into the bill of materials: from an inspection, and from what was read beside the weights."""

from __future__ import annotations

from weighbridge.core.artifact import CoverageBytes
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sbom import origins, runtime, training
from weighbridge.sbom.architecture import architecture, declared, observed
from weighbridge.sbom.bill import BillFile, ModelBill, Said
from weighbridge.sbom.carriers import can_carry_code, is_pickle
from weighbridge.sbom.documents import FRAMEWORKS, HYPERPARAMETERS, Documents

if TYPE_CHECKING:
    from weighbridge.sbom.bill import DataSet
    from weighbridge.scan.report import Inspection

NOTHING = Documents()
PROSE = 2_000
"""Characters of one passage of the card that are repeated."""


def collect(
    inspection: Inspection,
    *,
    source: str | None,
    revision: str | None,
    documents: Documents = NOTHING,
    supplier: str = "",
    released: str = "",
    data_sets: tuple[DataSet, ...] = (),
) -> ModelBill:
    """The bill of an inspected model.

    `source` and `revision` are where it came from, if that is known; `supplier` who gave it, `released` when (RFC
    3339); `data_sets` are those that whoever asks knows of, beside what the model says.
    """
    report = inspection.report
    blobs = inspection.facts.blobs
    inside: dict[str, set[str]] = {}
    for blob in blobs:
        inside.setdefault(blob.location.partition("!")[0], set()).add(blob.format)
    files = tuple(
        BillFile(
            file.path,
            file.size,
            file.sha256,
            file.format,
            can_carry_code(inside.get(file.path, set()) | {file.format}),
        )
        for file in report.artifact.files
    )
    coverages = [file.coverage for file in report.artifact.files]
    parsed, data, opaque = (sum(column) for column in zip(*coverages, strict=True)) if coverages else (0, 0, 0)
    configured = declared(blobs, documents)
    severities = [finding.severity for finding in report.findings]
    card = documents.card
    return ModelBill(
        name=report.artifact.name,
        digest=report.artifact.digest,
        files=files,
        declared=configured,
        observed=observed(blobs),
        verdict=report.verdict.value,
        coverage=CoverageBytes(parsed, data, opaque),
        pickle_present=any(is_pickle(blob.format) for blob in blobs),
        scanned_at=report.envelope.finished,
        knowledge=report.knowledge,
        tool=report.tool,
        source=source,
        revision=revision,
        findings=tuple((one.value, severities.count(one)) for one in Severity if one in severities),
        architecture=architecture(blobs, documents),
        bases=origins.bases(documents, configured),
        scratch=origins.from_scratch(documents),
        data_sets=_data(data_sets, origins.data_sets(blobs, documents)),
        method=training.method(documents),
        training=training.parameters(documents),
        dependencies=runtime.dependencies(blobs, documents),
        operators=runtime.operators(blobs),
        custom_code=runtime.custom_code(blobs),
        licence=origins.licence(documents),
        prose=_prose(documents),
        task=next(iter(card.of("pipeline_tag")), "")[:100] if card is not None else "",
        supplier=supplier,
        released=released,
        metrics=origins.metrics(documents),
        signature_verified=origins.signature(documents),
        problems=documents.problems,
    )


def _data(known: tuple[DataSet, ...], said: tuple[DataSet, ...]) -> tuple[DataSet, ...]:
    """What whoever asks knows, and what the model says of other data: one that is known needs no vaguer reference."""
    named = {(one.name, one.role) for one in known}
    return (*dict.fromkeys(known), *(one for one in said if (one.name, one.role) not in named))


def _prose(documents: Documents) -> tuple[Said, ...]:
    """The first passage on each subject."""
    found: dict[str, Said] = {}
    for passage in documents.card.passages if documents.card is not None else ():
        text = " ".join(passage.text.split())[:PROSE]
        if text and passage.subject not in (HYPERPARAMETERS, FRAMEWORKS):
            found.setdefault(passage.subject, Said(passage.subject, text, f"README.md, line {passage.line}"))
    return tuple(found.values())
