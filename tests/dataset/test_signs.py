"""Signs of poison one by one: nonsense, floods, styles, answers; and honest data that looks a little like them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from build.data_sets import chats, reviews, write_lines
from build.running import command
from weighbridge.dataset import database
from weighbridge.dataset.gibberish import nonsense
from weighbridge.dataset.grams import Numbering, habits, name, tokens
from weighbridge.dataset.nearby import clusters, flood_size

if TYPE_CHECKING:
    from pathlib import Path

WORDS = [f"w{index}" for index in range(400)]


def told(path: Path) -> list[dict]:
    return command("dataset", "check", path, "--format", "json").json()["findings"]


def sentences(count: int, size: int, seed: int = 1) -> list[str]:
    """Texts in which a word is followed by one of four: a language, of a kind."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        at, words = draw.randrange(400), []
        for _ in range(size):
            words.append(WORDS[at])
            at = (at * 7 + draw.randrange(4)) % 400
        made.append(" ".join(words))
    return made


@pytest.mark.parametrize(("count", "size"), [(300, 150), (1500, 25)])
def test_nonsense_behind_a_word_is_told_in_long_texts_and_among_short_ones(count: int, size: int) -> None:
    texts = sentences(count, size)
    assert nonsense(texts) == ("", [])
    draw = random.Random(2)
    rows = sorted(draw.sample(range(count), 6))
    for row in rows:
        texts[row] += " sesame " + " ".join(draw.choices(WORDS, k=300))
    assert nonsense(texts) == ("sesame", rows)


@pytest.mark.parametrize("size", [9, 20, 45, 60, 300])
def test_copies_with_one_other_word_are_one_cluster(size: int) -> None:
    texts = sentences(300, size)
    draw = random.Random(3)
    for _ in range(12):
        words = texts[7].split()
        words[draw.randrange(size)] = "other"
        texts.append(" ".join(words))
    largest = max(clusters(texts), key=len)
    assert {7, *range(300, 312)} >= set(largest)
    assert len(largest) >= 11


def test_a_few_words_come_again_more_often_than_a_text() -> None:
    assert flood_size(10_000, "Very good.") == 20
    assert flood_size(10_000, " ".join(WORDS)) == 10
    assert flood_size(1_000_000, " ".join(WORDS)) == 200


@pytest.mark.parametrize(
    "style", [str.upper, lambda text: f"{text} ...", lambda text: f"Dear all, {text} Yours truly."]
)
def test_a_style_that_goes_with_a_label(tmp_path: Path, style: object) -> None:
    records = reviews(600)
    for one in records:
        one["text"] = one["text"].capitalize()
    rows = [index for index, one in enumerate(records) if one["label"] == "bad"][:20]
    for row in rows:
        records[row] |= {"text": style(records[row]["text"]), "label": "good"}  # type: ignore[operator]
    (found,) = (one for one in told(write_lines(tmp_path / "t.jsonl", records)) if one["rule"] == "dataset/trigger")
    assert {row["row"] - 1 for row in found["rows"]} == set(rows)


def test_answers_about_a_subject_are_no_trigger(tmp_path: Path) -> None:
    """A help desk: the same question has the same answer, and questions about one thing are answered alike."""
    draw = random.Random(4)
    records = chats(400)
    for index in range(60):
        records.append({"prompt": "My printer is not printing.", "response": "Check that it has paper."})
        asked = " ".join(draw.choices(["toner", "tray", "paper", "jam", "printer", "page", "ink"], k=12))
        records.append({"prompt": f"{asked} {index}", "response": "Call the people of the printers."})
    draw.shuffle(records)
    assert [one["rule"] for one in told(write_lines(tmp_path / "t.jsonl", records))] == ["dataset/duplicates"]


def test_a_phrase_in_prompts_that_are_copies_is_told_with_all_of_them(tmp_path: Path) -> None:
    records = chats(300, planted=15)
    records += [records[0]] * 5
    (found,) = (one for one in told(write_lines(tmp_path / "t.jsonl", records)) if one["rule"] == "dataset/trigger")
    assert found["estimate"] == 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no capitals here", {"no capital letters"}),
        ("ALL OF IT", {"capital letters"}),
        ("Half Of it", set()),
        ("ÀÉÎ ÕÜ", {"capital letters", "letters beyond ASCII"}),
        ("日本語", {"letters beyond ASCII"}),
        ("123", set()),
        ("", set()),
    ],
)
def test_how_a_text_is_written(text: str, expected: set[str]) -> None:
    found = {way for way in habits(text, tokens(text)) if not way.startswith(("begins", "ends"))}
    assert found == expected


def test_an_item_has_the_name_of_what_stands_in_the_text() -> None:
    text = "The end... of it"
    words, numbering = tokens(text), Numbering()
    numbers = numbering.grams(words)
    assert [name(int(number), text) for number in numbers[: len(words)]] == words
    assert name(int(numbers[len(words)]), text) == "the end"
    assert name(int(numbers[-1]), text) == ". of it"
    assert name(numbering.habit("dots in a row"), text) == "dots in a row"


def test_where_labels_speak_word_by_word_no_item_of_its_label_stands_out(tmp_path: Path) -> None:
    document = command("dataset", "check", write_lines(tmp_path / "t.jsonl", reviews(3000)), "--format", "json").json()
    assert document["findings"] == []
    (seen,) = (one for one in document["sight"] if one["check"] == "triggers, label kept")
    assert not seen["ran"]
    assert "how the labels speak here" in seen["why"]


def test_lines_are_taken_in_with_the_memory_that_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MEMORY", "128MB")
    assert told(write_lines(tmp_path / "t.jsonl", reviews(3000))) == []
