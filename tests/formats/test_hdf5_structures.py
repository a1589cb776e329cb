"""Structures of HDF5 that nobody honest writes: changed in place, with their checksums made right again."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from build.hdf5_files import case, written
from build.inspecting import scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.hdf5.container import open_root
from weighbridge.formats.hdf5.file import Cursor, Hdf5File, checksum
from weighbridge.formats.hdf5.groups import attributes
from weighbridge.formats.hdf5.objects import read_header
from weighbridge.formats.hdf5.types import dataspace, datatype, slots
from weighbridge.formats.hdf5.values import heap_texts, values

if TYPE_CHECKING:
    from pathlib import Path


def two(file: h5py.File) -> None:
    file["a"] = np.arange(100, dtype="f8")
    file["b"] = np.arange(100, dtype="f8") + 1000


def dense(file: h5py.File) -> None:
    for index in range(40):
        file[f"name{index}"] = h5py.SoftLink("/x")


def opened(content: bytes) -> Hdf5File:
    data = Reader(MemorySource(content))
    return Hdf5File(data, Budget(Limits(), data.size), 0)


def summed(content: bytes, start: int) -> int:
    """The place of the checksum of the structure at `start`."""
    return next(
        end
        for end in range(start + 4, len(content) - 3)
        if checksum(content[start:end]) == struct.unpack_from("<I", content, end)[0]
    )


def patched(content: bytes, start: int, place: int, new: bytes) -> bytes:
    """Change a structure that ends in its checksum, and the checksum with it."""
    end = summed(content, start)
    raw = content[:place] + new + content[place + len(new) :]
    return raw[:end] + struct.pack("<I", checksum(raw[start:end])) + raw[end + 4 :]


def whys(folder: Path, content: bytes) -> str:
    report = scanned(folder, "m.h5", content)
    assert report.verdict is not Verdict.CLEAN
    return " ".join(unread.why for unread in report.unread)


# Checksums


@pytest.mark.parametrize("fill", [two, dense], ids=["compact", "dense"])
def test_every_byte_of_a_new_file_is_protected(tmp_path: Path, fill: object) -> None:
    content = written(fill, "latest")  # type: ignore[arg-type] # a list of functions has no common type
    with h5py.File(io.BytesIO(content)) as file:
        data = [(one.id.get_offset(), one.id.get_storage_size()) for one in file.values() if one] if fill is two else []
    for place in range(8, len(content), 1 if fill is two else 5):
        if not any(start <= place < start + size for start, size in data):
            raw = content[:place] + bytes((content[place] ^ 0x20,)) + content[place + 1 :]
            assert scanned(tmp_path, "m.h5", raw).verdict is not Verdict.CLEAN, place


# Bytes that are taken twice


def test_no_more_bytes_are_taken_than_there_are() -> None:
    file = opened(bytes(1000))
    for _ in range(2):
        file.take(0, 500)
    with pytest.raises(FormatError, match="share bytes"):
        file.take(0, 1)
    for address, size in ((-1, 4), (0, -1), (999, 2), (1 << 63, 1), (0, 1 << 63)):
        with pytest.raises(FormatError, match="not inside"):
            opened(bytes(1000)).take(address, size)


def test_the_same_text_is_not_read_without_end() -> None:
    file = opened(written(lambda file: file.attrs.create("x", "text " * 10_000)))
    (one,) = attributes(file, read_header(file, open_root(file)))
    assert heap_texts(file, one.type, one.raw) == ["text " * 10_000]
    with pytest.raises(FormatError, match="too often"):
        heap_texts(file, one.type, one.raw * 1000)


# Old groups


def test_the_two_places_of_the_root_group_have_to_agree(tmp_path: Path) -> None:
    content = written(two)
    assert content[72:76] == b"\x01\0\0\0"
    raw = content[:80] + struct.pack("<Q", struct.unpack_from("<Q", content, 80)[0] + 8) + content[88:]
    assert "disagree" in whys(tmp_path, raw)


def test_names_have_to_be_in_order(tmp_path: Path) -> None:
    content = written(two)
    place = content.index(b"a\0\0\0\0\0\0\0b\0")
    assert "not where its name belongs" in whys(tmp_path, content[:place] + b"c" + content[place + 1 :])


def test_a_tree_has_the_height_that_it_says(tmp_path: Path) -> None:
    content = case("chunked", "earliest")
    place = content.index(b"TREE\x01\x01")
    assert "not what its parent says" in whys(tmp_path, content[: place + 5] + b"\x02" + content[place + 6 :])


def test_the_names_of_a_group_leave_nothing_behind(tmp_path: Path) -> None:
    content = written(two)
    place = struct.unpack_from("<Q", content, content.index(b"HEAP") + 24)[0] + 60
    assert content[place : place + 6] == bytes(6)
    assert "the names of a group" in whys(tmp_path, content[:place] + b"hidden" + content[place + 6 :])


def test_an_object_header_has_the_messages_that_it_says(tmp_path: Path) -> None:
    content = written(two)
    with h5py.File(io.BytesIO(content)) as file:
        place = h5py.h5o.get_info(file["a"].id).addr + 2
    assert "messages, not" in whys(tmp_path, content[:place] + bytes((content[place] + 1,)) + content[place + 1 :])


def test_a_dataset_says_once_where_it_lies(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        two(file)
        file["a"].attrs["x"] = np.arange(10)

    content = written(fill)
    with h5py.File(io.BytesIO(content)) as file:
        place = struct.pack("<Q", file["a"].id.get_offset())
    layout = content[content.index(place) - 2 : content.index(place) + 16]
    assert layout[:2] == b"\x03\x01"
    name = content.index(b"x\0\0\0\0\0\0\0", content.index(b"\x0c\0"))
    body = name - 8
    raw = content[: body - 8] + b"\x08" + content[body - 7 : body] + layout + content[body + 18 :]
    assert "says twice what it is" in whys(tmp_path, raw)


# New heaps and trees


def test_a_heap_leaves_nothing_behind(tmp_path: Path) -> None:
    content = written(dense, "latest")
    heap = content.index(b"FHDB")
    size = 512
    while (
        checksum(content[heap : heap + 17] + bytes(4) + content[heap + 21 : heap + size])
        != struct.unpack_from("<I", content, heap + 17)[0]
    ):
        size *= 2
    assert content[heap + size - 16 : heap + size] == bytes(16)
    raw = bytearray(content)
    raw[heap + size - 16 : heap + size - 10] = b"hidden"
    raw[heap + 17 : heap + 21] = bytes(4)
    raw[heap + 17 : heap + 21] = struct.pack("<I", checksum(bytes(raw[heap : heap + size])))
    assert "unused space of a heap" in whys(tmp_path, bytes(raw))
    raw = bytearray(content)
    raw[heap + 5] ^= 8
    raw[heap + 17 : heap + 21] = bytes(4)
    raw[heap + 17 : heap + 21] = struct.pack("<I", checksum(bytes(raw[heap : heap + size])))
    assert "belongs elsewhere" in whys(tmp_path, bytes(raw))


def test_a_tree_has_the_records_that_it_says(tmp_path: Path) -> None:
    content = written(dense, "latest")
    tree = content.index(b"BTHD")
    assert content[tree + 26] == 40
    assert "records, not" in whys(tmp_path, patched(content, tree, tree + 26, b"\x29"))
    leaf = content.index(b"BTLF")
    assert "unused space of a B-tree" in whys(tmp_path, content[: leaf + 500] + b"hidden" + content[leaf + 506 :])


# Chunks and values


def test_a_chunk_with_something_behind_it_is_unread(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file.create_dataset("w", shape=(10,), dtype="f4", chunks=(10,), compression="gzip")
        file["w"].id.write_direct_chunk((0,), zlib.compress(bytes(40)) + b"hidden")

    assert "bytes are left" in whys(tmp_path, written(fill))


def test_chunks_have_the_shape_and_type_of_their_dataset(tmp_path: Path) -> None:
    content = written(lambda file: file.create_dataset("w", data=np.arange(64, dtype="f4"), chunks=(16,)))
    place = content.index(b"\x03\x02\x02") + 3 + 8
    assert content[place : place + 8] == struct.pack("<II", 16, 4)
    raw = content[:place] + struct.pack("<II", 8, 8) + content[place + 8 :]
    assert "another shape or type" in whys(tmp_path, raw)


def test_shuffled_texts_are_put_in_order_before_they_are_searched(tmp_path: Path) -> None:
    from build import pickles as p

    text = np.array([(p.proto(4) + p.system() + p.STOP).hex().encode()] * 3)
    content = written(lambda file: file.create_dataset("t", data=text, chunks=(3,), compression="gzip", shuffle=True))
    assert scanned(tmp_path, "m.h5", content).verdict is Verdict.MALICIOUS


def test_a_value_has_the_length_that_its_element_says(tmp_path: Path) -> None:
    content = written(lambda file: file.create_dataset("t", data=["first text", "second"]))
    with h5py.File(io.BytesIO(content)) as file:
        place = file["t"].id.get_offset()
    assert content[place] == 10
    for length in (9, 11, 200):
        assert "not in its heap" in whys(tmp_path, content[:place] + bytes((length,)) + content[place + 1 :])


def test_a_value_that_no_element_names_is_looked_at(tmp_path: Path) -> None:
    from build import pickles as p

    evil = (p.proto(4) + p.system() + p.STOP).hex()
    content = written(lambda file: file.create_dataset("t", data=["first", evil]))
    with h5py.File(io.BytesIO(content)) as file:
        place = file["t"].id.get_offset() + 16
    raw = content[:place] + bytes(16) + content[place + 16 :]
    with h5py.File(io.BytesIO(raw)) as file:
        assert list(file["t"]) == [b"first", b""]
    assert scanned(tmp_path, "m.h5", raw).verdict is Verdict.MALICIOUS


# Types

U1 = b"\x10\x00\x00\x00\x01\x00\x00\x00\x00\x00\x08\x00"


def array(base: bytes, times: int, size: int) -> bytes:
    return b"\x3a\x00\x00\x00" + struct.pack("<IBI", size, 1, times) + base


def compound(offset: int, size: int, inner: bytes) -> bytes:
    return b"\x36\x01\x00\x00" + struct.pack("<I", size) + b"m\0" + bytes((offset,)) + inner


def sequence(base: bytes) -> bytes:
    return b"\x19\x00\x00\x00\x10\x00\x00\x00" + base


def read(raw: bytes) -> object:
    return datatype(Cursor(opened(b""), raw, 0))


def test_types_that_do_not_fit_are_none() -> None:
    nested = U1
    for _ in range(12):
        nested = array(nested, 1, 1)
    assert read(nested)
    for _ in range(12):
        nested = array(nested, 1, 1)
    for raw, why in (
        (nested, "too deeply"),
        (array(U1, 3, 4), "another size"),
        (compound(4, 4, U1), "not inside"),
        (U1[:4] + struct.pack("<IHH", 1, 1, 8), "not inside"),
        (U1[:4] + struct.pack("<IHH", 0, 0, 8), "without a size"),
        (b"\x60\x00", "only"),
        (b"\x1f" + bytes(20), "without a size"),
        (b"\x1f\x00\x00\x00\x01" + bytes(20), "class 15"),
        (b"\x90" + U1[1:], "version 9"),
    ):
        with pytest.raises(FormatError, match=why):
            read(raw)
    assert read(compound(3, 4, U1))


def test_an_element_has_a_bounded_number_of_references() -> None:
    few, many = (datatype(Cursor(opened(b""), array(sequence(U1), count, 16 * count), 0)) for count in (4096, 4097))
    assert len(slots(few)) == 4096
    with pytest.raises(FormatError, match="more references"):
        slots(many)


def test_sequences_of_sequences_are_not_read() -> None:
    kind = datatype(Cursor(opened(b""), sequence(sequence(U1)), 0))
    with pytest.raises(FormatError, match="sequences of sequences"):
        list(values(opened(b""), "x", kind, bytes(16), 0))
    assert list(values(opened(b""), "x", datatype(Cursor(opened(b""), sequence(U1), 0)), bytes(16), 0)) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"\x02\x21\x00\x01",
        b"\x02\x01\x00\x01" + b"\xff" * 8,
        b"\x02\x02\x00\x01" + struct.pack("<QQ", 1 << 40, 1 << 40),
        b"\x02\x01\x01\x01" + struct.pack("<QQ", 5, 4),
        b"\x03\x01\x00\x01" + struct.pack("<Q", 5),
    ],
    ids=["rank", "unlimited", "product", "larger", "version"],
)
def test_shapes_that_cannot_be_are_none(raw: bytes) -> None:
    with pytest.raises(FormatError):
        dataspace(Cursor(opened(b""), raw, 0))
