"""Bills of materials for people: a page in Markdown, and what changed or differs in words.

Text of a model stands in code spans only, and no address of it becomes a link.
"""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.markdown import span
from weighbridge.render.terminal import size_text
from weighbridge.sbom.elements import elements, g7_score, owasp_score, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from weighbridge.render.terminal import Style
    from weighbridge.sbom.bill import ModelBill
    from weighbridge.sbom.check import BillCheck
    from weighbridge.sbom.diff import BillDiff

SHOWN = 200
"""Rows of a table, and lines of an answer; the JSON has them all."""
PASSAGE = 400
GOOD, BAD = "32", "31"
NOT_KNOWN = "not known"


def bill_markdown(bill: ModelBill, *, made_at: str) -> str:
    """The bill as a page."""
    from weighbridge.sbom.cyclonedx import render_cyclonedx

    sections = (
        _head(bill, made_at),
        _origin(bill),
        _files(bill),
        _built(bill),
        _trained(bill),
        _needs(bill),
        _card(bill),
        _proof(bill),
        _complete(bill, render_cyclonedx(bill, made_at=made_at)),
    )
    return "\n".join(line for section in sections for line in section) + "\n"


def _head(bill: ModelBill, made_at: str) -> Iterator[str]:
    size = sum(file.size for file in bill.files)
    yield f"# Bill of materials: {span(bill.name)}"
    yield ""
    yield f"{len(bill.files):,} files, {size_text(size)}, {span(str(bill.digest))}"
    yield ""
    yield f"Verdict of the scan: **{bill.verdict}**. Written {span(made_at)} by {bill.tool.name} {bill.tool.version}."
    yield ""


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]], empty: str = NOT_KNOWN) -> Iterator[str]:
    found = list(rows)
    yield f"## {title}"
    yield ""
    if not found:
        yield f"{empty[:1].upper()}{empty[1:]}."
        yield ""
        return
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in found[:SHOWN]:
        yield f"| {' | '.join(row)} |"
    if len(found) > SHOWN:
        yield ""
        yield f"{len(found) - SHOWN:,} more are in the JSON."
    yield ""


def _value(text: str, limit: int = PASSAGE) -> str:
    return span(plain(text, limit)) if text else NOT_KNOWN


def _origin(bill: ModelBill) -> Iterator[str]:
    signed = {None: "no signature that could be checked", True: "verified", False: "**does not hold**"}
    rows = [
        ("source", _value(bill.source or "")),
        ("revision", _value(bill.revision or "")),
        ("supplier", _value(bill.supplier)),
        ("released", _value(bill.released)),
        ("signature", signed[bill.signature_verified]),
        ("licence", _value(bill.licence.declared)),
    ]
    if bill.licence.concluded:
        rows.append(("licence by its text", _value(bill.licence.concluded)))
    if bill.licence.problem:
        rows.append(("against that licence", _value(bill.licence.problem)))
    for base in bill.bases:
        known = " ".join(part for part in (base.name, base.revision, base.digest) if part)
        rows.append((span(base.relation) if base.relation else "made of", f"{span(known)}: {_value(base.where)}"))
    if not bill.bases:
        rows.append(("base model", "none: trained from scratch, it says" if bill.scratch else NOT_KNOWN))
    return _table("Where it comes from", ("what", "value"), rows)


def _files(bill: ModelBill) -> Iterator[str]:
    rows = (
        (
            span(file.path),
            size_text(file.size),
            file.format,
            "**yes**" if file.can_carry_code else "no",
            span(file.sha256.hex),
        )
        for file in bill.files
    )
    return _table("Files", ("file", "size", "format", "can carry code", "sha256"), rows)


def _built(bill: ModelBill) -> Iterator[str]:
    declared, observed = bill.declared, bill.observed
    rows = [
        ("architecture", _value(", ".join(declared.architectures)), "config.json"),
        ("family", _value(declared.model_type), "config.json"),
        ("parameters", f"{observed.parameters:,}" if observed.tensors else NOT_KNOWN, "counted in the tensors"),
        *((f"of {span(dtype)}", f"{count:,}", "counted in the tensors") for dtype, count in observed.dtypes),
        ("type of its numbers", _value(declared.dtype), "config.json"),
        ("quantization", _value(declared.quantization), "config.json"),
        *((span(one.name), _value(one.value), span(one.where)) for one in bill.architecture),
    ]
    yield from _table("How it is built", ("what", "value", "where"), (row for row in rows if row[1] != NOT_KNOWN))
    graphs = (
        (
            one.format,
            span(one.domain or "built-in"),
            str(one.version) if one.version is not None else NOT_KNOWN,
            f"{one.operators:,}",
            span(plain(", ".join(one.custom), PASSAGE)) if one.custom else "none",
        )
        for one in bill.operators
    )
    if bill.operators:
        yield from _table("Operators", ("format", "domain", "version", "operators", "custom"), graphs)
    code = ((span(one.name), span(one.value), span(one.where)) for one in bill.custom_code)
    if bill.custom_code:
        yield from _table("Code that a loader runs", ("key", "code", "where"), code)


