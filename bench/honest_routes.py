"""Honest files of the kinds that scanners cry wolf about. Nothing in them runs anything when loaded."""

from __future__ import annotations

import argparse
import collections
import datetime as dt
import gzip
import io
import json
import pathlib
import pickle
import random
import struct
import tempfile
import warnings
from typing import TYPE_CHECKING, Any

from archive_routes import legacy, tarred
from build.containers import zipped
from corpus import PROTOCOL
from route import Route
from torch_archive import COLUMNS, Member, checkpoint_pickle, write_archive

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN = {"kind": "linear", "version": 3, "weights": [0.5, -1.25, 2.0], "names": ("a", "b"), "bias": None, "ok": True}
WORDS = ["os.system", "eval(", "exec(", "__import__", "subprocess.Popen", "import os", "posix\nsystem", "cos\nsystem\n"]
"""What a vocabulary learned from source code holds. Words are not calls."""
CARD = b"""# Net

Load it with care: `pickle.load(file)` would run whatever the file holds, such as `os.system("rm -rf /")`.

```python
import torch
state = torch.load("model.pt", weights_only=True)
```
"""


def numpy() -> Any:
    """NumPy, or the end of the run with a mend."""
    try:
        import numpy as np
    except ImportError:
        raise SystemExit("the routes need NumPy and scikit-learn: run them with the dev extra installed") from None
    return np


def array() -> Any:
    return numpy().arange(64, dtype="<f8").reshape(8, 8)


def dumped(value: Any, protocol: int = PROTOCOL) -> bytes:
    """Without the C writer, memo and frames are the same on every Python."""
    out = io.BytesIO()
    pickle.Pickler(out, protocol).dump(value)
    return out.getvalue()


def saved(save: Callable[[Any], None]) -> bytes:
    out = io.BytesIO()
    save(out)
    return out.getvalue()


def forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    chance = numpy().random.default_rng(0)
    return RandomForestClassifier(n_estimators=5, random_state=0).fit(chance.random((90, 6)), chance.integers(0, 3, 90))


def linear() -> Any:
    from sklearn.linear_model import LogisticRegression

    chance = numpy().random.default_rng(0)
    return LogisticRegression().fit(chance.random((60, 4)), chance.integers(0, 2, 60))


def joblib_dump(value: Any, **options: Any) -> bytes:
    import joblib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return saved(lambda out: joblib.dump(value, out, **options))


def checkpoint() -> bytes:
    """A torch checkpoint as torch writes it, flags, descriptors and padding included."""
    noise = random.Random(7).randbytes(2 * 4 * COLUMNS)
    members = [
        Member("archive/data.pkl", [checkpoint_pickle([2])]),
        Member("archive/byteorder", [b"little"]),
        Member("archive/data/0", [noise]),
        Member("archive/version", [b"3\n"]),
    ]
    with tempfile.NamedTemporaryFile() as file:
        write_archive(file.name, members)
        return file.read()


