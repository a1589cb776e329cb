"""What a check says of the pictures of a data set: unread ones, floods of one, patches that go with a label."""

from __future__ import annotations

from weighbridge.core.errors import SandboxError
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.pixels import MOST, able, picture_links, pictures
from weighbridge.dataset.report import Row, Sight, finding
from weighbridge.dataset.samples import Rows, labelled, numbered, unusual, usual
from weighbridge.dataset.suspicions import Told, doubtful, knowing, triggers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.dataset.files import DataFile
    from weighbridge.dataset.lines import Troubles


def gallery(files: Sequence[DataFile], troubles: Troubles) -> tuple[Told, str]:
    """Findings, what was seen, and why pictures were not read (empty if they were)."""
    why = able()
    step = max(1, -(-len(files) // MOST))
    taken = files[::step]
    try:
        seen = [] if why else pictures([file.full for file in taken])
    except SandboxError as error:
        why = f"decoders run behind walls alone, and {error.cause}"
    if why:
        return Told([], [Sight("pictures", ran=False, looked_at=0, least_rows=0, why=why)], []), why
    for file, one in zip(taken, seen, strict=True):
        if one.why:
            troubles.note("dataset/unreadable-file", file, 0, f"a picture cannot be decoded ({one.why})", unread=True)
    good = [(file, one) for file, one in zip(taken, seen, strict=True) if not one.why]
    rows = Rows([Row(file.shown, 1) for file, _ in good], [(file.label,) for file, _ in good], whole=step == 1)
    kept = [one for _, one in good]
    findings = []
    same: dict[bytes, list[int]] = {}
    for index, one in enumerate(kept):
        same.setdefault(one.grid + one.corners + one.windows, []).append(index)
    again = frozenset(index for group in same.values() for index in group[1:])
    for group in same.values():
        if len(group) >= max(10, len(kept) // 500):
            why = f"{len(group)} pictures are the same"
            findings.append(finding("flood", Severity.MEDIUM, rows.at(group), why))
    sight = [Sight("pictures", ran=True, looked_at=len(kept), least_rows=max(10, len(kept) // 500), why="floods")]
    common = usual([file.label for file, _ in good])
    left_out = unusual(len(good), len(common))
    y, names = numbered([good[index][0].label for index in common])
    if not labelled(y, names):
        why = f"{len(names)} folders, which are the labels, of {len(y)} pictures{left_out}"
        return Told(findings, [*sight, Sight("patches", ran=False, looked_at=0, least_rows=0, why=why)], []), ""
    rows = rows.only(common)
    again = frozenset(place for place, index in enumerate(common) if index in again)
    found = picture_links([kept[index] for index in common], y)
    noise, worst = doubtful(found, y, rows)
    findings += [*triggers(found.links, rows, [f"the label {name!r}" for name in names], again), *noise]
    least = rows.scaled(found.least, len(files))
    sight.append(Sight("patches", ran=True, looked_at=len(y), least_rows=least, why=knowing(found) + left_out))
    return Told(findings, sight, worst), ""
