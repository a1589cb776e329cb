"""Changes honest files of every format and inspects them: any input has a verdict, in bounded time and memory.

What must hold of every changed file: coverage adds up to its size, no parser failed on it, nothing that is opaque is
called clean, and the time and memory of one inspection stay below a fence. A file that is cut short, or that has other
bytes at its end, is never clean; only of text and of messages without a frame can the beginning be whole.

Run: python -m fuzz.harness [--format NAME] [--rounds N | --seconds N] [--seed N] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from build.inspecting import inspected
from build.seeds import SEEDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from weighbridge.scan.report import ScanReport

CPU_FENCE = 5
"""Seconds that one file of some kilobytes may take; ordinary ones take a thousandth of it."""
MEMORY_FENCE = 600 * 1024 * 1024
"""Bytes of address space: what the libraries of the seeds take, and 150 MB."""
GROWING = frozenset(
    """text python template yaml toml settings requirements json-lines dockerfile makefile envrc
    git-attributes site-path markdown html lightgbm h2o-mojo prototxt onnx svm-text ncnn-param sentencepiece coreml
    caffe paddle tensorflow-graph tensorflow-fingerprint tensorflow-meta-graph tensorflow-saved-model keras-metadata
    tensorflow-checkpoint-state""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Formats of which the first part of a file may be a whole one: text, and messages that end where their file ends."""
OPTIONAL = {
    "tar": 9216,
    "tensorflow-text": 1,
    "prototxt": 1,
    "h2o-mojo": 1,
    "ort": 3,
    "tflite-metadata": 3,
}
"""Bytes at the end of a seed that readers do without: zeros behind the last thing, what only one of them asks for."""
PLAIN = frozenset(("text", "settings"))
"""Formats that any few letters are, under the right name."""
TAIL = b"\0\xff\xfe\x80 more than the format says"
_WORDS = (b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7, b"\x80\x04", b"PK\x03\x04", b"\x00\x00\x00\x80")


class TooLong(BaseException):
    """An inspection does not end; no fence of the product catches this."""


class Broken(Exception):
    """A changed file was inspected in a way that must not be."""


def changed(content: bytes, chance: random.Random) -> bytes:
    """Up to five changes: bytes left out, put in, overwritten, flipped, moved, or taken from another format."""
    raw = bytearray(content)
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(raw) + 1)
        kind = chance.randrange(7)
        if kind == 0:
            raw[place : place + chance.randrange(9)] = b""
        elif kind == 1:
            raw[place:place] = chance.randbytes(chance.randrange(9))
        elif kind == 2:
            word = chance.choice(_WORDS)
            raw[place : place + len(word)] = word
        elif kind == 3:
            raw += chance.choice(list(SEEDS.values()))[1]
        elif kind == 4:
            start = chance.randrange(len(raw) + 1)
            raw[place:place] = raw[start : start + chance.randrange(64)]
        elif place < len(raw):
            raw[place] = chance.randrange(256) if kind == 5 else raw[place] ^ 1 << chance.randrange(8)
    return bytes(raw)


def spoilt(kind: str, content: bytes, chance: random.Random) -> Iterator[bytes]:
    """What is never clean: the file cut short at any place, and the file with something behind it."""
    yield content + TAIL
    whole = len(content) - OPTIONAL.get(kind, 0)
    for place in sorted({*range(max(1, whole - 12), whole), chance.randrange(1, whole)} if kind not in GROWING else ()):
        yield content[:place]


def check(folder: Path, name: str, content: bytes) -> ScanReport:
    """Inspect one file. Raises Broken if a promise does not hold."""
    path = folder / name
    path.write_bytes(content)
    report = inspected(path).report
    if len(report.artifact.files) != 1:
        raise Broken(f"no file of the artifact: {report.unread}")
    (file,) = report.artifact.files
    if sum(file.coverage) != len(content):
        raise Broken(f"coverage {file.coverage} of {len(content)} bytes")
    if any("parser failed" in unread.why for unread in report.unread):
        raise Broken(str(report.unread))
    if report.verdict.value == "clean" and file.coverage.opaque:
        raise Broken("clean, and not everything was read")
    return report


def attack(kind: str, chance: random.Random, folder: Path, keep: Path) -> None:
    """One round on one format: some changed files and all spoilt ones. Raises Broken, and keeps the file."""
    name, content = SEEDS[kind]
    cases = [(changed(content, chance), False) for _ in range(6)]
    cases += [(raw, True) for raw in spoilt(kind, content, chance)]
    for raw, never_clean in cases:
        signal.setitimer(signal.ITIMER_PROF, CPU_FENCE)
        try:
            report = check(folder, name, raw)
            # What is left of a file may be a plain text of its own.
            clean = report.verdict.value == "clean" and report.artifact.files[0].format not in PLAIN
            problem = "clean, though it is cut short or goes on" if clean and never_clean else ""
        except (Broken, MemoryError, TooLong) as error:
            problem = f"{type(error).__name__}: {error}"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if problem:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{kind}-{name}").write_bytes(raw)
            raise Broken(f"{kind}: {problem}; kept as {keep / f'{kind}-{name}'}")


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TooLong(f"more than {CPU_FENCE} s of CPU time")


def main(arguments: list[str]) -> int:
    """Go through the formats for some rounds or seconds; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="fuzz.harness", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--format", action="append", choices=sorted(SEEDS), help="only this format")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="as many rounds as fit, instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path(".fuzz"), help="where a file that breaks a promise goes")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGPROF, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY_FENCE, resource.RLIM_INFINITY))
    started, rounds = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="weighbridge-fuzz-") as place:
        while rounds < options.rounds if options.seconds is None else time.monotonic() - started < options.seconds:
            for kind in options.format or SEEDS:
                try:
                    attack(kind, random.Random(f"{options.seed}/{rounds}/{kind}"), Path(place), options.keep)
                except Broken as error:
                    print(f"seed {options.seed}, round {rounds}: {error}", file=sys.stderr)
                    return 1
            rounds += 1
    print(f"{rounds} rounds of {len(options.format or SEEDS)} formats: every promise held")
    return 0


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
