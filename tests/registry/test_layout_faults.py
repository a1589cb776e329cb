"""The layout folder under fire: killed at every step, failing at every step, and used by many at once."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from build.forked import ended, forked
from build.models import TINY, publish_tiny
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import NotFound, RegistryError
from weighbridge.registry.base import Descriptor
from weighbridge.registry.layout import open_layout
from weighbridge.registry.manifests import IMAGE_MANIFEST, read_descriptor, read_manifest
from weighbridge.registry.read import load_model
from weighbridge.registry.streams import drain

OLD = {"model.safetensors": b"old"}
STEPS = ("replace", "fsync", "fchmod")


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "layout")


def open_store(folder):
    return open_layout(folder, "org/tiny", create=True)


def before_step(number, act):
    """Call `act` before the numbered call of one of STEPS, in this process; gives back the count of calls."""
    calls = [0]

    def wrap(real):
        def wrapped(*arguments, **options):
            calls[0] += 1
            if calls[0] == number:
                act()
            return real(*arguments, **options)

        return wrapped

    for name in STEPS:
        setattr(os, name, wrap(getattr(os, name)))
    return calls


def index_of(store):
    return Path(store.folder, "index.json").read_bytes()


def check_whole(store):
    """Every manifest in the index has all its blobs, each with the bytes that its digest names."""
    for entry in json.loads(index_of(store))["manifests"]:
        manifest = read_descriptor(entry, "an entry")
        content = read_manifest(store.get_manifest(manifest))
        for blob in (content.config, *content.layers):
            with store.open_blob(blob) as stream:
                drain(stream)


def visible(store):
    """The files and the number of pieces of evidence under the tag, or None."""
    try:
        model = load_model(store, store.reference(tag="1.0"))
    except NotFound:
        return None
    return {file.path: file.digest for file in model.files}, len(model.evidence)


def as_visible(files):
    return {path: digest_bytes(content) for path, content in files.items()}, 2


def test_a_writer_killed_at_any_step_leaves_the_old_or_the_new_model(folder):
    number, seen = 0, set()
    while True:
        number += 1
        place = f"{folder}{number}"
        publish_tiny(open_store(place), "1.0", OLD)

        def work(place=place, number=number):
            before_step(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
            publish_tiny(open_store(place))

        status = ended(forked(work))
        store = open_store(place)
        check_whole(store)
        found = visible(store)
        assert found in (as_visible(OLD), as_visible(TINY))
        seen.add(str(found))
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        publish_tiny(store)
        assert visible(store) == as_visible(TINY)
        check_whole(store)
    assert number > 30
    assert len(seen) == 2


def test_a_first_writer_killed_at_any_step_leaves_a_usable_folder(folder):
    number = 0
    while True:
        number += 1
        place = f"{folder}{number}"

        def work(place=place, number=number):
            before_step(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
            open_store(place)

        status = ended(forked(work))
        publish_tiny(open_store(place))
        assert visible(open_store(place)) == as_visible(TINY)
        if status == 0:
            break
    assert number > 6


def faulty(monkeypatch, number, *, lasting):
    calls = [0]
    for name in STEPS:
        real = getattr(os, name)

        def wrapped(*arguments, _real=real, **options):
            calls[0] += 1
            if calls[0] == number or (lasting and calls[0] > number):
                raise OSError(5, "Input/output error")
            return _real(*arguments, **options)

        monkeypatch.setattr(os, name, wrapped)


@pytest.mark.parametrize("lasting", [False, True])
def test_an_error_at_any_step_leaves_nothing_half_visible(folder, monkeypatch, lasting):
    number, done = 0, False
    while not done:
        number += 1
        store = open_store(f"{folder}{number}")
        with monkeypatch.context() as patch:
            faulty(patch, number, lasting=lasting)
            with suppress(RegistryError):
                publish_tiny(store)
                done = True
        found = visible(store)
        assert found in (None, as_visible(TINY))
        if found is None and not lasting:
            assert json.loads(index_of(store))["manifests"] == []
        check_whole(store)
        assert os.listdir(f"{store.folder}/ingest") == []
        publish_tiny(store)
        assert visible(store) == as_visible(TINY)
    assert number > 30


def test_many_processes_tag_at_once_and_no_tag_is_lost(folder):
    published = publish_tiny(open_store(folder))
    start, go = os.pipe()

    def work(worker):
        os.close(go)
        os.read(start, 1)
        store = open_store(folder)
        for number in range(25):
            store.tag(published.manifest, f"w{worker}-{number}")

    children = [forked(lambda worker=worker: work(worker)) for worker in range(4)]
    os.close(start)
    os.close(go)
    assert [ended(child) for child in children] == [0] * 4
    expected = {f"w{worker}-{number}" for worker in range(4) for number in range(25)} | {"1.0"}
    assert set(open_store(folder).tags()) == expected


def test_two_writers_of_the_same_blob_do_not_disturb_each_other(folder):
    store = open_store(folder)
    content = b"weights" * 100_000

    class Interrupted:
        """A source during whose reading another writer stores the same blob."""

        def __init__(self):
            self.left = [content[:5], content[5:]]

        def read(self, _):
            if len(self.left) == 1:
                import io

                store.put_blob(io.BytesIO(content), expect=digest_bytes(content), size=len(content))
            return self.left.pop(0) if self.left else b""

    store.put_blob(Interrupted(), expect=digest_bytes(content), size=len(content))
    with store.open_blob(Descriptor(IMAGE_MANIFEST, digest_bytes(content), len(content))) as stream:
        assert stream.read() == content
