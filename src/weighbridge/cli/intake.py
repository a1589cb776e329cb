"""Gate one: inspect a model in quarantine; if it passes, sign it and store it with its evidence, else refuse it.

Status 0: the model is in the registry. Status 1: it was refused, and the registry is as it was.

Examples:
  weighbridge intake ./model
  weighbridge intake ./model --to oci:registry:team/model:v1 --stage production
  weighbridge intake ./model --to registry.example.com/team/model:v1
  weighbridge intake hf://org/name@main --to oci:registry:team/model:v1
  weighbridge intake https://models.example.com/net.safetensors#sha256=DIGEST
  weighbridge intake ./model --engine modelscan --engine picklescan
  weighbridge intake ./model --format json --output intake.json
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from weighbridge.cli import common
from weighbridge.core.errors import NotFound, UsageError
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.pipelines.intake import Destination, Intake, Others, take_in
from weighbridge.registry.base import parse_reference
from weighbridge.registry.open import open_store
from weighbridge.sources.open import is_remote, open_source

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from weighbridge.convert.record import ConversionRecord
    from weighbridge.core.settings import Settings
    from weighbridge.registry.base import Store


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
        outcome = take_in(
            open_source(options.source, settings),
            destination,
            signer=signer,
            notary=signer.certified,
            trust=common.publisher_trust(settings, now),
            policy=common.stage_policy(settings, options.stage),
            knowledge=load_knowledge(),
            limits=settings.limits,
            watcher=progress,
            now=now,
            attestations=common.attestations(options),
            settings=settings.quarantine,
            kept=lambda folder: common.say(options, f"the quarantine {folder} is kept"),
            find=partial(_repository, settings, destination.store),
            others=_others(options, settings),
        )
    finally:
        progress.finish()
    reference = str(destination.store.reference(tag=outcome.tag)) if outcome.admitted else ""
    if options.format == "json":
        from weighbridge.render.documents import document_json

        common.write(options, document_json(_document(outcome, reference)))
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


def _destination(options: argparse.Namespace, settings: Settings) -> Destination:
    if options.to:
        reference = parse_reference(options.to, settings.registry)
        if reference.tag is None:
            raise UsageError(f"{options.to!r} is a digest, not a place to store at", "write NAME:TAG")
        return Destination(open_store(reference, settings, create=True), reference.tag, options.replace)
    if not settings.registry:
        raise UsageError(
            "no registry is set", "run weighbridge init, or give --to HOST/NAME:TAG or --to oci:DIR:NAME:TAG"
        )
    name = re.sub(r"[^a-z0-9]+", "-", default_name(options.source).lower()).strip("-") or "model"
    reference = parse_reference(f"{name}:latest", settings.registry)
    return Destination(open_store(reference, settings, create=True), None, options.replace)


def _repository(settings: Settings, store: Store, name: str) -> Store | None:
    """The repository beside `store` that a model called `name` would have been taken into, if there is one."""
    reference = store.reference(tag="latest")
    registry = f"oci:{reference.place}" if reference.kind == "layout" else reference.place
    for part in (name, name.rpartition("/")[2]):
        called = "/".join(re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") for word in part.split("/"))
        if not all(called.split("/")):
            continue
        found = open_store(parse_reference(f"{called}:latest", registry), settings)
        with suppress(NotFound):
            if found.tags():
                return found
    return None


def default_name(source: str) -> str:
    """What people call a source: the last part of its path, without a revision, a tag, a query or a digest."""
    if source.lower().startswith("oci:"):
        return re.sub(r"(@sha256)?:[^:/]*$", "", source).rpartition(":")[2].rpartition("/")[2]
    if is_remote(source):
        host, _, path = re.split(r"[?#]", source)[0].rpartition("://")[2].partition("/")
        return (path or host).partition("@")[0].rstrip("/").rpartition("/")[2]
    return os.path.basename(os.path.abspath(source))


def _document(outcome: Intake, reference: str) -> dict[str, Any]:
    from weighbridge.attest.engine_answers import answer_document

    published = outcome.published
    return {
        "schema": "weighbridge.intake/1",
        "decision": "admitted" if outcome.admitted else "refused",
        "verdict": outcome.report.verdict.value,
        "refusal": outcome.refusal,
        "reference": reference,
        "digest": str(published.manifest.digest) if published else "",
        "evidence": [
            {"type": item.annotations.get("dev.sigstore.bundle.predicateType", ""), "digest": str(item.digest)}
            for item in (published.evidence if published else ())
        ],
        "engines": [answer_document(one) for one in outcome.opinions],
        "provenance": outcome.provenance.predicate(),
        "report": outcome.report.predicate(),
    }


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
