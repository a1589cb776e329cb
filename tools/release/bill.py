"""The bill of materials of the package itself: CycloneDX 1.7 of it and of the libraries that are locked for it.

It lies in the wheel under `.dist-info/sboms` (PEP 770), so it names no hash of the wheel; the attestation does. Without
a time and a serial number, the same lock gives the same bytes.

Run: python -m tools.release.bill [--check]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tomllib
from typing import Any, NamedTuple

from weighbridge import __version__

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOCK = "tools/container/requirements.txt"
BILL = "tools/release/weighbridge.cdx.json"
ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Locked(NamedTuple):
    """One library of the lock: its version, when it is needed, and the files of it that may be installed."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    @property
    def ref(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def locked(text: str) -> tuple[Locked, ...]:
    """The libraries of a lock file. Raises ValueError for a line that is not understood: nothing is left out."""
    found: list[Locked] = []
    for line in text.splitlines():
        entry = ENTRY.match(line)
        if entry:
            found.append(Locked(normal(entry["name"]), entry["version"], (entry["marker"] or "").strip(), ()))
        elif HASH.search(line) and found:
            found[-1] = found[-1]._replace(hashes=(*found[-1].hashes, *HASH.findall(line)))
        elif line.strip() and not line.lstrip().startswith("#"):
            raise ValueError(f"the lock has a line that is no library: {line!r}")
    bare = [one.name for one in found if not one.hashes]
    if bare:
        raise ValueError(f"the lock has no hash of {', '.join(bare)}")
    return tuple(found)


def normal(name: str) -> str:
    """The name of a package as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill(root: str) -> str:
    """The bill as JSON. Raises ValueError if a library that is always needed is not in the lock."""
    with open(os.path.join(root, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    with open(os.path.join(root, LOCK), encoding="utf-8") as file:
        libraries = locked(file.read())
    by_name = {library.name: library for library in libraries}
    always = [normal(re.split(r"[^\w.-]", requirement)[0]) for requirement in project["dependencies"]]
    missing = sorted(set(always) - set(by_name))
    if missing:
        raise ValueError(f"the lock lacks {', '.join(missing)}")
    own = f"pkg:pypi/{project['name']}@{__version__}"
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "version": 1,
        "metadata": {
            "component": {
                "bom-ref": own,
                "type": "library",
                "name": project["name"],
                "version": __version__,
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
                "purl": own,
            },
            "lifecycles": [{"phase": "build"}],
        },
        "components": [_component(library) for library in libraries],
        "dependencies": [{"ref": own, "dependsOn": [by_name[name].ref for name in sorted(always)]}],
        "compositions": [
            {"aggregate": "complete", "assemblies": [own]},
            {"aggregate": "incomplete", "dependencies": [library.ref for library in libraries]},
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _component(library: Locked) -> dict[str, Any]:
    marker = [{"name": "weighbridge:when", "value": library.marker}] if library.marker else []
    files = [{"name": "weighbridge:file-sha256", "value": value} for value in library.hashes]
    return {
        "bom-ref": library.ref,
        "type": "library",
        "name": library.name,
        "version": library.version,
        "purl": library.ref,
        "properties": [*marker, *files],
    }


def main(arguments: list[str]) -> int:
    """0: the bill is what the lock says. 1: with --check, it is not."""
    parser = argparse.ArgumentParser(prog="bill.py", description="Write the bill of materials of the package.")
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if it is out of date")
    options = parser.parse_args(arguments)
    path, wanted = os.path.join(ROOT, BILL), bill(ROOT)
    try:
        with open(path, encoding="utf-8") as file:
            current = file.read() == wanted
    except FileNotFoundError:
        current = False
    if not current:
        print(f"{'out of date' if options.check else 'wrote'}: {BILL}", file=sys.stderr)
        if not options.check:
            with open(path, "w", encoding="utf-8") as file:
                file.write(wanted)
    return 1 if options.check and not current else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
