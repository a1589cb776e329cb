"""Reports as JSON. Only ASCII leaves here, so that no text of a model reaches a terminal as it is.

Documents are laid out for people and for line-by-line comparison: one field on a line, one entry of a list on a line.
Entries are written whole, by the fast encoder of the standard library.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.scan.report import SET_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from weighbridge.engines.base import EngineReport
    from weighbridge.scan.report import ScanReport


def scan_json(reports: Sequence[ScanReport], opinions: Sequence[Sequence[EngineReport]] = ()) -> str:
    """One report, or several as a set; with what engines say of each, if any were asked."""
    documents = [report.predicate() for report in reports]
    if opinions:
        from weighbridge.attest.engine_answers import answer_document

        for document, answers in zip(documents, opinions, strict=True):
            document["engines"] = [answer_document(said) for said in answers]
    if len(documents) == 1:
        return document_json(documents[0])
    return document_json({"schema": SET_SCHEMA, "reports": documents})


def document_json(document: dict[str, Any]) -> str:
    """Any document, with sorted keys."""
    from json import JSONEncoder

    return _laid_out(document, "", JSONEncoder(sort_keys=True).encode) + "\n"


def _laid_out(value: Any, margin: str, encode: Callable[[Any], str]) -> str:
    """Objects over several lines while they are documents or hold lists; everything else on one."""
    inner = margin + "  "
    if isinstance(value, dict) and (not margin or "schema" in value or any(map(_is_list, value.values()))):
        fields = (f"{inner}{encode(key)}: {_laid_out(value[key], inner, encode)}" for key in sorted(value))
        return "{\n" + ",\n".join(fields) + f"\n{margin}}}"
    if _is_list(value):
        entries = (
            _laid_out(entry, inner, encode) if isinstance(entry, dict) and "schema" in entry else encode(entry)
            for entry in value
        )
        return "[\n" + ",\n".join(inner + entry for entry in entries) + f"\n{margin}]"
    return encode(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)
