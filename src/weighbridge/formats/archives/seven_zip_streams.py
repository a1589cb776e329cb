"""The coders of a 7z block, one feeding the next, in pieces.

Filters (delta, branch converters) have no decoder of their own in the standard library, and the one behind raw LZMA
keeps the last bytes for want of an end. So what they get is wrapped as LZMA2 that is not compressed, which has an end:

    chunk   01 or 02 (with or without a fresh dictionary), u16 big endian size less one, bytes
    end     00

Source: 7-Zip 26, `DOC/Methods.txt`; xz 5.4, `src/liblzma/lzma/lzma2_decoder.c`.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.compressed import PIECE, decompressor, lzma1

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.archives.seven_zip_header import Coder, Folder

COPY, LZMA, LZMA2, DELTA = b"\0", b"\3\1\1", b"\x21", b"\3"
AES = b"\x06\xf1\x07\x01"
_LIBRARY = {b"\4\1\x08": "deflate", b"\4\2\2": "bzip2", b"\4\xf7\x11\1": "zstd"}
_BRANCHES = {
    b"\3\3\1\3": "X86",
    b"\3\3\2\5": "POWERPC",
    b"\3\3\4\1": "IA64",
    b"\3\3\5\1": "ARM",
    b"\3\3\7\1": "ARMTHUMB",
    b"\3\3\x08\5": "SPARC",
    b"\4": "X86",
    b"\5": "POWERPC",
    b"\6": "IA64",
    b"\7": "ARM",
    b"\x08": "ARMTHUMB",
    b"\x09": "SPARC",
}
DICTIONARY = 128 * 1024 * 1024
"""Bytes of the largest dictionary: memory that a decoder takes."""
TAIL = 16
"""Bytes of the last pieces of a packed stream, which are two: a decoder that is done before has not needed them."""
CHUNK = 1 << 16


def encrypted(folder: Folder) -> bool:
    """Whether one of the coders is a cipher."""
    return any(coder.method[:2] == AES[:2] for coder in folder.coders)


def is_copy(folder: Folder) -> bool:
    """Whether the packed stream is the content."""
    return [coder.method for coder in folder.coders] == [COPY]


def unsupported(folder: Folder) -> str:
    """Why the block cannot be unpacked, or an empty string."""
    if len(folder.packed) != 1 or any((coder.inputs, coder.outputs) != (1, 1) for coder in folder.coders):
        return "its coders are no chain"
    for coder in folder.coders:
        known = coder.method in (COPY, LZMA, LZMA2, DELTA) or coder.method in _LIBRARY or coder.method in _BRANCHES
        if not known:
            return f"the method {coder.method.hex() or 'without a name'} is not supported"
    return ""


def unpacked(folder: Folder, data: Reader, budget: Budget) -> Iterator[bytes]:
    """The content of a block in pieces, as many bytes as the header says.

    Raises ValueError with the reason when it ends too early, does not end, or the budget is spent (`expansion`). Those
    of the coders' libraries are told so too.
    """
    why = unsupported(folder)
    if why:
        raise ValueError(why)
    start, size = folder.packed[0]
    if start + size > data.size:
        raise ValueError("the packed stream leaves the file")
    order = [folder.main]
    while order[-1] in folder.pairs:
        order.append(folder.pairs[order[-1]])
    if len(order) != len(folder.coders):
        raise ValueError("its coders are no chain")
    pieces = _parts(data, start, size)
    for index in reversed(order):
        pieces = _decoded(folder.coders[index], pieces, folder.sizes[index], budget)
    return pieces


def _parts(data: Reader, start: int, size: int) -> Iterator[bytes]:
    """A packed stream; the last two pieces are short."""
    place, end = start, start + size
    last = max(start, end - 2 * TAIL)
    while place < end:
        piece = data.read(place, min(PIECE, last - place) if place < last else min(TAIL, end - place))
        place += len(piece)
        yield piece


def _decoded(coder: Coder, source: Iterator[bytes], size: int, budget: Budget) -> Iterator[bytes]:
    """What comes out of one coder, cut to pieces; its size is what the header says, or ValueError is raised."""
    try:
        engine = _engine(coder)
        yield from _counted(source if engine is None else _run(engine, _fed(coder, source), size), size, budget)
    except Exception as error:
        if type(error).__name__ not in ("error", "LZMAError", "OSError", "EOFError", "ZstdError"):
            raise
        raise ValueError(f"{error}"[:200]) from error


def _counted(pieces: Iterator[bytes], size: int, budget: Budget) -> Iterator[bytes]:
    """Pieces that the budget pays for, and that are `size` bytes together."""
    for piece in pieces:
        budget.expansion -= len(piece)
        if budget.expansion < 0:
            budget.expansion = 0
            raise ValueError("expansion")
        size -= len(piece)
        if size < 0:
            raise ValueError("more comes out than the header says")
        yield piece
    if size:
        raise ValueError("it ends too early")


def _run(engine: Any, source: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Feed a decoder of the standard library until it has given `size` bytes."""
    pending = b""
    left = size
    while left and not engine.eof:
        if not pending and getattr(engine, "needs_input", True):
            pending = next(source, b"")
            if not pending:
                return
        piece = engine.decompress(pending, min(PIECE, left))
        pending = getattr(engine, "unconsumed_tail", b"")
        left -= len(piece)
        if piece:
            yield piece
    if pending or (engine.eof and engine.unused_data) or not getattr(engine, "needs_input", True):
        _finish(engine, pending)
    # What a decoder leaves of the last bytes is its end mark or a checksum.
    tail = next(source, b"")
    if len(tail) > TAIL or next(source, b""):
        raise ValueError("its end is not needed")


