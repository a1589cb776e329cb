"""XML models: what a document asks its reader to fetch is said and never done; OpenVINO's weights lie beside it."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import ExternalData, Metadata, Operator
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.grammars.xml_walk import events

if TYPE_CHECKING:
    from pathlib import Path

PMML = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- written by a library -->
<PMML xmlns="http://www.dmg.org/PMML-4_4" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="4.4">
  <Header><Application name="library"/><Timestamp>2026-01-01T00:00:00Z</Timestamp></Header>
  <DataDictionary><DataField name="x1" optype="continuous" dataType="double"/></DataDictionary>
  <TransformationDictionary><DefineFunction name="own.name" optype="continuous"/></TransformationDictionary>
  <RegressionModel functionName="regression">
    <Extension name="note" value="nothing"/>
    <LocalTransformations><DerivedField><Apply function="own.name"><Apply function="ln"/></Apply></DerivedField>
    </LocalTransformations>
    <RegressionTable intercept="1.5"><NumericPredictor name="x1" coefficient="0.25"/></RegressionTable>
  </RegressionModel>
</PMML>
"""


def openvino(*layers: str, more: str = "") -> bytes:
    return f'<?xml version="1.0"?>\n<net name="m" version="11"><layers>{"".join(layers)}</layers>{more}</net>'.encode()


def constant(offset: object = 0, size: object = 12, shape: str = "3", kind: str = "f32", name: str = "w") -> str:
    data = f'<data element_type="{kind}" shape="{shape}" offset="{offset}" size="{size}"/>'
    return f'<layer id="0" name="{name}" type="Const" version="opset1">{data}</layer>'


ADD = '<layer id="1" name="a" type="Add" version="opset14"><data auto_broadcast="numpy"/></layer>'
NET = openvino(constant(), constant(12, 4, ""), ADD)


def folder(where: Path, xml: bytes, weights: bytes | None, name: str = "model") -> Path:
    where.mkdir(exist_ok=True)
    (where / f"{name}.xml").write_bytes(xml)
    if weights is not None:
        (where / f"{name}.bin").write_bytes(weights)
    return where


@pytest.mark.parametrize("name", ["model.pmml", "model.xml", "model"])
def test_an_ordinary_pmml_is_clean(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, PMML)
    assert report.verdict is Verdict.CLEAN, report.findings
    assert not report.findings
    assert report.artifact.files[0].format == "xml-model"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "iso-8859-1"])
def test_every_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    name = encoding.removesuffix("-le").removesuffix("-be").removesuffix("-sig")
    text = PMML.decode().replace("UTF-8", name).replace('function="ln"', 'function="com.example.Evil"')
    report = scanned(tmp_path, "model.pmml", text.encode(encoding))
    assert "file/java-function" in rules_of(report) or report.verdict is Verdict.INCOMPLETE
    assert report.verdict is not Verdict.CLEAN


def test_an_openvino_model_and_its_weights_are_clean(tmp_path: Path) -> None:
    seen = inspected(folder(tmp_path / "m", NET, bytes(16)))
    assert seen.report.verdict is Verdict.CLEAN, seen.report.unread
    assert [file.format for file in seen.report.artifact.files] == ["external-data", "xml-model"]
    facts = [fact for blob in seen.facts.blobs for fact in blob.facts]
    assert [fact for fact in facts if isinstance(fact, ExternalData)][1][:4] == ("w", "model.bin", 12, 4)
    assert ("opset14", "Add") in [fact[:2] for fact in facts if isinstance(fact, Operator)]
    assert any(isinstance(fact, Metadata) and fact.value == "net" for fact in facts)


def test_weights_that_are_missing_or_too_short_are_not_clean(tmp_path: Path) -> None:
    assert inspected(folder(tmp_path / "a", NET, None)).report.verdict is Verdict.INCOMPLETE
    assert "onnx/external-data" in rules_of(inspected(folder(tmp_path / "b", NET, bytes(12))).report)


def test_bytes_of_the_weights_that_no_constant_asks_for_stay_unread(tmp_path: Path) -> None:
    report = inspected(folder(tmp_path / "m", NET, bytes(16) + b"more")).report
    assert report.verdict is Verdict.INCOMPLETE


def test_a_pickle_beside_an_openvino_model_is_judged_as_one(tmp_path: Path) -> None:
    evil = p.proto(4) + p.system() + p.STOP
    net = openvino(constant(0, len(evil), str(len(evil)), "u8"))
    assert inspected(folder(tmp_path / "m", net, evil)).report.verdict is Verdict.MALICIOUS


SIZES = [
    constant(0, 16),
    constant(0, 12, "3,0"),
    constant(0, 12, "9999999999,9999999999,9999999999"),
    constant("-1", 12),
    constant(0, "9" * 5000),
]


@pytest.mark.parametrize("layer", SIZES)
def test_a_constant_that_is_not_its_shape_is_a_finding(tmp_path: Path, layer: str) -> None:
    assert "onnx/tensor-size" in rules_of(inspected(folder(tmp_path / "m", openvino(layer), bytes(12))).report)


