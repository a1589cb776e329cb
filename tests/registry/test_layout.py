"""The layout folder: what lies where, what damage does, and what the folder costs."""

from __future__ import annotations

import io
import json
import os
import stat
import tracemalloc

import pytest

from build.models import publish_tiny
from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.errors import DigestMismatch, NotFound, RegistryError, UsageError
from weighbridge.registry import layout_index
from weighbridge.registry.base import Descriptor
from weighbridge.registry.layout import open_layout, repositories
from weighbridge.registry.manifests import IMAGE_MANIFEST
from weighbridge.registry.read import load_model
from weighbridge.registry.streams import verified

DAY = 24 * 3600


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "layout"


@pytest.fixture
def store(folder):
    return open_layout(str(folder), "org/tiny", create=True)


def read(store, blob, size=-1):
    with store.open_blob(blob) as stream:
        return stream.read(size)


def test_a_new_folder_is_an_oci_image_layout(folder, store):
    assert json.loads((folder / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((folder / "index.json").read_bytes()) == {"schemaVersion": 2, "manifests": []}
    assert sorted(os.listdir(folder)) == [".weighbridge.lock", "blobs", "index.json", "ingest", "oci-layout"]


def test_a_tag_is_the_name_and_the_tag_in_the_index(folder, store):
    published = publish_tiny(store)
    entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    tagged = [entry for entry in entries if "org.opencontainers.image.ref.name" in entry["annotations"]]
    assert tagged == [
        {
            "mediaType": IMAGE_MANIFEST,
            "digest": str(published.manifest.digest),
            "size": published.manifest.size,
            "artifactType": "application/vnd.cncf.model.manifest.v1+json",
            "annotations": {"org.opencontainers.image.ref.name": "org/tiny:1.0"},
        }
    ]
    assert [entry["annotations"] for entry in entries if entry not in tagged] == [
        {"dev.weighbridge.subject": str(published.manifest.digest)}
    ] * 2


def test_moving_tags_leaves_one_entry_for_each_name(folder, store):
    first, second = publish_tiny(store, "a"), publish_tiny(store, "b", {"other": b"1"})

    def entries(published):
        manifests = json.loads((folder / "index.json").read_bytes())["manifests"]
        found = [entry for entry in manifests if entry["digest"] == str(published.manifest.digest)]
        return sorted(entry.get("annotations", {}).get("org.opencontainers.image.ref.name", "") for entry in found)

    store.tag(first.manifest, "b")
    assert (entries(first), entries(second)) == (["org/tiny:a", "org/tiny:b"], [""])
    store.tag(second.manifest, "b")
    assert (entries(first), entries(second)) == (["org/tiny:a"], ["org/tiny:b"])


def test_blobs_are_read_only_files_named_by_their_digest(folder, store):
    publish_tiny(store)
    blobs = list((folder / "blobs/sha256").iterdir())
    assert len(blobs) == 4 + 1 + 1 + 1 + 2 * 2  # files, config, manifest, empty config, evidence
    for blob in blobs:
        assert digest_bytes(blob.read_bytes()).hex == blob.name
        assert stat.S_IMODE(blob.stat().st_mode) == 0o444
    assert os.listdir(folder / "ingest") == []


def test_opening_needs_a_layout(tmp_path, folder):
    with pytest.raises(NotFound):
        open_layout(str(folder), "tiny")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotFound):
        open_layout(str(tmp_path / "file"), "tiny")
    with pytest.raises(RegistryError):
        open_layout(str(tmp_path / "file"), "tiny", create=True)
    with pytest.raises(UsageError):
        open_layout(str(folder), "../tiny", create=True)
    assert not folder.exists()


def test_a_folder_with_other_things_is_not_taken_over(tmp_path):
    (tmp_path / "thesis.tex").write_bytes(b"")
    with pytest.raises(RegistryError, match="something else"):
        open_layout(str(tmp_path), "tiny", create=True)
    assert os.listdir(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"imageLayoutVersion":"2.0.0"}', b"[]"])
def test_another_layout_version_is_refused(folder, store, content):
    (folder / "oci-layout").write_bytes(content)
    with pytest.raises(RegistryError):
        open_layout(str(folder), "tiny", create=True)


def test_a_half_made_layout_is_finished(folder, store):
    publish_tiny(store)
    (folder / "oci-layout").unlink()
    assert open_layout(str(folder), "org/tiny", create=True).tags() == ("1.0",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"schemaVersion":1,"manifests":[]}',
        b'{"schemaVersion":2,"manifests":{}}',
        b'{"schemaVersion":2,"manifests":[5]}',
        b'{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"sha256:x","size":1}]}',
        b'{"schemaVersion":2,"schemaVersion":2,"manifests":[]}',
    ],
)
def test_a_damaged_index_is_reported_and_never_overwritten(folder, store, content):
    published = publish_tiny(store)
    (folder / "index.json").write_bytes(content)
    for attempt in (
        store.tags,
        lambda: store.tag(published.manifest, "2.0"),
        lambda: publish_tiny(store, "2.0"),
        lambda: store.remove(published.manifest),
        lambda: store.resolve(store.reference(tag="1.0")),
        lambda: list(store.referrers(published.manifest)),
        lambda: repositories(str(folder)),
    ):
        with pytest.raises(RegistryError, match=r"index\.json is damaged") as caught:
            attempt()
        assert "restore it" in caught.value.mend
    open_layout(str(folder), "org/tiny", create=True)
    assert (folder / "index.json").read_bytes() == content


