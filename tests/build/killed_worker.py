"""A worker with short leases, for tests that kill it. Its children do real intakes, or, with `--quick`, nothing."""

from __future__ import annotations

import os
import sys

from weighbridge.index.database import open_database
from weighbridge.index.jobs import Jobs
from weighbridge.pipelines.working import CHILD, Bounds, Worker

_CODE = """
import json, sys, time
asked = json.loads(sys.stdin.readline())
time.sleep(0.1)
print(json.dumps({"end": "done", "why": "x", "document": asked}))
"""
QUICK = (sys.executable, "-S", "-E", "-c", _CODE)


def main(address: str, config: str, kind: str) -> None:
    Worker(
        Jobs(open_database(address, create=True)),
        config,
        name=f"worker:{os.getpid()}",
        bounds=Bounds(seconds=120.0, memory_mb=2048, lease=2.0, beat=0.2, poll=0.1),
        log=lambda _: None,
        child=QUICK if kind == "--quick" else CHILD,
    ).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
