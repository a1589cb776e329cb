"""Code that other worlds' models bring: functions of Lua, classes of Java and Spark, layers in Python, engines."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from build import foreign as f
from build.containers import zipped
from build.inspecting import KNOWLEDGE, rules_of, scanned
from weighbridge.core.findings import Severity, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import ScanReport


def severities(report: ScanReport, rule: str) -> set[Severity]:
    return {finding.severity for finding in report.findings if finding.rule == rule}


FUNCTIONS = {
    "a closure": f.t7_linear(updateOutput=f.t7_function()),
    "an older closure": f.t7_linear(updateOutput=f.t7_function(kind=7)),
    "a function": f.t7_linear(updateOutput=f.t7_function(kind=6)),
    "source text": f.t7_linear(updateOutput=f.t7_function(code=b"os.execute('echo inert')")),
    "nothing else": f.t7_function(index=1),
    "as text": f.T7_AS_TEXT.replace(b"2\n5\ntrain\n5\n1\n", b"2\n1\nf\n8\n9\n7\n\x1bLuaXXX\n3\n10\n0\n"),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_a_function_of_lua_is_critical(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "m.t7", FUNCTIONS[case])
    assert severities(report, "file/lua-function") == {Severity.CRITICAL}
    assert report.verdict is Verdict.MALICIOUS
    assert report.unread, "the bytecode is not read"


def test_a_class_of_an_unknown_library_is_a_finding(tmp_path: Path) -> None:
    content = f.t7_object(1, b"evil.Layer", f.t7_table(2, {}))
    assert scanned(tmp_path, "m.t7", content).verdict is Verdict.SUSPICIOUS
    assert "file/lua-class" in rules_of(scanned(tmp_path, "m.t7", content))
    old = f.i32(4, 1) + f.t7_text(b"nn.Linear") + f.t7_table(2, {})
    assert scanned(tmp_path, "m.t7", old).verdict is Verdict.CLEAN


TRANSFORMER = "org.apache.commons.collections.functors.InvokerTransformer"
GADGETS = [
    TRANSFORMER,
    "org.apache.commons.collections4.functors.ChainedTransformer",
    "com.sun.org.apache.xalan.internal.xsltc.trax.TemplatesImpl",
    "sun.reflect.annotation.AnnotationInvocationHandler",
    "javax.management.BadAttributeValueExpException",
    "org.codehaus.groovy.runtime.ConvertedClosure",
    "java.net.URL",
    "com.mchange.v2.c3p0.PoolBackedDataSource",
    "com.sun.rowset.JdbcRowSetImpl",
    "java.rmi.server.UnicastRemoteObject",
    "java.lang.invoke.SerializedLambda",
]


@pytest.mark.parametrize("name", GADGETS)
def test_a_gadget_of_java_is_critical_wherever_it_stands(tmp_path: Path, name: str) -> None:
    gadget = f.j_object(f.j_class(name))
    places = (
        gadget,
        f.j_map(gadget, f.J_TEXT),
        f.j_object(f.j_class("java.util.ArrayList", flags=3), gadget + b"\x78"),
        f.j_object(f.j_class("a.Sub", above=f.j_class(name))),
        f.j_object(f.j_class("java.util.Date", [("Ljava/lang/Object;", "o")]), gadget),
        b"\x75" + f.j_class("[Ljava.lang.Object;") + b"\0\0\0\1" + gadget,
        b"\x75" + f.j_class(f"[L{name};") + b"\0\0\0\0",
        b"\x76" + f.j_class(name),
        b"\x79" + f.J_TEXT + gadget,
        b"\x7b" + gadget,
    )
    for content in places:
        report = scanned(tmp_path, "m.bin", f.java(content))
        assert report.verdict is Verdict.MALICIOUS
        assert Severity.CRITICAL in severities(report, "file/java-class")


@pytest.mark.parametrize(
    "name", ["weka.classifiers.trees.J48", "org.nd4j.linalg.cpu.nativecpu.NDArray", "com.example.X"]
)
def test_a_class_that_nobody_looked_at_is_suspicious(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "j48.model", f.java(f.j_object(f.j_class(name))))
    assert severities(report, "file/java-class") == {Severity.HIGH}
    assert report.verdict is Verdict.SUSPICIOUS


def test_a_proxy_and_a_constant_are_told(tmp_path: Path) -> None:
    proxy = b"\x73\x7d" + struct.pack(">i", 2) + f.j_text("java.util.Map") + f.j_text("a.B") + b"\x78\x70"
    report = scanned(tmp_path, "m.ser", f.java(proxy))
    texts = [found.evidence.text for found in report.findings if found.rule == "file/java-class"]
    assert [text.split(":")[0] for text in texts] == ["a.B (proxy)", "java.util.Map (proxy)"]
    constant = (
        b"\x7e"
        + f.j_class("a.Color", flags=0x12, above=f.j_class("java.lang.Enum", flags=0x12))
        + b"\x74"
        + f.j_text("RED")
    )
    report = scanned(tmp_path, "m.ser", f.java(constant))
    assert {text.evidence.text.split(":")[0] for text in report.findings} == {"a.Color (class)", "a.Color (enum)"}
    assert not report.unread


def test_a_stream_of_java_is_found_inside_an_archive(tmp_path: Path) -> None:
    gadget = f.java(f.j_object(f.j_class(TRANSFORMER)))
    assert scanned(tmp_path, "m.zip", zipped({"preprocessor.bin": gadget})).verdict is Verdict.MALICIOUS


def test_a_long_list_of_objects_does_not_break_it(tmp_path: Path) -> None:
    link = f.j_class("a.Node", [("La/Node;", "next")])
    deep = b"\x73" + link + b"\x73\x71\x00\x7e\x00\x00" * 5000 + b"\x70"
    report = scanned(tmp_path, "m.ser", f.java(deep))
    assert not report.unread, "each object is inside the one before it"


def test_a_stage_of_spark_is_judged_by_its_class(tmp_path: Path) -> None:
    for name, verdict in (
        ("org.apache.spark.ml.feature.VectorAssembler", Verdict.CLEAN),
        ("com.johnsnowlabs.nlp.DocumentAssembler", Verdict.CLEAN),
        ("com.example.Stage", Verdict.SUSPICIOUS),
    ):
        text = f'{{"class":"{name}","timestamp":1,"sparkVersion":"3.5.0","uid":"u","paramMap":{{}}}}\n'
        report = scanned(tmp_path, "part-00000", text.encode())
        assert report.verdict is verdict, name
    late = b'{"paramMap":{"x":"' + b"y" * 2000 + b'"},"class":"com.example.Stage","sparkVersion":"3"}'
    assert "config/spark-class" in rules_of(scanned(tmp_path, "part-00000", late))


PYTHON = b'layer { name: "p" type: "Python" python_param { module: "evil" layer: "L" param_str: "{}" } }\n'
LAYERS = {
    "plain": PYTHON,
    "without colon and with brackets": b"layers < name: 'p' type: 'Python' python_param < module: 'evil' layer: 'L' > >",
    "escaped": PYTHON.replace(b'"Python"', b'"\\x50y" "thon"'),
    "by its parameters": PYTHON.replace(b'"Python"', b'"Data"'),
    "behind a comment": b"# layer {\n" + PYTHON,
    "in a solver": b"net_param { " + PYTHON + b"}",
}


@pytest.mark.parametrize("case", LAYERS)
def test_a_layer_in_python_is_critical(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "train.prototxt", LAYERS[case])
    assert severities(report, "file/python-layer") == {Severity.CRITICAL}, report.findings


def test_files_of_a_training_are_a_remark(tmp_path: Path) -> None:
    content = (
        b'layer { type: "Data" transform_param { mean_file: "m.binaryproto" } data_param { source: "/d/train" } }\n'
    )
    report = scanned(tmp_path, "train.prototxt", content)
    assert severities(report, "file/training-path") == {Severity.MEDIUM}
    assert report.verdict is Verdict.CLEAN


ENGINES = {
    "tensorrt": ("m.bin", b"ptrt" + bytes(60), "executable/native"),
    "tensorrt, newer": ("m.plan", b"ftrt" + bytes(60), "executable/native"),
    "tensorrt of ultralytics": (
        "m.bin",
        struct.pack("<I", 20) + b'{"a":1}'.ljust(20) + b"ftrt" + bytes(30),
        "executable/native",
    ),
    "tensorrt by name": ("m.engine", bytes(range(1, 60)), "executable/native"),
    "rknn": ("m.bin", b"RKNN\0\0\0\0" + bytes(40), ""),
    "hailo": ("m.bin", b"\x01HEF\0\0\0\x02" + bytes(40), ""),
    "qualcomm": ("m.dlc", b"\xd5\x0a\x03\0" + bytes(40), ""),
    "mnn": ("m.mnn", bytes(range(1, 60)), ""),
    "ncnn": ("m.param.bin", struct.pack("<iii", 7767517, 3, 3) + bytes(40), ""),
    "core ml": ("model.espresso.weights", bytes(range(1, 60)), ""),
    "core ml, data": ("coremldata.bin", bytes(range(1, 60)), ""),
    "openvino": ("m.blob", bytes(range(1, 60)), ""),
    "vowpal wabbit": ("m.bin", b"\x07\0\0\x008.11.0\0m" + bytes(40), ""),
    "kaldi": ("final.bin", b"\0B<TransitionModel> " + bytes(40), ""),
    "a table of kaldi": ("HCLG.bin", b"\xd6\xfd\xb2\x7e" + bytes(40), ""),
    "h2o": ("model.ini", b"[info]\nh2o_version = 3.46\n", ""),
    "mahout": ("part-r-00000", b"SEQ\x06\x19org.apache.hadoop.io.Text" + bytes(40), ""),
    "a device": ("m.kmodel", b"KMDL" + bytes(40), ""),
}


@pytest.mark.parametrize("case", ENGINES)
def test_a_compiled_model_is_told_and_never_clean(tmp_path: Path, case: str) -> None:
    name, content, rule = ENGINES[case]
    report = scanned(tmp_path, name, content)
    assert report.verdict is (Verdict.SUSPICIOUS if rule else Verdict.INCOMPLETE)
    assert not rule or rule in rules_of(report)
    assert report.artifact.files[0].coverage.opaque == len(content)
    assert any("ask for" in item.why for item in report.unread), "it says which form to ask for"


def test_a_package_stands_for_what_is_below_it_and_no_more() -> None:
    found = KNOWLEDGE.foreign
    assert found.find("java", TRANSFORMER).trust == "gadget"
    assert found.find("lua", "nn.Linear").trust == "plain"
    assert found.find("lua", "nnx.Linear") is None
    assert found.find("java", "nn.Linear") is None
    assert found.find("java", "java.util.HashMapX") is None
