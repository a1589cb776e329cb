"""Promotion: a model and all that refers to it, between every two kinds of store, byte for byte or not at all."""

from __future__ import annotations

import contextlib
import io

import pytest

from build.models import TINY, attach_note, publish_tiny
from build.registry_server import Fault, serving
from build.slowly import Pauses
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import DigestMismatch, NotFound, RegistryError, UsageError
from weighbridge.registry.base import Descriptor
from weighbridge.registry.copy import Reopened, copy_model
from weighbridge.registry.layout import open_layout
from weighbridge.registry.read import load_model
from weighbridge.registry.remote import open_remote

LARGE = {"weights.bin": bytes(range(256)) * 20_000, "README.md": b"# net\n"}


@pytest.fixture
def registries():
    with contextlib.ExitStack() as running:
        yield [running.enter_context(serving(referrers_api=number == 0)) for number in range(2)]


def opened(kind, tmp_path, registries, name):
    if kind == "layout":
        return open_layout(str(tmp_path / name.replace("/", "-")), name, create=True)
    return open_remote(registries[int(kind)].host, name, {}, environ={}, pace=Pauses().pace)


@pytest.mark.parametrize("source", ["layout", "0", "1"])
@pytest.mark.parametrize("target", ["layout", "0", "1"])
def test_everything_arrives_byte_for_byte(tmp_path, registries, source, target):
    here, there = opened(source, tmp_path, registries, "a/net"), opened(target, tmp_path, registries, "b/net")
    published = publish_tiny(here, "1.0", LARGE)
    note = attach_note(here, published.manifest, "a note")
    nested = attach_note(here, note, "a note on the note")
    copied = copy_model(here, here.reference(tag="1.0"), there, "prod")
    assert copied.digest == published.manifest.digest
    assert set(copied.evidence) == {item.digest for item in (*published.evidence, note, nested)}
    assert there.get_manifest(published.manifest) == here.get_manifest(published.manifest)
    assert there.tags() == ("prod",)
    model = load_model(there, there.reference(tag="prod"))
    assert [piece.bundle for piece in model.evidence] == [
        piece.bundle for piece in load_model(here, here.reference(tag="1.0")).evidence
    ]
    for file in model.files:
        with there.open_blob(Descriptor("", file.digest, file.size)) as stream:
            assert stream.read() == LARGE[file.path]
    assert [found.digest for found in there.referrers(note)] == [nested.digest]
    assert copy_model(here, here.reference(tag="1.0"), there, "prod") == copied, "again is nothing new"


def test_within_a_registry_blobs_are_mounted(tmp_path, registries):
    here, there = opened("0", tmp_path, registries, "a/net"), opened("0", tmp_path, registries, "b/net")
    publish_tiny(here, "1.0", LARGE)
    registries[0].asked.clear()
    copy_model(here, here.reference(tag="1.0"), there, "prod")
    assert registries[0].count("POST", "mount=") == 6
    assert registries[0].count("PATCH") == 0
    assert registries[0].count("GET", "/blobs/") == 0


def test_a_registry_that_mounts_nothing_gets_the_bytes(tmp_path, registries):
    registries[0].mounts = False
    here, there = opened("0", tmp_path, registries, "a/net"), opened("0", tmp_path, registries, "b/net")
    published = publish_tiny(here, "1.0", LARGE)
    assert copy_model(here, here.reference(tag="1.0"), there, "prod").digest == published.manifest.digest
    assert registries[0].uploads == {}


def test_a_tag_that_is_taken_is_kept_unless_asked(tmp_path, registries):
    here, there = opened("layout", tmp_path, registries, "a/net"), opened("1", tmp_path, registries, "b/net")
    new = publish_tiny(here, "1.0", LARGE)
    old = publish_tiny(there, "prod")
    with pytest.raises(UsageError, match="is there already"):
        copy_model(here, here.reference(tag="1.0"), there, "prod")
    assert there.resolve(there.reference(tag="prod")).digest == old.manifest.digest
    with pytest.raises(NotFound):
        there.resolve(there.reference(digest=new.manifest.digest))
    copy_model(here, here.reference(tag="1.0"), there, "prod", replace=True)
    assert there.resolve(there.reference(tag="prod")).digest == new.manifest.digest
    assert there.get_manifest(old.manifest)


