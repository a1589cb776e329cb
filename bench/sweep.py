"""A sweep over many models: CPU and memory for each, and what a second worker gives.

    python bench/sweep.py                  # 1,000, 10,000 and 100,000 models (some minutes, 400 MB of disk)
    python bench/sweep.py --most 10000     # fewer

Three kinds of models are inspected once and entered many times, each time with names of its own: a repository with a
tokenizer, a template and code; a torch checkpoint; a pickle that imports what nobody knows. Told are CPU seconds
(workers and the process that writes), the highest memory of one process, how the cost of a model grows with their
number, and the time of one Dask worker over that of two, in pairs. Status 1: a mark is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from build import pickles
from build.containers import safetensors, torch_zip
from build.inspecting import inspected
from weighbridge.index.database import open_database
from weighbridge.index.sheets import SheetRow, put_sheets
from weighbridge.pipelines.sweeping import Processes, open_lanes, sweep
from weighbridge.scan.packed_facts import pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.pipelines.sweeping import Lanes

SIZES = (1000, 10_000, 100_000)
CPU, MEMORY, SLOPE, TWO = 60.0, 1000.0, 1.3, 1.7
"""Marks: CPU seconds for 100,000 models, MB of one process, cost of a model at the most over that at the fewest, one
worker's time over two workers'.
"""
NAME = "qqname"
CODE = f"import torch\n\n\nclass {NAME}(torch.nn.Module):\n    def forward(self, x):\n        return eval(x)\n"


def kinds(folder: str) -> list[SheetRow]:
    """One row of each kind, as intake would write it."""
    repository = {
        "config.json": json.dumps({"model_type": NAME, "auto_map": {"AutoModel": f"{NAME}.{NAME}"}}).encode(),
        "tokenizer_config.json": json.dumps(
            {"chat_template": "{% for m in messages %}{{ m.content }}{% endfor %}"}
        ).encode(),
        "README.md": f"---\nlicense: apache-2.0\n---\n# {NAME}\n[docs](https://example.com/{NAME})\n".encode(),
        f"{NAME}.py": CODE.encode(),
        "model.safetensors": safetensors({f"layer.{one}": b"\0" * 16 for one in range(200)}),
    }
    checkpoint = {
        "model.pt": torch_zip([("FloatStorage", str(one), bytes(16)) for one in range(100)], {"FloatStorage": 4})
    }
    unknown = {"model.pkl": pickles.proto(2) + pickles.global_(NAME, "Thing") + b"."}
    found = []
    for number, files in enumerate((repository, checkpoint, unknown)):
        place = os.path.join(folder, str(number))
        os.mkdir(place)
        for path, content in files.items():
            with open(os.path.join(place, path), "wb") as file:
                file.write(content)
        inspection = inspected(Path(place))
        report = inspection.report
        document = pack(
            (file.path for file in report.artifact.files), inspection.facts.blobs, unread=bool(report.unread)
        )
        found.append(SheetRow(str(number), "", document, report.verdict.value, ()))
    return found


def many(kinds_: list[SheetRow], count: int) -> Iterator[SheetRow]:
    """So many rows, in turn of each kind, with names of their own."""
    import zlib

    texts = [zlib.decompress(row.document).decode() for row in kinds_]
    for number in range(count):
        text = texts[number % 3].replace(NAME, f"n{number:06d}")
        document = zlib.compress(text.encode(), 6)
        yield kinds_[number % 3]._replace(
            repository=f"registry.example/team-{number % 50}/model", manifest=f"sha256:{number:064x}", document=document
        )


def fill(address: str, kinds_: list[SheetRow], count: int) -> None:
    """An index with so many models."""
    engine = open_database(address, create=True)
    source = many(kinds_, count)
    while batch := list(islice(source, 1000)):
        put_sheets(engine, batch)
    engine.dispose()


def timed(address: str, lanes: Lanes) -> tuple[float, float, int]:
    """Wall and CPU seconds of one sweep, and how many models it judged."""
    before, began = _cpu(), time.perf_counter()
    try:
        found = sweep(address, lanes)
    finally:
        lanes.close()
    return time.perf_counter() - began, _cpu() - before, found.judged


def _cpu() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


class Lane(NamedTuple):
    """One sweep with Dask: its seconds, the CPU seconds of each worker, and those of the process that hands out,
    schedules and writes.
    """

    wall: float
    workers: tuple[float, ...]
    here: float


def _dask(address: str, workers: int) -> Lane:
    from distributed import Client, LocalCluster

    with LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=None, worker_dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        place = cluster.scheduler_address.replace("tcp://", "dask://")
        timed(address, open_lanes(place))  # the workers load what they need
        with Client(cluster, set_as_default=False) as client:
            before, own = client.run(time.process_time), time.process_time()
            wall = timed(address, open_lanes(place))[0]
            own = time.process_time() - own
            after = client.run(time.process_time)
        return Lane(wall, tuple(sorted(after[one] - before[one] for one in after)), own)


def two_workers(address: str, pairs: int) -> float:
    """What a second worker gives: the median of pairs, each of them measured at one time, whatever the machine has to
    do beside. Where two workers and the process that writes share two cores, CPU seconds tell more than the clock.
    """
    ratios = []
    for number in range(pairs):
        order = (1, 2) if number % 2 else (2, 1)
        found = {workers: _dask(address, workers) for workers in order}
        one, two = found[1], found[2]
        ratios.append(one.wall / two.wall)
        share = one.here / (one.here + sum(one.workers))
        print(
            f"Dask: one worker {one.wall:.1f} s ({one.workers[0]:.1f} CPU s), two {two.wall:.1f} s"
            f" ({' + '.join(f'{spent:.1f}' for spent in two.workers)} CPU s): {ratios[-1]:.2f} x;"
            f" not of workers {one.here:.1f} CPU s, {100 * share:.0f} of 100",
            flush=True,
        )
    return statistics.median(ratios)


def main() -> int:
    """Measure, print, and say what is missed."""
    parser = argparse.ArgumentParser(description="A sweep over many models.")
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--pairs", type=int, default=3, help="how often one Dask worker is held against two")
    options = parser.parse_args()
    costs: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        found = kinds(folder)
        for count in (size for size in SIZES if size <= options.most):
            address = f"sqlite:///{folder}/{count}.db"
            fill(address, found, count)
            wall, cpu, judged = timed(address, Processes(2))
            costs[count] = cpu / judged
            print(
                f"{judged:>7} models: {cpu:6.1f} CPU s, {wall:6.1f} s, {1000 * cpu / judged:.2f} CPU ms each",
                flush=True,
            )
        gain = two_workers(address, options.pairs)
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1000
    most = max(costs)
    slope = costs[most] / costs[min(size for size in costs if size >= min(10_000, most))]
    print(f"memory of one process {memory:.0f} MB; cost of a model at {most} over that at 10,000: {slope:.2f}")
    print(f"Dask: two workers for one, median of {options.pairs} pairs: {gain:.2f} x")
    missed = [costs[most] * 100_000 > CPU, memory > MEMORY, slope > SLOPE, gain < TWO]
    return int(any(missed))


if __name__ == "__main__":
    sys.exit(main())
