"""Run in a child: what dill and cloudpickle write. dill changes how every pickle of its process is written.

python closures.py FOLDER
"""

from __future__ import annotations

import pathlib
import sys

import cloudpickle
import dill
import numpy as np

DATA = {"weights": np.arange(6, dtype="float32").reshape(2, 3), "names": ["a", "b"], "rate": 0.1, "seen": {1, 2}}
OBJECTS = {"none": np.array([1, None], dtype=object), "frozen": frozenset((1, 2)), "scalar": np.float32(1)}


class Scaler:
    """A class of the user's."""

    factor = 2.0


def main(folder: pathlib.Path) -> None:
    rate = 3

    def scaled(value: float) -> float:
        return value * rate

    by_value = type("ByValue", (), {"__module__": "__main__", "__call__": lambda self: self})
    Scaler.__module__ = "somewhere"
    sys.modules["somewhere"] = sys.modules["__main__"]
    for name, write in (("dill", dill.dumps), ("cloudpickle", cloudpickle.dumps)):
        for protocol in (2, 3, 4, 5):
            (folder / f"{name}-data-{protocol}.pkl").write_bytes(write(DATA, protocol=protocol))
        for protocol in (4, 5):
            (folder / f"{name}-objects-{protocol}.pkl").write_bytes(write(OBJECTS, protocol=protocol))
        (folder / f"{name}-code-lambda.pkl").write_bytes(write(lambda value: value))
        (folder / f"{name}-code-closure.pkl").write_bytes(write(scaled))
        (folder / f"{name}-code-class.pkl").write_bytes(write(by_value()))
        (folder / f"{name}-class.pkl").write_bytes(write(Scaler()))


main(pathlib.Path(sys.argv[1]))
