"""Referrers by the API and by the tag: pages, both together, and lists that are none."""

from __future__ import annotations

import json

import pytest

from build.models import NOTE, attach_note, publish_tiny
from build.registry_server import serving
from build.slowly import Pauses
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import RegistryError
from weighbridge.registry.attached import INDEX, ROUNDS, fallback_tag
from weighbridge.registry.manifests import IMAGE_MANIFEST
from weighbridge.registry.remote import open_remote

NAME = "org/net"


def opened(registry):
    return open_remote(registry.host, NAME, {}, environ={}, pace=Pauses().pace)


def texts(store, subject, kind=NOTE):
    return [found.annotations["text"] for found in store.referrers(subject, kind)]


@pytest.fixture(params=[True, False])
def registry(request):
    with serving(referrers_api=request.param, page=3) as running:
        yield running


def test_many_referrers_are_all_listed(registry):
    store = opened(registry)
    subject = publish_tiny(store).manifest
    for number in range(10):
        attach_note(store, subject, f"{number}")
    assert texts(store, subject) == [f"{number}" for number in range(10)]
    assert len(list(store.referrers(subject))) == 12
    assert len(list(store.referrers(subject, "application/x-other"))) == 0


def test_a_registry_that_learned_the_api_keeps_what_was_attached_before():
    with serving(referrers_api=False) as registry:
        store = opened(registry)
        subject = publish_tiny(store).manifest
        attach_note(store, subject, "before")
        registry.referrers_api = True
        attach_note(store, subject, "after")
        assert sorted(texts(store, subject)) == ["after", "before"]
        index = json.loads(registry.manifests[NAME][registry.tags[NAME][fallback_tag(subject.digest)]][1])
        assert len(index["manifests"]) == 3, "the tag is only kept where the API is missing"


def test_a_list_that_names_what_is_gone_or_is_about_others_is_checked(registry):
    store = opened(registry)
    subject, other = publish_tiny(store).manifest, publish_tiny(store, "2", {"a": b"1"}).manifest
    gone, stranger = attach_note(store, subject, "gone"), attach_note(store, other, "stranger")
    attach_note(store, subject, "ours")
    del registry.manifests[NAME][str(gone.digest)]
    entries = [
        {"mediaType": IMAGE_MANIFEST, "digest": str(item.digest), "size": item.size, "artifactType": NOTE}
        for item in (gone, stranger)
    ]
    tag = fallback_tag(subject.digest)
    listed = []
    if tag in registry.tags[NAME]:
        listed = json.loads(registry.manifests[NAME][registry.tags[NAME][tag]][1])["manifests"]
    raw = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, *listed]}).encode()
    store.put_manifest(raw, INDEX)
    registry.tags[NAME][tag] = str(digest_bytes(raw))
    assert texts(store, subject) == ["ours"]


@pytest.mark.parametrize(
    ("raw", "media_type"),
    [
        (b"{", INDEX),
        (b"[]", INDEX),
        (b'{"manifests": 5}', INDEX),
        (b'{"manifests": [5]}', INDEX),
        (b'{"manifests": [{"digest": "sha256:x"}]}', INDEX),
        (b"{}", IMAGE_MANIFEST),
        (b"{}", "text/html"),
    ],
)
def test_what_is_no_list_is_refused(raw, media_type):
    with serving(referrers_api=False) as registry:
        store = opened(registry)
        subject = publish_tiny(store).manifest
        registry.manifests[NAME][str(digest_bytes(raw))] = (media_type, raw)
        registry.tags[NAME][fallback_tag(subject.digest)] = str(digest_bytes(raw))
        with pytest.raises(RegistryError):
            list(store.referrers(subject))
        with pytest.raises(RegistryError):
            attach_note(store, subject, "x")
        assert registry.tags[NAME][fallback_tag(subject.digest)] == str(digest_bytes(raw)), "it is left as it is"


def test_an_entry_that_is_always_overwritten_is_no_success(monkeypatch):
    from build import registry_server

    with serving(referrers_api=False) as registry:
        store = opened(registry)
        subject = publish_tiny(store).manifest
        tag = fallback_tag(subject.digest)
        before = registry.tags[NAME][tag]
        real = registry_server._Handler._put_manifest

        def put(self, name, reference):
            real(self, name, reference)
            registry.tags[NAME][tag] = before

        monkeypatch.setattr(registry_server._Handler, "_put_manifest", put)
        with pytest.raises(RegistryError, match="again and again"):
            attach_note(store, subject, "x")
        assert registry.count("PUT", tag) <= ROUNDS + 2


def test_the_tag_is_hidden_from_people():
    with serving(referrers_api=False) as registry:
        store = opened(registry)
        publish_tiny(store)
        assert len(registry.tags[NAME]) == 2
        assert store.tags() == ("1.0",)
