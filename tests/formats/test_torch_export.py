"""torch.export: what loading evaluates, looks up or imports is judged; tensors are data, everything else a child."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.exported import exported, exported_old, meta, program
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import Operator, OperatorSet, Tensor
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

EVIL = p.proto(2) + p.system() + p.STOP
ADD = "torch.ops.aten.add.Tensor"
SIZES = (
    "s0",
    "2*s0 + 1",
    "Max(1, FloorDiv(s1, 2))",
    "Mod(s0*s1, 16)",
    "Eq(s0, 1)",
    "u0",
    "s77//8 - 3",
    "1.0*s0",
    "zuf0",
    "ModularIndexing(s0, 2, 4)",
    "OpaqueUnaryFn_sqrt(s0)",
    "int_oo",
    "Ne(s0, 2) & (s1 <= 4)",
)


@pytest.mark.parametrize("content", [exported(), exported_old(), exported(program(ADD, sizes=SIZES))])
def test_what_torch_writes_is_clean(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "net.pt2", content)
    assert (report.verdict, report.findings, report.unread) == (Verdict.CLEAN, (), ())
    assert report.artifact.files[0].format == "torch-export"


def test_operators_and_tensors_are_facts(tmp_path: Path) -> None:
    scanned(tmp_path, "net.pt2", exported(program(ADD, ADD, "torch.ops.higher_order.cond")))
    facts = inspected(tmp_path / "net.pt2").facts.blobs[0].facts
    operators = {fact.name: fact.times for fact in facts if isinstance(fact, Operator)}
    assert operators == {"ops.aten.add": 2, "ops.higher_order.cond": 1}
    assert [fact.domain for fact in facts if isinstance(fact, OperatorSet)] == ["aten"]
    (tensor,) = [fact for fact in facts if isinstance(fact, Tensor)]
    assert (tensor.name, tensor.shape, tensor.size) == ("data/weights/weight_0", (2, 3), 24)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('echo inert')",
        "s0.__class__",
        "s0.subs",
        "exec('x')",
        "eval (s0)",
        "lambdify(s0)",
        "S('x')",
        "[s0][0]",
        "s0 if s1 else s2",
        "(lambda: 1)()",
        "open('x')",
        "os\\x2esystem",
        "\uff45\uff56\uff41\uff4c(s0)",
        "Max(1, sympify(s0))",
        "s0" + " + 1" * 100,
    ],
)
@pytest.mark.parametrize("build", [exported, exported_old])
def test_a_size_that_is_no_arithmetic_is_malicious(tmp_path: Path, expression: str, build: object) -> None:
    report = scanned(tmp_path, "net.pt2", build(program(ADD, sizes=("s0", expression))))  # type: ignore[operator]
    assert report.verdict is Verdict.MALICIOUS
    assert "torchscript/exported-expression" in rules_of(report)


@pytest.mark.parametrize(
    "target", ["torch.os.system", "torch.hub.load", "torch.load", "_operator.methodcaller", "torch.utils.data.os.popen"]
)
def test_a_node_that_calls_no_operator_is_malicious(tmp_path: Path, target: str) -> None:
    report = scanned(tmp_path, "net.pt2", exported(program(ADD, target)))
    assert report.verdict is Verdict.MALICIOUS
    assert rules_of(report) == {"torchscript/exported-target"}


def test_a_specification_that_imports_is_malicious(tmp_path: Path) -> None:
    spec = '[1, {"type": "collections.defaultdict", "context": {"default_factory_module": "%s"}}]'
    assert scanned(tmp_path, "net.pt2", exported(program(ADD, spec=spec % "builtins"))).verdict is Verdict.CLEAN
    report = scanned(tmp_path, "net.pt2", exported(program(ADD, spec=spec % "evil")))
    assert "torchscript/exported-target" in rules_of(report)


@pytest.mark.parametrize("target", ["torch.ops.evil.run.default", "torch.ops.aten.from_file.default"])
def test_operators_of_libraries_and_on_files_need_a_person(tmp_path: Path, target: str) -> None:
    report = scanned(tmp_path, "net.pt2", exported(program(target)))
    assert rules_of(report) == {"torchscript/custom-operator"}


def test_guards_are_judged_as_python(tmp_path: Path) -> None:
    honest = exported(program(ADD, guards=("L['x'].size()[0] <= 1024", "L['x'].ndim == 2")))
    assert scanned(tmp_path, "net.pt2", honest).verdict is Verdict.CLEAN
    evil = exported(program(ADD, guards=("L['x'].ndim == 2", "__import__('os').system('echo inert') == 0")))
    assert scanned(tmp_path, "net.pt2", evil).verdict is Verdict.MALICIOUS


@pytest.mark.parametrize(
    "name", ["data/constants/custom_obj_0", "data/sample_inputs/other.pt", "extra/x", "models/x.json"]
)
def test_objects_inside_are_followed(tmp_path: Path, name: str) -> None:
    assert scanned(tmp_path, "net.pt2", exported(more={name: EVIL})).verdict is not Verdict.CLEAN
    assert (
        scanned(tmp_path, "net.pt2", exported(more={"data/constants/custom_obj_0": EVIL})).verdict is Verdict.MALICIOUS
    )


def test_a_weight_that_is_a_checkpoint_is_followed(tmp_path: Path) -> None:
    evil = exported(weights={"weight_0": (meta([2, 3]), EVIL)}, pickled=True)
    assert scanned(tmp_path, "net.pt2", evil).verdict is Verdict.MALICIOUS


def test_native_code_of_the_compiler_is_a_finding(tmp_path: Path) -> None:
    library = b"\x7fELF\x02\x01\x01" + bytes(100)
    report = scanned(tmp_path, "net.pt2", exported(more={"data/aotinductor/model/x.so": library}))
    assert "executable/native" in rules_of(report)
    report = scanned(tmp_path, "net.pt2", exported(weights={"weight_0": (meta([107], 1), library)}))
    assert "executable/native" in rules_of(report)


@pytest.mark.parametrize(
    "weights",
    [
        {"weight_0": (meta([2, 3]), bytes(28))},
        {"weight_0": (meta([2, 3]), bytes(20))},
        {"weight_0": (meta([2, 3], 99), bytes(24))},
        {"weight_0": (meta([2, 3], offset=-1), bytes(24))},
        {
            "weight_0": (
                {"dtype": 7, "sizes": [{"as_int": 6}], "strides": [], "storage_offset": {"as_int": 0}},
                bytes(24),
            )
        },
        {"weight_0": ({}, bytes(24))},
    ],
)
def test_bytes_that_no_tensor_accounts_for_are_unread(
    tmp_path: Path, weights: dict[str, tuple[dict[str, object], bytes]]
) -> None:
    assert scanned(tmp_path, "net.pt2", exported(weights=weights)).verdict is Verdict.INCOMPLETE


def test_tensors_that_share_a_storage_are_one(tmp_path: Path) -> None:
    content = exported(weights={"weight_0": (meta([2, 3]), bytes(24)), "weight_1": (meta([2, 2], offset=4), bytes(32))})
    assert scanned(tmp_path, "net.pt2", content).verdict is Verdict.CLEAN


@pytest.mark.parametrize("raw", [b"[1", b"{}", b"[]", b'"x"', b"\xff", b'{"graph_module": 3, "guards_code": {"a": 1}}'])
def test_a_program_of_another_shape_is_read_or_said_to_be_broken(tmp_path: Path, raw: bytes) -> None:
    report = scanned(tmp_path, "net.pt2", exported(more={"models/model.json": raw, "models/other.json": raw}))
    assert not any("parser failed" in unread.why for unread in report.unread)
    report = scanned(tmp_path, "net.pt2", exported(more={"data/weights/x_config.json": raw}))
    assert not any("parser failed" in unread.why for unread in report.unread)
