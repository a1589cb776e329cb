"""What each opcode does to the state of the symbolic pickle machine.

One function per family of opcodes. Each finds `machine.pos` at its opcode and leaves it behind the operand.
Source: CPython `Modules/_pickle.c`, the `load_*` functions.
"""

from __future__ import annotations

from weighbridge.core.facts import ComputedImport, Limit, Oddity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pickle.constants import ENCODINGS, LETTERS, SMALL, counted_constant, text_constant
from weighbridge.pickle.growth import OWN, flattened, grow, state_shape, weigh
from weighbridge.pickle.joblib_arrays import RawArray, announced_array
from weighbridge.pickle.opcodes import COUNTED, FIXED, SIGNED_LENGTH, TEXT
from weighbridge.pickle.state import Broken, Exhausted, Machine
from weighbridge.pickle.values import (
    Bulk,
    Container,
    Global,
    Opaque,
    Persistent,
    Run,
    arguments_shape,
    class_name,
    shape,
)

if TYPE_CHECKING:
    from weighbridge.core.facts import CallMode

KEY = 10_000
"""Characters of the longest memo key in text; Python converts at most 4300 digits, underscores between them."""
PAYLOADS = 1000
"""Constants of one stream that are looked into."""
_PAYLOADS = (b"\x80", b"PK\x03\x04", b"\x1f\x8b", b"\x78", b"BZh", b"\xfd7zXZ", b"\x93NUMPY", b"\x7fELF", b"MZ")
"""How a constant may begin that is worth a look of its own: pickle, archives, compressed data, arrays, machine code."""
_TORCH = (b"\x80\x02\x8a\x0al\xfc", b"PK\x03\x04")
"""How a nested torch file begins. It is looked into like a file of its own, so its loader may be given it."""


def _counted(machine: Machine, opcode: int) -> None:
    _, width, kind = COUNTED[opcode]
    start = machine.here()
    machine.pos += 1
    size = int.from_bytes(machine.take(width), "little", signed=opcode in SIGNED_LENGTH)
    if size < 0:
        raise Broken("a length is negative")
    offset = machine.here()
    if size <= SMALL and (size <= 64 or len(machine.stack) < 50_000):
        raw = machine.take(size)
        try:
            value = counted_constant(opcode, raw)
        except UnicodeDecodeError:
            raise Broken("a string operand is not UTF-8") from None
    else:
        raw = machine.reader.peek(offset, 16)
        machine.skip(size)
        value = Bulk(kind, offset, size)
    if kind == "int" and size > machine.budget.limits.number:
        machine.note(Limit("number", machine.budget.limits.number, start))
    if kind == "bytes" and size >= 8 and raw.startswith(_PAYLOADS):
        if len(machine.payloads) >= PAYLOADS:
            raise Exhausted("facts")
        machine.payloads.append((offset, size))
        if raw.startswith(_TORCH):
            value = Bulk("payload", offset, size)
    elif kind != "int" and size >= LETTERS and raw.startswith(ENCODINGS):
        machine.encoded(offset, size)
    machine.last_constant = start
    machine.stack.append(value)


