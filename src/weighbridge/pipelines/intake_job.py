"""Gate one by settings alone: what the command, and the worker of a server, ask for in the same words."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial

from weighbridge.attest.trusted import trust_of
from weighbridge.core.errors import NotFound, UsageError
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pipelines.intake import Destination, Intake, take_in
from weighbridge.pipelines.tuning import NO_TUNING
from weighbridge.registry.base import parse_reference
from weighbridge.registry.open import open_store
from weighbridge.sources.open import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.open import OpenedSigner
    from weighbridge.core.settings import Settings
    from weighbridge.pipelines.intake import Others
    from weighbridge.pipelines.tuning import Tuning
    from weighbridge.registry.base import Store
    from weighbridge.scan.engine import Watcher


def destination_of(target: str, settings: Settings, *, replace: bool) -> Destination:
    """Where a target NAME:TAG is; it is made if it is not there. Raises UsageError."""
    reference = parse_reference(target, settings.registry)
    if reference.tag is None:
        raise UsageError(f"{plain(target, 200)!r} is a digest, not a place to store at", "write NAME:TAG")
    return Destination(open_store(reference, settings, create=True), reference.tag, replace)


def take_in_by(
    settings: Settings,
    source: str,
    destination: Destination,
    *,
    signer: OpenedSigner,
    stage: str,
    watcher: Watcher,
    now: datetime,
    attestations: Sequence[tuple[str, bytes]] = (),
    kept: Callable[[str], None] | None = None,
    others: Others | None = None,
    tuning: Tuning = NO_TUNING,
) -> tuple[Intake, str]:
    """Run gate one, and give what came of it with the reference of the admitted model, or nothing. As `take_in`."""
    outcome = take_in(
        open_source(source, settings),
        destination,
        signer=signer,
        notary=signer.certified,
        trust=trust_of(settings, needed=False, now=now),
        policy=settings.stages[stage],
        knowledge=load_knowledge(),
        limits=settings.limits,
        watcher=watcher,
        now=now,
        attestations=attestations,
        settings=settings.quarantine,
        kept=kept,
        find=partial(repository_beside, settings, destination.store),
        others=others,
        tuning=tuning,
    )
    return outcome, str(destination.store.reference(tag=outcome.tag)) if outcome.admitted else ""


def others_of(settings: Settings, stage: str) -> Others | None:
    """The scanners of others that a stage asks for. Raises UsageError if one of them is not here."""
    from weighbridge.engines.ask import chosen
    from weighbridge.engines.base import Wanted
    from weighbridge.pipelines.intake import Others

    names = tuple(dict.fromkeys(settings.stages[stage].engines))
    if not names:
        return None
    told = settings.engines
    wanted = Wanted(
        names=names,
        paths=dict(told.paths),
        yara_rules=told.yara_rules,
        seconds=told.seconds,
        unsafe=told.unsafe_no_sandbox,
    )
    return Others(chosen(wanted), wanted)


def repository_beside(settings: Settings, store: Store, name: str) -> Store | None:
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


def intake_document(outcome: Intake, reference: str) -> dict[str, Any]:
    """The outcome as JSON, schema weighbridge.intake/1."""
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