def _trained(bill: ModelBill) -> Iterator[str]:
    data = (
        (span(one.name), one.role, _value(one.version), _value(one.digest), span(one.where)) for one in bill.data_sets
    )
    yield from _table("Data", ("data", "role", "version", "fingerprint", "where"), data)
    told = ((span(one.name), _value(one.value), span(one.where)) for one in (*bill.method, *bill.training))
    yield from _table("Training", ("what", "value", "where"), told)


def _needs(bill: ModelBill) -> Iterator[str]:
    rows = (
        (one.kind, span(one.name), span(one.version or one.wanted or "any version"), span(one.where))
        for one in bill.dependencies
    )
    return _table("What it needs to run", ("kind", "name", "version", "where"), rows)


def _card(bill: ModelBill) -> Iterator[str]:
    rows = ((one.name, _value(one.value), span(one.where)) for one in bill.prose)
    yield from _table("What its card says", ("subject", "text", "where"), rows, "there is no card, or it says nothing")
    results = ((span(one.type), _value(one.data_set), span(one.value)) for one in bill.metrics)
    if bill.metrics:
        yield from _table("Results, as the card says", ("metric", "data", "value"), results)


def _proof(bill: ModelBill) -> Iterator[str]:
    rows = ((one.kind, span(one.predicate_type), span(str(one.digest))) for one in bill.evidence)
    return _table("Attestations", ("kind", "type", "digest of the bundle"), rows, "none is referred to")


def _complete(bill: ModelBill, document: dict[str, Any]) -> Iterator[str]:
    yield "## What is not known"
    yield ""
    for name in unknown(bill):
        yield f"- {name}"
    for problem in bill.problems[:SHOWN]:
        yield f"- not read: {span(plain(problem, PASSAGE))}"
    yield ""
    present = sum(1 for one in elements(bill) if one.state == "present")
    for score in (owasp_score(document), g7_score(bill)):
        yield f"- {score.method}: {score.points:g} of 100"
    yield f"- {present} of {len(elements(bill))} elements are present"
    yield ""


def diff_text(diff: BillDiff, style: Style) -> str:
    """The changes, one on a line."""
    if not diff.changes and not diff.same_files:
        lines = ["no difference in what the bills say; they list no file"]
    elif not diff.changes:
        lines = [style.paint("no difference", GOOD) + " in files and in what the bills say"]
    elif diff.same_files:
        lines = [f"the same files; {len(diff.changes):,} differences in what the bills say"]
    else:
        files = sum(1 for one in diff.changes if one.subject == "file")
        lines = [f"{files:,} files differ, and {len(diff.changes) - files:,} other things"]
    signs = {"added": "+", "removed": "-", "changed": "~", "renamed": ">"}
    lines += [f"  {signs[one.kind]} {plain(one.text)}" for one in diff.changes[:SHOWN]]
    if len(diff.changes) > SHOWN:
        lines.append(f"  … and {len(diff.changes) - SHOWN:,} more; --format json has them all")
    if diff.not_compared:
        lines.append(f"  not compared, because one bill cannot say it: {', '.join(diff.not_compared)}")
    return "\n".join(lines) + "\n"


def check_text(check: BillCheck, style: Style) -> str:
    """Whether the bill is about these files."""
    if check.matches:
        return f"{style.paint('matches', GOOD)}: {check.compared:,} of {check.files:,} files, {check.digest}\n"
    lines = [f"{style.paint('differs', BAD)}: {len(check.differences):,} differences"]
    lines += [f"  {plain(one.text)}" for one in check.differences[:SHOWN]]
    if len(check.differences) > SHOWN:
        lines.append(f"  … and {len(check.differences) - SHOWN:,} more; --format json has them all")
    return "\n".join(lines) + "\n"
