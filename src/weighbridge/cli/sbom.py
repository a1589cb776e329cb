"""Write the bill of materials of a model; say what changed between two; hold one against bytes.

  PATH               inspect a model folder or file on the way (nothing in it is run) and write its bill
  diff A B           say in words what changed; each is a bill, or a model that is inspected for it
  check SBOM PATH    read every byte of PATH and compare; status 1 if anything differs or could not be compared

Status 0: written, compared, or all as the bill says. Status 2: there was nothing to inspect, or no bill to read. A bill
carries the verdict of the scan; it is no gate. The same bytes and --made-at give the same bill.

Examples:
  weighbridge sbom ./model --output bom.json
  weighbridge sbom ./model --format spdx --source hf://org/name --revision 0123456789abcdef0123456789abcdef01234567
  weighbridge sbom ./model --format markdown --made-at 2026-01-01T00:00:00Z
  weighbridge sbom diff v1.json v2.json
  weighbridge sbom diff bom.json ./model --format json
  weighbridge sbom check bom.json ./model
"""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from weighbridge.sbom.bill import DataSet, ModelBill
    from weighbridge.sbom.read import ReadBill

BILLS = ("cyclonedx", "spdx", "weighbridge", "markdown")
ANSWERS = ("text", "json")
EPOCH = "SOURCE_DATE_EPOCH"
"""The environment variable with the time of reproducible builds, in seconds."""
_DATA = re.compile(r"(?P<name>[^@=\s]+)(?:@(?P<version>[^@=\s]+))?(?:=(?:sha256:)?(?P<digest>[0-9a-f]{64}))?")
_USAGE = """weighbridge sbom PATH [options]
       weighbridge sbom diff A B [--format text|json] [options]
       weighbridge sbom check SBOM PATH [--format text|json] [options]"""


