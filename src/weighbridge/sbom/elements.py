"""What a bill of materials of a model should say, by published lists, and how much of it this one says.

Two scores stand side by side, because they answer different questions:

- `OWASP AIBOM`: the score of the OWASP AIBOM generator, computed on our CycloneDX document. A category gives its points
  by the share of its fields that are there; two or three missing critical fields cost a tenth, more a fifth; five or
  more important ones cost a twentieth. Source: GenAI-Security-Project/aibom-generator, `src/models/scoring.py`.
- `G7 minimum elements`: the share of the elements of "SBOM for AI: Minimum Elements" (G7 cyber group, 2026) that can be
  known by whoever looks at the files of a model. Each is present, or looked for and not known. What only the operator
  of a system knows (data flow, users, controls) is not counted against a model.

A score says how much is told, not whether it is true.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Literal

    from weighbridge.sbom.bill import ModelBill

    State = Literal["present", "unknown"]

CATEGORIES = {
    "required_fields": 20,
    "metadata": 20,
    "component_basic": 20,
    "component_model_card": 30,
    "external_references": 10,
}
"""Points of the OWASP score, together 100."""


class Element(NamedTuple):
    """One element; `said` asks a bill whether it has it."""

    cluster: str
    name: str
    said: Callable[[ModelBill], bool]


class Stated(NamedTuple):
    """One element and whether a bill has it."""

    cluster: str
    name: str
    state: State


class Score(NamedTuple):
    """Points out of 100 by one method, and what is missing, most important first."""

    method: str
    points: float
    missing: tuple[str, ...]


def _prose(name: str) -> Callable[[ModelBill], bool]:
    return lambda bill: name in bill.said


G7 = (
    Element("metadata", "author", lambda bill: bool(bill.tool.name)),
    Element("metadata", "timestamp", lambda bill: bool(bill.scanned_at)),
    Element("metadata", "tool and version", lambda bill: bool(bill.tool.version)),
    Element("metadata", "dependency relationships", lambda bill: bool(bill.files)),
    Element("models", "name", lambda bill: bool(bill.name)),
    Element("models", "identifier", lambda bill: bool(bill.digest.hex)),
    Element("models", "version", lambda bill: bool(bill.revision)),
    Element("models", "timestamp", lambda bill: bool(bill.released)),
    Element("models", "producer", lambda bill: bool(bill.supplier)),
    Element("models", "description", _prose("description")),
    Element("models", "hash value and algorithm", lambda bill: bool(bill.files)),
    Element(
        "models",
        "properties",
        lambda bill: bool(bill.architecture or bill.observed.tensors or bill.declared.architectures),
    ),
    Element("models", "input and output properties", lambda bill: bool(bill.task)),
    Element("models", "training properties", lambda bill: bool(bill.method or bill.training)),
    Element("models", "licence", lambda bill: bool(bill.licence.declared or bill.licence.concluded)),
    Element("models", "external references", lambda bill: bool(bill.source)),
    Element("models", "base model", lambda bill: bool(bill.bases) or bill.scratch),
    Element("models", "intended use", _prose("intended-use")),
    Element("models", "limitations", _prose("limitations")),
    Element("datasets", "name", lambda bill: bool(bill.data_sets)),
    Element("datasets", "identifier or version", lambda bill: any(one.version for one in bill.data_sets)),
    Element("datasets", "hash", lambda bill: any(one.digest for one in bill.data_sets)),
    Element("datasets", "description", _prose("training-data")),
    Element("infrastructure", "software", lambda bill: bool(bill.dependencies)),
    Element("infrastructure", "hardware", lambda bill: any(one.kind == "platform" for one in bill.dependencies)),
    Element("security", "scan of the content", lambda bill: bool(bill.verdict)),
    Element("security", "signature", lambda bill: bill.signature_verified is not None),
    Element("security", "references to attestations", lambda bill: bool(bill.evidence)),
    Element("performance", "metrics", lambda bill: bool(bill.metrics)),
)
"""The elements that files can tell, by cluster."""


def elements(bill: ModelBill) -> tuple[Stated, ...]:
    """Each element: present, or looked for and not known. Nothing is absent that was not looked for."""
    return tuple(Stated(one.cluster, one.name, "present" if one.said(bill) else "unknown") for one in G7)


def unknown(bill: ModelBill) -> tuple[str, ...]:
    """What was looked for and is not known, in the words of the list."""
    return tuple(f"{one.cluster}: {one.name}" for one in elements(bill) if one.state == "unknown")


def g7_score(bill: ModelBill) -> Score:
    """The share of the G7's elements that are present."""
    missing = unknown(bill)
    return Score("G7 minimum elements", round(100 * (len(G7) - len(missing)) / len(G7), 1), missing)


