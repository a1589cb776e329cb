"""The bill of materials as a CycloneDX ML-BOM, 1.7 or 1.6.

Written by hand because the library drops modelCard, formulation and data; checked in the tests with the official
strict validator. The same model and time give the same bytes: the serial number is made from the model digest. What
these documents say of models did not change from 1.6 to 1.7.

    metadata.component   the model: modelCard, licences, pedigree, properties (every statement of the bill)
    components           its files, the data, the packages and platforms that it needs, custom operators' libraries
    formulation          how it was trained, if anything says so
    dependencies         the model → files, packages, data

Source: CycloneDX 1.7 JSON schema; OWASP AIBOM generator for the `genai:aibom:*` properties; RFC 6920 for `ni:`.
"""

from __future__ import annotations

import base64
import re
from urllib.parse import quote, urlsplit

from weighbridge.core.evidence import CYCLONEDX_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sbom.elements import g7_score, owasp_score, unknown
from weighbridge.sbom.licences import expression
from weighbridge.sbom.statements import PREFIX, statements

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.sbom.bill import BaseModel, BillFile, DataSet, Dependency, EvidenceReference, ModelBill

NAMESPACE = "6f8d1f2e-5d8c-5b0a-9a54-6a2f0c1b7d11"
"""UUID namespace of serial numbers; a constant of ours."""
VERSIONS = ("1.7", "1.6")
_HUB = re.compile(r"hf://(?P<name>[\w.-]+/[\w.-]+)(?:@.*)?|https://huggingface\.co/(?P<other>[\w.-]+/[\w.-]+)/?")
SCHEMES = frozenset(("https", "http", "git+https", "hf", "oci", "az", "ssh", "git", "file"))
"""Schemes of addresses that may stand in an external reference."""
KINDS = {"package": "library", "platform": "platform", "runtime": "framework"}


class CycloneDxBill(NamedTuple):
    """The bill as evidence; `made_at` is UTC, RFC 3339."""

    bill: ModelBill
    made_at: str

    @property
    def kind(self) -> str:
        return "sbom"

    @property
    def predicate_type(self) -> str:
        return CYCLONEDX_PREDICATE

    @property
    def subject(self) -> Digest:
        return self.bill.digest

    def predicate(self) -> dict[str, Any]:
        """The whole document."""
        return render_cyclonedx(self.bill, made_at=self.made_at)


def render_cyclonedx(bill: ModelBill, *, made_at: str, version: str = VERSIONS[0]) -> dict[str, Any]:
    """The bill as a CycloneDX document."""
    import uuid

    data = [_data(number, one) for number, one in enumerate(bill.data_sets)]
    needed = [_needed(number, one) for number, one in enumerate(bill.dependencies)]
    files = [_file(file) for file in bill.files]
    document: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.UUID(NAMESPACE), str(bill.digest))}",
        "version": 1,
        "metadata": {
            "timestamp": made_at,
            "tools": {"components": [{"type": "application", "name": bill.tool.name, "version": bill.tool.version}]},
            "component": _model(bill),
        },
        "components": [*files, *data, *needed],
        "dependencies": [{"ref": "model", "dependsOn": [one["bom-ref"] for one in (*files, *needed, *data)]}],
    }
    if bill.method or bill.training:
        document["formulation"] = [_formula(bill, [one["bom-ref"] for one in data])]
    scores = (owasp_score(document), g7_score(bill))
    document["metadata"]["properties"] = [
        *({"name": f"{PREFIX}score:{one.method}", "value": f"{one.points:g} of 100"} for one in scores),
        *({"name": f"{PREFIX}unknown", "value": name} for name in unknown(bill)),
    ]
    return document


def model_purl(bill: ModelBill) -> str:
    """The package URL of a model of the Hub; empty for any other."""
    match = _HUB.fullmatch(bill.source or "")
    if match is None:
        return ""
    name = match["name"] or match["other"]
    return f"pkg:huggingface/{quote(name, safe='/-._~')}" + (f"@{bill.revision.lower()}" if bill.revision else "")


