"""Check that everything needed is there: Python, cryptography, settings, keys, registry, space, a sandbox.

Status 0: all is well. Status 1: something is missing; each line says what to do.

Examples:
  weighbridge doctor
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

from weighbridge import __version__
from weighbridge.cli import common
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sandbox.probe import Wall, probe
from weighbridge.sandbox.records import Walls
from weighbridge.sandbox.run import MEND

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from weighbridge.core.settings import Settings


class Check(NamedTuple):
    """One thing that was looked at: `well`, or what is wrong and how to mend it."""

    name: str
    well: bool
    text: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `doctor` takes."""
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Look at everything and print one line each."""
    checks = [Check("weighbridge", True, f"{__version__} on Python {sys.version.split()[0]}")]
    checks.append(_check("knowledge", lambda: f"version {load_knowledge().version}"))
    checks.append(_check("cryptography", _cryptography))
    try:
        settings = common.settings_for(options)
    except WeighbridgeError as error:
        checks.append(Check("settings", False, f"{error.cause}; {error.mend}"))
    else:
        found = settings.file or "none found: run weighbridge init to sign and store models"
        checks.append(Check("settings", bool(settings.file), found))
        checks.append(_check("signing key", lambda: f"{settings.key} ({common.signing_key(settings).key_id[:16]}…)"))
        checks.append(_check("trusted keys", lambda: _trusted(settings)))
        checks.append(Check("registry", bool(settings.registry), settings.registry or "set registry in the settings"))
    free = shutil.disk_usage(tempfile.gettempdir()).free
    place = tempfile.gettempdir()
    checks.append(Check("quarantine", os.access(place, os.W_OK), f"{place}, {free / 1e9:.1f} GB free"))
    walls = probe()
    checks.append(_sandbox(walls))
    if options.format == "json":
        from weighbridge.render.documents import document_json

        rows, seen = [check._asdict() for check in checks], [wall._asdict() for wall in walls]
        common.write(options, document_json({"schema": "weighbridge.doctor/1", "checks": rows, "walls": seen}))
    else:
        lines = [f"{'ok  ' if check.well else 'MISS'}  {check.name:<13} {plain(check.text)}" for check in checks]
        common.write(options, "\n".join([*lines, *_walls(walls)]))
    return 0 if all(check.well for check in checks) else 1


def _sandbox(walls: Sequence[Wall]) -> Check:
    """Whether a program that is not ours could be run behind walls: other engines are."""
    for wall in walls:
        if wall.stands:
            return Check("sandbox", True, Walls(wall.outer, wall.landlock, wall.seccomp).text)
    return Check("sandbox", False, f"no walls stand, so scan --engine refuses; {MEND}")


def _walls(walls: Sequence[Wall]) -> list[str]:
    """One line for each kind of wall, under the line on the sandbox."""
    best = next((wall.outer for wall in walls if wall.stands), "")
    lines = []
    for wall in walls:
        state = ("used" if wall.outer == best else "stands too") if wall.stands else f"no: {wall.why}"
        lines.append(f"      {'':<13} {wall.outer}: {plain(state, 200)}")
    return lines


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except WeighbridgeError as error:
        return Check(name, False, f"{error.cause}; {error.mend}")


def _cryptography() -> str:
    import cryptography

    return cryptography.__version__


def _trusted(settings: Settings) -> str:
    trust = common.trust_policy(settings)
    return ", ".join(f"{key.name} ({identity[:16]}…)" for identity, key in trust.by_id().items())
