"""Checkpoints: the index is read to the last byte, and every byte of a shard has a tensor or is not clean."""

from __future__ import annotations

import base64
import random
import struct
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build import tensorflow_models as t
from build.forms import field, message
from build.inspecting import LIMITS, inspected, rules_of, scanned
from build.varints import varint
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import ExternalData, Metadata, Tensor
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget
from weighbridge.formats.grammars import sstable
from weighbridge.formats.tensorflow.checkpoint import tensor_name

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import ScanReport

Rows = list[tuple[bytes, bytes]]
SHARD = "m.data-00000-of-00001"
EVIL = p.proto(4) + p.system() + p.STOP
WORDS = t.string_data(b"one", b"a longer string")
FIRST: Rows = [t.header(), t.stored_tensor("a", 0, 8, 2), t.stored_tensor("b", 8, 4, 1)]
TEXT: Rows = [t.header(), t.stored_tensor("words", 0, len(WORDS), 2, dtype=t.STRING)]


def checkpoint(folder: Path, rows: Rows, data: bytes | None, *, name: str = SHARD) -> ScanReport:
    folder.mkdir(exist_ok=True)
    (folder / "m.index").write_bytes(t.table(rows))
    if data is not None:
        (folder / name).write_bytes(data)
    return inspected(folder).report


def test_an_ordinary_checkpoint_is_clean(tmp_path: Path) -> None:
    report = checkpoint(tmp_path / "m", FIRST, bytes(range(12)))
    assert report.verdict is Verdict.CLEAN, report.unread
    assert [file.format for file in report.artifact.files] == ["tensorflow-checkpoint-data", "tensorflow-checkpoint"]
    assert report.artifact.files[0].coverage == (0, 12, 0)


def test_tensors_and_places_are_facts(tmp_path: Path) -> None:
    scanned(tmp_path, "m.index", t.table(FIRST))
    facts = inspected(tmp_path / "m.index").facts.blobs[0].facts
    assert [fact for fact in facts if isinstance(fact, Tensor)] == [
        Tensor("a", "FLOAT", (2,), 0, 8),
        Tensor("b", "FLOAT", (1,), 8, 4),
    ]
    assert [fact[:6] for fact in facts if isinstance(fact, ExternalData)] == [
        ("a", SHARD, 0, 8, 8, ""),
        ("b", SHARD, 8, 4, 4, ""),
    ]
    assert [fact.value for fact in facts if isinstance(fact, Metadata)] == ["1"]


@pytest.mark.parametrize("compressed", [False, True])
def test_an_index_of_many_blocks_is_read(tmp_path: Path, compressed: bool) -> None:
    rows = [t.header(), *(t.stored_tensor(f"layer_{n:04}/kernel", 4 * n, 4, 1) for n in range(200))]
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / SHARD).write_bytes(bytes(800))
    (folder / "m.index").write_bytes(t.table(rows[:70], rows[70:150], rows[150:], compressed=compressed))
    inspection = inspected(folder)
    assert inspection.report.verdict is Verdict.CLEAN, inspection.report.unread
    names = [fact.name for blob in inspection.facts.blobs for fact in blob.facts if isinstance(fact, Tensor)]
    assert names == [f"layer_{n:04}/kernel" for n in range(200)]


def test_strings_are_searched(tmp_path: Path) -> None:
    report = checkpoint(tmp_path / "m", TEXT, WORDS)
    assert report.verdict is Verdict.CLEAN, report.unread
    for number, value in enumerate((base64.b64encode(EVIL), b"x" * 40 + b" " + base64.b64encode(EVIL), EVIL * 3)):
        data = t.string_data(b"a", value)
        rows = [t.header(), t.stored_tensor("words", 0, len(data), 2, dtype=t.STRING)]
        assert checkpoint(tmp_path / f"m{number}", rows, data).verdict is Verdict.MALICIOUS


def test_variants_are_walked(tmp_path: Path) -> None:
    def held(more: bytes, text: bytes = b"state") -> bytes:
        value = message((1, "tensorflow::Iterator"), (2, b"x"), (3, t.tensor(t.STRING, strings=[text]))) + more
        return varint(len(value)) + value + bytes(4)

    def report(name: str, data: bytes) -> ScanReport:
        rows = [t.header(), t.stored_tensor("rows", 0, len(data), 2, dtype=21)]
        return checkpoint(tmp_path / name, rows, data)

    assert report("honest", held(b"") * 2).verdict is Verdict.CLEAN
    assert report("evil", held(b"") + held(b"", base64.b64encode(EVIL))).verdict is Verdict.MALICIOUS
    assert report("unknown", held(b"") + held(field(77, b"hidden"))).verdict is Verdict.INCOMPLETE
    assert report("one", held(b"")).verdict is Verdict.INCOMPLETE
    assert report("three", held(b"") * 3).verdict is Verdict.INCOMPLETE


