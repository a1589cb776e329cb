"""Check that everything needed is there: libraries, knowledge, clock, settings, keys, registry, log, space, a sandbox.

Each line is `ok`, or `MISS` with how to mend it; `--` is an option that is not installed, without which some commands
do not work and everything else does. The registry is asked whether it answers, but with --offline.

Status 0: all is well. Status 1: something is missing.

Examples:
  weighbridge doctor
  weighbridge doctor --offline --format json
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.cli import doctor_checks as look
from weighbridge.cli.doctor_checks import Check
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import Settings
from weighbridge.sandbox.probe import Wall, probe
from weighbridge.sandbox.records import Walls
from weighbridge.sandbox.run import MEND

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

SCHEMA = "weighbridge.doctor/1"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `doctor` takes."""
    parser.add_argument("--offline", action="store_true", help="send nothing to the registry")
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Look at everything and print one line each."""
    walls = probe()
    checks = [*_checks(options), _sandbox(walls)]
    if options.format == "json":
        from weighbridge.render.documents import document_json

        rows, seen = [check._asdict() for check in checks], [wall._asdict() for wall in walls]
        common.write(options, document_json({"schema": SCHEMA, "checks": rows, "walls": seen}))
    else:
        common.write(options, "\n".join([*(line for check in checks for line in _lines(check)), *_walls(walls)]))
    return 0 if all(check.well or check.optional for check in checks) else 1


def _checks(options: argparse.Namespace) -> Iterator[Check]:
    now = datetime.now(UTC)
    yield look.python()
    yield look.libraries()
    try:
        settings = common.settings_for(options)
    except WeighbridgeError as error:
        yield Check("settings", well=False, text=error.cause, mend=error.mend)
        settings = Settings()
        set_up = False
    else:
        set_up = True
        mend = "" if settings.file else "run weighbridge init to sign and store models"
        yield Check("settings", well=bool(settings.file), text=settings.file or "none found", mend=mend)
    known = look.knowledge(settings, now)
    yield known
    asked, decided = None, None
    if set_up:
        yield from _keys(settings, now)
        registry = look.registry(settings, ask=not options.offline)
        yield registry.check
        asked = registry.date
        decisions, decided = look.index(settings)
        yield decisions
    day = look.knowledge_day(known.text.removeprefix("version "))
    seen = {"the knowledge": day, "the last decision": decided, "the answer of the registry": asked}
    yield look.clock(now, seen)
    yield look.quarantine(settings, tempfile.gettempdir())
    yield from look.extras(settings)
    yield look.engines(settings)
    yield from look.programs()


def _keys(settings: Settings, now: datetime) -> Iterator[Check]:
    """Who signs here, who is believed here, and whether the one is among the others."""
    signer = ""
    try:
        signer = common.signing_key(settings).key_id
    except WeighbridgeError as error:
        yield Check("signing key", well=False, text=error.cause, mend=error.mend)
    else:
        yield Check("signing key", well=True, text=f"{settings.key} ({signer[:16]}…)")
    found = look.key_file(settings)
    if found is not None:
        yield found
    try:
        trusted = common.trust_policy(settings, now=now).by_id()
    except WeighbridgeError as error:
        yield Check("trusted keys", well=False, text=error.cause, mend=error.mend)
        return
    text = ", ".join(f"{key.name} ({identity[:16]}…)" for identity, key in trusted.items())
    yield Check("trusted keys", well=True, text=text or "identities, and no key")
    if signer and trusted and signer not in trusted:
        mend = "weighbridge trust add --key FILE --owner NAME, if this machine's evidence is to count here"
        text = "what it signs is not believed here: the signing key is not among the trusted ones"
        yield Check("own evidence", well=False, text=text, mend=mend, optional=True)


def _sandbox(walls: Sequence[Wall]) -> Check:
    """Whether a program that is not ours could be run behind walls: other engines are."""
    for wall in walls:
        if wall.stands:
            return Check("sandbox", well=True, text=Walls(wall.outer, wall.landlock, wall.seccomp).text)
    return Check("sandbox", well=False, text="no walls stand, so scan --engine refuses", mend=MEND)


def _lines(check: Check) -> Iterator[str]:
    state = "ok  " if check.well else "--  " if check.optional else "MISS"
    yield f"{state}  {check.name:<13} {plain(check.text, 400)}"
    if check.mend:
        yield f"      {'':<13} mend: {plain(check.mend, 400)}"


def _walls(walls: Sequence[Wall]) -> list[str]:
    """One line for each kind of wall, under the line on the sandbox."""
    best = next((wall.outer for wall in walls if wall.stands), "")
    lines = []
    for wall in walls:
        state = ("used" if wall.outer == best else "stands too") if wall.stands else f"no: {wall.why}"
        lines.append(f"      {'':<13} {wall.outer}: {plain(state, 200)}")
    return lines
