"""Writes tables with pyarrow, for tests that run elsewhere.

python arrow_tables.py FOLDER        FOLDER/NAME.parquet, .arrow, .arrows, .feather, and FOLDER/truth.json
"""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
import pyarrow as pa
from pyarrow import feather, ipc, parquet

ROWS = 3000


def table():
    return pa.table(
        {
            "number": np.arange(ROWS),
            "text": [f"text number {row} ü" for row in range(ROWS)],
            "float": pa.array(np.linspace(0, 1, ROWS), pa.float32()),
            "list": [[1, 2, 3]] * ROWS,
            "word": pa.array(["x", "y", None] * (ROWS // 3)).dictionary_encode(),
            "bytes": [bytes(range(20))] * ROWS,
            "record": [{"q": 1, "r": "z"}] * ROWS,
            "nothing": pa.nulls(ROWS),
            "map": pa.array([[("k", 1)]] * ROWS, pa.map_(pa.string(), pa.int32())),
            "time": pa.array([0] * ROWS, pa.timestamp("ns", "UTC")),
            "decimal": pa.array([None] * ROWS, pa.decimal128(10, 2)),
            "flag": pa.array([True, False, None] * (ROWS // 3)),
            "view": pa.array(["a longer text than fits into a view"] * ROWS, pa.string_view()),
            "fixed": pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((ROWS, 2, 2))),
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": {}}})})


def main(out):
    whole = table()
    plain = whole.drop(["view"])
    for codec in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        parquet.write_table(plain, f"{out}/{codec}.parquet", compression=codec, row_group_size=1000)
    parquet.write_table(
        plain, f"{out}/indexed.parquet", write_page_index=True, data_page_version="2.0", data_page_size=1000
    )
    parquet.write_table(plain, f"{out}/bloom.parquet", bloom_filter_options={"number": True})
    parquet.write_table(plain, f"{out}/plain.parquet", use_dictionary=False, store_schema=False, compression="none")
    parquet.write_table(plain.slice(0, 0), f"{out}/empty.parquet")
    parquet.write_table(
        plain, f"{out}/checked.parquet", write_page_checksum=True, sorting_columns=[parquet.SortingColumn(0)]
    )
    for codec in (None, "lz4", "zstd"):
        options = ipc.IpcWriteOptions(compression=codec)
        with ipc.new_file(f"{out}/{codec}.arrow", whole.schema, options=options) as writer:
            writer.write_table(whole, max_chunksize=1000)
        with ipc.new_stream(f"{out}/{codec}.arrows", whole.schema, options=options) as writer:
            writer.write_table(whole, max_chunksize=1000)
    with ipc.new_stream(
        f"{out}/old.arrows", plain.schema, options=ipc.IpcWriteOptions(use_legacy_format=True)
    ) as writer:
        writer.write_table(plain)
    with ipc.new_file(f"{out}/empty.arrow", whole.schema):
        pass
    words = pa.table(
        {"w": pa.chunked_array([pa.array(["a"]).dictionary_encode(), pa.array(["b"]).dictionary_encode()])}
    )
    with ipc.new_stream(f"{out}/deltas.arrows", words.schema) as writer:
        writer.write_table(words)
    feather.write_feather(plain.drop(["list", "record", "map", "fixed"]), f"{out}/second.feather")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        feather.write_feather(plain.select(["number", "text", "word", "time"]), f"{out}/first.feather", version=1)
    with open(f"{out}/truth.json", "w", encoding="utf-8") as file:
        json.dump({"rows": ROWS, "pages": pages(f"{out}/none.parquet")}, file)


def pages(path):
    """Offset and size of every column chunk as pyarrow reads them."""
    found = parquet.read_metadata(path)
    groups = [found.row_group(index) for index in range(found.num_row_groups)]
    columns = [group.column(index) for group in groups for index in range(group.num_columns)]
    return sum(column.total_compressed_size for column in columns)


main(sys.argv[1])
