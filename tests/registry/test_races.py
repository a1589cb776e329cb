"""Many at once, and killed at any moment: what was acknowledged is there, and nothing is half-visible."""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import threading
import time

import pytest

from build.forked import ended, forked
from build.models import NOTE, attach_note, model_files, publish_tiny, whole
from build.registry_server import serving
from weighbridge.core.errors import RegistryError, UsageError
from weighbridge.registry.layout import open_layout
from weighbridge.registry.publish import publish_model
from weighbridge.registry.read import load_model
from weighbridge.registry.remote import open_remote

KILLS, AT_ONCE = 50, 10
MODEL = {"weights.bin": bytes(range(256)) * 25_000, "README.md": b"# net\n"}
"""6 MB: more than what is sent whole."""


def test_processes_that_attach_at_once_lose_nothing(docker):
    published = publish_tiny(open_remote(docker.host, "race/attach", {}))

    def work(number):
        store = open_remote(docker.host, "race/attach", {})
        for piece in range(6):
            attach_note(store, published.manifest, f"{number} {piece}")

    children = [forked(lambda number=number: work(number)) for number in range(4)]
    assert [ended(child) for child in children] == [0] * 4
    store = open_remote(docker.host, "race/attach", {})
    notes = list(store.referrers(published.manifest, NOTE))
    assert len({found.digest for found in notes}) == 24
    assert len(load_model(store, store.reference(tag="1.0")).evidence) == 2


def test_processes_that_publish_the_same_model_at_once(docker):
    def work(number):
        publish_tiny(open_remote(docker.host, "race/same", {}), f"t{number}", MODEL)

    children = [forked(lambda number=number: work(number)) for number in range(4)]
    assert [ended(child) for child in children] == [0] * 4
    store = open_remote(docker.host, "race/same", {})
    assert store.tags() == ("t0", "t1", "t2", "t3")
    assert all(whole(store, tag) for tag in store.tags())


@pytest.mark.parametrize("kind", ["layout", "docker"])
def test_one_tag_for_two_models_names_one_that_was_acknowledged(tmp_path, request, kind):
    """Without `replace`: never another than the one whose pusher was told that it is in."""
    host = request.getfixturevalue("docker").host if kind == "docker" else ""

    def opened():
        if kind == "layout":
            return open_layout(str(tmp_path / "layout"), "race/tag", create=True)
        return open_remote(host, "race/tag", {})

    told = {}

    def work(number):
        store = opened()
        with contextlib.suppress(UsageError, RegistryError):
            published = publish_model(
                store, tag="v1", files=files(number), config={}, annotations={}, evidence=lambda _: []
            )
            told[number] = published.manifest.digest

    def files(number):
        return model_files({"weights": b"%d" % number})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    there = opened().resolve(opened().reference(tag="v1")).digest
    assert there in told.values()
    if kind == "layout":
        assert list(told.values()) == [there], "a folder can promise that there is one winner"


def test_a_pusher_that_fails_takes_nothing_from_another(docker):
    """The same model, by two: one fails after its manifest is stored, the other one tags it in that moment."""
    first, second = (open_remote(docker.host, "race/fail", {}) for _ in range(2))

    def evidence(manifest):
        publish_tiny(second, "theirs", MODEL)
        raise RuntimeError(str(manifest.digest))

    with pytest.raises(RuntimeError):
        publish_model(
            first,
            tag="ours",
            files=model_files(MODEL),
            config={"name": "tiny", "format": "safetensors", "paramSize": "1m", "createdAt": "2026-01-02T03:04:05Z"},
            annotations={"security.scan.result": "clean", "org.opencontainers.image.title": "tiny ✓"},
            evidence=evidence,
        )
    assert first.tags() == ("theirs",)
    assert whole(first, "theirs")


@pytest.mark.parametrize("kind", ["layout", "docker"])
def test_killed_at_any_moment_nothing_is_half_visible(tmp_path, request, kind):
    host = request.getfixturevalue("docker").host if kind == "docker" else ""

    def opened(number):
        if kind == "layout":
            return open_layout(str(tmp_path / "layout"), f"kill/n{number}", create=True)
        return open_remote(host, f"kill/n{number}", {})

    def work(number, writing):
        publish_tiny(opened(number), "1.0", {**MODEL, "number": b"%d" % number})
        if writing:
            os.write(writing, b"acknowledged")

    def batch(numbers, wait):
        """Several pushers at once, each killed after its own pause; gives those that were told that it is in."""
        pipes = {number: os.pipe() for number in numbers}
        children = {number: forked(lambda number=number: work(number, pipes[number][1])) for number in numbers}
        began = time.monotonic()
        for pause, number in sorted((wait(), number) for number in numbers):
            time.sleep(max(0.0, began + pause - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.kill(children[number], signal.SIGKILL)
            os.waitpid(children[number], 0)
        for _, writing in pipes.values():
            os.close(writing)
        return {number for number, (reading, _) in pipes.items() if os.read(reading, 20)}

    publish_tiny(opened(1000), "1.0", MODEL)
    began = time.monotonic()
    unharmed = [forked(lambda number=number: work(number, 0)) for number in range(2000, 2000 + AT_ONCE)]
    assert [ended(child) for child in unharmed] == [0] * AT_ONCE
    usual = time.monotonic() - began
    chance = random.Random(7)
    outcomes = set()
    for start in range(0, KILLS, AT_ONCE):
        acknowledged = batch(range(start, start + AT_ONCE), lambda: chance.random() * usual)
        for number in range(start, start + AT_ONCE):
            visible = whole(opened(number), "1.0")
            assert visible or number not in acknowledged
            outcomes.add(visible)
        publish_tiny(opened(start), "1.0", {**MODEL, "number": b"%d" % start})
        assert whole(opened(start), "1.0")
    assert outcomes == {True, False}, "some were killed before the end, and some came through"
    assert whole(opened(1000), "1.0")


@pytest.mark.parametrize("most", [0, 1, 2, 100, 700, 5_000, 1_000_000, 6_399_999])
def test_a_full_disk_leaves_nothing_half_visible(tmp_path, most):
    """A limit on the size of files fails in the middle of a write, as a full disk does."""
    folder = str(tmp_path / "layout")
    publish_tiny(open_layout(folder, "full/net", create=True), "0.9", {"old": b"1"})

    def work():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        try:
            publish_tiny(open_layout(folder, "full/net", create=True), "1.0", MODEL)
        except RegistryError as error:
            os._exit(7 if error.mend else 8)

    assert os.waitstatus_to_exitcode(ended(forked(work))) == 7
    store = open_layout(folder, "full/net")
    assert store.tags() == ("0.9",)
    assert os.listdir(f"{folder}/ingest") == []
    assert whole(store, "0.9")
    publish_tiny(store, "1.0", MODEL)
    assert whole(store, "1.0")


def test_a_registry_whose_disk_is_full_leaves_no_tag():
    from build.registry_server import Fault
    from build.slowly import Pauses

    for method in ("POST", "PATCH", "PUT"):
        with serving(referrers_api=False) as registry:
            registry.faults.append(Fault(method, status=507, times=1000))
            store = open_remote(registry.host, "full/net", {}, pace=Pauses().pace)
            with pytest.raises(RegistryError, match="507"):
                publish_tiny(store, "1.0", MODEL)
            assert store.tags() == ()
            registry.faults.clear()
            publish_tiny(store, "1.0", MODEL)
            assert whole(store, "1.0")
