"""Models of TensorFlow Lite, put together with the object interface of its own schema."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as s

from build.flat_files import Number, flat, table

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


def metadata(*, file: str = "labels.txt", name: str = "a classifier", custom: bytes = b"\1\2\3") -> bytes:
    """A tensor that goes in as a picture, one that comes out with labels, a tokenizer, and something of a program."""
    labels = table(_0=file, _1="the labels", _2=Number("i8", 2))
    picture = table(_0=Number("u8", 2), _1=table(_0=Number("i8", 1)))
    norm = table(_0=Number("u8", 1), _1=table(_0=Number("f32", [127.5]), _1=Number("f32", [127.5])))
    words = table(_0=Number("u8", 6), _1=table(_0=r"\s+", _1=[table(_0="vocabulary.txt")]))
    graph = table(
        _0="main",
        _2=[
            table(_0="image", _3=picture, _4=[norm, words], _5=table(_0=Number("f32", [1.0]), _1=Number("f32", [0.0])))
        ],
        _3=[table(_0="class", _6=[labels])],
        _9=[table(_0="options", _1=custom)],
    )
    return flat(table(_0=name, _3=[graph], _4="the tests", _7="1.5.0"), b"M001")
