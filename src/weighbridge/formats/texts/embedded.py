"""Serialized objects hidden in text: base64, hexadecimal and plain strings, compressed or not, in several layers.

A text value is never decoded on suspicion alone and called a finding: what comes out must begin like a known
format, and for pickles without a header following the opcodes must lead to a call.
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.facts import Child, Embedded, Limit
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.magic import machine_code
from weighbridge.formats.pickles.stream import runs_something, trial
from weighbridge.formats.texts.searched import searched, searched_bytes
from weighbridge.pickle.opcodes import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget

SHORTEST = 16
"""Characters of the shortest value that can hold a pickle which calls something."""
SHORTEST_INSIDE = 16
"""Characters of the shortest encoded part of a longer text: naming `os.system` alone takes 20 in base64."""
LAYERS = 6

_MAGICS = (
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x93NUMPY", "numpy"),
)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    return (
        re.compile(r"\s*+(?:data:[\w/+.;=-]{0,100},)?([A-Za-z0-9+/_\s-]{16,}={0,3})\s*+"),
        re.compile(r"\s*+(?:0[xX])?((?:[0-9a-fA-F]{2}[\s:]?+){8,}+)\s*+"),
        re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST_INSIDE},}}={{0,2}}"),
    )


def embedded_in_text(text: str, key: str, offset: int, budget: Budget) -> Iterator[Fact | Child]:
    """Look for serialized objects, addresses and secrets in one text value.

    `key` says where it stands, `offset` at which byte of the blob.
    """
    yield from searched(text, key, offset, budget)
    yield from objects_in_text(text, key, offset, budget)


def objects_in_text(text: str, key: str, offset: int, budget: Budget) -> Iterator[Fact | Child]:
    """Look for serialized objects alone, in a text that was searched for the rest as a part of its document."""
    if len(text) < SHORTEST:
        return
    yield from _looked_into(text, key, offset, budget)
    if budget.expansion < 0:
        budget.expansion = 0
        yield Limit("expansion_ratio", budget.limits.expansion_ratio, offset)


def _looked_into(text: str, key: str, offset: int, budget: Budget) -> Iterator[Fact | Child]:
    if len(text) > budget.limits.embedded * 2:
        yield Limit("embedded", budget.limits.embedded, offset)
        text = text[: budget.limits.embedded * 2]
    others: list[tuple[str, bytes]] = []
    found = _whole(text, budget, others)
    if found is not None:
        yield from _report(found, key, text, offset)
        return
    if len(text) > SHORTEST_INSIDE:
        for match in _patterns()[2].finditer(text):
            found = _whole(match[0], budget, others)
            if found is not None:
                yield from _report(found, key, match[0], offset + len(text[: match.start()].encode("utf-8", "replace")))
            for encoding, content in others:
                for address in searched_bytes(content, key, budget, encoding):
                    yield address._replace(offset=offset + len(text[: match.start()].encode("utf-8", "replace")))
            others.clear()


def _report(found: tuple[str, str, bytes], key: str, text: str, offset: int) -> Iterator[Fact | Child]:
    encoding, kind, content = found
    yield Embedded(key[:200], encoding, kind, len(content), text[:64], offset, content[:24].hex())
    yield Child(f"{key[:200]}:{encoding}", -1, len(content), Reader(MemorySource(content)))


def _whole(text: str, budget: Budget, others: list[tuple[str, bytes]]) -> tuple[str, str, bytes] | None:
    """The layers that lead from `text` to a known format, its name, and its bytes; None if there is none.

    Bytes that are of no known format and no text go to `others`.
    """
    layers: list[str] = []
    content: bytes | None = None
    for encoding, decoded in _decodings(text):
        layers, content = [encoding], decoded
        kind = ""
        while len(layers) <= LAYERS:
            kind = kind_of(content)
            if kind == "zlib":
                inner = _inflate(content, budget)
                if inner is None:
                    break
                layers.append("zlib")
                content = inner
            elif kind or not _again(content):
                break
            else:
                step = next(_decodings(content.decode("ascii")), None)
                if step is None:
                    break
                layers.append(step[0])
                content = step[1]
        if kind and kind != "zlib":
            return "+".join(layers), kind, content
        # Sixteen letters drawn by chance are of both cases; names in code and prose are not.
        if layers[0] == "hex" or (layers[0] == "base64" and not (text.islower() or text.isupper())):
            others.append(("+".join(layers), content))
    return None


def _again(content: bytes) -> bool:
    return len(content) >= SHORTEST and content.isascii() and content[:64].strip().isalnum()


def _decodings(text: str) -> Iterator[tuple[str, bytes]]:
    import binascii

    base64, hexadecimal, _ = _patterns()
    match = hexadecimal.fullmatch(text)
    if match:
        digits = "".join(match[1].replace(":", " ").split())
        yield "hex", binascii.unhexlify(digits)
    match = base64.fullmatch(text)
    if match:
        letters = "".join(match[1].split()).rstrip("=").replace("-", "+").replace("_", "/")
        if len(letters) % 4 != 1:
            yield "base64", binascii.a2b_base64(letters + "=" * (-len(letters) % 4))
    if "\n" in text or not text.isprintable():
        try:
            yield "plain", text.encode("latin-1")
        except UnicodeEncodeError:
            return


def _inflate(content: bytes, budget: Budget) -> bytes | None:
    import zlib

    try:
        # Whatever comes out counts, also when the stream breaks off later. The budget of the file pays for it.
        most = min(budget.limits.embedded, max(budget.expansion, 0) + 1)
        inflated = zlib.decompressobj().decompress(content, most)
    except zlib.error:
        return None
    budget.expansion -= len(inflated)
    return inflated or None


def kind_of(content: bytes) -> str:
    """The known format that `content` begins like, or an empty string. `zlib` has to be inflated to be believed."""
    if len(content) < 8:
        return ""
    for magic, kind in _MAGICS:
        if content.startswith(magic):
            return kind
    if content[0] == 0x78 and int.from_bytes(content[:2], "big") % 31 == 0:
        return "zlib"
    program = machine_code(content[:512])
    if program:
        return program
    if content[0] in KNOWN:
        outcome = trial(Reader(MemorySource(content)))
        if runs_something(outcome) or (content[0] == 0x80 and outcome.complete):
            return "pickle"
    return ""
