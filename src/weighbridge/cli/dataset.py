"""Say which version training data is, what is in it, and what in it may be poison.

  fingerprint  the digest of the files (that of a model signature), of the records, and what its commit says
  diff         which records were added, changed and removed between two versions, and by which commits
  profile      what is in it, column by column: the baseline that later versions are checked against
  check        schema, drift, labels, duplicates, signs of poison, secrets; the exit status is the verdict

Parquet, Delta tables, JSON, JSON Lines, CSV (also as .gz or .zst), folders of texts and of images.
Needs pip install 'weighbridge[data]'.

Examples:
  weighbridge dataset fingerprint ./data
  weighbridge dataset fingerprint git+https://example.com/data.git@0123abc --sign data.intoto.json
  weighbridge dataset diff ./data-v1 ./data-v2 --key id
  weighbridge dataset diff git+https://example.com/data.git@v1 git+https://example.com/data.git@v2
  weighbridge dataset profile ./data --output baseline.json
  weighbridge dataset profile ./data --format html --output profile.html
  weighbridge dataset check ./data --baseline baseline.json --format json
  weighbridge dataset check reviews.csv --label sentiment --rows doubtful.jsonl
  weighbridge dataset check hf://datasets/org/name@COMMIT --schema schema.yaml --sign data.intoto.json
"""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.whole_files import write_whole
from weighbridge.render import dataset as rendered
from weighbridge.render.documents import document_json
from weighbridge.render.profile_page import profile_page

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from weighbridge.attest.signers import Signer
    from weighbridge.core.settings import Settings
    from weighbridge.dataset.fingerprint import DatasetFingerprint
    from weighbridge.dataset.report import CheckReport


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `dataset` takes."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    sub = verbs.add_parser("fingerprint", allow_abbrev=False)
    sub.add_argument("source", metavar="SOURCE", help="a folder, a file, or git+https://…@COMMIT, hf://…, az://…")
    sub.add_argument(
        "--sign", metavar="FILE", help="write the fingerprint to FILE, signed with the key of the settings"
    )
    common.add_output(sub, ("text", "json"))
    sub = verbs.add_parser("diff", allow_abbrev=False)
    sub.add_argument("before", metavar="BEFORE", help="a source as for fingerprint")
    sub.add_argument("after", metavar="AFTER", help="another; if both are of one git repository, commits are named")
    sub.add_argument("--key", metavar="COLUMN", default="", help="the column that says which record is meant")
    common.add_output(sub, ("text", "json"))
    for verb in ("profile", "check"):
        sub = verbs.add_parser(verb, allow_abbrev=False)
        what = "a folder or a file" + (", or a source as for fingerprint" if verb == "check" else "")
        sub.add_argument("path", metavar="PATH", help=what)
        sub.add_argument(
            "--label", metavar="COLUMN", default="", help="the column with the labels (default: by its name)"
        )
        if verb == "check":
            sub.add_argument("--text", metavar="COLUMN", default="", help="the column with the text, or the prompt")
            sub.add_argument("--response", metavar="COLUMN", default="", help="the column with the answer to a prompt")
            sub.add_argument("--baseline", metavar="FILE", help="a profile of a version that was found good")
            sub.add_argument("--schema", metavar="FILE", help="JSON Schema, pandera (YAML, JSON) or Croissant")
            report = "write fingerprint and check to FILE, signed: what weighbridge intake --dataset takes"
            sub.add_argument("--sign", metavar="FILE", help=report)
            every = "write every row that a finding is about, and the most doubtful labels, to FILE (JSON Lines)"
            sub.add_argument("--rows", metavar="FILE", help=every)
            common.add_fail_on(sub)
        common.add_output(sub, ("text", "json") if verb == "check" else ("json", "text", "html"))


def run(options: argparse.Namespace) -> int:
    """Do one of them and print the result."""
    return {"fingerprint": _fingerprint, "diff": _diff, "profile": _profile, "check": _check}[options.verb](options)


def _fingerprint(options: argparse.Namespace) -> int:
    from weighbridge.sources.open import is_remote

    settings = common.settings_for(options, [] if is_remote(options.source) else [options.source])
    key = common.signing_key(settings) if options.sign else None
    name, found = _fingerprinted(options, settings, options.source)
    if key:
        _write_signed(options.sign, name, found, key)
    text = rendered.fingerprint_text(name, found) if options.format == "text" else document_json(found.predicate())
    common.write(options, text)
    return 1 if found.incomplete or found.contradicted else 0


