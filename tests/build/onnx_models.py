"""ONNX models written field by field, so that a test can write what no library would."""

from __future__ import annotations

import struct

from build.varints import varint


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def blob(field: int, content: bytes | str) -> bytes:
    raw = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def group(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 3) + content + varint(field << 3 | 4)


def entry(key: str, value: str | bytes) -> bytes:
    return blob(1, key) + blob(2, value)


def operator_set(domain: str = "", version: int = 17) -> bytes:
    return (blob(1, domain) if domain else b"") + number(2, version)


def tensor(
    name: str = "w", dims: tuple[int, ...] = (2,), data_type: int = 1, raw: bytes | None = bytes(8), more: bytes = b""
) -> bytes:
    """A TensorProto; `more` are further fields."""
    out = b"".join(number(1, length) for length in dims) + number(2, data_type) + blob(8, name)
    return out + (blob(9, raw) if raw is not None else b"") + more


def external(name: str, size: int, more: bytes = b"", **entries: str) -> bytes:
    """A tensor of `size` bytes that lies in another file."""
    out = b"".join(blob(13, entry(key, value)) for key, value in entries.items())
    return tensor(name, (size,), 2, None, out + number(14, 1) + more)


def attribute(name: str, field: int, content: bytes | str | int) -> bytes:
    value = number(field, content) if isinstance(content, int) else blob(field, content)
    return blob(1, name) + value


def node(op_type: str = "Add", *attributes: bytes, domain: str = "", more: bytes = b"") -> bytes:
    out = blob(1, "x") + blob(2, "y") + blob(4, op_type) + b"".join(blob(5, one) for one in attributes)
    return out + (blob(7, domain) if domain else b"") + more


def graph(*nodes: bytes, tensors: tuple[bytes, ...] = (), name: str = "g", more: bytes = b"") -> bytes:
    out = b"".join(blob(1, one) for one in nodes) + blob(2, name)
    return out + b"".join(blob(5, one) for one in tensors) + more


def function(name: str, *nodes: bytes, domain: str = "local") -> bytes:
    out = blob(1, name) + b"".join(blob(7, one) for one in nodes)
    return out + blob(9, operator_set()) + blob(10, domain)


def value_info(name: str) -> bytes:
    """A float tensor of two dimensions, one of them named."""
    dims = blob(1, blob(2, "batch")) + blob(1, number(1, 2))
    return blob(1, name) + blob(2, blob(1, number(1, 1) + blob(2, dims)))


def model(content: bytes | None = None, *, version: int = 8, more: bytes = b"", sets: bytes | None = None) -> bytes:
    """A ModelProto around a graph; `more` are fields behind the operator sets."""
    inside = graph(node(), tensors=(tensor(),), more=blob(11, value_info("x"))) if content is None else content
    out = number(1, version) + blob(2, "tests") + blob(7, inside)
    return out + blob(8, operator_set() if sets is None else sets) + more


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)
