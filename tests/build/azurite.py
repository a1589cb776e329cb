"""Azurite, the stand-in of Azure storage, on loopback: `make services` installs it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time

from build.missing import missing

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.path.join(ROOT, ".services", "node_modules", ".bin", "azurite-blob")
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that every Azurite has, as its documentation says: no secret."""


def needs_azurite() -> None:
    """Skip if it is missing, unless continuous integration runs: there it is a failure."""
    if not os.path.exists(PROGRAM) or shutil.which("node") is None:
        missing("Azurite is not installed (make services; needs node and npm)")


@contextlib.contextmanager
def azurite(folder: str):
    """Run one, with everything in `folder`, until the block ends; gives its connection string."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(os.path.join(folder, "log"), "wb") as log:
        server = subprocess.Popen(
            [
                *(PROGRAM, "--silent", "--skipApiVersionCheck", "--disableTelemetry"),
                *("--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", folder),
            ],
            stdout=log,
            stderr=log,
            env={"PATH": os.environ.get("PATH", ""), "HOME": folder},
        )
    try:
        for _ in range(1000):
            assert server.poll() is None, "Azurite ended"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        )
    finally:
        server.terminate()
        server.wait(10)
