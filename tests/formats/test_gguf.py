"""GGUF: honest files of every version are clean, files that lie are not, and the reference reader sees the same."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import gguf as reference
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import pickles as p
from build.gguf_files import Form, array, gguf, pair, string, tensor, text, u32
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Metadata, Span, Tensor
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import blob_info
from weighbridge.formats.gguf import TYPES, Gguf

if TYPE_CHECKING:
    from pathlib import Path

FORMS = [Form(version, order) for version in (1, 2, 3) for order in "<>"]
ESCAPE = "{{ ''.__class__ }}"


def honest(form: Form = FORMS[4]) -> bytes:
    every = [
        pair(f"x.{number}", number, bytes(size), form)
        for number, size in {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}.items()
    ]
    words = b"".join(string(word, form) for word in ("<s>", "eval(", "os.system", "\u2581the"))
    nested = struct.pack(form.order + "I", 4) + struct.pack(form.count, 2) + bytes(8)
    return gguf(
        [
            text("general.architecture", "llama", form),
            text("tokenizer.chat_template", "{{ messages[0].content }}", form),
            array("tokenizer.ggml.tokens", 8, 4, words, form),
            array("tokenizer.ggml.scores", 6, 4, bytes(16), form),
            array("x.nested", 9, 2, nested * 2, form),
            array("x.none", 8, 0, b"", form),
            *every,
        ],
        [tensor("a", [4, 2], 0, 0, form), tensor("b", [32], 2, 32, form)],
        bytes(range(32)) + bytes(18) + bytes(14),
        form=form,
    )


@pytest.mark.parametrize("form", FORMS)
def test_honest_files_are_clean(tmp_path: Path, form: Form) -> None:
    report = scanned(tmp_path, "m.gguf", honest(form))
    assert (report.verdict, rules_of(report)) == (Verdict.CLEAN, set())
    assert report.artifact.files[0].coverage.data == 32 + 18


def test_a_file_without_tensors_is_clean(tmp_path: Path) -> None:
    assert scanned(tmp_path, "vocab.gguf", gguf([text("a", "b")])).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "vocab.gguf", gguf([text("a", "b")]).rstrip(b"\0")).verdict is Verdict.CLEAN


ONE = [tensor("a", [8], 0, 0)]
LIES = {
    "a key twice": gguf([u32("a", 1), u32("a", 2)]),
    "a tensor twice": gguf([], [tensor("a", [8], 0, 0), tensor("a", [8], 0, 32)], bytes(64)),
    "sharing": gguf([], [tensor("a", [16], 0, 0), tensor("b", [16], 0, 32)], bytes(96)),
    "a hole": gguf([], [tensor("a", [8], 0, 0), tensor("b", [8], 0, 96)], bytes(128)),
    "not aligned": gguf([], [tensor("a", [8], 0, 4)], bytes(36)),
    "padding": gguf([], [tensor("a", [7], 0, 0), tensor("b", [8], 0, 32)], bytes(28) + b"evil" + bytes(32)),
    "padding before": gguf([], ONE)[:-1] + b"x" + bytes(32),
    "no whole block": gguf([], [tensor("a", [33], 2, 0)], bytes(64)),
    "a long name": gguf([], [tensor("a" * 64, [8], 0, 0)], bytes(32)),
    "a name with an escape": gguf([], [tensor("a\x1b[2J", [8], 0, 0)], bytes(32)),
}
BROKEN = {
    "cut": honest()[:-20],
    "cut in the header": honest()[:40],
    "more tensors": gguf([], ONE, bytes(32), counts=(2, 0)),
    "more pairs": gguf([], ONE, bytes(32), counts=(1, 1)),
    "absurd tensors": gguf([], ONE, bytes(32), counts=(1 << 63, 0)),
    "absurd pairs": gguf([], ONE, bytes(32), counts=(1, 1 << 63)),
    "an absurd string": gguf([pair("a", 8, struct.pack("<Q", 1 << 63))], ONE, bytes(32)),
    "an absurd array": gguf([array("a", 12, 1 << 61, b"")], ONE, bytes(32)),
    "an array of nothing": gguf([array("a", 8, 1 << 60, b"")], ONE, bytes(32)),
    "nested arrays": gguf([pair("a", 9, struct.pack("<IQ", 9, 1) * 50)], ONE, bytes(32)),
    "a type that does not exist": gguf([pair("a", 13, bytes(8))], ONE, bytes(32)),
    "a boolean of 2": gguf([pair("a", 7, b"\2")], ONE, bytes(32)),
    "dimensions": gguf([], [tensor("a", [1] * 5, 0, 0)], bytes(32)),
    "elements": gguf([], [tensor("a", [1 << 32, 1 << 32], 0, 0)], bytes(32)),
    "beyond the end": gguf([], [tensor("a", [9], 0, 0)], bytes(32)),
    "far beyond the end": gguf([], [tensor("a", [8], 0, 1 << 62)], bytes(32)),
    "alignment of 0": gguf([u32("general.alignment", 0)], ONE, bytes(32)),
    "alignment of 7": gguf([u32("general.alignment", 7)], ONE, bytes(32)),
    "a tail": gguf([], ONE, bytes(32) + b"tail"),
    "an unknown type": gguf([], [tensor("a", [8], 99, 0)], bytes(32)),
    "a removed type": gguf([], [tensor("a", [8], 4, 0)], bytes(32)),
    "version 4": gguf([], ONE, bytes(32), form=Form(4)),
    "ggml": b"lmgg" + bytes(60),
    "ggjt": b"tjgg" + bytes(60),
    "a template that is none": gguf([text("tokenizer.chat_template", "{% if %}")]),
}


@pytest.mark.parametrize("case", LIES)
def test_files_that_lie_are_stopped(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "m.gguf", LIES[case])
    assert report.verdict is Verdict.SUSPICIOUS
    assert "gguf/structure" in rules_of(report)


@pytest.mark.parametrize("case", BROKEN)
def test_files_that_cannot_be_read_are_incomplete(tmp_path: Path, case: str) -> None:
    found = scanned(tmp_path, "m.gguf", BROKEN[case])
    # What follows is then read as something else, and lies too.
    assert found.verdict is Verdict.INCOMPLETE or (
        case.endswith((" pairs", " tensors")) and found.verdict is Verdict.SUSPICIOUS
    )


@pytest.mark.parametrize(
    "pairs",
    [
        [text("tokenizer.chat_template", ESCAPE)],
        [text("tokenizer.chat_template.tool_use", ESCAPE)],
        [array("tokenizer.chat_templates", 8, 1, string(ESCAPE))],
        [array("x.callbacks", 8, 1, string((p.proto(2) + p.system() + p.STOP).hex()))],
        [array("tokenizer.ggml.tokens", 8, 1, string((p.proto(2) + p.system("x" * 600) + p.STOP).hex()))],
        [text("general.description", (p.proto(2) + p.system() + p.STOP).hex())],
    ],
)
def test_texts_that_attack_are_malicious(tmp_path: Path, pairs: list[bytes]) -> None:
    assert scanned(tmp_path, "m.gguf", gguf(pairs)).verdict is Verdict.MALICIOUS


def test_words_of_a_vocabulary_are_no_code(tmp_path: Path) -> None:
    words = [ESCAPE, "eval(open('x').read())", "<script>", "aGVsbG8gd29ybGQhIGhlbGxv"]
    content = gguf([array("tokenizer.ggml.tokens", 8, len(words), b"".join(map(string, words)))])
    assert scanned(tmp_path, "m.gguf", content).verdict is Verdict.CLEAN


def test_metadata_that_is_a_program_is_found(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.gguf", gguf([text("general.license", "__import__('os').system('id')")]))
    assert "config/active-value" in rules_of(report)


def test_machine_code_in_a_tensor_is_found(tmp_path: Path) -> None:
    elf = b"\x7fELF\x02\x01\x01" + bytes(57)
    report = scanned(tmp_path, "m.gguf", gguf([], [tensor("a", [64], 24, 0)], elf))
    assert "executable/native" in rules_of(report)


def test_shards_that_are_missing_make_incomplete(tmp_path: Path) -> None:
    count = pair("split.count", 2, struct.pack("<H", 2))
    for number in (1, 2):
        (tmp_path / f"m-{number:05}-of-00002.gguf").write_bytes(gguf([count], ONE, bytes(32)))
    assert inspected(tmp_path).report.verdict is Verdict.CLEAN
    (tmp_path / "m-00002-of-00002.gguf").unlink()
    assert inspected(tmp_path).report.verdict is Verdict.INCOMPLETE


def read(content: bytes, name: str = "m.gguf") -> list[object]:
    data = Reader(MemorySource(content))
    return list(Gguf().parse(data, blob_info(name, data), Budget(Limits(), len(content))))


KEYS = st.text("abcdefgh._", min_size=1, max_size=12).map(lambda key: f"x.{key}")
ARRAYS = st.sampled_from(["F32", "F16", "F64", "I8", "I16", "I32", "I64", "Q8_0", "Q4_0", "BF16"])


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.dictionaries(
        KEYS,
        st.one_of(
            st.integers(0, 2**32 - 1), st.booleans(), st.text(max_size=30), st.lists(st.text(max_size=8), min_size=1)
        ),
        max_size=6,
    ),
    tensors=st.dictionaries(KEYS, st.tuples(ARRAYS, st.integers(1, 3), st.integers(1, 3)), max_size=4),
)
def test_the_reference_writer_and_reader_agree(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: dict[str, int | bool | str | list[str]],
    tensors: dict[str, tuple[str, int, int]],
) -> None:
    path = tmp_path_factory.mktemp("gguf") / "m.gguf"
    writer = reference.GGUFWriter(path, "llama")
    for key, value in pairs.items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_array(key, value)
    for name, (kind, rows, blocks) in tensors.items():
        type_ = reference.GGMLQuantizationType[kind]
        block, size = reference.GGML_QUANT_SIZES[type_]
        raw = np.zeros((rows, blocks * size), dtype=np.uint8)
        writer.add_tensor(name, raw, raw_shape=raw.shape, raw_dtype=type_)
        assert TYPES[int(type_)] == (kind, block, size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = read(path.read_bytes())
    seen = reference.GGUFReader(path)
    ours = {one.name: (one.dtype, one.shape, one.offset, one.size) for one in found if isinstance(one, Tensor)}
    theirs = {
        one.name: (one.tensor_type.name, tuple(map(int, one.shape)), int(one.data_offset), int(one.n_bytes))
        for one in seen.tensors
    }
    assert ours == theirs
    metadata = {one.key: one.value for one in found if isinstance(one, Metadata)}
    for key, field in seen.fields.items():
        if not key.startswith("GGUF.") and len(field.types) == 1 and field.types[0] is reference.GGUFValueType.STRING:
            assert metadata[key] == str(field.contents())[:200]
    assert metadata.keys() == {key for key in seen.fields if not key.startswith("GGUF.")}
    assert inspected(path).report.verdict is Verdict.CLEAN


def test_every_type_of_the_reference_is_known() -> None:
    assert {number: name for number, (name, _, _) in TYPES.items()} == {
        int(type_): type_.name for type_ in reference.GGMLQuantizationType
    }


@given(st.data())
def test_mutated_files_give_facts_or_an_error(data: st.DataObject) -> None:
    content = bytearray(honest(data.draw(st.sampled_from(FORMS))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    try:
        found = read(bytes(content))
    except FormatError:
        return
    for one in found:
        if isinstance(one, Span):
            assert 0 <= one.offset <= one.offset + one.size <= len(content)
