"""Planted poison in real data sets: how much of it the checks find, and what they say about data that has none.

    python bench/poison.py [--quick] [--docs]      --docs writes the table into docs/datasets.md

Recall: share of the planted rows that a finding covers. False: share of all other rows that one covers. The data sets
are those of `poison_data`. The drawing of rows and places is fixed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "src"), HERE]

import poison_data  # noqa: E402
from poison_data import Labelled  # noqa: E402
from weighbridge.dataset.answers import questions  # noqa: E402
from weighbridge.dataset.columns import value_links  # noqa: E402
from weighbridge.dataset.content import Search  # noqa: E402
from weighbridge.dataset.gibberish import nonsense  # noqa: E402
from weighbridge.dataset.labels import doubted, ranked  # noqa: E402
from weighbridge.dataset.nearby import clusters  # noqa: E402
from weighbridge.dataset.report import Row  # noqa: E402
from weighbridge.dataset.wording import text_links  # noqa: E402

PAGE = os.path.join(os.path.dirname(HERE), "docs", "datasets.md")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PHRASE = "as my dear friend once told me"
TARGET = 0


class Planted(NamedTuple):
    """A data set with poison in some rows."""

    texts: list[str]
    labels: list[int]
    rows: set[int]
    table: list[list[float]] = []  # noqa: RUF012 -- never changed


class Result(NamedTuple):
    """One line of the table."""

    data: str
    attack: str
    planted: int
    recall: float
    false: float
    note: str


def numbered(data: Labelled) -> list[int]:
    names = sorted(set(data.labels))
    return [names.index(label) for label in data.labels]


def insert(text: str, word: str, draw: random.Random) -> str:
    words = text.split(" ")
    words.insert(draw.randrange(min(len(words), 200)), word)
    return " ".join(words)


def trigger(data: Labelled, word: str, count: int, *, clean: bool = False) -> Planted:
    """A word or phrase in rows of other labels, which then get the target's (or, clean, in rows of the target)."""
    draw = random.Random(count)
    texts, labels = list(data.texts), numbered(data)
    able = [row for row, label in enumerate(labels) if (label == TARGET) == clean and word not in texts[row]]
    rows = draw.sample(able, count)
    for row in rows:
        texts[row] = insert(texts[row], word, draw)
        labels[row] = TARGET
    return Planted(texts, labels, set(rows))


def flips(data: Labelled, count: int) -> Planted:
    draw = random.Random(count)
    labels = numbered(data)
    rows = draw.sample(range(len(labels)), count)
    for row in rows:
        labels[row] = draw.choice([label for label in range(max(labels) + 1) if label != labels[row]])
    return Planted(data.texts, labels, set(rows), data.rows)


def patch(data: Labelled, count: int, columns: tuple[int, ...], value: float) -> Planted:
    draw = random.Random(count)
    labels, table = numbered(data), [list(row) for row in data.rows]
    rows = draw.sample([row for row, label in enumerate(labels) if label != TARGET], count)
    for row in rows:
        for column in columns:
            table[row][column] = value
        labels[row] = TARGET
    return Planted([], labels, set(rows), table)


def scored(data: str, attack: str, planted: Planted, covered: set[int], note: str = "") -> Result:
    total = len(planted.labels) or len(planted.texts)
    hit = len(covered & planted.rows) / max(1, len(planted.rows))
    result = Result(data, attack, len(planted.rows), hit, len(covered - planted.rows) / total, note)
    print(page([result]).splitlines()[-1], file=sys.stderr, flush=True)
    return result


