"""Regulated data: flagged where a card tells of it, never passed in silence."""

from __future__ import annotations

import json
import os

import pytest

from build.regulated_cards import HELD_OUT_HONEST, HELD_OUT_REGULATED, HONEST, REGULATED, card
from weighbridge.core.claims import Claim, Status
from weighbridge.core.knowledge_files import FOLDER
from weighbridge.provenance.card_text import read_card
from weighbridge.provenance.contexts import sentences
from weighbridge.provenance.knowledge import load_card_knowledge
from weighbridge.provenance.regulated import Named, regulated_claims

KNOWLEDGE = load_card_knowledge()


def of(text: str | None, **also) -> dict[str, Claim]:
    card = read_card(text.encode()) if text is not None else None
    return {claim.claim: claim for claim in regulated_claims(card, knowledge=KNOWLEDGE, **also)}


def flagged(text: str) -> set[str]:
    return {name.partition("/")[2] for name, claim in of(text).items() if claim.value in ("declared", "contradicted")}


def test_there_are_enough_cards():
    assert len(HONEST) >= 40
    assert len(REGULATED) >= 40


@pytest.mark.parametrize("name", HONEST)
def test_honest_cards_are_not_flagged(name):
    assert flagged(HONEST[name]) == set()


@pytest.mark.parametrize("name", REGULATED)
def test_regulated_cards_are_flagged(name):
    text, expected = REGULATED[name]
    assert expected <= flagged(text)
    for regime in expected:
        claim = of(text)[f"regulated-data/{regime}"]
        assert claim.confirm
        assert "“" in claim.evidence


def test_held_out_cards_as_measured():
    """The figures that stand in docs/model-cards.md; one honest card is flagged."""
    wrong = {name for name, text in HELD_OUT_HONEST.items() if flagged(text)}
    missed = {name for name, (text, expected) in HELD_OUT_REGULATED.items() if not expected <= flagged(text)}
    assert (wrong, missed) == ({"legal"}, set())


@pytest.mark.parametrize("name", ["denied", "excluded", "synthetic", "synthetic-cards", "faces-none"])
def test_what_is_denied_is_a_claim_to_confirm(name):
    denied = [claim for claim in of(HONEST[name]).values() if claim.value == "denied"]
    assert denied
    assert all(claim.confirm and "nothing proves it" in claim.evidence for claim in denied)


def test_what_is_denied_and_declared_is_a_contradiction():
    claim = of(card("datasets: [mimic-iv]", "Training Data | The data contains no patient records."))[
        "regulated-data/hipaa"
    ]
    assert claim.status is Status.CONTRADICTED


def test_no_declared_data_is_an_open_question():
    for text in (None, "", "# Model\n", HONEST["empty-template"]):
        claim = of(text)["regulated-data"]
        assert (claim.status, claim.confirm) == (Status.ABSENT, True)


def test_data_that_nobody_knows_is_to_be_confirmed():
    claim = of("---\ndatasets: [someone/private-set]\n---\n")["regulated-data"]
    assert (claim.status, claim.confirm, claim.value) == (Status.DECLARED, True, "unknown")
    assert "someone/private-set" in claim.evidence


def test_known_ordinary_data_need_nobody():
    claim = of("---\ndatasets: [squad, nyu-mll/glue]\n---\n")["regulated-data"]
    assert (claim.status, claim.confirm, claim.value) == (Status.DECLARED, False, "none-known")


def test_one_unknown_set_among_ordinary_ones_is_enough():
    assert of("---\ndatasets: [squad, someone/x]\n---\n")["regulated-data"].confirm


def test_words_of_use_are_listed():
    claim = of(HONEST["use-phi"])["regulated-data"]
    assert {part.value for part in claim.parts} >= {"hipaa", "pci-dss"}


@pytest.mark.parametrize(
    ("name", "regime"),
    [
        ("x/augmented-clinical-notes", "hipaa"),
        ("x/credit_card_transactions", "pci-dss"),
        ("y/call-center-dataset", "gdpr"),
    ],
)
def test_the_name_of_a_set_may_say_it(name, regime):
    assert regime in flagged(f"---\ndatasets:\n- {name}\n---\n")


