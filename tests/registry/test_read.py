"""Reading a published model: digests are proved, names are checked, sizes are bounded."""

from __future__ import annotations

import io

import pytest

from build.models import TINY, publish_tiny
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import NotFound, RegistryError, Rejected
from weighbridge.registry import read
from weighbridge.registry.base import Descriptor
from weighbridge.registry.layout import open_layout
from weighbridge.registry.manifests import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, IMAGE_MANIFEST, Manifest, write_manifest
from weighbridge.registry.publish import BUNDLE_TYPE, FILE_PATH, FILE_TITLE, MODEL_TYPE
from weighbridge.registry.read import StoredFile, load_model


@pytest.fixture
def store(tmp_path):
    return open_layout(str(tmp_path / "layout"), "org/tiny", create=True)


def load(store, tag="1.0"):
    return load_model(store, store.reference(tag=tag))


def put(store, content, media_type="x", annotations=None):
    blob = store.put_blob(io.BytesIO(content), expect=digest_bytes(content), size=len(content))
    return Descriptor(media_type, blob.digest, blob.size, annotations or {})


def model(store, *annotations, kind=MODEL_TYPE):
    layers = tuple(put(store, b"x", "text/x", each) for each in annotations)
    raw = write_manifest(Manifest(kind, put(store, EMPTY_CONFIG, EMPTY_CONFIG_TYPE), layers, None, {}))
    return store.put_manifest(raw, IMAGE_MANIFEST, "1.0")


def attach(store, subject, *layers):
    raw = write_manifest(Manifest(BUNDLE_TYPE, put(store, EMPTY_CONFIG, EMPTY_CONFIG_TYPE), layers, subject, {}))
    return store.put_manifest(raw, IMAGE_MANIFEST)


def test_a_published_model_comes_back(store):
    published = publish_tiny(store)
    loaded = load(store)
    assert loaded.manifest.digest == published.manifest.digest
    assert loaded.annotations == {"security.scan.result": "clean", "org.opencontainers.image.title": "tiny ✓"}
    assert [file.path for file in loaded.files] == sorted(TINY)
    assert loaded.files[-1] == StoredFile(
        "model.safetensors", 10, digest_bytes(TINY["model.safetensors"]), "application/vnd.cncf.model.weight.v1.raw"
    )
    about = str(published.manifest.digest)
    assert [(piece.kind, piece.predicate_type, piece.bundle) for piece in loaded.evidence] == [
        ("scan", "https://example.test/scan", b'{"about":"%s"}' % about.encode()),
        ("sbom", "https://example.test/sbom", b'{"sbom":"%s"}' % about.encode()),
    ]
    assert [piece.descriptor.digest for piece in loaded.evidence] == [piece.digest for piece in published.evidence]


def test_an_absent_model_is_not_found(store):
    with pytest.raises(NotFound):
        load(store)


def test_other_artifacts_are_not_models(store):
    model(store, {FILE_PATH: "a"}, kind="text/other")
    with pytest.raises(RegistryError, match="not a model"):
        load(store)


@pytest.mark.parametrize(
    "annotations", [{FILE_TITLE: "a/b"}, {FILE_PATH: "a/b"}, {FILE_PATH: "a/b", FILE_TITLE: "a/b"}]
)
def test_either_name_is_read(store, annotations):
    model(store, annotations)
    assert load(store).files[0].path == "a/b"


@pytest.mark.parametrize(
    "annotations",
    [
        [],
        [{}],
        [{FILE_PATH: "../a"}],
        [{FILE_PATH: "/a"}],
        [{FILE_PATH: "a\\..\\b"}],
        [{FILE_PATH: "a"}, {FILE_PATH: "a"}],
        [{FILE_PATH: "a"}, {FILE_TITLE: "a"}],
    ],
)
def test_unsafe_or_doubled_names_are_refused(store, annotations):
    model(store, *annotations)
    with pytest.raises(RegistryError) as caught:
        load(store)
    assert caught.value.mend


def test_a_layer_with_two_names_is_refused(store):
    model(store, {FILE_PATH: "model.safetensors", FILE_TITLE: "model.pkl"})
    with pytest.raises(RegistryError, match="two names"):
        load(store)


def refused(store):
    with pytest.raises(Rejected) as caught:
        load(store)
    assert caught.value.code == "evidence-malformed"


def test_a_referrer_without_one_bundle_is_refused(store):
    subject = model(store, {FILE_PATH: "a"})
    attach(store, subject)
    refused(store)


def test_a_referrer_with_something_else_inside_is_refused(store):
    subject = model(store, {FILE_PATH: "a"})
    attach(store, subject, put(store, b"{}", "text/plain"))
    refused(store)


def test_other_referrers_are_no_evidence(store):
    subject = model(store, {FILE_PATH: "a"})
    layers = (put(store, b"{}", "text/plain"),)
    raw = write_manifest(Manifest("text/note", put(store, EMPTY_CONFIG, EMPTY_CONFIG_TYPE), layers, subject, {}))
    store.put_manifest(raw, IMAGE_MANIFEST)
    assert load(store).evidence == ()


@pytest.mark.parametrize("limit", ["MAX_BUNDLE", "MAX_ALL_BUNDLES", "MAX_EVIDENCE"])
def test_evidence_is_bounded(store, monkeypatch, limit):
    subject = model(store, {FILE_PATH: "a"})
    attach(store, subject, put(store, b"1" * 100, BUNDLE_TYPE))
    attach(store, subject, put(store, b"2" * 100, BUNDLE_TYPE))
    monkeypatch.setattr(read, limit, {"MAX_BUNDLE": 100, "MAX_ALL_BUNDLES": 200, "MAX_EVIDENCE": 2}[limit])
    assert len(load(store).evidence) == 2
    monkeypatch.setattr(read, limit, getattr(read, limit) - 1)
    refused(store)