def _text_constant(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    raw = machine.line()
    if len(raw) >= LETTERS and raw.lstrip(b"'\"").startswith(ENCODINGS):
        machine.encoded(machine.at + 1, len(raw))
    try:
        machine.stack.append(text_constant(opcode, raw, machine.at))
    except ValueError:
        raise Broken(f"the operand of {TEXT[opcode]} cannot be read") from None
    machine.last_constant = machine.at


def _tuple(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    if opcode == 0x74:
        values = machine.pop_mark()
        if sum(value.end - value.start for value in values if isinstance(value, Run)) <= 4 * SMALL:
            values = machine.expanded(values)
        machine.stack.append(flattened(machine, values))
        return
    stack, count = machine.stack, opcode - 0x84
    taken = stack[-count:]
    if len(stack) - (machine.marks[-1] if machine.marks else 0) < count or Run in map(type, taken):
        taken = [machine.pop() for _ in range(count)]
        taken.reverse()
    else:
        del stack[-count:]
    stack.append(flattened(machine, taken))


def _collect(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    values = machine.pop_mark()
    container = Container({0x6C: "list", 0x64: "dict", 0x91: "frozenset"}[opcode])
    grow(machine, container, values, "setitem" if opcode == 0x64 else "append")
    machine.stack.append(container)


def _grow_many(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    values = machine.pop_mark()
    target = machine.top()
    mode: CallMode = "append" if opcode == 0x65 else "setitem" if opcode == 0x75 else "additems"
    grow(machine, target, values, mode)


def _grow_one(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    value = machine.pop()
    key = machine.pop() if opcode == 0x73 else ""
    target = machine.top()
    if type(target) is Container and opcode == 0x61 and (machine.kept <= 0 or target.more):
        # The common end of a long list: nothing more is remembered of it than what kind of things it holds.
        target.more = True
        kind = type(value)
        if kind is Container or kind is tuple:
            target.constant = False
            target.weight += weigh(machine, (value,))
        elif kind not in OWN:
            target.constant = False
            target.objects = True
    elif opcode == 0x61:
        grow(machine, target, [value], "append")
    else:
        grow(machine, target, [key, value], "setitem")


def _drop(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    fence = machine.marks[-1] if machine.marks else 0
    if opcode == 0x31:
        machine.pop_mark()
    elif opcode == 0x32:
        machine.stack.append(machine.top())
    elif len(machine.stack) > fence:
        machine.pop()
    elif machine.marks:
        # POP with nothing above the mark takes the mark away, in both unpicklers.
        machine.marks.pop()
    else:
        raise Broken("the stack is empty")


def _memo_get(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    machine.fetch(_memo_key(machine, opcode, 0x67))


def _memo_put(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    key = _memo_key(machine, opcode, 0x70)
    machine.memo.put(key, machine.top(), machine.constant_before)


def _memo_key(machine: Machine, opcode: int, text_opcode: int) -> int:
    if opcode != text_opcode:
        return int.from_bytes(machine.take(FIXED[opcode][1]), "little")
    # The unpickler written in C reads up to a zero byte. No digit may be dropped: another key is another value.
    digits = machine.line().partition(b"\x00")[0].strip()
    if len(digits) > KEY:
        raise Broken("a memo key is too long")
    try:
        key = int(digits)
    except ValueError:
        raise Broken("a memo key is not a number") from None
    if key < 0:
        raise Broken("a memo key is negative")
    return key


def _global(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    try:
        module = machine.line().decode("utf-8")
        # The unpickler written in Python imports the module even if the file ends here.
        ended = machine.here() >= machine.reader.size
        attribute = "" if ended else machine.line().decode("utf-8")
    except UnicodeDecodeError:
        raise Broken("the name of a global is not UTF-8") from None
    value = machine.name(module, attribute, TEXT[opcode])
    if opcode == 0x63:
        machine.stack.append(value)
        return
    arguments = tuple(machine.expanded(machine.pop_mark()))
    machine.stack.append(machine.apply(value, arguments, "call"))


def _stack_global(machine: Machine, _: int) -> None:
    machine.pos += 1
    attribute, module = machine.pop(), machine.pop()
    machine.stack.append(machine.name(module, attribute, "STACK_GLOBAL"))


def _extension(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    code = int.from_bytes(machine.take(FIXED[opcode][1]), "little", signed=opcode == 0x84)
    expression = f"extension {code} of the loader's copyreg registry"
    machine.note(ComputedImport(expression, machine.at, machine.excerpt(), machine.opcodes()))
    machine.stack.append(Global(f"copyreg.extension_{code}"))


def _reduce(machine: Machine, _: int) -> None:
    machine.pos += 1
    arguments, callee = machine.pop(), machine.pop()
    machine.stack.append(machine.apply(callee, arguments, "call"))


def _new(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    keywords = machine.pop() if opcode == 0x92 else None
    arguments, callee = machine.pop(), machine.pop()
    if keywords is not None and isinstance(arguments, tuple) and not _is_empty(keywords):
        arguments = (*arguments, keywords)
    machine.stack.append(machine.apply(callee, arguments, "new"))


def _is_empty(value: object) -> bool:
    return isinstance(value, Container) and not value.items and not value.more


def _object(machine: Machine, _: int) -> None:
    machine.pos += 1
    values = machine.expanded(machine.pop_mark())
    if not values:
        raise Broken("OBJ without a class")
    machine.stack.append(machine.apply(values[0], tuple(values[1:]), "call"))


def _build(machine: Machine, _: int) -> None:
    machine.pos += 1
    state, target = machine.pop(), machine.top()
    form = state_shape(machine, state)
    if isinstance(target, Global):
        form = f"on the global itself: {form}"
    machine.call(class_name(target), "build", state, form)
    if machine.trace is not None:
        machine.trace.filled(machine.at, target, "build", [state])
    if machine.nested is not None:
        try:
            array = announced_array(target, state)
        except ValueError as error:
            raise Broken(str(error)) from None
        if array is not None:
            _skip_array(machine, array)


def _skip_array(machine: Machine, array: RawArray) -> None:
    """Move over the raw bytes that joblib put here, or follow the pickle that they are."""
    machine.leave_frame()
    if array.aligned:
        padding = machine.take(1)[0]
        if machine.take(padding).strip(b"\xff"):
            raise Broken("the padding before an array is not what joblib writes")
    start = machine.here()
    if array.size >= 0:
        machine.arrays.append((start, array.size))
        machine.skip(array.size)
        if machine.trace is not None:
            machine.trace.remark(start, f"{array.size} bytes of an array")
        return
    if machine.trace is not None:
        machine.trace.remark(start, "an array of objects: a pickle of its own follows")
    inner = machine.nested(machine.reader, start, machine.budget)  # type: ignore[misc] # the caller looked
    machine.oddities.extend(inner.facts)
    machine.arrays.extend(inner.arrays)
    machine.payloads.extend(inner.payloads)
    machine.texts.extend(inner.texts)
    if not inner.complete:
        raise Broken(f"the array of objects cannot be followed: {inner.broken or 'a limit was reached'}")
    machine.skip(inner.end - start)


def _persistent(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    if opcode == 0x50:
        # The unpickler written in Python asks for an empty id if the file ends here.
        ended = machine.here() >= machine.reader.size
        pid: object = "" if ended else machine.line().decode("latin-1")
    else:
        pid = machine.pop()
    form = arguments_shape(pid, text=False)
    if isinstance(pid, tuple) and pid and isinstance(pid[0], str):
        form = form.replace("(str", "(" + shape(pid[0]), 1)
    machine.call("persistent_load", "persistent", pid, form)
    _note_storage(machine, pid)
    machine.kept -= 1
    if isinstance(pid, tuple) and len(pid) > 1 and pid[0] == "module" and isinstance(pid[1], Global):
        # Old versions of torch give back the class itself (torch/serialization.py, _legacy_load).
        result: object = pid[1]
    else:
        result = Persistent(pid if machine.kept > 0 else Opaque("id"))
    machine.stack.append(result)
    if machine.trace is not None:
        machine.trace.called(machine.at, "persistent_load", pid if isinstance(pid, tuple) else (pid,), "call", result)


def _note_storage(machine: Machine, pid: object) -> None:
    """Torch: ('storage', class, key, location, number of elements[, view])."""
    if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
        return
    kind, key, elements = pid[1], pid[2], pid[4]
    if not (isinstance(kind, Global) and isinstance(key, str) and isinstance(elements, int)):
        return
    if machine.storages.setdefault(key, (kind.name, elements)) != (kind.name, elements):
        machine.note(Oddity("storage-twice", f"storage {key[:100]!r} is asked for in two ways", machine.at))


def _protocol(machine: Machine, _: int) -> None:
    machine.pos += 1
    version = machine.take(1)[0]
    if version > 5:
        raise Broken(f"protocol {version} does not exist")
    machine.protocol = max(machine.protocol, version)


def _frame(machine: Machine, _: int) -> None:
    machine.pos += 1
    size = int.from_bytes(machine.take(8), "little")
    if size > machine.reader.size - machine.here():
        machine.note(Oddity("frame-beyond-end", f"a frame of {size} bytes", machine.at))
    else:
        machine.frame(size)


def _buffer(machine: Machine, opcode: int) -> None:
    machine.pos += 1
    if opcode == 0x97:
        machine.note(Oddity("out-of-band-buffer", "the loader must supply a buffer", machine.at))
        machine.stack.append(Bulk("bytes", machine.at, 0))
    else:
        machine.top()


def _stop(machine: Machine, _: int) -> bool:
    machine.pos += 1
    machine.value = machine.pop()
    return True


INSTRUCTIONS = {
    **dict.fromkeys(COUNTED, _counted),
    **dict.fromkeys((0x46, 0x49, 0x4C, 0x53, 0x56), _text_constant),
    **dict.fromkeys((0x74, 0x85, 0x86, 0x87), _tuple),
    **dict.fromkeys((0x6C, 0x64, 0x91), _collect),
    **dict.fromkeys((0x65, 0x75, 0x90), _grow_many),
    **dict.fromkeys((0x61, 0x73), _grow_one),
    **dict.fromkeys((0x30, 0x31, 0x32), _drop),
    **dict.fromkeys((0x67, 0x6A), _memo_get),
    **dict.fromkeys((0x70, 0x72), _memo_put),
    **dict.fromkeys((0x63, 0x69), _global),
    0x93: _stack_global,
    **dict.fromkeys((0x82, 0x83, 0x84), _extension),
    0x52: _reduce,
    **dict.fromkeys((0x81, 0x92), _new),
    0x6F: _object,
    0x62: _build,
    **dict.fromkeys((0x50, 0x51), _persistent),
    0x80: _protocol,
    0x95: _frame,
    **dict.fromkeys((0x97, 0x98), _buffer),
    0x2E: _stop,
}
"""Opcode → what it does; only STOP gives true. Plain constants, MARK and short memo opcodes are in `machine.py`."""
