"""A model to a registry and back, beside `skopeo copy` of the same layout folder: wall time, CPU time, peak memory.

    python bench/registry.py             2 GiB in one file, 3 rounds: about three minutes and 9 GB of disk
    python bench/registry.py --quick     100 MiB, one round

Every run has a docker-registry of its own on loopback, with an empty folder, so that nothing is there already; a pull
begins with what ours pushed. Marks: the wall time of both ways together at most 1.5 times skopeo's, 120 MB. Needs the
programs docker-registry and skopeo. The result goes to results/registry.json unless it is quick.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from corpus import HERE, WORK, build, check_space
from measure import SCRATCH, Run, measure, output
from peers import OURS, prepare_ours

if TYPE_CHECKING:
    from collections.abc import Iterator

GIB = 1024**3
PATIENCE = 300.0
PLACE = os.path.join(WORK, "registry")
MARK_WALL, MARK_MEMORY = 1.5, 120
RESULT = os.path.join(HERE, "results", "registry.json")


def main(arguments: list[str]) -> int:
    """Measure in turn, print the table, keep the result."""
    parser = argparse.ArgumentParser(prog="bench/registry.py", description="A model to a registry and back.")
    parser.add_argument("--quick", action="store_true", help="100 MiB, one round; nothing is kept")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    missing = [name for name in ("docker-registry", "skopeo") if shutil.which(name) is None]
    if missing:
        print(f"bench: {' and '.join(missing)} must be installed", file=sys.stderr)
        return 2
    size = GIB // 10 if options.quick else 2 * GIB
    check_space(4 * size, "what is pushed and pulled")
    prepare_ours()
    layout = _layout(size)
    runs: dict[str, list[Run]] = {}
    for _ in range(1 if options.quick else options.rounds):
        for name in ("ours", "skopeo"):
            with _registry() as host:
                runs.setdefault(f"{name} push", []).append(_measured(_push(name, layout, host)))
                runs.setdefault(f"{name} pull", []).append(_measured(_pull(name, host)))
    document = _document(size, runs)
    print(json.dumps(document, indent=1))
    if not options.quick:
        with open(RESULT, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.write("\n")
    shutil.rmtree(PLACE, ignore_errors=True)
    return 0


def _layout(size: int) -> str:
    """A layout folder with one model: a safetensors file of `size` bytes and a card."""
    folder = os.path.join(PLACE, "layout")
    shutil.rmtree(PLACE, ignore_errors=True)
    os.makedirs(PLACE)
    weights = build("safetensors", size)
    program = (
        "import sys, io, hashlib\n"
        "from weighbridge.core.digests import Digest, digest_bytes\n"
        "from weighbridge.registry.layout import open_layout\n"
        "from weighbridge.registry.publish import ModelFile, publish_model, WEIGHT_TYPE, DOC_TYPE\n"
        "path, folder, size = sys.argv[1], sys.argv[2], int(sys.argv[3])\n"
        "with open(path, 'rb') as file: digest = Digest(hashlib.file_digest(file, 'sha256').hexdigest())\n"
        "files = [ModelFile('model.safetensors', size, digest, WEIGHT_TYPE, lambda: open(path, 'rb')),\n"
        "         ModelFile('README.md', 6, digest_bytes(b'# net\\n'), DOC_TYPE, lambda: io.BytesIO(b'# net\\n'))]\n"
        "publish_model(open_layout(folder, 'bench/net', create=True), tag='v1', files=files, config={},\n"
        "              annotations={}, evidence=lambda manifest: [])\n"
    )
    subprocess.run(
        [f"{OURS}/bin/python", "-c", program, weights, folder, str(os.path.getsize(weights))], check=True, cwd=WORK
    )
    return folder


@contextlib.contextmanager
def _registry() -> Iterator[str]:
    folder = os.path.join(PLACE, "data")
    shutil.rmtree(folder, ignore_errors=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = os.path.join(PLACE, "config.yml")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n"
        )
    with open(os.path.join(PLACE, "log"), "wb") as log:
        server = subprocess.Popen(["docker-registry", "serve", settings], stdout=log, stderr=log)
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def _push(name: str, layout: str, host: str) -> list[str]:
    if name == "ours":
        return [f"{OURS}/bin/weighbridge", "registry", "copy", f"oci:{layout}:bench/net:v1", f"{host}/bench/net:v1"]
    return [*_skopeo(), "--dest-tls-verify=false", f"oci:{layout}:bench/net:v1", f"docker://{host}/bench/net:v1"]


def _pull(name: str, host: str) -> list[str]:
    target = f"oci:{SCRATCH}/pulled:bench/net:v1"
    if name == "ours":
        return [f"{OURS}/bin/weighbridge", "registry", "copy", f"{host}/bench/net:v1", target]
    return [*_skopeo(), "--src-tls-verify=false", f"docker://{host}/bench/net:v1", target]


def _skopeo() -> list[str]:
    return [shutil.which("skopeo") or "skopeo", "--insecure-policy", "copy", "--quiet"]


def _measured(command: list[str]) -> Run:
    run = measure(command, PATIENCE)
    if run.status != 0:
        with open(output("err"), encoding="utf-8", errors="replace") as file:
            raise SystemExit(f"{command[0]} failed: {file.read()[:500]}")
    return run


def _document(size: int, runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Medians of each way, and the ratio of both together, taken round by round."""
    both = {
        name: [push.wall + pull.wall for push, pull in zip(runs[f"{name} push"], runs[f"{name} pull"], strict=True)]
        for name in ("ours", "skopeo")
    }
    ratio = statistics.median(ours / theirs for ours, theirs in zip(both["ours"], both["skopeo"], strict=True))
    peak = max(run.peak for name, kept in runs.items() if name.startswith("ours") for run in kept)
    shown = {
        name: {
            "wall": round(statistics.median(run.wall for run in kept), 2),
            "cpu": round(statistics.median(run.cpu for run in kept), 2),
            "peak": round(max(run.peak for run in kept), 1),
        }
        for name, kept in runs.items()
    }
    return {
        "schema": "weighbridge.bench-registry/1",
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "size": size,
        "rounds": len(runs["ours push"]),
        "runs": shown,
        "checks": [
            {"check": "wall / skopeo", "got": round(ratio, 3), "mark": MARK_WALL, "met": ratio <= MARK_WALL},
            {"check": "peak MB", "got": round(peak, 1), "mark": MARK_MEMORY, "met": peak <= MARK_MEMORY},
        ],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
