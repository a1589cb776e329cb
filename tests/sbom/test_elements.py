"""Scores of completeness: the published one as its authors compute it, and ours; neither counts what is made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from build.bill_models import MADE_AT, bill_of, write_full_model
from weighbridge.sbom.cyclonedx import render_cyclonedx
from weighbridge.sbom.elements import CATEGORIES, G7, elements, g7_score, owasp_score, unknown

if TYPE_CHECKING:
    from pathlib import Path


def complete() -> dict[str, Any]:
    """A document with every field of the published score."""
    names = (
        "energyConsumption safetyRiskAssessment standardCompliance domain autonomyType informationAboutTraining "
        "informationAboutApplication useSensitivePersonalInformation hyperparameter metricDecisionThreshold "
        "modelDataPreprocessing modelExplainability"
    )
    card = {
        "modelParameters": {"task": "t", "datasets": [1], "modelArchitecture": "a"},
        "considerations": {"useCases": ["u"], "technicalLimitations": ["l"], "ethicalConsiderations": [{"name": "e"}]},
        "quantitativeAnalysis": {"performanceMetrics": [1]},
        "properties": [{"name": f"genai:aibom:modelcard:{name}", "value": "x"} for name in names.split()],
    }
    model = {
        "name": "m",
        "type": "machine-learning-model",
        "version": "1",
        "purl": "p",
        "description": "d",
        "licenses": [1],
        "supplier": {"name": "s"},
        "modelCard": card,
        "externalReferences": [{"type": kind} for kind in ("distribution", "vcs", "website", "documentation")],
    }
    head = {"bomFormat": "CycloneDX", "specVersion": "1.7", "serialNumber": "s", "version": 1}
    return {**head, "metadata": {"component": model}}


def test_the_points_of_the_categories_are_a_hundred() -> None:
    assert sum(CATEGORIES.values()) == 100
    assert owasp_score(complete()) == ("OWASP AIBOM", 100.0, ())


def test_missing_critical_and_important_fields_cost_more_than_their_share() -> None:
    document = complete()
    for name in ("bomFormat", "serialNumber"):
        del document[name]
    # Half of 20 points is gone, and two critical fields cost a tenth of the rest.
    assert owasp_score(document).points == pytest.approx(90 * 0.9)
    del document["specVersion"]
    del document["version"]
    assert owasp_score(document).points == pytest.approx(80 * 0.8)
    document = complete()
    model = document["metadata"]["component"]
    for name in ("purl", "description", "licenses"):
        del model[name]
    del model["modelCard"]["considerations"]["useCases"]
    del model["modelCard"]["considerations"]["technicalLimitations"]
    assert owasp_score(document).points == pytest.approx((90 + 30 * 8 / 10 - 30) * 0.95)
    assert owasp_score(document).missing == ("purl", "description", "licenses", "intendedUse", "limitation")


def test_nothing_scores_nothing() -> None:
    assert owasp_score({}).points == 0


def test_a_whole_model_scores_more_than_a_bare_one(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "a.txt").write_text("hello\n")
    bare = bill_of(tmp_path / "bare")
    full = bill_of(write_full_model(tmp_path / "full"), source="hf://a/b", revision="c", supplier="a")
    scores = [
        (owasp_score(render_cyclonedx(bill, made_at=MADE_AT)).points, g7_score(bill).points) for bill in (bare, full)
    ]
    assert all(points < 40 for points in scores[0])
    assert all(points > 60 for points in scores[1])


def test_every_element_is_present_or_said_to_be_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    bill = bill_of(tmp_path)
    states = {f"{one.cluster}: {one.name}": one.state for one in elements(bill)}
    assert len(states) == len(G7)
    assert {name for name, state in states.items() if state == "unknown"} == set(unknown(bill))
    assert states["models: hash value and algorithm"] == "present"
    assert states["models: licence"] == "unknown"
    document = render_cyclonedx(bill, made_at=MADE_AT)
    told = {one["name"]: one["value"] for one in document["metadata"]["properties"]}
    assert told["weighbridge:score:G7 minimum elements"] == f"{g7_score(bill).points:g} of 100"
