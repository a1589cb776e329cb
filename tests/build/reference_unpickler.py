"""CPython's own unpickler, written in Python, with names that lead to inert stand-ins: what does a program do?

Runs in a child process of its own: programs in hexadecimal on standard input, one a line; JSON out, one a line.
"""

import io
import json
import pickle
import resource
import sys

resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


class Recording(pickle._Unpickler):
    def __init__(self, raw):
        self.buffer = io.BytesIO(raw)
        super().__init__(self.buffer)
        self.imports, self.calls, self.made = [], [], {}

    def find_class(self, module, name):
        dotted = f"{module}.{name}"
        self.imports.append(dotted)
        if dotted not in self.made:
            self.made[dotted] = stand_in(dotted, self.calls)
        return self.made[dotted]

    def persistent_load(self, pid):
        self.calls.append(("persistent_load", "persistent"))
        return stand_in("persistent", [])()


def stand_in(name, calls):
    class Meta(type):
        def __call__(cls, *args, **kwargs):
            calls.append((name, "make"))
            return object.__new__(cls)

    class StandIn(metaclass=Meta):
        def __new__(cls, *args, **kwargs):
            calls.append((name, "make"))
            return object.__new__(cls)

        def __setstate__(self, state):
            calls.append((name, "build"))

        def append(self, value):
            calls.append((name, "append"))

        def extend(self, values):
            calls.append((name, "append"))

        def __setitem__(self, key, value):
            calls.append((name, "setitem"))

        def add(self, value):
            calls.append((name, "additems"))

    return StandIn


for line in sys.stdin:
    reference = Recording(bytes.fromhex(line))
    complete = True
    try:
        reference.load()
    except Exception:  # noqa: BLE001 -- whatever a broken program raises
        complete = False
    known = sorted({tuple(call) for call in reference.calls})
    sys.stdout.write(json.dumps([sorted(set(reference.imports)), known, complete, reference.buffer.tell()]) + "\n")