def _diff(options: argparse.Namespace) -> int:
    from weighbridge.dataset.difference import difference
    from weighbridge.dataset.history import Asked, sourced_difference
    from weighbridge.dataset.places import open_data
    from weighbridge.sources.local import LocalFolder
    from weighbridge.sources.open import is_remote

    words = (options.before, options.after)
    settings = common.settings_for(options, [word for word in words if not is_remote(word)])
    before, after = (open_data(word, settings) for word in words)
    if isinstance(before, LocalFolder) and isinstance(after, LocalFolder):
        found = difference(*words, most=settings.limits.files, key=options.key)
    else:
        now = datetime.now(UTC)
        progress = common.progress_for(options)
        trust = common.publisher_trust(settings, now)
        try:
            asked = Asked(settings.limits.files, options.key, trust, now, settings.quarantine, progress)
            found = sourced_difference(before, after, asked)
        finally:
            progress.finish()
    text = rendered.difference_text(found) if options.format == "text" else document_json(found.document())
    common.write(options, text)
    return 0 if found.equal else 1


def _profile(options: argparse.Namespace) -> int:
    from weighbridge.dataset.profile import profile
    from weighbridge.dataset.tables import dataset

    settings = common.settings_for(options, [options.path])
    with dataset(options.path, settings.limits.files) as data:
        found = profile(data, options.label)
    written = {"text": rendered.profile_text, "html": profile_page, "json": document_json}
    text = written[options.format](found)
    common.write(options, text)
    return 1 if found["incomplete"] else 0


def _check(options: argparse.Namespace) -> int:
    from weighbridge.dataset.check import Asked, check, read_json
    from weighbridge.dataset.declared import read_declared
    from weighbridge.dataset.poison import Columns
    from weighbridge.dataset.tables import dataset
    from weighbridge.sources.open import is_remote

    settings = common.settings_for(options, [] if is_remote(options.path) else [options.path])
    severity = common.severity_of(options, settings)
    asked = Asked(
        Columns(options.label, options.text, options.response),
        read_json(options.baseline) if options.baseline else None,
        read_declared(options.schema) if options.schema else None,
    )

    def look(folder: str) -> CheckReport:
        progress = common.progress_for(options)
        try:
            with dataset(folder, settings.limits.files) as data:
                return check(data, asked, progress)
        finally:
            progress.finish()

    if options.sign or is_remote(options.path):
        key = common.signing_key(settings) if options.sign else None
        name, found = _fingerprinted(options, settings, options.path, look)
        if key:
            _write_signed(options.sign, name, found, key)
        report = found.check or look(options.path)
    else:
        report = look(options.path)
    text = rendered.check_text(report) if options.format == "text" else document_json(report.document())
    common.write(options, text)
    if options.rows:  # last: what cannot be written must not cost the answer
        _write_rows(options.rows, report)
    return 1 if report.shuts(severity) else 0


def _fingerprinted(
    options: argparse.Namespace, settings: Settings, source: str, look: Callable[[str], CheckReport] | None = None
) -> tuple[str, DatasetFingerprint]:
    from weighbridge.dataset.fingerprint import fingerprint
    from weighbridge.dataset.places import open_data

    now = datetime.now(UTC)
    progress = common.progress_for(options)
    try:
        return fingerprint(
            open_data(source, settings),
            trust=common.publisher_trust(settings, now),
            most=settings.limits.files,
            watcher=progress,
            now=now,
            settings=settings.quarantine,
            look=look,
        )
    finally:
        progress.finish()


def _write_rows(path: str, report: CheckReport) -> None:
    import json

    lines = (json.dumps(line).encode() + b"\n" for line in report.lines())
    try:
        write_whole(path, b"".join(lines))
    except OSError as error:
        raise UsageError(f"{path!r} cannot be written: {error.strerror}", "name another file") from error


def _write_signed(path: str, name: str, found: DatasetFingerprint, key: Signer) -> None:
    from weighbridge.attest.dsse import seal
    from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, statement

    bundle = seal(statement(found, [Subject(name, found.subject)]), PAYLOAD_TYPE, key)
    try:
        with open(path, "wb") as file:
            file.write(bundle)
    except OSError as error:
        raise UsageError(f"{path!r} cannot be written: {error.strerror}", "name another file") from error
