"""What is said of training data."""

from __future__ import annotations

from tools.schemas.models import source_shape
from tools.schemas.shapes import ListOf, Shape, fields_of, first_sentence, top

from weighbridge.core.claims import Claim, Status
from weighbridge.core.digests import Digest
from weighbridge.core.findings import Verdict
from weighbridge.dataset.difference import Difference
from weighbridge.dataset.fingerprint import DatasetFingerprint
from weighbridge.dataset.report import CheckReport, DataFinding


def shapes() -> dict[str, Shape]:
    """What `weighbridge dataset` says, by the name of its schema."""
    fields = fields_of(DatasetFingerprint)
    claim = Shape("Claim", first_sentence(Claim.__doc__), {"claim": str, "status": Status, "evidence": str})
    written = {
        "rootDigest": Digest,
        "files": fields["files"],
        "records": fields["records"],
        "source": source_shape("Where it came from."),
        "claims": ListOf(claim),
        "complete": bool,
        "incomplete": fields["incomplete"],
        "tool": fields["tool"],
        "envelope": fields["envelope"],
    }
    checked = fields_of(CheckReport)
    check = {
        "verdict": Verdict,
        "findings": tuple[DataFinding, ...],
        "sight": checked["sight"],
        "records": int,
        "unread": checked["unread"],
    }
    count = Shape("Count", "How often a value stands there.", {"value": str, "count": int})
    column = Shape(
        "Column",
        "One column; what it has beside this goes by its kind.",
        {"name": str, "kind": str, "nulls": int, "distinct": int, "values": ListOf(count)},
        closed=False,
        optional=("values",),
    )
    table = {
        "files": tuple[str, ...],
        "rows": int,
        "label": str,
        "duplicates": Shape("Duplicates", "Rows that repeat another.", {"rows": int, "largest": int}),
        "near": Shape("Near", "Texts that are nearly the same.", {"looked_at": int, "rows": int, "largest": int}),
        "columns": ListOf(column),
    }
    images = Shape("Images", "Images by folder.", {"files": int, "bytes": int, "folders": ListOf(count)})
    profile = {
        "tables": ListOf(Shape("Table", "Files with the same columns.", table)),
        "images": images,
        "incomplete": tuple[str, ...],
    }
    bodies = {
        "dataset-fingerprint": (DatasetFingerprint.__doc__, written),
        "dataset-diff": (Difference.__doc__, fields_of(Difference)),
        "dataset-check": (CheckReport.__doc__, check),
        "dataset-profile": ("What is in a data set.", profile),
    }
    return {
        name: top(name.title().replace("-", ""), first_sentence(about), f"weighbridge.{name}/1", body)
        for name, (about, body) in bodies.items()
    }
