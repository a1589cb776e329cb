"""Whether a bill of materials is about these bytes: every file it lists, and no other, with these digests."""

from __future__ import annotations

from weighbridge.core.artifact import escape_name
from weighbridge.core.digests import Digest, model_digest
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from weighbridge.sbom.read import ReadBill


class Difference(NamedTuple):
    """One place where the bill and the bytes disagree. `expected` is what the bill says, `found` what is there."""

    kind: Literal["missing", "added", "changed", "size", "unchecked", "twice", "no-file", "model-digest", "nothing"]
    path: str
    expected: str
    found: str
    text: str


class BillCheck(NamedTuple):
    """The outcome. `matches` is true only if every file was compared by its sha256 and none is missing or added."""

    matches: bool
    name: str
    digest: Digest
    form: str
    files: int
    compared: int
    differences: tuple[Difference, ...]


def check_bill(bill: ReadBill, files: Sequence[tuple[str, int, Digest]], odd: Sequence[str] = ()) -> BillCheck:
    """Compare a bill with the files that are there, given as (path as on disk, size, sha256).

    `odd` are escaped paths of what is there and is no file of the model: a loader may follow it all the same.
    """
    digest = model_digest(files)
    there = {escape_name(path): (size, found) for path, size, found in files}
    shown = {plain(path): path for path in there}
    differences = list(_of_files(bill, there, shown))
    compared = sum(1 for one in bill.files if one.sha256 and (one.path in there or one.path in shown))
    for path in odd:
        text = f"{plain(path, 200)} is a link out of the model, or no file at all: no bill can speak for it"
        differences.append(Difference("no-file", path, "", "", text))
    if not bill.files:
        text = "the bill lists no file, so it says nothing about these bytes"
        differences.append(Difference("nothing", "", "", f"{len(files)} files", text))
    if bill.digest and bill.digest != str(digest):
        text = f"the bill is about {bill.digest[:80]}, these files are {digest}"
        differences.append(Difference("model-digest", "", bill.digest, str(digest), text))
    return BillCheck(not differences, bill.name, digest, bill.form, len(files), compared, tuple(differences))


def _of_files(bill: ReadBill, there: dict[str, tuple[int, Digest]], shown: dict[str, str]) -> Iterator[Difference]:
    listed: dict[str, str] = {}
    for one in bill.files:
        path = one.path if one.path in there else shown.get(one.path, one.path)
        name = plain(path, 200)
        if path in listed:
            if listed[path] != one.sha256:
                text = f"{name} stands twice in the bill, with different digests"
                yield Difference("twice", path, listed[path], one.sha256, text)
            continue
        listed[path] = one.sha256
        if path not in there:
            yield Difference("missing", path, one.sha256, "", f"{name} is in the bill and not among the files")
            continue
        size, digest = there[path]
        if not one.sha256:
            text = f"the bill gives no sha256 for {name}, so nothing was compared"
            yield Difference("unchecked", path, "", digest.hex, text)
        elif one.sha256 != digest.hex:
            text = f"{name} has other bytes than the bill says"
            yield Difference("changed", path, one.sha256, digest.hex, text)
        elif one.size is not None and one.size != size:
            text = f"{name} has {size:,} bytes, the bill says {one.size:,}"
            yield Difference("size", path, str(one.size), str(size), text)
    for path in sorted(there.keys() - listed.keys()):
        text = f"{plain(path, 200)} is among the files and not in the bill"
        yield Difference("added", path, "", there[path][1].hex, text)