@pytest.mark.parametrize("below", ["", "N/A", "[More Information Needed]", "There is none of it in the data."])
def test_a_title_alone_tells_nothing(below):
    assert flagged(f"# Training data\n\n## Personal and Sensitive Information\n\n{below}\n") == set()


def test_a_title_with_something_below_it_tells():
    assert "hipaa" in flagged("# Training data\n\n## Patient records\n\nForty thousand from two clinics.\n")


def test_data_sets_in_code_and_comments_are_listed():
    text = "# Model\n\n```python\nload_dataset('x/mimic-iii')\n```\n\n<!-- from eICU -->\n"
    parts = of(text)["regulated-data"].parts
    assert {"“MIMIC-III” (code in line 3)", "“eICU” (a comment in line 7)"} <= {
        part.evidence.split(": ")[1] for part in parts
    }
    assert flagged(text) == set()


def test_other_files_and_base_models_count():
    found = of("---\ndatasets: [squad]\n---\n", named=[Named("MIMIC-III", "a.gguf")], inherited=[("org/base", "ferpa")])
    assert "a.gguf" in found["regulated-data/hipaa"].evidence
    assert "org/base" in found["regulated-data/ferpa"].evidence


def test_a_set_that_is_only_tested_on_is_said_to_be():
    text = card("", "Evaluation | F1 of 0.8 on the eICU data set.")
    assert "for evaluation" in of(text)["regulated-data/hipaa"].evidence


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("It contains patient records.", {"hipaa"}),
        ("It contains no patient records.", set()),
        ("It does not contain patient records.", set()),
        ("It contains neither images nor patient records.", set()),
        ("Patient records were removed.", set()),
        ("Patient records have not been removed.", {"hipaa"}),
        ("It contains not only novels but patient records.", {"hipaa"}),
        ("There is no guarantee that it is free of patient records.", {"hipaa"}),
        ("We could not exclude patient records.", {"hipaa"}),
        ("No books, but patient records.", {"hipaa"}),
        ("It is not limited to patient records.", {"hipaa"}),
        ("It contains synthetic patient records.", set()),
        ("It contains no synthetic texts; patient records are half of it.", {"hipaa"}),
    ],
)
def test_negation(sentence, expected):
    assert flagged(card("", f"Training Data | {sentence}")) == expected


def test_a_long_card_costs_little():
    text = card("", "Training Data | " + "We have no patient records, not one. " * 12_000)
    claim = of(text)["regulated-data/hipaa"]
    assert claim.value == "denied"
    assert len(claim.evidence) < 5_000


def test_sentences_cover_the_text_in_order():
    text = "One. Two e.g. three! Four; five\nsix"
    assert [text[start:end] for start, end in sentences(text)] == ["One.", "Two e.g. three!", "Four;", "five", "six"]


def test_every_entry_has_its_source_and_date():
    with open(os.path.join(FOLDER, "regulated_data.json"), encoding="utf-8") as file:
        table = json.load(file)
    assert len(table["data_sets"]) >= 80
    regimes = {row["regime"] for row in table["regimes"]}
    for part in ("regimes", "data_sets", "ordinary", "words"):
        for row in table[part]:
            assert row["source"], row
            assert row["date"].startswith("20"), row
    assert {regime for row in table["data_sets"] for regime in row["regimes"]} <= regimes
    assert {row["regime"] for row in table["words"]} <= regimes


def test_every_known_set_is_found_by_its_names():
    for known in KNOWLEDGE.data_sets:
        for name in (*known.ids[:1], *known.names[:1]):
            assert set(known.regimes) <= flagged(f"---\ndatasets:\n- {name}\n---\n"), name
        for name in known.names:
            assert set(known.regimes) <= flagged(card("", f"Training Data | We trained on {name} in March.")), name


def test_ordinary_sets_are_no_regulated_ones():
    for name in KNOWLEDGE.ordinary:
        assert flagged(f"---\ndatasets:\n- {name}\n---\n") == set(), name
