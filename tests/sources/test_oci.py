"""Artifacts of a registry as a source: ours, ORAS', skopeo's and KitOps' kind, and hostile ones."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

import pytest

from build.missing import missing
from build.models import TINY, contents, publish_tiny
from build.registry_server import Fault, serving
from build.running import command
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.settings import QuarantineSettings, Settings
from weighbridge.registry.base import Descriptor
from weighbridge.registry.layout import open_layout
from weighbridge.registry.manifests import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, IMAGE_MANIFEST, Manifest, write_manifest
from weighbridge.registry.remote import open_remote
from weighbridge.sources.oci import open_oci

PATH, TITLE = "org.cncf.model.filepath", "org.opencontainers.image.title"
RAW = "application/vnd.cncf.model.weight.v1.raw"


class Silent:
    def note(self, text):
        pass

    def advance(self, size):
        pass


@pytest.fixture
def layout(tmp_path):
    return open_layout(str(tmp_path / "layout"), "org/net", create=True)


def push(store, layers, tag="v1", config=None, annotations=None):
    """`layers`: (content, media type, annotations) each."""

    def put(content, media_type, notes):
        blob = store.put_blob(io.BytesIO(content), expect=digest_bytes(content), size=len(content))
        return Descriptor(media_type, blob.digest, blob.size, notes)

    head = put(EMPTY_CONFIG, EMPTY_CONFIG_TYPE, {}) if config is None else put(*config)
    descriptors = tuple(put(*layer) for layer in layers)
    raw = write_manifest(Manifest("application/x-model", head, descriptors, None, annotations or {}))
    return store.put_manifest(raw, IMAGE_MANIFEST, tag)


def fetched(text, tmp_path, settings=None, name="intake"):
    folder = tmp_path / name / "model"
    folder.mkdir(parents=True)
    return open_oci(text, settings or Settings()).fetch(str(folder), Silent())


def test_a_published_model_comes_back(layout, tmp_path):
    published = publish_tiny(layout, "1.0")
    model = fetched(f"oci:{layout.folder}:org/net:1.0", tmp_path)
    assert contents(model.folder) == TINY
    assert model.name == "net"
    origin = model.origin
    assert (origin.kind, origin.asked, origin.revision) == ("oci", "1.0", str(published.manifest.digest))
    assert origin.place == "oci:layout:org/net"
    assert str(tmp_path) not in repr(origin)
    assert {file.path: file.sha256 for file in origin.files} == {
        path: hashlib.sha256(content).hexdigest() for path, content in TINY.items()
    }
    assert dict(origin.told)["title"] == "tiny ✓"
    again = fetched(f"oci:{layout.folder}:org/net@{published.manifest.digest}", tmp_path, name="again")
    assert (again.origin.asked, again.origin.revision) == ("", origin.revision)


@pytest.mark.parametrize("switches", [{}, {"referrers_api": False, "login": "bearer"}])
def test_a_model_of_a_registry(tmp_path, switches, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with serving(**switches) as registry:
        auth = "YWRhOnNlY3JldDp3b3Jk"
        (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
        published = publish_tiny(open_remote(registry.host, "org/net", {}))
        model = fetched(f"oci://{registry.host}/org/net:1.0", tmp_path)
        assert contents(model.folder) == TINY
        assert model.origin.place == f"oci://{registry.host}/org/net"
        assert model.origin.revision == str(published.manifest.digest)


def test_a_transfer_that_broke_is_taken_up(layout, tmp_path):
    content = os.urandom(3_000_000)
    with serving() as registry:
        store = open_remote(registry.host, "org/net", {})
        push(store, [(content, RAW, {TITLE: "a.bin"})])
        registry.faults.append(Fault("GET", "/blobs/", cut_after=1_000_000))
        model = fetched(f"oci://{registry.host}/org/net:v1", tmp_path)
        assert contents(model.folder) == {"a.bin": content}
        ranges = [
            headers.get("Range") for method, path, headers in registry.asked if method == "GET" and "/blobs/" in path
        ]
        assert ranges == [None, "bytes=1000000-"]


def test_bytes_of_an_earlier_try_are_used_again(tmp_path):
    content = os.urandom(3_000_000)
    with serving() as registry:
        push(open_remote(registry.host, "org/net", {}), [(content, RAW, {TITLE: "a.bin"})])
        parts = tmp_path / "intake" / "parts"
        parts.mkdir(parents=True)
        (parts / f"sha256-{hashlib.sha256(content).hexdigest()}").write_bytes(content[:2_000_000])
        (tmp_path / "intake" / "model").mkdir()
        source = open_oci(f"oci://{registry.host}/org/net:v1", Settings())
        assert contents(source.fetch(str(tmp_path / "intake/model"), Silent()).folder) == {"a.bin": content}
        (asked,) = [headers for method, path, headers in registry.asked if method == "GET" and "/blobs/" in path]
        assert asked["Range"] == "bytes=2000000-"


def test_wrong_bytes_are_refused(layout, tmp_path):
    with serving() as registry:
        push(open_remote(registry.host, "org/net", {}), [(b"weights" * 1000, RAW, {TITLE: "a.bin"})])
        registry.faults.append(Fault("GET", "/blobs/", flip=100, times=99))
        with pytest.raises(SourceError):
            fetched(f"oci://{registry.host}/org/net:v1", tmp_path)
        assert contents(tmp_path / "intake" / "model") == {}


def test_packed_layers_stay_packed_and_nameless_ones_get_a_name(layout, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../out"))
    tar = packed.getvalue()
    push(
        layout,
        [
            (tar, "application/vnd.kitops.modelkit.model.v1.tar", {}),
            (tar + b"\0" * 512, "application/vnd.cncf.model.doc.v1.tar+gzip", {PATH: "docs"}),
            (b"1", "application/vnd.oci.image.layer.v1.tar", {TITLE: "raw.bin"}),
            (
                b"2",
                "application/vnd.oci.image.layer.v1.tar+gzip",
                {TITLE: "dir", "io.deis.oras.content.unpack": "true"},
            ),
            (b"3", "application/octet-stream", {}),
        ],
    )
    names = set(contents(fetched(f"oci:{layout.folder}:org/net:v1", tmp_path).folder))
    assert names == {
        f"model-{digest_bytes(tar).hex[:12]}.tar",
        "docs.tar.gz",
        "raw.bin",
        "dir.tar.gz",
        f"layer-{digest_bytes(b'3').hex[:12]}",
    }
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "names",
    [
        [{TITLE: "../out"}],
        [{TITLE: "/abs"}],
        [{TITLE: "a\\b"}],
        [{TITLE: ""}],
        [{TITLE: "."}],
        [{PATH: "a/../../out"}],
        [{TITLE: "a", PATH: "b"}],
        [{TITLE: "a"}, {TITLE: "a"}],
        [{TITLE: "a"}, {TITLE: "a/b"}],
        [{TITLE: ".git/config"}],
        [{TITLE: "x" * 300}],
    ],
)
def test_hostile_names_end_it(layout, tmp_path, names):
    push(layout, [(b"%d" % number, RAW, notes) for number, notes in enumerate(names)])
    with pytest.raises(SourceError) as caught:
        fetched(f"oci:{layout.folder}:org/net:v1", tmp_path)
    assert caught.value.mend
    assert not (tmp_path / "out").exists()


def test_a_named_config_is_a_file_and_another_is_not(layout, tmp_path):
    push(layout, [(b"1", RAW, {TITLE: "a"})], config=(b"{1}", "application/x-config", {TITLE: "config.json"}))
    assert contents(fetched(f"oci:{layout.folder}:org/net:v1", tmp_path).folder) == {"a": b"1", "config.json": b"{1}"}
    push(layout, [(b"1", RAW, {TITLE: "a"})], "v2", config=(b"{1}", "application/x-config", {}))
    assert contents(fetched(f"oci:{layout.folder}:org/net:v2", tmp_path, name="2").folder) == {"a": b"1"}


def test_limits_hold_before_anything_is_moved(layout, tmp_path):
    push(layout, [(b"1" * 900, RAW, {TITLE: "a"}), (b"2" * 900, RAW, {TITLE: "b"})])
    with pytest.raises(SourceError, match="more than the 1000"):
        fetched(f"oci:{layout.folder}:org/net:v1", tmp_path, Settings(quarantine=QuarantineSettings(most_bytes=1000)))
    few = Settings(limits=Settings().limits._replace(files=1))
    with pytest.raises(SourceError, match="2 files"):
        fetched(f"oci:{layout.folder}:org/net:v1", tmp_path, few, "few")


@pytest.mark.parametrize("text", ["oci:", "oci:x", "oci://", "oci://host/name", "oci://host.test/NAME:v1", "oci:a:b"])
def test_what_names_nothing_is_refused(text):
    with pytest.raises(UsageError):
        open_oci(text, Settings())


def test_what_is_not_there_says_so(layout, tmp_path):
    with pytest.raises(SourceError, match="there is no"):
        fetched(f"oci:{layout.folder}:org/net:v9", tmp_path)
    with pytest.raises(SourceError, match="not an OCI"):
        fetched(f"oci:{tmp_path}/nothing:org/net:v9", tmp_path, name="2")


def test_an_index_is_not_one_artifact(layout, tmp_path):
    index = "application/vnd.oci.image.index.v1+json"
    layout.put_manifest(json.dumps({"schemaVersion": 2, "mediaType": index, "manifests": []}).encode(), index, "many")
    with pytest.raises(SourceError, match="not one artifact"):
        fetched(f"oci:{layout.folder}:org/net:many", tmp_path)


def test_what_oras_pushed_comes_in_and_it_pulls_what_we_pushed(docker, tmp_path, monkeypatch):
    oras = pytest.importorskip("oras.client")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"w" * 5000)
    (tmp_path / "README.md").write_bytes(b"# net\n")
    client = oras.OrasClient(hostname=docker.host, insecure=True)
    client.push(target=f"{docker.host}/theirs/net:v1", files=["weights.bin", "README.md"], disable_path_validation=True)
    model = fetched(f"oci://{docker.host}/theirs/net:v1", tmp_path)
    assert contents(model.folder) == {"weights.bin": b"w" * 5000, "README.md": b"# net\n"}

    publish_tiny(open_remote(docker.host, "ours/net", {}))
    client.pull(target=f"{docker.host}/ours/net:1.0", outdir=str(tmp_path / "pulled"))
    assert contents(tmp_path / "pulled") == TINY


def test_what_skopeo_copied_comes_in_and_it_copies_what_we_pushed(docker, tmp_path):
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        missing("skopeo is not installed (apt-get install skopeo)")

    def copy(source, target):
        done = subprocess.run(
            [skopeo, "--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", source, target],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    published = publish_tiny(open_remote(docker.host, "ours/two", {}))
    copy(f"docker://{docker.host}/ours/two:1.0", f"oci:{tmp_path}/copied:ours/two:1.0")
    copy(f"oci:{tmp_path}/copied:ours/two:1.0", f"docker://{docker.host}/theirs/two:2.0")
    for text in (f"oci:{tmp_path}/copied:ours/two:1.0", f"oci://{docker.host}/theirs/two:2.0"):
        model = fetched(text, tmp_path, name=hashlib.sha256(text.encode()).hexdigest())
        assert contents(model.folder) == TINY
        assert model.origin.revision == str(published.manifest.digest)


def test_intake_takes_a_model_from_one_registry_to_another(docker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    push(open_remote(docker.host, "strangers/net", {}), [(b'{"model_type": "net"}', RAW, {TITLE: "config.json"})])
    monkeypatch.setenv("WEIGHBRIDGE_REGISTRY", f"{docker.host}/verified")
    target = f"{docker.host}/verified/net:v1"
    outcome = command("intake", f"oci://{docker.host}/strangers/net:v1", "--to", target, "--format", "json")
    assert outcome.status == 0, outcome
    assert command("admit", target, "--stage", "staging").status == 0
    shown = command("registry", "show", target).out
    assert f"org.opencontainers.image.source = oci://{docker.host}/strangers/net" in shown
