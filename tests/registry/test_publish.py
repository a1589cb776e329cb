"""Publishing: golden manifests, the order of steps, and nothing left behind when a step fails."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.models import TINY, model_files, publish_tiny
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import DigestMismatch, NotFound, RegistryError, Rejected, UsageError
from weighbridge.registry.layout import LayoutStore, open_layout
from weighbridge.registry.publish import EvidenceBlob, is_safe_path, model_config, model_manifest, publish_model

FILES = {"a.safetensors": b"aa", "README.md": b"# a\n"}


@pytest.fixture
def store(tmp_path):
    return open_layout(str(tmp_path / "layout"), "org/tiny", create=True)


def publish(store, *, tag="1.0", files=FILES, config=None, annotations=None, evidence=lambda _: []):
    return publish_model(
        store,
        tag=tag,
        files=model_files(files) if isinstance(files, dict) else files,
        config=config or {},
        annotations=annotations or {},
        evidence=evidence,
    )


def index_of(store):
    return Path(store.folder, "index.json").read_bytes()


def nothing_is_visible(store):
    index = json.loads(index_of(store))
    return index == {"schemaVersion": 2, "manifests": []}


def test_the_config_has_these_bytes():
    parts = {"name": "tiny", "licenses": ["MIT"], "architecture": "llama", "format": "safetensors", "paramSize": "8b"}
    assert (
        model_config(model_files(FILES), parts)
        == (
            '{"config":{"architecture":"llama","format":"safetensors","paramSize":"8b"},'
            '"descriptor":{"licenses":["MIT"],"name":"tiny"},'
            f'"modelfs":{{"diffIds":["{digest_bytes(b"# a" + bytes([10]))}","{digest_bytes(b"aa")}"],"type":"layers"}}}}'
        ).encode()
    )


def test_the_manifest_is_a_modelpack_artifact():
    config = model_config(model_files(FILES), {})
    assert json.loads(model_manifest(model_files(FILES), config, {"security.scan.result": "clean"})) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.cncf.model.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.cncf.model.config.v1+json",
            "digest": str(digest_bytes(config)),
            "size": len(config),
        },
        "layers": [
            {
                "mediaType": "application/vnd.cncf.model.doc.v1.raw",
                "digest": str(digest_bytes(b"# a\n")),
                "size": 4,
                "annotations": {"org.cncf.model.filepath": "README.md", "org.opencontainers.image.title": "README.md"},
            },
            {
                "mediaType": "application/vnd.cncf.model.weight.v1.raw",
                "digest": str(digest_bytes(b"aa")),
                "size": 2,
                "annotations": {
                    "org.cncf.model.filepath": "a.safetensors",
                    "org.opencontainers.image.title": "a.safetensors",
                },
            },
        ],
        "annotations": {"security.scan.result": "clean"},
    }


@given(st.permutations(model_files(TINY)), st.permutations([("a", "1"), ("b", "2"), ("c", "3")]))
def test_the_same_files_and_annotations_give_the_same_manifest(files, annotations):
    straight = model_files(TINY)
    expected = model_manifest(straight, model_config(straight, {}), {"a": "1", "b": "2", "c": "3"})
    assert model_manifest(files, model_config(files, {}), dict(annotations)) == expected


def test_evidence_is_attached_as_cosign_does(store):
    published = publish_tiny(store)
    raw = store.get_manifest(published.evidence[0])
    bundle = b'{"about":"%s"}' % str(published.manifest.digest).encode()
    assert json.loads(raw) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
            "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        },
        "layers": [
            {
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "digest": str(digest_bytes(bundle)),
                "size": len(bundle),
            }
        ],
        "subject": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": str(published.manifest.digest),
            "size": published.manifest.size,
        },
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": "https://example.test/scan",
            "dev.weighbridge.evidence.kind": "scan",
        },
    }


def test_publishing_again_changes_nothing(store):
    first = publish_tiny(store)
    written = Path(store.folder, "index.json").stat().st_ino
    assert publish_tiny(store) == first
    assert Path(store.folder, "index.json").stat().st_ino == written, "not even written again"


def test_the_tag_is_set_last(store, monkeypatch):
    steps = []
    for name in ("put_blob", "_put_manifest", "referrers", "get_manifest", "open_blob", "tag"):
        real = getattr(LayoutStore, name)

        def noted(*arguments, _name=name, _real=real, **options):
            steps.append(_name)
            return _real(*arguments, **options)

        monkeypatch.setattr(LayoutStore, name, noted)
    publish_tiny(store)
    last = steps.index("tag")
    assert "referrers" in steps[:last]
    assert steps[last + 1 :].count("_put_manifest") == 1, "only the tag's own entry"
    assert "referrers" not in steps[last:]


def test_failing_evidence_leaves_nothing(store):
    def refuse(manifest):
        assert store.get_manifest(manifest)
        raise Rejected("evidence-missing", "no scan", "a scan")

    with pytest.raises(Rejected):
        publish(store, evidence=refuse)
    assert nothing_is_visible(store)


def test_a_file_that_changed_leaves_nothing(store):
    files = model_files(FILES)
    files[1] = files[1]._replace(open=lambda: io.BytesIO(b"# b\n"))
    with pytest.raises(DigestMismatch):
        publish(store, files=files)
    assert nothing_is_visible(store)


def test_a_file_that_is_gone_leaves_nothing(store):
    def gone():
        raise FileNotFoundError("gone")

    with pytest.raises(FileNotFoundError):
        publish(store, files=[model_files(FILES)[0]._replace(open=gone)])
    assert nothing_is_visible(store)


def test_a_blob_that_is_damaged_before_the_tag_leaves_nothing(store):
    def damage(_):
        path = f"{store.folder}/blobs/sha256/{digest_bytes(b'aa').hex}"
        with open(path, "wb") as file:
            file.write(b"ab")
        return []

    with pytest.raises(DigestMismatch):
        publish(store, evidence=damage)
    assert nothing_is_visible(store)


def test_evidence_that_the_registry_does_not_list_leaves_nothing(store, monkeypatch):
    monkeypatch.setattr(LayoutStore, "referrers", lambda *_: iter(()))
    with pytest.raises(RegistryError, match="does not list the evidence"):
        publish_tiny(store)
    assert nothing_is_visible(store)


def test_a_failure_keeps_what_was_there_before(store):
    first = publish_tiny(store)
    index = index_of(store)

    def half(manifest):
        assert manifest.digest == first.manifest.digest
        return [EvidenceBlob("new", "x", b"{}"), 5]

    with pytest.raises(AttributeError):
        publish_model(
            store,
            tag="2.0",
            files=model_files(TINY),
            config={"name": "tiny", "format": "safetensors", "paramSize": "1m", "createdAt": "2026-01-02T03:04:05Z"},
            annotations={"security.scan.result": "clean", "org.opencontainers.image.title": "tiny ✓"},
            evidence=half,
        )
    assert index_of(store) == index


def test_a_tag_that_may_be_visible_keeps_its_evidence(store, monkeypatch):
    real = LayoutStore.tag

    def tag_then_fail(self, manifest, name, **_):
        real(self, manifest, name)
        raise RegistryError("the connection broke after the answer")

    monkeypatch.setattr(LayoutStore, "tag", tag_then_fail)
    with pytest.raises(RegistryError, match="connection broke"):
        publish_tiny(store)
    model = store.resolve(store.reference(tag="1.0"))
    assert len(list(store.referrers(model))) == 2


def test_an_unknown_state_of_the_tag_keeps_the_evidence(store, monkeypatch):
    def broken(*_):
        raise RegistryError("unreachable")

    def unreachable(self, manifest, name, **_):
        monkeypatch.setattr(LayoutStore, "resolve", broken)
        broken()

    monkeypatch.setattr(LayoutStore, "tag", unreachable)
    with pytest.raises(RegistryError, match="unreachable"):
        publish_tiny(store)
    assert not nothing_is_visible(store)


def test_a_tag_that_was_not_set_leaves_nothing(store, monkeypatch):
    def refuse(*_, **__):
        raise RegistryError("refused")

    monkeypatch.setattr(LayoutStore, "tag", refuse)
    with pytest.raises(RegistryError, match="refused"):
        publish_tiny(store)
    assert nothing_is_visible(store)
    with pytest.raises(NotFound):
        store.resolve(store.reference(tag="1.0"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tag": "a/b"},
        {"files": {}},
        {"files": {"../a": b""}},
        {"files": {"/a": b""}},
        {"files": {"a//b": b""}},
        {"files": {"a\\b": b""}},
        {"files": {"a\0": b""}},
        {"files": {"\udcff": b""}},
        {"files": model_files(FILES) * 2},
        {"config": {"size": 5}},
        {"config": {"name": object()}},
        {"config": {"name": float("nan")}},
        {"annotations": {"a": "\udcff"}},
    ],
)
def test_what_cannot_be_published_is_refused_before_anything_is_stored(store, wrong):
    with pytest.raises(UsageError) as caught:
        publish(store, **wrong)
    assert caught.value.mend
    assert nothing_is_visible(store)
    assert os.listdir(f"{store.folder}/blobs/sha256") == []


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["a", "b", "..", ".", "", "c d", "ü"]), max_size=4).map("/".join))
def test_safe_paths_stay_inside(path):
    import posixpath

    if is_safe_path(path):
        assert posixpath.normpath(posixpath.join("/in", path)) == f"/in/{path}"
