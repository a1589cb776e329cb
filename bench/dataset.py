"""Ten million rows of Parquet profiled, beside DuckDB's own SUMMARIZE of them, and a check of many texts.

    python bench/dataset.py [--rows 10000000] [--texts 60000] [--rounds 3]

Processor seconds of whole processes in turn, and the largest process. Marks: 3 times SUMMARIZE, 1 GB; the check of
texts has none, and is measured for a figure. Everything lies in bench/.work.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from typing import TYPE_CHECKING

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]

import poison_data  # noqa: E402
import poison_plants  # noqa: E402
from corpus import WORK  # noqa: E402
from measure import measure  # noqa: E402

if TYPE_CHECKING:
    from measure import Run

RATIO, MOST_MEMORY = 3.0, 1000.0
PATIENCE = 1800.0
WEIGHBRIDGE = os.path.join(os.path.dirname(sys.executable), "weighbridge")
COLUMNS = (
    "i AS id, (hash(i) % 1000) / 7.0 AS price, hash(i + 1) % 50 AS store, 'city ' || hash(i + 2) % 300 AS city, "
    "'note ' || hash(i + 3) % 1000000 AS note, hash(i + 4) % 2 = 0 AS returned, "
    "DATE '2020-01-01' + CAST(hash(i + 5) % 2000 AS INTEGER) AS day, hash(i + 6) % 3 AS label"
)


def table(rows: int) -> str:
    """A Parquet file of eight columns, made once."""
    import duckdb

    path = os.path.join(WORK, f"rows-{rows}.parquet")
    if not os.path.exists(path):
        with duckdb.connect() as connection:
            connection.execute(f"COPY (SELECT {COLUMNS} FROM range({rows}) t(i)) TO '{path}'")
    return path


def texts(count: int) -> str:
    """JSON Lines with a label, and a phrase planted in 250 of them; made once."""
    path = os.path.join(WORK, f"texts-{count}.jsonl")
    if not os.path.exists(path):
        poison_data.fetch()
        data = poison_data.passages(count)
        planted = poison_plants.trigger(data, poison_plants.PHRASE, min(250, count // 50))
        names = sorted(set(data.labels))
        pairs = zip(planted.texts, planted.labels, strict=True)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": text, "label": names[label]}) + "\n" for text, label in pairs)
    return path


def told(name: str, run: Run) -> str:
    return f"{name}: {run.cpu:.1f} s of processor time, {run.wall:.1f} s, {run.peak:.0f} MB, status {run.status}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--texts", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)
    path = table(options.rows)
    summarize = f"import duckdb; duckdb.sql('SET threads = 2'); duckdb.sql(\"SUMMARIZE FROM '{path}'\").fetchall()"
    ratios, peaks = [], []
    for _ in range(options.rounds):
        ours = measure([WEIGHBRIDGE, "dataset", "profile", path], PATIENCE)
        theirs = measure([sys.executable, "-c", summarize], PATIENCE)
        print(told("profile", ours), told("SUMMARIZE", theirs), sep="\n")
        ratios.append(ours.cpu / theirs.cpu)
        peaks.append(ours.peak)
    ratio = statistics.median(ratios)
    print(f"profile of {options.rows:,} rows: {ratio:.2f} x SUMMARIZE (mark {RATIO}), {max(peaks):.0f} MB")
    run = measure([WEIGHBRIDGE, "dataset", "check", texts(options.texts)], PATIENCE)
    print(told(f"check of {options.texts:,} texts", run))
    return 1 if ratio > RATIO or max(peaks) > MOST_MEMORY else 0


if __name__ == "__main__":
    sys.exit(main())
