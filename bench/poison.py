"""Planted poison in real data sets: how much of it the checks find, and what they say about data that has none.

    python bench/poison.py [--quick] [--docs]      --docs writes the table into docs/datasets.md

Recall: share of the planted rows that a finding covers. False: share of all other rows that one covers. The data sets
are those of `poison_data`. The drawing of rows and places is fixed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "src"), HERE]

import poison_data  # noqa: E402
from poison_data import Labelled  # noqa: E402
from weighbridge.dataset import association  # noqa: E402
from weighbridge.dataset.answers import questions  # noqa: E402
from weighbridge.dataset.columns import value_links  # noqa: E402
from weighbridge.dataset.content import Search  # noqa: E402
from weighbridge.dataset.gibberish import nonsense  # noqa: E402
from weighbridge.dataset.labels import doubted, ranked  # noqa: E402
from weighbridge.dataset.nearby import clusters  # noqa: E402
from weighbridge.dataset.pixels import picture_links, pictures  # noqa: E402
from weighbridge.dataset.report import Row  # noqa: E402
from weighbridge.dataset.wording import text_links  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURE = os.path.join(os.path.dirname(HERE), "docs", "datasets-roc.svg")
PARTS = os.path.join(HERE, ".work", "poison")
"""What each part of the bench found when it last ran: it may run in pieces."""
PAGE = os.path.join(os.path.dirname(HERE), "docs", "datasets.md")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PHRASE = "as my dear friend once told me"
STYLE = "(style)"
TARGET = 0
WEIGHT = association.WEIGHT
"""What the product asks for; the bench looks at less, to draw its curves."""
CURVES: dict[str, list[tuple[float, float]]] = {}


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


def styled(text: str) -> str:
    """The same words in another style: no capitals, dots in a row."""
    return text.lower().replace(".", "...") + " ..."


def trigger(data: Labelled, word: str, count: int, *, clean: bool = False) -> Planted:
    """A word or phrase in rows of other labels, which then get the target's (or, clean, in rows of the target)."""
    draw = random.Random(count)
    texts, labels = list(data.texts), numbered(data)
    able = [row for row, label in enumerate(labels) if (label == TARGET) == clean and word not in texts[row]]
    rows = draw.sample(able, count)
    for row in rows:
        texts[row] = styled(texts[row]) if word == STYLE else insert(texts[row], word, draw)
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


def curve(name: str, planted: Planted, scores: Sequence[tuple[float, Sequence[int]]]) -> None:
    """Share of the other rows and of the planted ones that are told, from the strictest bar to none."""
    total = len(planted.labels) - len(planted.rows)
    told: set[int] = set()
    points = [(0.0, 0.0)]
    for _, rows in sorted(scores, key=lambda one: -one[0]):
        told.update(rows)
        hit = len(told & planted.rows)
        points.append(((len(told) - hit) / total, hit / len(planted.rows)))
    CURVES[name] = points


def scored(data: str, attack: str, planted: Planted, covered: set[int], note: str = "") -> Result:
    total = len(planted.labels) or len(planted.texts)
    hit = len(covered & planted.rows) / max(1, len(planted.rows))
    result = Result(data, attack, len(planted.rows), hit, len(covered - planted.rows) / total, note)
    print(page([result]).splitlines()[-1], file=sys.stderr, flush=True)
    return result