def test_a_lost_index_is_reported_and_not_made_anew(folder, store):
    (folder / "index.json").unlink()
    with pytest.raises(RegistryError, match=r"index\.json cannot be read"):
        open_layout(str(folder), "org/tiny", create=True).tags()


@pytest.mark.parametrize("damage", [lambda raw: raw[:-1], lambda raw: raw + b"x", lambda raw: b"X" + raw[1:]])
def test_a_damaged_blob_is_noticed_before_its_end(folder, store, damage):
    content = b"weights " * 500_000
    blob = store.put_blob(io.BytesIO(content), expect=digest_bytes(content), size=len(content))
    path = folder / "blobs/sha256" / blob.digest.hex
    path.chmod(0o644)
    path.write_bytes(damage(content))
    seen = []
    with store.open_blob(blob) as stream, pytest.raises(DigestMismatch):
        seen.extend(iter(lambda: len(stream.read(100_000)), 0))
    assert sum(seen) < len(content)
    with store.open_blob(blob) as stream:
        for _ in range(2):
            with pytest.raises(DigestMismatch):
                stream.read()


def test_a_damaged_blob_is_repaired_by_putting_it_again(folder, store):
    blob = store.put_blob(io.BytesIO(b"weights"), expect=digest_bytes(b"weights"), size=7)
    path = folder / "blobs/sha256" / blob.digest.hex
    path.chmod(0o644)
    path.write_bytes(b"WEIGHTS")
    store.put_blob(io.BytesIO(b"weights"), expect=blob.digest, size=7)
    assert read(store, blob) == b"weights"


def test_a_damaged_manifest_is_noticed(folder, store):
    published = publish_tiny(store)
    path = folder / "blobs/sha256" / published.manifest.digest.hex
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"clean", b"dirty"))
    with pytest.raises(DigestMismatch):
        load_model(store, store.reference(tag="1.0"))


def test_a_blob_that_is_a_link_is_not_followed(folder, store):
    blob = store.put_blob(io.BytesIO(b"weights"), expect=digest_bytes(b"weights"), size=7)
    path = folder / "blobs/sha256" / blob.digest.hex
    path.rename(folder / "moved")
    path.symlink_to(folder / "moved")
    with pytest.raises(RegistryError):
        read(store, blob)


def test_a_manifest_too_large_to_hold_is_not_read(store):
    with pytest.raises(RegistryError, match="5000000"):
        store.get_manifest(Descriptor(IMAGE_MANIFEST, Digest("0" * 64), 5_000_000))


