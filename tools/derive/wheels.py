"""The wheels that are read: their pins, and where they lie after they were fetched."""

from __future__ import annotations

import os
import tomllib
from typing import NamedTuple

from tools import corpus

HERE = os.path.dirname(os.path.abspath(__file__))
PINS = os.path.join(HERE, "wheels.toml")


class Wheel(NamedTuple):
    """One wheel of one package; see wheels.toml."""

    name: str
    version: str
    file: str
    sha256: str
    tags: corpus.Tags | None


class Package(NamedTuple):
    """A package with the wheels of its versions, the oldest first. `top` is what Python imports."""

    top: str
    wheels: tuple[Wheel, ...]


def read_pins(path: str = PINS) -> tuple[str, tuple[Package, ...]]:
    """The date on which the pins were last looked at, and the packages."""
    with open(path, "rb") as file:
        tree = tomllib.load(file)
    packages = tuple(
        Package(
            entry["package"],
            tuple(
                Wheel(
                    entry["name"],
                    wheel["version"],
                    wheel["file"],
                    wheel["sha256"],
                    corpus.Tags((wheel["platform"],), wheel["python"], (wheel["abi"],))
                    if "platform" in wheel
                    else None,
                )
                for wheel in entry["wheels"]
            ),
        )
        for entry in tree["package"]
    )
    return str(tree["date"]), packages


def fetched(wheel: Wheel, folder: str) -> str:
    """The path of the wheel in `folder`, downloaded if it is not there. Raises CorpusError for any other bytes."""
    path = os.path.join(folder, wheel.file)
    if not os.path.isfile(path):
        os.makedirs(folder, exist_ok=True)
        corpus.download(wheel, folder)
    corpus.check_digest(path, wheel)
    return path
