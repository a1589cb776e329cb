"""The folder store as a state machine: any order of pushes, tags, removals, clearings, copies, damage and crashes.

The model beside it is two dictionaries. After every step everything that is visible is whole, and everything that was
acknowledged is visible.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from build.models import publish_tiny
from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.errors import NotFound, RegistryError, UsageError
from weighbridge.registry.base import Descriptor
from weighbridge.registry.copy import copy_model
from weighbridge.registry.garbage import clear_layout
from weighbridge.registry.layout import LayoutStore, open_layout
from weighbridge.registry.manifests import IMAGE_MANIFEST, read_manifest
from weighbridge.registry.read import load_model
from weighbridge.registry.streams import drain

NUMBERS = st.integers(0, 3)
NAMES = st.sampled_from(("org/one", "org/two"))
TAGS = st.sampled_from(("a", "b"))
FUTURE = 4_000_000_000.0
STEPS = ("replace", "fsync", "fchmod")


class Crash(Exception):
    """The process is gone at this point."""


class LayoutFolder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.mkdtemp()
        self.folder = os.path.join(self.place, "layout")
        open_layout(self.folder, "org/one", create=True)
        self.tags: dict[tuple[str, str], Digest] = {}
        self.models: dict[Digest, int] = {}
        """Models that were acknowledged, with the pieces of evidence each has."""

    def teardown(self) -> None:
        shutil.rmtree(self.place)

    def store(self, name: str = "org/one") -> LayoutStore:
        return open_layout(self.folder, name, create=True)

    def descriptor(self, digest: Digest) -> Descriptor:
        return self.store().resolve(self.store().reference(digest=digest))

    @rule(name=NAMES, tag=TAGS, number=NUMBERS)
    def publish(self, name: str, tag: str, number: int) -> None:
        published = publish_tiny(self.store(name), tag, {"weights": b"%d" % number, "shared": b"shared"})
        self.tags[name, tag] = published.manifest.digest
        self.models[published.manifest.digest] = 2

    @rule(name=NAMES, tag=TAGS, number=NUMBERS, step=st.integers(1, 60), error=st.booleans())
    def publish_and_break(self, name: str, tag: str, number: int, step: int, error: bool) -> None:
        """An error of the disk at some step, or a crash there, after which nothing is cleaned up."""
        calls = [0]
        real = {one: getattr(os, one) for one in (*STEPS, "unlink")}

        def broken(one: str):
            def call(*arguments, **options):
                calls[0] += 1
                if calls[0] == step or (calls[0] > step and not error):
                    raise OSError(28, "No space left on device") if error else Crash
                return real[one](*arguments, **options)

            return call

        files = {"weights": b"%d" % number, "shared": b"shared"}
        before = self.tags.get((name, tag))
        try:
            store = self.store(name)
            for one in (*STEPS, *(() if error else ("unlink",))):
                setattr(os, one, broken(one))
            published = publish_tiny(store, tag, files)
        except (RegistryError, Crash):
            found = self.named(name, tag)
            # A crash may come after the tag became visible and before anybody was told.
            if found != before and found is not None:
                self.tags[name, tag] = found
                self.models[found] = 2
        else:
            self.tags[name, tag] = published.manifest.digest
            self.models[published.manifest.digest] = 2
        finally:
            for one, call in real.items():
                setattr(os, one, call)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), name=NAMES, tag=TAGS, replace=st.booleans())
    def tag(self, data: st.DataObject, name: str, tag: str, replace: bool) -> None:
        digest = data.draw(st.sampled_from(sorted(self.models)))
        before = self.tags.get((name, tag))
        try:
            self.store(name).tag(self.descriptor(digest), tag, replace=replace)
        except UsageError:
            assert not replace
            assert before not in (None, digest)
        else:
            assert replace or before in (None, digest)
            self.tags[name, tag] = digest

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        digest = data.draw(st.sampled_from(sorted(self.models)))
        self.store().remove(self.descriptor(digest))
        if digest not in self.tags.values():
            del self.models[digest]

    @rule(dry_run=st.booleans())
    def clear(self, dry_run: bool) -> None:
        clear_layout(self.store(), older_than=FUTURE, dry_run=dry_run)
        if not dry_run:
            assert clear_layout(self.store(), older_than=FUTURE, dry_run=True).removed == ()

    @rule(number=NUMBERS)
    def loose_blob(self, number: int) -> None:
        content = b"loose %d" % number
        self.store().put_blob(io.BytesIO(content), expect=digest_bytes(content), size=len(content))

    @precondition(lambda self: self.tags)
    @rule(data=st.data(), tag=TAGS)
    def copy(self, data: st.DataObject, tag: str) -> None:
        name, old = data.draw(st.sampled_from(sorted(self.tags)))
        source = self.store(name)
        copied = copy_model(source, source.reference(tag=old), self.store("org/two"), tag, replace=True)
        assert copied.digest == self.tags[name, old]
        self.tags["org/two", tag] = copied.digest

    def named(self, name: str, tag: str) -> Digest | None:
        try:
            return self.store(name).resolve(self.store(name).reference(tag=tag)).digest
        except NotFound:
            return None

    @invariant()
    def what_was_acknowledged_is_visible(self) -> None:
        for name in ("org/one", "org/two"):
            tags = {tag for kept, tag in self.tags if kept == name}
            assert set(self.store(name).tags()) == tags
        for (name, tag), digest in self.tags.items():
            assert self.named(name, tag) == digest
        for digest, evidence in self.models.items():
            assert len(load_model(self.store(), self.store().reference(digest=digest)).evidence) == evidence

    @invariant()
    def what_is_visible_is_whole(self) -> None:
        store = self.store()
        for entry in store._seen().entries:
            manifest = Descriptor(IMAGE_MANIFEST, Digest(entry["digest"].removeprefix("sha256:")), entry["size"])
            content = read_manifest(store.get_manifest(manifest))
            for blob in (content.config, *content.layers):
                with store.open_blob(blob) as stream:
                    drain(stream)


TestLayoutFolder = LayoutFolder.TestCase
TestLayoutFolder.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
