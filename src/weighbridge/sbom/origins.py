"""What a model comes from: base models, data, licence, and who gave it; from claims and from the card.

Claims are those of the provenance report, handed in by whoever weighed them.
"""

from __future__ import annotations

import re
from itertools import islice

from weighbridge.core.claims import Status, every
from weighbridge.core.facts import Metadata
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sbom.bill import BaseModel, DataSet, Licence, Metric
from weighbridge.sbom.documents import LONGEST, MOST, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weighbridge.core.claims import Claim
    from weighbridge.sbom.bill import Declared
    from weighbridge.sbom.documents import Documents
    from weighbridge.scan.report import BlobFacts

SIGNATURES = ("model-signature", "commit-signature", "build-provenance")
TRAINING, EVALUATION = "training", "evaluation"
ADAPTER = "adapter_config.json"
"""Where PEFT writes which commit of the base model an adapter was made for."""
BROKEN = Status.CONTRADICTED
_GGUF_SET = re.compile(r"general\.dataset\.(\d{1,4})\.(name|version|repo_url|organization)")
_RESULT = re.compile(
    r"model-index\.(\d{1,4})\.results\.(\d{1,4})\.(?:(dataset|task)|metrics\.(\d{1,4}))\.([\w-]{1,40})"
)


def bases(documents: Documents, declared: Declared) -> tuple[BaseModel, ...]:
    """Models that this one was made of; with a digest where our own store knows the model of that name."""
    found: dict[str, BaseModel] = {}
    for claim in documents.claims:
        if claim.claim == "lineage":
            said = (one.value for one in claim.parts if one.claim == "lineage/relation" and one.status is not BROKEN)
            _ancestors(claim.parts, next(said, ""), found)
    if not documents.claims and declared.base_model:
        found[declared.base_model] = BaseModel(declared.base_model, "config.json")
    revisions = {text_of(tree.get("base_model_name_or_path")): tree for _, tree in documents.named(ADAPTER)}
    return tuple(
        one._replace(revision=one.revision or text_of(revisions.get(one.name, {}).get("revision"))[:100])
        for one in list(found.values())[:MOST]
    )


def _ancestors(claims: Iterable[Claim], relation: str, found: dict[str, BaseModel]) -> None:
    """Models that this one was made of, and those that these were made of, as far as our own store knows them."""
    for claim in claims:
        if claim.claim != "lineage/base-model" or not claim.value:
            continue
        name, _, digest = claim.value.partition("@")
        told = (part.value for part in claim.parts if part.claim == "lineage/base-revision")
        found.setdefault(name, BaseModel(name[:LONGEST], claim.evidence[:LONGEST], relation, digest, next(told, "")))
        _ancestors(claim.parts, f"base of {name}"[:LONGEST], found)


def from_scratch(documents: Documents) -> bool:
    """Whether the card says that the model was made of no other one."""
    return any(claim.claim == "lineage" and claim.value == "none" for claim in documents.claims)


def licence(documents: Documents) -> Licence:
    """The licence as it is declared, and as the text of it reads."""
    declared = concluded = problem = ""
    for claim in every(documents.claims):
        if claim.claim == "licence":
            problem = claim.evidence if claim.status is Status.CONTRADICTED else ""
            declared = claim.value if claim.status is not Status.ABSENT else ""
        elif claim.claim == "licence/file" and not claim.confirm and claim.value != "unknown":
            concluded = claim.value
    if not documents.claims and documents.card is not None:
        declared = " AND ".join(documents.card.of("license"))
    return Licence(declared[:LONGEST], concluded[:LONGEST], problem[:LONGEST])


def signature(documents: Documents) -> bool | None:
    """Whether a signature by somebody who is trusted holds; None if there was none to check, or nobody to trust."""
    states = {claim.status for claim in documents.claims if claim.claim in SIGNATURES}
    if Status.CONTRADICTED in states:
        return False
    return True if Status.VERIFIED in states else None


def data_sets(blobs: tuple[BlobFacts, ...], documents: Documents) -> tuple[DataSet, ...]:
    """References to data, each once for each role and version."""
    found: dict[tuple[str, str, str], DataSet] = {}
    for one in (*_of_card(documents), *_of_results(documents), *_of_gguf(blobs)):
        if len(found) < MOST:
            found.setdefault((one.name, one.role, one.version), one)
    return tuple(found.values())


def metrics(documents: Documents) -> tuple[Metric, ...]:
    """The results that the card declares."""
    found = (
        Metric(row["type"][:100], row["value"][:100], data_set.get("name", "")[:LONGEST])
        for data_set, rows in _results(documents)
        for row in rows
        if row.get("type") and row.get("value")
    )
    return tuple(islice(found, MOST))


def _of_card(documents: Documents) -> Iterator[DataSet]:
    for value in documents.card.of("datasets") if documents.card is not None else ():
        name, _, version = value.partition("@")
        yield DataSet(name[:LONGEST], TRAINING, "README.md", version[:100])
    for path, tree in sorted(documents.trees.items()):
        if path.endswith("trainer_state.json") and isinstance(tree, dict) and (name := text_of(tree.get("dataset"))):
            yield DataSet(name, TRAINING, path)


def _of_results(documents: Documents) -> Iterator[DataSet]:
    for data_set, _ in _results(documents):
        name = data_set.get("type") or data_set.get("name")
        if name:
            yield DataSet(name[:LONGEST], EVALUATION, "README.md", data_set.get("revision", "")[:100])


def _of_gguf(blobs: tuple[BlobFacts, ...]) -> Iterator[DataSet]:
    for blob in blobs:
        if blob.format != "gguf":
            continue
        entries: dict[str, dict[str, str]] = {}
        for fact in blob.facts:
            if isinstance(fact, Metadata) and (match := _GGUF_SET.fullmatch(fact.key)):
                entries.setdefault(match[1], {})[match[2]] = fact.value
        for entry in list(entries.values())[:MOST]:
            name = entry.get("repo_url") or entry.get("name", "")
            if name:
                yield DataSet(name[:LONGEST], TRAINING, blob.location, entry.get("version", "")[:100])


def _results(documents: Documents) -> list[tuple[dict[str, str], list[dict[str, str]]]]:
    """For each result of the card's index: what it says of the data, and of each metric."""
    found: dict[tuple[str, str], tuple[dict[str, str], dict[str, dict[str, str]]]] = {}
    for one in documents.card.values if documents.card is not None else ():
        match = _RESULT.fullmatch(one.path)
        if match and len(found) <= MOST:
            data, measured = found.setdefault((match[1], match[2]), ({}, {}))
            if match[3] == "dataset":
                data[match[5]] = one.value.strip()
            elif match[4]:
                measured.setdefault(match[4], {})[match[5]] = one.value.strip()
    return [(data, list(measured.values())) for data, measured in found.values()]
