"""Gate one: inspect a model in quarantine; if it passes, sign it and store it with its evidence, else refuse it.

Status 0: the model is in the registry. Status 1: it was refused, and the registry is as it was.

Examples:
  weighbridge intake ./model
  weighbridge intake ./model --to oci:registry:team/model:v1 --stage production
  weighbridge intake ./model --to registry.example.com/team/model:v1
  weighbridge intake hf://org/name@main --to oci:registry:team/model:v1
  weighbridge intake https://models.example.com/net.safetensors#sha256=DIGEST
  weighbridge intake ./tuned --dataset data.intoto.json --training job.json
  weighbridge intake ./model --engine modelscan --engine picklescan
  weighbridge intake ./model --format json --output intake.json
"""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import UTC, datetime

from weighbridge.cli import common
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.pipelines.intake import Destination, Others
from weighbridge.pipelines.intake_job import destination_of, intake_document, take_in_by
from weighbridge.pipelines.tuning import Tuning
from weighbridge.registry.base import parse_reference
from weighbridge.registry.open import open_store
from weighbridge.sources.open import is_remote

if TYPE_CHECKING:
    import argparse

    from weighbridge.convert.record import ConversionRecord
    from weighbridge.core.settings import Settings
    from weighbridge.pipelines.intake import Intake
    from weighbridge.registry.base import Store

LARGEST = 64 * 1024 * 1024
"""Bytes of a report on data, or of the parameters of a training."""
MOST_PARAMETERS = 1000


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `intake` takes."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder, a file, or where a model can be had: git+https://…@COMMIT, hf://ORG/NAME@REVISION, https://…",
    )
    parser.add_argument("--to", metavar="REFERENCE", help="where to store it (default: the registry of the settings)")
    parser.add_argument("--replace", action="store_true", help="let the tag name this model if it names another one")
    parser.add_argument("--stage", choices=STAGES, default="staging", help="whose demands hold (default: staging)")
    common.add_attestations(parser)
    report = "a report on data that it was fine-tuned on, by weighbridge dataset check --sign (repeatable)"
    parser.add_argument("--dataset", metavar="FILE", action="append", default=[], help=report)
    parser.add_argument("--training", metavar="FILE", help="a JSON object with the parameters of the fine-tuning job")
    common.add_engines(parser, "ask this scanner too, in a sandbox, beside those that the stage asks for")
    common.add_output(parser, ("text", "json"))


def run(options: argparse.Namespace) -> int:
    """Run gate one and print its outcome."""
    settings = common.settings_for(options, [] if is_remote(options.source) else [options.source])
    signer = common.signing_key(settings)
    destination = _destination(options, settings)
    progress = common.progress_for(options)
    now = datetime.now(UTC)
    try:
        outcome, reference = take_in_by(
            settings,
            options.source,
            destination,
            signer=signer,
            stage=options.stage,
            watcher=progress,
            now=now,
            attestations=common.attestations(options),
            kept=lambda folder: common.say(options, f"the quarantine {folder} is kept"),
            others=_others(options, settings),
            tuning=_tuning(options),
        )
    finally:
        progress.finish()
    if outcome.admitted:
        _tell_index(options, settings, destination.store, outcome.tag, now)
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json(intake_document(outcome, reference)))
    else:
        common.write(options, _text(outcome, reference, options))
    return 0 if outcome.admitted else 1


def _others(options: argparse.Namespace, settings: Settings) -> Others | None:
    """The scanners that the stage and the options ask for. Raises UsageError if one of them is not here."""
    names = list(dict.fromkeys((*common.stage_policy(settings, options.stage).engines, *options.engine)))
    if not names:
        if options.engine_path or options.yara_rules or options.unsafe_no_sandbox:
            raise UsageError("these options are for engines, and none is asked for", "add --engine NAME")
        return None
    from weighbridge.cli.engines import wanted_engines
    from weighbridge.engines.ask import chosen

    wanted = wanted_engines(options, settings, names)
    return Others(chosen(wanted), wanted)


