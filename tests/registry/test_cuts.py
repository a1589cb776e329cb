"""The connection breaks at any byte of a push or a pull: once, and it goes on; for good, and nothing is half there.

The suite tries some places; CUTS=200 tries so many.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from build.cable import Cable, cable
from build.models import publish_tiny, whole
from build.registry_server import serving
from build.slowly import Pauses
from weighbridge.core.errors import RegistryError
from weighbridge.registry.copy import copy_model
from weighbridge.registry.layout import open_layout
from weighbridge.registry.remote import RemoteStore, open_remote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACES = int(os.environ.get("CUTS", "3"))
MODEL = {"weights.bin": bytes(range(256)) * 18_000, "README.md": b"# net\n"}
"""4.6 MB: more than what is sent whole."""


@pytest.fixture(scope="module", params=["docker", "api", "fallback"])
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    """A real registry, and one that follows the specification with and without the referrers API."""
    if request.param == "docker":
        yield request.getfixturevalue("docker").host
    else:
        with serving(referrers_api=request.param == "api") as registry:
            yield registry.host


@pytest.fixture
def line(host: str) -> Iterator[Cable]:
    with cable(host) as found:
        yield found


def through(line: Cable, name: str) -> RemoteStore:
    return open_remote(line.host, name, {}, pace=Pauses().pace)


def places(total: int) -> list[int]:
    """Bytes after which it breaks: the ends, some of the requests at the beginning and at the end, and anywhere."""
    chance = random.Random(total)
    edges = [0, 1, total - 1]
    return edges + [
        chance.choice((chance.randrange(total), chance.randrange(3_000), total - 1 - chance.randrange(20_000)))
        for _ in range(PLACES)
    ]


def test_a_push_that_is_cut(host: str, line: Cable) -> None:
    publish_tiny(through(line, "cut/first"), "1.0", MODEL)
    outcomes = set()
    for number, place in enumerate(places(line.carried)):
        line.mend()
        line.cut(after=place)
        publish_tiny(through(line, f"cut/once{number}"), "1.0", MODEL)
        assert whole(open_remote(host, f"cut/once{number}", {}), "1.0"), place

        line.mend()
        line.cut(after=place, times=10_000)
        told = True
        try:
            publish_tiny(through(line, f"cut/ever{number}"), "1.0", MODEL)
        except RegistryError:
            told = False
        visible = whole(open_remote(host, f"cut/ever{number}", {}), "1.0")
        assert visible or not told, place
        outcomes.add(visible)
        line.mend()
        publish_tiny(through(line, f"cut/ever{number}"), "1.0", MODEL)
        assert whole(open_remote(host, f"cut/ever{number}", {}), "1.0")
    assert False in outcomes


def test_a_pull_that_is_cut(host: str, line: Cable, tmp_path: Path) -> None:
    publish_tiny(open_remote(host, "cut/pulled", {}), "1.0", MODEL)

    def pull(name: str) -> None:
        source = through(line, "cut/pulled")
        copy_model(source, source.reference(tag="1.0"), open_layout(str(tmp_path / name), "net", create=True), "1.0")

    pull("first")
    for number, place in enumerate(places(line.carried)):
        line.mend()
        line.cut(after=place)
        pull(f"once{number}")
        assert whole(open_layout(str(tmp_path / f"once{number}"), "net"), "1.0"), place

        line.mend()
        line.cut(after=place, times=10_000)
        try:
            pull(f"ever{number}")
        except RegistryError:
            folder = open_layout(str(tmp_path / f"ever{number}"), "net", create=True)
            assert not whole(folder, "1.0")
            assert os.listdir(tmp_path / f"ever{number}/ingest") == []
        line.mend()
        pull(f"ever{number}")
        assert whole(open_layout(str(tmp_path / f"ever{number}"), "net"), "1.0")