def address(text: str) -> str:
    """`text` as an address that may stand in a reference; empty if it is none. Nothing is made up."""
    if any(char.isspace() or not char.isprintable() for char in text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    if parts.scheme not in SCHEMES or parts.username or parts.password:
        return ""
    return quote(text, safe=":/@#?=&+%-._~", errors="surrogateescape")


def named_information(digest: Digest) -> str:
    """A name for bytes by their digest (RFC 6920): it says which, not where."""
    return f"ni:///sha-256;{base64.urlsafe_b64encode(digest.raw).decode().rstrip('=')}"


def _model(bill: ModelBill) -> dict[str, Any]:
    component: dict[str, Any] = {
        "bom-ref": "model",
        "type": "machine-learning-model",
        "name": plain(bill.name),
        "version": plain(bill.revision) if bill.revision else bill.digest.hex,
        "hashes": [{"alg": "SHA-256", "content": bill.digest.hex}],
        "modelCard": _card(bill),
        "properties": _properties(bill),
    }
    if description := bill.said.get("description"):
        component["description"] = plain(description)
    if bill.supplier:
        component["supplier"] = {"name": plain(bill.supplier)}
    if purl := model_purl(bill):
        component["purl"] = purl
    if licences := _licences(bill):
        component["licenses"] = licences
    references = [*_places(bill), *(_attestation(one) for one in bill.evidence)]
    if references:
        component["externalReferences"] = references
    if bill.bases:
        component["pedigree"] = {"ancestors": [_ancestor(one) for one in bill.bases]}
    return component


def _places(bill: ModelBill) -> list[dict[str, Any]]:
    url = address(bill.source or "")
    if not url:
        return []
    kind = "vcs" if url.startswith(("git+", "git:", "ssh:")) else "distribution"
    return [{"type": kind, "url": url}]


def _attestation(reference: EvidenceReference) -> dict[str, Any]:
    return {
        "type": "attestation",
        "url": named_information(reference.digest),
        "hashes": [{"alg": "SHA-256", "content": reference.digest.hex}],
        "comment": plain(f"{reference.kind}: {reference.predicate_type}"),
    }


def _licences(bill: ModelBill) -> list[dict[str, Any]]:
    found = expression(bill.licence.declared or bill.licence.concluded)
    if found is None:
        return []
    said = "declared" if bill.licence.declared else "concluded"
    if found.listed and " " not in found.text:
        return [{"license": {"id": found.text, "acknowledgement": said}}]
    if found.listed or " OR " in found.text:
        return [{"expression": found.text, "acknowledgement": said}]
    own = dict(found.own)
    return [
        {"license": {"name": plain(own[term]), "acknowledgement": said}}
        if term in own
        else {"license": {"id": term, "acknowledgement": said}}
        for term in found.text.split(" AND ")
    ]


def _ancestor(base: BaseModel) -> dict[str, Any]:
    component: dict[str, Any] = {"type": "machine-learning-model", "name": plain(base.name)}
    if base.revision:
        component["version"] = plain(base.revision)
    if base.digest.startswith("sha256:"):
        component["hashes"] = [{"alg": "SHA-256", "content": base.digest.removeprefix("sha256:")}]
    if base.relation:
        component["properties"] = [{"name": f"{PREFIX}relation", "value": plain(base.relation)}]
    return component


def _card(bill: ModelBill) -> dict[str, Any]:
    said = bill.said
    parameters: dict[str, Any] = {}
    if bill.task:
        parameters["task"] = plain(bill.task)
    family = bill.declared.model_type or next(
        (one.value for one in bill.architecture if one.name == "general.architecture"), ""
    )
    if family:
        parameters["architectureFamily"] = plain(family)
    if bill.declared.architectures:
        parameters["modelArchitecture"] = plain(", ".join(bill.declared.architectures))
    if bill.data_sets:
        parameters["datasets"] = [{"ref": _data_ref(number)} for number in range(len(bill.data_sets))]
    considered: dict[str, Any] = {}
    if text := said.get("intended-use"):
        considered["useCases"] = [plain(text)]
    limits = [plain(said[name]) for name in ("limitations", "out-of-scope") if name in said]
    if limits:
        considered["technicalLimitations"] = limits
    if text := said.get("environmental-impact"):
        considered["environmentalConsiderations"] = {
            "properties": [{"name": f"{PREFIX}environmental-impact", "value": plain(text)}]
        }
    card: dict[str, Any] = {}
    if parameters:
        card["modelParameters"] = parameters
    if bill.metrics:
        measured = [
            {
                "type": plain(one.type),
                "value": plain(one.value),
                **({"slice": plain(one.data_set)} if one.data_set else {}),
            }
            for one in bill.metrics
        ]
        card["quantitativeAnalysis"] = {"performanceMetrics": measured}
    if considered:
        card["considerations"] = considered
    return card


def _properties(bill: ModelBill) -> list[dict[str, str]]:
    own = [
        ("genai:aibom:modelcard:typeOfModel", bill.declared.model_type),
        ("genai:aibom:modelcard:hyperparameter", "; ".join(f"{one.name}={one.value}" for one in bill.training)[:2_000]),
        ("genai:aibom:modelcard:informationAboutTraining", bill.said.get("fine-tuning", "")),
        ("genai:aibom:modelcard:informationAboutApplication", bill.said.get("intended-use", "")),
    ]
    return [
        *({"name": f"{PREFIX}{one.subject}:{one.name}", "value": one.value} for one in statements(bill)),
        *({"name": name, "value": plain(value)} for name, value in own if value),
    ]


def _file(file: BillFile) -> dict[str, Any]:
    return {
        "bom-ref": f"file:{file.path}",
        "type": "file",
        "name": plain(file.path),
        "hashes": [{"alg": "SHA-256", "content": file.sha256.hex}],
        "properties": [
            {"name": f"{PREFIX}size", "value": str(file.size)},
            {"name": f"{PREFIX}format", "value": file.format},
            {"name": f"{PREFIX}can-carry-code", "value": str(file.can_carry_code).lower()},
        ],
    }


def _data_ref(number: int) -> str:
    return f"data:{number}"


def _data(number: int, data: DataSet) -> dict[str, Any]:
    component: dict[str, Any] = {
        "bom-ref": _data_ref(number),
        "type": "data",
        "name": plain(data.name),
        "data": [{"type": "dataset", "name": plain(data.name)}],
        "properties": [
            {"name": f"{PREFIX}role", "value": data.role},
            {"name": f"{PREFIX}where", "value": plain(data.where)},
        ],
    }
    if data.records:
        component["properties"].append({"name": f"{PREFIX}records", "value": plain(data.records)})
    if data.version:
        component["version"] = plain(data.version)
    if data.digest:
        component["hashes"] = [{"alg": "SHA-256", "content": data.digest}]
    return component


def _needed(number: int, need: Dependency) -> dict[str, Any]:
    component: dict[str, Any] = {
        "bom-ref": f"needs:{number}",
        "type": KINDS[need.kind],
        "name": plain(need.name),
        "properties": [{"name": f"{PREFIX}where", "value": plain(need.where)}],
    }
    if need.version:
        component["version"] = plain(need.version)
    if need.wanted:
        component["properties"].append({"name": f"{PREFIX}wanted", "value": plain(need.wanted)})
    if need.purl:
        component["purl"] = need.purl
    return component


def _formula(bill: ModelBill, data: list[str]) -> dict[str, Any]:
    """The training as far as it is told: which method, which parameters, which data; not when and where."""
    workflow: dict[str, Any] = {
        "bom-ref": "training",
        "uid": f"training:{bill.digest.hex}",
        "name": "training",
        "taskTypes": ["build"],
        "outputs": [{"type": "artifact", "resource": {"ref": "model"}}],
        "properties": [
            *({"name": plain(f"{PREFIX}method:{one.name}"), "value": plain(one.value)} for one in bill.method),
            *({"name": plain(f"{PREFIX}training:{one.name}"), "value": plain(one.value)} for one in bill.training),
        ],
    }
    used = [ref for ref, one in zip(data, bill.data_sets, strict=True) if one.role == "training"]
    if used:
        workflow["inputs"] = [{"resource": {"ref": ref}} for ref in used]
    return {"bom-ref": "formula", "workflows": [workflow]}
