"""Running a command in this process, as a person would: arguments in, status and both outputs out."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from weighbridge.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path


class Outcome(NamedTuple):
    """What a command left: its exit status, standard output and standard error."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def command(*words: str | Path) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = run([str(word) for word in words])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
    assert "Traceback" not in out.getvalue() + err.getvalue()
    return Outcome(status, out.getvalue(), err.getvalue())
