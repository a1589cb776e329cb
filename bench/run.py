"""Measure Weighbridge beside its peers and beside the limits of the machine, in one run, as ratios.

For every row: one warm-up, then rounds of ours, A, B, … in turn; each ratio is taken within its round, and their median
counts. See README.md for how to read the table. The exit status says only whether the benchmark could be run
(0) or not (2): it is no test, and nothing fails because a machine is slow.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

import results
from corpus import HERE, WORK, SpaceError, bytes_needed, check_space, input_path
from corpus import Input as BenchInput
from measure import SCRATCH, Run, measure, output
from peers import KEY, OURS, PEERS, QUICK, peer_bin, prepare_ours, prepare_peer
from rows import COPY, HASH, ROWS, START, Against, Row

PATIENCE = 120.0
"""Seconds of wall time that one run may take; what takes longer is stopped and recorded as such."""
LONG_ROUNDS = 3
SLOW = 20.0
"""Seconds from which a peer is measured in LONG_ROUNDS rounds only."""


def main(arguments: list[str]) -> int:
    """Run the rows asked for, print the table, keep the result."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description="Measure Weighbridge beside its peers.")
    parser.add_argument("--rounds", type=int, default=5, help=f"rounds of each row (long rows: at most {LONG_ROUNDS})")
    parser.add_argument("--only", metavar="ROW", action="append", help="only this row (may stand several times)")
    parser.add_argument("--quick", action="store_true", help=f"small inputs; of the peers only {' and '.join(QUICK)}")
    parser.add_argument("--no-peers", action="store_true", help="ours and the limits of the machine alone")
    options = parser.parse_args(arguments)
    unknown = set(options.only or ()) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are: {', '.join(row.name for row in ROWS)}")
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    if os.getloadavg()[0] > 0.5:
        print("bench: other work is running on this machine; the figures will be less steady", file=sys.stderr)
    try:
        _prepare(rows, options)
    except subprocess.CalledProcessError as error:
        print(f"bench: an environment cannot be made: {error}", file=sys.stderr)
        return 2
    before = results.read(results.LATEST)
    done: list[dict[str, Any]] = []
    for row in rows:
        print(f"{row.name}: {row.title}", file=sys.stderr)
        done.append(_row(row, options))
        results.write(os.path.join(WORK, "last.json"), done)
    lines = [line for row in done for line in results.table(row, None if options.quick else before.get(row["row"]))]
    print(results.render(lines))
    missed = sum(check["met"] is False for row in done for check in row["checks"])
    unsure = sum(check["met"] is None for row in done for check in row["checks"])
    total = sum(len(row["checks"]) for row in done)
    print(f"\n{total - missed - unsure} of {total} marks met, {missed} missed, {unsure} unknown")
    if options.quick or options.no_peers:
        print("not kept: a quick run, or one without peers, says nothing about the marks of the full one")
    else:
        fresh = {row["row"]: row for row in done}
        kept = [fresh.get(row.name) or before.get(row.name) for row in ROWS]
        results.write(results.LATEST, [row for row in kept if row])
    return 0


def _prepare(rows: list[Row], options: argparse.Namespace) -> None:
    """Our own environment and those of the peers that these rows need."""
    os.makedirs(WORK, exist_ok=True)
    print("installing ours", file=sys.stderr)
    prepare_ours()
    for name in sorted({against.name for row in rows for against in _against(row, options)} & PEERS.keys()):
        print(f"installing {name} {PEERS[name].version}, unless it is there", file=sys.stderr)
        prepare_peer(PEERS[name])


def _against(row: Row, options: argparse.Namespace) -> list[Against]:
    allowed = () if options.no_peers else QUICK if options.quick else tuple(PEERS)
    return [against for against in row.against if against.name not in PEERS or against.name in allowed]


def _input(asked: BenchInput, options: argparse.Namespace) -> str:
    """The path of an input, built if need be in a process of its own. Raises SpaceError, CalledProcessError."""
    size = asked.quick if options.quick else asked.size
    path = input_path(asked.kind, size)
    if not os.path.exists(path):
        check_space(bytes_needed(asked.kind, size), f"the input {asked.kind}")
        print(f"  making {os.path.basename(path)}", file=sys.stderr)
        subprocess.run([sys.executable, os.path.join(HERE, "corpus.py"), asked.kind, str(size)], check=True)
    return path


def _row(row: Row, options: argparse.Namespace) -> dict[str, Any]:
    size = row.input.quick if options.quick else row.input.size
    try:
        path = _input(row.input, options)
        if row.command[0] == "convert":
            check_space(bytes_needed(row.input.kind, size), "what is written beside the input")
        others = [(against, _command(against, row, path, options)) for against in _against(row, options)]
    except SpaceError as error:
        return results.unmeasured(row, size, str(error))
    except subprocess.CalledProcessError:
        return results.unmeasured(row, size, "the input could not be made")
    ours = _fill((f"{OURS}/bin/weighbridge", *row.command), path)
    return _measured(row, size, ours, others, min(options.rounds, LONG_ROUNDS) if row.long else options.rounds)


def _measured(
    row: Row, size: int, ours: list[str], others: list[tuple[Against, list[str]]], rounds: int
) -> dict[str, Any]:
    """Warm up, then measure in turn. What was too slow in the warm-up has that one run and no other."""
    first = measure(ours, PATIENCE)
    why = _failed(row, first)
    if why:
        return results.unmeasured(row, size, why)
    verdict = _verdict(row)
    warm = [measure(command, PATIENCE) for _, command in others]
    mine: list[Run] = []
    pairs: list[tuple[list[Run], list[Run]]] = [([], []) for _ in others]
    for turn in range(rounds):
        own = measure(ours, PATIENCE)
        mine.append(own)
        for (_, command), tried, (left, right) in zip(others, warm, pairs, strict=True):
            if tried.late or (tried.wall > SLOW and turn >= LONG_ROUNDS):
                continue
            left.append(own)
            right.append(measure(command, PATIENCE))
    compared = [
        results.Pairs(against, tuple(left or mine), tuple(right or [tried]))
        for (against, _), tried, (left, right) in zip(others, warm, pairs, strict=True)
    ]
    return results.result(row, size, mine, compared, verdict)


def _failed(row: Row, run: Run) -> str:
    """Why our own run is no measurement, or an empty text."""
    if run.late:
        return f"it took more than {PATIENCE:.0f} s"
    if run.status == 0 or (run.status == 1 and row.verdict):
        return ""
    with open(output("err"), encoding="utf-8", errors="replace") as file:
        said = file.read().strip().splitlines() or ["it said nothing"]
    return f"status {run.status}: {said[0][:120]}"


def _verdict(row: Row) -> str:
    if not row.verdict:
        return ""
    with open(output("out"), encoding="utf-8") as file:
        return str(json.load(file)["verdict"])


def _command(against: Against, row: Row, path: str, options: argparse.Namespace) -> list[str]:
    python = f"{OURS}/bin/python"
    if against.smaller:
        return _fill((f"{OURS}/bin/weighbridge", *row.command), _input(against.smaller, options))
    if against.name == START:
        return [python, "-c", "pass"]
    if against.name in (HASH, COPY):
        limit = [python, "-I", "-S", os.path.join(HERE, "limits.py")]
        return [*limit, "sha256", path] if against.name == HASH else [*limit, "copy", path, f"{SCRATCH}/copy"]
    return _fill(PEERS[against.name].command, path, peer_bin(against.name))


def _fill(command: tuple[str, ...], path: str, programs: str = "") -> list[str]:
    return [part.format(bin=programs, path=path, scratch=SCRATCH, key=KEY) for part in command]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
