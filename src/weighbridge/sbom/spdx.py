"""The bill of materials as SPDX 3.0.1 JSON-LD, with the AI and Dataset profiles.

    SpdxDocument ── rootElement ──▶ software_Sbom ── rootElement ──▶ ai_AIPackage (the model)
    ai_AIPackage   contains → software_File · dependsOn → software_Package
                   trainedOn, testedOn → dataset_DatasetPackage
                   descendantOf → software_Package (its bases) · hasDeclaredLicense, hasConcludedLicense
                   hasEvidence → software_File (signed attestations, by digest)
    Annotation     every statement of the bill, sizes and formats of its files, and what is unknown

Elements are named by UUIDs that are made of the model digest, so that the same model and time give the same bytes and
no text of a model gets into a name. A profile is claimed only where everything that it demands is known: nothing is
made up to satisfy it, and the comment of the document says what is missing.
Source: SPDX 3.0.1, models of the Core, Software, AI, Dataset and SimpleLicensing profiles.
"""

from __future__ import annotations

import re

from weighbridge.core.evidence import SPDX_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sbom.cyclonedx import NAMESPACE, address, model_purl, named_information
from weighbridge.sbom.elements import g7_score, unknown
from weighbridge.sbom.licences import expression
from weighbridge.sbom.statements import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.sbom.bill import BaseModel, BillFile, DataSet, Dependency, EvidenceReference, ModelBill

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
NO_LICENCE = "expandedlicensing_NoAssertionLicense"
ANNOTATION_TYPE = "application/vnd.weighbridge.sbom+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PURPOSES = {"package": "library", "platform": "platform", "runtime": "framework"}
ROLES = {"training": "trainedOn", "evaluation": "testedOn"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class SpdxBill(NamedTuple):
    """The bill as evidence; `made_at` is UTC, RFC 3339."""

    bill: ModelBill
    made_at: str

    @property
    def kind(self) -> str:
        return "sbom-spdx"

    @property
    def predicate_type(self) -> str:
        return SPDX_PREDICATE

    @property
    def subject(self) -> Digest:
        return self.bill.digest

    def predicate(self) -> dict[str, Any]:
        """The whole document."""
        return render_spdx(self.bill, made_at=self.made_at)


class _Names:
    """Names of elements: a UUID of what the element is, below the model digest."""

    def __init__(self, digest: Digest) -> None:
        import uuid

        self._make = uuid.uuid5
        self._below = uuid.uuid5(uuid.UUID(NAMESPACE), f"spdx {digest}")

    def of(self, *words: str) -> str:
        text = "\0".join(words).encode("utf-8", "surrogatepass").decode("latin-1")
        return f"urn:uuid:{self._make(self._below, text)}"


def render_spdx(bill: ModelBill, *, made_at: str) -> dict[str, Any]:
    """The bill as a document of SPDX 3.0.1."""
    names = _Names(bill.digest)
    made = {
        "type": "CreationInfo",
        "@id": "_:creationinfo",
        "created": made_at,
        "createdBy": [names.of("agent", bill.tool.name)],
        "createdUsing": [names.of("tool", bill.tool.name)],
        "specVersion": "3.0.1",
    }
    tool = f"{bill.tool.name} {bill.tool.version}"
    agents = [
        _element("SoftwareAgent", names.of("agent", bill.tool.name), name=bill.tool.name),
        _element("Tool", names.of("tool", bill.tool.name), name=tool),
    ]
    if bill.supplier:
        agents.append(_element("Organization", names.of("supplier"), name=plain(bill.supplier)))
    lacks = missing(bill)
    parts = list(_parts(bill, names))
    model = names.of("model")
    sbom = _element(
        "software_Sbom",
        names.of("sbom"),
        rootElement=[model],
        element=sorted(part["spdxId"] for part in parts),
        software_sbomType=["analyzed"],
        profileConformance=profiles(bill),
    )
    document = _element(
        "SpdxDocument",
        names.of("document", made_at),
        name=plain(f"Bill of materials of {bill.name}"),
        rootElement=[sbom["spdxId"]],
        element=sorted(part["spdxId"] for part in (*agents, *parts, sbom)),
        profileConformance=profiles(bill),
        comment=f"Not known, so the profile that demands it is not claimed: {'; '.join(lacks)}" if lacks else "",
    )
    return {"@context": CONTEXT, "@graph": [made, *agents, document, sbom, *parts]}


def profiles(bill: ModelBill) -> list[str]:
    """The profiles that the document claims to conform to."""
    lacks = missing(bill)
    kept = ["core", "software", "simpleLicensing"]
    if not any(lack.startswith("ai: ") for lack in lacks):
        kept.append("ai")
    if bill.data_sets and not any(lack.startswith("dataset: ") for lack in lacks):
        kept.append("dataset")
    return kept


def missing(bill: ModelBill) -> tuple[str, ...]:
    """What the AI and Dataset profiles demand and nobody has said."""
    wanted = {
        "downloadLocation": bool(address(bill.source or "")),
        "packageVersion": bool(bill.revision),
        "releaseTime": bool(_TIME.fullmatch(bill.released)),
        "suppliedBy": bool(bill.supplier),
    }
    lacks = [f"ai: {name} of the model" for name, there in wanted.items() if not there]
    if bill.data_sets:
        # Who made a data set, when and where it lies is on no card; a reference alone does not say it.
        lacks.append("dataset: builtTime, downloadLocation, originatedBy and releaseTime of the data")
    return tuple(lacks)


def _element(type_: str, spdx_id: str, /, **values: Any) -> dict[str, Any]:
    """An element with those of its values that are known."""
    kept = {key: value for key, value in values.items() if value not in ("", [], None)}
    return {"type": type_, "spdxId": spdx_id, "creationInfo": "_:creationinfo", **kept}


def _parts(bill: ModelBill, names: _Names) -> Iterator[dict[str, Any]]:
    model = names.of("model")
    yield _model(bill, names)
    licences = dict(_licences(bill, names))
    for element in licences.values():
        yield from element
    for kind, said in (("hasDeclaredLicense", bill.licence.declared), ("hasConcludedLicense", bill.licence.concluded)):
        found = expression(said)
        target = names.of("licence", found.text) if found is not None else NO_LICENCE
        yield _relation(names, kind, model, [target])
    files = [_file(names, file) for file in bill.files]
    needs = [_needed(names, one) for one in bill.dependencies]
    data = [_data(names, one) for one in bill.data_sets]
    bases = [_base(names, one) for one in bill.bases]
    evidence = [_evidence(names, one) for one in bill.evidence]
    yield from (*files, *needs, *data, *bases, *evidence)
    for kind, elements in (
        ("contains", files),
        ("dependsOn", needs),
        ("descendantOf", bases),
        ("hasEvidence", evidence),
        *(
            (ROLES[role], [one for one, said in zip(data, bill.data_sets, strict=True) if said.role == role])
            for role in ROLES
        ),
    ):
        if elements:
            yield _relation(names, kind, model, list(dict.fromkeys(one["spdxId"] for one in elements)))
    for one in data:
        for kind in ("hasDeclaredLicense", "hasConcludedLicense"):
            yield _relation(names, kind, one["spdxId"], [NO_LICENCE])
    yield _annotation(bill, names)


def _relation(names: _Names, kind: str, source: str, targets: list[str]) -> dict[str, Any]:
    return _element(
        "Relationship",
        names.of("relation", kind, source),
        relationshipType=kind,
        **{"from": source, "to": targets},
        completeness="noAssertion" if kind in ("dependsOn", "trainedOn", "testedOn", "descendantOf") else "",
    )


def _model(bill: ModelBill, names: _Names) -> dict[str, Any]:
    said = bill.said
    kinds = [bill.declared.model_type, *bill.declared.architectures]
    kinds += [one.value for one in bill.architecture if one.name == "general.architecture"]
    trained = "; ".join(f"{one.name}: {one.value} ({one.where})" for one in bill.method)
    trained = "\n".join(part for part in (trained, said.get("fine-tuning", ""), said.get("training-data", "")) if part)
    purl = model_purl(bill)
    return _element(
        "ai_AIPackage",
        names.of("model"),
        name=plain(bill.name),
        description=_text(said.get("description", "")),
        software_packageVersion=plain(bill.revision or ""),
        software_primaryPurpose="model",
        software_downloadLocation=address(bill.source or ""),
        software_packageUrl=purl,
        suppliedBy=names.of("supplier") if bill.supplier else "",
        releaseTime=bill.released if _TIME.fullmatch(bill.released) else "",
        verifiedUsing=[_hash(bill.digest.hex)],
        ai_typeOfModel=[plain(one) for one in dict.fromkeys(kinds) if one],
        ai_domain=[plain(bill.task)] if bill.task else [],
        ai_hyperparameter=[
            {"type": "DictionaryEntry", "key": plain(one.name), "value": plain(one.value)} for one in _once(bill)
        ],
        ai_informationAboutTraining=_text(trained),
        ai_informationAboutApplication=_text(said.get("intended-use", "")),
        ai_limitation=_text(said.get("limitations", "")),
        ai_metric=[
            {"type": "DictionaryEntry", "key": plain(key), "value": plain(value)}
            for key, value in {
                " on ".join(part for part in (one.type, one.data_set) if part): one.value for one in bill.metrics
            }.items()
        ],
        ai_useSensitivePersonalInformation="noAssertion",
    )


def _once(bill: ModelBill) -> Iterable[Any]:
    """Training parameters by name; where a name has two values, the place is added to it."""
    seen: set[str] = set()
    for one in bill.training:
        name = one.name if one.name not in seen else f"{one.name} ({one.where})"
        seen.add(one.name)
        yield one._replace(name=name)


def _text(text: str) -> str:
    return "\n".join(plain(line) for line in text.splitlines())


def _hash(value: str) -> dict[str, str]:
    return {"type": "Hash", "algorithm": "sha256", "hashValue": value}


def _licences(bill: ModelBill, names: _Names) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Elements for each expression that is used, by its text."""
    for said in (bill.licence.declared, bill.licence.concluded):
        found = expression(said)
        if found is None:
            continue
        own = [
            _element(
                "simplelicensing_SimpleLicensingText",
                names.of("licence text", term),
                name=plain(name),
                simplelicensing_licenseText=f"Known by its name only: {plain(name)}",
            )
            for term, name in found.own
        ]
        custom = [
            {"type": "DictionaryEntry", "key": term, "value": names.of("licence text", term)} for term, _ in found.own
        ]
        whole = _element(
            "simplelicensing_LicenseExpression",
            names.of("licence", found.text),
            simplelicensing_licenseExpression=found.text,
            simplelicensing_customIdToUri=custom,
        )
        yield found.text, [*own, whole]


def _file(names: _Names, file: BillFile) -> dict[str, Any]:
    return _element(
        "software_File",
        names.of("file", file.path),
        name=plain(file.path),
        software_primaryPurpose="file",
        software_fileKind="file",
        verifiedUsing=[_hash(file.sha256.hex)],
    )


def _needed(names: _Names, need: Dependency) -> dict[str, Any]:
    return _element(
        "software_Package",
        names.of("needs", need.kind, need.name, need.version, need.wanted),
        name=plain(need.name),
        software_packageVersion=plain(need.version),
        software_primaryPurpose=PURPOSES[need.kind],
        software_packageUrl=need.purl,
        comment=plain("; ".join(part for part in (need.wanted, f"named in {need.where}") if part)),
    )


def _data(names: _Names, data: DataSet) -> dict[str, Any]:
    return _element(
        "dataset_DatasetPackage",
        names.of("data", data.name, data.version, data.role),
        name=plain(data.name),
        software_packageVersion=plain(data.version),
        software_primaryPurpose="data",
        dataset_datasetType=["noAssertion"],
        dataset_hasSensitivePersonalInformation="noAssertion",
        verifiedUsing=[_hash(data.digest)] if data.digest else [],
        comment=plain("; ".join(part for part in (f"{data.role}, named in {data.where}", data.records) if part)),
    )


def _base(names: _Names, base: BaseModel) -> dict[str, Any]:
    """A package of purpose `model`: of a base model nobody here knows what the AI profile demands."""
    digest = base.digest.removeprefix("sha256:")
    return _element(
        "software_Package",
        names.of("base", base.name),
        name=plain(base.name),
        software_packageVersion=plain(base.revision),
        software_primaryPurpose="model",
        verifiedUsing=[_hash(digest)] if digest else [],
        comment=plain("; ".join(part for part in (base.relation, base.where) if part)),
    )


def _evidence(names: _Names, reference: EvidenceReference) -> dict[str, Any]:
    return _element(
        "software_File",
        names.of("evidence", reference.kind, reference.digest.hex),
        name=plain(f"{reference.kind} attestation"),
        software_primaryPurpose="evidence",
        contentType=BUNDLE_TYPE,
        verifiedUsing=[_hash(reference.digest.hex)],
        comment=plain(f"{reference.predicate_type}, {named_information(reference.digest)}"),
    )


def _annotation(bill: ModelBill, names: _Names) -> dict[str, Any]:
    """What SPDX has no field for. ASCII, so that no text of a model is more than data in it."""
    import json

    score = g7_score(bill)
    content = {
        "modelDigest": str(bill.digest),
        "files": [
            [names.of("file", file.path), file.path, file.size, file.format, file.can_carry_code] for file in bill.files
        ],
        "statements": [list(one) for one in statements(bill)],
        "unknown": list(unknown(bill)),
        "scores": {score.method: score.points},
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return _element(
        "Annotation",
        names.of("annotation"),
        annotationType="other",
        contentType=ANNOTATION_TYPE,
        subject=names.of("model"),
        statement=text,
    )
