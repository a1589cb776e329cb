"""Small models of the less common formats, built byte by byte."""

from __future__ import annotations

import struct

import flatbuffers

from build.varints import varint


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


def field(number: int, value: bytes | str | float) -> bytes:
    """One field of Protocol Buffers: bytes and text with their length, numbers as varint or fixed32."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def message(*fields: tuple[int, bytes | str | int | float]) -> bytes:
    return b"".join(field(number, value) for number, value in fields)


def sentencepiece(*pieces: str, more: bytes = b"") -> bytes:
    """A tokenizer with these pieces."""
    made = [field(1, message((1, piece), (2, -1.5), (3, 1))) for piece in ("<unk>", "<s>", *pieces)]
    trainer = message((1, "corpus.txt"), (2, "m"), (3, 1), (4, 300), (10, 0.5), (35, 1), (44, " x "), (52, 9))
    normalizer = message((1, "nmt_nfkc"), (2, bytes(range(200))), (3, 1))
    return b"".join(made) + field(2, trainer) + field(3, normalizer) + more


def coreml(model: int, content: bytes) -> bytes:
    """A Core ML model with one field that is the model proper."""
    return message((1, 5), (2, message((1, message((1, "input"))))), (model, content))


def coreml_layer(**more: bytes) -> bytes:
    """A neural network with one layer; `custom` and such are its parameters."""
    numbers = {"custom": 500, "branch": 605, "inner": 140}
    fields = [(1, "first"), (2, "a"), (3, "b"), *((numbers[name], value) for name, value in more.items())]
    return message((1, message(*fields)))


def mil(file: str, nested: bool = False) -> bytes:
    """An ML program with one constant in a file."""
    value = message((2, b"xx"), (5, message((1, file), (2, 64))))
    operation = message((1, "const"), (5, message((1, "val"), (2, value))))
    if nested:
        operation = message((1, "cond"), (4, message((3, operation))))
    block = message((2, "out"), (3, operation))
    function = message((2, "CoreML5"), (3, message((1, "CoreML5"), (2, block))))
    return message((1, 1), (2, message((1, "main"), (2, function))))


def caffe(type_: str = "Convolution", python: bytes = b"") -> bytes:
    """A net of Caffe with two layers."""
    layer = message((1, "conv1"), (2, type_), (3, "data"), (4, "conv1"), (7, message((5, bytes(40)))))
    if python:
        layer += field(130, python)
    return message((1, "net"), (100, message((1, "data"), (2, "Input"), (143, b""))), (100, layer))


def paddle(*types: str, attribute: bytes = b"") -> bytes:
    """A program of Paddle with operators of these types."""
    operators = [
        (
            4,
            message(
                (1, message((1, "X"), (2, "a"))), (3, type_), (4, attribute or message((1, "axis"), (2, 0), (3, 1)))
            ),
        )
        for type_ in types
    ]
    variable = message((1, "a"), (2, message((1, 7))), (3, 1))
    return message((1, message((1, 0), (2, (1 << 64) - 1), (3, variable), *operators)), (4, message((1, 0))))


def mil_weights(*blobs: tuple[int, bytes]) -> bytes:
    """The file of weights of a Core ML program: number of the type and bytes of each blob."""
    out = struct.pack("<II", len(blobs), 2) + bytes(56)
    for kind, raw in blobs:
        out += struct.pack("<IIQQ", 0xDEADBEEF, kind, len(raw), len(out) + 64) + bytes(40) + raw
        out += bytes(-len(out) % 64)
    return out
