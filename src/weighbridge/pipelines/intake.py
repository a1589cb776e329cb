"""Gate one: source → quarantine → scan → verdict → bill of materials → signature → registry, or nothing at all."""

from __future__ import annotations

import os
from functools import partial

from weighbridge.attest.dsse import seal
from weighbridge.attest.model_signing import sign_model
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, statement
from weighbridge.core.evidence import MODEL_SIGNATURE_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.requirements import scan_result
from weighbridge.registry.publish import EvidenceBlob, ModelFile, Published, publish_model
from weighbridge.sbom.collect import collect
from weighbridge.sbom.cyclonedx import CycloneDxBill
from weighbridge.scan.engine import Watcher, inspect
from weighbridge.sources.quarantine import quarantine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, BinaryIO

    from weighbridge.attest.signers import Signer
    from weighbridge.core.artifact import InspectedFile
    from weighbridge.core.evidence import Evidence
    from weighbridge.core.knowledge import Knowledge
    from weighbridge.core.limits import Limits
    from weighbridge.core.settings import StagePolicy
    from weighbridge.registry.base import Descriptor, Store
    from weighbridge.sbom.collect import ModelBill
    from weighbridge.scan.report import Inspection, ScanReport
    from weighbridge.sources.base import Fetched, Source


class Destination(NamedTuple):
    """Where an admitted model goes: a repository, and the tag in it (None: made from the model digest)."""

    store: Store
    tag: str | None


class Intake(NamedTuple):
    """The outcome of gate one. `published` is None if the model was refused; then `refusal` says why."""

    report: ScanReport
    refusal: str
    published: Published | None
    tag: str

    @property
    def admitted(self) -> bool:
        """Whether the model is in the registry now."""
        return self.published is not None


def take_in(
    source: Source,
    destination: Destination,
    *,
    signer: Signer,
    policy: StagePolicy,
    knowledge: Knowledge,
    limits: Limits,
    watcher: Watcher,
    made_at: str,
) -> Intake:
    """Run gate one. `made_at` is the time of the bill of materials (UTC, RFC 3339).

    A refused model leaves nothing in the registry. Raises SourceError and RegistryError if a step cannot be done.
    """
    with quarantine() as folder:
        fetched = source.fetch(folder, watcher)
        inspection = inspect(folder, knowledge=knowledge, limits=limits, watcher=watcher, name=fetched.name)
        report = inspection.report
        refusal = _refusal(report, policy)
        if refusal:
            return Intake(report, refusal, None, "")
        tag = destination.tag or report.artifact.digest.hex[:12]
        published = _publish(inspection, fetched, destination, tag, signer, made_at)
        return Intake(report, "", published, tag)


def _refusal(report: ScanReport, policy: StagePolicy) -> str:
    verdict = report.verdict.value
    if verdict == "malicious" or verdict not in policy.verdicts:
        return f"the verdict is {verdict}; this stage takes in what is {' or '.join(policy.verdicts)}"
    if not report.artifact.files:
        return "there is no file to store"
    for file in report.artifact.files:
        if not _unescape(file.path).isprintable() or any("\udc80" <= char <= "\udcff" for char in _unescape(file.path)):
            return f"the name {file.path} cannot be signed: rename the file to printable UTF-8"
    return ""


def _publish(
    inspection: Inspection, fetched: Fetched, destination: Destination, tag: str, signer: Signer, made_at: str
) -> Published:
    report = inspection.report
    bill = collect(inspection, source=fetched.origin.place, revision=fetched.origin.revision or None)
    files = [_model_file(fetched.folder, file) for file in report.artifact.files]
    signature = sign_model(fetched.name, [(file.path, file.digest) for file in files], signer)

    def evidence(manifest: Descriptor) -> Sequence[EvidenceBlob]:
        subjects = [Subject("manifest", manifest.digest), Subject("files", report.artifact.digest)]
        records: tuple[Evidence, ...] = (report, inspection.facts, CycloneDxBill(bill, made_at))
        blobs = [
            EvidenceBlob(record.kind, record.predicate_type, seal(statement(record, subjects), PAYLOAD_TYPE, signer))
            for record in records
        ]
        blobs.append(EvidenceBlob("model-signature", MODEL_SIGNATURE_PREDICATE, signature))
        return blobs

    return publish_model(
        destination.store,
        tag=tag,
        files=files,
        config=_config(bill, fetched),
        annotations=_annotations(report, fetched, signer),
        evidence=evidence,
    )


def _model_file(folder: str, file: InspectedFile) -> ModelFile:
    path = _unescape(file.path)
    kind = {"safetensors": "weight", "torch-zip": "weight", "pickle": "weight", "hub-config": "weight.config"}
    media_type = f"application/vnd.cncf.model.{kind.get(file.format, 'doc')}.v1.raw"
    return ModelFile(path, file.size, file.sha256, media_type, partial(_open, os.path.join(folder, path)))


def _open(path: str) -> BinaryIO:
    return open(path, "rb")


def _unescape(path: str) -> str:
    from urllib.parse import unquote_to_bytes

    return os.fsdecode(unquote_to_bytes(path.encode()))


def _annotations(report: ScanReport, fetched: Fetched, signer: Signer) -> dict[str, str]:
    return {
        "org.opencontainers.image.title": plain(fetched.name, 200),
        "org.opencontainers.image.source": fetched.origin.place,
        **({"org.opencontainers.image.revision": fetched.origin.revision} if fetched.origin.revision else {}),
        "security.scan.tool": f"{report.tool.name} {report.tool.version}",
        "security.scan.result": scan_result(report.verdict.value),
        "security.scan.date": report.envelope.finished[:10],
        "security.provenance.source": fetched.origin.place,
        "security.provenance.signer": signer.key_id,
        "dev.weighbridge.model.digest": str(report.artifact.digest),
    }


def _config(bill: ModelBill, fetched: Fetched) -> dict[str, Any]:
    """ModelPack's fields, as far as they are known. `paramSize` is what makes Docker Model Runner know a model."""
    weights = [file.format for file in bill.files if file.format in ("safetensors", "torch-zip", "pickle")]
    known = {
        "name": plain(fetched.name, 200),
        "revision": fetched.origin.revision,
        "architecture": plain(", ".join(bill.declared.architectures), 200),
        "format": {"safetensors": "safetensors", "torch-zip": "pt", "pickle": "pt"}.get(weights[0], "")
        if weights
        else "",
        "paramSize": _parameters(bill.observed.parameters),
        "precision": plain(bill.declared.dtype, 100),
        "quantization": plain(bill.declared.quantization, 100),
    }
    return {key: value for key, value in known.items() if value}


def _parameters(count: int) -> str:
    """A number of parameters as ModelPack writes it: `8b`, `6.7b`, `100m`, `2.4k`."""
    for unit, size in (("b", 10**9), ("m", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + unit
    return str(count)
