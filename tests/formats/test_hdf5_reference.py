"""h5py and the parser must see the same file."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.hdf5_files import CASES, case, types, written
from build.inspecting import scanned
from weighbridge.core.facts import Tensor, UnreadSpan
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import blob_info
from weighbridge.formats.hdf5.container import Hdf5, open_root
from weighbridge.formats.hdf5.file import Hdf5File, checksum
from weighbridge.formats.hdf5.groups import attributes, links
from weighbridge.formats.hdf5.objects import LAYOUT, read_header
from weighbridge.formats.hdf5.values import heap_texts

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.formats.hdf5.objects import Attribute


def parsed(content: bytes) -> list[Any]:
    data = Reader(MemorySource(content))
    return list(Hdf5().parse(data, blob_info("m.h5", data), Budget(Limits(), len(content))))


SAME = {"again": "group_7/w"}
"""A dataset with two names: which comes first depends on how the group is kept."""


def known(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Every dataset by the first of its names."""
    found: dict[str, h5py.Dataset] = {}
    file.visititems(
        lambda name, one: found.update({SAME.get(name, name): one}) if isinstance(one, h5py.Dataset) else None
    )
    return found


def first(dataset: h5py.Dataset) -> int | None:
    """Where the first stored byte of a dataset is."""
    if dataset.chunks and dataset.id.get_num_chunks():
        return min(dataset.id.get_chunk_info(index).byte_offset for index in range(dataset.id.get_num_chunks()))
    return None if dataset.chunks else dataset.id.get_offset()


@pytest.mark.parametrize(("name", "version"), CASES)
def test_the_datasets_are_the_same(name: str, version: str) -> None:
    content = case(name, version)
    facts = parsed(content)
    tensors = {SAME.get(fact.name, fact.name): fact for fact in facts if isinstance(fact, Tensor)}
    with h5py.File(io.BytesIO(content)) as file:
        datasets = known(file)
        assert set(tensors) == set(datasets)
        for path, dataset in datasets.items():
            tensor = tensors[path]
            assert tensor.shape == (dataset.shape or ()), path
            assert tensor.size == dataset.id.get_storage_size(), path
            if dataset.dtype.kind in "iuf":
                assert tensor.dtype.removeprefix("enum ") == dataset.dtype.str, path
            if first(dataset) is not None:
                chunks = dataset.id.get_num_chunks() if dataset.chunks else 0
                offsets = [dataset.id.get_chunk_info(index).byte_offset for index in range(chunks)]
                assert tensor.offset in (offsets or [first(dataset)]), path


@pytest.mark.parametrize(("name", "version"), CASES)
def test_chunks_are_where_the_library_has_them(name: str, version: str) -> None:
    content = case(name, version)
    owned = {(fact.offset, fact.size) for fact in parsed(content) if getattr(fact, "kind", "") == "data"}
    with h5py.File(io.BytesIO(content)) as file:
        for path, dataset in known(file).items():
            for index in range(dataset.id.get_num_chunks() if dataset.chunks else 0):
                info = dataset.id.get_chunk_info(index)
                assert (info.byte_offset, info.size) in owned, path


def objects(content: bytes) -> dict[str, tuple[Hdf5File, list[Attribute], bool]]:
    """Every object of a file by the first of its names, as the readers of its structures see it."""
    data = Reader(MemorySource(content))
    file = Hdf5File(data, Budget(Limits(), data.size), 0)
    pending, seen, found = [("", open_root(file))], set(), {}
    while pending:
        path, address = pending.pop()
        if address in seen:
            continue
        seen.add(address)
        messages = read_header(file, address)
        found[path] = (file, list(attributes(file, messages)), any(one.type == LAYOUT for one in messages))
        inner = [(f"{path}/{link.name}".lstrip("/"), link.address) for link in links(file, messages)]
        pending.extend(sorted(inner, reverse=True))
    assert not [note for note in file.notes if isinstance(note, UnreadSpan)]
    return found


@pytest.mark.parametrize(("name", "version"), CASES)
def test_names_and_attributes_are_the_same(name: str, version: str) -> None:
    content = case(name, version)
    ours = objects(content)
    with h5py.File(io.BytesIO(content)) as file:
        names: list[str] = [""]
        file.visit(names.append)
        assert set(ours) == set(names)
        for path in names:
            theirs = file[path].attrs if path else file.attrs
            reader, found, is_dataset = ours[path]
            assert is_dataset == (bool(path) and isinstance(file[path], h5py.Dataset))
            assert {one.name for one in found} == set(theirs)
            for one in found:
                value = theirs[one.name]
                if isinstance(value, h5py.Empty):
                    assert one.raw == b""
                elif one.type.kind == "text":
                    assert heap_texts(reader, one.type, one.raw) == [str(text) for text in np.atleast_1d(value)]
                else:
                    assert one.raw == np.asarray(value, theirs.get_id(one.name).dtype).tobytes()