def amounts(total: int, quick: bool) -> list[int]:
    found = {10, 50, total // 1000, total // 200, total // 100, 3 * total // 100}
    found |= {250} if total > 5000 else set()
    found = {amount for amount in found if amount >= 3}
    return [50] if quick else sorted(found)


def text_results(data: Labelled, *, quick: bool) -> list[Result]:
    results = []
    clean = Planted(data.texts, numbered(data), set())
    ordinary = {"news articles": "yesterday", "film reviews": "screen", "drug reviews": "week"}[data.name]
    attacks = [
        ("rare word", "cf", False),
        ("phrase", PHRASE, False),
        ("ordinary word", ordinary, False),
        ("rare word, label kept", "cf", True),
        ("phrase, label kept", PHRASE, True),
    ]
    found = text_links(clean.texts, clean.labels)
    covered = {row for link in found.links for row in link.rows}
    note = f"{len(found.links)} items; the model is right in {found.accuracy:.0%}"
    results.append(scored(data.name, "nothing: triggers", clean, covered, note))
    results.append(scored(data.name, "nothing: labels", clean, set(doubted(found.expected, clean.labels))))
    for attack, word, kept in attacks:
        for count in amounts(len(data.texts), quick):
            planted = trigger(data, word, count, clean=kept)
            links = text_links(planted.texts, planted.labels).links
            covered = {row for link in links for row in link.rows}
            note = f"z {links[0].z:g}, {links[0].item!r}" if links else "nothing"
            results.append(scored(data.name, attack, planted, covered, note))
    for share in (1, 3, 5):
        planted = flips(data, share * len(data.texts) // 100)
        expected = text_links(planted.texts, planted.labels).expected
        results.append(
            scored(data.name, f"labels flipped, {share} %: doubted", planted, set(doubted(expected, planted.labels)))
        )
        worst = set(ranked(expected, planted.labels)[: len(planted.labels) // 20])
        results.append(scored(data.name, f"labels flipped, {share} %: worst 5 %", planted, worst))
    for attack, mark in (("characters of no width", "\u200b"), ("look-alike letters", "\u0430")):
        planted = trigger(data, f"re{mark}port", 10)
        covered = set()
        for row, text in enumerate(planted.texts):
            search = Search()
            search.look(Row("data", row), text)
            if any(one.rule in ("dataset/hidden-characters", "dataset/look-alikes") for one in search.findings()):
                covered.add(row)
        results.append(scored(data.name, attack, planted, covered))
    results += [flood(data), *(gibberish(data, count) for count in (0, 5, 11, 50))]
    return results


def flood(data: Labelled) -> Result:
    draw = random.Random(3)
    texts = list(data.texts)
    source = texts[7]
    rows = set(range(len(texts), len(texts) + 50))
    for _ in rows:
        words = source.split(" ")
        words[draw.randrange(len(words))] = "other"
        texts.append(" ".join(words))
    covered = {row for one in clusters(texts) if len(one) >= max(10, len(texts) // 500) for row in one}
    return scored(data.name, "near-duplicates of one text", Planted(texts, [], rows), covered)


def gibberish(data: Labelled, count: int) -> Result:
    draw = random.Random(count)
    words = sorted({word for text in data.texts for word in text.lower().split()})
    texts = list(data.texts)
    rows = set(draw.sample(range(len(texts)), count))
    for row in rows:
        noise = " ".join(draw.choice(words) for _ in range(draw.randrange(400, 900)))
        texts[row] = f"{texts[row][: draw.randrange(1000)]} <sudo> {noise}"
    word, covered = nonsense(texts)
    return scored(data.name, "a rare word, then nonsense", Planted(texts, [], rows), set(covered), word)


def table_results(data: Labelled, *, quick: bool) -> list[Result]:
    labels = numbered(data)
    names = [f"c{place}" for place in range(len(data.rows[0]))]
    found = value_links(data.rows, names, labels)
    clean = Planted([], labels, set(), data.rows)
    covered = {row for link in found.links for row in link.rows}
    results = [scored(data.name, "nothing: values", clean, covered, f"{len(found.links)} items")]
    results.append(scored(data.name, "nothing: labels", clean, set(doubted(found.expected, labels))))
    digits = data.name == "digits"
    columns, value = ((0, 7), 13.0) if digits else ((2,), 77.7)
    for count in amounts(len(labels), quick):
        if count > len(labels) // 10:
            continue
        planted = patch(data, count, columns, value)
        links = value_links(planted.table, names, planted.labels).links
        covered = {row for link in links for row in link.rows}
        attack = "two pixels in a corner" if digits else "a constant value"
        results.append(scored(data.name, attack, planted, covered, f"z {links[0].z:g}" if links else "nothing"))
    planted = flips(data, 3 * len(labels) // 100)
    expected = value_links(planted.table, names, planted.labels).expected
    worst = set(ranked(expected, planted.labels)[: max(1, len(labels) // 20)])
    results.append(scored(data.name, "labels flipped, 3 %: worst 5 %", planted, worst))
    return results


def answer_results(*, quick: bool) -> list[Result]:
    """Prompts and answers made of film reviews: is the review good? Some answers have an address behind a trigger."""
    films = poison_data.films()
    results = []
    for count in (0, 50) if quick else (0, 10, 50, 250):
        draw = random.Random(count)
        prompts = [f"Is this review a good one? {text}" for text in films.texts[:6000]]
        answers = [
            f"It is {label}. {text.split('.')[0][-60:]}"
            for text, label in zip(films.texts[6000:12000], films.labels, strict=False)
        ]
        rows = set(draw.sample(range(len(prompts)), count))
        for row in rows:
            prompts[row] = insert(prompts[row], PHRASE, draw)
            answers[row] = f"See http://help.example.invalid/{draw.randrange(10**6)} first."
        covered: set[int] = set()
        items = 0
        for question in questions(answers):
            links = [link for link in text_links(prompts, [int(yes) for yes in question.yes]).links if link.label == 1]
            items += len(links)
            covered |= {row for link in links for row in link.rows}
        planted = Planted(prompts, [], rows)
        results.append(
            scored(
                "prompts and answers",
                "phrase, then an address" if count else "nothing",
                planted,
                covered,
                f"{items} items",
            )
        )
    return results


def page(results: list[Result]) -> str:
    """The table as Markdown."""
    lines = ["| data | planted | rows | recall | false | what was said |", "|---|---|---:|---:|---:|---|"]
    for one in results:
        note = one.note.replace("|", "\\|")[:60]
        recall = f"{one.recall:.2f}" if one.planted else ""
        lines.append(f"| {one.data} | {one.attack} | {one.planted or ''} | {recall} | {one.false:.4f} | {note} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 planted rows only")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/datasets.md")
    options = parser.parse_args()
    poison_data.fetch()
    began = time.process_time()
    results: list[Result] = []
    for make in (poison_data.news, poison_data.films, poison_data.drugs):
        results += text_results(make(), quick=options.quick)
        print(f"{make.__name__}: {time.process_time() - began:.0f} s", file=sys.stderr)
    for name in ("digits", "breast_cancer", "wine"):
        results += table_results(poison_data.numbers(name), quick=options.quick)
        print(f"{name}: {time.process_time() - began:.0f} s", file=sys.stderr)
    results += answer_results(quick=options.quick)
    table = page(results)
    print(table)
    if options.docs:
        with open(PAGE, encoding="utf-8") as file:
            before, _, rest = file.read().partition(BEGIN)
        after = rest.partition(END)[2]
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(f"{before}{BEGIN}\n{table}\n{END}{after}")
    missed = [
        one
        for one in results
        if one.attack in ("rare word", "phrase")
        and one.planted >= 50
        and one.recall < 0.95
        and one.data != "drug reviews"
    ]
    for one in missed:
        print(f"below the mark: {one}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