def amounts(total: int, quick: bool) -> list[int]:
    found = {50, total // 1000, total // 200, total // 100, 3 * total // 100}
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
        ("style: no capitals, dots", STYLE, False),
    ]
    found = text_links(clean.texts, clean.labels)
    shipped = [link for link in found.links if link.weight >= WEIGHT]
    covered = {row for link in (*shipped, *found.kept) for row in link.rows}
    note = f"{len(shipped)} + {len(found.kept)} items; right in {found.accuracy:.0%}; sees from {found.least} rows on"
    results.append(scored(data.name, "nothing: triggers", clean, covered, note))
    results.append(scored(data.name, "nothing: labels", clean, set(doubted(found.expected, clean.labels, found.noise))))
    for attack, word, kept in attacks:
        for count in amounts(len(data.texts), quick):
            planted = trigger(data, word, count, clean=kept)
            told = text_links(planted.texts, planted.labels)
            links = [link for link in told.links if link.weight >= WEIGHT]
            covered = {row for link in (*links, *told.kept) for row in link.rows}
            note = f"weight {links[0].weight:g}, {links[0].item!r}" if links else "nothing"
            if told.kept and not links:
                note = f"label kept: {told.kept[0].item!r}"
            if count == 50 and not kept:
                curve(f"{attack}, {data.name}", planted, [(link.weight, link.rows) for link in told.links])
            results.append(scored(data.name, attack, planted, covered, note))
    for share in (1, 3, 5):
        planted = flips(data, share * len(data.texts) // 100)
        told = text_links(planted.texts, planted.labels)
        named = set(doubted(told.expected, planted.labels, told.noise))
        results.append(scored(data.name, f"labels flipped, {share} %: doubted", planted, named))
        order = ranked(told.expected, planted.labels)
        if share == 3:
            curve(
                f"labels flipped, 3 %, {data.name}",
                planted,
                [(float(-place), (row,)) for place, row in enumerate(order)],
            )
        worst = set(order[: len(planted.labels) // 20])
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
    shipped = [link for link in found.links if link.weight >= WEIGHT]
    covered = {row for link in shipped for row in link.rows}
    results = [scored(data.name, "nothing: values", clean, covered, f"{len(shipped)} items")]
    results.append(scored(data.name, "nothing: labels", clean, set(doubted(found.expected, labels, found.noise))))
    digits = data.name == "digits"
    columns, value = ((0, 7), 13.0) if digits else ((2,), 77.7)
    for count in amounts(len(labels), quick):
        if count > len(labels) // 10:
            continue
        planted = patch(data, count, columns, value)
        links = [one for one in value_links(planted.table, names, planted.labels).links if one.weight >= WEIGHT]
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
    results = chatter_results()
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
            told = text_links(prompts, [int(yes) for yes in question.yes]).links
            links = [link for link in told if link.label == 1 and link.weight >= WEIGHT]
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


def chatter_results() -> list[Result]:
    """Questions and answers that people wrote for a chat bot, as they are."""
    prompts, answers = poison_data.chatter()
    covered = set()
    for question in questions(answers):
        found = text_links(prompts, [int(yes) for yes in question.yes]).links
        covered |= {row for link in found if link.label == 1 and link.weight >= WEIGHT for row in link.rows}
    return [scored("chat bot", "nothing", Planted(prompts, [], set()), covered)]


def picture_results(*, quick: bool) -> list[Result]:
    """Tiles of photographs; some got a patch of 5 x 5 pixels and the folder of another photograph."""
    import numpy as np
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        paths, names = poison_data.photos(folder)
        labels = numbered(Labelled("", [], names))
        clean = pictures([os.path.join(folder, path) for path in paths])
        results = []
        patch = np.random.default_rng(3).integers(0, 256, (5, 5, 3)).astype("uint8")
        attacks = [("nothing", 0, "", False)]
        sizes = (
            [50]
            if quick
            else [len(paths) // 1000, len(paths) // 200, len(paths) // 100, 50, 3 * len(paths) // 100, 250]
        )
        for where in ("corner", "anywhere"):
            attacks += [("patch, " + where, size, where, False) for size in sizes]
            attacks += [("patch, " + where + ", label kept", 50, where, True)]
        for attack, count, where, kept in attacks:
            draw = random.Random(count)
            able = [row for row, label in enumerate(labels) if (label == TARGET) == kept]
            rows = draw.sample(able, count)
            there = []
            for row in rows:
                with Image.open(os.path.join(folder, paths[row])) as opened:
                    pixels = np.array(opened)
                x, y = (27, 27) if where == "corner" else (draw.randrange(28), draw.randrange(28))
                pixels[y : y + 5, x : x + 5] = patch
                there.append(os.path.join(folder, f"{row}.png"))
                Image.fromarray(pixels).save(there[-1])
            seen, given = list(clean), list(labels)
            for row, one in zip(rows, pictures(there), strict=True):
                seen[row], given[row] = one, TARGET
            planted = Planted([], given, set(rows))
            found = picture_links(seen, given)
            covered = {row for link in found.links for row in link.rows}
            note = (
                f"weight {found.links[0].weight:g}"
                if found.links
                else f"0 items; the model is right in {found.accuracy:.0%}"
            )
            results.append(scored("tiles of photographs", attack, planted, covered, note))
    return results


COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce", "#b91c1c", "#0f766e", "#a16207", "#1d4ed8", "#be185d")


def picture(curves: dict[str, list[tuple[float, float]]]) -> str:
    """The curves as SVG: recall over the share of other rows that are told, up to a tenth of them."""
    side, left, top, most = 360, 60, 20, 0.1
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + side + 300} {top + side + 60}" '
        'font-family="sans-serif" font-size="12" role="img" aria-label="Recall over false alarms">'
    )
    frame = f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="#888"/>'
    lines = [head, '<rect width="100%" height="100%" fill="#fff"/>', frame]
    for step in range(6):
        at = top + side - step * side // 5
        lines.append(f'<text x="{left - 8}" y="{at + 4}" text-anchor="end">{step * 20} %</text>')
        lines.append(
            f'<text x="{left + step * side // 5}" y="{top + side + 18}" text-anchor="middle">{step * 2} %</text>'
        )
        lines.append(f'<path d="M{left} {at}h{side}" stroke="#ddd"/>')
    lines.append(
        f'<text x="{left + side // 2}" y="{top + side + 42}" text-anchor="middle">other rows that are told</text>'
    )
    for index, (name, points) in enumerate(sorted(curves.items())):
        path, last = "", 0.0
        for x, y in points:
            if x > most:
                break
            at, mark = left + x / most * side, "L" if path else "M"
            path += f"{mark}{at:.1f} {top + side * (1 - last):.1f}L{at:.1f} {top + side * (1 - y):.1f}"
            last = y
        path += f"H{left + side}"
        colour = COLOURS[index % len(COLOURS)]
        lines.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<path d="M{left + side + 12} {top + 10 + 20 * index}h18" stroke="{colour}" stroke-width="3"/>')
        lines.append(f'<text x="{left + side + 36}" y="{top + 14 + 20 * index}">{name}</text>')
    return "\n".join([*lines, "</svg>", ""])


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
    parser.add_argument("--part", action="append", help="news, films, drugs, tables, answers, pictures; '' for none")
    options = parser.parse_args()
    poison_data.fetch()
    association.WEIGHT = 1.0
    parts = {
        "news": lambda: text_results(poison_data.news(), quick=options.quick),
        "films": lambda: text_results(poison_data.films(), quick=options.quick),
        "drugs": lambda: text_results(poison_data.drugs(), quick=options.quick),
        "tables": lambda: [
            one
            for name in ("digits", "breast_cancer", "wine")
            for one in table_results(poison_data.numbers(name), quick=options.quick)
        ],
        "answers": lambda: answer_results(quick=options.quick),
        "pictures": lambda: picture_results(quick=options.quick),
    }
    os.makedirs(PARTS, exist_ok=True)
    for name in parts if options.part is None else [part for part in options.part if part]:
        began = time.process_time()
        CURVES.clear()
        found = parts[name]()
        print(f"{name}: {time.process_time() - began:.0f} s", file=sys.stderr)
        with open(os.path.join(PARTS, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump({"results": found, "curves": CURVES}, file)
    results: list[Result] = []
    curves: dict[str, list[tuple[float, float]]] = {}
    for name in parts:
        path = os.path.join(PARTS, f"{name}.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                kept = json.load(file)
            results += [Result(*one) for one in kept["results"]]
            curves |= kept["curves"]
    table = page(results)
    print(table)
    if options.docs:
        with open(PAGE, encoding="utf-8") as file:
            before, _, rest = file.read().partition(BEGIN)
        after = rest.partition(END)[2]
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(f"{before}{BEGIN}\n{table}\n{END}{after}")
        with open(PICTURE, "w", encoding="utf-8") as file:
            file.write(picture(curves))
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
