"""What `weighbridge dataset` says, for people. All text of the data is hostile."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.dataset.difference import Difference, Place
    from weighbridge.dataset.fingerprint import DatasetFingerprint
    from weighbridge.dataset.report import CheckReport, Row

SHOWN = 10
_WIDTH = 300


def fingerprint_text(name: str, found: DatasetFingerprint) -> str:
    """The digests, and whether everything was there."""
    lines = [plain(name, 200), f"  files    {len(found.files)}, root {found.subject}"]
    lines.append(f"  records  {found.records.number}, root {found.records.root}")
    if found.origin.revision:
        lines.append(f"  source   {plain(found.origin.place, 200)} at {plain(found.origin.revision, 100)}")
    lines += [f"  {claim.claim}: {claim.status.value}: {plain(claim.evidence, _WIDTH)}" for claim in found.claims]
    lines += [f"  not read: {plain(why, _WIDTH)}" for why in found.incomplete[:SHOWN]]
    if found.incomplete:
        lines.append("  incomplete: this names a part of the data set, not all of it")
    return "\n".join([*lines, ""])


def difference_text(found: Difference) -> str:
    """Counts, and the first places of each kind."""
    lines = [f"{found.same} the same, {found.added} added, {found.changed} changed, {found.removed} removed"]
    lines += [f"  + {_placed(one)}" for one in found.added_at[:SHOWN]]
    lines += [
        f"  ~ {plain(one.before.file, 200)}:{one.before.row} -> {_placed(one.after)}"
        for one in found.changed_at[:SHOWN]
    ]
    lines += [f"  - {_placed(one)}" for one in found.removed_at[:SHOWN]]
    for step in found.commits[:SHOWN]:
        lines.append(f"  {step.commit[:12]} by {plain(step.author, 80)}: {step.added} added, {step.removed} removed")
        lines.append(f"    commit-signature: {step.signature}: {plain(step.why, _WIDTH)}")
    lines += [f"  {plain(found.commits_unknown, _WIDTH)}"] if found.commits_unknown else []
    lines += [f"  not read: {plain(why, _WIDTH)}" for why in found.incomplete[:SHOWN]]
    return "\n".join([*lines, ""])


def _placed(one: Place) -> str:
    return f"{plain(one.file, 200)}:{one.row}" + (f" by {one.commit[:12]}" if one.commit else "")


def profile_text(found: dict[str, Any]) -> str:
    """A line for each column."""
    lines = []
    for table in found["tables"]:
        lines.append(f"{table['rows']} rows in {len(table['files'])} files")
        lines.append(
            f"  {table['duplicates']['rows']} rows repeat another; label: {plain(table['label'] or 'none', 80)}"
        )
        for column in table["columns"]:
            told = column.get("range") or ""
            if column.get("values"):
                told = ", ".join(f"{plain(one['value'], 30)} ({one['count']})" for one in column["values"][:5])
            nulls = f", {column['nulls']} empty" if column["nulls"] else ""
            lines.append(
                f"  {plain(column['name'], 60)}: {column['kind']}, about {column['distinct']} values{nulls} {told}"
            )
    if found["images"]["files"]:
        lines.append(f"{found['images']['files']} images in {len(found['images']['folders'])} folders")
    lines += [f"not read: {plain(why, _WIDTH)}" for why in found["incomplete"][:SHOWN]]
    return "\n".join([*lines, ""])


def check_text(report: CheckReport) -> str:
    """The verdict, every finding, and what each check can see."""
    lines = [f"{report.verdict.value}: {report.rows} records, {len(report.findings)} findings"]
    for found in report.findings:
        lines += [f"  {found.severity.value:<8} {found.rule}  {found.estimate} rows", f"    {plain(found.why, 600)}"]
        if found.rows:
            lines.append("    " + ", ".join(_row(row) for row in found.rows[:SHOWN]))
    lines += [f"  unread: {plain(why, _WIDTH)}" for why in report.unread[:SHOWN]]
    lines.append("what the checks can see:")
    for sight in report.sight:
        head = f"{sight.looked_at} rows looked at, from {sight.least_rows} rows on" if sight.ran else "did not run"
        lines.append(f"  {sight.check}: {head}{'; ' + plain(sight.why, _WIDTH) if sight.why else ''}")
    return "\n".join([*lines, ""])


def _row(row: Row) -> str:
    return f"{plain(row.file, 200)}:{row.row}"
