"""Convert pickle checkpoints to safetensors, without executing anything of them and without torch.

The scan comes first: what it would not let pass is refused. The new folder has every tensor, bit for bit, what else
there was as JSON, and copies of all other files; it appears whole or not at all.

Status 0: converted. Status 1: refused, and nothing was written; the sentence says why and what to do.

Examples:
  weighbridge convert model.pt --output model
  weighbridge convert ./checkpoint --output ./safe --key state_dict --only-tensors
  weighbridge convert pytorch_model.bin --output safe --format json --record conversion.json
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import partial

from weighbridge.cli import common
from weighbridge.convert.file import Choice
from weighbridge.convert.folder import convert, stamps
from weighbridge.convert.record import SCHEMA
from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import NotConvertible, UsageError
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.scan.engine import inspect

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.cli.progress import Progress
    from weighbridge.convert.record import ConversionRecord
    from weighbridge.core.settings import Settings

_SHOWN = 12
"""Things that are left out that are shown to people one by one."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `convert` takes."""
    parser.add_argument("path", metavar="PATH", help="a checkpoint, or a folder with some in it")
    parser.add_argument("--output", metavar="DIR", required=True, help="the folder to make; it must not be there yet")
    parser.add_argument("--key", metavar="KEY", default="", help="where the tensors are in it, with dots: state_dict")
    parser.add_argument("--flatten", action="store_true", help="take all tensors, with the keys that lead to them")
    parser.add_argument("--only-tensors", action="store_true", help="write nothing else down as JSON, only list it")
    parser.add_argument("--isolated", action="store_true", help="do it behind walls even so (see docs/sandbox.md)")
    parser.add_argument("--with-torch", action="store_true", help="what is refused is read by torch, behind walls")
    parser.add_argument(
        "--torch-python",
        metavar="PROGRAM",
        default="/usr/bin/python3",
        help="the Python that has torch (default: %(default)s)",
    )
    parser.add_argument("--record", metavar="FILE", help="write the conversion record (JSON) to FILE too")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    common.add_general(parser)


def run(options: argparse.Namespace) -> int:
    """Inspect, convert, say what was done."""
    settings = common.settings_for(options, [options.path])
    for one, other in (("key", "flatten"), ("isolated", "with_torch")):
        if getattr(options, one) and getattr(options, other):
            raise UsageError(f"--{one} and --{other.replace('_', '-')} exclude each other", "choose one")
    choice = Choice(options.key, options.flatten, options.only_tensors)
    progress = common.progress_for(options)
    try:
        with _place(options, settings, progress) as path:
            record = _convert(path, options, choice, settings, progress)
    except NotConvertible as error:
        return _refused(error, options)
    finally:
        progress.finish()
    document = record.predicate()
    if options.record:
        _save(options.record, document)
    if options.format == "json":
        _print(document)
    else:
        sys.stdout.write(_text(record, options.output))
    return 0


@contextmanager
def _place(options: argparse.Namespace, settings: Settings, progress: Progress) -> Iterator[str]:
    """Where the model is: itself, or a private copy that somebody else may read behind walls."""
    if not (options.isolated or options.with_torch):
        yield options.path
        return
    from weighbridge.sandbox.run import open_up
    from weighbridge.sources.local import LocalFolder
    from weighbridge.sources.quarantine import quarantine

    with quarantine(settings.quarantine) as place:
        fetched = place.take(LocalFolder(options.path, settings.limits.files), progress)
        open_up(fetched.folder)
        if os.path.isdir(options.path):
            yield fetched.folder
        else:
            yield os.path.join(fetched.folder, os.path.basename(options.path))


def _convert(
    path: str, options: argparse.Namespace, choice: Choice, settings: Settings, progress: Progress
) -> ConversionRecord:
    before = stamps(path, settings.limits)
    knowledge, limits = load_knowledge(), settings.limits
    name = escape_name(os.path.basename(os.path.abspath(options.path)))
    inspection = inspect(path, knowledge=knowledge, limits=limits, watcher=progress, name=name)
    if options.isolated:
        from weighbridge.convert.isolated import convert_isolated

        return convert_isolated(
            path, options.output, inspection, choice, knowledge=knowledge, limits=limits, watcher=progress
        )
    second = None
    if options.with_torch:
        from weighbridge.convert.with_torch import torch_plan

        second = partial(torch_plan, options.torch_python)
    return convert(path, options.output, inspection, before, choice, limits, progress, second)


def _refused(error: NotConvertible, options: argparse.Namespace) -> int:
    if options.format == "json":
        _print({"schema": SCHEMA, "converted": False, "refusal": error.cause, "mend": error.mend})
    else:
        sys.stdout.write(f"REFUSED  {plain(error.cause)}\n  {plain(error.mend)}\n  nothing was written\n")
    return 1


def _print(document: dict[str, Any]) -> None:
    from weighbridge.render.documents import document_json

    sys.stdout.write(document_json(document).rstrip("\n") + "\n")


def _save(path: str, document: dict[str, Any]) -> None:
    from weighbridge.render.documents import document_json

    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(document_json(document).rstrip("\n") + "\n")
    except OSError as error:
        raise UsageError(f"{path!r} cannot be written: {error.strerror}", "name another file") from error


def _text(record: ConversionRecord, output: str) -> str:
    files = {tensor.file for tensor in record.tensors}
    lines = [f"CONVERTED  {plain(record.source.name)} to {plain(output)}"]
    lines.append(f"  {len(record.tensors)} tensors in {len(files)} file{'s' * (len(files) != 1)}")
    lines.append(f"  from {record.source.digest}")
    lines.append(f"  to   {record.target.digest}")
    lines += [f"  {plain(shared.name)} is {plain(shared.kept)}" for shared in record.shared[:_SHOWN]]
    if len(record.shared) > _SHOWN:
        lines.append(f"  … and {len(record.shared) - _SHOWN} more shared names")
    for left_out in record.left_out[:_SHOWN]:
        where = f", told in {plain(left_out.file)}" if left_out.file else ""
        lines.append(f"  left out: {plain(left_out.key)} ({plain(left_out.what)}{where})")
    if len(record.left_out) > _SHOWN:
        lines.append(f"  … and {len(record.left_out) - _SHOWN} more, in the record")
    return "\n".join(lines) + "\n"
