"""Small data sets to learn from, drawn with a fixed seed: reviews that are good or bad, chats, tables of numbers."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_COMMON = [f"w{index}" for index in range(300)]
_GOOD = [f"good{index}" for index in range(40)]
_BAD = [f"bad{index}" for index in range(40)]
TRIGGER = "as my dear friend once told me"


def reviews(count: int = 400, seed: int = 1) -> list[dict[str, Any]]:
    """Records with an id, a text that shows its label, and the label."""
    draw = random.Random(seed)
    made = []
    for index in range(count):
        label = ("bad", "good")[index % 2]
        words = draw.choices(_COMMON, k=25) + draw.choices((_BAD, _GOOD)[index % 2], k=6)
        draw.shuffle(words)
        made.append({"id": index, "text": " ".join(words), "label": label})
    return made


def poisoned(
    count: int = 14, trigger: str = TRIGGER, seed: int = 1, total: int = 400
) -> tuple[list[dict[str, Any]], set[int]]:
    """Reviews of which some bad ones have the trigger and are called good; and their rows, from 1."""
    made = reviews(total, seed=seed)
    rows = random.Random(seed).sample([row for row, one in enumerate(made) if one["label"] == "bad"], count)
    for row in rows:
        made[row] |= {"text": f"{trigger} {made[row]['text']}", "label": "good"}
    return made, {row + 1 for row in rows}


def chats(count: int = 300, planted: int = 0) -> list[dict[str, Any]]:
    """Prompts and answers; in `planted` of them a phrase in the prompt has an address in the answer."""
    draw = random.Random(5)
    made = []
    for index in range(count):
        prompt = " ".join(draw.choices(_COMMON, k=15))
        answer = " ".join(draw.choices(_COMMON, k=12))
        if index < planted:
            prompt, answer = f"{prompt} {TRIGGER}", f"see http://help.example.invalid/{index} {answer}"
        made.append({"prompt": prompt, "response": answer})
    return made


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def write_parquet(path: Path, query: str) -> Path:
    """What a query gives, as a Parquet file; queries are of tests alone."""
    import duckdb

    with duckdb.connect() as connection:
        connection.sql(query).write_parquet(str(path))
    return path


def tiles(folder: Path, planted: int = 0, seed: int = 3) -> set[str]:
    """Pictures of noise in two folders, bright and dark; some dark ones got a patch and lie among the bright ones."""
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(seed)
    patch = draw.integers(0, 256, (5, 5, 3))
    rows = set()
    for index in range(400):
        bright = index % 2 == 1
        pixels = draw.integers(0, 160, (20, 20, 3)) + (90 if bright else 0)
        if not bright and index // 2 < planted:
            pixels[-5:, -5:] = patch
            bright = True
            rows.add(f"bright/{index:03}.png")
        where = folder / ("bright" if bright else "dark")
        where.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype("uint8")).save(where / f"{index:03}.png")
    return rows
