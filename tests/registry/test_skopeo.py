"""skopeo reads our layout folder, and copies a model without changing a byte."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from build.models import TINY, publish_tiny
from weighbridge.core.digests import digest_bytes
from weighbridge.registry.layout import open_layout
from weighbridge.registry.read import load_model

SKOPEO = shutil.which("skopeo") or "skopeo"
pytestmark = pytest.mark.skipif(
    not shutil.which("skopeo") and not os.environ.get("CI"), reason="skopeo is not installed"
)


def skopeo(*arguments):
    return subprocess.run([SKOPEO, "--insecure-policy", *arguments], capture_output=True, check=False)


@pytest.fixture
def store(tmp_path):
    return open_layout(str(tmp_path / "ours"), "org/tiny", create=True)


def test_skopeo_reads_our_manifest(store):
    published = publish_tiny(store)
    done = skopeo("inspect", "--raw", str(store.reference(tag="1.0")))
    assert done.returncode == 0, done.stderr
    assert done.stdout == store.get_manifest(published.manifest)


def test_skopeo_copies_a_model_byte_for_byte(store, tmp_path):
    published = publish_tiny(store)
    done = skopeo("copy", f"oci:{store.folder}:org/tiny:1.0", f"oci:{tmp_path}/theirs:org/tiny:2.0")
    assert done.returncode == 0, done.stderr
    theirs = open_layout(str(tmp_path / "theirs"), "org/tiny")
    assert theirs.tags() == ("2.0",)
    model = load_model(theirs, theirs.reference(tag="2.0"))
    assert model.manifest.digest == published.manifest.digest
    assert {file.path: file.digest for file in model.files} == {
        path: digest_bytes(content) for path, content in TINY.items()
    }
    for name in os.listdir(tmp_path / "theirs/blobs/sha256"):
        ours = (tmp_path / "ours/blobs/sha256" / name).read_bytes()
        assert (tmp_path / "theirs/blobs/sha256" / name).read_bytes() == ours


def test_skopeo_adds_to_our_folder_and_keeps_our_entries(store, tmp_path):
    other = open_layout(str(tmp_path / "other"), "org/small", create=True)
    publish_tiny(other, "3", {"a": b"1"})
    published = publish_tiny(store)
    done = skopeo("copy", f"oci:{other.folder}:org/small:3", f"oci:{store.folder}:org/small:3")
    assert done.returncode == 0, done.stderr
    assert open_layout(store.folder, "org/small").tags() == ("3",)
    assert {found.digest for found in store.referrers(published.manifest)} == {
        found.digest for found in published.evidence
    }
    publish_tiny(store, "2.0", {"b": b"2"})
    assert store.tags() == ("1.0", "2.0")
    assert open_layout(store.folder, "org/small").tags() == ("3",)


# The grammar of skopeo 1.9.3 for what follows the folder; `registry.base` documents the difference to ours.
GRAMMAR = re.compile(r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*")


@pytest.mark.parametrize("tag", ["1.0", "v1-rc.2", "V1--2", "a_b", "_x", "v1..2", "v1-", "a__b"])
def test_which_tags_skopeo_takes(store, tag):
    publish_tiny(store, tag)
    done = skopeo("inspect", "--raw", str(store.reference(tag=tag)))
    assert (done.returncode == 0) == (GRAMMAR.fullmatch(f"org/tiny:{tag}") is not None), done.stderr
    assert load_model(store, store.reference(tag=tag))
