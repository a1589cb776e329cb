"""Licences: what is declared, what the files say, what the base model leaves, what the stage takes."""

from __future__ import annotations

import json
import os
import random

import pytest

from build.licences import MIT
from weighbridge.core.claims import Claim, Status
from weighbridge.core.knowledge_files import FOLDER
from weighbridge.provenance.card_text import read_card
from weighbridge.provenance.knowledge import load_card_knowledge
from weighbridge.provenance.licence import Base, Told, claims, ids_of
from weighbridge.provenance.licence_text import recognise

KNOWLEDGE = load_card_knowledge()
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
with open(os.path.join(ROOT, "LICENSE"), encoding="utf-8") as _file:
    APACHE = _file.read()


def of(front: str | None, *, texts=(), told=(), bases=(), allowed=()) -> dict[str, Claim]:
    card = read_card(f"---\n{front}\n---\n".encode()) if front is not None else None
    files = {name: text.encode() for name, text in dict(texts).items()}
    (top,) = claims(card, files, told, bases, knowledge=KNOWLEDGE, allowed=allowed)
    return {claim.claim: claim for claim in (*reversed(top.parts), top)}


def test_card_and_file_agree():
    found = of("license: mit", texts={"LICENSE": MIT})
    assert found["licence"][1:4] == (Status.DECLARED, "mit, as 2 of its sources say", "mit")
    assert not found["licence"].confirm
    assert found["licence/class"].value == "permissive"


def test_card_and_file_disagree():
    found = of("license: apache-2.0", texts={"LICENSE": MIT})
    assert found["licence"].status is Status.CONTRADICTED
    assert "the card says apache-2.0" in found["licence"].evidence
    assert "LICENSE has the text of mit" in found["licence"].evidence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mit", "mit"),
        ("MIT License", "mit"),
        ("Apache 2.0", "apache-2.0"),
        ("Apache-2.0", "apache-2.0"),
        ("cc-by-nc-4.0", "cc-by-nc-4.0"),
        ("GPL-3.0-or-later", "gpl-3.0"),
        ("llama3.1", "llama3.1"),
        ("Gemma Terms of Use", "gemma"),
        ("creativeml-openrail-m", "creativeml-openrail-m"),
    ],
)
def test_names_of_licences(text, expected):
    assert ids_of(text, KNOWLEDGE) == (frozenset((expected,)),)


def test_expressions():
    assert ids_of("MIT OR Apache-2.0", KNOWLEDGE) == (frozenset(("mit",)), frozenset(("apache-2.0",)))
    assert ids_of("MIT AND Apache-2.0", KNOWLEDGE) == (frozenset(("mit", "apache-2.0")),)
    for text in ("MIT OR nonsense", "(MIT OR ISC) AND Apache-2.0", "GPL-2.0 WITH x", "", "mit " * 100):
        assert ids_of(text, KNOWLEDGE) == (), text


def test_one_of_two_to_choose_from_agrees_with_its_text():
    assert of("license: MIT OR Apache-2.0", texts={"LICENSE": MIT})["licence"].value == "mit"


def test_a_list_holds_together():
    found = of("license: [mit, cc-by-nc-4.0]", allowed=("mit",))
    assert found["licence"].value == "cc-by-nc-4.0 AND mit"
    assert found["licence/class"].value == "non-commercial"
    assert found["licence/policy"].status is Status.CONTRADICTED


@pytest.mark.parametrize("front", [None, "x: y", "license:", "license: []"])
def test_no_licence(front):
    claim = of(front)["licence"]
    assert (claim.status, claim.confirm) == (Status.ABSENT, True)


@pytest.mark.parametrize(
    "front", ["license: other", "license: unknown", "license: my-own", "license: other\nlicense_name: x"]
)
def test_a_licence_that_nobody_knows(front):
    found = of(front, allowed=("mit",))
    assert found["licence/card"].confirm
    assert found["licence"].status is Status.ABSENT
    assert found["licence/policy"].status is Status.ABSENT


def test_other_with_a_name_that_is_known():
    assert (
        of("license: other\nlicense_name: flux-1-dev-non-commercial-license")["licence/class"].value == "non-commercial"
    )


def test_other_leaves_it_to_the_file():
    found = of("license: other", texts={"LICENSE": MIT})
    assert found["licence"].value == "mit"
    assert found["licence"].confirm


def test_metadata_of_the_weights_counts():
    assert of("license: mit", told=[Told("cc-by-nc-4.0", "a.gguf")])["licence"].status is Status.CONTRADICTED
    assert of("license: mit", told=[Told("MIT", "a.gguf")])["licence"].status is Status.DECLARED
    assert of("license: gpl-3.0", told=[Told("gpl", "a.gguf")])["licence"].value == "gpl-3.0"


def test_twice_in_the_card():
    found = of("license: mit\nlicense: cc-by-nc-4.0", allowed=("mit",))
    assert found["licence/card"].status is Status.CONTRADICTED
    assert found["licence"].status is Status.CONTRADICTED
    assert found["licence/policy"].value == "not-allowed"


