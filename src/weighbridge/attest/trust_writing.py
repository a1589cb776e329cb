"""Adding to the trust store, and never taking away.

Changes go to the end of the file: what was believed before can be read off it, and what people wrote into it stays. The
new text is checked, written beside the old one, brought to disk and put in its place in one step, by one writer
at a time: whoever is killed leaves the old file or the new one.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime

from weighbridge.attest.trust_store import check_entry, parse_store, text_of
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.whole_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.attest.trust import Reason, TrustEntry

HEADER = """\
# Whose signatures count. Change it with `weighbridge trust add` and `trust revoke`, which add at the end, or by hand;
# review it as you review code. Nothing is ever taken out: a key that no longer counts is revoked.
"""
_PATIENCE = 20.0
"""Seconds that a writer waits for another one."""


def add_entry(path: str, entry: TrustEntry) -> None:
    """Add an entry at the end; the file is made if it is not there. Raises UsageError if its id or key is there."""
    check_entry(entry, "the new entry")
    _append(path, _written(entry), entry)


def revoke_entry(path: str, identity: str, at: datetime, reason: Reason, note: str = "") -> TrustEntry:
    """Take an entry its right from a time on and give it back. Raises UsageError if there is none of that id."""
    lines = ["[[revoked]]", f"id = {_quoted(identity)}", f"at = {_moment(at)}", f'reason = "{reason}"']
    lines += [f"note = {_quoted(note)}"] if note else []
    after = _append(path, "\n".join(lines) + "\n", None)
    return next(entry for entry in after if entry.id == identity)


def _append(path: str, block: str, entry: TrustEntry | None) -> tuple[TrustEntry, ...]:
    real = os.path.realpath(path)
    where = f"the trust store {plain(path)}"
    try:
        with _alone(os.path.dirname(real)):
            old = text_of(real) if os.path.lexists(real) else HEADER
            before = parse_store(old, where)
            text = f"{old}{'' if old.endswith(chr(10)) else chr(10)}\n{block}"
            after = parse_store(text, where)
            kept = {item.id for item in before} | ({entry.id} if entry else set())
            if {item.id for item in after} != kept or (entry is not None and after[-1] != entry):
                raise UsageError(f"{where} would not read as what was to be written", "write the entry by hand")
            _replace(real, text)
    except OSError as error:
        raise UsageError(f"{where} cannot be written: {error.strerror}", "choose a folder of yours") from error
    return after


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """One writer in this folder at a time; the lock goes with the process, whatever ends it."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise UsageError("somebody else is writing the trust store", "try again") from None
                time.sleep(0.02)
        yield
    finally:
        os.close(fd)


def _replace(path: str, text: str) -> None:
    folder = os.path.dirname(path)
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o644
    beginning = f".{os.path.basename(path)}.writing-"
    for name in os.listdir(folder):
        if name.startswith(beginning):
            # Left by a writer that was killed: there is no other one now.
            os.unlink(os.path.join(folder, name))
    write_whole(path, text.encode(), mode, beginning=beginning)


def _written(entry: TrustEntry) -> str:
    lines = [
        "[[trust]]",
        f"id = {_quoted(entry.id)}",
        f"kind = {_quoted(entry.kind)}",
        f"owner = {_quoted(entry.owner)}",
    ]
    lines += [f"role = {_quoted(entry.role)}"] if entry.role != "author" else []
    lines.append(f"may_sign = [{', '.join(map(_quoted, entry.may_sign))}]")
    lines += [f"sources = [{', '.join(map(_quoted, entry.sources))}]"] if entry.sources else []
    for name, moment in (("valid_from", entry.validity.since), ("valid_until", entry.validity.until)):
        lines += [f"{name} = {_moment(moment)}"] if moment else []
    for name in ("identity", "issuer", "note"):
        value = getattr(entry, name)
        lines += [f"{name} = {_quoted(value)}"] if value else []
    if entry.key:
        simple = "'''" not in entry.key and entry.key.isascii() and entry.key.replace("\n", "").isprintable()
        lines.append(f"key = '''\n{entry.key}'''" if simple else f"key = {_quoted(entry.key)}")
    return "\n".join(lines) + "\n"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _quoted(text: str) -> str:
    """A TOML basic string."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
