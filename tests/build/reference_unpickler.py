"""CPython's own unpickler, written in Python, with names that lead to inert stand-ins: what does a program do?

Runs in a child process of its own (`python -I`): programs in hexadecimal on standard input, one a line; out comes one
line of JSON for each:

    {"imports": [name, in order of first appearance], "calls": [[name, mode, number of arguments], in order],
     "complete": whether STOP was reached, "end": bytes consumed, "compiled": imports of the unpickler written in C}

`find_class` gives one stand-in class per name. Its calls, its instances and what fills them only record themselves:
at most once per opcode and name. Things are named as the machine names them. A global has its dotted name; what a call
gave back is `name()`, `…()` from the third call on; what is filled or given a state is named by what made it.
Attributes that `builtins.getattr` takes from a stand-in class are imports too. Stand-ins can be hashed, iterated
(they are empty), unpacked and given any attribute, so that they never raise where a real class need not.
Half of the classes have `__setstate__`, the others take a state as attributes.
"""

import codecs
import io
import json
import os
import pickle
import resource
import sys

SECONDS = 30
MEMORY = 512 << 20
FORBIDDEN = ("compile", "ctypes", "exec", "import", "open", "os.", "shutil.", "socket.", "subprocess.")
NEW_AS_CALL = (pickle.INST[0], pickle.OBJ[0])
"""Opcodes that the machine reports as calls: CPython calls `__new__` alone for a class without arguments, and the
class itself for whatever is no class; which it is, only the import would tell."""


class Kind(type):
    """The class of stand-in classes: what happens to the class itself."""

    def __call__(cls, *args, **kwargs):
        return called(cls, "call", args, kwargs)

    def __getattribute__(cls, name):
        return looked_up(cls, name, type.__getattribute__)

    def __setitem__(cls, key, value):
        record(cls, "setitem", 1)

    def __iter__(cls):
        return iter(())

    def keys(cls):
        return ()

    items = keys


class StandIn(metaclass=Kind):
    """What happens to instances; one subclass per name."""

    def __new__(cls, *args, **kwargs):
        return called(cls, "new", args, kwargs)

    def __call__(self, *args, **kwargs):
        return called(self, "call", args, kwargs)

    def __getattribute__(self, name):
        return looked_up(self, name, object.__getattribute__)

    def __setitem__(self, key, value):
        record(self, "setitem", 1)

    def __getitem__(self, key):
        raise KeyError(key)

    def __iter__(self):
        return iter(())

    def keys(self):
        return ()

    items = keys


FILLING = {"append": "append", "extend": "append", "add": "additems", "__setstate__": "build"}
"""Attribute that the unpickler looks up on what it fills → mode. The look-up counts, whatever then happens with it."""


def looked_up(thing, name, otherwise):
    mode = FILLING.get(name)
    if mode is None:
        return otherwise(thing, name)
    record(thing, mode, 1)
    if mode == "build" and len(otherwise(thing, "dotted")) % 2:
        raise AttributeError(name)
    return lambda *args: None


def record(thing, mode, arguments):
    running = Recording.running
    dotted, level = thing.dotted, 0 if isinstance(thing, Kind) else thing.level
    if mode in ("append", "setitem", "additems", "build"):
        level = max(0, level - 1)
        if dotted == "persistent_load" and level == 0:
            dotted = "a persistent"
    elif mode == "new" and running.opcode in NEW_AS_CALL:
        mode = "call"
    name = dotted if level == 0 else f"{dotted}()" if level <= 2 else "…()"
    if (name, mode) not in running.now:
        running.now.add((name, mode))
        running.calls.append((name, mode, arguments))


def called(callee, mode, args, kwargs):
    record(callee, mode, len(args) + len(kwargs))
    if callee is Recording.running.made.get("builtins.getattr") and len(args) == 2:
        owner, name = args
        if mode == "new" or not isinstance(name, str):
            raise TypeError("getattr(): attribute name must be string")
        if isinstance(owner, Kind):
            return Recording.running.imported(f"{owner.dotted}.{name}")
    return instance(
        callee if isinstance(callee, Kind) else type(callee), 1 if isinstance(callee, Kind) else callee.level + 1
    )


def instance(kind, level):
    made = object.__new__(kind)
    object.__setattr__(made, "level", level)
    return made


class Recording(pickle._Unpickler):
    """One program. `now` is what the present opcode did already."""

    running = None

    def __init__(self, raw):
        self.buffer = io.BytesIO(raw)
        super().__init__(self.buffer)
        self.imports, self.calls, self.made = [], [], {}
        self.opcode, self.now = -1, set()
        Recording.running = self

    def imported(self, dotted):
        if dotted not in self.made:
            self.imports.append(dotted)
            self.made[dotted] = Kind(dotted, (StandIn,), {"dotted": dotted})
        return self.made[dotted]

    def find_class(self, module, name):
        if not module:
            raise ValueError("Empty module name")  # as the import says, before anything happens
        return self.imported(f"{module}.{name}")

    def persistent_load(self, pid):
        self.calls.append(("persistent_load", "persistent", 1))
        return instance(Kind("persistent_load", (StandIn,), {"dotted": "persistent_load"}), 1)

    def consumed(self):
        frame = self._unframer.current_frame
        ahead = len(frame.getvalue()) - frame.tell() if frame else 0
        return self.buffer.tell() - ahead


def stepping(opcode, load):
    def step(self):
        self.opcode, self.now = opcode, set()
        load(self)

    return step


Recording.dispatch = {opcode: stepping(opcode, load) for opcode, load in pickle._Unpickler.dispatch.items()}


class Compiled(pickle.Unpickler):
    """The unpickler written in C on the same stand-ins; it differs in what it does with text and odd objects."""

    def find_class(self, module, name):
        return Recording.running.find_class(module, name)

    def persistent_load(self, pid):
        return Recording.running.persistent_load(pid)


def loaded(unpickler):
    try:
        unpickler.load()
    except Exception:  # noqa: BLE001 -- whatever a broken program raises
        return False
    return True


def judged(raw):
    reference = Recording(raw)
    complete = loaded(reference)
    second = Recording(raw)
    loaded(Compiled(io.BytesIO(raw)))
    return {
        "imports": reference.imports,
        "calls": reference.calls,
        "complete": complete,
        "end": reference.consumed(),
        "compiled": second.imports,
    }


def forbid(event, _):
    if event.startswith(FORBIDDEN):
        os._exit(3)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for codec in ("ascii", "utf-8", "raw-unicode-escape"):
        codecs.lookup(codec)  # imports the codec while that is still allowed
    lines = sys.stdin.read().splitlines()
    sys.addaudithook(forbid)
    for line in lines:
        sys.stdout.write(json.dumps(judged(bytes.fromhex(line))) + "\n")
