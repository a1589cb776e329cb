"""Options that mean the same in every command, and what they lead to."""

from __future__ import annotations

import os
import sys

from weighbridge.core.errors import KeyMissing, UsageError
from weighbridge.core.findings import Severity
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import Settings, find_settings, load_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.open import OpenedSigner
    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.cli.progress import Progress
    from weighbridge.core.settings import StagePolicy
    from weighbridge.render.terminal import Style

PASSPHRASE = "WEIGHBRIDGE_KEY_PASSPHRASE"  # noqa: S105 -- the name of a variable, no secret
"""The environment variable with the passphrase of the signing key; its value is never printed."""


def add_output(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """--format, --output and the options that every command has."""
    parser.add_argument("--format", choices=formats, default=formats[0], help=f"default: {formats[0]}")
    parser.add_argument("--output", metavar="FILE", help="write the result to FILE instead of standard output")
    add_general(parser)


def noun(nouns: Any, name: str, documentation: str) -> argparse.ArgumentParser:
    """The parser of a command below a command, with the documentation of its module as help."""
    description, _, examples = documentation.partition("Examples:\n")
    parser: argparse.ArgumentParser = nouns.add_parser(
        name,
        help=description.partition(".")[0].replace("\n", " "),
        allow_abbrev=False,
        description=description.strip(),
        epilog="Examples:\n" + examples.rstrip() if examples else None,
        formatter_class=_formatter(),
    )
    return parser


def _formatter() -> Any:
    import argparse
    from functools import partial

    return partial(argparse.RawDescriptionHelpFormatter, width=100)


def add_general(parser: argparse.ArgumentParser) -> None:
    """The options that every command has."""
    parser.add_argument("--config", metavar="FILE", help="use this settings file and look for no other")
    parser.add_argument("--quiet", action="store_true", help="no messages and no progress on standard error")
    parser.add_argument("--verbose", action="store_true", help="say more on standard error")
    parser.add_argument("--no-color", action="store_true", help="no colours (so does NO_COLOR in the environment)")


def add_fail_on(parser: argparse.ArgumentParser) -> None:
    """--fail-on SEVERITY."""
    levels = [severity.value for severity in Severity]
    parser.add_argument("--fail-on", choices=levels, help="least severity that shuts the gate (default: high)")


def settings_for(options: argparse.Namespace, artifacts: Sequence[str] = ()) -> Settings:
    """The settings that hold: a named file, or the nearest one upwards that is not inside an artifact."""
    path = options.config or os.environ.get("WEIGHBRIDGE_CONFIG")
    if not path:
        path, passed_over = find_settings(os.getcwd(), artifacts)
        if passed_over:
            say(options, f"the settings {passed_over} are inside what is inspected and are not obeyed")
    settings = load_settings(path, os.environ)
    if any(policy.cel for policy in settings.stages.values()):
        from weighbridge.gate.expressions import check_expressions

        check_expressions(settings.stages)
    return settings


def severity_of(options: argparse.Namespace, settings: Settings) -> Severity:
    """The least severity that shuts the gate."""
    try:
        return Severity(options.fail_on or settings.fail_on)
    except ValueError:
        raise UsageError(
            f"fail_on = {settings.fail_on!r} is no severity", "use critical, high, medium or low"
        ) from None


def stage_policy(settings: Settings, stage: str) -> StagePolicy:
    """What the settings demand at a stage."""
    return settings.stages[stage]


def signing_key(settings: Settings) -> OpenedSigner:
    """What the settings sign with; KeyMissing if that is nothing."""
    from weighbridge.attest.open import open_signer

    if not settings.key:
        raise KeyMissing("no signing key is set", "run weighbridge init, or set key in weighbridge.toml")
    passphrase = os.environ.get(PASSPHRASE)
    return open_signer(settings, passphrase.encode() if passphrase else None)


def trust_policy(settings: Settings, *, needed: bool = True, now: datetime | None = None) -> TrustPolicy:
    """What the settings and the trust store trust at `now` (not given: at this moment); KeyMissing if a key cannot be
    read, or if `needed` and there is nobody who may sign evidence.
    """
    from weighbridge.attest.trusted import trust_of

    return trust_of(settings, needed=needed, now=now)


def publisher_trust(settings: Settings, now: datetime) -> TrustPolicy:
    """Who may vouch for a model that comes from outside, today; nobody, if nobody is trusted."""
    return trust_policy(settings, needed=False, now=now)


def add_engines(parser: argparse.ArgumentParser, text: str) -> None:
    """--engine NAME and what goes with it; `text` is the help of --engine."""
    parser.add_argument("--engine", metavar="NAME", action="append", default=[], help=text)
    parser.add_argument(
        "--engine-path", metavar="NAME=PROGRAM", action="append", default=[], help="where the program of an engine is"
    )
    parser.add_argument("--yara-rules", metavar="FILE", help="rules for --engine yara-x")
    parser.add_argument(
        "--unsafe-no-sandbox", action="store_true", help="run engines even where no sandbox can be built"
    )


def add_attestations(parser: argparse.ArgumentParser) -> None:
    """--attestation FILE, as often as there are files."""
    text = "a Sigstore bundle that is not among the files: a model signature or SLSA provenance (repeatable)"
    parser.add_argument("--attestation", metavar="FILE", action="append", default=[], help=text)


def attestations(options: argparse.Namespace) -> list[tuple[str, bytes]]:
    """Name and content of each file that --attestation names."""
    from weighbridge.attest.bundles import MAX_SIGNATURE_FILE
    from weighbridge.core.artifact import escape_name

    found = []
    for path in options.attestation:
        try:
            with open(path, "rb") as file:
                found.append((escape_name(os.path.basename(path)), file.read(MAX_SIGNATURE_FILE + 1)))
        except OSError as error:
            raise UsageError(
                f"the attestation {path!r} cannot be read: {error.strerror}", "name another file"
            ) from error
    return found


def progress_for(options: argparse.Namespace) -> Progress:
    """Progress on a terminal, none anywhere else or with --quiet."""
    from weighbridge.cli import progress

    if options.quiet or not sys.stderr.isatty():
        return progress.silent()
    import time

    return progress.tty(sys.stderr, time.monotonic)


def style_of(options: argparse.Namespace) -> Style:
    """How text is set: in colour on a terminal, unless a file or nobody is to see that."""
    from weighbridge.render.terminal import style_for

    environ = {**os.environ, "NO_COLOR": "1"} if options.no_color or options.output else os.environ
    return style_for(sys.stdout, environ)


def say(options: argparse.Namespace, text: str) -> None:
    """One line for people on standard error."""
    if not options.quiet:
        sys.stderr.write(f"weighbridge: {plain(text)}\n")


def write(options: argparse.Namespace, text: str) -> None:
    """The result: to standard output, or whole into the file that --output names."""
    if not text.endswith("\n"):
        text += "\n"
    if not getattr(options, "output", None):
        sys.stdout.write(text)
        return
    try:
        with open(options.output, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{options.output!r} cannot be written: {error.strerror}", "name another file") from error
