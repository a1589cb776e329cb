"""What a registry holds, for people and for programs. Everything that a registry says is hostile until it is here."""

from __future__ import annotations

from weighbridge.core.digests import Digest
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pipelines.inventory import Row
from weighbridge.render.documents import document_json
from weighbridge.render.terminal import size_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from weighbridge.pipelines.inventory import ShownModel, Tree, Verification
    from weighbridge.registry.copy import Copied
    from weighbridge.registry.garbage import Garbage
    from weighbridge.render.terminal import Style

SHOWN_FILES = 40
"""Files of a model that are shown; the JSON has all."""
SHOWN_TEXT = 120


class Listing(NamedTuple):
    """Every tag of a registry."""

    rows: tuple[Row, ...]


def registry_document(name: str, record: tuple[Any, ...]) -> str:
    """A record as the JSON document `weighbridge.NAME/1`."""
    fields: dict[str, Any] = _json(record)
    return document_json({"schema": f"weighbridge.{name}/1", **fields})


def list_text(rows: Sequence[Row], style: Style) -> str:
    """One line for every tag."""
    if not rows:
        return "the registry is empty"
    wide = max(len(plain(row.reference, SHOWN_TEXT)) for row in rows)
    lines = []
    for row in rows:
        said = plain(f"{row.scan or 'no scan'} {row.date}".strip(), 40)
        digest = row.digest.short if style.unicode else row.digest.short.replace("…", "...")
        lines.append(f"{plain(row.reference, SHOWN_TEXT):<{wide}}  {digest}  {size_text(row.size):>9}  {said}")
    return "\n".join(lines)


def show_text(model: ShownModel) -> str:
    """A model: its digest, annotations and files."""
    lines = [
        f"{plain(model.reference)}",
        f"  {model.digest}",
        f"  {plain(model.kind, SHOWN_TEXT)}, {size_text(model.size)}",
    ]
    lines += [f"  {plain(item.key, 60)} = {plain(item.value, SHOWN_TEXT)}" for item in model.annotations]
    lines += [
        f"  {size_text(file.size):>9}  {file.digest}  {plain(file.path, SHOWN_TEXT)}"
        for file in model.files[:SHOWN_FILES]
    ]
    if len(model.files) > SHOWN_FILES:
        lines.append(f"  and {len(model.files) - SHOWN_FILES:,} more files")
    return "\n".join(lines)


def tree_text(tree: Tree, style: Style) -> str:
    """A model with what hangs on it, each link marked."""
    fork, last, bar = ("├─ ", "└─ ", "│  ") if style.unicode else ("|- ", "`- ", "|  ")
    marks = {"verified": "✓", "broken": "✗", "unchecked": "?"} if style.unicode else {}
    colours = {"verified": "32", "broken": "1;31", "unchecked": "33"}
    model = tree.model
    lines = [plain(model.reference), f"{model.digest}  {size_text(model.size)}"]
    lines.append(f"{fork}files")
    shown = model.files[:SHOWN_FILES]
    more = len(model.files) - len(shown)
    for number, file in enumerate(shown):
        end = last if number == len(shown) - 1 and not more else fork
        lines.append(f"{bar}{end}{plain(file.path, SHOWN_TEXT)}  {size_text(file.size)}")
    if more:
        lines.append(f"{bar}{last}{more:,} more")
    lines.append(f"{last}evidence" if tree.evidence else f"{last}no evidence: nothing is known of this model")
    for number, link in enumerate(tree.evidence):
        end = last if number == len(tree.evidence) - 1 else fork
        mark = marks.get(link.result, link.result.upper())
        digest = link.digest.short if style.unicode else link.digest.short.replace("…", "...")
        text = f"{mark} {plain(link.kind, 40):<16} {digest}  {plain(link.why, 200)}"
        lines.append(f"   {end}{style.paint(text, colours[link.result])}")
    return "\n".join(lines)


def verify_text(found: Verification, style: Style) -> str:
    """What was read, and every fault."""
    models = "1 model" if found.models == 1 else f"{found.models:,} models"
    count = f"{models}, {found.evidence:,} pieces of evidence, {found.blobs:,} blobs"
    looked = f"{count}, {size_text(found.bytes)} read"
    if not found.faults:
        return f"{style.paint('VERIFIED', '1;32')}  {looked}"
    faults = "1 fault" if len(found.faults) == 1 else f"{len(found.faults):,} faults"
    lines = [f"{style.paint('NOT VERIFIED', '1;31')}  {faults}; {looked}"]
    for fault in found.faults:
        lines.append(f"  {plain(fault.reference, SHOWN_TEXT)}  {plain(fault.digest)}")
        lines.append(f"      {plain(fault.why, 300)}")
    return "\n".join(lines)


def copy_text(copied: Copied) -> str:
    """Where the model is now."""
    evidence = f"{len(copied.evidence)} pieces of evidence, {copied.blobs} blobs, {size_text(copied.bytes)}"
    return f"COPIED  {plain(copied.reference)}\n  {copied.digest}\n  {evidence}"


def gc_text(garbage: Garbage) -> str:
    """What was removed, or would be."""
    word = "would be removed" if garbage.dry_run else "removed"
    count = "1 blob" if len(garbage.removed) == 1 else f"{len(garbage.removed):,} blobs"
    return (
        f"{count} {word}, {size_text(garbage.bytes)}; {garbage.kept:,} are named"
        f", {garbage.young:,} are not and stay for their age"
    )


def _json(value: Any) -> Any:
    if isinstance(value, Digest):
        return str(value)
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return {name: _json(getattr(value, name)) for name in value._fields}
        return [_json(item) for item in value]
    return value
