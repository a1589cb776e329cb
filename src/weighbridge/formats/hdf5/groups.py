"""Groups of HDF5: the names in them and where they lead.

    old   a message with a B-tree and a local heap; "TREE" nodes lead to "SNOD" nodes of entries:
          offset of the name, address of the object, u32 cache type, u32, 16 bytes (type 2: offset of a soft link)
    new   link messages in the header, or a fractal heap of them with one or two B-trees over it

A link is hard (an object of this file), soft (a path), external (a path in another file), or of a kind that only a
program with its own code can follow. Source: HDF5 File Format Specification 3.0, III.A.1, III.B, III.C, IV.A.2.g.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import UnreadSpan
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.hdf5.file import UNDEFINED
from weighbridge.formats.hdf5.heaps import FractalHeap, LocalHeap, records
from weighbridge.formats.hdf5.objects import ATTRIBUTE, ATTRIBUTE_INFO, LINK, LINK_INFO, STAB, Message, attribute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.formats.hdf5.file import Cursor, Hdf5File
    from weighbridge.formats.hdf5.objects import Attribute


class Link(NamedTuple):
    """One name of a group. `kind`: hard, soft, external, user. `target`: a path, or the file and a path in it."""

    name: str
    kind: str
    address: int
    target: str
    offset: int


def links(file: Hdf5File, messages: list[Message]) -> Iterator[Link]:
    """Every name of a group. Raises FormatError where the structures do not fit."""
    for message in messages:
        if message.type == STAB:
            yield from _symbol_table(file, message.body.address(), message.body.address())
        elif message.type == LINK:
            yield _link(message.body)
        elif message.type == LINK_INFO:
            body = message.body
            body.take(1)
            flags = body.number(1)
            body.take(8 if flags & 1 else 0)
            for found in _dense(file, body, (5,), (6,), ordered=bool(flags & 2)):
                yield _link(found)


def attributes(file: Hdf5File, messages: list[Message]) -> Iterator[Attribute]:
    """Every attribute of an object. One that cannot be read stays unread; the others are given all the same."""
    for message in messages:
        try:
            if message.type == ATTRIBUTE:
                yield attribute(message)
            elif message.type == ATTRIBUTE_INFO:
                body = message.body
                body.take(1)
                flags = body.number(1)
                body.take(2 if flags & 1 else 0)
                for found in _dense(file, body, (8,), (9,), ordered=bool(flags & 2)):
                    yield attribute(Message(ATTRIBUTE, 0, found))
        except FormatError as error:
            file.notes.append(UnreadSpan(error.offset, 8, f"an attribute is broken: {error.cause}"))


def _dense(
    file: Hdf5File, body: Cursor, kinds: tuple[int, ...], orders: tuple[int, ...], *, ordered: bool
) -> Iterator[Cursor]:
    """The objects of a fractal heap by their names; an index by the order of creation leads to the same ones."""
    address, names = body.address(), body.address()
    order = body.address() if ordered else UNDEFINED
    if address == UNDEFINED:
        return
    heap = FractalHeap(file, address)
    for record in records(file, names, kinds):
        if kinds == (5,):
            record.take(4)
            yield heap.get(record.take(record.rest))
        else:
            identity = record.take(record.rest - 9)
            if record.number(1) & 2:
                raise FormatError("a heap of shared messages is not read", record.offset)
            yield heap.get(identity)
    if order != UNDEFINED:
        for _ in records(file, order, orders):
            pass
    heap.finish()


def _link(body: Cursor) -> Link:
    start = body.here
    version, flags = body.number(1), body.number(1)
    if version != 1:
        raise FormatError(f"version {version} of links is not known", start)
    kind = body.number(1) if flags & 8 else 0
    body.take((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
    name = body.take(body.number(1 << (flags & 3))).decode("utf-8", "replace")
    if kind == 0:
        return Link(name, "hard", body.address(), "", start)
    value = body.take(body.number(2))
    if kind == 1:
        return Link(name, "soft", UNDEFINED, value.decode("utf-8", "replace"), start)
    if kind == 64:
        other, _, path = value[1:].partition(b"\0")
        target = b":".join((other, path.rstrip(b"\0"))).decode("utf-8", "replace")
        return Link(name, "external", UNDEFINED, target, start)
    return Link(name, "user", UNDEFINED, f"type {kind}", start)


def _symbol_table(file: Hdf5File, tree: int, address: int) -> Iterator[Link]:
    heap = LocalHeap(file, address)
    width = file.offsets
    entry = 2 * width + 24
    before = ""
    for node in tree_nodes(file, tree, 0, file.group_k, file.lengths):
        size = 8 + 2 * file.leaf_k * entry
        table = file.block(node.child, size, b"SNOD")
        if table.number(2) != 1:
            raise FormatError("the version of the entries of a group is not known", table.offset)
        first, last = (heap.text(int.from_bytes(key, "little")) for key in (node.key, node.end))
        count = table.number(2)
        for _ in range(count):
            start = table.here
            name, target = heap.text(table.number(width)), table.address()
            cached = table.number(4)
            # The library looks names up by these keys: it would not find one that is out of order.
            if not max(first, before) < name <= last or cached > 2:
                raise FormatError("an entry of a group is not where its name belongs", start)
            before = name
            table.take(4)
            scratch = table.part(16)
            if cached == 2:
                yield Link(name, "soft", UNDEFINED, heap.text(scratch.number(4)), start)
            else:
                yield Link(name, "hard", target, "", start)
        file.unused(table.here, table.here + table.rest, "a group")
    heap.finish()


class Node(NamedTuple):
    """An entry of a B-tree of version 1: the address of a child and the keys before and behind it."""

    key: bytes
    child: int
    end: bytes


def tree_nodes(file: Hdf5File, root: int, kind: int, k: int, key: int) -> Iterator[Node]:
    """The entries of all leaves of a B-tree of version 1, in order. `key` is the size of a key in bytes.

    Raises FormatError if a node is none of this kind, or stands on another level than its parent says.
    """
    width = file.offsets
    size = 8 + 2 * width + 2 * k * (width + key) + key
    pending: list[tuple[int, int]] = [(root, -1)]
    while pending:
        address, expected = pending.pop()
        node = file.block(address, size, b"TREE")
        found, level, count = node.number(1), node.number(1), node.number(2)
        if found != kind or count > 2 * k or (expected >= 0 and level != expected):
            raise FormatError("a node of a B-tree is not what its parent says", node.offset)
        beside = node.address(), node.address()
        if any(one != UNDEFINED and one + size > file.end for one in beside):
            raise FormatError("a node of a B-tree has a neighbour that is not there", node.offset)
        children = []
        value = node.take(key) if count else b""
        for _ in range(count):
            child, behind = node.address(), node.take(key)
            children.append(Node(value, child, behind))
            value = behind
        file.unused(node.here, node.here + node.rest, "a B-tree")
        if level:
            pending.extend((one.child, level - 1) for one in reversed(children))
        else:
            yield from children
