"""ExecuTorch: programs of its serializers are read to the last byte, delegates are named, what lies is not clean."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.executorch_files import (
    DELEGATE,
    KERNEL,
    WEIGHTS,
    call,
    delegate,
    graph,
    plan,
    program,
    segments,
    tensor,
    tensors,
)
from build.flat_files import Number, flat, table
from build.inspecting import inspected, rules_of, scanned
from build.writers import truth, written
from weighbridge.core.facts import FileReference, Graph, Operator, Reference, Tensor
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.core.facts import Fact

EVIL = p.proto(4) + p.system() + p.STOP
PLAIN = program()
INLINE = flat(table(_0=Number("u32", 0), _1=[plan()], _2=[table(), table(_0=WEIGHTS)]), b"ET12")


def facts(path: Path) -> list[Fact]:
    (sheet, *_) = [blob for blob in inspected(path).facts.blobs if blob.format == "executorch"]
    return list(sheet.facts)


def test_what_executorch_writes_is_read_to_the_last_byte(tmp_path: Path) -> None:
    folder = written("executorch_programs", tmp_path)
    expected = truth(folder)
    files = sorted(folder.glob("*.pt?"))
    assert len(files) == 8
    for path in files:
        report = inspected(path).report
        assert report.artifact.files[0].format == "executorch"
        delegates = [fact for fact in facts(path) if isinstance(fact, Reference)]
        if any(fact.name != "XnnpackBackend" for fact in delegates):
            assert report.verdict is Verdict.SUSPICIOUS
            assert all("Backend" in span.location for span in report.unread)
            assert {"tflite/compiled-part", "file/unread"} == rules_of(report)
        else:
            assert report.verdict is Verdict.CLEAN, (path, report.unread, report.findings)
            assert rules_of(report) == ({"tflite/compiled-part"} if delegates else set())
        if path.suffix == ".pte":
            operators = [[fact.domain, fact.name] for fact in facts(path) if isinstance(fact, Operator)]
            assert operators == expected["operators"]
            assert [fact.name for fact in facts(path) if isinstance(fact, Graph)] == [expected["plan"]]


@pytest.mark.parametrize(
    ("name", "content"), [("m.pte", PLAIN), ("m.pte", INLINE), ("m.ptd", tensors()), ("m.pte", PLAIN + bytes(9))]
)
def test_an_honest_file_is_clean(tmp_path: Path, name: str, content: bytes) -> None:
    report = scanned(tmp_path, name, content)
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    assert not report.findings
    (found,) = [fact for fact in facts(tmp_path / name) if isinstance(fact, Tensor)]
    assert content[found.offset : found.offset + found.size] == WEIGHTS
    assert found.shape == (4, 4)


def test_a_program_with_test_cases_is_read_with_the_program(tmp_path: Path) -> None:
    case = table(_0=[table(_0=Number("u8", 2), _1=table(_0=Number("i64", 5)))])
    suites = [table(_0="forward", _1=[case])]
    content = flat(table(_0=Number("u32", 0), _1=suites, _2=PLAIN), b"BP08")
    report = scanned(tmp_path, "m.bpte", content)
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    inner = flat(table(_0=Number("u32", 0), _1=suites, _2=program(_1=[plan(_6=[table(_0="mine::x")])])), b"BP08")
    assert scanned(tmp_path, "m.bpte", inner).verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize(
    ("name", "verdict"), [("mine::encode", "suspicious"), ("llama::sdpa", "clean"), ("bare", "suspicious")]
)
def test_operators_are_judged_by_whose_they_are(tmp_path: Path, name: str, verdict: str) -> None:
    report = scanned(tmp_path, "m.pte", program(_1=[plan(_6=[table(_0=name), table(_0="aten::relu")])]))
    assert report.verdict.value == verdict
    assert rules_of(report) == {"tflite/custom-operator"}


@pytest.mark.parametrize("segment", [True, False])
def test_a_delegate_is_never_passed_in_silence(tmp_path: Path, segment: bool) -> None:
    payload = b"\x01\x02 code for a processor of its own"
    if segment:
        content = program((WEIGHTS, payload), _1=[plan(_7=[delegate("MyBackend", 1)])])
    else:
        content = program(_1=[plan(_7=[delegate("MyBackend", 0, segment=False)])], _3=[table(_0=payload)])
    report = scanned(tmp_path, "m.pte", content)
    assert report.verdict is Verdict.SUSPICIOUS
    assert {"tflite/compiled-part", "file/unread"} == rules_of(report)
    (found,) = [fact for fact in facts(tmp_path / "m.pte") if isinstance(fact, Reference)]
    assert (found.name, found.key) == ("MyBackend", "forward")
    assert f"{len(payload)} bytes" in found.arguments
    assert report.artifact.files[0].coverage.opaque == len(payload)


def test_a_payload_without_bytes_is_told_as_well(tmp_path: Path) -> None:
    content = program(_1=[plan(_7=[delegate("MyBackend", 0, segment=False)])], _3=[table()])
    assert scanned(tmp_path, "m.pte", content).verdict is Verdict.SUSPICIOUS


def test_a_payload_of_a_known_format_is_looked_into(tmp_path: Path) -> None:
    content = program((WEIGHTS, EVIL), _1=[plan(_7=[delegate("MyBackend", 1)])])
    assert scanned(tmp_path, "m.pte", content).verdict is Verdict.MALICIOUS


def lowered(payload: bytes) -> bytes:
    return program((WEIGHTS, payload), _1=[plan(_7=[delegate("XnnpackBackend", 1)])])


def test_a_graph_for_xnnpack_is_read(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.pte", lowered(graph()))
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    assert rules_of(report) == {"tflite/compiled-part"}


BAD_GRAPHS = {
    "an operator that does not exist": graph(kind=200),
    "a constant beyond the end": graph(size=65),
    "cut off": graph()[:-1],
    "something behind": graph() + b"more",
    "no graph": b"\0\0\0\0XH00" + bytes(60),
    "a place that is none": graph()[:10] + b"\xff" + graph()[11:],
}


@pytest.mark.parametrize("payload", BAD_GRAPHS.values(), ids=BAD_GRAPHS.keys())
def test_a_graph_for_xnnpack_that_lies_is_not_clean(tmp_path: Path, payload: bytes) -> None:
    assert scanned(tmp_path, "m.pte", lowered(payload)).verdict is not Verdict.CLEAN


LIES = {
    "a tensor with too few bytes": program(_1=[plan(_2=[tensor(), tensor(1, (4, 5))])]),
    "a tensor of a type that does not exist": program(_1=[plan(_2=[tensor(), tensor(1, kind=99)])]),
    "a negative size": program(_1=[plan(_2=[tensor(), tensor(1, (-4, -4))])]),
    "a constant that does not exist": program(_1=[plan(_2=[tensor(), tensor(7)])]),
    "an operator that does not exist": program(_1=[plan(_5=[table(_2=[call(KERNEL, 5)])])]),
    "a value that does not exist": program(_1=[plan(_5=[table(_2=[call(KERNEL, 0, (0, 9))])])]),
    "a delegate that does not exist": program(_1=[plan(_5=[table(_2=[call(DELEGATE, 3)])])]),
    "a payload that does not exist": program(_1=[plan(_7=[delegate("MyBackend", 4, segment=False)])]),
    "a segment that does not exist": program(_1=[plan(_7=[delegate("MyBackend", 4)])]),
    "a segment beyond the end": program(lie=1),
    "constants in a segment that does not exist": program(_5=table(_0=Number("u32", 9), _1=Number("u64", [0, 0]))),
    "an inline tensor of another size": flat(table(_1=[plan()], _2=[table(), table(_0=WEIGHTS + b"\1")]), b"ET12"),
    "a tensor of a file with too few bytes": tensors(wanted=(4, 5)),
}


@pytest.mark.parametrize("content", LIES.values(), ids=LIES.keys())
def test_a_table_that_lies_is_a_finding(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.pte", content)
    assert report.verdict is Verdict.SUSPICIOUS
    assert "tflite/buffer" in rules_of(report)


def test_a_segment_that_nothing_names_is_not_clean(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.pte", program((WEIGHTS, b"who needs this?")))
    assert report.verdict is Verdict.INCOMPLETE
    assert "tflite/unused-bytes" in rules_of(report)
    assert scanned(tmp_path, "m.pte", program((WEIGHTS, EVIL))).verdict is Verdict.MALICIOUS
    unused = program(_3=[table(_0=b"no delegate has it")])
    assert "tflite/unused-bytes" in rules_of(scanned(tmp_path, "m.pte", unused))


def test_bytes_between_segments_are_zeros_or_opaque(tmp_path: Path) -> None:
    names = [table(_0="a", _1=Number("u32", 0)), table(_0="b", _1=Number("u32", 1))]
    clean = program((b"\1" * 10, b"\2" * 10), _7=names, _1=[plan(_2=[tensor(), tensor()])])
    assert scanned(tmp_path, "m.pte", clean).verdict is Verdict.CLEAN
    filled = program((b"\1" * 10, b"\2" * 10), fill=b"!", _7=names, _1=[plan(_2=[tensor(), tensor()])])
    report = scanned(tmp_path, "m.pte", filled)
    assert report.verdict is Verdict.INCOMPLETE
    assert "file/flatbuffer-structure" in rules_of(report)


def test_segments_that_share_bytes_are_a_finding(tmp_path: Path) -> None:
    names = [table(_0="a", _1=Number("u32", 0)), table(_0="b", _1=Number("u32", 1))]
    report = scanned(tmp_path, "m.pte", program(_4=segments((0, 64), (32, 32)), _7=names))
    assert report.verdict is Verdict.SUSPICIOUS
    both = program(_1=[plan(_7=[delegate("XnnpackBackend", 0)])])
    assert "file/flatbuffer-structure" in rules_of(scanned(tmp_path, "m.pte", both))


def test_named_data_that_is_a_program_is_a_finding(tmp_path: Path) -> None:
    library = (b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHI", 3, 62, 1)).ljust(200, b"\0")
    content = program((WEIGHTS, library), _7=[table(_0="so_blob", _1=Number("u32", 1))])
    assert "executable/native" in rules_of(scanned(tmp_path, "m.pte", content))
    content = program((WEIGHTS, EVIL), _7=[table(_0="weights", _1=Number("u32", 1))])
    assert scanned(tmp_path, "m.pte", content).verdict is Verdict.MALICIOUS


def test_a_tensor_in_another_file_is_told(tmp_path: Path) -> None:
    more = table(_9=table(_1="layer.weight", _2=Number("i8", 1)))
    scanned(tmp_path, "m.pte", program(_1=[plan(_2=[tensor(), tensor(1, more=more)])]))
    found = [fact for fact in facts(tmp_path / "m.pte") if isinstance(fact, FileReference)]
    assert [(fact.road, fact.target) for fact in found] == [("executorch-data", "layer.weight")]


def test_texts_are_searched(tmp_path: Path) -> None:
    for change in ({"_0": EVIL.hex()}, {"_1": table(_0=EVIL.hex())}, {"_7": [delegate(EVIL.hex(), 0)]}):
        assert scanned(tmp_path, "m.pte", program(_1=[plan(**change)])).verdict is Verdict.MALICIOUS
    spec = table(_0="b", _1=table(), _2=[table(_0="k", _1=EVIL.hex().encode())])
    assert scanned(tmp_path, "m.pte", program(_1=[plan(_7=[spec])])).verdict is Verdict.MALICIOUS


HEADERS = {
    "a size that is none": PLAIN[:12] + b"\xff" + PLAIN[13:],
    "a program that is too long": PLAIN[:16] + struct.pack("<Q", len(PLAIN) + 1) + PLAIN[24:],
    "segments that begin inside": PLAIN[:24] + struct.pack("<Q", 64) + PLAIN[32:],
    "segments that end outside": PLAIN[:32] + struct.pack("<Q", 4096) + PLAIN[40:],
    "no header": PLAIN[:8] + b"eh01" + PLAIN[12:],
}


@pytest.mark.parametrize("content", HEADERS.values(), ids=HEADERS.keys())
def test_a_header_that_lies_is_not_clean(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "m.pte", content).verdict is not Verdict.CLEAN


@pytest.mark.parametrize("content", [PLAIN, INLINE, tensors()])
def test_a_file_that_is_cut_off_or_lengthened_is_not_clean(tmp_path: Path, content: bytes) -> None:
    for size in range(1, len(content), 13):
        assert scanned(tmp_path, "m.pte", content[:size]).verdict is not Verdict.CLEAN, size
    for more in (b"x", EVIL, bytes(64)):
        assert scanned(tmp_path, "m.pte", content + more).verdict is not Verdict.CLEAN


def test_a_name_alone_does_not_make_a_program(tmp_path: Path) -> None:
    for content in (b"hello", bytes(60), b"\x08\0\0\0ET12" + bytes(40)):
        assert scanned(tmp_path, "m.pte", content).verdict is not Verdict.CLEAN


def test_a_changed_program_is_read_or_said_to_be_broken(tmp_path: Path) -> None:
    """Whatever is still clean has the operators, the plan and the bytes of the tensor that it had before.

    What cannot be seen: numbers that become other numbers (arguments of operators, sizes of memory), letters of names,
    bytes of weights.
    """
    (before,) = [fact for fact in _scanned_facts(tmp_path, PLAIN) if isinstance(fact, Tensor)]
    clean = 0
    for seed in range(400):
        rng = random.Random(seed)
        content = bytearray(rng.choice((PLAIN, PLAIN, lowered(graph()))))
        place = rng.randrange(len(content))
        change = rng.choice((b"\0", b"\xff", b"\xff" * 4, b"\1", rng.randbytes(2), bytes(4)))
        content[place : place + len(change)] = change
        report = scanned(tmp_path, "m.pte", bytes(content))
        assert not any("parser failed" in span.why for span in report.unread), seed
        if report.verdict is Verdict.CLEAN and report.artifact.files[0].format == "executorch":
            clean += 1
            seen = facts(tmp_path / "m.pte")
            assert sum(fact.times for fact in seen if isinstance(fact, Operator)) == 2, seed
            assert {fact.size for fact in seen if isinstance(fact, Tensor)} <= {before.size, 0, 32, 16}, seed
    assert clean > 50


def _scanned_facts(folder: Path, content: bytes) -> list[Fact]:
    scanned(folder, "m.pte", content)
    return facts(folder / "m.pte")