def owasp_score(document: dict[str, Any]) -> Score:
    """The score of the OWASP AIBOM generator for a CycloneDX document."""
    total = dict.fromkeys(CATEGORIES, 0)
    present = dict.fromkeys(CATEGORIES, 0)
    missing: dict[str, list[str]] = {"critical": [], "important": [], "supplementary": []}
    for category, tier, name, there in _owasp_fields(document):
        total[category] += 1
        present[category] += there
        if not there:
            missing[tier].append(name)
    points = sum(round(weight * present[name] / total[name], 1) for name, weight in CATEGORIES.items() if total[name])
    critical = len(missing["critical"])
    points *= 0.8 if critical > 3 else 0.9 if critical >= 2 else 1.0
    points *= 0.95 if len(missing["important"]) >= 5 else 1.0
    names = tuple(name for tier in ("critical", "important", "supplementary") for name in missing[tier])
    return Score("OWASP AIBOM", round(min(100.0, points), 1), names)


def _owasp_fields(document: dict[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Category, tier, name and presence of each field. The model is the component that the document describes."""
    metadata = document.get("metadata", {})
    model = metadata.get("component", {})
    card = model.get("modelCard", {})
    parameters, considered = card.get("modelParameters", {}), card.get("considerations", {})
    properties = {
        one.get("name", "").rpartition(":")[2]
        for holder in (metadata, model, card)
        for one in holder.get("properties", ())
        if one.get("name", "").startswith("genai:aibom:")
    }
    references = {one.get("type") for one in model.get("externalReferences", ())}
    for name in ("bomFormat", "specVersion", "serialNumber", "version"):
        yield "required_fields", "critical", name, bool(document.get(name))
    yield "metadata", "critical", "primaryPurpose", bool(parameters.get("task"))
    yield "metadata", "critical", "suppliedBy", bool(model.get("supplier", {}).get("name"))
    for tier, names in (("important", METADATA_IMPORTANT), ("supplementary", METADATA_MORE)):
        for name in names:
            yield "metadata", tier, name, name in properties
    yield "component_basic", "critical", "name", bool(model.get("name"))
    yield "component_basic", "critical", "type", bool(model.get("type"))
    yield "component_basic", "critical", "component version", bool(model.get("version"))
    for name in ("purl", "description", "licenses"):
        yield "component_basic", "important", name, bool(model.get(name))
    yield "component_model_card", "important", "datasets", bool(parameters.get("datasets"))
    yield "component_model_card", "important", "typeOfModel", bool(parameters.get("modelArchitecture"))
    yield "component_model_card", "important", "intendedUse", bool(considered.get("useCases"))
    yield "component_model_card", "important", "limitation", bool(considered.get("technicalLimitations"))
    yield "component_model_card", "important", "ethicalConsiderations", bool(considered.get("ethicalConsiderations"))
    yield "component_model_card", "important", "hyperparameter", "hyperparameter" in properties
    measured = bool(card.get("quantitativeAnalysis", {}).get("performanceMetrics"))
    yield "component_model_card", "supplementary", "metric", measured
    for name in CARD_MORE:
        yield "component_model_card", "supplementary", name, name in properties
    yield "external_references", "important", "downloadLocation", bool(references & {"distribution", "website"})
    for name, kind in (("vcs", "vcs"), ("website", "website"), ("paper", "documentation")):
        yield "external_references", "supplementary", name, kind in references


METADATA_IMPORTANT = ("energyConsumption", "safetyRiskAssessment")
METADATA_MORE = (
    "standardCompliance",
    "domain",
    "autonomyType",
    "informationAboutTraining",
    "informationAboutApplication",
    "useSensitivePersonalInformation",
)
CARD_MORE = ("metricDecisionThreshold", "modelDataPreprocessing", "modelExplainability")