def test_slices_have_no_bytes_of_their_own(tmp_path: Path) -> None:
    piece = field(7, message((1, message((2, 2)))))
    key = b"\0w\0\xffx\0\1\1\2\x80\x82"
    rows = [t.header(), (key, t.stored_tensor("", 0, 8, 2)[1]), t.stored_tensor("w", 0, 0, 4, more=piece)]
    assert checkpoint(tmp_path / "m", rows, bytes(8)).verdict is Verdict.CLEAN
    assert tensor_name(key) == "w\0x[01028082]"
    rows = [t.header(), t.stored_tensor("w", 0, 8, 2, more=piece)]
    assert "onnx/tensor-size" in rules_of(checkpoint(tmp_path / "n", rows, bytes(8)))


WRONG: dict[str, tuple[Rows, bytes | None]] = {
    "a shard that is missing": (FIRST, None),
    "a shard that is cut off": (FIRST, bytes(11)),
    "something behind the tensors": (FIRST, bytes(12) + b"hidden"),
    "a hole": ([t.header(), FIRST[1], t.stored_tensor("b", 12, 4, 1)], bytes(8) + b"hide" + bytes(4)),
    "tensors that overlap": ([t.header(), FIRST[1], t.stored_tensor("b", 4, 8, 2)], bytes(12)),
    "fewer bytes than the shape": ([t.header(), t.stored_tensor("a", 0, 8, 3)], bytes(8)),
    "more bytes than the shape": ([t.header(), t.stored_tensor("a", 0, 12, 2)], bytes(12)),
    "more strings than bytes": ([t.header(), t.stored_tensor("a", 0, 4, 9, dtype=t.STRING)], bytes(4)),
    "a shape that does not end": ([t.header(), t.stored_tensor("a", 0, 8, 2**40, 2**40)], bytes(8)),
    "a type that does not exist": ([t.header(), t.stored_tensor("a", 0, 8, 2, dtype=99)], bytes(8)),
    "a shard that does not exist": ([t.header(), t.stored_tensor("a", 0, 8, 2, shard=1)], bytes(8)),
    "strings that do not add up": (TEXT, WORDS[:1] + b"\x7f" + WORDS[2:]),
    "no header": (FIRST[1:], bytes(12)),
    "no shards": ([t.header(0), FIRST[1]], bytes(8)),
    "a field of the header": ([t.header(more=field(9, b"hidden")), FIRST[1]], bytes(8)),
    "a field of a tensor": ([t.header(), t.stored_tensor("a", 0, 8, 2, more=field(9, b"x"))], bytes(8)),
    "keys in another order": ([t.header(), FIRST[2], FIRST[1]], bytes(12)),
    "a key twice": ([t.header(), FIRST[1], FIRST[1]], bytes(8)),
}