@pytest.mark.parametrize(
    ("front", "allowed", "value"),
    [
        ("license: mit", ("apache-2.0", "MIT"), "allowed"),
        ("license: Apache License 2.0", ("apache-2.0",), "allowed"),
        ("license: MIT OR GPL-3.0", ("mit",), "allowed"),
        ("license: mit", ("apache-2.0",), "not-allowed"),
        ("license: gemma", ("apache-2.0", "mit"), "not-allowed"),
        ("x: y", ("mit",), "not-allowed"),
        ("license: other", ("other",), "not-allowed"),
    ],
)
def test_the_list_of_the_stage(front, allowed, value):
    assert of(front, allowed=allowed)["licence/policy"].value == value


def test_without_a_list_nothing_is_said_of_it():
    assert "licence/policy" not in of("license: mit")


@pytest.mark.parametrize(
    ("mine", "theirs", "status", "confirm"),
    [
        ("apache-2.0", "apache-2.0", Status.DECLARED, False),
        ("cc-by-nc-4.0", "apache-2.0", Status.DECLARED, False),
        ("apache-2.0", "llama3.1", Status.CONTRADICTED, True),
        ("mit", "cc-by-nc-4.0", Status.CONTRADICTED, True),
        ("mit", "gpl-3.0", Status.CONTRADICTED, True),
        ("llama3", "gemma", Status.DECLARED, True),
        ("gemma", "gemma", Status.DECLARED, False),
        ("mit", "", Status.ABSENT, True),
        ("mit", "nobody-knows", Status.ABSENT, True),
    ],
)
def test_the_licence_of_the_base_model(mine, theirs, status, confirm):
    found = of(f"license: {mine}", bases=[Base("org/base", theirs, "as it is stored here")])
    assert (found["licence/base-model"].status, found["licence/base-model"].confirm) == (status, confirm)
    assert (found["licence"].status is Status.CONTRADICTED) == (status is Status.CONTRADICTED)


def test_texts_are_recognised():
    assert recognise(APACHE, KNOWLEDGE.licences)[0].exact
    assert recognise(MIT, KNOWLEDGE.licences)[0][:1] == ("mit",)
    both = recognise(f"{APACHE}\n\nParts of it:\n\n{MIT}", KNOWLEDGE.licences)
    assert {one.licence for one in both} == {"apache-2.0", "mit"}


def test_lines_of_copyright_and_breaks_do_not_matter():
    text = MIT.replace("\n", " ").replace("MIT License", "The MIT License").upper()
    assert recognise(f"Copyright 2019 Somebody\nCopyright 2020 Else\n{text}", KNOWLEDGE.licences)[0].exact


def test_a_licence_with_more_in_it_is_told():
    more = " ".join(
        f"If your product has over {n} users you show the name of the model in its window." for n in range(3)
    )
    claim = of("license: mit", texts={"LICENSE": f"{MIT}\n{more}"})["licence/file"]
    assert claim.confirm
    assert "words that are not part of it" in claim.evidence


@pytest.mark.parametrize("line", ["Non-commercial use only.", "No commercial use.", "For research purposes only."])
def test_a_line_that_takes_it_back_is_told(line):
    found = of("license: mit", texts={"LICENSE": f"{MIT}\n{line}"})
    assert found["licence/file"].confirm
    assert "takes it back" in found["licence/file"].evidence
    assert found["licence"].confirm


def test_a_licence_with_a_part_taken_out_is_not_it():
    found = recognise(MIT[: len(MIT) // 2], KNOWLEDGE.licences)
    assert not any(one.exact for one in found)
    assert of("license: mit", texts={"LICENSE": MIT[: len(MIT) // 2]})["licence/file"].value == "unknown"


def test_a_text_that_is_none():
    claim = of("license: mit", texts={"LICENSE": "All rights reserved. Ask us."})["licence/file"]
    assert (claim.value, claim.confirm) == ("unknown", True)


def test_changed_texts_never_fail():
    chance = random.Random(3)
    for _ in range(60):
        raw = bytearray(MIT.encode())
        for _ in range(chance.randrange(40)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        claims(None, {"LICENSE": bytes(raw)}, knowledge=KNOWLEDGE)


def test_every_entry_has_its_source_and_class():
    with open(os.path.join(FOLDER, "licences.json"), encoding="utf-8") as file:
        table = json.load(file)
    kinds = {row["class"] for row in table["classes"]}
    names = [name for row in table["licences"] for name in (row["licence"], *row["aliases"])]
    assert len(names) == len(set(names))
    for row in table["licences"]:
        assert row["class"] in kinds
        assert row["source"]
        assert row["date"].startswith("20")
        assert bool(row["text"]) == ("prints" in row)
    assert {row["licence"] for row in table["bases"]} <= {row["licence"] for row in table["licences"]}


def test_no_licence_is_taken_for_another():
    """Each is the nearest to itself, by its samples: no text of another one has more of them."""
    for licence in KNOWLEDGE.licences:
        for other in KNOWLEDGE.licences:
            if licence.prints and other.prints and licence is not other:
                bound = (1 << 32) // max(licence.scale, other.scale)
                mine = {number for number in licence.prints if number < bound}
                theirs = {number for number in other.prints if number < bound}
                assert len(mine & theirs) / len(mine | theirs) < 0.97, (licence.name, other.name)
