"""What a card declares, what it leaves empty, and what is refused of its front matter."""

from __future__ import annotations

import random

import pytest
import yaml

from build import honest_cards
from weighbridge.core.claims import Claim, Status
from weighbridge.provenance.card import claims, completeness
from weighbridge.provenance.card_text import read_card
from weighbridge.provenance.knowledge import load_card_knowledge

KNOWLEDGE = load_card_knowledge()
FULL = """---
license: apache-2.0
language: [en]
datasets:
- squad
base_model: google-bert/bert-base-uncased
pipeline_tag: question-answering
co2_eq_emissions: {emissions: 12}
model-index:
- name: x
  results:
  - task: {type: question-answering}
    metrics:
    - {type: f1, value: 88.1}
---
# Reader

A model that finds the answer to a question in a paragraph, for people who search long documents in English.

**Developed by:** The readers' guild

## Uses

It is intended for search in public documents, where a person reads the answer with its source.

### Out-of-Scope Use

Not for advice on health or law, and not for decisions on people.

## Bias, Risks, and Limitations

It answers even where the paragraph has no answer, and it knows English only, with errors in names.

## Training Details

### Training Procedure

Fine-tuned for three epochs with AdamW on one card of 24 GB memory.

#### Training Hyperparameters

- learning_rate: 2e-5
- batch size of 32

## Contact

Open an issue in the repository.
"""
TEMPLATE = """---
license: mit
---
# Model Card for X

## Uses

### Direct Use

[More Information Needed]

## Training Details

### Training Data

<!-- This should link to a Dataset Card. -->

[More Information Needed]

## Evaluation

TBD
"""


def of(text: str | bytes | None, name: str = "card") -> Claim:
    """The claim of this name, wherever it stands."""
    raw = text.encode() if isinstance(text, str) else text
    (top,) = claims(raw, knowledge=KNOWLEDGE)
    return next(claim for claim in (top, *top.parts) if claim.claim == name)


def test_a_full_card_has_all_points():
    assert of(FULL).value == "100", of(FULL).evidence
    assert of(FULL).status is Status.DECLARED
    assert of(FULL).evidence.endswith("it lacks nothing")


@pytest.mark.parametrize("title", ["## Uses", "## Contact", "### Out-of-Scope Use", "## Bias, Risks, and Limitations"])
def test_what_is_taken_out_is_missed(title):
    start = FULL.index(title)
    end = FULL.find("\n#", start + 5)
    cut = FULL[:start] + (FULL[end:] if end > 0 else "")
    assert int(of(cut).value) < 100
    assert "it lacks nothing" not in of(cut).evidence


@pytest.mark.parametrize("key", ["license: apache-2.0\n", "datasets:\n- squad\n", "language: [en]\n"])
def test_a_key_that_is_taken_out_is_missed(key):
    assert int(of(FULL.replace(key, "")).value) < 100


def test_placeholders_are_nothing():
    assert of(TEMPLATE, "card/training-data")[1:3] == (
        Status.ABSENT,
        "line 14 has a place for it, and nothing in it: [More Information Needed]",
    )
    assert of(TEMPLATE, "card/training-data").value == "empty"
    assert of(TEMPLATE, "card/evaluation").value == "empty"
    assert of(TEMPLATE, "card/intended-use").value == "empty"
    assert of(TEMPLATE, "card/contact").value == "absent"
    assert of(TEMPLATE).value == "10"
    assert "training data, " in of(TEMPLATE).evidence


@pytest.mark.parametrize("value", ["", "[]", "null", "~", "unknown", '""', "[unknown]", "\n- "])
def test_a_key_without_a_value_is_empty(value):
    assert of(f"---\ndatasets: {value}\nlicense: mit\n---\n", "card/training-data").status is Status.ABSENT


def test_a_title_with_code_alone_says_little():
    assert of("## Intended use\n\n```python\nload()\n```\n", "card/intended-use").value == "partial"


@pytest.mark.parametrize(
    "text",
    [
        "## Training data\n\nTwelve thousand public documents that we collected from our own archive.",
        "Training data\n---\n\nTwelve thousand public documents that we collected from our own archive.",
        "**Training Data**\n\nTwelve thousand public documents that we collected from our own archive.",
        "<h2 align=center>Training Data</h2>\n\nTwelve thousand public documents from our own archive, cleaned twice.",
        "## 3. 📚 Training Data [optional]\n\nTwelve thousand public documents that we collected from our archive.",
        "- **Training data:** our archive",
        "| Field | Value |\n|---|---|\n| Training data | our archive |",
        "It was pretrained on twelve thousand documents of our own archive.",
        "## 训练数据\n\n我们使用了自己收集的一万两千份公开文件作为数据。",
        "## Trainingsdaten\n\nZwölftausend Dokumente aus unserem eigenen Archiv, die öffentlich sind.",
    ],
)
def test_training_data_is_found_however_it_is_written(text):
    claim = of(text, "card/training-data")
    assert (claim.status, claim.value) == (Status.DECLARED, "found"), claim.evidence


