"""HDF5: what a file makes its loader read, load or allocate, and where something can hide in it."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from build import pickles as p
from build.containers import zipped
from build.hdf5_files import case, types, written
from build.inspecting import inspected, rules_of, scanned
from build.keras_models import CODE, weights
from weighbridge.core.facts import FileReference, Oddity
from weighbridge.core.findings import Severity, Verdict
from weighbridge.core.limits import Limits
from weighbridge.formats.hdf5.file import checksum

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from weighbridge.core.facts import Fact
    from weighbridge.scan.report import ScanReport

EVIL = p.proto(4) + p.system() + p.STOP
ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
VERSIONS = ("earliest", "latest")


def facts(folder: Path, content: bytes, kind: type, name: str = "m.h5") -> list[Fact]:
    path = folder / name
    path.write_bytes(content)
    return [fact for blob in inspected(path).facts.blobs for fact in blob.facts if isinstance(fact, kind)]


def severities(report: ScanReport, rule: str) -> list[Severity]:
    return [finding.severity for finding in report.findings if finding.rule == rule]


# Other files


def external_link(file: h5py.File) -> None:
    file["g"] = h5py.ExternalLink("/etc/passwd", "/x")


def external_storage(file: h5py.File) -> None:
    file.create_dataset("w", shape=(4,), dtype="u1", external=[("/etc/passwd", 0, 4)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(8,), dtype="f4")
    layout[:4] = h5py.VirtualSource("../other.h5", "x", shape=(4,))
    layout[4:] = h5py.VirtualSource("third.h5", "y", shape=(8,))[2:6]
    file.create_virtual_dataset("v", layout)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("fill", "found"),
    [
        (external_link, [("hdf5-external-link", "/etc/passwd:/x", "g")]),
        (external_storage, [("hdf5-external-storage", "/etc/passwd", "w")]),
        (virtual, [("hdf5-virtual-dataset", "../other.h5:x", "v"), ("hdf5-virtual-dataset", "third.h5:y", "v")]),
    ],
    ids=["link", "storage", "virtual"],
)
def test_files_that_a_loader_would_read_are_facts(
    tmp_path: Path, fill: Callable[[h5py.File], None], found: list[tuple[str, str, str]], version: str
) -> None:
    content = written(fill, version)
    assert [fact[:3] for fact in facts(tmp_path, content, FileReference)] == found
    report = scanned(tmp_path, "m.h5", content)
    assert severities(report, "keras/external-file") == [Severity.HIGH] * len(found)
    assert report.verdict is Verdict.SUSPICIOUS
    # The library makes a new kind of group for such a link, and leaves the old one where it was.
    assert bool(report.unread) == (fill is external_link and version == "earliest")


def test_parts_of_the_same_file_are_less_of_a_matter(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["x"] = np.arange(4, dtype="f4")
        layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
        layout[:] = h5py.VirtualSource(".", "x", shape=(4,))
        file.create_virtual_dataset("v", layout)

    assert severities(scanned(tmp_path, "m.h5", written(fill)), "keras/external-file") == [Severity.MEDIUM]


# Links


@pytest.mark.parametrize("version", VERSIONS)
def test_soft_links_and_cycles_are_odd(tmp_path: Path, version: str) -> None:
    def fill(file: h5py.File) -> None:
        inner = file.create_group("a/b")
        inner["soft"] = h5py.SoftLink("/elsewhere")
        inner["up"] = file["a"]
        inner["top"] = file["/"]
        inner["w"] = np.arange(3, dtype="f4")

    content = written(fill, version)
    found = sorted((fact.kind, fact.detail) for fact in facts(tmp_path, content, Oddity))
    assert found == [
        ("hdf5-cycle", "'a/b/top' leads back to a group around it"),
        ("hdf5-cycle", "'a/b/up' leads back to a group around it"),
        ("hdf5-soft-link", "'a/b/soft' stands for '/elsewhere'"),
    ]
    report = scanned(tmp_path, "m.h5", content)
    assert severities(report, "keras/structure") == [Severity.HIGH, Severity.HIGH, Severity.MEDIUM]
    assert not report.unread


def test_a_link_that_needs_code_of_its_own_is_odd(tmp_path: Path) -> None:
    content = bytearray(written(external_link, "latest"))
    start = content.rfind(b"OHDR")
    ends = range(start + 8, len(content) - 3)
    end = next(end for end in ends if checksum(bytes(content[start:end])) == struct.unpack_from("<I", content, end)[0])
    content[content.rindex(b"\x01\x08\x40") + 2] = 65
    content[end : end + 4] = struct.pack("<I", checksum(bytes(content[start:end])))
    (found,) = facts(tmp_path, bytes(content), Oddity)
    assert (found.kind, found.detail) == ("hdf5-user-link", "'g' is a link of the type 65")


# Elements


def test_a_filter_that_is_a_plug_in_is_a_finding_and_its_chunks_are_unread(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_chunk((4,))
        create.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        space = h5py.h5s.create_simple((4,))
        one = h5py.h5d.create(file.id, b"w", h5py.h5t.NATIVE_INT32, space, create)
        one.write_direct_chunk((0,), b"packed!!", filter_mask=0)

    report = scanned(tmp_path, "m.h5", written(fill))
    assert severities(report, "keras/plugin-filter") == [Severity.HIGH]
    assert [unread.why for unread in report.unread] == ["chunks that are packed by filter 32001 are not read"]


def test_lzf_of_h5py_is_unread_and_no_alarm(tmp_path: Path) -> None:
    content = written(lambda file: file.create_dataset("w", data=np.zeros(500), chunks=(100,), compression="lzf"))
    report = scanned(tmp_path, "m.h5", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert rules_of(report) == {"file/unread"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "options", [{}, {"chunks": (1024, 1024), "compression": "gzip"}], ids=["contiguous", "chunked"]
)
def test_a_shape_far_beyond_what_is_stored_is_a_finding(
    tmp_path: Path, options: dict[str, object], version: str
) -> None:
    content = written(lambda file: file.create_dataset("w", shape=(10**6, 10**6), dtype="f4", **options), version)
    report = scanned(tmp_path, "m.h5", content)
    assert severities(report, "keras/oversized-shape") == [Severity.HIGH]


def test_chunks_that_expand_to_far_more_end_at_the_limit(tmp_path: Path) -> None:
    content = written(
        lambda file: file.create_dataset("w", data=np.zeros((2000, 1000)), chunks=(100, 1000), compression="gzip")
    )
    assert scanned(tmp_path, "m.h5", content).verdict is Verdict.CLEAN
    report = scanned(tmp_path, "m.h5", content, Limits(expansion_floor=100_000, expansion_ratio=1))
    assert report.verdict is Verdict.INCOMPLETE
    assert "expansion_ratio" in report.limits_reached


@pytest.mark.parametrize("raw", [b"not deflate at all", bytes(40)])
def test_a_chunk_that_is_not_packed_as_it_says_is_unread(tmp_path: Path, raw: bytes) -> None:
    def fill(file: h5py.File) -> None:
        file.create_dataset("w", shape=(10,), dtype="f4", chunks=(10,), compression="gzip")
        file["w"].id.write_direct_chunk((0,), raw)

    assert scanned(tmp_path, "m.h5", written(fill)).verdict is Verdict.INCOMPLETE


def test_a_chunk_of_another_size_is_odd(tmp_path: Path) -> None:
    import zlib

    def fill(file: h5py.File) -> None:
        file.create_dataset("w", shape=(10,), dtype="f4", chunks=(10,), compression="gzip")
        file["w"].id.write_direct_chunk((0,), zlib.compress(bytes(44)))

    (found,) = facts(tmp_path, written(fill), Oddity)
    assert (found.kind, found.detail) == ("hdf5-size", "a chunk of 'w' has 44 bytes instead of 40")


def test_two_datasets_on_the_same_bytes_are_odd(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["a"] = np.arange(100, dtype="f8")
        file["b"] = np.arange(100, dtype="f8") + 1000

    content = written(fill)
    with h5py.File(io.BytesIO(content)) as file:
        offsets = [struct.pack("<Q", file[name].id.get_offset()) for name in "ab"]
    assert content.count(offsets[1]) == 1
    report = scanned(tmp_path, "m.h5", content.replace(offsets[1], offsets[0]))
    assert report.verdict is Verdict.SUSPICIOUS
    assert "bytes have two owners" in str(report.findings)
    assert report.unread


# Hidden objects


def opaque(raw: bytes) -> Callable[[h5py.File], None]:
    return lambda file: file.create_dataset("blob", data=np.void(raw))


def opaque_attribute(raw: bytes) -> Callable[[h5py.File], None]:
    return lambda file: file.attrs.create("blob", np.void(raw))


def octets(raw: bytes) -> Callable[[h5py.File], None]:
    return lambda file: file.create_dataset("blob", data=np.frombuffer(raw, "u1"))


def packed_octets(raw: bytes) -> Callable[[h5py.File], None]:
    return lambda file: file.create_dataset(
        "blob", data=np.frombuffer(raw, "i1"), chunks=(len(raw),), compression="gzip", shuffle=True, fletcher32=True
    )


def ragged(raw: bytes) -> Callable[[h5py.File], None]:
    def fill(file: h5py.File) -> None:
        file.create_dataset("blob", shape=(2,), dtype=h5py.vlen_dtype("u1"))[1] = np.frombuffer(raw, "u1")

    return fill


def text(raw: bytes) -> Callable[[h5py.File], None]:
    return lambda file: file.create_dataset("blob", data=[raw.hex(), "b"])


def fixed_text(raw: bytes) -> Callable[[h5py.File], None]:
    return lambda file: file.create_dataset("blob", data=np.array([b"a", raw.hex().encode()]))


def text_attribute(raw: bytes) -> Callable[[h5py.File], None]:
    return lambda file: file.create_group("g").attrs.create("blob", raw.hex())


def structured(raw: bytes) -> Callable[[h5py.File], None]:
    row = np.array([(1, raw.hex().encode())], dtype=[("a", "i4"), ("b", f"S{2 * len(raw)}")])
    return lambda file: file.create_dataset("blob", data=row)


HIDES = (opaque, opaque_attribute, octets, packed_octets, ragged, text, fixed_text, text_attribute, structured)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("hide", HIDES, ids=lambda one: one.__name__)
def test_a_pickle_in_values_is_found(
    tmp_path: Path, hide: Callable[[bytes], Callable[[h5py.File], None]], version: str
) -> None:
    report = scanned(tmp_path, "m.h5", written(hide(EVIL), version))
    assert report.verdict is Verdict.MALICIOUS
    assert {"config/embedded-object", "pickle/dangerous-call"} <= rules_of(report)


def test_an_honest_pickle_in_values_is_seen_as_well(tmp_path: Path) -> None:
    content = written(opaque(pickle.dumps([1.5] * 20)))
    assert "config/embedded-object" in rules_of(scanned(tmp_path, "m.h5", content))


def test_opaque_bytes_that_nobody_knows_are_unread(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.h5", written(opaque(b"\x01what is this? " * 4)))
    assert report.verdict is Verdict.INCOMPLETE
    assert "opaque bytes in 'blob'" in report.unread[0].why


def test_a_program_in_elements_is_found(tmp_path: Path) -> None:
    raw = np.frombuffer(ELF, "f8")
    assert "executable/native" in rules_of(
        scanned(tmp_path, "a.h5", written(lambda file: file.create_dataset("w", data=raw)))
    )
    packed = written(lambda file: file.create_dataset("w", data=raw, chunks=(8,), compression="gzip"))
    assert "executable/native" in rules_of(scanned(tmp_path, "b.h5", packed))


# Bytes that nobody owns


def test_what_nobody_owns_has_to_be_zero(tmp_path: Path) -> None:
    content = written(lambda file: file.create_dataset("w", data=np.arange(4, dtype="f4")))
    free = [index for index in range(0, len(content) - 64, 8) if content[index : index + 64] == bytes(64)]
    assert free
    for place in free[::10]:
        raw = content[: place + 24] + b"hidden" + content[place + 30 :]
        assert scanned(tmp_path, "m.h5", raw).verdict is not Verdict.CLEAN, place


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("block", [512, 1024, 4096])
def test_a_user_block_is_a_prefix(tmp_path: Path, version: str, block: int) -> None:
    content = written(types, version, userblock_size=block)
    report = scanned(tmp_path, "m.h5", content)
    assert report.verdict is Verdict.CLEAN
    assert rules_of(report) == {"file/extra-bytes"}
    raw = EVIL + content[len(EVIL) :]
    report = scanned(tmp_path, "m.h5", raw)
    assert report.verdict is Verdict.MALICIOUS
    assert "file/polyglot" in rules_of(report)
    report = scanned(tmp_path, "m.h5", b"?" + content[1:])
    assert report.verdict is Verdict.INCOMPLETE
    assert scanned(tmp_path, "m.bin", b"?" + content[1:]).artifact.files[0].format == "hdf5"


def test_a_file_that_was_put_behind_something_is_read(tmp_path: Path) -> None:
    content = bytes(2048) + case("groups", "latest")
    report = scanned(tmp_path, "m.h5", content)
    assert report.verdict is Verdict.CLEAN
    assert rules_of(report) == {"file/extra-bytes"}


def test_bytes_behind_the_file_are_unread(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.h5", case("groups", "earliest") + EVIL)
    assert report.verdict is Verdict.MALICIOUS
    assert report.unread
    assert "file/extra-bytes" in rules_of(report)


def test_an_archive_that_stores_hdf5_is_no_polyglot(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("w.h5"), io.BytesIO(b""))
        info = tarfile.TarInfo("v.h5")
        info.size = len(weights())
        tar.addfile(info, io.BytesIO(weights()))
    assert out.getvalue().find(b"\x89HDF") == 1024
    assert "file/polyglot" not in rules_of(scanned(tmp_path, "m.tar", out.getvalue()))
    for length in range(512 - 30 - 6, 512 + 1024):
        content = zipped({"a" * 9: bytes(length), "w.h5": weights()})
        if content.find(b"\x89HDF") in (1024, 2048):
            assert scanned(tmp_path, "m.zip", content).verdict is not Verdict.SUSPICIOUS
            break
    else:
        pytest.fail("no such archive")


# Broken files


def test_code_in_a_broken_file_is_found_all_the_same(tmp_path: Path) -> None:
    content = bytearray(written(lambda file: file.attrs.create("x", f'["{CODE}", null]')))
    content[9] = 0xFF
    content[13] = 3
    report = scanned(tmp_path, "m.h5", bytes(content))
    assert report.verdict is Verdict.MALICIOUS
    assert "keras/bytecode" in rules_of(report)


def test_a_broken_object_does_not_hide_the_others(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        file["a"] = np.arange(4)
        file["b"] = np.void(EVIL)

    content = bytearray(written(fill))
    with h5py.File(io.BytesIO(bytes(content))) as file:
        content[h5py.h5o.get_info(file["a"].id).addr] = 9
    report = scanned(tmp_path, "m.h5", bytes(content))
    assert report.verdict is Verdict.MALICIOUS
    assert any("'a' is broken" in unread.why for unread in report.unread)


def test_structures_that_point_in_circles_end(tmp_path: Path) -> None:
    content = case("groups", "earliest")
    tree = content.index(b"TREE")
    for signature in (b"TREE", b"SNOD", b"HEAP"):
        place = content.find(signature, tree + 1)
        while place >= 0:
            address = struct.pack("<Q", place)
            if content.count(address) == 1:
                raw = content.replace(address, struct.pack("<Q", tree))
                assert scanned(tmp_path, "m.h5", raw).verdict is not Verdict.CLEAN
                break
            place = content.find(signature, place + 1)


def test_too_many_facts_are_a_limit(tmp_path: Path) -> None:
    def fill(file: h5py.File) -> None:
        for index in range(50):
            file[f"s{index}"] = h5py.SoftLink("/x")

    content = written(fill)
    assert scanned(tmp_path, "m.h5", content).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "m.h5", content, Limits(facts=20)).verdict is Verdict.INCOMPLETE
    many = case("groups", "earliest")
    assert scanned(tmp_path, "m.h5", many, Limits(facts=20)).verdict is Verdict.CLEAN
