"""Models put into the index, and asked for, with few and with many of them in it: CPU time and memory.

    python bench/index.py                        # 1,000 and then 10,000 models in SQLite (about a minute)
    python bench/index.py --count 100000         # as many as an organisation has (a quarter of an hour)
    python bench/index.py --address postgresql+psycopg://…   # an empty database

Told are milliseconds of CPU of this process for a put (in batches of 50) and for each kind of answer, when a tenth and
when all of the models are there, their ratio, and the most memory that was used. Marks: with ten times the models a
put, a page, a page of names, a model, the counts and a query with few hits cost at most twice as much; 300 MB.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from weighbridge.index.asking import ask
from weighbridge.index.language import read_query
from weighbridge.index.models import Index, open_index
from weighbridge.index.named import Names, named
from weighbridge.index.putting import Expected
from weighbridge.index.records import Filters, IndexedFile, IndexedModel, Term

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH, ROUNDS = 50, 20
MARK_RATIO, MARK_MEMORY = 2.0, 300
EVERY_NAME = Names("registry.example.com/", below=True)
RARE = 'global = "numpy.f2py*"'


def made(number: int) -> IndexedModel:
    """A model of ten files and thirty terms; one in a thousand has a global that is asked for."""
    chance = random.Random(number)
    names = [f"library{chance.randrange(200)}.module{chance.randrange(50)}.name" for _ in range(25)]
    names += ["numpy.f2py.crackfortran.myeval"] if number % 1000 == 0 else []
    path = f"team-{number % 100}/net-{number // 5}"
    return IndexedModel(
        repository=f"registry.example.com/{path}",
        path=path,
        manifest=f"sha256:{number:064x}",
        model=f"sha256:{chance.getrandbits(256):064x}",
        name=f"net {number // 5}",
        tags=(f"v{number}",),
        verdict="clean" if number % 50 else "suspicious",
        proof="verified",
        scanned="2026-02-01T00:00:00Z",
        size=10**9 + number,
        source=f"hf://org-{number % 1000}/net",
        publisher=f"org-{number % 1000}",
        facts_state="known",
        files=tuple(
            IndexedFile(f"part-{part}.bin", 10**8, f"{chance.getrandbits(256):064x}", "torch-zip") for part in range(10)
        ),
        terms=tuple(dict.fromkeys([*(Term("global", name) for name in names), Term("licence", "mit")])),
    )


def put(index: Index, start: int, end: int) -> float:
    """Put the models from `start` to `end`; seconds of CPU for each."""
    spent = 0.0
    for first in range(start, end, BATCH):
        batch = [Expected(made(number)) for number in range(first, min(first + BATCH, end))]
        began = time.process_time()
        index.put_all(batch)
        spent += time.process_time() - began
    return spent / max(1, end - start)


def answers(index: Index) -> dict[str, float]:
    """Seconds of CPU of each kind of answer."""
    one = made(7)
    kinds: dict[str, Callable[[], object]] = {
        "page": index.page,
        "page of a tenant": lambda: index.page(Filters(verdict="suspicious"), scope=("registry.example.com/team-7",)),
        "200 by name": lambda: named(index, (EVERY_NAME,), ("registry.example.com/team-5/net-1", "v1"), 200),
        "model": lambda: index.model(one.repository, one.manifest),
        "counts": index.counts,
        "search": lambda: index.search("net 1 org-7", 20),
        "query, few hits": lambda: ask(index, read_query(f"{RARE} and size > 1GB"), count=5),
        "query, none": lambda: ask(index, read_query("global = os.system or deployed = production")),
    }
    took = {}
    for name, answer in kinds.items():
        answer()
        began = time.process_time()
        for _ in range(ROUNDS):
            answer()
        took[name] = (time.process_time() - began) / ROUNDS
    return took


def main() -> int:
    """Measure, and print a row for each."""
    parser = argparse.ArgumentParser(description="Models put into the index, and asked for.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--address", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = open_index(options.address or f"sqlite:///{folder}/index.db", create=True)
        few = options.count // 10
        put(index, 0, BATCH)
        rows = {"put": [put(index, BATCH, few)]}
        for name, took in answers(index).items():
            rows[name] = [took]
        put(index, few, options.count - few)
        rows["put"].append(put(index, options.count - few, options.count))
        for name, took in answers(index).items():
            rows[name].append(took)
        index.close()
    print(f"{'ms of CPU':<18}{few:>10,}{options.count:>10,}     ratio")
    held = True
    for name, (before, after) in rows.items():
        ratio = after / before
        met = ratio <= MARK_RATIO or name == "search"
        held = held and met
        print(f"{name:<18}{1e3 * before:>10.2f}{1e3 * after:>10.2f}{ratio:>10.2f}{'' if met else '  above the mark'}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"most memory: {peak:.0f} MB")
    return 0 if held and peak <= MARK_MEMORY else 1


if __name__ == "__main__":
    sys.exit(main())
