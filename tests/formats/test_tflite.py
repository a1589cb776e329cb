"""TensorFlow Lite: what the library writes is clean, what lies is not, and what is said is what the reference reads."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING, Any

import pytest
import tflite
from ai_edge_litert import schema_py_generated as s

from build import pickles as p
from build import tflite_models as t
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import ExternalData, FileReference, Graph, Metadata, Operator, Tensor
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Limits
from weighbridge.formats.grammars import flat_walk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from weighbridge.core.facts import Fact

PLAIN = t.written(t.model())
LABELS = {"labels.txt": b"cat\ndog\n"}
EVIL = p.proto(4) + p.system() + p.STOP


def facts(path: Path) -> list[Fact]:
    (sheet, *_) = [blob for blob in inspected(path).facts.blobs if blob.format == "tflite"]
    return list(sheet.facts)


def reference(content: bytes) -> tuple[Any, ...]:
    """Operators, tensors with their bytes, and metadata, as the reference library reads them."""
    model = tflite.Model.GetRootAsModel(content, 0)
    codes = []
    for number in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(number)
        codes.append((max(code.DeprecatedBuiltinCode(), code.BuiltinCode()), (code.CustomCode() or b"").decode()))
    used = [0] * len(codes)
    tensors, graphs = [], []
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        graphs.append(((graph.Name() or b"").decode(), graph.OperatorsLength()))
        for place in range(graph.OperatorsLength()):
            used[graph.Operators(place).OpcodeIndex()] += 1
        for place in range(graph.TensorsLength()):
            tensor = graph.Tensors(place)
            size = model.Buffers(tensor.Buffer()).DataLength()
            shape = tuple(tensor.Shape(axis) for axis in range(tensor.ShapeLength()))
            tensors.append(((tensor.Name() or b"").decode(), tensor.Type(), shape, size))
    metadata = [model.Metadata(number).Name() for number in range(model.MetadataLength())]
    return [(*code, times) for code, times in zip(codes, used, strict=True)], tensors, graphs, metadata


def said(path: Path) -> tuple[Any, ...]:
    """The same, as the scan says it. Tensors without bytes are not listed."""
    seen = facts(path)
    names = {name: number for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
    types = {name: number for name, number in vars(tflite.TensorType).items() if isinstance(number, int)}
    operators = [
        (32, f"Flex{fact.name}" if fact.domain == "flex" else fact.name, fact.times)
        if fact.domain
        else (names[fact.name], "", fact.times)
        for fact in seen
        if isinstance(fact, Operator)
    ]
    tensors = [(fact.name, types[fact.dtype], fact.shape, fact.size) for fact in seen if isinstance(fact, Tensor)]
    graphs = [(fact.name, fact.nodes) for fact in seen if isinstance(fact, Graph)]
    return operators, tensors, graphs


def agree(path: Path, content: bytes) -> None:
    operators, tensors, graphs, _ = reference(content)
    expected = (operators, [tensor for tensor in tensors if tensor[3]], graphs)
    assert said(path) == expected


HONEST = {
    "plain": PLAIN,
    "with files": t.with_files(PLAIN, LABELS),
    "with bytes behind it": t.behind(),
    "with both": t.with_files(t.behind(), LABELS),
    "with padding": PLAIN + bytes(13),
    "without metadata": t.written(
        t.model(
            metadata=None,
            metadataBuffer=None,
            signatureDefs=None,
            description=None,
            buffers=[t.buffer(), t.buffer(t.FLOATS)],
        )
    ),
    "a custom operator of the interpreter": t.with_operator("TFLite_Detection_PostProcess", customOptions=[1, 2, 3]),
    "a custom operator of MediaPipe": t.with_operator("Convolution2DTransposeBias"),
    "an operator of TensorFlow": t.with_operator("FlexErfinv", customOptions=list(b"Erfinv and its node")),
}


@pytest.mark.parametrize("content", HONEST.values(), ids=HONEST.keys())
def test_an_honest_model_is_clean(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.tflite", content)
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    assert report.artifact.files[0].format == "tflite"


@pytest.mark.parametrize("content", [PLAIN, HONEST["with files"], *(HONEST[name] for name in list(HONEST)[5:])])
def test_what_is_said_is_what_the_reference_reads(tmp_path: Path, content: bytes) -> None:
    scanned(tmp_path, "m.tflite", content)
    agree(tmp_path / "m.tflite", content)


def test_the_texts_of_a_model_are_facts(tmp_path: Path) -> None:
    scanned(tmp_path, "m.tflite", t.with_files(PLAIN, LABELS))
    seen = facts(tmp_path / "m.tflite")
    told = {fact.key: fact.value for fact in seen if isinstance(fact, Metadata)}
    assert told["description"] == "a model of the tests"
    assert told["signature serving_default"] == "subgraph 0: x -> y"
    assert [fact.target for fact in seen if isinstance(fact, FileReference)] == ["labels.txt"]


def test_bytes_behind_the_flatbuffer_are_those_of_the_tensor(tmp_path: Path) -> None:
    content = t.behind()
    scanned(tmp_path, "m.tflite", content)
    (tensor,) = [fact for fact in facts(tmp_path / "m.tflite") if isinstance(fact, Tensor)]
    assert content[tensor.offset : tensor.offset + tensor.size] == t.FLOATS


def test_every_name_of_a_model_gives_the_same_report(tmp_path: Path) -> None:
    assert scanned(tmp_path, "model.bin", PLAIN).artifact.files[0].format == "tflite"
    assert "file/name-mismatch" in rules_of(scanned(tmp_path, "m.safetensors", PLAIN))


# Operators


@pytest.mark.parametrize(
    ("custom", "rule", "verdict"),
    [
        ("FlexPyFunc", "tflite/python-operator", Verdict.MALICIOUS),
        ("FlexEagerPyFunc", "tflite/python-operator", Verdict.MALICIOUS),
        ("FlexReadFile", "tflite/flex-operator", Verdict.SUSPICIOUS),
        ("FlexWriteFile", "tflite/flex-operator", Verdict.SUSPICIOUS),
        ("MyOperator", "tflite/custom-operator", Verdict.SUSPICIOUS),
        ("edgetpu-custom-op", "tflite/custom-operator", Verdict.SUSPICIOUS),
        ("", "tflite/custom-operator", Verdict.SUSPICIOUS),
    ],
)
def test_an_operator_that_is_not_built_in(tmp_path: Path, custom: str, rule: str, verdict: Verdict) -> None:
    report = scanned(tmp_path, "m.tflite", t.with_operator(custom, customOptions=list(b"some options")))
    assert report.verdict is verdict
    assert rule in rules_of(report)


def test_an_operator_code_that_is_not_used_counts(tmp_path: Path) -> None:
    content = t.written(t.model(operatorCodes=[t.code(), t.code(32, "FlexPyFunc")]))
    assert scanned(tmp_path, "m.tflite", content).verdict is Verdict.MALICIOUS


def test_a_built_in_operator_that_does_not_exist(tmp_path: Path) -> None:
    for number in (5000, 127, -3):
        content = t.written(
            t.model(
                operatorCodes=[
                    t.make(s.OperatorCodeT, deprecatedBuiltinCode=number if number < 0 else 127, builtinCode=number)
                ]
            )
        )
        assert "tflite/custom-operator" in rules_of(scanned(tmp_path, "m.tflite", content))


def test_the_higher_of_two_codes_counts(tmp_path: Path) -> None:
    """As interpreters do it, whichever field it is in."""
    for low, high in ((32, 0), (0, 32)):
        code = t.make(s.OperatorCodeT, deprecatedBuiltinCode=low, builtinCode=high, customCode="FlexPyFunc")
        content = t.written(t.model(operatorCodes=[code]))
        assert scanned(tmp_path, "m.tflite", content).verdict is Verdict.MALICIOUS


def test_a_call_by_name_is_an_operator_of_its_own(tmp_path: Path) -> None:
    options = t.make(
        s.StablehloCustomCallOptionsT, callTargetName="my_library.run", backendConfig="x=1", calledComputations=[]
    )
    call = t.operator(builtinOptions2Type=s.BuiltinOptions2.StablehloCustomCallOptions, builtinOptions2=options)
    made = t.model(operatorCodes=[t.code(s.BuiltinOperator.STABLEHLO_CUSTOM_CALL)])
    made.subgraphs[0].operators = [call]
    report = scanned(tmp_path, "m.tflite", t.written(made))
    assert "tflite/custom-operator" in rules_of(report)
    assert ("stablehlo", "my_library.run") in [
        fact[:2] for fact in facts(tmp_path / "m.tflite") if isinstance(fact, Operator)
    ]


def test_options_are_searched(tmp_path: Path) -> None:
    content = t.with_operator("TFLite_Detection_PostProcess", customOptions=list(EVIL.hex().encode()))
    assert scanned(tmp_path, "m.tflite", content).verdict is Verdict.MALICIOUS


# Bytes that are not what tables say


def changed(change: Callable[[Any], None]) -> bytes:
    made = t.model()
    change(made)
    return t.written(made)


def _set(place: str, value: Any) -> Callable[[Any], None]:
    def change(made: Any) -> None:
        *path, last = place.split(".")
        for step in path:
            made = made[int(step)] if step.isdigit() else getattr(made, step)
        setattr(made, last, value)

    return change


LIES = {
    "a tensor with too few bytes": _set("subgraphs.0.tensors.1.shape", [4, 5]),
    "a tensor with too many bytes": _set("subgraphs.0.tensors.1.shape", [4, 3]),
    "a tensor of another type": _set("subgraphs.0.tensors.1.type", s.TensorType.INT64),
    "a type that does not exist": _set("subgraphs.0.tensors.0.type", 99),
    "a negative shape": _set("subgraphs.0.tensors.1.shape", [-4, -4]),
    "a shape that overflows": _set("subgraphs.0.tensors.1.shape", [1 << 30, 1 << 30, 1 << 30]),
    "a buffer that does not exist": _set("subgraphs.0.tensors.1.buffer", 77),
    "metadata with a buffer that does not exist": _set("metadata.0.buffer", 99),
    "a list of metadata with such a buffer": _set("metadataBuffer", [44]),
    "an operator code that does not exist": _set("subgraphs.0.operators.0.opcodeIndex", 9),
    "an input that does not exist": _set("subgraphs.0.operators.0.inputs", [0, 30]),
    "an output that does not exist": _set("subgraphs.0.operators.0.outputs", [-2]),
    "an input of the graph that does not exist": _set("subgraphs.0.inputs", [-1]),
    "a signature of a tensor that does not exist": _set("signatureDefs.0.inputs.0.tensorIndex", 12),
    "a signature of a graph that does not exist": _set("signatureDefs.0.subgraphIndex", 3),
    "an external buffer that does not exist": _set("subgraphs.0.tensors.0.externalBuffer", 5),
}


@pytest.mark.parametrize("change", LIES.values(), ids=LIES.keys())
def test_a_table_that_lies_is_a_finding(tmp_path: Path, change: Callable[[Any], None]) -> None:
    report = scanned(tmp_path, "m.tflite", changed(change))
    assert report.verdict is Verdict.SUSPICIOUS
    assert "tflite/buffer" in rules_of(report)


def test_a_branch_to_a_graph_that_does_not_exist(tmp_path: Path) -> None:
    for kind, options, name in (
        (s.BuiltinOptions.IfOptions, s.IfOptionsT, "elseSubgraphIndex"),
        (s.BuiltinOptions.WhileOptions, s.WhileOptionsT, "bodySubgraphIndex"),
        (s.BuiltinOptions.CallOnceOptions, s.CallOnceOptionsT, "initSubgraphIndex"),
    ):
        made = t.model()
        made.subgraphs[0].operators = [t.operator(builtinOptionsType=kind, builtinOptions=t.make(options, **{name: 4}))]
        assert "tflite/buffer" in rules_of(scanned(tmp_path, "m.tflite", t.written(made)))


@pytest.mark.parametrize("lie", [16, 1 << 40])
def test_bytes_that_should_be_behind_the_end(tmp_path: Path, lie: int) -> None:
    report = scanned(tmp_path, "m.tflite", t.behind(lie=lie))
    assert report.verdict is Verdict.SUSPICIOUS
    assert "tflite/buffer" in rules_of(report)


def test_bytes_that_should_be_inside_of_the_flatbuffer(tmp_path: Path) -> None:
    made = t.model()
    made.buffers[1] = t.buffer(offset=64, size=64)
    report = scanned(tmp_path, "m.tflite", t.written(made))
    assert report.verdict is Verdict.SUSPICIOUS
    assert "file/flatbuffer-structure" in rules_of(report)


def test_bytes_in_two_places(tmp_path: Path) -> None:
    made = t.model()
    made.buffers[1] = t.buffer(t.FLOATS, offset=len(PLAIN), size=64)
    report = scanned(tmp_path, "m.tflite", t.written(made) + bytes(64))
    assert "tflite/buffer" in rules_of(report)


def test_a_gap_before_bytes_behind_the_flatbuffer_stays_opaque(tmp_path: Path) -> None:
    flatbuffer = len(t.behind()) - len(t.FLOATS)
    for gap in (bytes(32), b"what is hidden here is 32 bytes."):
        report = scanned(tmp_path, "m.tflite", t.behind(lie=32)[:flatbuffer] + gap + t.FLOATS)
        assert report.verdict is (Verdict.INCOMPLETE if gap.strip(b"\0") else Verdict.CLEAN)


def test_a_buffer_that_nothing_uses_is_not_clean(tmp_path: Path) -> None:
    made = t.model()
    made.buffers.append(t.buffer(bytes(range(1, 200))))
    report = scanned(tmp_path, "m.tflite", t.written(made))
    assert report.verdict is Verdict.INCOMPLETE
    assert "tflite/unused-bytes" in rules_of(report)
    made.buffers[-1] = t.buffer(EVIL)
    assert scanned(tmp_path, "m.tflite", t.written(made)).verdict is Verdict.MALICIOUS


def test_a_buffer_of_two_uses_is_a_finding(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.tflite", changed(_set("metadata.0.buffer", 1)))
    assert "tflite/unused-bytes" in rules_of(report)


@pytest.mark.parametrize("dtype", [s.TensorType.INT8, s.TensorType.UINT8])
def test_an_object_in_a_tensor_of_bytes_is_followed(tmp_path: Path, dtype: int) -> None:
    made = t.model()
    made.subgraphs[0].tensors[1] = t.tensor("w", 1, (len(EVIL),), dtype)
    made.buffers[1] = t.buffer(EVIL)
    assert scanned(tmp_path, "m.tflite", t.written(made)).verdict is Verdict.MALICIOUS


def test_a_tensor_of_texts_is_searched(tmp_path: Path) -> None:
    made = t.model()
    made.subgraphs[0].tensors[1] = t.tensor("w", 1, (1,), s.TensorType.STRING)
    made.buffers[1] = t.buffer(struct.pack("<3i", 1, 12, 12 + len(EVIL.hex())) + EVIL.hex().encode())
    assert scanned(tmp_path, "m.tflite", t.written(made)).verdict is Verdict.MALICIOUS


def test_a_program_in_a_tensor_is_a_finding(tmp_path: Path) -> None:
    program = (b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHI", 2, 62, 1)).ljust(64, b"\0")
    made = t.model()
    made.buffers[1] = t.buffer(program)
    assert "executable/native" in rules_of(scanned(tmp_path, "m.tflite", t.written(made)))


# Metadata and files


@pytest.mark.parametrize("place", ["description", "subgraphs.0.name", "subgraphs.0.tensors.0.name", "metadata.0.name"])
def test_texts_are_searched(tmp_path: Path, place: str) -> None:
    assert scanned(tmp_path, "m.tflite", changed(_set(place, EVIL.hex()))).verdict is Verdict.MALICIOUS


def test_metadata_that_is_no_text_is_looked_into(tmp_path: Path) -> None:
    for number in (2, 3):
        made = t.model()
        made.buffers[number] = t.buffer(EVIL)
        assert scanned(tmp_path, "m.tflite", t.written(made)).verdict is Verdict.MALICIOUS
        made.buffers[number] = t.buffer(bytes(range(1, 255)) * 300)
        assert scanned(tmp_path, "m.tflite", t.written(made)).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    ("files", "verdict"),
    [
        ({"a.py": b"import os\nos.system('echo')\n"}, Verdict.MALICIOUS),
        ({"run.sh": b"echo\n"}, Verdict.SUSPICIOUS),
        ({"m.pkl": EVIL}, Verdict.MALICIOUS),
        ({"labels.txt": EVIL}, Verdict.MALICIOUS),
        ({"../../labels.txt": b"cat\n"}, Verdict.SUSPICIOUS),
    ],
)
def test_files_behind_a_model_are_looked_into(tmp_path: Path, files: dict[str, bytes], verdict: Verdict) -> None:
    report = scanned(tmp_path, "m.tflite", t.with_files(PLAIN, files))
    assert report.verdict is verdict, report.findings


def test_a_zip_inside_of_the_flatbuffer_is_a_finding(tmp_path: Path) -> None:
    """A tensor at the end of the file that is an archive for whoever opens the model as one."""
    archive = t.with_files(b"", {"a.txt": b"cat\n"})
    made = t.model()
    made.subgraphs[0].tensors[1] = t.tensor("w", 1, (len(archive),), s.TensorType.INT8)
    made.buffers[1] = t.buffer(archive)
    report = scanned(tmp_path, "m.tflite", t.written(made))
    assert report.verdict is not Verdict.CLEAN


def test_bytes_between_a_model_and_its_files_stay_opaque(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.tflite", t.with_files(PLAIN + b"hidden", LABELS))
    assert report.verdict is Verdict.INCOMPLETE
    assert "file/flatbuffer-structure" in rules_of(report)


def test_external_buffers_are_files_beside_the_model(tmp_path: Path) -> None:
    made = t.model(
        externalBufferGroups=[t.make(s.ExternalBufferGroupT, name="weights.bin")],
        externalBuffers=[t.make(s.ExternalBufferT, id=1, group=0, offset=16, length=64)],
    )
    made.subgraphs[0].tensors[0] = t.tensor("x", 0, externalBuffer=1)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "m.tflite").write_bytes(t.written(made))
    assert inspected(folder).report.verdict is Verdict.INCOMPLETE
    (folder / "weights.bin").write_bytes(bytes(16) + b"\x81" * 64)
    report = inspected(folder).report
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    (data,) = [fact for fact in facts(folder / "m.tflite") if isinstance(fact, ExternalData)]
    assert (data.location, data.start, data.length, data.wanted) == ("weights.bin", 16, 64, 64)
    made.externalBufferGroups[0].name = "../../etc/passwd"
    (folder / "m.tflite").write_bytes(t.written(made))
    assert "onnx/external-data-escape" in rules_of(inspected(folder).report)


# Broken and changed models


def test_a_model_that_is_cut_off_is_not_clean(tmp_path: Path) -> None:
    for size in range(1, len(PLAIN), 17):
        assert scanned(tmp_path, "m.tflite", PLAIN[:size]).verdict is not Verdict.CLEAN, size


def test_a_model_that_is_lengthened_is_not_clean(tmp_path: Path) -> None:
    for more in (b"x", b"more of it", bytes(64), EVIL):
        report = scanned(tmp_path, "m.tflite", PLAIN + more)
        assert report.verdict is not Verdict.CLEAN
        assert "file/extra-bytes" in rules_of(report)


def test_a_name_alone_does_not_make_a_model(tmp_path: Path) -> None:
    for content in (b"hello", bytes(40), b"\x1c\0\0\0TFL3", b"\x08\0\0\0TFL3" + bytes(40)):
        assert scanned(tmp_path, "m.tflite", content).verdict is not Verdict.CLEAN


def test_a_model_whose_parts_are_shared_is_bounded(tmp_path: Path) -> None:
    """One graph that a vector names again and again: what it holds is not walked each time."""
    from build.flat_files import Number, flat, table

    graph = table(_3=[table(_0=Number("u32", 0))] * 500)
    content = bytearray(
        flat(table(_0=Number("u32", 3), _1=[table()], _2=[graph] + [table()] * 999, _4=[table()]), b"TFL3")
    )
    place = content.find(struct.pack("<I", 1000))
    first = place + 4 + struct.unpack_from("<I", content, place + 4)[0]
    for entry in range(place + 4, place + 4004, 4):
        struct.pack_into("<I", content, entry, first - entry)
    report = scanned(tmp_path, "m.tflite", bytes(content))
    assert report.verdict is not Verdict.CLEAN
    assert any("several graphs" in span.why for span in report.unread)


def test_too_many_blobs_inside_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat_walk, "BLOBS", 3)
    made = t.model()
    made.buffers.extend(t.buffer(EVIL) for _ in range(5))
    report = scanned(tmp_path, "m.tflite", t.written(made))
    assert len([found for found in report.findings if found.rule == "pickle/dangerous-call"]) == 3
    assert any("more than 3 blobs" in span.why for span in report.unread)
    assert report.artifact.files[0].coverage.opaque == report.artifact.files[0].size


def test_too_many_facts_are_said(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.tflite", PLAIN, Limits()._replace(facts=3))
    assert report.verdict is Verdict.INCOMPLETE


def test_a_changed_model_that_is_clean_is_read_as_the_reference_reads_it(tmp_path: Path) -> None:
    """Bytes of honest models are changed at random; whatever is still clean says what the reference says.

    A number that becomes another number of the same kind (an activation, a stride, a scale, an index that still exists)
    and bytes of weights cannot be told from honest ones: there is nothing that they would have to agree with.
    """
    path = tmp_path / "m.tflite"
    clean = 0
    for seed in range(400):
        rng = random.Random(seed)
        content = bytearray(PLAIN)
        for _ in range(rng.choice((1, 1, 2))):
            place = rng.randrange(len(content))
            change = rng.choice((b"\0", b"\xff", b"\xff" * 4, b"\1", rng.randbytes(2), bytes(4)))
            content[place : place + len(change)] = change
        report = scanned(tmp_path, "m.tflite", bytes(content))
        assert not any("parser failed" in span.why for span in report.unread), seed
        if report.verdict is Verdict.CLEAN and report.artifact.files[0].format == "tflite":
            clean += 1
            agree(path, bytes(content))
    assert clean > 50


def test_a_reference_that_leads_elsewhere_is_seen_or_read_alike(tmp_path: Path) -> None:
    """Every aligned number of the file, made larger by four: if it was a reference, what it led to is left over."""
    for offset in range(0, len(PLAIN) - 4, 4):
        content = bytearray(PLAIN)
        struct.pack_into("<I", content, offset, (struct.unpack_from("<I", content, offset)[0] + 4) & 0xFFFFFFFF)
        if scanned(tmp_path, "m.tflite", bytes(content)).verdict is Verdict.CLEAN:
            agree(tmp_path / "m.tflite", bytes(content))
