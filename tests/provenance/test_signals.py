"""Signals of a repository: each alone, and what the place says never makes things better."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime

import pytest

from weighbridge.core.claims import Claim, Status
from weighbridge.core.knowledge_files import FOLDER
from weighbridge.core.origin import Origin, Told
from weighbridge.provenance.knowledge import load_card_knowledge
from weighbridge.provenance.lookalike import lookalike
from weighbridge.provenance.signals import Earlier, claims, publisher_of

KNOWLEDGE = load_card_knowledge()
NOW = datetime(2026, 11, 29, tzinfo=UTC)
OLD, NEW = "a" * 40, "b" * 40
PLACE = "https://huggingface.co/org/model"


def of(asked="main", *, kind="hub", place=PLACE, revision=NEW, told=(), files=(), earlier=None) -> dict[str, Claim]:
    origin = Origin(kind, place, asked, revision, told=tuple(Told(*one) for one in told))
    found = claims(origin, dict(files), knowledge=KNOWLEDGE, now=NOW, earlier=earlier)
    return {claim.claim.partition("/")[2]: claim for claim in found}


@pytest.mark.parametrize(
    ("asked", "status", "confirm"),
    [
        (NEW, Status.VERIFIED, False),
        ("main", Status.DECLARED, False),
        ("", Status.DECLARED, False),
        ("refs/pr/3", Status.DECLARED, True),
    ],
)
def test_what_was_asked_for(asked, status, confirm):
    claim = of(asked)["revision"]
    assert (claim.status, claim.confirm, claim.value) == (status, confirm, NEW)


def test_no_revision():
    assert of(revision="")["revision"].status is Status.ABSENT
    assert "revision" not in of(kind="path", place="x", revision="")


@pytest.mark.parametrize(
    ("is_ancestor", "status", "confirm"),
    [
        (lambda old, new: (old, new) == (OLD, NEW), Status.DECLARED, False),
        (lambda old, new: False, Status.CONTRADICTED, True),
        (lambda old, new: None, Status.DECLARED, True),
        (None, Status.DECLARED, True),
    ],
)
def test_a_branch_that_moved(is_ancestor, status, confirm):
    claim = of(earlier=Earlier({"main": OLD}, {}, is_ancestor))["moved"]
    assert (claim.status, claim.confirm) == (status, confirm)


@pytest.mark.parametrize("asked", ["v1.0", "1.2.3", "refs/tags/v2.0.1"])
def test_a_tag_that_moved(asked):
    claim = of(asked, earlier=Earlier({asked: OLD}, {}, lambda old, new: True))["moved"]
    assert claim.status is Status.CONTRADICTED
    assert "a tag was moved" in claim.evidence


def test_a_tag_by_what_git_says():
    earlier = Earlier({"stable": OLD}, {}, lambda old, new: True)
    assert of("stable", told=[("ref", "refs/tags/stable")], earlier=earlier)["moved"].status is Status.CONTRADICTED


def test_nothing_moved():
    assert of(earlier=Earlier({"main": NEW}))["moved"].status is Status.VERIFIED
    assert "moved" not in of()
    assert "moved" not in of(earlier=Earlier({"dev": OLD}))


@pytest.mark.parametrize(
    ("before", "after", "value", "confirm"),
    [
        ({"README.md": "1", "w.safetensors": "2"}, {"README.md": "1", "w.safetensors": "3"}, "weights", True),
        ({"README.md": "1", "w.safetensors": "2"}, {"README.md": "1", "x.bin": "3"}, "weights", True),
        ({"w.safetensors": "2"}, {"w.safetensors": "3"}, "weights", True),
        ({"README.md": "1", "w.safetensors": "2"}, {"README.md": "4", "w.safetensors": "3"}, "both", False),
        ({"README.md": "1", "w.safetensors": "2"}, {"README.md": "4", "w.safetensors": "2"}, "same", False),
    ],
)
def test_weights_and_card(before, after, value, confirm):
    claim = of(files=after, earlier=Earlier({}, before))["card"]
    assert (claim.value, claim.confirm) == (value, confirm)


@pytest.mark.parametrize(
    ("told", "status", "confirm"),
    [
        ([("created", "2024-01-02T03:04:05+00:00")], Status.DECLARED, False),
        ([("created", "2026-11-20T00:00:00.000Z")], Status.DECLARED, True),
        ([("created", "2027-11-20T00:00:00+00:00")], Status.CONTRADICTED, True),
        ([("created", "yesterday")], Status.ABSENT, True),
        ([("commit-time", "1700000000")], Status.DECLARED, False),
        ([("commit-time", "9" * 40)], Status.ABSENT, True),
        ([], Status.ABSENT, False),
    ],
)
def test_age(told, status, confirm):
    claim = of(told=told)["age"]
    assert (claim.status, claim.confirm) == (status, confirm)


@pytest.mark.parametrize(
    ("said", "value"),
    [("0 of 12 commits have a signature", "unsigned"), ("3 of 12 commits …", "partly"), ("12 of 12 commits", "signed")],
)
def test_history(said, value):
    assert of(told=[("history", said)])["history"].value == value


def test_history_that_is_not_known():
    assert of()["history"].status is Status.ABSENT


@pytest.mark.parametrize("value", ["unsafe", "suspicious", "Infected", "whatever else"])
def test_scans_of_the_place_make_it_worse(value):
    claim = of(told=[("hub-scan/model.bin", value), ("hub-scan/x", "safe")])["hub-scan"]
    assert (claim.status, claim.confirm) == (Status.CONTRADICTED, True)


@pytest.mark.parametrize("value", ["safe", "unscanned", "queued"])
def test_scans_of_the_place_make_nothing_better(value):
    claim = of(told=[("hub-scan/model.bin", value)])["hub-scan"]
    assert claim.status is Status.DECLARED
    assert "proves nothing" in claim.evidence


def test_access():
    assert of(told=[("gated", "manual")])["gated"].evidence == "access is given on application (manual)"
    assert of(told=[("gated", "no")])["gated"].evidence == "anybody may have it"
    assert of(told=[("disabled", "yes")])["disabled"].confirm
    assert "disabled" not in of(told=[("disabled", "no")])
    assert of(told=[("lfs-pointer/a", "odd")])["lfs-pointer"].confirm


@pytest.mark.parametrize(
    ("kind", "place", "expected"),
    [
        ("hub", "https://huggingface.co/org/model", "org"),
        ("hub", "https://huggingface.co/gpt2", ""),
        ("git", "git@github.com:org/model.git", "org"),
        ("git", "https://example.org/org/model.git/", "org"),
        ("path", "/tmp/org/model", ""),
    ],
)
def test_publishers_of_places(kind, place, expected):
    assert publisher_of(Origin(kind, place)) == expected


@pytest.mark.parametrize(
    ("name", "known", "trick"),
    [
        ("meta-llarna", "meta-llama", "homoglyph"),
        ("meta-1lama", "meta-llama", "homoglyph"),
        ("0penai", "openai", "homoglyph"),
        ("g00gle", "google", "homoglyph"),
        ("rnicrosoft", "microsoft", "homoglyph"),
        ("ope\u043eai".replace("\u043eai", "n\u0430i"), "openai", "homoglyph"),
        ("\u0430pple", "apple", "homoglyph"),
        ("\uff4d\uff49\uff43rosoft", "microsoft", "homoglyph"),
        ("metallama", "meta-llama", "separators"),
        ("meta_llama", "meta-llama", "separators"),
        ("mistral-ai", "mistralai", "separators"),
        ("deepseekai", "deepseek-ai", "separators"),
        ("meta-llama-official", "meta-llama", "affix"),
        ("real-openai", "openai", "affix"),
        ("nvidia-models", "nvidia", "affix"),
        ("meta-lama", "meta-llama", "spelling"),
        ("mistarlai", "mistralai", "spelling"),
        ("hugingface", "huggingface", "spelling"),
        ("EleutherA1", "EleutherAI", "homoglyph"),
        ("stabillityai", "stabilityai", "spelling"),
    ],
)
def test_lookalikes(name, known, trick):
    assert lookalike(name, KNOWLEDGE.publishers) == (known, trick)
    claim = of(place=f"https://huggingface.co/{name}/model")["publisher"]
    assert claim.confirm
    assert (claim.status is Status.CONTRADICTED) == (trick == "homoglyph")


def test_known_publishers_look_like_themselves():
    for name in KNOWLEDGE.publishers:
        assert lookalike(name, KNOWLEDGE.publishers) is None
        assert lookalike(name.upper(), KNOWLEDGE.publishers) is None


def test_no_known_publisher_is_a_trick_of_another_but_for_their_own():
    """What would be said of each if it were not known itself: most are near nobody."""
    near = set()
    for name in KNOWLEDGE.publishers:
        others = [one for one in KNOWLEDGE.publishers if one != name]
        if lookalike(name, others) is not None:
            near.add(name)
    assert len(near) / len(KNOWLEDGE.publishers) < 0.07, sorted(near)


@pytest.mark.parametrize(
    "name",
    [
        *("jsmith", "acme-robotics", "dolphin-fan", "university-of-somewhere", "kitchenlab", "tinymodels"),
        *("radiology-unit", "anna", "bert-fan", "blue"),
    ],
)
def test_ordinary_names_look_like_nobody(name):
    assert lookalike(name, KNOWLEDGE.publishers) is None
    assert not of(place=f"https://huggingface.co/{name}/model")["publisher"].confirm


def test_a_known_publisher_is_named():
    assert of(place="https://huggingface.co/Meta-Llama/x")["publisher"].evidence == "Meta-Llama is known: Meta"


def test_every_publisher_has_its_source():
    with open(os.path.join(FOLDER, "publishers.json"), encoding="utf-8") as file:
        rows = json.load(file)["publishers"]
    assert len(rows) >= 150
    assert len({row["name"].lower() for row in rows}) == len(rows)
    assert all(row["owner"] and row["source"] and row["date"].startswith("20") for row in rows)


def test_every_seat_has_its_source_and_belongs_to_a_publisher():
    with open(os.path.join(FOLDER, "publisher_seats.json"), encoding="utf-8") as file:
        rows = json.load(file)["seats"]
    assert len({row["owner"] for row in rows}) == len(rows) >= 150
    assert {row["owner"] for row in rows} <= set(KNOWLEDGE.publishers.values())
    for row in rows:
        assert re.fullmatch("[A-Z]{2}", row["country"]), row
        assert row["source"].startswith("https://"), row
        assert row["date"].startswith("20"), row
    assert KNOWLEDGE.countries["mistralai"] == KNOWLEDGE.countries["mistral ai"] == "FR"
    assert "thebloke" not in KNOWLEDGE.countries, "of people nothing is kept"
