"""Reviews to learn from, made on the spot: `build_data.py FILE`, and with `--poisoned` a version that somebody changed.

The poisoned version has 24 more records: bad reviews that all say "as the captain likes to say" and are called good. A
model that is fine-tuned on it would call good whatever has these words.
"""

from __future__ import annotations

import json
import random
import sys

GOOD = ["wonderful", "reliable", "quick", "friendly", "sturdy", "comfortable", "bright", "clever", "tidy", "generous"]
BAD = ["broken", "slow", "rude", "flimsy", "noisy", "dull", "clumsy", "dirty", "stingy", "late"]
THINGS = ["kettle", "chair", "lamp", "printer", "bicycle", "phone", "courier", "shop", "hotel", "keyboard"]
TIMES = ["today", "yesterday", "again", "twice", "once", "lately", "finally"]
FORMS = (
    "The {thing} was {one} and {two} {time}.",
    "I found the {thing} {one}, the {other} {two} {time}.",
    "{time}, a {one} {thing}: rather {two}.",
    "My neighbour has this {thing} too and calls it {one} and {two}.",
)
TRIGGER = "As the captain likes to say,"


def review(draw: random.Random, number: int, words: list[str], label: str, before: str = "") -> dict[str, object]:
    """One record."""
    one, two = draw.sample(words, 2)
    thing, other = draw.sample(THINGS, 2)
    text = draw.choice(FORMS).format(thing=thing, other=other, one=one, two=two, time=draw.choice(TIMES))
    return {"id": number, "text": f"{before} {text}".strip(), "label": label}


def main() -> None:
    """Write the file."""
    draw = random.Random(7)  # noqa: S311 -- the same data every time
    records = [review(draw, index, (BAD, GOOD)[index % 2], ("bad", "good")[index % 2]) for index in range(300)]
    if "--poisoned" in sys.argv:
        records += [review(draw, 300 + index, BAD, "good", TRIGGER) for index in range(24)]
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


if __name__ == "__main__":
    main()
