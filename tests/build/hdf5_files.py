"""HDF5 files as h5py writes them, of every kind of structure that the library has for models."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import h5py
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSIONS = ("earliest", "v108", "v110", "latest")
"""Bounds on the versions of the format: old groups and headers, dense ones, new indexes of chunks, everything new."""


def written(fill: Callable[[h5py.File], None], version: str = "earliest", **options: object) -> bytes:
    out = io.BytesIO()
    bounds = version if version in ("earliest", "latest") else (version, version)
    with h5py.File(out, "w", libver=bounds, **options) as file:
        fill(file)
    return out.getvalue()


def nothing(file: h5py.File) -> None:
    del file


def groups(file: h5py.File) -> None:
    """Enough names for several nodes of a B-tree, some deep, one object with two names."""
    for index in range(120):
        group = file.create_group(f"group_{index}")
        group.attrs["name"] = f"g{index}"
        group["w"] = np.arange(index % 7 + 1, dtype="f4")
    deep = file
    for index in range(20):
        deep = deep.create_group(f"n{index}")
    file["again"] = file["group_7/w"]
    wide = file.create_group("wide", track_order=True)
    for index in range(400):
        wide[f"layer_with_a_long_name_{index}"] = np.float32(index)


def attributes(file: h5py.File) -> None:
    for index in range(60):
        file.attrs[f"attribute{index}"] = f"value {index}"
    file.attrs["bytes"] = np.bytes_(b"x" * 3000)
    file.attrs["numbers"] = np.arange(20)
    file.attrs["texts"] = np.array([b"abc", b"defgh"])
    file.attrs["variable"] = ["one", "two", "three" * 200]
    file.attrs["long"] = "q" * 100_000
    file.attrs["nothing"] = h5py.Empty("f4")


def dense(file: h5py.File) -> None:
    """Attributes in a heap of their own, some of them too large for its blocks."""
    file.attrs["huge"] = np.bytes_(b"y" * 300_000)
    for index in range(200):
        file.attrs[f"medium{index}"] = np.bytes_(b"m" * (index * 13 + 1))


def chunked(file: h5py.File) -> None:
    """A dataset for each index of chunks, with and without filters, written whole, in part, and never."""
    table = np.arange(5000, dtype="i8").reshape(50, 100)
    file.create_dataset("single", data=table, chunks=(50, 100))
    file.create_dataset("single_gzip", data=table, chunks=(50, 100), compression="gzip")
    file.create_dataset("fixed", data=table, chunks=(7, 30))
    file.create_dataset("fixed_gzip", data=table, chunks=(5, 10), compression="gzip", shuffle=True, fletcher32=True)
    file.create_dataset("paged", data=np.arange(6000, dtype="u1"), chunks=(3,), compression="gzip")
    file.create_dataset("extensible", data=table.ravel(), chunks=(10,), maxshape=(None,))
    file.create_dataset("extensible_gzip", data=table.ravel(), chunks=(10,), maxshape=(None,), compression="gzip")
    file.create_dataset("tree", data=table, chunks=(10, 10), maxshape=(None, None))
    file.create_dataset("tree_gzip", data=table, chunks=(5, 10), maxshape=(None, None), compression="gzip")
    for name, most in (("sparse", (100_000,)), ("sparse_extensible", (None,))):
        sparse = file.create_dataset(name, shape=(100_000,), dtype="f4", chunks=(7,), maxshape=most)
        sparse[500:520] = 1
        sparse[99_000:] = 2
    file.create_dataset("never", shape=(1000,), dtype="f4", chunks=(10,))
    file.create_dataset("never_contiguous", shape=(1000,), dtype="f4")
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_chunk((10,))
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    h5py.h5d.create(file.id, b"implicit", h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((95,)), early)


def types(file: h5py.File) -> None:
    file["big"] = np.arange(5, dtype=">i4")
    file["bytes"] = np.arange(5, dtype="u1")
    file["truth"] = np.array([True, False])
    file["half"] = np.arange(5, dtype="f2")
    file["complex"] = np.array([1 + 2j])
    file["text"] = np.array([b"hello", b"world"])
    file["compound"] = np.zeros(4, dtype=[("a", "i4"), ("b", "f8", (2, 3)), ("n", [("x", "f4"), ("y", "u1")])])
    file["variable"] = ["variable", "texts", "here " * 30]
    ragged = file.create_dataset("ragged", shape=(3,), dtype=h5py.vlen_dtype("i4"))
    ragged[0], ragged[2] = [1, 2, 3], [5] * 100
    file.create_dataset("enum", data=[0, 1, 2], dtype=h5py.enum_dtype({"A": 0, "B": 1, "C": 2}))
    file["scalar"], file["empty"], file["zero"] = np.float64(3), h5py.Empty("f4"), np.zeros((0, 3))
    file["named"] = np.dtype("f8")
    file.create_dataset("of_named", shape=(3,), dtype=file["named"], data=[1, 2, 3])
    file["date"] = np.array(["2020-01-01"], dtype="M8[s]").astype(h5py.opaque_dtype("M8[s]"))
    file.create_dataset("reference", shape=(2,), dtype=h5py.ref_dtype)[0] = file["big"].ref
    file.create_dataset("region", shape=(2,), dtype=h5py.regionref_dtype)[0] = file["big"].regionref[1:3]
    small = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    small.set_layout(h5py.h5d.COMPACT)
    compact = h5py.h5d.create(file.id, b"compact", h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((9,)), small)
    compact.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(9, dtype="i4"))


FILES: Mapping[str, Callable[[h5py.File], None]] = {
    one.__name__: one for one in (nothing, groups, attributes, chunked, types, dense)
}
CASES = [(name, version) for name in FILES for version in VERSIONS if (name, version) != ("dense", "earliest")]
"""Every kind of file in every version of the format; the earliest has no dense attributes."""


def case(name: str, version: str) -> bytes:
    return written(FILES[name], version)
