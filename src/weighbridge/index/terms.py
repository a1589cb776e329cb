"""From stored facts to what is asked for: every name that a model calls, imports, reaches or declares.

global       what pickles import or call, by dotted name          os.system
reference    code that a loader imports, as a document names it   modeling_net.Net (auto_map), keras classes …
call         what source code of the model uses                   subprocess.run
operator     operators of graphs, DOMAIN:NAME                     com.evil:Foo, MatMul
host         hosts of addresses in code, templates and texts      example.org
template     the SHA-256 of a template that has to be rendered    sha256:…
format       formats of files and of what is inside them          torch-zip
framework    versions that the model names itself, NAME==VERSION  torch==2.1.0
native       kinds of machine code and scripts                    elf
oddity       structures that honest writers do not produce        trailing-bytes
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from weighbridge.core import facts
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.records import Term

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.scan.report import BlobFacts

TEMPLATE = "whole"
"""The kind of `TemplateUse` whose expression is the digest of the whole template."""
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://[^\s\"'<>\\]{1,300}", re.IGNORECASE)
_NAME = re.compile(r"[\w.:-]{1,300}")


def terms_of(blobs: Iterable[BlobFacts]) -> tuple[Term, ...]:
    """What stored facts say of a model, each term once and in the order in which it was met."""
    found: dict[Term, None] = {}
    for blob in blobs:
        if blob.format not in ("none", "opaque"):
            found[Term("format", blob.format)] = None
        for fact in blob.facts:
            for term in _terms(fact):
                found[term] = None
    return tuple(found)


def hosts_in(text: str) -> Iterator[str]:
    """The hosts of the addresses in a text."""
    for address in _ADDRESS.findall(text):
        try:
            host = urlsplit(address).hostname
        except ValueError:
            continue
        if host:
            yield host


def _terms(fact: Fact) -> Iterator[Term]:
    kind = type(fact)
    if kind in (facts.Tensor, facts.PickleEnd):  # what there is most of says nothing here
        return
    if isinstance(fact, facts.Import):
        yield Term("global", fact.name)
    elif isinstance(fact, facts.Call):
        if _NAME.fullmatch(fact.callable):
            yield Term("global", fact.callable)
    elif isinstance(fact, facts.ComputedImport):
        yield Term("global", "(computed)")
    elif isinstance(fact, facts.Reference):
        yield Term("reference", fact.name)
    elif isinstance(fact, facts.Operator):
        yield Term("operator", f"{fact.domain}:{fact.name}" if fact.domain else fact.name)
    elif isinstance(fact, facts.SourceUse):
        yield Term("call", fact.name)
        yield from (Term("host", host) for host in hosts_in(fact.text))
    elif isinstance(fact, facts.TemplateUse):
        if fact.kind == TEMPLATE:
            yield Term("template", fact.expression)
        yield from (Term("host", host) for host in hosts_in(fact.expression))
    elif isinstance(fact, facts.FileReference):
        yield from (Term("host", host) for host in hosts_in(fact.target))
    elif isinstance(fact, facts.Address):
        yield from (Term("host", host) for host in hosts_in(fact.target))
        if "://" not in fact.target:
            yield Term("host", fact.target.partition("/")[0])
    elif isinstance(fact, facts.Native):
        yield Term("native", fact.kind)
    elif isinstance(fact, facts.Oddity):
        yield Term("oddity", fact.kind)