def _finish(engine: Any, pending: bytes) -> None:
    """Let a decoder see its end mark; a piece that it leaves must not be larger than that."""
    if not engine.eof and pending:
        engine.decompress(pending, 1)
        pending = getattr(engine, "unconsumed_tail", b"")
    if len(pending) > TAIL or (engine.eof and len(engine.unused_data) > TAIL):
        raise ValueError("its end is not needed")


def _fed(coder: Coder, source: Iterator[bytes]) -> Iterator[bytes]:
    """What a filter gets is wrapped as LZMA2."""
    if coder.method not in _BRANCHES and coder.method != DELTA:
        yield from source
        return
    control = b"\1"
    for piece in source:
        for place in range(0, len(piece), CHUNK):
            part = piece[place : place + CHUNK]
            yield control + (len(part) - 1).to_bytes(2, "big") + part
            control = b"\2"
    yield b"\0"


def _engine(coder: Coder) -> Any:
    """A fresh decoder, or None for a coder that changes nothing. Raises ValueError for odd properties."""
    import lzma

    method, properties = coder.method, coder.properties
    if method == COPY:
        return None
    if method == LZMA:
        if len(properties) != 5:
            raise ValueError("the properties of LZMA are odd")
        return lzma1(properties)
    if method in _LIBRARY:
        return decompressor(_LIBRARY[method])
    if method == LZMA2:
        if len(properties) != 1 or properties[0] > 40:
            raise ValueError("the properties of LZMA2 are odd")
        bits = properties[0]
        size = 0xFFFFFFFF if bits == 40 else (2 | bits & 1) << bits // 2 + 11
        if size > DICTIONARY:
            raise ValueError("the dictionary of LZMA2 is too large")
        forms = [{"id": lzma.FILTER_LZMA2, "dict_size": size}]
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=forms)
    last = {"id": lzma.FILTER_LZMA2, "dict_size": CHUNK}
    if method == DELTA:
        if len(properties) != 1:
            raise ValueError("the properties of delta are odd")
        first: dict[str, int] = {"id": lzma.FILTER_DELTA, "dist": properties[0] + 1}
    elif properties:
        raise ValueError("a branch converter with properties is not supported")
    else:
        first = {"id": getattr(lzma, f"FILTER_{_BRANCHES[method]}")}
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[first, last])
