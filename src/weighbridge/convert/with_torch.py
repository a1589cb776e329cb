"""The second road: what is refused here, torch itself may read, with `weights_only`, behind walls.

What comes back is one file of bytes and a list of what lies where in it; the safetensors file is written here. Its
content is as good as torch's word for it, and the record says so.
"""

from __future__ import annotations

import json
import os
import tempfile

from weighbridge.convert.file import Choice, Plan, planned
from weighbridge.convert.region import Region
from weighbridge.convert.select import USUAL
from weighbridge.convert.views import DTYPES, View, row_major
from weighbridge.convert.write import Source
from weighbridge.core.errors import NotConvertible, UsageError
from weighbridge.core.reader import FileSource
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.find import roots
from weighbridge.formats.safetensors import BITS
from weighbridge.sandbox.records import MIB, Bounds, Program
from weighbridge.sandbox.run import run

if TYPE_CHECKING:
    from contextlib import ExitStack
    from typing import Any

CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_child.py")
MOST_LIST = 64 * MIB
MOST_DIMENSIONS = 64


def torch_plan(python: str, path: str, choice: Choice, stack: ExitStack) -> Plan:
    """What torch finds in the file at `path`. The bytes stay open as long as `stack`.

    Raises NotConvertible if torch refuses too, UsageError if `python` is none, SandboxError without walls.
    """
    if not os.access(python, os.X_OK):
        raise UsageError(f"{python!r} is no program", "name a Python that has torch with --torch-python")
    if choice.flatten:
        raise NotConvertible("torch is asked for one table of tensors", "name it with --key, without --flatten")
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="weighbridge-torch-"))
    size = os.path.getsize(path)
    program = Program(
        (python, "-I", "-B", "{child}", "{model}", "{out}", choice.key, json.dumps((DTYPES, USUAL))),
        inputs={"child": CHILD, "model": path},
        outputs={"out": folder},
        needs=roots(python),
    )
    bounds = Bounds(wall_seconds=3600, cpu_seconds=7200, memory=4 * size + 2048 * MIB, scratch=8 * size + 64 * MIB)
    outcome = run(program, bounds)
    if outcome.ending != "exit" or outcome.status:
        said = (
            outcome.err.decode(errors="replace").strip().rpartition("\n")[2].rpartition("WeightsUnpickler error: ")[2]
        )
        cause = f"torch does not read it either: {said[:300] or outcome.text}"
        raise NotConvertible(cause, "save the state_dict again with torch.save")
    return _read(folder, size, stack)


def _read(folder: str, size: int, stack: ExitStack) -> Plan:
    """The list that came back, believed as far as it adds up."""
    told: Any = None
    try:
        with open(os.path.join(folder, "tensors.json"), "rb") as file:
            told = json.loads(file.read(MOST_LIST))
        fd = os.open(os.path.join(folder, "data"), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        stack.callback(os.close, fd)
        data = FileSource(fd, os.fstat(fd).st_size)
        sources = [_source(entry, data) for entry in told["tensors"]]
        shared = {str(name): str(kept) for name, kept in told["shared"].items()}
        rest = [(str(name), str(kind)) for name, kind in told["rest"].items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotConvertible("what torch gave back cannot be read", "try again") from error
    names = {source.name for source in sources}
    if len(names) != len(sources) or not names.isdisjoint(shared) or not names.issuperset(shared.values()):
        raise NotConvertible("what torch gave back does not add up", "try again")
    found = planned(sources, size, rest, {})
    return found._replace(shared={**found.shared, **shared})


def _source(entry: Any, data: FileSource) -> Source:
    name, dtype, shape, start, end = (entry[key] for key in ("name", "dtype", "shape", "start", "end"))
    lengths = tuple(int(length) for length in shape)
    view = View(f"data@{start}", dtype, lengths, row_major(lengths, (0,) * len(lengths)), 0)
    fits = 0 <= start <= end <= data.size and len(lengths) <= MOST_DIMENSIONS and min(lengths, default=0) >= 0
    if not (isinstance(name, str) and dtype in BITS and fits and view.size == end - start):
        raise ValueError(name)
    return Source(name, view, Region(data, start, end - start))
