"""Make a release: build, check, weigh, attest. Nothing is published, and nothing is written if a check fails.

Run: python -m tools.release [--key FILE] [--output dist] [--source ADDRESS] [--builder ID]
                               [--libraries DIR] [--dirty]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime

from tools.release import bill, evidence, libraries, own_scan, packages

from weighbridge.attest.signers import load_key
from weighbridge.core.digests import digest_bytes

ROOT = bill.ROOT
INPUTS = ("pyproject.toml", bill.LOCK, os.path.relpath(own_scan.EXPLAINED, ROOT))
LOCAL = "https://weighbridge.dev/release/local"


def git(*words: str) -> str:
    """What git answers about the repository. Raises CalledProcessError."""
    return subprocess.run(("git", "-C", ROOT, *words), capture_output=True, text=True, check=True).stdout.strip()


def main(arguments: list[str]) -> int:
    """0: the release is in the folder. 1: a check failed; each reason is one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description="Make a release.")
    parser.add_argument("--key", metavar="FILE", help="sign with this key; its passphrase: WEIGHBRIDGE_KEY_PASSPHRASE")
    parser.add_argument("--output", metavar="DIR", default=os.path.join(ROOT, "dist"), help="default: dist")
    parser.add_argument("--source", metavar="ADDRESS", default="", help="where the repository can be fetched from")
    parser.add_argument("--builder", metavar="ID", default=LOCAL, help="who builds, as SLSA names builders")
    parser.add_argument("--libraries", metavar="DIR", help="files of the locked libraries, to be checked and weighed")
    parser.add_argument("--dirty", action="store_true", help="try it on changes that are not committed")
    options = parser.parse_args(arguments)
    started = datetime.now(UTC)
    if git("status", "--porcelain") and not options.dirty:
        return _shut(["there are changes that no commit has; commit them, or try with --dirty"])
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct"))
    files = packages.files_of(ROOT)
    with tempfile.TemporaryDirectory() as place:
        made, again = (packages.build(ROOT, files, place, one, epoch) for one in packages.TWO)
        wrong = [f"{name} is not the same twice" for name in packages.differences(made, again)]
        if bill.main(["--check"]):
            wrong.append("the bill of materials is out of date: python -m tools.release.bill")
        for name, raw in made.items():
            look = packages.wrong_in_wheel if name.endswith(".whl") else packages.wrong_in_sdist
            wrong += [f"{name} {text}" for text in look(raw, files)]
        (wheel,) = (name for name in made if name.endswith(".whl"))
        path = os.path.join(place, wheel)
        with open(path, "wb") as file:
            file.write(made[wheel])
        weighed = own_scan.weigh(path, own_scan.explanations())
    wrong += [f"{text}: explain it in explained.toml, or mend it" for text in weighed.open]
    wrong += [f"{text}: explained, and not found any more" for text in weighed.stale]
    if options.libraries:
        wrong += _wrong_libraries(options.libraries)
    if wrong:
        return _shut(wrong)
    release = evidence.Release(
        packages=made,
        source=options.source,
        commit=git("rev-parse", "HEAD"),
        epoch=epoch,
        builder=options.builder,
        bill=json.loads(bill.bill(ROOT)),
        inputs={name: _read(name) for name in INPUTS},
        started=started,
        finished=datetime.now(UTC),
    )
    _write(options.output, release, options.key)
    print(f"{len(weighed.report.findings)} findings of our own rules, {weighed.explained} of them explained")
    return 0


def _wrong_libraries(folder: str) -> list[str]:
    wrong = libraries.wrong(folder, bill.locked(_read(bill.LOCK).decode()))
    weighed = libraries.weigh(folder)
    for library in weighed:
        print(f"{library.verdict:<10}  {library.name}", file=sys.stderr)
        wrong += [f"{library.name}: {text}" for text in library.stops]
    return wrong


def _write(folder: str, release: evidence.Release, key: str | None) -> None:
    """Everything into `folder`, which is emptied first, with the hashes of all in SHA256SUMS."""
    files = dict(release.packages)
    files["weighbridge.cdx.json"] = bill.bill(ROOT).encode()
    if key:
        passphrase = os.environ.get("WEIGHBRIDGE_KEY_PASSPHRASE")
        files |= evidence.sealed(release, load_key(key, passphrase.encode() if passphrase else None))
    else:
        files |= {f"{name}.intoto.json": raw for name, _, raw in evidence.statements(release)}
        print("no --key: the statements are not signed, and prove nothing until somebody does", file=sys.stderr)
    sums = "".join(f"{digest_bytes(raw).hex}  {name}\n" for name, raw in sorted(files.items()))
    files["SHA256SUMS"] = sums.encode()
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name, raw in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(raw)
    print(sums, end="")


def _read(path: str) -> bytes:
    with open(os.path.join(ROOT, path), "rb") as file:
        return file.read()


def _shut(reasons: list[str]) -> int:
    for reason in reasons:
        print(f"no release: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