def test_a_comment_declares_nothing():
    assert (
        of(
            "<!--\n## Training data\n\nA thousand books that we wrote in our own house.\n-->", "card/training-data"
        ).value
        == "absent"
    )


def test_no_card_declares_nothing():
    assert of(None)[1:] == (Status.ABSENT, "there is no README.md: nothing is declared", "0", True, ())
    assert of(b"").status is Status.ABSENT


@pytest.mark.parametrize(
    ("front", "why"),
    [
        ("license: mit\nlicense: other", "line 3: the key license stands twice"),
        ("license: &a mit\nname: *a", "license is given the name a"),
        ("license: !!python/object/apply:os.system [echo]", "license has the tag"),
        ("a: &a [1]\nb:\n  <<: *a", "stands for the node a"),
        ("license: [mit", "the YAML is broken"),
        ("license: mit\n--- x", "holds a second document"),
    ],
)
def test_readers_disagree_on_it(front, why):
    claim = of(f"---\n{front}\n---\n", "card/front-matter")
    assert claim.status is Status.CONTRADICTED
    assert claim.confirm
    assert why in claim.evidence
    assert of(f"---\n{front}\n---\n").status is Status.CONTRADICTED


def test_a_licence_that_stands_twice_is_no_licence():
    claim = of("---\nlicense: mit\nlicense: cc-by-nc-4.0\n---\n", "card/licence")
    assert claim.status is Status.CONTRADICTED
    assert "mit and cc-by-nc-4.0" in claim.evidence


def test_front_matter_that_does_not_end_is_told():
    assert of("---\nlicense: mit\n", "card/front-matter").status is Status.CONTRADICTED


def test_an_alias_bomb_costs_nothing():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    claim = of("---\n" + "\n".join(lines) + "\n---\n", "card/front-matter")
    assert claim.status is Status.CONTRADICTED


def test_more_nodes_than_are_read():
    claim = of("---\nx: [" + "1, " * 25_000 + "1]\n---\n", "card/front-matter")
    assert "more than 20000 nodes" in claim.evidence


@pytest.mark.parametrize("text", ["x" * 3_000_000, "# a\n" * 70_000, "*" * 100_000, "# a\n\nb\n\n" * 2_500])
def test_a_card_that_is_too_much_is_said(text):
    claim = of(text)
    assert claim.confirm
    assert "not all of it was read" in claim.evidence


def test_what_a_card_says_is_safe_to_print():
    text = '---\nlicense: "mit\\e]0;x\\a"\n---\n## Contact\n\nPlease\u202e write \x1b[31m to us\n'
    (top,) = claims(text.encode(), knowledge=KNOWLEDGE)
    for claim in top.parts:
        assert claim.evidence.isprintable(), claim
        assert "\u202e" not in claim.evidence


def test_cards_as_people_write_them_score_what_they_should():
    scores = {name: int(of(text).value) for name, text in honest_cards.cards().items()}
    assert all(5 <= score <= 70 for score in scores.values()), scores
    bare = ", bare, in lines of Windows"
    assert all(scores[name] > scores[name + bare] for name in scores if not name.endswith(bare))


def test_points_are_a_hundred_and_every_field_says_why():
    assert sum(field.points for field in KNOWLEDGE.fields) == 100
    assert all(field.why and field.title and (field.titles or field.keys) for field in KNOWLEDGE.fields)


def test_changed_cards_never_fail():
    chance = random.Random(7)
    raw = FULL.encode()
    for _ in range(150):
        changed = bytearray(raw)
        for _ in range(chance.randrange(1, 12)):
            place = chance.randrange(len(changed))
            changed[place : place + chance.randrange(4)] = bytes(
                chance.randrange(256) for _ in range(chance.randrange(4))
            )
        card = read_card(bytes(changed))
        assert 0 <= completeness(card, KNOWLEDGE).score <= 100


def test_front_matter_holds_what_a_loader_builds():
    for text in (*honest_cards.cards().values(), FULL):
        if not text.startswith("---\n"):
            continue
        tree = yaml.load(text.split("---\n")[1], yaml.BaseLoader)
        card = read_card(text.encode())
        for key, value in tree.items():
            listed = value if isinstance(value, list) else [value]
            if all(isinstance(one, str) for one in listed):
                assert [item.value for item in card.of(key)] == listed, key


def test_lines_are_those_of_the_card():
    lines = FULL.split("\n")
    card = read_card(FULL.encode())
    for item in card.keys:
        assert item.path.rpartition(".")[2] in lines[item.line - 1]
    for section in card.sections[1:]:
        assert section.title in lines[section.line - 1]
