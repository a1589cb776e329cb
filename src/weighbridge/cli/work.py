"""Do the intakes that a server was asked for: lease one job after the other, each in a process with bounded memory.

`weighbridge serve` starts its own workers; more may run on any machine that has the same settings and reaches the same
index, which then is PostgreSQL. One that is told to stop gives its job back.

Examples:
  weighbridge work
  weighbridge work --until-idle
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any

LEAST_FILE = 64 * 1024**3
"""Bytes that a file may have however small the quarantine is: the index is written too."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `work` takes."""
    parser.add_argument("--name", metavar="NAME", help="what jobs call it (default: the host and the process)")
    parser.add_argument("--until-idle", action="store_true", help="stop when there is nothing to do")
    parser.add_argument("--with-parent", action="store_true", help="stop when standard input ends")
    common.add_general(parser)


def run(options: argparse.Namespace) -> int:
    """Work until told to stop."""
    from weighbridge.index.database import open_database
    from weighbridge.index.jobs import Jobs
    from weighbridge.pipelines.gate_two import DEFAULT_INDEX
    from weighbridge.pipelines.working import Bounds, Worker
    from weighbridge.web.tracing import begin_tracing, end_tracing, span_of_intake

    settings = common.settings_for(options)
    common.signing_key(settings)  # better to stop now than to fail every job

    def log(record: Mapping[str, Any]) -> None:
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **record}
        sys.stderr.write(json.dumps(line, ensure_ascii=True) + "\n")
        sys.stderr.flush()

    if why := begin_tracing():
        log({"error": why})
    worker = Worker(
        Jobs(open_database(settings.index_address or DEFAULT_INDEX, create=True)),
        settings.file,
        name=options.name or f"{socket.gethostname()}:{os.getpid()}",
        bounds=Bounds(
            float(settings.server.job_seconds),
            settings.server.job_memory_mb,
            max(settings.quarantine.most_bytes, LEAST_FILE),
        ),
        log=log,
        around=span_of_intake,
    )
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: worker.stop.set())
    if options.with_parent:
        threading.Thread(target=_stop_with_parent, args=(worker.stop,), daemon=True).start()
    common.say(options, "waiting for intakes")
    try:
        worker.run(until_idle=options.until_idle)
    finally:
        end_tracing()
    return 0


def _stop_with_parent(stop: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()
