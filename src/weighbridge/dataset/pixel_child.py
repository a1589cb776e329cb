"""Behind the walls: pictures become numbers, and nothing else comes out.

    python pixel_child.py FOLDER NUMBER      the pictures are called 0, 1, … NUMBER - 1

For each picture, in order: one byte 0 and two bytes with the length of a reason, and the reason; or one byte 1, width
and height (four bytes each), the grid (32 x 32 x 3 bytes), the corners (4 x 8 x 8 grey bytes), and two bytes with
the number of window hashes, and these (four bytes each). Numbers are little-endian.

A picture up to 32 x 32 lies in the upper left of the grid as it is, a larger one fills it, averaged. A window hash is
one of 4 x 4 grey pixels in 16 levels that are not all alike. Of many windows those are taken whose hash is divisible by
their number over `WINDOWS`: the same patch in another picture gives the same ones, wherever it lies.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import Any

GRID, CORNER, SIDE, WINDOWS = 32, 8, 4, 1024
LEVEL = 16
CONTRAST = 3
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
PIXELS = 64_000_000
_PRIME = 2654435761


def main() -> None:
    """Decode what is asked for."""
    folder, number = sys.argv[1:3]
    for name in range(int(number)):
        try:
            answer = b"\1" + _seen(os.path.join(folder, str(name)))
        except Exception as error:  # noqa: BLE001 -- whatever a decoder raises, this picture is not read
            why = f"{type(error).__name__}: {error}".encode("ascii", "replace")[:200]
            answer = b"\0" + struct.pack("<H", len(why)) + why
        sys.stdout.buffer.write(answer)


def _seen(path: str) -> bytes:
    import numpy as np
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = PIXELS // 2  # twice as many are an error and not a warning
    with Image.open(path, formats=FORMATS) as opened:
        opened.load()
        picture = opened.convert("RGB")
    width, height = picture.size
    grid = np.zeros((GRID, GRID, 3), dtype=np.uint8)
    if width <= GRID and height <= GRID:
        grid[:height, :width] = np.asarray(picture)
    else:
        grid[:] = np.asarray(picture.resize((GRID, GRID), Image.Resampling.BOX))
    grey = np.asarray(picture.convert("L"))
    corners = np.zeros((4, CORNER, CORNER), dtype=np.uint8)
    for place, (down, right) in enumerate(((False, False), (False, True), (True, False), (True, True))):
        part = grey[-CORNER:] if down else grey[:CORNER]
        part = part[:, -CORNER:] if right else part[:, :CORNER]
        corners[place, : part.shape[0], : part.shape[1]] = part
    hashes = windows(grey, np)
    head = struct.pack("<II", width, height)
    found: bytes = hashes.astype("<u4").tobytes()
    return head + grid.tobytes() + corners.tobytes() + struct.pack("<H", len(hashes)) + found


def windows(grey: Any, np: Any) -> Any:
    """The hashes of the windows of a picture that are taken, each one once."""
    height, width = grey.shape
    if height < SIDE or width < SIDE:
        return np.zeros(0, dtype=np.uint32)
    level = (grey // LEVEL).astype(np.uint32)
    found = np.zeros((height - SIDE + 1, width - SIDE + 1), dtype=np.uint32)
    least, most = np.full(found.shape, 255, dtype=np.uint32), np.zeros(found.shape, dtype=np.uint32)
    for y in range(SIDE):
        for x in range(SIDE):
            one = level[y : y + found.shape[0], x : x + found.shape[1]]
            found = (found ^ (one + 1)) * np.uint32(_PRIME)
            found ^= found >> 15
            least, most = np.minimum(least, one), np.maximum(most, one)
    kept = np.unique(found[most - least >= CONTRAST])
    share = max(1, found.size // WINDOWS)
    return kept[kept % share == 0][: 2 * WINDOWS]


if __name__ == "__main__":
    main()
