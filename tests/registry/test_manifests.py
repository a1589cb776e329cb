"""OCI documents: golden bytes, and a strict reader."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.digests import Digest
from weighbridge.core.errors import RegistryError, UsageError
from weighbridge.registry.base import Descriptor
from weighbridge.registry.manifests import IMAGE_MANIFEST, Manifest, check_manifest, read_manifest, write_manifest

CONFIG = Descriptor("text/config", Digest("00" * 32), 2)
LAYER = Descriptor("text/layer", Digest("11" * 32), 5, {"name": "ü"})
SUBJECT = Descriptor(IMAGE_MANIFEST, Digest("22" * 32), 9, {"not": "copied"})
WHOLE = Manifest("text/kind", CONFIG, (LAYER,), SUBJECT._replace(annotations={}), {"b": "2", "a": "1"})


def test_a_manifest_has_these_bytes():
    assert (
        write_manifest(WHOLE._replace(subject=SUBJECT))
        == (
            '{"annotations":{"a":"1","b":"2"},"artifactType":"text/kind",'
            f'"config":{{"digest":"sha256:{"00" * 32}","mediaType":"text/config","size":2}},'
            f'"layers":[{{"annotations":{{"name":"ü"}},"digest":"sha256:{"11" * 32}","mediaType":"text/layer","size":5}}],'
            '"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2,'
            f'"subject":{{"digest":"sha256:{"22" * 32}","mediaType":"application/vnd.oci.image.manifest.v1+json","size":9}}}}'
        ).encode()
    )


def test_a_manifest_is_read_again():
    assert read_manifest(write_manifest(WHOLE)) == WHOLE
    bare = WHOLE._replace(subject=None, annotations={})
    assert read_manifest(write_manifest(bare)) == bare


def test_the_artifact_type_may_be_that_of_the_config():
    document = json.loads(write_manifest(WHOLE))
    del document["artifactType"]
    assert read_manifest(json.dumps(document).encode()).artifact_type == "text/config"


def edited(*path_and_value):
    document = json.loads(write_manifest(WHOLE))
    *path, last, value = path_and_value
    place = document
    for step in path:
        place = place[step]
    place[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "edit",
    [
        ("schemaVersion", 1),
        ("mediaType", "application/vnd.docker.distribution.manifest.v2+json"),
        ("artifactType", 5),
        ("config", None),
        ("layers", None),
        ("layers", 0, "x"),
        ("layers", 0, "size", -1),
        ("layers", 0, "size", True),
        ("layers", 0, "size", "5"),
        ("layers", 0, "size", 2**63),
        ("layers", 0, "digest", "sha256:../../index.json"),
        ("layers", 0, "digest", "sha512:" + "0" * 128),
        ("layers", 0, "mediaType", None),
        ("layers", 0, "annotations", None),
        ("layers", 0, "annotations", {"a": 1}),
        ("subject", {}),
        ("annotations", []),
    ],
)
def test_broken_manifests_are_refused(edit):
    with pytest.raises(RegistryError) as caught:
        read_manifest(edited(*edit))
    assert caught.value.mend


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"\xff", b'{"a":1,"a":1}', b'{"a":NaN}', b'{"a":1.5}', b'{"a":"\\udfff"}', b"[" * 100_000],
)
def test_ambiguous_json_is_refused(raw):
    with pytest.raises(RegistryError):
        read_manifest(raw)


@given(st.binary())
def test_any_bytes_are_refused(raw):
    with pytest.raises(RegistryError):
        read_manifest(raw)


def test_the_size_of_a_manifest_is_bounded():
    many = WHOLE._replace(layers=(LAYER,) * 40_000)
    with pytest.raises(RegistryError, match="4194304"):
        write_manifest(many)
    with pytest.raises(RegistryError, match="4194304"):
        check_manifest(b" " * 4_194_305, IMAGE_MANIFEST)


def test_the_type_inside_must_be_the_type_outside():
    raw = write_manifest(WHOLE)
    assert check_manifest(raw, IMAGE_MANIFEST).size == len(raw)
    with pytest.raises(RegistryError, match="came as text/plain"):
        check_manifest(raw, "text/plain")


def test_text_that_is_not_utf8_is_refused():
    with pytest.raises(UsageError):
        write_manifest(WHOLE._replace(annotations={"a": "\udcff"}))