@pytest.mark.parametrize(("name", "version"), CASES)
def test_every_byte_has_an_owner(tmp_path: Path, name: str, version: str) -> None:
    report = scanned(tmp_path, "m.h5", case(name, version))
    assert report.verdict is Verdict.CLEAN, report.unread
    assert report.artifact.files[0].format == "hdf5"
    assert report.findings == ()


@pytest.mark.parametrize(
    "options", [{"track_order": True}, {"alignment_threshold": 1, "alignment_interval": 64}], ids=["order", "alignment"]
)
def test_other_ways_to_create_a_file_are_clean_too(tmp_path: Path, options: dict[str, object]) -> None:
    report = scanned(tmp_path, "m.h5", written(types, "earliest", **options))
    assert report.verdict is Verdict.CLEAN, report.unread


def test_the_checksum_is_that_of_the_library() -> None:
    superblock = written(lambda file: None, "latest")[:48]
    assert checksum(superblock[:44]) == int.from_bytes(superblock[44:], "little")
    assert checksum(b"") == 0xDEADBEEF


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_tree_comes_back(data: st.DataObject) -> None:
    names = st.text(st.characters(exclude_characters="/\0.", exclude_categories=("Cs",)), min_size=1, max_size=12)
    shapes = st.lists(st.integers(0, 5), max_size=3).map(tuple)
    tree = data.draw(st.dictionaries(names, st.tuples(shapes, st.sampled_from(("<f4", ">i2", "|u1"))), max_size=30))

    def fill(file: h5py.File) -> None:
        group = file.create_group("g")
        for name, (shape, dtype) in tree.items():
            group.create_dataset(name, data=np.ones(shape, dtype))

    content = written(fill, data.draw(st.sampled_from(("earliest", "latest"))))
    tensors = {one.name: (one.shape, one.dtype) for one in parsed(content) if isinstance(one, Tensor)}
    assert tensors == {f"g/{name}": value for name, value in tree.items()}


# Changed files

SMALL = [
    written(lambda file: file.create_group("a").create_dataset("w", data=np.arange(9, dtype="f4")), version)
    for version in ("earliest", "latest")
]
RICH = [case("types", "earliest"), case("types", "latest"), *SMALL]


def changed(chance: random.Random) -> bytes:
    content = bytearray(chance.choice(RICH))
    for _ in range(chance.choice((1, 1, 2, 4))):
        place = chance.randrange(len(content))
        change = chance.randrange(5)
        if change == 0:
            content[place] ^= 1 << chance.randrange(8)
        elif change == 1:
            content[place : place + 8] = chance.choice((b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7))
        elif change == 2:
            del content[place : place + chance.randrange(9)]
        elif change == 3:
            content[place:place] = chance.randbytes(chance.randrange(9))
        else:
            other = chance.randrange(len(content))
            content[place : place + 8] = content[other : other + 8]
    return bytes(content)


def test_changed_files_get_an_honest_verdict(tmp_path: Path) -> None:
    chance = random.Random(20261124)
    clean = 0
    for _ in range(1500):
        content = changed(chance)
        report = scanned(tmp_path, "m.h5", content)
        assert not any("parser failed" in unread.why for unread in report.unread), content
        if report.verdict is Verdict.CLEAN:
            assert not report.artifact.files[0].coverage.opaque
            clean += 1
    assert clean < 300


@pytest.mark.parametrize("content", SMALL, ids=["earliest", "latest"])
def test_what_is_clean_reads_the_same_in_the_library(tmp_path: Path, content: bytes) -> None:
    """Of a small file every byte is changed once: who calls it clean must see what the library sees."""
    for place in range(8, len(content)):
        raw = content[:place] + bytes((content[place] ^ 0x15,)) + content[place + 1 :]
        if scanned(tmp_path, "m.h5", raw).verdict is not Verdict.CLEAN:
            continue
        ours = {one.name: one.shape for one in parsed(raw) if isinstance(one, Tensor)}
        try:
            with h5py.File(io.BytesIO(raw)) as file:
                theirs = {name: one.shape for name, one in known(file).items()}
        except (OSError, RuntimeError, KeyError, ValueError):
            continue
        assert ours == theirs, place


@pytest.mark.parametrize("content", SMALL, ids=["earliest", "latest"])
def test_a_file_that_is_cut_off_is_never_clean(tmp_path: Path, content: bytes) -> None:
    for end in range(9, len(content), 7):
        assert scanned(tmp_path, "m.h5", content[:end]).verdict is not Verdict.CLEAN, end


def test_a_wrong_checksum_is_never_clean(tmp_path: Path) -> None:
    content = SMALL[1]
    for signature in (b"\x89HDF", b"OHDR"):
        place = content.find(signature)
        while place >= 0:
            raw = content[: place + 5] + bytes((content[place + 5] ^ 0x40,)) + content[place + 6 :]
            assert scanned(tmp_path, "m.h5", raw).verdict is not Verdict.CLEAN
            place = content.find(signature, place + 1)
