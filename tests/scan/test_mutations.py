"""Thousands of mutated files in a process of their own: every one gets a verdict, and memory stays bounded."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
MEMORY = 150 * 1024 * 1024
CPU_FENCE = 5
"""CPU seconds that one file of some kilobytes may never take; ordinary ones take a thousandth of it."""
CHILD = """
import gzip, json, os, random, sys, time
sys.path[:0] = [{root!r} + "/src", {root!r} + "/tests"]
from build import pickles as p
from build import onnx_models as o
from build.containers import safetensors, torch_zip, zipped
from build.inspecting import inspected
from pathlib import Path

seeds = [
    safetensors({{"a": bytes(64), "b": bytes(64)}}, metadata={{"format": "pt"}}),
    torch_zip([("FloatStorage", "0", bytes(64))], {{"FloatStorage": 4}}),
    zipped({{"a.json": b"[1]", "b.pkl": p.proto(4) + p.system() + p.STOP}}, method=8),
    p.proto(4) + b"](" + p.system() * 4 + b"e" + p.stack_global("m", "C") + b")\\x81}}" + p.text("k") + b"K\\x01sb0.",
    b"(lp0\\n(dp1\\nS'a'\\np2\\nI1\\nsa(ios\\nsystem\\n.",
    json.dumps({{"a": (p.proto(2) + p.system() + p.STOP).hex(), "b": [1, 2, {{"c": "x" * 50}}]}}).encode(),
    gzip.compress(b"hello" * 200, mtime=0),
    b"\\x89PNG\\r\\n\\x1a\\n\\0\\0\\0\\x00IEND\\xaeB`\\x82",
    o.model(o.graph(o.node("If", o.attribute("b", 6, o.graph(o.node()))), tensors=(o.tensor(),)), more=o.blob(25, o.function("F"))),
    b"version https://git-lfs.github.com/spec/v1\\noid sha256:00\\nsize 5\\n",
]
names = ["m.safetensors", "m.pt", "m.zip", "m.pkl", "m.bin", "config.json", "m.gz", "m.png", "m.txt", "m.onnx", "m"]
random.seed(20261124)
folder = Path(sys.argv[1])
for number in range(4000):
    content = bytearray(random.choice(seeds))
    for _ in range(random.randrange(1, 6)):
        place = random.randrange(len(content) + 1)
        change = random.randrange(5)
        if change == 0:
            content[place : place + random.randrange(9)] = b""
        elif change == 1:
            content[place:place] = random.randbytes(random.randrange(9))
        elif change == 2:
            content[place : place + 8] = random.choice([b"\\xff" * 8, bytes(8), b"\\x7f" + b"\\xff" * 7])
        elif change == 3:
            content += random.choice(seeds)
        elif place < len(content):
            content[place] ^= 1 << random.randrange(8)
    path = folder / random.choice(names)
    path.write_bytes(content)
    started = time.process_time()
    report = inspected(path).report
    assert time.process_time() - started < {fence}, content
    coverage = report.artifact.files[0].coverage
    assert sum(coverage) == len(content), content
    assert not any("parser failed" in unread.why for unread in report.unread), (report.unread, content)
    assert report.verdict.value != "clean" or not coverage.opaque, content
    path.unlink()
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(int(peak) * 1024)
"""


def test_mutated_files_are_bounded_and_honest(tmp_path: Path) -> None:
    program = CHILD.format(root=ROOT, fence=CPU_FENCE)
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) <= MEMORY
