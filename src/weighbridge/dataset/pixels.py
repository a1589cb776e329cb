"""Pictures in folders, the folder being the label: patches that go with one label unexplained (`association`).

Decoders of pictures are large and old, so they run behind walls (`sandbox`), in `pixel_child`; what comes back are
numbers of known lengths. Items are pixels and blocks of four at one place of the grid or of a corner, and windows of
4 x 4 pixels wherever they lie. The model is a forest over the grid, coarser, without the places of the best items.
"""

from __future__ import annotations

import os
import shutil
import struct
import sys
import tempfile

from weighbridge.core.errors import SandboxError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset import association
from weighbridge.dataset.association import LEAST_ROWS, Association, calibrated, least_rows, stands_out
from weighbridge.dataset.database import module
from weighbridge.dataset.pixel_child import CORNER, GRID
from weighbridge.dataset.wording import candidates
from weighbridge.engines.find import real, roots
from weighbridge.sandbox.records import MIB, Bounds, Program
from weighbridge.sandbox.run import open_up, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

MOST = 20_000
BATCH = 500
LARGEST = 64 * MIB
BAR = 12.0
"""What a link of pictures has to weigh: they have many more items than texts, and clean ones weigh up to 7.2."""
TREES = 40
HIDDEN = 8
_HEAD = struct.Struct("<II")
_COUNT = struct.Struct("<H")
_GRID = GRID * GRID * 3
_CORNERS = 4 * CORNER * CORNER
_CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pixel_child.py")
_PLACES = ("upper left", "upper right", "lower left", "lower right")


class Picture(NamedTuple):
    """What is known of one picture, or why nothing is. `windows` are hashes as bytes, four for each."""

    width: int
    height: int
    grid: bytes
    corners: bytes
    windows: bytes
    why: str = ""


def able() -> str:
    """Why pictures cannot be decoded here; empty if they can."""
    from importlib.util import find_spec

    return "" if find_spec("PIL") else "Pillow is not installed: pip install 'weighbridge[data]'"


def pictures(paths: Sequence[str]) -> list[Picture]:
    """Decode pictures, in their order. Raises SandboxError without walls."""
    found: list[Picture] = []
    for first in range(0, len(paths), BATCH):
        found += _batch(paths[first : first + BATCH])
    return found


