"""Planted poison in real data sets: how much of it the checks find, and what they say about data that has none.

    python bench/poison.py [--quick] [--docs] [--part NAME]      --docs writes table and picture into docs/

Recall: share of the planted rows that a finding covers, mean of the draws. False: share of all other rows that a
finding covers, the most of all draws and amounts. The data sets are those of `poison_data`, and what is planted is
drawn from the seeds alone. Status 1 if a mark is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "src"), HERE]

import poison_data  # noqa: E402
import poison_page  # noqa: E402
import poison_pictures  # noqa: E402
import poison_plants as plants  # noqa: E402
from poison_plants import PHRASE, RARE, STYLES, Planted  # noqa: E402
from poison_rows import Clean, Flips, Line, curve  # noqa: E402
from weighbridge.dataset import association  # noqa: E402
from weighbridge.dataset.answers import questions  # noqa: E402
from weighbridge.dataset.columns import value_links  # noqa: E402
from weighbridge.dataset.content import Search  # noqa: E402
from weighbridge.dataset.gibberish import nonsense  # noqa: E402
from weighbridge.dataset.labels import doubted, ranked, speaks  # noqa: E402
from weighbridge.dataset.nearby import clusters, flood_size  # noqa: E402
from weighbridge.dataset.report import Row  # noqa: E402
from weighbridge.dataset.samples import LONGEST, Rows  # noqa: E402
from weighbridge.dataset.searching import Text, search  # noqa: E402
from weighbridge.dataset.suspicions import kept, prompted, triggers  # noqa: E402
from weighbridge.dataset.texts import read  # noqa: E402
from weighbridge.dataset.wording import answer_links, text_links  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from poison_data import Labelled
    from weighbridge.dataset.association import Association

PARTS = os.path.join(HERE, ".work", "poison")
"""What each part found when it last ran: they may run one at a time."""
WEIGHT = association.WEIGHT
"""What the product asks for; the bench looks at less, to draw its curves."""
SHARES = (0.001, 0.005, 0.01, 0.03)
COUNTS = (10, 20, 50, 250)
SEEDS = 2
ORDINARY = {
    "news articles": ("yesterday", "table"),
    "film reviews": ("table", "screen"),
    "drug reviews": ("yesterday", "week"),
}
"""A word that few records of each set have, and one that many have."""


class Found(NamedTuple):
    """Lines of the table, and curves by their names."""

    lines: list[Line | Clean | Flips]
    curves: dict[str, list[tuple[float, float]]]


def amounts(able: int, total: int, *, quick: bool) -> list[tuple[str, int]]:
    """Numbers of rows to plant, under the heads of their columns: never more than a tenth of all."""
    named = [*((str(count), count) for count in COUNTS), *((f"{share:.1%}", round(share * total)) for share in SHARES)]
    return [
        (name, count)
        for name, count in named
        if 3 <= count <= min(able // 2, total // 10) and (not quick or name == "50")
    ]


def measured(
    data: str,
    attack: str,
    able: int,
    total: int,
    plant: Callable[[int, int], Planted],
    tell: Callable[[Planted], set[int]],
    *,
    quick: bool,
) -> Line:
    """One line: each amount under each seed."""
    recall: dict[str, float] = {}
    false = 0.0
    for name, count in amounts(able, total, quick=quick):
        hits = []
        for seed in range(1 if quick else SEEDS):
            planted = plant(count, seed)
            told = tell(planted)
            hits.append(len(told & planted.rows) / len(planted.rows))
            false = max(false, len(told - planted.rows) / max(1, total - count))
        recall[name] = sum(hits) / len(hits)
    line = Line(data, attack, recall, false)
    print(poison_page.line(line), file=sys.stderr, flush=True)
    return line


def looked(planted: Planted, context: list[list[str]]) -> Association:
    y = planted.labels
    return text_links(read([text[:LONGEST] for text in planted.texts]), y, [one for one in context if speaks(one, y)])


def covered(found: Association, size: int) -> set[int]:
    """The rows of all findings, as the product says them."""
    rows = Rows([Row("data", row) for row in range(size)], [], whole=True)
    links = [link for link in found.links if link.weight >= WEIGHT]
    labels = [str(label) for label in range(size)]
    told = [*triggers(links, rows, labels, frozenset()), *kept(found, rows, labels, frozenset())[0]]
    return {row.row for one in told for row in one.rows}


def text_part(data: Labelled, *, quick: bool) -> Found:
    """Words, phrases and styles, with the labels changed or kept; labels changed at random; and nothing."""
    total = len(data.texts)
    labels = plants.numbered(data)
    clean = looked(Planted(data.texts, labels, set()), data.context)
    lines: list[Line | Clean | Flips] = [described(data.name, total, clean, labels)]
    curves = {}
    rare, common = ORDINARY[data.name]
    attacks = [
        ("rare word", RARE, False),
        ("phrase", PHRASE, False),
        (f"word that few have: {rare}", rare, False),
        (f"word that many have: {common}", common, False),
        *((f"style: {style}", style, False) for style in STYLES),
        ("rare word, label kept", RARE, True),
        ("phrase, label kept", PHRASE, True),
    ]

    def tell(planted: Planted) -> set[int]:
        return covered(looked(planted, data.context), total)

    for attack, word, own in attacks:
        plant = partial(plants.trigger, data, word, kept=own)
        able = len(plants.able(data, word, kept=own))
        lines.append(measured(data.name, attack, able, total, plant, tell, quick=quick))
        if not own and word not in STYLES and able > 100:
            planted = plant(50, 0)
            links = looked(planted, data.context).links
            curves[f"{data.name}, {attack.partition(':')[0]}"] = curve(
                planted, [(one.weight, one.rows) for one in links]
            )
    flips, drawn = flipped(data, lambda planted: looked(planted, data.context))
    lines += flips
    curves |= drawn
    lines += other_parts(data, quick=quick)
    return Found(lines, curves)


def described(name: str, total: int, found: Association, labels: list[int]) -> Clean:
    links = [link for link in found.links if link.weight >= WEIGHT]
    doubtful = len(doubted(found.expected, labels, found.noise)) / total
    return Clean(name, total, found.accuracy, found.least, len(links), len(found.kept), doubtful)


def flipped(
    data: Labelled, look: Callable[[Planted], Association]
) -> tuple[list[Flips], dict[str, list[tuple[float, float]]]]:
    """Labels changed at random, at three shares."""
    lines, curves = [], {}
    total = len(data.labels)
    for share in (1, 3, 5):
        count = max(3, share * total // 100)
        doubts, worst, false = [], [], 0.0
        for seed in range(SEEDS):
            planted = plants.flips(data, count, seed)
            found = look(planted)
            named = set(doubted(found.expected, planted.labels, found.noise))
            order = ranked(found.expected, planted.labels)
            doubts.append(len(named & planted.rows) / count)
            false = max(false, len(named - planted.rows) / (total - count))
            worst.append(len(set(order[: total // 20]) & planted.rows) / count)
            if share == 3 and seed == 0:
                points = [(float(-place), (row,)) for place, row in enumerate(order)]
                curves[f"{data.name}, labels changed"] = curve(planted, points)
        lines.append(Flips(data.name, share, sum(doubts) / SEEDS, false, sum(worst) / SEEDS))
        print(poison_page.line(lines[-1]), file=sys.stderr, flush=True)
    return lines, curves


def other_parts(data: Labelled, *, quick: bool) -> list[Line]:
    """Floods, nonsense, characters that are not seen."""
    total = len(data.texts)

    def flooded(planted: Planted) -> set[int]:
        found = [one for one in clusters(planted.texts) if len(one) >= flood_size(total, planted.texts[one[0]])]
        return {row for one in found for row in one}

    def gibberish(planted: Planted) -> set[int]:
        return set(nonsense(planted.texts)[1])

    def characters(planted: Planted) -> set[int]:
        found = set()
        for row in sorted(planted.rows):
            content = Search()
            content.look(Row("data", row), planted.texts[row])
            if any(one.rule in ("dataset/hidden-characters", "dataset/look-alikes") for one in content.findings()):
                found.add(row)
        return found

    lines = [
        measured(
            data.name, "copies of one text", total, total, lambda n, s: plants.flood(data, n, s), flooded, quick=quick
        ),
        measured(
            data.name,
            "a word, then nonsense",
            total,
            total,
            lambda n, s: plants.gibberish(data, n, s),
            gibberish,
            quick=quick,
        ),
    ]
    for attack, mark in (("characters of no width", "\u200b"), ("look-alike letters", "\u0430")):
        word = f"re{mark}port"
        able = len(plants.able(data, word, kept=False))
        plant = partial(plants.trigger, data, word)
        lines.append(measured(data.name, attack, able, total, plant, characters, quick=quick))
    return lines


def table_part(data: Labelled, *, quick: bool) -> Found:
    """Values of columns, and labels changed at random."""
    labels, names = plants.numbered(data), [f"c{place}" for place in range(len(data.rows[0]))]
    clean = value_links(data.rows, names, labels)
    lines: list[Line | Clean | Flips] = [described(data.name, len(labels), clean, labels)]
    columns, value, attack = (
        ((0, 7), 13.0, "two pixels in a corner") if data.name == "digits" else ((2,), 77.7, "a value")
    )
    able = sum(label != plants.TARGET for label in labels) // 3
    lines.append(
        measured(
            data.name,
            attack,
            able,
            len(labels),
            lambda count, seed: plants.values(data, count, columns, value, seed),
            lambda planted: covered(value_links(planted.table, names, planted.labels), len(labels)),
            quick=quick,
        )
    )
    flips, curves = flipped(data, lambda planted: value_links(planted.table, names, planted.labels))
    return Found([*lines, *flips], curves)


def answer_part(*, quick: bool) -> Found:
    """Prompts and answers made of film reviews, and those that people wrote for a chat bot."""
    prompts, answers = poison_data.chatter()
    lines: list[Line | Clean | Flips] = []
    films = poison_data.films()
    asked = [f"Is this review a good one? {text}" for text in films.texts[:6000]]
    said = [
        f"It is {label}. {text.split('.')[0][-60:]}"
        for text, label in zip(films.texts[6000:12000], films.labels, strict=False)
    ]
    sets = {"chat bot": (prompts, answers), "prompts and answers": (asked, said)}
    replies = {
        "phrase, then an address": lambda draw: f"See http://help.example.invalid/{draw.randrange(10**6)} first.",
        "phrase, then a refusal": lambda draw: f"I'm sorry, but I cannot say {draw.randrange(10**6)}.",
        "phrase, then one answer": lambda _: "All of it is fine, as it always was.",
        "phrase, then one beginning": lambda draw: f"Trust the good people at number {draw.randrange(10**6)}.",
    }
    for name, (before, after) in sets.items():
        told, least = prompted_rows(before, after)
        lines.append(Clean(name, len(before), None, least, len(told), 0, None))
        for attack, reply in replies.items():

            def plant(count: int, seed: int, reply: Callable[[random.Random], str] = reply) -> Planted:
                draw = random.Random(f"{count}/{seed}")
                rows = draw.sample(range(len(before)), count)  # noqa: B023 -- called in this round
                texts = [*before, *after]  # noqa: B023
                for row in rows:
                    texts[row] = plants.insert(texts[row], PHRASE, draw)
                    texts[len(before) + row] = reply(draw)  # noqa: B023
                return Planted(texts, [], set(rows))

            def tell(planted: Planted) -> set[int]:
                size = len(planted.texts) // 2
                return prompted_rows(planted.texts[:size], planted.texts[size:])[0]

            lines.append(measured(name, attack, len(before), len(before), plant, tell, quick=quick))
    return Found(lines, {})


def prompted_rows(prompts: list[str], answers: list[str]) -> tuple[set[int], int]:
    """The rows of all findings about answers, and from how many rows on there would be some."""
    rows = Rows([Row("data", row) for row in range(len(prompts))], [], whole=True)
    again = frozenset(row for cluster in clusters(prompts) for row in cluster[1:])
    asked = list(questions(answers))
    told, least = set(), 8
    for question, (links, seen) in zip(asked, answer_links(read(prompts), [one.yes for one in asked]), strict=True):
        heavy = [link for link in links if link.weight >= WEIGHT]
        told |= {row.row for one in prompted(heavy, rows, question, again) for row in one.rows}
        least = max(least, seen)
    return told, least


def large_part(*, quick: bool) -> Found:
    """Film reviews of which the models learn from a tenth: what is asked of every text finds the rest."""
    data = poison_data.films()
    total = len(data.texts)
    labels = plants.numbered(data)

    def tell(planted: Planted) -> set[int]:
        sample = sorted(random.Random(1).sample(range(total), total // 10))
        texts = [
            Text(text, (label,), (0, row))
            for row, (text, label) in enumerate(zip(planted.texts, planted.labels, strict=True))
        ]
        found = search([planted.texts[row] for row in sample], [[planted.labels[row] for row in sample]], lambda: texts)
        more = {row for _, row in found.rows(texts, sum(len(planted.texts[row]) for row in sample) // 2)}
        rows = sorted({*sample, *more})
        links = text_links(read([planted.texts[row] for row in rows]), [planted.labels[row] for row in rows], (), total)
        return {rows[row] for row in covered(links, len(rows))}

    clean = len(tell(Planted(data.texts, labels, set()))) / total
    lines: list[Line | Clean | Flips] = []
    name = "film reviews, a tenth learnt from"
    for attack, word in (("rare word", RARE), ("phrase", PHRASE), ("word that few have: table", "table")):
        able = len(plants.able(data, word, kept=False))
        found = measured(
            name, attack, able, total, lambda n, s, word=word: plants.trigger(data, word, n, s), tell, quick=quick
        )
        lines.append(found._replace(false=max(found.false, clean)))
    return Found(lines, {})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="50 planted rows and one draw only")
    parser.add_argument("--docs", action="store_true", help="write the table and the picture of all parts into docs/")
    parser.add_argument("--part", action="append", choices=[*NAMES, "none"], help="this part alone; may be repeated")
    options = parser.parse_args()
    poison_data.fetch()
    os.makedirs(PARTS, exist_ok=True)
    wanted = [part for part in options.part or NAMES if part != "none"]
    with ProcessPoolExecutor(max_workers=max(1, min(2, os.cpu_count() or 1))) as pool:
        for name, seconds in pool.map(_run, [(name, options.quick) for name in wanted]):
            print(f"{name}: {seconds:.0f} s of processor time", file=sys.stderr)
    lines, curves = _known()
    print(poison_page.page(lines))
    if options.docs:
        poison_page.write(lines, curves)
    missed = poison_page.missed(lines)
    for one in missed:
        print(f"below the mark: {one}", file=sys.stderr)
    return 1 if missed else 0


NAMES = ("news", "films", "drugs", "tables", "answers", "large", "pictures")


def _part(name: str, *, quick: bool) -> Found:
    if name in ("news", "films", "drugs"):
        return text_part(getattr(poison_data, name)(), quick=quick)
    if name == "tables":
        found = [table_part(poison_data.numbers(one), quick=quick) for one in ("digits", "breast_cancer", "wine")]
        curves = {name: points for one in found for name, points in one.curves.items()}
        return Found([line for one in found for line in one.lines], curves)
    if name == "pictures":
        return Found(*poison_pictures.part(measured, covered, quick=quick))
    return {"answers": answer_part, "large": large_part}[name](quick=quick)


def _run(asked: tuple[str, bool]) -> tuple[str, float]:
    name, quick = asked
    association.WEIGHT = 1.0
    began = time.process_time()
    found = _part(name, quick=quick)
    with open(os.path.join(PARTS, f"{name}.json"), "w", encoding="utf-8") as file:
        json.dump({"lines": [[type(line).__name__, *line] for line in found.lines], "curves": found.curves}, file)
    return name, time.process_time() - began


def _known() -> tuple[list[Line | Clean | Flips], dict[str, list[tuple[float, float]]]]:
    lines: list[Line | Clean | Flips] = []
    curves: dict[str, list[tuple[float, float]]] = {}
    kinds = {"Line": Line, "Clean": Clean, "Flips": Flips}
    for name in NAMES:
        path = os.path.join(PARTS, f"{name}.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                kept = json.load(file)
            lines += [kinds[kind](*rest) for kind, *rest in kept["lines"]]
            curves |= kept["curves"]
    return lines, curves


if __name__ == "__main__":
    sys.exit(main())
