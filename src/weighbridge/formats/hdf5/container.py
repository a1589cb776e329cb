"""HDF5: a file of groups, datasets and attributes, as Keras, h5py and PyTables write them.

    superblock   89 "HDF" 0d 0a 1a 0a at offset 0, 512, 1024, 2048, …: what stands before it is nobody's (user block)
      version 0, 1   u8 widths of addresses and sizes, u16 sizes of B-tree nodes, base, free space, end, driver,
                     entry of the root group
      version 2, 3   u8 widths, flags, base, extension, end, root, checksum
    then         object headers, B-trees, heaps and raw data wherever the library put them

Every byte has an owner: a structure that was read, the elements of a dataset, or nobody; what nobody owns has to be
zero. Keras keeps a model in the attributes `model_config` and `training_config` of the root (CVE-2025-9905: this way
ignores its safe mode) and weights in datasets. If a structure is broken or not understood, its bytes stay unread, and
the file is searched for marshalled code all the same. Source: HDF5 File Format Specification 3.0, II.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Metadata, Oddity, Reference, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.hdf5.file import UNDEFINED, Cursor, Hdf5File
from weighbridge.formats.magic import hdf5_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_K_VALUES, _DRIVER = 0x13, 0x14
_MARSHALLED = re.compile(rb"[\"'\[](?:4w[A-Z]AAAA|Yw[A-Z]AAA)[A-Za-z0-9+/\\]{24}")
"""How a code object of Python 3 or 2 begins in base64: its type and a small number of arguments."""
_WINDOW = 4 << 20


class Hdf5:
    """A whole HDF5 file."""

    name = "hdf5"
    version = 1
    extensions = frozenset((".h5", ".hdf5"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for the signature at the beginning, or behind a user block if the name is right; else that is a MAYBE."""
        if info.head.startswith(SIGNATURE):
            return Match.YES
        if hdf5_place(data) < 0:
            return Match.NO
        # An archive that stores a file of HDF5 can have its signature at such a place by chance.
        return Match.YES if info.extension in self.extensions else Match.MAYBE

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the tree, then account for every byte."""
        from weighbridge.formats.hdf5.walk import Walk

        del info
        base = hdf5_place(data)
        file = Hdf5File(data, budget, max(base, 0))
        broken = False
        try:
            root = open_root(file)
            for fact in Walk(file).tree(root):
                broken = broken or isinstance(fact, UnreadSpan)
                yield fact
        except FormatError as error:
            broken = True
            file.notes.append(UnreadSpan(error.offset, min(8, data.size), f"broken hdf5: {error.cause}"))
        if base > 0:
            yield Oddity("prefix", f"{base} bytes before the HDF5 file", 0)
            if data.read(0, base).count(0) == base:
                yield Span(0, base, "parsed")
        if base + file.end < data.size:
            yield Oddity("trailing-bytes", f"{data.size - base - file.end} bytes behind the HDF5 file", base + file.end)
        yield from file.notes
        yield from file.accounted()
        if broken or any(isinstance(note, UnreadSpan) for note in file.notes):
            yield from _code(data)


def open_root(file: Hdf5File) -> int:
    """Read the superblock into `file`; gives the address of the root group. Raises FormatError if it is broken."""
    version = file.data.read(file.base + 8, 1)[0]
    if version in (0, 1):
        return _superblock_0(file, version)
    if version not in (2, 3):
        raise FormatError(f"version {version} of the superblock is not known", file.base + 8)
    file.offsets, file.lengths = _widths(file, file.base + 9)
    head = file.checked(0, 16 + 4 * file.offsets, SIGNATURE)
    head.take(4)
    base, extension, end, root = (head.address() for _ in range(4))
    _end(file, base, end)
    file.notes.append(Metadata("superblock", str(version), 1, file.base))
    if extension != UNDEFINED:
        _extension(file, extension)
    return root


def _superblock_0(file: Hdf5File, version: int) -> int:
    file.offsets, file.lengths = _widths(file, file.base + 13)
    head = file.block(0, (24 if version == 0 else 28) + 6 * file.offsets + 24, SIGNATURE)
    head.take(8)
    file.leaf_k, file.group_k = head.number(2), head.number(2)
    head.take(4)
    if version:
        file.chunk_k = head.number(2)
        head.take(2)
    base, free, end, driver = (head.address() for _ in range(4))
    _end(file, base, end)
    file.notes.append(Metadata("superblock", str(version), 1, file.base))
    if free != UNDEFINED or driver != UNDEFINED:
        file.notes.append(UnreadSpan(head.offset, 8, "the list of free space, or that of a driver, is not read"))
    head.take(file.offsets)
    root = head.address()
    if head.number(4) == 1:
        head.take(4)
        file.cached[root] = head.address(), head.address()
    return root


def _widths(file: Hdf5File, place: int) -> tuple[int, int]:
    offsets, lengths = file.data.read(place, 2)
    if offsets not in (2, 4, 8) or lengths not in (2, 4, 8):
        raise FormatError(f"addresses of {offsets} bytes and sizes of {lengths}", place)
    return offsets, lengths


def _end(file: Hdf5File, base: int, end: int) -> None:
    """The end of the file as it says; a file that was moved behind something else has to be understood as well."""
    file.end = end - max(base, 0)
    if end < 0 or not 0 < file.end <= file.data.size - file.base:
        size = file.data.size - file.base
        file.end = size
        raise FormatError(f"the file is cut off: it should have {end - base} bytes and has {size}", file.base)


def _extension(file: Hdf5File, address: int) -> None:
    """Messages about the file as a whole."""
    from weighbridge.formats.hdf5.objects import read_header

    for message in read_header(file, address):
        body: Cursor = message.body
        if message.type == _K_VALUES:
            body.take(1)
            file.chunk_k, file.group_k, file.leaf_k = (body.number(2) for _ in range(3))
        elif message.type == _DRIVER:
            file.notes.append(UnreadSpan(body.offset, body.rest, "a file that a driver spreads is not read"))


def _code(data: Reader) -> Iterator[Reference]:
    """Marshalled code anywhere in the bytes, as JSON has it: for files that could not be read as a whole."""
    for start in range(0, data.size, _WINDOW):
        match = _MARSHALLED.search(data.peek(start, _WINDOW + 64))
        if match:
            place = start + match.start()
            text = match[0][1:].decode("ascii", "replace")
            yield Reference("keras-bytecode", "__lambda__", "the bytes of the file", text, place)
            return