class Asked(NamedTuple):
    """What the words of the command line ask for: `verb` is empty for the bill of one path."""

    verb: str
    first: str
    second: str = ""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `sbom` takes."""
    parser.usage = _USAGE
    parser.add_argument("words", metavar="PATH", nargs="+", help="a model; or diff A B; or check SBOM PATH")
    parser.add_argument("--source", metavar="SOURCE", help="where the model comes from, as it shall stand in the bill")
    parser.add_argument("--revision", metavar="REVISION", help="the commit or version at the source")
    parser.add_argument("--supplier", metavar="NAME", help="who gave the model")
    parser.add_argument("--released", metavar="TIME", help="when it was released (RFC 3339)")
    parser.add_argument(
        "--dataset",
        metavar="NAME[@VERSION][=SHA256]",
        action="append",
        default=[],
        help="data that it was trained on, with its version and the fingerprint of weighbridge dataset (repeatable)",
    )
    parser.add_argument("--made-at", metavar="TIME", help=f"the time of the bill (default: now, or {EPOCH})")
    parser.add_argument("--spec-version", choices=("1.7", "1.6"), default="1.7", help="of CycloneDX (default: 1.7)")
    common.add_attestations(parser)
    common.add_output(parser, (*BILLS, *ANSWERS))
    parser.set_defaults(format=None)


def asked(words: list[str]) -> Asked:
    """One word is a path, even if it is called `diff`. Raises UsageError for anything else that is not asked well."""
    if len(words) == 1:
        return Asked("", words[0])
    if len(words) == 3 and words[0] in ("diff", "check"):
        return Asked(*words)
    if words[0] in ("diff", "check"):
        raise UsageError(f"sbom {words[0]} takes two arguments, not {len(words) - 1}", "weighbridge sbom --help")
    raise UsageError(f"sbom takes one PATH, not {len(words)}", "run it once for each, or say diff A B")


def run(options: argparse.Namespace) -> int:
    """Do what is asked and give the status."""
    want = asked(options.words)
    formats = ANSWERS if want.verb else BILLS
    if options.format not in (None, *formats):
        what = f"sbom {want.verb}".strip() if want.verb else "a bill"
        raise UsageError(f"{what} cannot be written as {options.format}", f"choose one of {', '.join(formats)}")
    form = options.format or formats[0]
    if want.verb == "diff":
        return _diff(options, want, form)
    if want.verb == "check":
        return _check(options, want, form)
    made_at, given = _time(options)
    bill = _bill(options, want.first, made_at if given else "")
    common.write(options, _written(bill, form, made_at, options.spec_version))
    return 0


def _written(bill: ModelBill, form: str, made_at: str, version: str) -> str:
    from weighbridge.render.documents import document_json

    if form == "markdown":
        from weighbridge.render.bill import bill_markdown

        return bill_markdown(bill, made_at=made_at)
    document: dict[str, Any]
    if form == "spdx":
        from weighbridge.sbom.spdx import render_spdx

        document = render_spdx(bill, made_at=made_at)
    elif form == "weighbridge":
        from weighbridge.sbom.minimal import render_minimal

        document = render_minimal(bill, made_at=made_at)
    else:
        from weighbridge.sbom.cyclonedx import render_cyclonedx

        document = render_cyclonedx(bill, made_at=made_at, version=version)
    return document_json(document)


def _bill(options: argparse.Namespace, path: str, scanned_at: str) -> ModelBill:
    """The bill of the model at `path`. With `scanned_at`, that is the time of the scan as well."""
    from weighbridge.core.knowledge import load_knowledge
    from weighbridge.core.origin import Origin
    from weighbridge.pipelines.materials import bill_of_path

    settings = common.settings_for(options, [path])
    now = datetime.now(UTC)
    progress = common.progress_for(options)
    try:
        bill = bill_of_path(
            path,
            Origin("path", options.source or "", revision=options.revision or ""),
            trust=common.publisher_trust(settings, now),
            policy=common.stage_policy(settings, "sandbox"),
            knowledge=load_knowledge(),
            limits=settings.limits,
            watcher=progress,
            now=now,
            attestations=common.attestations(options),
            supplier=options.supplier or "",
            released=_rfc3339(options.released) if options.released else "",
            data_sets=tuple(map(_data_set, options.dataset)),
        )
    finally:
        progress.finish()
    return bill._replace(scanned_at=scanned_at) if scanned_at else bill


def _data_set(text: str) -> DataSet:
    from weighbridge.sbom.bill import DataSet

    match = _DATA.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no reference to data", "write NAME, NAME@VERSION or NAME@VERSION=SHA256")
    return DataSet(match["name"], "training", "the command line", match["version"] or "", match["digest"] or "")


def _time(options: argparse.Namespace) -> tuple[str, bool]:
    """The time of the bill, and whether it was given."""
    if options.made_at:
        return _rfc3339(options.made_at), True
    epoch = os.environ.get(EPOCH, "")
    if epoch:
        if not epoch.isdecimal() or len(epoch) > 11:
            raise UsageError(f"{EPOCH} is {epoch[:40]!r}", "set it to seconds since 1970, or unset it")
        return f"{datetime.fromtimestamp(int(epoch), UTC):%Y-%m-%dT%H:%M:%SZ}", True
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", False


def _rfc3339(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text[:60]!r} is no time", "write it like 2026-01-31T12:00:00Z") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _diff(options: argparse.Namespace, want: Asked, form: str) -> int:
    from weighbridge.sbom.diff import diff_bills

    found = diff_bills(_read(options, want.first), _read(options, want.second))
    if form == "json":
        from weighbridge.render.documents import document_json

        changes = [change._asdict() for change in found.changes]
        document = {**found._asdict(), "changes": changes, "not_compared": list(found.not_compared)}
        common.write(options, document_json({"schema": "weighbridge.sbom-diff/1", **document}))
    else:
        from weighbridge.render.bill import diff_text

        common.write(options, diff_text(found, common.style_of(options)))
    return 0


def _check(options: argparse.Namespace, want: Asked, form: str) -> int:
    from weighbridge.pipelines.materials import digests_of
    from weighbridge.sbom.check import check_bill
    from weighbridge.sbom.read import read_bill

    bill = read_bill(_content(want.first))
    settings = common.settings_for(options, [want.second])
    progress = common.progress_for(options)
    try:
        files, odd = digests_of(want.second, settings.limits.files, progress)
    finally:
        progress.finish()
    found = check_bill(bill, files, odd)
    if form == "json":
        from weighbridge.render.documents import document_json

        differences = [one._asdict() for one in found.differences]
        document = {**found._asdict(), "digest": str(found.digest), "differences": differences}
        common.write(options, document_json({"schema": "weighbridge.sbom-check/1", **document}))
    else:
        from weighbridge.render.bill import check_text

        common.write(options, check_text(found, common.style_of(options)))
    return 0 if found.matches else 1


def _read(options: argparse.Namespace, path: str) -> ReadBill:
    """A bill from its file, or that of a model."""
    from weighbridge.sbom.minimal import render_minimal
    from weighbridge.sbom.read import is_bill, read_bill

    if os.path.isfile(path):
        raw = _content(path)
        if is_bill(raw):
            return read_bill(raw)
    made_at, _ = _time(options)
    return read_bill(_json(render_minimal(_bill(options, path, made_at), made_at=made_at)))


def _json(document: dict[str, Any]) -> bytes:
    import json

    return json.dumps(document).encode()


def _content(path: str) -> bytes:
    from weighbridge.sbom.read import LARGEST

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError(f"{path!r} is no file", "name a bill of materials")
            return file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path!r} cannot be read: {error.strerror}", "name a bill of materials") from error
