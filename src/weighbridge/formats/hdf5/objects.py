"""Object headers of HDF5: what a group, a dataset or a named datatype says of itself, in messages.

    version 1   u8 1, u8 0, u16 number of messages, u32 references, u32 size of the first block, 4 bytes, messages:
                u16 type, u16 size, u8 flags, 3 bytes, content filled up to eight bytes
    version 2   "OHDR", u8 2, u8 flags, times, limits, size of the first block, messages, gap, checksum:
                u8 type, u16 size, u8 flags, creation order if flags bit 2, content; further blocks begin with "OCHK"

A continuation message leads to a further block. A message that is shared (bit 1 of its flags) has the address of a
named datatype in its place. Source: HDF5 File Format Specification 3.0, IV.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import UnreadSpan
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.hdf5.file import Cursor
from weighbridge.formats.hdf5.types import Dataspace, Datatype, dataspace, datatype

if TYPE_CHECKING:
    from weighbridge.formats.hdf5.file import Hdf5File

NIL, SPACE, LINK_INFO, TYPE, FILL_OLD, FILL, LINK, EXTERNAL, LAYOUT, BOGUS = range(10)
GROUP_INFO, FILTERS, ATTRIBUTE, COMMENT, TIME_OLD, SHARED, CONTINUATION, STAB, TIME, K_VALUES = range(10, 20)
DRIVER, ATTRIBUTE_INFO, COUNT, SPACE_INFO = range(20, 24)
_KNOWN = frozenset(range(24)) - {BOGUS}


class Message(NamedTuple):
    """One message; `body` is a cursor over its content."""

    type: int
    flags: int
    body: Cursor


class Attribute(NamedTuple):
    """A named value of an object. `raw` are its elements, at `offset` of the blob."""

    name: str
    type: Datatype
    space: Dataspace
    raw: bytes
    offset: int


def read_header(file: Hdf5File, address: int) -> list[Message]:
    """All messages of the object at `address`. Raises FormatError if it is none, or its blocks do not fit."""
    kept = file.headers.pop(address, None)
    if kept is not None:
        return [message._replace(body=Cursor(file, message.body.raw, message.body.offset)) for message in kept]
    if file.data.peek(file.base + max(address, 0), 4) == b"OHDR":
        return _version_2(file, address)
    return _version_1(file, address)


def _version_1(file: Hdf5File, address: int) -> list[Message]:
    head = file.block(address, 16)
    version, _, count = head.number(1), head.number(1), head.number(2)
    head.take(4)
    size = head.number(4)
    if version != 1:
        raise FormatError(f"there should be an object header, not version {version} of one", head.offset)
    found: list[Message] = []
    blocks = [file.block(address + 16, size)]
    for block in blocks:
        while block.rest >= 8:
            kind, length, flags = block.number(2), block.number(2), block.number(1)
            block.take(3)
            message = Message(kind, flags, block.part(length))
            found.append(message)
            if kind == CONTINUATION:
                place, more = message.body.address(), message.body.length()
                blocks.append(file.block(place, more))
        if block.rest:
            file.unused(block.here, block.here + block.rest, "an object header")
    if len(found) != count:
        raise FormatError(f"an object header has {len(found)} messages, not {count}", head.offset)
    return _kept(file, found)


def _version_2(file: Hdf5File, address: int) -> list[Message]:
    place = file.base + address
    flags = int.from_bytes(file.data.peek(place + 5, 1), "little")
    fixed = 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
    width = 1 << (flags & 3)
    first = int.from_bytes(file.data.peek(place + fixed, width), "little")
    head = file.checked(address, fixed + width + first + 4, b"OHDR")
    if head.number(1) != 2 or flags & 0xC0:
        raise FormatError("version and flags of an object header are not known", head.offset)
    head.take(fixed + width - 5)
    found: list[Message] = []
    blocks = [head]
    least = 6 if flags & 4 else 4
    for block in blocks:
        while block.rest >= least:
            kind, length, marks = block.number(1), block.number(2), block.number(1)
            block.take(least - 4)
            message = Message(kind, marks, block.part(length))
            found.append(message)
            if kind == CONTINUATION:
                start, more = message.body.address(), message.body.length()
                blocks.append(file.checked(start, more, b"OCHK"))
        file.unused(block.here, block.here + block.rest, "an object header")
    return _kept(file, found)


def _kept(file: Hdf5File, messages: list[Message]) -> list[Message]:
    """Messages that say something; what stands in free ones and in unknown ones is nobody's business to trust."""
    kept = []
    for message in messages:
        start = message.body.offset
        if message.type == NIL:
            file.unused(start, start + message.body.rest, "an object header")
        elif message.type not in _KNOWN or (message.type == SHARED and message.body.rest):
            file.notes.append(UnreadSpan(start, message.body.rest, f"messages of the type {message.type} are not read"))
        else:
            if message.type == FILL and not message.flags & 2:
                _fill(message.body)
            kept.append(message)
    return kept


def _fill(body: Cursor) -> None:
    """What a dataset has where nothing was written. Raises FormatError if it is not inside of its message."""
    version, flags = body.number(1), body.number(1)
    if version == 3:
        valued = bool(flags & 32)
    elif version in (1, 2):
        body.take(1)
        valued = bool(body.number(1)) or version == 1
    else:
        raise FormatError("the version of a fill value is not known", body.offset)
    if valued:
        body.take(body.number(4))


def shared_address(message: Message) -> int:
    """Where the content of a shared message is. Raises FormatError if that is a heap of shared messages."""
    body = message.body
    version, kind = body.number(1), body.number(1)
    if version == 1:
        body.take(6 + body.file.lengths)
    elif version not in (2, 3) or (version == 3 and kind != 2):
        raise FormatError("a heap of shared messages is not read", body.offset)
    return body.address()


def message_type(message: Message) -> Datatype:
    """The datatype that a message holds, or leads to."""
    return _named(message.body.file, shared_address(message)) if message.flags & 2 else datatype(message.body)


def _named(file: Hdf5File, address: int) -> Datatype:
    """Read a named datatype for whoever uses it. The header is kept for the tree, which comes by it as well."""
    if address not in file.types:
        messages = read_header(file, address)
        file.headers[address] = messages
        own = [message for message in messages if message.type == TYPE and not message.flags & 2]
        if not own:
            raise FormatError("a shared message leads to no datatype", file.base + address)
        file.types[address] = datatype(own[0].body)
    return file.types[address]


def attribute(message: Message) -> Attribute:
    """Read an attribute. Raises FormatError if its value does not have the bytes that its type asks for."""
    body = message.body
    if message.flags & 2:
        raise FormatError("a heap of shared messages is not read", body.offset)
    start = body.here
    version, flags = body.number(1), body.number(1)
    if version not in (1, 2, 3):
        raise FormatError(f"version {version} of attributes is not known", start)
    sizes = [body.number(2) for _ in range(3)]
    if version == 3:
        body.take(1)
    align = 8 if version == 1 else 1
    name, kind, space = (body.part(-(-size // align) * align) for size in sizes)
    shared = flags if version > 1 else 0
    if shared & 2:
        raise FormatError("a heap of shared messages is not read", space.offset)
    own, shape = message_type(Message(TYPE, 2 if shared & 1 else 0, kind)), dataspace(space)
    offset, size = body.here, own.size * shape.elements
    if name.raw.find(b"\0") != sizes[0] - 1:
        raise FormatError("the name of an attribute has another length than it says", name.offset)
    text = name.raw[: sizes[0] - 1].decode("utf-8", "replace")
    return Attribute(text, own, shape, body.take(size), offset)
