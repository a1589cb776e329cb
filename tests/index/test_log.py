"""The log of decisions: nothing acknowledged is lost, and whatever is changed, removed or cut off is found."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from build.keys import signer, trust
from weighbridge.core.errors import IndexFailed, UsageError
from weighbridge.index.check import Checked, check
from weighbridge.index.log import ChainedLog, Entry, Head, entry_hash, open_log
from weighbridge.pipelines.log_heads import seal_head, signer_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEY = signer()
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def sealed(head: Head) -> bytes:
    return seal_head(head, KEY)


def proved(log: ChainedLog, witnesses: Sequence[Head] = ()) -> Checked:
    return check(log, lambda head: signer_of(head, trust(), NOW), witnesses)


def address(folder: Path) -> str:
    return f"sqlite:///{folder}/index.db"


@pytest.fixture
def log(tmp_path: Path) -> ChainedLog:
    made = open_log(address(tmp_path), create=True, seal=sealed)
    for number in range(5):
        made.append({"number": number}, sealed)
    return made


def change(folder: Path, *statements: str) -> None:
    """What somebody with the file in hands can do, triggers or not."""
    connection = sqlite3.connect(folder / "index.db")
    for statement in ("DROP TRIGGER decisions_no_update", "DROP TRIGGER decisions_no_delete", *statements):
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_log_is_whole_and_signed(log: ChainedLog) -> None:
    found = proved(log)
    assert (found.whole, found.entries, found.signer, found.problems) == (True, 5, "builder", ())
    assert [json.loads(entry.document)["number"] for entry in log.newest(3)] == [4, 3, 2]


def test_an_empty_log_is_whole(tmp_path: Path) -> None:
    assert proved(open_log(address(tmp_path), create=True, seal=sealed))[:3] == (
        True,
        proved(open_log(address(tmp_path))).log,
        0,
    )


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE decisions SET document = '{\"number\":9}' WHERE sequence = 3", "entry 3 was changed"),
        ("DELETE FROM decisions WHERE sequence = 3", "entry 3 is missing"),
        ("DELETE FROM decisions WHERE sequence = 1", "entry 1 is missing"),
        ("DELETE FROM decisions WHERE sequence = 5", "cut off"),
        ("DELETE FROM decisions", "cut off"),
        ("UPDATE decisions SET sequence = sequence + 1 WHERE sequence = 5", "entry 5 is missing"),
        ("UPDATE head SET sequence = 4", "cut off"),
        ("UPDATE head SET bundle = x''", "nobody signed the head"),
        ("UPDATE head SET log = 'another'", "does not follow"),
        ("INSERT INTO decisions VALUES (6, '{}', '0', '1')", "entry 6 does not follow"),
    ],
)
def test_tampering_is_found(log: ChainedLog, tmp_path: Path, statement: str, problem: str) -> None:
    change(tmp_path, statement)
    found = proved(log)
    assert not found.whole
    assert problem in " ".join(found.problems)


def test_a_removed_head_is_found(log: ChainedLog, tmp_path: Path) -> None:
    change(tmp_path, "DELETE FROM head")
    with pytest.raises(IndexFailed):
        proved(log)
    with pytest.raises(IndexFailed):
        log.append({})
    with pytest.raises(IndexFailed):
        open_log(address(tmp_path), create=True, seal=sealed)


def test_a_shorter_log_needs_a_signature_for_its_end(log: ChainedLog, tmp_path: Path) -> None:
    """Whoever cuts the end off and corrects the head has no signature for it, not even that of another entry."""
    fourth = log.newest(2)[1]
    change(
        tmp_path,
        "DELETE FROM decisions WHERE sequence = 5",
        f"UPDATE head SET sequence = 4, hash = '{fourth.hash}'",
    )
    found = proved(log)
    assert not found.whole
    assert "not signed as it should be" in " ".join(found.problems)


def test_a_rewritten_chain_is_found_without_the_key(tmp_path: Path) -> None:
    log = open_log(address(tmp_path), create=True, seal=sealed)
    log.append({"number": 0}, sealed)
    head = next(log.whole())
    assert isinstance(head, Head)
    first = log.newest()[0]
    forged = Entry(1, b'{"number":7}', first.previous, entry_hash(head.log, 1, first.previous, b'{"number":7}'))
    change(
        tmp_path,
        f"UPDATE decisions SET document = CAST('{{\"number\":7}}' AS BLOB), hash = '{forged.hash}'",
        f"UPDATE head SET hash = '{forged.hash}'",
    )
    found = proved(log)
    assert not found.whole
    assert found.problems == (next(problem for problem in found.problems if "not signed as it should be" in problem),)


def test_a_head_of_a_stranger_is_refused(log: ChainedLog) -> None:
    log.append({"number": 5}, lambda head: seal_head(head, signer(2)))
    assert "not signed as it should be" in " ".join(proved(log).problems)


def test_a_witness_tells_that_the_whole_database_was_put_back(log: ChainedLog, tmp_path: Path) -> None:
    log.close()
    kept = (tmp_path / "index.db").read_bytes()
    log = open_log(address(tmp_path))
    later = log.append({"number": 5}, sealed)
    assert proved(log, [later]).whole
    log.close()
    for name in os.listdir(tmp_path):
        os.unlink(tmp_path / name)
    (tmp_path / "index.db").write_bytes(kept)
    log = open_log(address(tmp_path))
    assert proved(log).whole, "an earlier state is whole in itself"
    assert "put back" in " ".join(proved(log, [later]).problems)
    again = log.append({"number": 6}, sealed)
    assert again.sequence == later.sequence
    assert "knows another entry" in " ".join(proved(log, [later]).problems)


def test_without_a_key_a_witness_at_the_end_stands_for_the_signature(tmp_path: Path) -> None:
    log = open_log(address(tmp_path), create=True)
    head = log.append({"number": 0})
    assert not proved(log).whole
    assert proved(log, [head]).whole
    log.append({"number": 1})
    assert not proved(log, [head]).whole


def test_ordinary_statements_change_nothing(log: ChainedLog, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "index.db")
    for statement in ("DELETE FROM decisions", "UPDATE decisions SET document = '{}'"):
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("wrong", ["nonsense://x", "postgresql+nothing://host/db"])
def test_an_address_of_nothing_is_said(wrong: str) -> None:
    with pytest.raises(UsageError):
        open_log(wrong, create=True)


def test_there_is_no_log_until_one_is_begun(tmp_path: Path) -> None:
    with pytest.raises(IndexFailed):
        open_log(address(tmp_path))
    assert not (tmp_path / "index.db").exists()


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"hello " * 400)
    with pytest.raises(IndexFailed):
        open_log(address(tmp_path), create=True)


def writers(folder: Path, count: int, each: int) -> list[subprocess.Popen[str]]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(os.path.join(ROOT, part) for part in ("src", "tests"))}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "build.log_writer", address(folder), str(number), str(each)],
            stdout=subprocess.PIPE,
            text=True,
            env=environ,
        )
        for number in range(count)
    ]


def test_many_processes_lose_nothing(tmp_path: Path) -> None:
    """Eight clients begin the log together and write 50 decisions each; `bench/decisions.py` does it with 10,000."""
    told = {}
    for process in writers(tmp_path, 8, 50):
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0
        told.update(line.split() for line in out.splitlines())
    log = open_log(address(tmp_path))
    found = proved(log, [Head(proved(log).log, int(place), digest) for place, digest in told.items()])
    assert (found.whole, found.entries, found.witnesses) == (True, 400, 400)
    written = [json.loads(entry.document) for entry in log.newest(1000)]
    assert {(one["by"], one["number"]) for one in written} == {(str(by), n) for by in range(8) for n in range(50)}


def test_what_was_acknowledged_outlives_the_process(tmp_path: Path) -> None:
    told: dict[str, str] = {}
    for _ in range(2):
        running = writers(tmp_path, 3, 100_000)
        for process in running:
            assert process.stdout
            told.update([process.stdout.readline().split()])
        for process in running:
            process.send_signal(signal.SIGKILL)
        for process in running:
            out, _ = process.communicate(timeout=60)
            lines = [line.split() for line in out.splitlines(keepends=True) if line.endswith("\n")]
            told.update(line for line in lines if len(line) == 2)  # the first may be the rest of one that was read
    log = open_log(address(tmp_path))
    found = proved(log, [Head(proved(log).log, int(place), digest) for place, digest in told.items()])
    assert (found.whole, found.witnesses) == (True, len(told))
    assert len(told) >= 6
