"""Programs of ExecuTorch, files of tensors and graphs for XNNPACK, written table by table."""

from __future__ import annotations

import struct
from typing import Any

from build.flat_files import Number, behind, flat, table

WEIGHTS = bytes(range(64))
FLOAT = 6
KERNEL, DELEGATE = 1, 2
"""Kinds of instructions."""


def tensor(constant: int = 0, sizes: tuple[int, ...] = (4, 4), kind: int = FLOAT, **more: Any) -> dict[int, Any]:
    """A value that is a tensor; without a constant its bytes come while running."""
    inside = table(_0=Number("i8", kind), _2=Number("i32", list(sizes)), _3=b"\0\1", _5=Number("u32", constant))
    if not constant:
        inside |= table(_6=table(_0=Number("u32", 1)))
    return table(_0=Number("u8", 5), _1=inside | more.get("more", {}))


def call(kind: int, number: int = 0, args: tuple[int, ...] = (0, 1)) -> dict[int, Any]:
    return table(_0=Number("u8", kind), _1=table(_0=Number("i32", number), _1=Number("i32", list(args))))


def delegate(name: str, index: int, *, segment: bool = True) -> dict[int, Any]:
    where = table(_0=Number("i8", int(segment)), _1=Number("u32", index))
    return table(_0=name, _1=where, _2=[table(_0="option", _1=b"value")])


def plan(**changes: Any) -> dict[int, Any]:
    operators = [table(_0="aten::mm", _1="out"), table(_0="aten::relu", _1="out")]
    chain = table(_0=Number("i32", [0]), _1=Number("i32", [0]), _2=[call(KERNEL), call(KERNEL, 1)])
    fields = {
        "_0": "forward",
        "_1": table(_0="*", _1="*"),
        "_2": [tensor(), tensor(1)],
        "_3": Number("i32", [0]),
        "_4": Number("i32", [0]),
        "_5": [chain],
        "_6": operators,
        "_8": Number("i64", [0, 64]),
    }
    return table(**(fields | changes))


def segments(*sizes: tuple[int, int]) -> list[dict[int, Any]]:
    return [table(_0=Number("u64", offset), _1=Number("u64", size)) for offset, size in sizes]


def program(contents: tuple[bytes, ...] = (WEIGHTS,), *, lie: int = 0, fill: bytes = b"\0", **changes: Any) -> bytes:
    """A program with its segments behind it; the first has the constants. `lie` is added to the size of the last."""
    listed, at = [], 0
    data = b""
    for number, content in enumerate(contents):
        data += fill * (at - len(data)) + content
        listed.append((at, len(content) + (lie if number == len(contents) - 1 else 0)))
        at = -(-len(data) // 64) * 64
    constants = table(_0=Number("u32", 0), _1=Number("u64", [0, 0]))
    fields = {"_0": Number("u32", 0), "_1": [plan()], "_4": segments(*listed), "_5": constants}
    inside = flat(table(**(fields | changes)), b"ET12")
    size = len(inside) + 32
    base = -(-size // 128) * 128
    header = b"eh00" + struct.pack("<IQQQ", 32, size, base, len(data))
    return behind(inside, header) + fill * (base - size) + data


def tensors(key: str = "w", wanted: tuple[int, ...] = (4, 4)) -> bytes:
    """A file of tensors with one in it."""
    layout = table(_0=Number("i8", FLOAT), _1=Number("i32", list(wanted)), _2=b"\0\1")
    named = [table(_0=key, _1=Number("u32", 0), _2=layout)]
    inside = flat(table(_0=Number("u32", 0), _1=segments((0, 64)), _2=named), b"FT01")
    base = -(-(len(inside) + 48) // 128) * 128
    header = (b"FH01" + struct.pack("<IQQQQ", 40, 48, len(inside), base, 64)).ljust(48, b"\0")
    return behind(inside, header).ljust(base, b"\0") + WEIGHTS


def graph(payload: bytes = WEIGHTS, *, size: int = 64, kind: int = 1) -> bytes:
    """A payload for XNNPACK with one node and one constant."""
    node = table(_0=Number("u8", kind), _1=table(_0=Number("u32", 0), _3=Number("u32", 0)), _2=Number("u32", 1))
    constants = [table(), table(_0=Number("u64", 0), _1=Number("u64", size), _2="")]
    constants[1].pop(2)
    inside = flat(table(_0="0", _1=[node], _3=Number("u32", 2), _8=constants), b"XN01")
    at = 32 + -(-len(inside) // 16) * 16
    header = bytes(4) + b"XH00" + struct.pack("<HIIIQ", 30, 32, len(inside), at, len(payload)) + b"\0\0"
    return (header + inside).ljust(at, b"\0") + payload