def test_damage_at_the_source_ends_it_and_nothing_is_visible(tmp_path, registries):
    for kind in ("0", "layout"):
        here, there = opened("layout", tmp_path, registries, "a/net"), opened(kind, tmp_path, registries, f"b/{kind}")
        publish_tiny(here, "1.0", LARGE)
        path = tmp_path / "a-net/blobs/sha256" / digest_bytes(LARGE["weights.bin"]).hex
        path.chmod(0o600)
        path.write_bytes(LARGE["weights.bin"][:-1] + b"!")
        with pytest.raises(DigestMismatch):
            copy_model(here, here.reference(tag="1.0"), there, "prod")
        assert there.tags() == ()
        path.write_bytes(LARGE["weights.bin"])
        copy_model(here, here.reference(tag="1.0"), there, "prod")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT", "GET"])
def test_an_error_anywhere_leaves_no_tag(tmp_path, registries, method):
    here = opened("layout", tmp_path, registries, "a/net")
    publish_tiny(here, "1.0", LARGE)
    for after in range(6):
        there = opened("0", tmp_path, registries, f"b/{method.lower()}{after}")
        registries[0].faults.append(_Later(method, after))
        with contextlib.suppress(RegistryError):
            copy_model(here, here.reference(tag="1.0"), there, "prod")
            assert load_model(there, there.reference(tag="prod")).evidence
            registries[0].faults.clear()
            continue
        assert registries[0].faults[-1].times < 1000
        registries[0].faults.clear()
        assert there.tags() == ()


class _Later(Fault):
    """A lasting refusal that begins with the numbered request."""

    def __init__(self, method, after):
        super().__init__(method, "/v2/b/", times=1000, status=403)
        self.left = after

    @property
    def path(self):
        self.left -= 1
        return "never" if self.left >= 0 else self.where

    @path.setter
    def path(self, value):
        self.where = value


def test_a_list_that_loses_our_entry_is_written_again(tmp_path, registries):
    here, there = opened("layout", tmp_path, registries, "a/net"), opened("1", tmp_path, registries, "b/net")
    publish_tiny(here, "1.0")
    real = type(there).put_manifest
    lost = []

    def put(self, raw, media_type, tag=None):
        done = real(self, raw, media_type, tag)
        if not lost and b"subject" in raw:
            lost.append(registries[1].tags["b/net"].popitem())  # somebody else wrote an older list at this moment
        return done

    there.put_manifest = put.__get__(there)
    copy_model(here, here.reference(tag="1.0"), there, "prod")
    assert lost
    assert len(load_model(there, there.reference(tag="prod")).evidence) == 2


def test_what_is_no_model_manifest_is_refused(tmp_path, registries):
    here, there = opened("layout", tmp_path, registries, "a/net"), opened("1", tmp_path, registries, "b/net")
    index = "application/vnd.oci.image.index.v1+json"
    here.put_manifest(b'{"schemaVersion":2,"manifests":[]}', index, "many")
    with pytest.raises(RegistryError, match=r"image\.index"):
        copy_model(here, here.reference(tag="many"), there, "prod")


def test_a_reopened_blob_can_go_back(tmp_path, registries):
    store = opened("layout", tmp_path, registries, "a/net")
    content = TINY["README.md"] * 1000
    blob = store.put_blob(io.BytesIO(content), expect=digest_bytes(content), size=len(content))
    with Reopened(store, blob) as stream:
        assert stream.read(10) == content[:10]
        assert stream.seek(5) == 5
        assert stream.read(10) == content[5:15]
        assert stream.seek(3000) == stream.tell() == 3000
        assert stream.readall() == content[3000:]
        with pytest.raises(ValueError, match="from the start"):
            stream.seek(0, 2)
