"""Run in the environment of `make writers`: pickles of pandas with Arrow beside it, and of Arrow itself.

python arrow_pickles.py FOLDER
"""

from __future__ import annotations

import pickle
import sys

import pandas as pd
import pyarrow as pa


def objects() -> dict[str, object]:
    return {
        "frame": pd.DataFrame({"a": ["x", "y", None], "b": [1, 2, 3], "c": pd.Categorical(["a", "b", "a"])}),
        "series": pd.Series(["a", "b"]),
        "index": pd.Index(["a", "b"], name="k"),
        "table": pa.table({"a": [1, 2], "b": ["x", "y"], "s": [{"p": 1}, {"p": 2}]}),
        "array": pa.array([1.5, None]),
        "dictionary": pa.array(["a", "b"]).dictionary_encode(),
        "chunked": pa.chunked_array([[1], [2]]),
        "batch": pa.record_batch({"a": [1]}),
        "schema": pa.schema([("a", pa.int8()), ("b", pa.timestamp("ns", "UTC"))], metadata={"k": "v"}),
        "types": [
            pa.list_(pa.int8()),
            pa.map_(pa.string(), pa.int8()),
            pa.decimal128(5, 2),
            pa.duration("s"),
            pa.binary(5),
        ],
        "scalar": pa.scalar(5),
    }


if __name__ == "__main__":
    for name, value in objects().items():
        for protocol in (2, 4, 5):
            with open(f"{sys.argv[1]}/{name}.{protocol}.pkl", "wb") as file:
                pickle.dump(value, file, protocol)
