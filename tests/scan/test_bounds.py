"""Hostile inputs in a process of their own: a verdict, bounded memory, never a traceback, never clean.

Memory is measured, time is only fenced (a runaway parser is killed by the system); speed is measured in bench/.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import struct
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from build import arrows, parquets
from build import onnx_models as o
from build import pickles as p
from build import r_values as r
from build import seven_zips as z
from build.containers import zipped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEMORY = 150 * 1024 * 1024
CPU_FENCE = 20
HEAVY = struct.pack("<Q", 1 << 62)


def billion_laughs() -> bytes:
    out = b"(lp0\n"
    for index in range(1, 60):
        out += b"0(" + f"g{index - 1}\n".encode() * 10 + f"lp{index}\n".encode()
    return out + b"."


def tuple_laughs() -> bytes:
    out = b"\x80\x04)\x94" + b"K\x01\x85\x94"
    for index in range(1, 60):
        out += b"h" + bytes([index]) + b"\x85h" + bytes([index]) + b"\x85\x86\x94"
    return out + b"."


def repeated_build() -> bytes:
    keys = b"".join(p.text(f"k{index}") + b"K\x01" for index in range(20_000))
    return p.call("m", "C") + b"q\x000}(" + keys + b"uq\x010" + b"h\x00h\x01b0" * 60_000 + b"N."


def nested_graphs() -> bytes:
    inside = o.graph()
    for _ in range(3_000):
        inside = o.graph(o.node("If", o.attribute("b", 6, inside)))
    return o.model(inside)


def hidden_pickles() -> bytes:
    pickles = (p.proto(4) + p.system() + b"0" + p.text(str(number)) + p.STOP for number in range(30_000))
    return o.model(o.graph(*(o.node(more=o.blob(6, base64.b64encode(pickle))) for pickle in pickles)))


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "checkpoint of zeros": ("m.pt", lambda: zipped({"a/data.pkl": bytes(1 << 29)}, method=zipfile.ZIP_DEFLATED)),
    "checkpoint of NONE opcodes": (
        "m.pt",
        lambda: zipped({"a/data.pkl": b"\x80\x02" + b"N" * (1 << 28)}, method=zipfile.ZIP_DEFLATED),
    ),
    "gzip of zeros": ("m.gz", lambda: gzip.compress(bytes(1 << 29), 9)),
    "nested lists": ("m.pkl", lambda: b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b"."),
    "a hundred thousand nested lists": ("m.pkl", lambda: b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."),
    "nested tuples": ("m.pkl", lambda: b"\x80\x02)" + b"\x85" * 1_000_000 + b"."),
    "marks": ("m.pkl", lambda: b"\x80\x02" + b"(" * 1_000_000 + b"."),
    "tuples of many": ("m.pkl", lambda: b"\x80\x02" + (b"(" + b"N" * 900 + b"t") * 1_100 + b"."),
    "billion laughs": ("m.pkl", billion_laughs),
    "billion laughs of pairs": ("m.pkl", tuple_laughs),
    "the same large state again and again": ("m.pkl", repeated_build),
    "a million different globals": (
        "m.pkl",
        lambda: b"".join(f"cm\nn{index}\n0".encode() for index in range(90_000)) + b"N.",
    ),
    "many small pickles": ("m.pkl", lambda: (p.proto(2) + b"N.") * 200_000),
    "deep JSON": ("config.json", lambda: b'{"a":' + b"[" * 900_000),
    "many small lists": ("config.json", lambda: b"[" + b"[]," * 330_000 + b"[]]"),
    "a huge number": ("config.json", lambda: b'{"a":' + b"9" * 1_000_000 + b"}"),
    "safetensors of absurd length": ("m.safetensors", lambda: HEAVY + b"{" + b"x" * 1000),
    "nothing but quotes": ("config.json", lambda: b'"' * 1_000_000),
    "base64 without end": ("config.json", lambda: b'{"a":"' + b"gAAA" * 240_000 + b'"}'),
    "graphs in graphs": ("m.onnx", nested_graphs),
    "many hidden pickles": ("m.onnx", hidden_pickles),
    "many small tensors": ("m.onnx", lambda: o.model(o.graph(tensors=(o.tensor(),) * 200_000))),
    "tensors that lie": ("m.onnx", lambda: o.model(o.graph(tensors=(o.tensor("w", (3,)),) * 100_000))),
    "many different operators": ("m.onnx", lambda: o.model(o.graph(*(o.node(f"Op{n}") for n in range(100_000))))),
    "fields that nobody knows": ("m.onnx", lambda: o.model(o.graph(more=(o.number(99, 1) + o.blob(1, b"")) * 200_000))),
    "groups in groups": ("m.onnx", lambda: o.model(more=b"\xdb\x01" * 500_000)),
    "pairs in pairs": ("m.rds", lambda: r.rendered([]) + struct.pack(">i", 2) * 1_000_000),
    "many different symbols": (
        "m.rds",
        lambda: r.rendered([]) + struct.pack(">ii", 19, 600_000) + struct.pack(">iiii", 1, 9, 4, 0) * 600_000,
    ),
    "many calls": ("m.rds", lambda: r.rendered(r.many(*(r.call(f"f{number}") for number in range(60_000))))),
    "7z of zeros": ("m.7z", lambda: z.archive(z.Member("a.txt", bytes(1 << 28)))),
    "many pages": ("m.parquet", lambda: parquets.parquet(parquets.Chunk((b"",) * 200_000))),
    "many columns": ("m.parquet", lambda: parquets.parquet(*(parquets.Chunk((b"",)),) * 60_000)),
    "many batches": ("m.arrow", lambda: arrows.stream(arrows.parts(bodies=(b"12345678",) * 20_000))),
    "many encoded values": ("config.json", lambda: json.dumps({"a": ["gASVKAAAAAAAAACMBXBvc2l4"] * 30_000}).encode()),
}
HARMLESS = {
    "many small lists",
    "base64 without end",
    "a hundred thousand nested lists",
    "many small pickles",
    "many encoded values",
    "tuples of many",
    "nested tuples",
    "many pages",
    "many columns",
    "many batches",
}
LAUNCH = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({cpu}, {cpu}))
sys.path.insert(0, {source!r})
from weighbridge.cli.main import run
status = run(["scan", sys.argv[1], "--format", "json"])
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
sys.stderr.write(f"peak {{int(peak) * 1024}}\\n")
sys.exit(status)
"""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_bounded_and_honest(tmp_path: Path, name: str) -> None:
    file_name, build = BOMBS[name]
    path = tmp_path / file_name
    path.write_bytes(build())
    source = os.path.join(os.path.dirname(__file__), "..", "..", "src")
    program = LAUNCH.format(cpu=CPU_FENCE, source=os.path.abspath(source))
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    peak = int(done.stderr.rsplit("peak ", 1)[1])
    assert peak <= MEMORY, f"{peak / 1e6:.0f} MB"
    verdict = json.loads(done.stdout)["verdict"]
    assert verdict != "clean" or name in HARMLESS
