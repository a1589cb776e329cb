"""A server under readers and intakes at once: errors, and how long answers take beside an idle server's.

    python bench/server_load.py [--seconds 120] [--readers 200] [--intakes 20] [--index ADDRESS] [--api]

Readers look at the pages of the dashboard one after the other, each on its own connection, and at each for a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("/", "/models", "/alerts", "/decisions", "/search?q=net", "/rules/file/unread", "/models/net?digest={digest}")
API = ("/v1/intakes", "/v1/queue", "/v1/models", "/v1/models/net?tag=v1", "/v1/alerts", "/v1/decisions")


async def ask(
    port: int, paths: Sequence[str], seconds: float, number: int, took: list[float], wrong: list[str], pause: float
) -> None:
    """One reader, until its time is over."""
    end, turn = time.monotonic() + seconds, number
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        path = paths[turn % len(paths)]
        turn += 1
        began = time.monotonic()
        writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n\r\n".encode())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError, StopIteration) as error:
            wrong.append(f"{path}: {type(error).__name__}")
            return
        took.append(time.monotonic() - began)
        if not head.startswith(b"HTTP/1.1 200"):
            wrong.append(f"{path}: {head[:12].decode()}")
        await asyncio.sleep(pause)
    writer.close()


async def read(
    port: int, paths: Sequence[str], seconds: float, readers: int, pause: float
) -> tuple[list[float], list[str]]:
    took: list[float] = []
    wrong: list[str] = []
    await asyncio.gather(*(ask(port, paths, seconds, number, took, wrong, pause) for number in range(readers)))
    return took, wrong


def p95(took: list[float]) -> float:
    return statistics.quantiles(took, n=20)[-1] * 1000 if len(took) > 20 else float("nan")


def main() -> None:
    """Measure, and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--intakes", type=int, default=20)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds that a reader looks at what it got")
    parser.add_argument("--index", default="")
    parser.add_argument("--api", action="store_true", help="what programs read, instead of pages")
    options = parser.parse_args()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weighbridge = [sys.executable, "-P", "-m", "weighbridge"]
        subprocess.run([*weighbridge, "init", "--quiet"], cwd=folder, env=environ, check=True)
        sys.path.insert(0, str(ROOT / "tests"))
        from build.containers import safetensors

        (folder / "incoming/net").mkdir(parents=True)
        (folder / "incoming/net/model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
        toml = folder / "weighbridge.toml"
        index = f'index = "{options.index}"\n' if options.index else ""
        toml.write_text(f'{index}{toml.read_text()}\n[server]\nsources = ["{folder}/incoming/"]\n')
        words = ["intake", "incoming/net", "--to", "oci:registry:net:v1", "--quiet", "--output", "out"]
        subprocess.run([*weighbridge, *words], cwd=folder, env=environ, check=True)
        subprocess.run([*weighbridge, "index", "rebuild", "--output", "out"], cwd=folder, env=environ, check=True)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
        words = [*weighbridge, "serve", "--port", str(port), "--workers", "2", "--quiet"]
        server = subprocess.Popen(words, cwd=folder, env=environ)
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            digest = json.loads(get(port, "/v1/models/net?tag=v1"))["digest"]
            paths = API if options.api else [path.format(digest=digest) for path in PAGES]
            idle, _ = asyncio.run(read(port, paths, min(10.0, options.seconds), 1, 0.05))
            submit(port, folder, options.intakes)
            took, wrong = asyncio.run(read(port, paths, options.seconds, options.readers, options.pause))
            queue = json.loads(get(port, "/v1/queue"))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        said = {
            "readers": options.readers,
            "answers": len(took),
            "errors": len(wrong),
            "first errors": wrong[:3],
            "idle p95 ms": round(p95(idle), 1),
            "p95 ms": round(p95(took), 1),
            "intakes": queue,
            "load of the machine": os.getloadavg()[0],
        }
        print(json.dumps(said))


def submit(port: int, folder: Path, count: int) -> None:
    import http.client

    for number in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        body = {"source": f"{folder}/incoming/net", "target": f"net/m{number}:v1", "stage": "sandbox"}
        connection.request("POST", "/v1/intakes", json.dumps(body), {"content-type": "application/json"})
        got = connection.getresponse()
        assert got.status == 202, got.read()
        got.read()
        connection.close()


def get(port: int, path: str) -> bytes:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse().read()


if __name__ == "__main__":
    main()
