"""Wheel and sdist: built from the files of the repository alone, twice, in surroundings that differ in all that could
find its way into them, and looked through for what has to be in them and what must not.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING, NamedTuple

from weighbridge import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SOURCE = "src/weighbridge"
PACKS = "packs/semgrep"
FORBIDDEN = (".pem", ".key", ".pyc", ".pyo", ".so", ".pyd", ".dll", ".db")
"""Endings that no file of a package may have: keys, compiled code, databases."""


class Surroundings(NamedTuple):
    """What a build could be seduced to write down."""

    folder: str
    umask: int
    environ: Mapping[str, str]


TWO = (
    Surroundings("a", 0o022, {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "0"}),
    Surroundings("another-and-longer", 0o077, {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "4711"}),
)


def files_of(root: str) -> list[str]:
    """The files of the repository: those that git has, and those that it would take. Raises CalledProcessError."""
    words = ("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(words, capture_output=True, check=True).stdout.decode().split("\0")
    return sorted(path for path in set(listed) if path and os.path.isfile(os.path.join(root, path)))


def build(root: str, files: Iterable[str], place: str, surroundings: Surroundings, epoch: int) -> dict[str, bytes]:
    """Build in a copy of these files and give wheel and sdist by name. Raises CalledProcessError."""
    copy = os.path.join(place, surroundings.folder)
    output = f"{copy}-made"
    for path in files:
        os.makedirs(os.path.dirname(os.path.join(copy, path)) or copy, exist_ok=True)
        shutil.copyfile(os.path.join(root, path), os.path.join(copy, path))
    environ = {
        **{key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "VIRTUAL_ENV")},
        **surroundings.environ,
        "SOURCE_DATE_EPOCH": str(epoch),
    }
    words = (sys.executable, "-m", "hatchling", "build", "-d", output)
    subprocess.run(
        words, cwd=copy, env=environ, umask=surroundings.umask, check=True, stdout=subprocess.DEVNULL, timeout=300
    )
    made = {}
    for name in sorted(os.listdir(output)):
        with open(os.path.join(output, name), "rb") as file:
            made[name] = file.read()
    return made


def differences(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """The packages that two builds did not make alike."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def wrong_in_wheel(raw: bytes, files: Iterable[str]) -> list[str]:
    """What a wheel lacks of these files of the repository, and what does not belong into it."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        there = {info.filename: archive.read(info) for info in archive.infolist()}
    info = f"weighbridge-{__version__}.dist-info"
    wanted = {path.removeprefix("src/") for path in files if path.startswith(f"{SOURCE}/")}
    wanted |= {f"weighbridge/{path}" for path in files if path.startswith(f"{PACKS}/")}
    needed = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    needed |= {f"{info}/sboms/weighbridge.cdx.json", "weighbridge/py.typed"}
    wrong = [f"lacks {name}" for name in sorted((wanted | needed) - there.keys())]
    wrong += [f"has {name}, which is no file of the package" for name in sorted(there.keys() - wanted - needed)]
    wrong += [f"has {name}, which no package may have" for name in sorted(there) if name.endswith(FORBIDDEN)]
    wrong += _wrong_record(there, f"{info}/RECORD")
    metadata = there.get(f"{info}/METADATA", b"").decode()
    for line in (f"Version: {__version__}", "License-Expression: Apache-2.0", "Requires-Python: >=3.11"):
        if f"\n{line}\n" not in metadata:
            wrong.append(f"its METADATA does not say {line!r}")
    return wrong


def _wrong_record(there: Mapping[str, bytes], record: str) -> list[str]:
    """Files whose bytes are not those that RECORD names."""
    wrong, named = [], set()
    for name, digest, _ in csv.reader(there.get(record, b"").decode().splitlines()):
        named.add(name)
        found = base64.urlsafe_b64encode(hashlib.sha256(there.get(name, b"")).digest()).rstrip(b"=").decode()
        if name != record and digest != f"sha256={found}":
            wrong.append(f"its RECORD has another hash of {name}")
    return wrong + [f"its RECORD does not name {name}" for name in sorted(there.keys() - named)]


def wrong_in_sdist(raw: bytes, files: Iterable[str]) -> list[str]:
    """What an sdist lacks to build the same wheel and to run the tests, and what must not be in it."""
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        there = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
        odd = [member.name for member in archive.getmembers() if not (member.isfile() or member.isdir())]
    wanted = set(files) - {".gitignore"}
    wrong = [f"lacks {name}" for name in sorted(wanted - there)]
    wrong += [
        f"has {name}, which is no file of the repository"
        for name in sorted(there - wanted - {"PKG-INFO", ".gitignore"})
    ]
    wrong += [f"has {name}, which no package may have" for name in sorted(there) if name.endswith(FORBIDDEN)]
    return wrong + [f"has {name}, which is no file" for name in odd]
