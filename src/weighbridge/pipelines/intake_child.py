"""One intake in a process of its own, which a worker starts, bounds and may kill.

    standard input    one line of JSON: what to do; then nothing, and its end says that the worker is gone
    standard output   lines of JSON: {"note", "done"} while it works, {"end", "why", "again", "document"} at last

What libraries print goes to standard error. Memory is bounded before anything of the model is opened.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from datetime import UTC, datetime

from weighbridge.core.errors import IndexFailed, NotFound, RegistryError, SourceError, WeighbridgeError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.attest.open import OpenedSigner
    from weighbridge.core.settings import Settings

INTERVAL = 0.3
"""Seconds between two lines of progress."""
PASSPHRASE = "WEIGHBRIDGE_KEY_PASSPHRASE"  # noqa: S105 -- the name of a variable, no secret


_REACHED = {
    errno.EFBIG: "it wrote a larger file than an intake may write here",
    errno.EMFILE: "it had more files open than an intake may have open here",
}
"""What limits of the kernel say, in our words."""


class _Telling:
    """Tells the worker how far the inspection is."""

    def __init__(self, out: int) -> None:
        self._out, self._text, self._done, self._next = out, "", 0, 0.0

    def note(self, text: str) -> None:
        self._text = plain(text, 300)
        self._tell()

    def advance(self, size: int, /) -> None:
        self._done += size
        self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + INTERVAL
            say(self._out, {"note": self._text, "done": self._done})


def say(out: int, line: dict[str, Any]) -> None:
    """Write one line, whole."""
    left = memoryview(json.dumps(line, ensure_ascii=True).encode() + b"\n")
    while left:
        left = left[os.write(out, left) :]


def main() -> None:
    """Do what the line on standard input says."""
    out = os.dup(1)
    os.dup2(2, 1)
    asked = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_leave_with_the_worker, daemon=True).start()
    _bound(asked["memory_mb"], asked.get("file_bytes", 0), asked.get("open_files", 0))
    try:
        end = _take_in(asked, _Telling(out))
    except (SourceError, RegistryError, IndexFailed) as error:
        end = {"end": "failed", "why": error.cause, "again": not isinstance(error, NotFound)}
    except WeighbridgeError as error:
        end = {"end": "failed", "why": error.cause, "again": False}
    except MemoryError:
        why = f"it needed more than {asked['memory_mb']} MB of memory, which an intake may have here"
        end = {"end": "failed", "why": why, "again": False}
    except OSError as error:
        if error.errno not in _REACHED:
            raise
        end = {"end": "failed", "why": _REACHED[error.errno], "again": False}
    say(out, end)
    sys.stderr.flush()
    os._exit(0)


def _take_in(asked: dict[str, Any], telling: _Telling) -> dict[str, Any]:
    from weighbridge.attest.trusted import trust_of
    from weighbridge.core.settings import load_settings
    from weighbridge.pipelines.indexing import tell_index
    from weighbridge.pipelines.intake_job import destination_of, intake_document, others_of, take_in_by

    settings, now = load_settings(asked["config"], os.environ), datetime.now(UTC)
    destination = destination_of(asked["target"], settings, replace=asked["replaces"])
    outcome, reference = take_in_by(
        settings,
        asked["source"],
        destination,
        signer=_signer(settings),
        stage=asked["stage"],
        watcher=telling,
        now=now,
        others=others_of(settings, asked["stage"]),
    )
    if outcome.admitted:
        store = destination.store
        told = tell_index(
            settings, store, store.reference(tag=outcome.tag), trust_of(settings, needed=False, now=now), now
        )
        if told:
            sys.stderr.write(f"weighbridge: {plain(told)}\n")
    document = intake_document(outcome, reference)
    if outcome.admitted:
        return {"end": "done", "why": f"admitted as {reference}", "again": False, "document": document}
    return {"end": "refused", "why": outcome.refusal, "again": False, "document": document}


def _signer(settings: Settings) -> OpenedSigner:
    from weighbridge.attest.open import open_signer

    passphrase = os.environ.get(PASSPHRASE)
    return open_signer(settings, passphrase.encode() if passphrase else None)


def _bound(memory_mb: int, file_bytes: int, open_files: int) -> None:
    """Have the kernel hold this process, and each one that it starts by itself, to these; 0: as it was before."""
    import resource

    for name, most in (
        (resource.RLIMIT_AS, memory_mb * 1024 * 1024),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, open_files),
    ):
        hardest = resource.getrlimit(name)[1]
        if most and (hardest == resource.RLIM_INFINITY or most < hardest):
            resource.setrlimit(name, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump of memory would have keys in it


def _leave_with_the_worker() -> None:
    while os.read(0, 4096):
        pass
    os._exit(3)


if __name__ == "__main__":
    main()