def tensors(length: int = 0) -> bytes:
    """A safetensors file whose header is padded to `length` bytes, which then stand at the file's beginning."""
    tree = {"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [16, 16], "data_offsets": [0, 1024]}}
    header = json.dumps(tree, separators=(",", ":")).encode()
    header = header.ljust(length) if length else header + b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + random.Random(8).randbytes(1024)


def recursive() -> bytes:
    items: list[Any] = [1, 2]
    items.append(items)
    return dumped({"loop": items})


def framed() -> bytes:
    return dumped({f"layer.{number}": [float(number)] * 3 for number in range(24_000)})


def arguments() -> bytes:
    state = {
        "args": argparse.Namespace(lr=0.001, output=pathlib.PurePosixPath("out/run")),
        "best": collections.OrderedDict(loss=0.25),
        "seen": collections.Counter("abracadabra"),
        "when": dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        "names": {"a", "b"},
    }
    return dumped(state, 2)


def vocabulary() -> dict[str, int]:
    return {word: number for number, word in enumerate([*WORDS, *(f"word{number}" for number in range(2000))])}


def honest(route: str, about: str, name: str, build: Callable[[], bytes]) -> Route:
    return Route(f"honest-{route}", "honest", about, "", lambda: {name: build()})


ROUTES = [
    *(
        honest(
            f"protocol-{protocol}",
            f"a plain dictionary, protocol {protocol}",
            "model.pkl",
            lambda protocol=protocol: dumped(PLAIN, protocol),
        )
        for protocol in range(6)
    ),
    *(
        honest(
            f"array-{protocol}",
            f"a NumPy array, pickled with protocol {protocol}",
            "weights.pkl",
            lambda protocol=protocol: dumped({"w": array()}, protocol),
        )
        for protocol in (0, 2, 4, 5)
    ),
    honest("npy", "a NumPy file", "weights.npy", lambda: saved(lambda out: numpy().save(out, array()))),
    honest(
        "npz",
        "several in an npz",
        "weights.npz",
        lambda: saved(lambda out: numpy().savez(out, a=array(), b=array() + 1)),
    ),
    honest("forest", "a random forest of scikit-learn, pickled", "model.pkl", lambda: dumped(forest())),
    honest("forest-joblib", "the same by joblib", "model.joblib", lambda: joblib_dump(forest())),
    honest(
        "forest-joblib-zlib",
        "the same, compressed",
        "model.joblib",
        lambda: joblib_dump(forest(), compress=("zlib", 3)),
    ),
    honest(
        "sklearn-0",
        "a linear model of scikit-learn in protocol 0, as Python 2 wrote",
        "model.pkl",
        lambda: dumped(linear(), 0),
    ),
    honest("torch", "a torch checkpoint", "model.pt", checkpoint),
    honest("torch-bin", "the same, called .bin", "pytorch_model.bin", checkpoint),
    honest("torch-legacy", "one of the older form", "model.pt", legacy),
    honest("training", "arguments and counters of a training", "training_args.bin", arguments),
    honest("safetensors", "safetensors", "model.safetensors", tensors),
    honest("safetensors-2e93", "its length reads STACK_GLOBAL, STOP", "model.safetensors", lambda: tensors(0x2E93)),
    honest("safetensors-0282", "its length reads EXT1", "model.safetensors", lambda: tensors(0x0282)),
    honest("safetensors-0480", "its length reads PROTO 4", "model.safetensors", lambda: tensors(0x0480)),
    honest(
        "words-pickle",
        "a pickled vocabulary that holds os.system, eval and exec",
        "vocab.pkl",
        lambda: dumped(vocabulary()),
    ),
    honest("words-json", "the same as JSON", "vocab.json", lambda: json.dumps(vocabulary()).encode()),
    honest("words-text", "the same as text", "vocab.txt", lambda: "\n".join(vocabulary()).encode() + b"\n"),
    honest("card", "a model card that warns of pickles", "README.md", lambda: CARD),
    honest("recursive", "a list that holds itself", "model.pkl", recursive),
    honest("frames", "a pickle of ten frames and more", "model.pkl", framed),
    honest(
        "several",
        "three pickles in one file",
        "history.pkl",
        lambda: b"".join(dumped({"epoch": epoch}) for epoch in range(3)),
    ),
    honest(
        "noise",
        "4 MB of random bytes as a value",
        "weights.pkl",
        lambda: dumped({"raw": random.Random(9).randbytes(4_000_000)}),
    ),
    honest("gzip", "a plain pickle in gzip", "model.pkl.gz", lambda: gzip.compress(dumped(PLAIN), mtime=0)),
    honest(
        "tar",
        "configuration and weights in a tar",
        "model.tar",
        lambda: tarred({"config.json": b'{"model_type": "net"}\n', "model.safetensors": tensors()}),
    ),
    honest(
        "zip",
        "the same in a zip",
        "model.zip",
        lambda: zipped({"config.json": b'{"model_type": "net"}\n', "model.safetensors": tensors()}),
    ),
    Route(
        "honest-folder",
        "honest",
        "a published model: configuration, vocabulary, card, weights",
        "",
        lambda: {
            "config.json": b'{"architectures": ["BertModel"], "hidden_size": 128, "model_type": "bert"}\n',
            "vocab.txt": "\n".join(vocabulary()).encode() + b"\n",
            "README.md": CARD,
            "model.safetensors": tensors(),
        },
    ),
]