def _tell_index(options: argparse.Namespace, settings: Settings, store: Store, tag: str, now: datetime) -> None:
    """The index is brought up if there is one; what goes wrong there changes nothing about the intake."""
    from weighbridge.pipelines.indexing import tell_index

    trust = common.trust_policy(settings, needed=False, now=now)
    if said := tell_index(settings, store, store.reference(tag=tag), trust, now):
        common.say(options, said)


def _destination(options: argparse.Namespace, settings: Settings) -> Destination:
    if options.to:
        return destination_of(options.to, settings, replace=options.replace)
    if not settings.registry:
        raise UsageError(
            "no registry is set", "run weighbridge init, or give --to HOST/NAME:TAG or --to oci:DIR:NAME:TAG"
        )
    name = re.sub(r"[^a-z0-9]+", "-", default_name(options.source).lower()).strip("-") or "model"
    reference = parse_reference(f"{name}:latest", settings.registry)
    return Destination(open_store(reference, settings, create=True), None, options.replace)


def _tuning(options: argparse.Namespace) -> Tuning:
    """What the words of the command line say of the training."""
    from weighbridge.sbom.bill import Said

    bundles = tuple(_content(path) for path in options.dataset)
    if not options.training:
        return Tuning(bundles)
    try:
        found = json.loads(_content(options.training))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{options.training!r} is no JSON", "write an object of names and values") from error
    if not isinstance(found, dict) or not found or len(found) > MOST_PARAMETERS:
        mend = f"write an object of 1 to {MOST_PARAMETERS} names and values"
        raise UsageError(f"{options.training!r} has no parameters", mend)
    where = os.path.basename(options.training)
    said = (
        Said(name[:200], (value if isinstance(value, str) else json.dumps(value))[:1000], where)
        for name, value in found.items()
    )
    return Tuning(bundles, tuple(said))


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST)
    except OSError as error:
        raise UsageError(f"{path!r} cannot be read: {error.strerror}", "name another file") from error


def default_name(source: str) -> str:
    """What people call a source: the last part of its path, without a revision, a tag, a query or a digest."""
    if source.lower().startswith("oci:"):
        return re.sub(r"(@sha256)?:[^:/]*$", "", source).rpartition(":")[2].rpartition("/")[2]
    if is_remote(source):
        host, _, path = re.split(r"[?#]", source)[0].rpartition("://")[2].partition("/")
        return (path or host).partition("@")[0].rstrip("/").rpartition("/")[2]
    return os.path.basename(os.path.abspath(source))


def _text(outcome: Intake, reference: str, options: argparse.Namespace) -> str:
    from weighbridge.core.plain import plain
    from weighbridge.render.provenance import provenance_section
    from weighbridge.render.terminal import scan_text, style_for

    environ = {**os.environ, "NO_COLOR": "1"} if options.no_color or options.output else os.environ
    style = style_for(sys.stdout, environ)
    report = scan_text(outcome.report, style=style).rstrip("\n")
    report = f"{report}\n\n{provenance_section(outcome.provenance, style=style)}"
    if outcome.opinions:
        from weighbridge.render.engines import engines_text

        report = f"{report}\n\n{engines_text(outcome.report, outcome.opinions, style=style).rstrip()}"
    if outcome.converted is not None:
        report = f"{report}\n\n{_converted(outcome.converted)}"
    if outcome.published is None:
        return f"{report}\n\nREFUSED  {plain(outcome.refusal)}\n  nothing was stored"
    lines = [report, "", f"ADMITTED  {plain(reference)}", f"  {outcome.published.manifest.digest}"]
    for item in outcome.published.evidence:
        kind = item.annotations.get("dev.weighbridge.evidence.kind", "")
        lines.append(f"  + {plain(kind):<16} {item.digest}")
    return "\n".join(lines)


def _converted(record: ConversionRecord) -> str:
    """What was made of the pickles, in two lines."""
    from weighbridge.core.plain import plain

    made = sorted({(tensor.source, tensor.file) for tensor in record.tensors})
    lines = [f"  {plain(source)} → {plain(file)}" for source, file in made[:10]]
    if len(made) > 10:
        lines.append(f"  and {len(made) - 10} more")
    left = f", {len(record.left_out)} other things left out" if record.left_out else ""
    return "\n".join([f"converted without loading it: {len(record.tensors)} tensors{left}", *lines])
