"""A bill as plain statements: subject, name, value. Every rendering carries them, so that any two can be compared.

CycloneDX has them as properties `weighbridge:SUBJECT:NAME`, SPDX as one annotation, the short JSON as `statements`.
"""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.sbom.bill import ModelBill

PREFIX = "weighbridge:"
SUBJECTS = {
    "model": "the model",
    "architecture": "architecture",
    "observed": "tensors",
    "declared": "configuration",
    "base-model": "base model",
    "dataset": "data",
    "method": "training method",
    "training": "training parameter",
    "dependency": "dependency",
    "operators": "operators",
    "custom-code": "custom code",
    "licence": "licence",
    "card": "card",
    "metric": "result",
    "scan": "scan",
    "coverage": "coverage",
    "evidence": "evidence",
    "unknown": "unknown",
}
"""Subject → how people call it."""
PASSING = frozenset(("scan", "coverage", "evidence"))
"""Subjects that say what was looked at, not what the model is: they may change while the model does not."""


class Statement(NamedTuple):
    """One statement. The same subject and name may have several values."""

    subject: str
    name: str
    value: str


def statements(bill: ModelBill) -> list[Statement]:
    """Everything that the bill says beside its files, in a fixed order and harmless to show; unknown values are not
    among it.
    """
    return [Statement(one.subject, plain(one.name), plain(one.value)) for one in _all(bill) if one.value]


def _all(bill: ModelBill) -> Iterator[Statement]:
    yield from _model(bill)
    declared, observed = bill.declared, bill.observed
    for one in bill.architecture:
        yield Statement("architecture", one.name, one.value)
    if observed.tensors:
        yield Statement("observed", "tensors", str(observed.tensors))
        yield Statement("observed", "parameters", str(observed.parameters))
    for dtype, elements in observed.dtypes:
        yield Statement("observed", f"dtype:{dtype}", str(elements))
    for weights in observed.weights:
        yield Statement("observed", f"parameters of {weights.path}", str(weights.parameters))
    yield Statement("declared", "architectures", ", ".join(declared.architectures))
    yield Statement("declared", "model-type", declared.model_type)
    yield Statement("declared", "dtype", declared.dtype)
    yield Statement("declared", "quantization", declared.quantization)
    yield Statement("declared", "library-version", declared.library_version)
    for code in declared.custom_code:
        yield Statement("declared", "custom-code", code)
    for one in bill.custom_code:
        yield Statement("custom-code", f"{one.where}: {one.name}", one.value)
    for base in bill.bases:
        known = "@".join(part for part in (base.name, base.digest or base.revision) if part)
        yield Statement("base-model", base.relation or "made of", known)
    if bill.scratch:
        yield Statement("base-model", "none", "trained from scratch")
    for data in bill.data_sets:
        yield Statement("dataset", data.role, "@".join(part for part in (data.name, data.version, data.digest) if part))
    for one in bill.method:
        yield Statement("method", one.name, one.value)
    for one in bill.training:
        yield Statement("training", one.name, one.value)
    for need in bill.dependencies:
        yield Statement("dependency", f"{need.kind} {need.name}", need.version or need.wanted or "any version")
    for used in bill.operators:
        name = f"{used.format} {used.domain or 'built-in'}"
        version = f" of version {used.version}" if used.version is not None else ""
        yield Statement("operators", name, f"{used.operators} operators{version}")
        for operator in used.custom:
            yield Statement("operators", f"{name} custom", operator)
    yield Statement("licence", "declared", bill.licence.declared)
    yield Statement("licence", "text", bill.licence.concluded)
    yield Statement("licence", "contradicted", bill.licence.problem)
    for metric in bill.metrics:
        yield Statement("metric", " on ".join(part for part in (metric.type, metric.data_set) if part), metric.value)
    for one in bill.prose:
        yield Statement("card", one.name, one.value)
    yield from _looked_at(bill)


def _model(bill: ModelBill) -> Iterator[Statement]:
    yield Statement("model", "source", bill.source or "")
    yield Statement("model", "revision", bill.revision or "")
    yield Statement("model", "supplier", bill.supplier)
    yield Statement("model", "released", bill.released)
    yield Statement("model", "task", bill.task)
    yield Statement("model", "formats", ", ".join(bill.formats))
    yield Statement("model", "pickle-present", str(bill.pickle_present).lower())
    if bill.signature_verified is not None:
        yield Statement("model", "signature-verified", str(bill.signature_verified).lower())


def _looked_at(bill: ModelBill) -> Iterator[Statement]:
    yield Statement("scan", "verdict", bill.verdict)
    yield Statement("scan", "date", bill.scanned_at)
    yield Statement("scan", "knowledge", bill.knowledge)
    for severity, count in bill.findings:
        yield Statement("scan", f"findings:{severity}", str(count))
    yield Statement("coverage", "parsed", str(bill.coverage.parsed))
    yield Statement("coverage", "data", str(bill.coverage.data))
    yield Statement("coverage", "opaque", str(bill.coverage.opaque))
    for reference in bill.evidence:
        yield Statement("evidence", reference.kind, f"{reference.predicate_type} {reference.digest}")
    for problem in bill.problems:
        yield Statement("unknown", "unread", problem)