def test_a_tag_that_another_tool_wrote_twice_is_refused(folder, store):
    publish_tiny(store)
    index = json.loads((folder / "index.json").read_bytes())
    tagged = next(entry for entry in index["manifests"] if "org.opencontainers.image.ref.name" in entry["annotations"])
    index["manifests"].append({**tagged, "digest": "sha256:" + "0" * 64})
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(RegistryError, match="more than one"):
        store.resolve(store.reference(tag="1.0"))


def test_referrers_that_another_tool_wrote_are_found(folder, store):
    published = publish_tiny(store)
    index = json.loads((folder / "index.json").read_bytes())
    for entry in index["manifests"]:
        entry.get("annotations", {}).pop("dev.weighbridge.subject", None)
        entry.pop("artifactType", None)
    index["manifests"].append({"mediaType": "application/vnd.oci.image.index.v1+json", "digest": "sha256:" + "0" * 64, "size": 2})  # fmt: skip
    (folder / "index.json").write_text(json.dumps(index))
    assert {found.digest for found in store.referrers(published.manifest)} == {
        found.digest for found in published.evidence
    }


def test_a_false_hint_does_not_make_a_referrer(folder, store):
    first, second = publish_tiny(store, "1.0"), publish_tiny(store, "2.0", {"other": b"1"})
    raw = (folder / "index.json").read_bytes()
    hint = b'"dev.weighbridge.subject":"%b"'
    (folder / "index.json").write_bytes(
        raw.replace(hint % str(first.manifest.digest).encode(), hint % str(second.manifest.digest).encode())
    )
    assert {found.digest for found in store.referrers(second.manifest)} == {found.digest for found in second.evidence}


def test_what_other_tools_wrote_into_the_index_stays(folder, store):
    index = {"schemaVersion": 2, "manifests": [], "annotations": {"a": "b"}, "x": [1, None]}
    (folder / "index.json").write_text(json.dumps(index))
    publish_tiny(store)
    after = json.loads((folder / "index.json").read_bytes())
    assert {**after, "manifests": []} == index


def test_repositories_are_listed(folder, store):
    publish_tiny(store)
    publish_tiny(open_layout(str(folder), "a", create=True))
    index = json.loads((folder / "index.json").read_bytes())
    for name in ("1.0", "NAME:1.0", "a:.", ""):
        index["manifests"].append({**index["manifests"][0], "annotations": {"org.opencontainers.image.ref.name": name}})
    (folder / "index.json").write_text(json.dumps(index))
    assert repositories(str(folder)) == ("a", "org/tiny")


def test_old_remains_of_a_crash_are_removed_and_young_ones_are_not(folder, store):
    old, young = folder / "ingest/old", folder / "ingest/young"
    for path, age in ((old, DAY + 1), (young, DAY - 1)):
        path.write_bytes(b"half a blob")
        os.utime(path, (2_000_000_000 - age, 2_000_000_000 - age))
    open_layout(str(folder), "org/tiny", now=lambda: 2_000_000_000)
    assert old.exists(), "readers change nothing"
    open_layout(str(folder), "org/tiny", create=True, now=lambda: 2_000_000_000)
    assert not old.exists()
    assert young.exists()


def test_an_index_of_other_manifests_is_kept_too(store):
    kind = "application/vnd.oci.image.index.v1+json"
    raw = b'{"schemaVersion":2,"mediaType":"%b","manifests":[]}' % kind.encode()
    index = store.put_manifest(raw, kind, "all")
    assert store.get_manifest(store.resolve(store.reference(tag="all"))) == raw
    assert index.media_type == kind


def test_bytes_are_on_disk_before_they_get_their_name_and_the_name_before_we_return(store, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def noted(*arguments, _name=name, _real=real):
            kind = "folder" if _name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode) else "file"
            calls.append((_name, kind))
            return _real(*arguments)

        monkeypatch.setattr(os, name, noted)
    store.put_blob(io.BytesIO(b"x"), expect=digest_bytes(b"x"), size=1)
    assert calls == [("fsync", "file"), ("replace", "file"), ("fsync", "folder")]
    calls.clear()
    store.put_blob(io.BytesIO(b"x"), expect=digest_bytes(b"x"), size=1)
    assert calls == [("fsync", "folder")]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_no_blob(folder, store, make):
    blob = store.put_blob(io.BytesIO(b"x"), expect=digest_bytes(b"x"), size=1)
    path = folder / "blobs/sha256" / blob.digest.hex
    path.unlink()
    make(path)
    with pytest.raises(RegistryError):
        read(store, blob)