def _batch(paths: Sequence[str]) -> list[Picture]:
    """What one child says; if it dies, halves of it, until the picture that killed it stands alone."""
    python = real(sys.executable)
    with tempfile.TemporaryDirectory(prefix="weighbridge-data-") as folder:
        copies = os.path.join(folder, "pictures")
        os.mkdir(copies)
        for index, path in enumerate(paths):
            if os.path.getsize(path) <= LARGEST:  # the child says of the others that they are not there
                shutil.copyfile(path, os.path.join(copies, f"{index}"))
        open_up(copies)
        program = Program(
            (python, "-I", "-B", _CHILD, "{pictures}", f"{len(paths)}"),
            inputs={"pictures": copies},
            needs=(*roots(python), os.path.dirname(_CHILD)),
            environ={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        outcome = run(program, Bounds(memory=1024 * MIB, output=64 * MIB))
    try:
        found = list(_parsed(outcome.out))
    except (struct.error, ValueError):
        found = []
    if len(found) == len(paths):
        return found
    if len(paths) == 1:
        return [Picture(0, 0, b"", b"", b"", f"the decoder {outcome.text}")]
    if not found and outcome.err and b"No module named" in outcome.err:
        raise SandboxError("Pillow cannot be used behind walls", "pip install 'weighbridge[data]'")
    half = len(paths) // 2
    return _batch(paths[:half]) + _batch(paths[half:])


def _parsed(raw: bytes) -> Iterator[Picture]:
    place = 0

    def taken(size: int) -> bytes:
        nonlocal place
        piece = raw[place : place + size]
        if len(piece) != size:
            raise ValueError
        place += size
        return piece

    while place < len(raw):
        if taken(1) == b"\0":
            why = taken(_COUNT.unpack(taken(2))[0]).decode("ascii", "replace")
            yield Picture(0, 0, b"", b"", b"", why or "it cannot be decoded")
            continue
        width, height = _HEAD.unpack(taken(8))
        grid, corners = taken(_GRID), taken(_CORNERS)
        yield Picture(width, height, grid, corners, taken(4 * _COUNT.unpack(taken(2))[0]))


def picture_links(found: Sequence[Picture], labels: Sequence[int]) -> Association:
    """Patches of pictures that go with a label (numbers from 0)."""
    np = module("numpy")
    forest = module("sklearn.ensemble").ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=7, n_jobs=1)
    y = np.asarray(labels)
    grids = np.stack([np.frombuffer(one.grid, np.uint8).reshape(GRID, GRID, 3) for one in found])
    grey = grids.mean(axis=3)
    small = all(one.width <= GRID and one.height <= GRID for one in found)
    across = 1 if small and max(max(one.width, one.height) for one in found) <= GRID // 2 else 4
    width = GRID // across
    cells = grids.reshape(len(y), width, across, width, across, 3).mean(axis=(2, 4)).reshape(len(y), width * width, 3)
    varied = np.flatnonzero(cells.std(axis=(0, 2)) > 0)
    matrix, titles, places = _items(found, grey, across)
    scores = association.by_folds(forest, cells[:, varied].reshape(len(y), -1), y)
    known = calibrated(scores, y)
    if matrix.shape[1]:
        best = [column for column, _ in candidates(matrix, y, known.probable(scores))]
        hidden = list(dict.fromkeys(cell for column in best for cell in places[column]))[: len(varied) // HIDDEN]
        rest = np.setdiff1d(varied, hidden)
        scores = association.by_folds(forest, cells[:, rest].reshape(len(y), -1), y)
        known = calibrated(scores, y)
    expected = known.probable(scores)
    links = []
    for column, label in candidates(matrix, y, expected) if matrix.shape[1] else []:
        having = matrix.indices[matrix.indptr[column] : matrix.indptr[column + 1]]
        one = association.link(titles[column], label, having, y[having] == label, expected[having, label])
        if one.weight >= BAR and stands_out(one, len(y)):
            links.append(one)
    return Association(
        tuple(sorted(links, key=lambda link: (-link.weight, link.records, link.item))),
        (),
        float((scores.argmax(axis=1) == y).mean()),
        float(np.bincount(y).max() / len(y)),
        least_rows(expected, y, BAR),
        expected,
        known.noise * known.shares,
    )


def _items(found: Sequence[Picture], grey: Any, across: int) -> tuple[Any, list[str], list[tuple[int, ...]]]:
    """Which picture has which item; what the items are called, and which cells of the grid they lie in."""
    np, scipy = module("numpy"), module("scipy.sparse")
    most = max(LEAST_ROWS, len(found) // 2)
    columns: list[Any] = []
    titles: list[str] = []
    places: list[tuple[int, ...]] = []

    def add(values: Any, title: str, cells: tuple[int, ...]) -> None:
        kinds, at, counts = np.unique(values, return_inverse=True, return_counts=True)
        for kind in np.flatnonzero((counts >= LEAST_ROWS - 3) & (counts <= most)):
            columns.append(np.flatnonzero(at == kind))
            titles.append(f"{title} {int(kinds[kind]):#x}")
            places.append(cells)

    width = GRID // across
    level = (grey / 16).astype(np.int64)
    corners = np.stack([np.frombuffer(one.corners, np.uint8).reshape(4, CORNER, CORNER) for one in found]) // 16
    for row in range(GRID - 1):
        for column in range(GRID - 1):
            four = level[:, row : row + 2, column : column + 2].reshape(len(found), 4)
            cells = tuple({(r // across) * width + c // across for r in (row, row + 1) for c in (column, column + 1)})
            add(level[:, row, column], f"the pixel {column}, {row} =", cells[:1])
            add(four @ np.array([4096, 256, 16, 1]), f"the four pixels from {column}, {row} on =", cells)
    near = CORNER // across
    for place, name in enumerate(_PLACES):
        cells = tuple(
            (row + (width - near if place >= 2 else 0)) * width + column + (width - near if place % 2 else 0)
            for row in range(near)
            for column in range(near)
        )
        for row in range(CORNER - 1):
            for column in range(CORNER - 1):
                four = corners[:, place, row : row + 2, column : column + 2].reshape(len(found), 4).astype(np.int64)
                add(four @ np.array([4096, 256, 16, 1]), f"in the {name} corner, from {column}, {row} on,", cells)
    hashes = [np.frombuffer(one.windows, "<u4") for one in found]
    kinds, counts = np.unique(np.concatenate(hashes), return_counts=True)
    kinds = kinds[(counts >= LEAST_ROWS - 3) & (counts <= most)]
    rows = np.repeat(np.arange(len(found)), [len(one) for one in hashes])
    together = np.concatenate(hashes)
    kept = np.isin(together, kinds)
    at = np.searchsorted(kinds, together[kept])
    free = scipy.csc_matrix((np.ones(len(at), dtype=np.float32), (rows[kept], at)), shape=(len(found), len(kinds)))
    titles += [f"anywhere, the 4 x 4 pixels with the hash {int(kind):#x}" for kind in kinds]
    places += [()] * len(kinds)
    ends = np.cumsum([0, *(len(column) for column in columns)])
    fixed = scipy.csc_matrix(
        (np.ones(ends[-1], dtype=np.float32), np.concatenate(columns) if columns else np.zeros(0, np.int32), ends),
        shape=(len(found), len(columns)),
    )
    return scipy.hstack([fixed, free]).tocsc(), titles, places
