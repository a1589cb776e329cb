"""The conversion behind walls: no network, nothing to write to but the output, gone afterwards.

It runs nothing of the model, so the walls are for the day on which that turns out to be wrong. What comes back is
believed only as far as it can be checked: the output is inspected here, and its files are those of the record.
"""

from __future__ import annotations

import json
import os
import sys

from weighbridge.convert.folder import check_verdict, pickled_files
from weighbridge.convert.record import parsed_record
from weighbridge.convert.staging import staged
from weighbridge.core.errors import NotConvertible
from weighbridge.core.facts import Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.find import real, roots
from weighbridge.sandbox.records import MIB, Bounds, Program
from weighbridge.sandbox.run import run
from weighbridge.scan.engine import inspect

if TYPE_CHECKING:
    from weighbridge.convert.file import Choice
    from weighbridge.convert.record import ConversionRecord
    from weighbridge.core.knowledge import Knowledge
    from weighbridge.core.limits import Limits
    from weighbridge.scan.engine import Watcher
    from weighbridge.scan.report import Inspection

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_START = f"import sys; sys.path.insert(0, {_ROOT!r}); from weighbridge.convert.child import main; main()"


def convert_isolated(  # the same as `convert`, and the knowledge to judge what comes back
    path: str,
    output: str,
    inspection: Inspection,
    choice: Choice,
    *,
    knowledge: Knowledge,
    limits: Limits,
    watcher: Watcher,
) -> ConversionRecord:
    """Convert the private copy at `path` behind walls. Raises NotConvertible, and SandboxError without walls."""
    check_verdict(inspection.report, set())
    size = inspection.report.artifact.size
    python = real(sys.executable)
    with staged(output) as folder:
        work = os.path.join(folder, "work")
        os.mkdir(work)
        program = Program(
            (python, "-I", "-B", "-c", _START, "{model}", "{out}", json.dumps(choice), json.dumps(limits._asdict())),
            inputs={"model": path},
            outputs={"out": work},
            needs=(*roots(python), _ROOT),
        )
        scratch = 8 * size + 512 * MIB
        bounds = Bounds(wall_seconds=3600, cpu_seconds=7200, memory=1024 * MIB, scratch=scratch, output=256 * MIB)
        watcher.note("converting behind walls")
        outcome = run(program, bounds)
        if outcome.ending != "exit" or outcome.status:
            raise NotConvertible(f"the conversion behind walls {outcome.text}", "try it without --isolated")
        record = _record(outcome.out)
        made = os.path.join(work, "model")
        again = inspect(made, knowledge=knowledge, limits=limits, watcher=watcher)
        _check(record, inspection, again)
        for name in os.listdir(made):
            os.rename(os.path.join(made, name), os.path.join(folder, name))
        os.rmdir(made)
        os.rmdir(work)
        side = record.target._replace(name=inspection.report.artifact.name)
        source = record.source._replace(name=inspection.report.artifact.name)
        return record._replace(source=source, target=side, walls=outcome.walls.text)


def _record(raw: bytes) -> ConversionRecord:
    try:
        told = json.loads(raw)
        if not told["converted"]:
            raise NotConvertible(str(told["refusal"])[:2000], str(told["mend"])[:500])
        return parsed_record(told)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotConvertible("what came back from behind the walls cannot be read", "try again") from error


def _check(record: ConversionRecord, inspection: Inspection, again: Inspection) -> None:
    """The output must be what the record says, made of what was inspected, and have nothing in it that runs."""
    check_verdict(again.report, {file.path for file in again.report.artifact.files})
    found = {
        (blob.location, fact.name, fact.dtype, fact.shape)
        for blob in again.facts.blobs
        if blob.format == "safetensors"
        for fact in blob.facts
        if isinstance(fact, Tensor)
    }
    told = {(tensor.file, tensor.name[:200], tensor.dtype, tensor.shape) for tensor in record.tensors}
    same = record.target.digest == again.report.artifact.digest and told <= found
    if not same or record.source.digest != inspection.report.artifact.digest or pickled_files(again):
        raise NotConvertible("what came back from behind the walls is not what its record says", "try again")