@pytest.mark.parametrize(("rows", "data"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_add_up_is_not_clean(tmp_path: Path, rows: Rows, data: bytes | None) -> None:
    report = checkpoint(tmp_path / "m", rows, data)
    assert report.verdict in (Verdict.INCOMPLETE, Verdict.SUSPICIOUS)
    assert not any("parser failed" in item.why for item in report.unread)


def test_zeros_between_tensors_are_padding(tmp_path: Path) -> None:
    rows = [t.header(), FIRST[1], t.stored_tensor("b", 64, 4, 1)]
    assert checkpoint(tmp_path / "m", rows, bytes(68)).verdict is Verdict.CLEAN


def test_a_shard_beside_no_index_is_opaque(tmp_path: Path) -> None:
    for name in ("other.data-00000-of-00001", "m.data-00001-of-00001", "m.py"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(bytes(12))
        assert checkpoint(folder, FIRST, bytes(12)).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("start", [b"\x7fELF\2\1\1\0" + bytes(56), EVIL + bytes(40), b"GGUF" + bytes(60)])
def test_a_program_is_no_tensor(tmp_path: Path, start: bytes) -> None:
    rows = [t.header(), t.stored_tensor("a", 0, len(start), len(start), dtype=4)]
    assert checkpoint(tmp_path / "m", rows, start).verdict is not Verdict.CLEAN


TABLE = t.table(FIRST)


def resealed(content: bytes, place: int, value: bytes) -> bytes:
    """The first block of a table with other bytes and a right checksum."""
    size = TABLE.index(t.stored(t.block(FIRST))) + len(t.block(FIRST))
    changed = bytearray(content[:size])
    changed[place : place + len(value)] = value
    return t.stored(bytes(changed)) + content[size + 5 :]


BROKEN = {
    "a wrong checksum": TABLE[:20] + b"\xff" + TABLE[21:],
    "bytes before": t.table(FIRST, gap=b"hidden"),
    "bytes in the footer": TABLE[:-12] + b"hide" + TABLE[-8:],
    "bytes before the footer": TABLE[:-48] + b"hidden" + TABLE[-48:],
    "a kind of compression": t.stored(t.block(FIRST), 7) + TABLE[len(t.stored(t.block(FIRST))) :],
    "a block that is not compressed": t.stored(t.block(FIRST), 1) + TABLE[len(t.stored(t.block(FIRST))) :],
    "an entry that is too long": resealed(TABLE, 2, b"\x7f"),
    "no restarts": resealed(TABLE, len(t.block(FIRST)) - 4, struct.pack("<I", 0)),
    "more restarts than bytes": resealed(TABLE, len(t.block(FIRST)) - 4, struct.pack("<I", 99999)),
    "a restart in an entry": resealed(TABLE, len(t.block(FIRST)) - 8, struct.pack("<I", 3)),
    "only a footer": bytes(40) + t.MAGIC,
    "a footer that is too short": t.MAGIC,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_table_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "variables.index", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert not any("parser failed" in item.why for item in report.unread)


def test_an_index_that_is_cut_off_is_not_clean(tmp_path: Path) -> None:
    for end in range(1, len(TABLE)):
        assert scanned(tmp_path, "variables.index", TABLE[:end]).verdict is Verdict.INCOMPLETE, end


@pytest.mark.parametrize("compressed", [False, True])
def test_changed_indexes_are_read_or_said_to_be_broken(tmp_path: Path, compressed: bool) -> None:
    content = t.table(FIRST[:2], FIRST[2:], compressed=compressed)
    rng = random.Random(17)
    for _ in range(300):
        changed = bytearray(content)
        place = rng.randrange(len(changed))
        changed[place : place + rng.randrange(4)] = rng.choice([b"", b"\xff" * 4, rng.randbytes(3)])
        if changed == content:
            continue
        report = scanned(tmp_path, "variables.index", bytes(changed))
        assert report.verdict is Verdict.INCOMPLETE
        assert not any("parser failed" in item.why for item in report.unread)


def test_snappy(tmp_path: Path) -> None:
    def read(raw: bytes, expansion: int = 10**6) -> bytes:
        budget = Budget(LIMITS, 0)
        budget.expansion = expansion
        return sstable.unsnapped(raw, 0, budget)

    rng = random.Random(19)
    for _ in range(100):
        plain = bytes(rng.choice(b"abc") for _ in range(rng.randrange(400)))
        assert read(t.snappy(plain)) == plain
    assert read(b"\x0a\x00a" + b"\x15\x01") == b"a" * 10  # a copy of nine bytes from one before
    assert read(b"\x05\x00a\x0f\x01\0\0\0") == b"a" * 5  # an offset of four bytes
    assert read(b"\x46\xf0\x45" + b"b" * 70) == b"b" * 70  # a length in a byte of its own
    for wrong in (
        b"\x05\x00a",
        b"\x01\x00ab\x00b",
        b"\x05\x10a",
        b"\x05\x00a\x0e\x02\0",
        b"\x05\x00a\x0e",
        b"",
        b"\xff" * 9,
    ):
        with pytest.raises(FormatError):
            read(wrong)
    with pytest.raises(FormatError, match="larger"):
        read(t.snappy(bytes(500)), 499)


def test_checksums_are_those_of_the_specification() -> None:
    assert sstable.crc32c(b"123456789") == 0xE3069283
    assert sstable.crc32c(bytes(32)) == 0x8A9136AA


STATE = b'model_checkpoint_path: "%s"\nall_model_checkpoint_paths: "%s"\nlast_preserved_timestamp: 1.5e9\n'


@pytest.mark.parametrize(
    ("path", "verdict", "fires"),
    [
        (b"model.ckpt-1", Verdict.CLEAN, False),
        (b"/tmp/run/model.ckpt-1", Verdict.CLEAN, True),
        (b"../other/model.ckpt-1", Verdict.SUSPICIOUS, True),
        (b"/tmp/../etc/model", Verdict.SUSPICIOUS, True),
        (b"gs://bucket/model", Verdict.SUSPICIOUS, True),
    ],
)
def test_the_file_that_names_the_newest(tmp_path: Path, path: bytes, verdict: Verdict, fires: bool) -> None:
    report = scanned(tmp_path, "checkpoint", STATE % (path, path))
    assert report.artifact.files[0].format == "tensorflow-checkpoint-state"
    assert report.verdict is verdict
    assert ("tensorflow/checkpoint-path" in rules_of(report)) is fires


@pytest.mark.parametrize("more", [b"import os\n", b"\xff\n", b'model_checkpoint_path: "a" b\n', b"\x80\x04."])
def test_what_else_stands_there_is_not_clean(tmp_path: Path, more: bytes) -> None:
    assert scanned(tmp_path, "checkpoint", STATE % (b"a", b"a") + more).verdict is Verdict.INCOMPLETE
