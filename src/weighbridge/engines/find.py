"""Where an engine is, what it needs to run, and which version it is: all found out without starting it."""

from __future__ import annotations

import os
import re
import shutil
import sys

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.engines.base import Engine

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64")
_MOST_LINKS = 16
_VERSION = re.compile(r"[0-9A-Za-z.+!_-]{1,40}")


def locate(engine: Engine, given: str) -> str:
    """The executable of `engine`: the one that was given, beside our own Python, or on PATH.

    Raises UsageError if there is none: an engine that was asked for is never left out.
    """
    if given:
        if os.path.isfile(given) and os.access(given, os.X_OK):
            return real(given)
        raise UsageError(f"{given!r} is no program that could be started as {engine.name}", "mend its path")
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.executable)), engine.program)
    if engine.program == os.path.basename(engine.program) and os.access(beside, os.X_OK):
        return real(beside)
    found = shutil.which(engine.program)
    if found:
        return real(found)
    raise UsageError(
        f"the engine {engine.name} is not installed",
        f"{engine.install}; or name its program with --engine-path {engine.name}=PROGRAM",
    )


def real(program: str) -> str:
    """The path of a program without links, but for those inside a virtual environment: its Python is one."""
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(os.path.dirname(program))
        program = os.path.join(folder, os.path.basename(program))
        if not os.path.islink(program) or os.path.exists(os.path.join(os.path.dirname(folder), "pyvenv.cfg")):
            break
        program = os.path.join(folder, os.readlink(program))
    return program


def roots(program: str) -> tuple[str, ...]:
    """Folders that the program needs beside the system's: its environment, and the Python that this was made from.

    Raises UsageError if that would be the home folder or everything.
    """
    places = []
    if not _inside_system(program):
        root = os.path.dirname(os.path.dirname(program))
        places.append(root)
        home = os.path.realpath(_made_from(root) or "/usr/bin")
        if not _inside_system(home):
            places.append(os.path.dirname(home))
    private = {os.path.realpath(os.path.expanduser(place)) for place in ("~", "~/.local")} | {"/"}
    for place in places:
        if os.path.realpath(place) in private:
            raise UsageError(
                f"{program} is installed in {place}, which no engine may read",
                "install it into a virtual environment of its own: python3 -m venv FOLDER",
            )
    return tuple(dict.fromkeys(places))


def version_of(program: str, distribution: str) -> str:
    """The version of the installed package, as its metadata's folder is called; empty if it cannot be found."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(program)))
    library = os.path.join(root, "lib")
    prefix = distribution.replace("-", "_") + "-"
    for folder in _names(library):
        for name in _names(os.path.join(library, folder, "site-packages")):
            if name.startswith(prefix) and name.endswith(".dist-info"):
                version = name.removeprefix(prefix).removesuffix(".dist-info")
                return version if _VERSION.fullmatch(version) else ""
    return ""


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _inside_system(path: str) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in _SYSTEM)


def _made_from(root: str) -> str:
    """`home` of a virtual environment: the folder with the Python that it was made from."""
    try:
        with open(os.path.join(root, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
            for line in file:
                key, _, value = line.partition("=")
                if key.strip() == "home":
                    return value.strip()
    except OSError:
        pass
    return ""
