"""GGUF files by parts, in every version and byte order, honest or not."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Form(NamedTuple):
    """Version and byte order of a file."""

    version: int = 3
    order: str = "<"

    @property
    def count(self) -> str:
        return self.order + ("I" if self.version == 1 else "Q")


V3 = Form()


def string(raw: bytes | str, form: Form = V3) -> bytes:
    raw = raw.encode() if isinstance(raw, str) else raw
    return struct.pack(form.count, len(raw)) + raw


def pair(key: str, type_: int, value: bytes, form: Form = V3) -> bytes:
    return string(key, form) + struct.pack(form.order + "I", type_) + value


def text(key: str, value: bytes | str, form: Form = V3) -> bytes:
    return pair(key, 8, string(value, form), form)


def u32(key: str, value: int, form: Form = V3) -> bytes:
    return pair(key, 4, struct.pack(form.order + "I", value), form)


def array(key: str, type_: int, count: int, items: bytes, form: Form = V3) -> bytes:
    return pair(key, 9, struct.pack(form.order + "I", type_) + struct.pack(form.count, count) + items, form)


def tensor(name: str, shape: Sequence[int], type_: int, offset: int, form: Form = V3) -> bytes:
    out = string(name, form) + struct.pack(form.order + "I", len(shape))
    for length in shape:
        out += struct.pack(form.count, length)
    return out + struct.pack(form.order + "IQ", type_, offset)


def gguf(
    pairs: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    data: bytes = b"",
    *,
    form: Form = V3,
    counts: tuple[int, int] | None = None,
    alignment: int = 32,
) -> bytes:
    """A file; `counts` replace the true numbers of tensors and pairs."""
    number, number_of_pairs = counts or (len(tensors), len(pairs))
    out = b"GGUF" + struct.pack(form.order + "I", form.version)
    out += struct.pack(form.count, number) + struct.pack(form.count, number_of_pairs)
    out += b"".join(pairs) + b"".join(tensors)
    return out + bytes(-len(out) % alignment) + data