@pytest.mark.parametrize(
    ("kind", "shape", "size"), [("u4", "3", 2), ("u1", "9", 2), ("f16", "2,2", 8), ("string", "3", 99), ("i64", "0", 0)]
)
def test_sizes_follow_from_shape_and_type(tmp_path: Path, kind: str, shape: str, size: int) -> None:
    report = inspected(folder(tmp_path / "m", openvino(constant(0, size, shape, kind)), b"\1" * max(size, 1))).report
    assert "onnx/tensor-size" not in rules_of(report)


@pytest.mark.parametrize(
    ("kind", "version", "severity"),
    [("Foo", "extension", "high"), ("RegexSplit", "extension", "low"), ("Foo", "", "high")],
)
def test_a_layer_of_a_library_is_a_finding(tmp_path: Path, kind: str, version: str, severity: str) -> None:
    report = inspected(folder(tmp_path / "m", openvino(f'<layer type="{kind}" version="{version}"/>'), None)).report
    found = [finding for finding in report.findings if finding.rule == "executable/custom-layer"]
    assert [finding.severity.value for finding in found] == [severity]


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ATTLIST PMML z CDATA "&c;&c;&c;">]><PMML version="&c;">&c;</PMML>"""
FETCHED = {
    "a file": b'<!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]><PMML>&x;</PMML>',
    "a public one": b'<!DOCTYPE PMML [<!ENTITY x PUBLIC "-//x" "http://example.org/x">]><PMML/>',
    "a parameter": b'<!DOCTYPE PMML [<!ENTITY % x SYSTEM "http://example.org/x.dtd"> %x;]><PMML/>',
    "behind another": b'<!DOCTYPE PMML [<!ENTITY y "text"><!ENTITY x SYSTEM "file:///etc/passwd">]><PMML>&x;</PMML>',
}


@pytest.mark.parametrize("content", FETCHED.values(), ids=FETCHED.keys())
def test_an_entity_that_is_fetched_is_malicious(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "model.pmml", b'<?xml version="1.0"?>' + content)
    assert report.verdict is Verdict.MALICIOUS
    assert "file/xml-entity" in rules_of(report)


def test_entities_made_of_entities_are_not_expanded(tmp_path: Path) -> None:
    report = scanned(tmp_path, "model.pmml", LAUGHS)
    assert report.verdict is Verdict.SUSPICIOUS
    assert report.unread
    with pytest.raises(FormatError):
        list(events(Reader(MemorySource(LAUGHS))))


EVIL = base64.b64encode(p.proto(4) + p.system() + p.STOP).decode()
WITHIN = {
    "an attribute": PMML.replace(b"nothing", EVIL.encode()),
    "a text": PMML.replace(b"2026-01-01T00:00:00Z", EVIL.encode()),
    "a comment": PMML.replace(b"written by a library", EVIL.encode()),
    "references to characters": PMML.replace(b"nothing", "".join(f"&#{ord(c)};" for c in EVIL).encode()),
    "an instruction": PMML.replace(b"<Header>", f"<?x {EVIL}?><Header>".encode()),
    "unmarked text": PMML.replace(b"2026-01-01T00:00:00Z", f"<![CDATA[{EVIL}]]>".encode()),
}


@pytest.mark.parametrize("content", WITHIN.values(), ids=WITHIN.keys())
def test_an_object_inside_is_found_and_followed(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "model.pmml", content).verdict is Verdict.MALICIOUS


ODD = {
    "file/java-function": PMML.replace(b'"ln"', b'"com.example.Evil"'),
    "file/xml-script": PMML.replace(b"<Header>", b"<Header><x:script xmlns:x='u:x'>run()</x:script>"),
    "file/xml-include": PMML.replace(b"<Header>", b"<Header><xi:include xmlns:xi='u:x' href='file:///etc/passwd'/>"),
    "file/xml-doctype": PMML.replace(b"<PMML", b'<!DOCTYPE PMML SYSTEM "http://example.org/pmml.dtd"><PMML', 1),
}


@pytest.mark.parametrize(("rule", "content"), ODD.items())
def test_what_is_odd_is_a_finding(tmp_path: Path, rule: str, content: bytes) -> None:
    assert rule in rules_of(scanned(tmp_path, "model.pmml", content))


BROKEN = {
    "cut off": PMML[:-20],
    "something behind": PMML + b"<more/>",
    "an unknown encoding": b'<?xml version="1.0" encoding="x-evil"?><PMML/>',
    "too deep": b"<?xml version='1.0'?><PMML>" + b"<a>" * 5000,
    "another kind": b"<?xml version='1.0'?><project default='run'><target name='run'><exec/></target></project>",
    "no document": b"<?xml version='1.0'?>",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_document_that_is_broken_or_unknown_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "model.pmml", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.unread


def test_many_layers_reach_the_limit_once(tmp_path: Path) -> None:
    net = openvino(*(constant(0, 12, name=str(number)) for number in range(200)))
    report = scanned(tmp_path, "model.xml", net, Limits(facts=50))
    assert report.limits_reached == ("facts",)
    assert len(report.findings) < 20


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(PMML) - 1), change=st.binary(max_size=4), cut=st.integers(0, 4))
def test_any_change_gives_events_or_a_format_error(place: int, change: bytes, cut: int) -> None:
    content = PMML[:place] + change + PMML[place + cut :]
    with contextlib.suppress(FormatError):
        for event in events(Reader(MemorySource(content))):
            assert 0 <= event.offset <= len(content)
