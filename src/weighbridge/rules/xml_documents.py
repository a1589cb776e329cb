"""Rules on models written as XML: what a document asks its reader to fetch or to run, and layers from elsewhere."""

from __future__ import annotations

from weighbridge.core.facts import FileReference, Oddity, Reference
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("file/xml-entity", Severity.CRITICAL, on=Oddity, refs=("CWE-611", "CWE-776", "CWE-918"), since="0.1")
def xml_entity(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The document defines entities.

    What it finds: Entities that stand for a file or an address (critical), and such that stand for other text (high).
        None is expanded.
    Why it matters: A reader that follows them hands a file of the serving machine to whoever wrote the document, asks
        an address of the inner network, or fills its memory with entities made of entities. No model format needs one.
    What to do: Do not load the model. Report the publisher.
    Fires on:
        Oddity("xml-external-entity", "'x' file:///etc/passwd")
        Oddity("xml-entity", "'lol'")
    Stays silent on:
        Oddity("xml-doctype", "PMML")
    """
    del ctx
    if oddity.kind == "xml-external-entity":
        yield Hit(oddity.detail)
    elif oddity.kind == "xml-entity":
        yield Hit(oddity.detail, Severity.HIGH)


@rule("file/xml-script", Severity.HIGH, on=Oddity, refs=("CWE-79", "CWE-94"), since="0.1")
def xml_script(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The document carries a script, or tells its reader what to do with it.

    What it finds: Elements called `script`, addresses that are scripts, and processing instructions (medium), which
        name a stylesheet or another program.
    Why it matters: Viewers and some scoring engines run what stands there; a model is numbers and names.
    What to do: Ask what the script is for, and for a model without it.
    Fires on:
        Oddity("xml-script", "an element 'script'")
        Oddity("xml-instruction", "<?xml-stylesheet href='https://example.org/x.xsl'?>")
    Stays silent on:
        Oddity("xml-doctype", "PMML")
    """
    del ctx
    if oddity.kind == "xml-script":
        yield Hit(oddity.detail)
    elif oddity.kind == "xml-instruction":
        yield Hit(oddity.detail, Severity.MEDIUM)


@rule("file/xml-doctype", Severity.LOW, on=Oddity, refs=("CWE-611",), since="0.1")
def xml_doctype(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The document names a document type.

    What it finds: A DOCTYPE without entities of its own.
    Why it matters: Some readers fetch the type from the address that it names, which tells somebody when the model is
        loaded.
    What to do: Remove the line; the formats of today do without.
    Fires on:
        Oddity("xml-doctype", "PMML http://example.org/pmml.dtd")
    Stays silent on:
        Oddity("xml-entity", "'lol'")
    """
    del ctx
    if oddity.kind == "xml-doctype":
        yield Hit(oddity.detail)


@rule("file/xml-include", Severity.HIGH, on=FileReference, refs=("CWE-73", "CWE-611", "CWE-918"), since="0.1")
def xml_include(reference: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The document asks for another file to be put into it.

    What it finds: XInclude elements.
    Why it matters: The reader replaces the element by a file of its own machine or by what an address answers.
    What to do: Ask for a document that is complete in itself.
    Fires on:
        FileReference("xml-include", "file:///etc/passwd", "include")
    Stays silent on:
        FileReference("other", "weights.bin", "weights")
    """
    del ctx
    if reference.road == "xml-include":
        yield Hit(repr(reference.target[:200]))


@rule("file/java-function", Severity.HIGH, on=Reference, refs=("CWE-470", "CWE-829"), since="0.1")
def java_function(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The model calls a function by the name of a class.

    What it finds: Functions in PMML whose name has dots and that the document does not define.
    Why it matters: A scoring engine in Java takes such a name for a class, loads it and calls it. Which code that is
        depends on the machine, and a model should not choose it.
    What to do: Find out what the class is. Prefer a model that uses the functions of PMML alone.
    Fires on:
        Reference("pmml-function", "com.example.Evil", "Apply")
    Stays silent on:
        Reference("other", "com.example.Evil", "Apply")
    """
    del ctx
    if reference.road == "pmml-function":
        yield Hit(reference.name[:200])


@rule("executable/custom-layer", Severity.HIGH, on=Reference, refs=("CWE-829", "ATLAS AML.T0011.000"), since="0.1")
def custom_layer(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The model needs layers from a library that is not part of the runtime.

    What it finds: Layers of an OpenVINO model that belong to no `opset`. High if nobody knows them; low if a known
        library brings them, as the tokenizers of OpenVINO.
    Why it matters: Somebody has to load a native library into the serving process before the model runs, and the
        library is not what is judged here.
    What to do: Find out which library is meant and from whom it comes. Prefer a model that was converted to standard
        layers.
    Fires on:
        Reference("openvino-layer", "Foo", "extension")
        Reference("openvino-layer", "RegexSplit", "extension")
    Stays silent on:
        Reference("pmml-function", "Foo", "Apply")
    """
    if reference.road != "openvino-layer":
        return
    whose = f"of {reference.key[:100]!r}" if reference.key else "of no set of operators"
    entry = ctx.knowledge.operators.find(reference.key, reference.name)
    if entry is not None and entry.trust == "library":
        yield Hit(f"{reference.name[:200]} {whose}: brought by {entry.why}", Severity.LOW)
    else:
        yield Hit(f"{reference.name[:200]} {whose}")


RULES = (xml_entity, xml_script, xml_doctype, xml_include, java_function, custom_layer)
