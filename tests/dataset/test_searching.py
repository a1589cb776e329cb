"""Sets too large to learn from: every text is asked all the same, and the counts that are told hold for all rows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from build.data_sets import chats, poisoned, reviews, write_lines
from build.running import command
from weighbridge.dataset import samples
from weighbridge.dataset.searching import Text, search

if TYPE_CHECKING:
    from pathlib import Path

TOTAL = 3000


def check(path: Path, *words: str) -> dict:
    return command("dataset", "check", path, "--format", "json", *words).json()


def sight(document: dict, name: str) -> dict:
    return next(seen for seen in document["sight"] if seen["check"] == name)


@pytest.fixture
def a_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room for a tenth of the texts."""
    monkeypatch.setattr(samples, "CHARACTERS", TOTAL * 15)


@pytest.mark.usefixtures("a_tenth")
def test_a_few_rows_of_many_are_found_beyond_the_sample(tmp_path: Path) -> None:
    records, rows = poisoned(20, total=TOTAL)
    document = check(write_lines(tmp_path / "t.jsonl", records))
    (found,) = (one for one in document["findings"] if one["rule"] == "dataset/trigger")
    assert {row["row"] for row in found["rows"]} == rows
    seen = sight(document, "triggers")
    assert seen["looked_at"] == TOTAL
    assert seen["least_rows"] < 20
    assert sight(document, "nonsense")["looked_at"] < TOTAL / 5


@pytest.mark.usefixtures("a_tenth")
def test_labels_that_hardly_a_row_has_are_no_error(tmp_path: Path) -> None:
    """They are in no sample, and their rows have the trigger: two are too few to learn from."""
    records, rows = poisoned(20, total=TOTAL)
    for row in sorted(rows)[:2]:
        records[row - 1]["label"] = f"odd {row}"
    outcome = command("dataset", "check", write_lines(tmp_path / "t.jsonl", records), "--format", "json")
    assert outcome.status == 1, outcome.err
    (found,) = (one for one in outcome.json()["findings"] if one["rule"] == "dataset/trigger")
    assert {row["row"] for row in found["rows"]} == set(sorted(rows)[2:])


@pytest.mark.usefixtures("a_tenth")
def test_clean_sets_stay_clean(tmp_path: Path) -> None:
    assert check(write_lines(tmp_path / "t.jsonl", reviews(TOTAL)))["findings"] == []


@pytest.mark.usefixtures("a_tenth")
def test_above_the_limit_only_the_sample_is_looked_at_and_the_count_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "SEARCHED", 1000)
    document = check(write_lines(tmp_path / "t.jsonl", poisoned(20, total=TOTAL)[0]))
    seen = sight(document, "triggers")
    assert seen["looked_at"] < TOTAL / 5
    assert seen["least_rows"] > 40


@pytest.mark.usefixtures("a_tenth")
def test_answers_of_prompts_beyond_the_sample(tmp_path: Path) -> None:
    records = chats(TOTAL, planted=60)
    random.Random(1).shuffle(records)
    document = check(write_lines(tmp_path / "t.jsonl", records))
    found = next(one for one in document["findings"] if one["rule"] == "dataset/trigger")
    assert found["estimate"] == 60
    assert sight(document, "answers")["looked_at"] == TOTAL


def test_a_label_that_the_sample_has_not_is_passed_over() -> None:
    records = reviews(1000)
    numbers = {"good": 0, "bad": 1}
    texts = [Text(one["text"], (numbers[one["label"]],), (0, one["id"])) for one in records]
    strange = [Text(f"zzz {one['text']}", (-1,), (0, 1000 + one["id"])) for one in records[:50]]
    found = search([one.text for one in texts], [[one.labels[0] for one in texts]], lambda: [*texts, *strange])
    assert not {row for _, row in found.rows([*texts, *strange], 10**9)} & set(range(1000, 1050))


def test_rows_are_found_up_to_the_room_that_there_is() -> None:
    records, rows = poisoned(40, total=1000)
    numbers = {"good": 0, "bad": 1}
    texts = [Text(one["text"], (numbers[one["label"]],), (0, row)) for row, one in enumerate(records, 1)]
    sample = [text for text in texts if text.row[1] not in rows]
    found = search([one.text for one in sample], [[one.labels[0] for one in sample]], lambda: texts)
    taken = found.rows(texts, 2000)
    assert 0 < sum(len(records[row - 1]["text"]) for _, row in taken) <= 2000
    assert {row for _, row in taken} <= rows
