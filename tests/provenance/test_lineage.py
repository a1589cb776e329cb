"""Base models: named, compared, followed, and never believed."""

from __future__ import annotations

import pytest

from weighbridge.core.claims import Claim, Status
from weighbridge.provenance.lineage import DEPTH, Known, Says, claims, model_name


def of(*says: Says | str, known=(), **also) -> dict[str, Claim]:
    store = {one.name.lower(): one for one in known}
    named = [one if isinstance(one, Says) else Says(one, "the card (line 2)") for one in says]
    (top,) = claims(named, resolve=lambda name: store.get(name.lower()), **also)
    return {claim.claim: claim for claim in (*reversed(top.parts), top)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/name", "org/name"),
        ("bert-base-uncased", "bert-base-uncased"),
        ("https://huggingface.co/org/name", "org/name"),
        ("https://huggingface.co/org/name/tree/main", "org/name"),
        ("hf://org/name@abc", "org/name"),
        ("/srv/me/out", ""),
        ("./out", ""),
        ("../x", ""),
        ("C:\\models\\x", ""),
        ("~/x", ""),
        ("a/b/c", ""),
        ("two words", ""),
        ("", ""),
    ],
)
def test_names(text, expected):
    assert model_name(text) == expected


def test_a_base_that_is_known_with_its_digest():
    found = of("org/base", known=[Known("org/base", "sha256:ab", "c" * 40)])
    assert found["lineage"][1:3] == (Status.DECLARED, "derivative of org/base")
    assert found["lineage/base-model"].value == "org/base@sha256:ab"
    assert not found["lineage"].confirm


def test_a_base_that_nobody_knows():
    found = of("org/base")
    assert found["lineage"].confirm
    assert "nothing here knows it" in found["lineage/base-model"].evidence


def test_a_base_without_a_digest():
    assert of("org/base", known=[Known("org/base")])["lineage"].confirm


def test_steps_are_followed_below_each_other():
    known = [Known("org/a", "sha256:1", bases=("org/b",)), Known("org/b", "sha256:2", bases=("org/c",))]
    step = of("org/a", known=known)["lineage/base-model"]
    assert [step.value, step.parts[0].value, step.parts[0].parts[0].value] == [
        "org/a@sha256:1",
        "org/b@sha256:2",
        "org/c",
    ]
    assert of("org/a", known=known)["lineage"].confirm


@pytest.mark.parametrize("last", ["org/a", "ORG/A", "me/mine"])
def test_a_model_that_comes_from_itself(last):
    known = [Known("org/a", "sha256:1", bases=("org/b",)), Known("org/b", "sha256:2", bases=(last,))]
    found = of("org/a", known=known, own="me/mine")
    assert found["lineage"].status is Status.CONTRADICTED
    assert "said to come from itself" in found["lineage"].evidence


def test_a_line_without_end_is_followed_so_far():
    (top,) = claims(
        [Says("org/m0", "card")], resolve=lambda name: Known(name, "sha256:1", bases=(f"org/m{int(name[5:]) + 1}",))
    )
    steps, claim = 0, top.parts[0]
    while claim.parts:
        claim, steps = claim.parts[0], steps + 1
    assert steps == DEPTH
    assert claim.status is Status.ABSENT
    assert top.confirm


def test_a_tree_without_end_is_followed_so_far():
    asked = []

    def resolve(name: str) -> Known:
        asked.append(name)
        return Known(name, "sha256:1", bases=tuple(f"{name}x{n}" for n in range(10)))

    claims([Says("org/m", "card")], resolve=resolve)
    assert len(asked) <= 64


def test_no_base():
    assert of()["lineage"][1:] == (
        Status.ABSENT,
        "no base model is named, and nothing says that there is none",
        "",
        False,
        (),
    )
    assert of(scratch=True)["lineage"].value == "none"
    assert of(adapter=True)["lineage"].confirm


def test_itself_is_no_base():
    assert of("me/mine", own="Me/Mine")["lineage"].status is Status.ABSENT


def test_card_and_adapter_disagree():
    found = of("org/base", Says("other/model", "adapter_config.json"))
    assert found["lineage/agreement"].status is Status.CONTRADICTED
    assert found["lineage"].status is Status.CONTRADICTED
    assert "the card names org/base, adapter_config.json names other/model" in found["lineage"].evidence


def test_card_and_adapter_agree():
    found = of("org/base", Says("org/base", "adapter_config.json"), known=[Known("org/base", "sha256:1")], adapter=True)
    assert "lineage/agreement" not in found
    assert found["lineage"].evidence == "adapter of org/base"
    assert "the card (line 2) and adapter_config.json say" in found["lineage/base-model"].evidence


def test_a_copy_by_another_publisher():
    found = of("meta-llama/Llama-3.2-1B", Says("unsloth/Llama-3.2-1B-bnb-4bit", "adapter_config.json"))
    assert (found["lineage/agreement"].status, found["lineage/agreement"].confirm) == (Status.DECLARED, True)


def test_a_name_in_config_json_binds_nobody():
    found = of("org/base", Says("org/checkpoint", "config.json", binding=False))
    assert "lineage/agreement" not in found


def test_a_folder_of_somebody_is_told():
    found = of(Says("/srv/me/out", "adapter_config.json"))
    assert found["lineage/unnamed"].confirm


@pytest.mark.parametrize(
    ("relation", "adapter", "status", "confirm"),
    [
        ("finetune", False, Status.DECLARED, False),
        ("finetune", True, Status.CONTRADICTED, True),
        ("adapter", True, Status.DECLARED, False),
        ("merge", False, Status.DECLARED, True),
        ("cousin", False, Status.DECLARED, True),
    ],
)
def test_relations(relation, adapter, status, confirm):
    claim = of("org/base", relation=relation, adapter=adapter)["lineage/relation"]
    assert (claim.status, claim.confirm) == (status, confirm)


def test_several_are_a_merge():
    known = [Known("org/a", "sha256:1"), Known("org/b", "sha256:2")]
    assert of("org/a", "org/b", known=known)["lineage"].evidence == "merge of org/a, org/b"
