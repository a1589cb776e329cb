"""Models of TensorFlow Lite, put together with the object interface of its own schema."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as s

FLOATS = bytes(range(64))


def make(kind: Any, **fields: Any) -> Any:
    """An object of the schema with these fields."""
    made = kind()
    for name, value in fields.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made


def tensor(name: str, buffer: int = 0, shape: tuple[int, ...] = (4, 4), dtype: int = 0, **more: Any) -> Any:
    return make(s.TensorT, name=name, buffer=buffer, shape=list(shape), type=dtype, **more)


def code(builtin: int = 0, custom: str | None = None) -> Any:
    low = min(builtin, 127)
    return make(s.OperatorCodeT, deprecatedBuiltinCode=low, builtinCode=builtin, customCode=custom, version=1)


def operator(number: int = 0, inputs: tuple[int, ...] = (0, 1), outputs: tuple[int, ...] = (2,), **more: Any) -> Any:
    return make(s.OperatorT, opcodeIndex=number, inputs=list(inputs), outputs=list(outputs), **more)


def buffer(content: bytes | None = None, **more: Any) -> Any:
    return make(s.BufferT, data=list(content) if content is not None else None, **more)


def model(**changes: Any) -> Any:
    """A graph of one addition, with a constant, an old list of metadata, metadata of the newer kind and a signature."""
    add = operator(
        builtinOptionsType=s.BuiltinOptions.AddOptions, builtinOptions=make(s.AddOptionsT, potScaleInt16=True)
    )
    graph = make(
        s.SubGraphT,
        name="main",
        tensors=[tensor("x"), tensor("w", 1), tensor("y")],
        inputs=[0],
        outputs=[2],
        operators=[add],
    )
    signature = make(
        s.SignatureDefT,
        signatureKey="serving_default",
        subgraphIndex=0,
        inputs=[make(s.TensorMapT, name="x", tensorIndex=0)],
        outputs=[make(s.TensorMapT, name="y", tensorIndex=2)],
    )
    fields: dict[str, Any] = {
        "version": 3,
        "description": "a model of the tests",
        "operatorCodes": [code()],
        "subgraphs": [graph],
        "buffers": [buffer(), buffer(FLOATS), buffer(b"1.5.0" + bytes(11)), buffer(b"old metadata")],
        "metadata": [make(s.MetadataT, name="min_runtime_version", buffer=2)],
        "metadataBuffer": [3],
        "signatureDefs": [signature],
    }
    return make(s.ModelT, **(fields | changes))


def written(made: Any) -> bytes:
    """The bytes of a model."""
    builder = flatbuffers.Builder()
    builder.Finish(made.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def with_operator(custom: str, **more: Any) -> bytes:
    """A model whose operator is not built in."""
    made = model(operatorCodes=[code(32, custom)])
    made.subgraphs[0].operators = [operator(**more)]
    return written(made)


def with_files(content: bytes, files: dict[str, bytes]) -> bytes:
    """The model with a zip behind it, as the library of the metadata appends it."""
    out = io.BytesIO(content)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_STORED) as archive:
        for name, file in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 29, 0, 0, 0)), file)
    return out.getvalue()


def behind(large: bytes = FLOATS, *, lie: int = 0, gap: bytes | None = None) -> bytes:
    """A model with the bytes of its constant behind the flatbuffer. `lie` is added to where they should be."""
    made = model()
    for _ in range(2):
        content = written(made)
        start = -(-len(content) // 16) * 16
        made.buffers[1] = buffer(offset=start + lie, size=len(large))
        made.buffers[1].data = None
    content = written(made)
    filled = bytes(-len(content) % 16) if gap is None else gap
    return content + filled + large
