"""Clearing a folder: what nothing names goes when it is old, and a push at the same moment loses nothing."""

from __future__ import annotations

import io
import json
import os
import threading
import time

import pytest

from build.models import TINY, publish_tiny
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import NotFound, RegistryError
from weighbridge.registry.base import Descriptor
from weighbridge.registry.garbage import clear_layout
from weighbridge.registry.layout import LayoutStore, open_layout
from weighbridge.registry.read import load_model
from weighbridge.registry.streams import drain

FUTURE = 4_000_000_000.0
"""Seconds: everything that is stored is older."""


@pytest.fixture
def store(tmp_path):
    return open_layout(str(tmp_path / "layout"), "org/net", create=True)


def put(store, content):
    return store.put_blob(io.BytesIO(content), expect=digest_bytes(content), size=len(content))


def blobs(store):
    return set(os.listdir(f"{store.folder}/blobs/sha256"))


def test_what_nothing_names_is_removed_and_nothing_else(store):
    published = publish_tiny(store)
    before = blobs(store)
    loose = put(store, b"loose")
    garbage = clear_layout(store, older_than=FUTURE, dry_run=True)
    assert (garbage.removed, garbage.bytes, garbage.dry_run) == ((loose.digest,), 5, True)
    assert blobs(store) == before | {loose.digest.hex}
    garbage = clear_layout(store, older_than=FUTURE, dry_run=False)
    assert garbage.removed == (loose.digest,)
    assert garbage.kept == len(before)
    assert blobs(store) == before
    assert len(load_model(store, store.reference(tag="1.0")).evidence) == len(published.evidence)


def test_what_is_young_stays(store):
    put(store, b"loose")
    garbage = clear_layout(store, older_than=time.time() - 3600, dry_run=False)
    assert (garbage.removed, garbage.young) == ((), 1)


def test_an_old_blob_that_is_pushed_again_is_young_again(store):
    blob = put(store, b"loose")
    path = f"{store.folder}/blobs/sha256/{blob.digest.hex}"
    os.utime(path, (1, 1))
    put(store, b"loose")
    assert os.stat(path).st_mtime > 1_000_000


def test_what_lost_its_tag_stays_available(store):
    first = publish_tiny(store)
    publish_tiny(store, "1.0", {"other": b"1"})
    clear_layout(store, older_than=FUTURE, dry_run=False)
    model = load_model(store, store.reference(digest=first.manifest.digest))
    assert {file.path for file in model.files} == set(TINY)
    assert len(model.evidence) == 2


def test_the_subject_of_what_is_listed_stays(store):
    published = publish_tiny(store)
    path = f"{store.folder}/index.json"
    with open(path, encoding="utf-8") as file:
        index = json.load(file)
    index["manifests"] = [entry for entry in index["manifests"] if entry["digest"] != str(published.manifest.digest)]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(index, file)
    before = blobs(store)
    clear_layout(store, older_than=FUTURE, dry_run=False)
    assert blobs(store) == before


def test_images_of_an_index_stay(store):
    published = publish_tiny(store)
    kind = "application/vnd.oci.image.index.v1+json"
    entry = {"mediaType": published.manifest.media_type, "digest": str(published.manifest.digest)}
    entry["size"] = published.manifest.size
    absent = {**entry, "digest": f"sha256:{'0' * 64}"}
    raw = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [entry, absent]}).encode()
    store.put_manifest(raw, kind, "many")
    for manifest in (published.manifest, *published.evidence):
        store.tag(published.manifest, "other")
        store.remove(manifest)
    before = blobs(store)
    clear_layout(store, older_than=FUTURE, dry_run=False)
    assert {file.digest.hex for file in load_model(store, store.reference(tag="1.0")).files} <= blobs(store) <= before


@pytest.mark.parametrize("damage", ["manifest", "index"])
def test_what_cannot_be_understood_is_left_alone(store, damage):
    published = publish_tiny(store)
    put(store, b"loose")
    path = f"{store.folder}/index.json"
    if damage == "manifest":
        path = f"{store.folder}/blobs/sha256/{published.manifest.digest.hex}"
        os.chmod(path, 0o600)
    with open(path, "r+b") as file:
        file.write(b"!")
    before = blobs(store)
    with pytest.raises(RegistryError):
        clear_layout(store, older_than=FUTURE, dry_run=False)
    assert blobs(store) == before


def test_a_push_whose_blobs_are_cleared_away_fails_and_shows_nothing(store, monkeypatch):
    """The worst moment: between the look at the blobs and the entry in the index."""
    real = LayoutStore.put_blob

    def put_and_clear(self, data, *, expect, size):
        done = real(self, data, expect=expect, size=size)
        if data.__class__ is io.BytesIO and b"mediaType" in data.getvalue():
            clear_layout(self, older_than=FUTURE, dry_run=False)
        return done

    monkeypatch.setattr(LayoutStore, "put_blob", put_and_clear)
    with pytest.raises(NotFound):
        publish_tiny(store)
    monkeypatch.undo()
    assert store.tags() == ()
    publish_tiny(store)
    assert load_model(store, store.reference(tag="1.0")).evidence


def test_pushing_and_clearing_at_once_never_shows_half_a_model(store):
    stop = threading.Event()

    def clear():
        while not stop.is_set():
            clear_layout(store, older_than=FUTURE, dry_run=False)
            stop.wait(0.05)

    clearing = threading.Thread(target=clear)
    clearing.start()
    acknowledged = []
    try:
        for number in range(30):
            try:
                publish_tiny(store, f"v{number}", {"weights": b"%d" % number, "shared": b"the same"})
            except RegistryError:
                continue
            acknowledged.append(f"v{number}")
    finally:
        stop.set()
        clearing.join()
    assert set(store.tags()) == set(acknowledged)
    assert acknowledged
    for tag in acknowledged:
        model = load_model(store, store.reference(tag=tag))
        assert len(model.evidence) == 2
        for file in model.files:
            with store.open_blob(Descriptor("", file.digest, file.size)) as stream:
                drain(stream)


def test_other_files_in_the_folder_are_left_alone(store):
    path = f"{store.folder}/blobs/sha256/notes.txt"
    with open(path, "w", encoding="utf-8") as file:
        file.write("x")
    clear_layout(store, older_than=FUTURE, dry_run=False)
    assert os.path.exists(path)
