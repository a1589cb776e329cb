"""Reports as JSON. Only ASCII leaves here, so that no text of a model reaches a terminal as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weighbridge.scan.report import SET_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.scan.report import ScanReport


def scan_json(reports: Sequence[ScanReport]) -> str:
    """One report, or several as a set."""
    if len(reports) == 1:
        return document_json(reports[0].predicate())
    return document_json({"schema": SET_SCHEMA, "reports": [report.predicate() for report in reports]})


def document_json(document: dict[str, Any]) -> str:
    """Any document: indented, with sorted keys."""
    import json

    return json.dumps(document, indent=2, sort_keys=True) + "\n"
