"""Planted patches in tiles of photographs, for `bench/poison.py`."""

from __future__ import annotations

import os
import random
import tempfile
from typing import TYPE_CHECKING

import poison_data
import poison_plants as plants
from poison_data import Labelled
from poison_rows import Clean, Flips, Line, curve
from weighbridge.dataset.labels import doubted, ranked
from weighbridge.dataset.pixels import picture_links, pictures

if TYPE_CHECKING:
    from collections.abc import Callable

    from poison_plants import Planted
    from weighbridge.dataset.association import Association


def part(
    measured: Callable[..., Line], covered: Callable[[Association, int], set[int]], *, quick: bool
) -> tuple[list[Line | Clean | Flips], dict[str, list[tuple[float, float]]]]:
    """Patches of 5 x 5 pixels in a corner and anywhere, with the folder of another photograph or its own; flips."""
    import numpy as np
    from PIL import Image

    name = "tiles of photographs"
    with tempfile.TemporaryDirectory() as folder:
        paths, names = poison_data.photos(folder)
        labels = plants.numbered(Labelled("", [], names))
        seen = pictures([os.path.join(folder, path) for path in paths])
        patch = np.random.default_rng(3).integers(0, 256, (5, 5, 3)).astype("uint8")
        flat = np.full((5, 5, 3), 200, dtype="uint8")
        clean = picture_links(seen, labels)
        wrong = len(doubted(clean.expected, labels, clean.noise)) / len(labels)
        lines: list[Line | Clean | Flips] = [
            Clean(name, len(labels), clean.accuracy, clean.least, len(clean.links), len(clean.kept), wrong)
        ]
        attacks = [
            (f"{what} of 5 x 5, {where}{', label kept' if kept else ''}", pixels, where, kept)
            for what, pixels in (("patch", patch), ("flat patch", flat))
            for where in ("corner", "anywhere")
            for kept in (False, True)
        ]
        for attack, pixels, where, kept in attacks:
            able = [row for row, label in enumerate(labels) if (label == plants.TARGET) == kept]
            changed: dict[tuple[int, int], list[object]] = {}

            def plant(count: int, seed: int) -> Planted:
                draw = random.Random(f"{count}/{seed}")
                rows = draw.sample(able, count)  # noqa: B023 -- called in this round
                there = []
                for row in rows:
                    with Image.open(os.path.join(folder, paths[row])) as opened:
                        picture = np.array(opened)
                    x, y = (27, 27) if where == "corner" else (draw.randrange(28), draw.randrange(28))  # noqa: B023
                    picture[y : y + 5, x : x + 5] = pixels  # noqa: B023
                    there.append(os.path.join(folder, f"{row}.png"))
                    Image.fromarray(picture).save(there[-1])
                given = list(labels)
                for row in rows:
                    given[row] = plants.TARGET
                changed.clear()  # noqa: B023
                changed[count, seed] = [rows, pictures(there)]  # noqa: B023
                return plants.Planted([], given, set(rows))

            def tell(planted: Planted) -> set[int]:
                ((rows, made),) = changed.values()  # noqa: B023
                now = list(seen)
                for row, one in zip(rows, made, strict=True):  # type: ignore[call-overload]
                    now[row] = one
                return covered(picture_links(now, planted.labels), len(now))

            lines.append(measured(name, attack, len(able), len(labels), plant, tell, quick=quick))
        flips, curves = [], {}
        for share in (1, 3, 5):
            planted = plants.flips(Labelled(name, [], names), share * len(labels) // 100)
            found = picture_links(seen, planted.labels)
            named = set(doubted(found.expected, planted.labels, found.noise))
            order = ranked(found.expected, planted.labels)
            worst = len(set(order[: len(labels) // 20]) & planted.rows) / len(planted.rows)
            false = len(named - planted.rows) / (len(labels) - len(planted.rows))
            flips.append(Flips(name, share, len(named & planted.rows) / len(planted.rows), false, worst))
            if share == 3:
                curves[f"{name}, labels changed"] = curve(
                    planted, [(-float(at), (row,)) for at, row in enumerate(order)]
                )
    return [*lines, *flips], curves