def test_a_disk_that_fails_while_reading_is_a_registry_error():
    class Failing(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise OSError(5, "Input/output error")

    blob = Descriptor("", digest_bytes(b"x"), 1)
    with verified(Failing(), blob, "here") as stream, pytest.raises(RegistryError, match="here cannot be read: Input"):
        stream.read()


def test_a_large_blob_costs_little_memory(store):
    size = 64 * 1024 * 1024

    class Zeros(io.RawIOBase):
        left = size

        def readable(self):
            return True

        def readinto(self, buffer):
            count = min(len(buffer), self.left)
            self.left -= count
            buffer[:count] = bytes(count)
            return count

    expect = Digest("3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351")
    tracemalloc.start()
    try:
        blob = store.put_blob(Zeros(), expect=expect, size=size)
        with store.open_blob(blob) as stream:
            while stream.read(1 << 20):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_an_index_that_stays_is_parsed_once(folder, store, monkeypatch):
    published = publish_tiny(store)
    reads = []
    monkeypatch.setattr(
        layout_index, "read_index", lambda place, read=layout_index.read_index: reads.append(1) or read(place)
    )
    young = [store.resolve(store.reference(tag="1.0")).digest for _ in range(3)]
    assert len(reads) == 3, "what was written a moment ago may be written again in the same moment"
    os.utime(folder / "index.json", (1, 1))
    reads.clear()
    old = [store.resolve(store.reference(tag="1.0")).digest for _ in range(3)]
    assert {*young, *old} == {published.manifest.digest}
    assert len(list(store.referrers(published.manifest))) > 0
    assert store.tags() == ("1.0",)
    assert len(reads) == 1


def test_an_index_that_changed_is_seen_whoever_wrote_it(folder, store, monkeypatch):
    monkeypatch.setattr(layout_index, "SETTLED", 0.0)
    published = publish_tiny(store)
    assert store.tags() == ("1.0",)
    store.tag(published.manifest, "2.0")
    assert store.tags() == ("1.0", "2.0")
    assert store.resolve(store.reference(tag="2.0")).digest == published.manifest.digest
    index = json.loads((folder / "index.json").read_bytes())
    for entry in index["manifests"]:  # in place, by another tool, and to the same size
        names = entry.get("annotations", {})
        if names.get("org.opencontainers.image.ref.name") == "org/tiny:2.0":
            names["org.opencontainers.image.ref.name"] = "org/tiny:3.0"
    (folder / "index.json").write_bytes(json.dumps(index, separators=(",", ":"), sort_keys=True).encode())
    assert store.tags() == ("1.0", "3.0")
    with pytest.raises(NotFound):
        store.resolve(store.reference(tag="2.0"))
    (folder / "index.json").write_bytes(b"{}")
    with pytest.raises(RegistryError, match="damaged"):
        store.tags()
    (folder / "index.json").unlink()
    with pytest.raises(RegistryError, match="cannot be read"):
        store.tags()


def test_a_registry_that_nobody_pushed_to_is_said_to_be_none(tmp_path):
    with pytest.raises(NotFound, match="is not an OCI image layout folder"):
        repositories(str(tmp_path / "nowhere"))
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    with pytest.raises(RegistryError, match="cannot be read"):
        repositories(str(tmp_path / "half"))


def test_a_folder_that_another_one_completes_meanwhile_is_taken_for_what_it_is(folder, monkeypatch):
    folder.mkdir()
    look = os.listdir

    def late(place):
        monkeypatch.setattr(os, "listdir", look)
        open_layout(str(folder), "org/other", create=True)
        return look(place)

    monkeypatch.setattr(os, "listdir", late)
    assert open_layout(str(folder), "org/tiny", create=True).tags() == ()
