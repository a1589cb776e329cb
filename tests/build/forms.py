"""Small models of the less common formats, built byte by byte."""

from __future__ import annotations

import struct

import flatbuffers


def ubj_text(value: str) -> bytes:
    """A text of UBJSON without its marker, as keys are written."""
    raw = value.encode()
    return b"L" + struct.pack(">q", len(raw)) + raw


def ubj(value: object) -> bytes:
    """A value as UBJSON; bytes stand for themselves."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"{" + b"".join(ubj_text(key) + ubj(item) for key, item in value.items()) + b"}"
    if isinstance(value, list):
        return b"[#L" + struct.pack(">q", len(value)) + b"".join(ubj(item) for item in value)
    if isinstance(value, str):
        return b"S" + ubj_text(value)
    if isinstance(value, bool) or value is None:
        return b"Z" if value is None else b"T" if value else b"F"
    if isinstance(value, float):
        return b"D" + struct.pack(">d", value)
    assert isinstance(value, int)
    return b"l" + struct.pack(">i", value)


def ubj_array(*values: float) -> bytes:
    """An array of floats as XGBoost writes it."""
    return b"[$d#L" + struct.pack(">q", len(values)) + b"".join(struct.pack(">f", value) for value in values)


def lightgbm(*, trees: int = 2, note: str = "x", sizes: list[int] | None = None) -> bytes:
    """A model of LightGBM with small trees."""
    made = [
        f"Tree={index}\nnum_leaves=2\nthreshold=0.5\nleaf_value=-1.5e-3 2\nshrinkage=1\n\n\n" for index in range(trees)
    ]
    lengths = " ".join(str(size) for size in (sizes or [len(tree) for tree in made]))
    head = (
        f"tree\nversion=v4\nnum_class=1\nobjective=binary sigmoid:1\nfeature_names=a {note}\ntree_sizes={lengths}\n\n"
    )
    tail = (
        "end of trees\n\nfeature_importances:\na=2\n\nparameters:\n[boosting: gbdt]\n[data: ]\n\nend of parameters\n\n"
    )
    return (head + "".join(made) + tail + 'pandas_categorical:[["x", "y"]]\n').encode()


def catboost(*, note: str = "{}", parts: tuple[str, ...] = ("static_provider_v1",), tail: bytes = b"") -> bytes:
    """A model of CatBoost with a core and one table of a part."""
    builder = flatbuffers.Builder()
    key, value = builder.CreateString("params"), builder.CreateString(note)
    builder.StartObject(2)
    builder.PrependUOffsetTRelativeSlot(0, key, 0)
    builder.PrependUOffsetTRelativeSlot(1, value, 0)
    pair = builder.EndObject()
    names = [builder.CreateString(part) for part in parts]
    vectors = []
    for entries in ([pair], names):
        builder.StartVector(4, len(entries), 4)
        for entry in reversed(entries):
            builder.PrependUOffsetTRelative(entry)
        vectors.append(builder.EndVector())
    version = builder.CreateString("FlabuffersModel_v1")
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(0, version, 0)
    builder.PrependUOffsetTRelativeSlot(2, vectors[0], 0)
    builder.PrependUOffsetTRelativeSlot(3, vectors[1], 0)
    builder.Finish(builder.EndObject())
    core = bytes(builder.Output())
    table = struct.pack("<IHHi", 8, 4, 4, 4)
    rest = struct.pack("<II", 1, len(table)) + table if parts else b""
    return b"CBM1" + struct.pack("<I", len(core)) + core + rest + tail
