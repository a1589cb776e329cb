"""What a bill of materials needs beside the inspection: the small files of a model, read as they were inspected.

Configurations, cards, lists of packages and what trainers leave behind are read with a limit each, held against their
digests, and handed on as values. Weights are not read again: their facts are there.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import islice

from weighbridge.core.artifact import escape_name
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.config.requirements import NAME as REQUIREMENTS
from weighbridge.pipelines.provenance import at, digest_of, no_files
from weighbridge.provenance.card import passages
from weighbridge.provenance.card_text import read_card
from weighbridge.provenance.declared import CARD, LARGEST_CARD, LARGEST_TEXT
from weighbridge.provenance.knowledge import load_card_knowledge
from weighbridge.provenance.quarantined import Quarantined
from weighbridge.provenance.report import provenance_report
from weighbridge.provenance.signals import publisher_of
from weighbridge.sbom.collect import collect
from weighbridge.sbom.documents import FRAMEWORKS, HYPERPARAMETERS, MOST, CardPassage, CardSays, CardValue, Documents
from weighbridge.sbom.environments import ENVIRONMENT, PROJECT
from weighbridge.sbom.pickled_versions import LARGEST as LARGEST_PICKLE
from weighbridge.sbom.pickled_versions import NAME as PICKLES
from weighbridge.sbom.pickled_versions import pickled_versions
from weighbridge.sbom.training_args import LARGEST as LARGEST_ARGUMENTS
from weighbridge.scan.engine import Watcher, inspect
from weighbridge.scan.walk import walk
from weighbridge.sources.base import Fetched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.claims import Claim
    from weighbridge.core.digests import Digest
    from weighbridge.core.knowledge import Knowledge
    from weighbridge.core.limits import Limits
    from weighbridge.core.origin import Origin
    from weighbridge.core.settings import StagePolicy
    from weighbridge.provenance.card_text import Card
    from weighbridge.sbom.bill import DataSet, ModelBill
    from weighbridge.scan.report import Inspection

TREES = frozenset(
    (
        "adapter_config.json",
        "config.json",
        "config_sentence_transformers.json",
        "generation_config.json",
        "metadata.json",
        "model_index.json",
        "quant_config.json",
        "quantize_config.json",
        "trainer_state.json",
    )
)
"""Documents of JSON that are read whole."""
RELEASED = ("created", "last-modified", "commit-time")
"""What a place tells of when a model was released, the better first."""


def bill_of_path(
    path: str,
    origin: Origin,
    *,
    trust: TrustPolicy,
    policy: StagePolicy,
    knowledge: Knowledge,
    limits: Limits,
    watcher: Watcher,
    now: datetime,
    attestations: Sequence[tuple[str, bytes]] = (),
    supplier: str = "",
    released: str = "",
    data_sets: tuple[DataSet, ...] = (),
) -> ModelBill:
    """Inspect the file or folder at `path`, weigh what is said of it, and give its bill.

    `origin` is where it is said to come from. Raises SourceError if there is nothing to inspect.
    """
    inspection = inspect(path, knowledge=knowledge, limits=limits, watcher=watcher)
    artifact = inspection.report.artifact
    folder = path if os.path.isdir(path) else os.path.dirname(path) or "."
    report = provenance_report(
        Fetched(folder, artifact.name, origin),
        artifact.digest,
        {file.path: file.sha256.hex for file in artifact.files},
        no_files(walk(path, limits.files)),
        trust=trust,
        policy=policy,
        now=now,
        envelope=at(now),
        attestations=attestations,
    )
    return bill_of(inspection, folder, origin, report.claims, supplier=supplier, released=released, data_sets=data_sets)


def digests_of(path: str, most: int, watcher: Watcher) -> tuple[list[tuple[str, int, Digest]], list[str]]:
    """Path, size and digest of every file at `path`, as an inspection counts them; and escaped paths of what is no file
    of the model: links out of it, devices. Raises SourceError.
    """
    entries = walk(path, most)
    files = [(entry.path, *digest_of(entry, watcher)) for entry in entries if entry.is_read]
    odd = [escape_name(entry.path) for entry in entries if not entry.is_read and entry.kind != "left-out"]
    return files, odd


def bill_of(
    inspection: Inspection,
    folder: str,
    origin: Origin,
    claims: Sequence[Claim],
    *,
    supplier: str = "",
    released: str = "",
    data_sets: tuple[DataSet, ...] = (),
) -> ModelBill:
    """The bill of a model whose files are in `folder`, as they were inspected.

    `supplier` and `released` are what whoever asks knows; else they are taken from the place that the model came from.
    """
    report = inspection.report
    files = {file.path: file.sha256.hex for file in report.artifact.files}
    told = {one.key: one.value for one in reversed(origin.told)}
    return collect(
        inspection,
        source=origin.place or None,
        revision=origin.revision or None,
        documents=read_documents(folder, files, claims),
        supplier=supplier or publisher_of(origin),
        released=released or next((when for key in RELEASED if (when := _moment(told.get(key, "")))), ""),
        data_sets=data_sets,
    )


def read_documents(folder: str, files: Mapping[str, str], claims: Sequence[Claim]) -> Documents:
    """What stands beside the weights. `files` maps escaped paths to the hex SHA-256 of what was inspected."""
    quarantine = Quarantined(folder, files)
    trees = {path: quarantine.json(path, LARGEST_TEXT) for path in quarantine.paths(lambda name: name in TREES)}
    lists = {
        path: (quarantine.read(path, LARGEST_TEXT) or b"").decode("utf-8", "replace")
        for path in quarantine.paths(_lists_packages)
    }
    arguments = {
        path: quarantine.read(path, LARGEST_ARGUMENTS) or b""
        for path in quarantine.paths(lambda name: name == "training_args.bin")
    }
    pickles = quarantine.paths(lambda name: PICKLES.fullmatch(name) is not None)
    versions = {
        path: tuple(islice(pickled_versions(quarantine.read(path, LARGEST_PICKLE) or b""), MOST)) for path in pickles
    }
    raw = quarantine.read(CARD, LARGEST_CARD)
    card = _card(read_card(raw)) if raw is not None else None
    problems = tuple(claim.evidence for claim in quarantine.problems())
    return Documents(trees, lists, arguments, card, tuple(claims), problems, versions)


def _lists_packages(name: str) -> bool:
    return name == PROJECT or any(pattern.fullmatch(name) for pattern in (REQUIREMENTS, ENVIRONMENT))


def _moment(text: str) -> str:
    """A time as RFC 3339 in UTC; empty for what is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _card(card: Card) -> CardSays:
    values = tuple(CardValue(one.path, one.value) for one in card.values)
    found = [CardPassage(*one) for one in passages(card, load_card_knowledge())]
    for section in card.sections:
        title = section.title.lower()
        for subject, words in ((HYPERPARAMETERS, "hyperparameter"), (FRAMEWORKS, "framework version")):
            if words in title:
                found.append(CardPassage(subject, section.text, section.line))
    return CardSays(values, tuple(found))
