"""What every registry store promises (seam 4). A new store is one more entry in STORES."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.docker_registry import PROGRAM, docker_registry, needs_docker_registry
from build.models import TINY, publish_tiny
from build.registry_server import serving
from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.errors import DigestMismatch, NotFound, RegistryError, UsageError
from weighbridge.registry.base import Descriptor, Store
from weighbridge.registry.layout import open_layout
from weighbridge.registry.manifests import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, IMAGE_MANIFEST, Manifest, write_manifest
from weighbridge.registry.read import load_model
from weighbridge.registry.remote import open_remote

Maker = Callable[[str, str], Store]
STORES: dict[str, Maker] = {
    "layout": lambda place, name: open_layout(f"{place}/layout", name, create=True),
    "docker-registry": lambda place, name: remote("docker-registry", place, name),
    "referrers-api": lambda place, name: remote("referrers-api", place, name),
    "no-referrers-api": lambda place, name: remote("no-referrers-api", place, name),
}
HOSTS: dict[str, str] = {}
"""The registries that run while these tests do, by their names in STORES."""


def remote(kind: str, place: str, name: str) -> Store:
    """A repository of a registry that runs; each place has its own, so that tests do not meet."""
    if kind not in HOSTS:
        needs_docker_registry()
    return open_remote(HOSTS[kind], f"{digest_bytes(place.encode()).hex[:16]}/{name}", {})


@pytest.fixture(scope="module", autouse=True)
def _registries(tmp_path_factory):
    with contextlib.ExitStack() as running:
        HOSTS["referrers-api"] = running.enter_context(serving(referrers_api=True, page=2)).host
        HOSTS["no-referrers-api"] = running.enter_context(serving(referrers_api=False, absolute_locations=True)).host
        if PROGRAM is not None:
            folder = str(tmp_path_factory.mktemp("docker-registry"))
            HOSTS["docker-registry"] = running.enter_context(docker_registry(folder)).host
        yield
        HOSTS.clear()


@pytest.fixture(params=STORES)
def make(request, tmp_path) -> Callable[[str], Store]:
    """Opens a repository by its name, always in the same registry."""
    return lambda name="org/tiny": STORES[request.param](str(tmp_path), name)


@pytest.fixture
def store(make):
    return make()


def put(store: Store, content: bytes) -> Descriptor:
    return store.put_blob(io.BytesIO(content), expect=digest_bytes(content), size=len(content))


def get(store: Store, blob: Descriptor) -> bytes:
    with store.open_blob(blob) as stream:
        return stream.read()


def manifest(store: Store, text: str, subject: Descriptor | None = None, kind: str = "application/x-test") -> bytes:
    config = put(store, EMPTY_CONFIG)._replace(media_type=EMPTY_CONFIG_TYPE)
    layer = put(store, text.encode())._replace(media_type="text/plain")
    return write_manifest(Manifest(kind, config, (layer,), subject, {"text": text}))


def put_manifest(store: Store, text: str, tag: str | None = None, **parts) -> Descriptor:
    return store.put_manifest(manifest(store, text, **parts), IMAGE_MANIFEST, tag)


@pytest.mark.parametrize("content", [b"", b"x", b"tensor" * 500_000])
def test_a_blob_comes_back(store, content):
    blob = put(store, content)
    assert (blob.digest, blob.size) == (digest_bytes(content), len(content))
    assert get(store, blob) == content


def test_putting_a_blob_twice_is_putting_it_once(store):
    assert put(store, b"same") == put(store, b"same")
    assert get(store, put(store, b"same")) == b"same"


@pytest.mark.parametrize("size", [0, 4, 6, 7_000_000])
def test_a_blob_of_another_size_leaves_nothing(store, size):
    with pytest.raises(DigestMismatch):
        store.put_blob(io.BytesIO(b"bytes"), expect=digest_bytes(b"bytes"), size=size)
    with pytest.raises(NotFound):
        get(store, Descriptor("", digest_bytes(b"bytes"), 5))


def test_a_blob_with_another_digest_leaves_nothing(store):
    expect = digest_bytes(b"other")
    with pytest.raises(DigestMismatch):
        store.put_blob(io.BytesIO(b"bytes"), expect=expect, size=5)
    for digest in (expect, digest_bytes(b"bytes")):
        with pytest.raises(NotFound):
            get(store, Descriptor("", digest, 5))


def test_a_source_that_fails_leaves_nothing(store):
    class Failing(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise ValueError("the source broke")

    with pytest.raises(ValueError, match="the source broke"):
        store.put_blob(Failing(), expect=digest_bytes(b"bytes"), size=5)
    with pytest.raises(NotFound):
        get(store, Descriptor("", digest_bytes(b"bytes"), 5))
    put(store, b"bytes")


def test_an_endless_source_is_not_read_for_ever(store):
    class Endless(io.RawIOBase):
        given = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            self.given += len(buffer)
            assert self.given < 64 * 1024 * 1024
            return len(buffer)

    with pytest.raises(DigestMismatch):
        store.put_blob(Endless(), expect=digest_bytes(b"bytes"), size=5)


def test_a_descriptor_with_a_false_size_is_refused(store):
    blob = put(store, b"bytes")
    for size in (0, 4, 6):
        with pytest.raises(DigestMismatch):
            get(store, blob._replace(size=size))


def test_an_absent_blob_is_not_found(store):
    absent = Descriptor("", digest_bytes(b"absent"), 6)
    with pytest.raises(NotFound):
        get(store, absent)
    with pytest.raises(NotFound), store.open_part(absent, 3) as stream:
        stream.read()


@pytest.mark.parametrize("offset", [0, 1, 2_999_999, 3_000_000])
def test_a_part_of_a_blob_comes_from_its_place(store, offset):
    content = b"tensor" * 500_000
    with store.open_part(put(store, content), offset) as stream:
        pieces = []
        while piece := stream.read(700_001):
            pieces.append(piece)
    assert b"".join(pieces) == content[offset:]


def test_a_manifest_is_kept_byte_for_byte(store):
    raw = json.dumps(json.loads(manifest(store, "x")), indent=3).encode()
    descriptor = store.put_manifest(raw, IMAGE_MANIFEST, "1.0")
    assert (descriptor.digest, descriptor.size) == (digest_bytes(raw), len(raw))
    assert descriptor.media_type == IMAGE_MANIFEST
    assert store.get_manifest(descriptor) == raw
    assert store.resolve(store.reference(tag="1.0")) == store.resolve(store.reference(digest=descriptor.digest))
    assert store.resolve(store.reference(tag="1.0")).digest == descriptor.digest


def test_an_untagged_manifest_is_found_by_digest_only(store):
    descriptor = put_manifest(store, "x")
    assert store.resolve(store.reference(digest=descriptor.digest)).size == descriptor.size
    assert store.tags() == ()


def test_a_tag_moves_and_the_old_manifest_stays(store):
    first, second = put_manifest(store, "1", "latest"), put_manifest(store, "2", "latest")
    assert store.resolve(store.reference(tag="latest")).digest == second.digest
    assert store.resolve(store.reference(digest=first.digest)).digest == first.digest
    store.tag(first, "latest")
    assert store.resolve(store.reference(tag="latest")).digest == first.digest
    assert store.resolve(store.reference(digest=second.digest)).digest == second.digest


def test_a_tag_that_is_taken_is_only_moved_when_asked(store):
    first, second = put_manifest(store, "1", "latest"), put_manifest(store, "2")
    with pytest.raises(UsageError, match="is there already"):
        store.tag(second, "latest", replace=False)
    assert store.resolve(store.reference(tag="latest")).digest == first.digest
    store.tag(first, "latest", replace=False)
    store.tag(second, "other", replace=False)
    store.tag(second, "latest", replace=True)
    assert store.resolve(store.reference(tag="latest")).digest == second.digest


def test_one_manifest_may_have_many_tags(store):
    descriptor = put_manifest(store, "1", "b")
    store.tag(descriptor, "a")
    store.tag(descriptor, "a")
    put_manifest(store, "1")
    assert store.tags() == ("a", "b")
    put_manifest(store, "2", "a")
    assert store.resolve(store.reference(tag="b")).digest == descriptor.digest


def test_repositories_do_not_share_tags(make):
    put_manifest(make("org/one"), "1", "latest")
    other = make("org/two")
    assert other.tags() == ()
    with pytest.raises(NotFound):
        other.resolve(other.reference(tag="latest"))
    with pytest.raises(UsageError):
        other.resolve(make("org/one").reference(tag="latest"))


def test_what_is_absent_cannot_be_tagged(store):
    with pytest.raises(NotFound):
        store.tag(Descriptor(IMAGE_MANIFEST, digest_bytes(b"absent"), 6), "latest")
    assert store.tags() == ()


@pytest.mark.parametrize("tag", ["", "-x", "a b", "a/b", "a:b", "x" * 129, "sha256-" + "0" * 64, "../x", "ü"])
def test_bad_tags_are_refused(store, tag):
    descriptor = put_manifest(store, "1")
    with pytest.raises(UsageError):
        store.tag(descriptor, tag)
    with pytest.raises(UsageError):
        store.put_manifest(manifest(store, "1"), IMAGE_MANIFEST, tag)
    assert store.tags() == ()


def test_a_manifest_may_only_name_blobs_that_are_there(store):
    raw = manifest(store, "x")
    absent = raw.replace(digest_bytes(b"x").hex.encode(), digest_bytes(b"y").hex.encode())
    with pytest.raises(RegistryError):
        store.put_manifest(absent, IMAGE_MANIFEST, "latest")
    assert store.tags() == ()


def test_a_manifest_may_not_lie_about_the_size_of_a_blob(store):
    raw = manifest(store, "four").replace(b'"size":4', b'"size":5')
    with pytest.raises(RegistryError):
        store.put_manifest(raw, IMAGE_MANIFEST, "latest")
    assert store.tags() == ()


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b'{"a":1,"a":2}', b'{"mediaType":"text/plain"}', b'{"schemaVersion":2}', b" " * 5_000_000]
)
def test_what_is_no_manifest_is_refused(store, raw):
    with pytest.raises(RegistryError):
        store.put_manifest(raw, IMAGE_MANIFEST, "latest")
    assert store.tags() == ()


def test_referrers_are_listed_by_subject_and_kind(store):
    model, other = put_manifest(store, "model", "1.0"), put_manifest(store, "other")
    scan = put_manifest(store, "scan", subject=model, kind="application/x-scan")
    bom = put_manifest(store, "bom", subject=model, kind="application/x-bom")
    put_manifest(store, "elsewhere", subject=other, kind="application/x-scan")
    assert [found.digest for found in store.referrers(model)] == [scan.digest, bom.digest]
    (found,) = store.referrers(model, "application/x-bom")
    assert found.digest == bom.digest
    assert found.size == bom.size
    assert found.artifact_type == "application/x-bom"
    assert found.annotations == {"text": "bom"}
    assert list(store.referrers(scan)) == []


def test_a_referrer_may_come_before_its_subject(store):
    raw = manifest(store, "model")
    subject = Descriptor(IMAGE_MANIFEST, digest_bytes(raw), len(raw))
    scan = put_manifest(store, "scan", subject=subject)
    assert [found.digest for found in store.referrers(subject)] == [scan.digest]


def test_an_untagged_manifest_is_removed_and_a_tagged_one_is_not(store):
    model = put_manifest(store, "model", "1.0")
    scan = put_manifest(store, "scan", subject=model)
    for descriptor in (scan, model, Descriptor(IMAGE_MANIFEST, Digest("0" * 64), 2)):
        store.remove(descriptor)
    assert list(store.referrers(model)) == []
    with pytest.raises(NotFound):
        store.resolve(store.reference(digest=scan.digest))
    assert store.resolve(store.reference(tag="1.0")).digest == model.digest


def test_a_published_model_is_loaded_again(store):
    published = publish_tiny(store)
    model = load_model(store, store.reference(tag="1.0"))
    assert model.manifest.digest == published.manifest.digest
    assert {file.path: file.digest for file in model.files} == {
        path: digest_bytes(content) for path, content in TINY.items()
    }
    assert [piece.kind for piece in model.evidence] == ["scan", "sbom"]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(sorted(STORES)),
    st.lists(
        st.one_of(
            st.tuples(st.just("blob"), st.integers(0, 3)),
            st.tuples(st.just("manifest"), st.integers(0, 3), st.sampled_from([None, "a", "b"])),
            st.tuples(st.just("tag"), st.integers(0, 3), st.sampled_from(["a", "b"])),
            st.tuples(st.just("remove"), st.integers(0, 3)),
        ),
        max_size=12,
    ),
)
def test_any_sequence_of_operations_does_what_a_dictionary_would(kind, operations):
    with tempfile.TemporaryDirectory() as folder:
        store = STORES[kind](folder, "org/tiny")
        tags: dict[str, Digest] = {}
        untagged: set[Digest] = set()
        for name, number, *rest in operations:
            content = f"content {number}"
            raw = manifest(store, content)
            digest = digest_bytes(raw)
            descriptor = Descriptor(IMAGE_MANIFEST, digest, len(raw))
            known = digest in untagged or digest in tags.values()
            if name == "blob":
                assert get(store, put(store, content.encode())) == content.encode()
            elif name == "remove":
                store.remove(descriptor)
                untagged.discard(digest)
            elif name == "manifest" or known:
                tag = rest[0]
                if name == "tag":
                    store.tag(descriptor, tag)
                else:
                    store.put_manifest(raw, IMAGE_MANIFEST, tag)
                if tag is not None:
                    old = tags.get(tag)
                    tags[tag] = digest
                    untagged |= {old} - set(tags.values()) - {None}
                    untagged.discard(digest)
                elif not known:
                    untagged.add(digest)
            assert store.tags() == tuple(sorted(tags))
            for tag, expected in tags.items():
                assert store.resolve(store.reference(tag=tag)).digest == expected
            for expected in {*untagged, *tags.values()}:
                assert digest_bytes(store.get_manifest(store.resolve(store.reference(digest=expected)))) == expected
            if name == "remove" and digest not in tags.values():
                with pytest.raises(NotFound):
                    store.resolve(store.reference(digest=digest))
