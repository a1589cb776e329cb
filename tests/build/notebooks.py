"""Notebooks in parts, right or wrong. Whole ones by the library's own writer are in `honest_notebooks`."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

PYTHON = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {
        "codemirror_mode": {"name": "ipython", "version": 3},
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "name": "python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
        "version": "3.11.9",
    },
}


def png(width: int = 4, height: int = 4) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress((b"\0" + b"\x80\x90\xa0" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def cell(source: Any, *outputs: dict[str, Any], kind: str = "code", **more: Any) -> dict[str, Any]:
    """A cell as JSON, right or wrong."""
    made = {"cell_type": kind, "metadata": {}, "source": source, "id": "c"}
    if kind == "code":
        made |= {"outputs": list(outputs), "execution_count": None}
    return made | more


def shown(**data: Any) -> dict[str, Any]:
    """An output; in its types, `_` stands for `/`."""
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {key.replace("__", "+").replace("_", "/", 1): value for key, value in data.items()},
    }


def output(mime: str, content: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {mime: content}}


def notebook(*cells: Any, metadata: Any = PYTHON, **more: Any) -> bytes:
    """A notebook as JSON, right or wrong; a text is a cell of code."""
    made = [cell(one) if isinstance(one, str) else one for one in cells]
    return json.dumps(
        {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5} | more, indent=1
    ).encode()
