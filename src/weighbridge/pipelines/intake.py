"""Gate one: source → quarantine → scan, provenance → conversion → bill of materials → signature → registry.

If one step refuses, nothing is stored.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial

from weighbridge.attest.dsse import seal
from weighbridge.attest.engine_answers import EngineAnswers
from weighbridge.attest.evidence_list import EvidenceList, Reference
from weighbridge.attest.model_signing import SIGNATURE_FILE, sign_model
from weighbridge.attest.notary import ENVELOPE_TYPE, THUMBPRINTS, Target, notary_signature, thumbprints
from weighbridge.attest.slsa import Byproduct, ImportProvenance
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, statement
from weighbridge.attest.test_result import ScanResult
from weighbridge.convert.folder import stamps
from weighbridge.core.artifact import unescape_name
from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.errors import Rejected
from weighbridge.core.evidence import MODEL_SIGNATURE_PREDICATE, NOTARY_SIGNATURE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import DEFAULT_QUARANTINE, QuarantineSettings
from weighbridge.engines.ask import ask
from weighbridge.engines.base import refuses
from weighbridge.gate.requirements import scan_result
from weighbridge.pipelines.conversion import Settled, without_pickles
from weighbridge.pipelines.layer_types import layer_types, main_form
from weighbridge.pipelines.materials import bill_of
from weighbridge.pipelines.memory import knower, remembered
from weighbridge.pipelines.provenance import at, no_files
from weighbridge.pipelines.tuning import NO_TUNING, Tuning, data_sets, read_reports, tuning_of, tuning_refusal
from weighbridge.provenance.report import ProvenanceReport, provenance_report
from weighbridge.registry.publish import EvidenceBlob, ModelFile, Published, publish_model
from weighbridge.sbom.bill import EvidenceReference
from weighbridge.sbom.cyclonedx import CycloneDxBill
from weighbridge.sbom.spdx import SpdxBill
from weighbridge.scan.engine import Watcher, inspect
from weighbridge.scan.walk import walk
from weighbridge.sources.quarantine import quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any, BinaryIO

    from weighbridge.attest.certified import CertifiedKey
    from weighbridge.attest.signers import Signer
    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.convert.record import ConversionRecord
    from weighbridge.core.artifact import InspectedFile
    from weighbridge.core.evidence import Evidence
    from weighbridge.core.knowledge import Knowledge
    from weighbridge.core.limits import Limits
    from weighbridge.core.origin import Origin
    from weighbridge.core.settings import StagePolicy
    from weighbridge.engines.base import Engine, EngineReport, Wanted
    from weighbridge.pipelines.layer_types import LayerType
    from weighbridge.registry.base import Descriptor, Store
    from weighbridge.sbom.bill import ModelBill
    from weighbridge.scan.report import Inspection, ScanReport
    from weighbridge.sources.base import Fetched, Source
HEAD = 64
"""Bytes from the beginning of a file that tell what it is where its format does not."""


class Destination(NamedTuple):
    """Where an admitted model goes: a repository, and the tag in it (None: made from the model digest).

    `replace`: the tag may name another model so far.
    """

    store: Store
    tag: str | None
    replace: bool = False


class Signers(NamedTuple):
    """Who signs the evidence, and who signs the manifest as the Notary Project does."""

    signer: Signer
    notary: CertifiedKey | None


class Others(NamedTuple):
    """Other scanners that are asked about what is to be stored: each with its program, and how they are run."""

    pairs: Sequence[tuple[Engine, str]]
    wanted: Wanted


class Intake(NamedTuple):
    """The outcome of gate one. `published` is None if the model was refused; then `refusal` says why."""

    report: ScanReport
    provenance: ProvenanceReport
    refusal: str
    published: Published | None
    tag: str
    converted: ConversionRecord | None = None
    opinions: tuple[EngineReport, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether the model is in the registry now."""
        return self.published is not None


def take_in(
    source: Source,
    destination: Destination,
    *,
    signer: Signer,
    trust: TrustPolicy,
    policy: StagePolicy,
    knowledge: Knowledge,
    limits: Limits,
    watcher: Watcher,
    now: datetime,
    attestations: Sequence[tuple[str, bytes]] = (),
    settings: QuarantineSettings = DEFAULT_QUARANTINE,
    kept: Callable[[str], None] | None = None,
    find: Callable[[str], Store | None] | None = None,
    notary: CertifiedKey | None = None,
    others: Others | None = None,
    tuning: Tuning = NO_TUNING,
) -> Intake:
    """Run gate one. `now` is the time of the bill of materials and of the provenance report; `trust` says who may
    vouch for the model; `attestations` (name, content) come from beside the source.

    `settings` say where the quarantine is; `kept` is told its folder if it stays. `find` gives the repository that a
    base model of some name has here, if any.

    `notary` signs the manifest as the Notary Project does too. `others` are asked about the files that would be
    stored, and refuse a model as we do; their answers become evidence of their own.
    `tuning` is what is known of the training.
    A refused model leaves nothing in the registry. Raises SourceError and RegistryError if a step cannot be done.
    """
    with quarantine(settings) as place:
        if place.kept and kept is not None:
            kept(place.folder)
        fetched = place.take(source, watcher)
        before = stamps(fetched.folder, limits)
        inspection = inspect(fetched.folder, knowledge=knowledge, limits=limits, watcher=watcher, name=fetched.name)
        report = inspection.report
        provenance = provenance_report(
            fetched,
            report.artifact.digest,
            {file.path: file.sha256.hex for file in report.artifact.files},
            no_files(walk(fetched.folder, limits.files)),
            trust=trust,
            policy=policy,
            now=now,
            envelope=at(now),
            attestations=attestations,
            earlier=remembered(destination.store, fetched.origin, trust, now),
            resolve=knower(find, trust, now) if find is not None else None,
        )
        refusal = _refusal(report, policy) or _broken_provenance(provenance, policy)
        if refusal:
            return Intake(report, provenance, refusal, None, "")
        settled = without_pickles(
            fetched,
            inspection,
            before,
            place.beside("converted"),
            policy=policy,
            knowledge=knowledge,
            limits=limits,
            watcher=watcher,
        )
        report = settled.inspection.report
        refusal = settled.refusal or _refusal(report, policy)
        if refusal:
            return Intake(report, provenance, refusal, None, "")
        try:
            reports = read_reports(tuning.bundles, trust, now)
        except Rejected as error:
            why = f"the report on the data does not count: {error.code}: {error.cause}"
            return Intake(report, provenance, why, None, "")
        folder, origin = settled.fetched.folder, settled.fetched.origin
        bill = bill_of(settled.inspection, folder, origin, provenance.claims, data_sets=data_sets(reports))
        tuned = tuning_of(bill, reports, tuning, at(now))
        refusal = tuning_refusal(report, provenance, policy, tuned)
        if refusal:
            return Intake(report, provenance, refusal, None, "")
        opinions: tuple[EngineReport, ...] = ()
        if others is not None and others.pairs:
            files = report.artifact.files
            opinions = ask(others.pairs, settled.fetched.folder, files, others.wanted, watcher.note)
            refusal = _refused_by(opinions)
            if refusal:
                return Intake(report, provenance, refusal, None, "", opinions=opinions)
        records: tuple[Evidence, ...] = tuple(one for one in (settled.record, tuned) if one is not None)
        if opinions:
            finished = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            records = (*records, EngineAnswers(report.artifact.digest, opinions, finished))
        tag = destination.tag or report.artifact.digest.hex[:12]
        came = tuple((file.path, file.sha256.hex) for file in inspection.report.artifact.files)
        built = _built(settled, fetched.origin, came, policy, now)
        records = (*records, ScanResult(report), built)
        signers = Signers(signer, notary)
        published = _publish(
            settled.inspection, provenance, settled.fetched, bill, records, destination, tag, signers, now
        )
        return Intake(report, provenance, "", published, tag, settled.record, opinions)


def _built(
    settled: Settled,
    origin: Origin,
    came: tuple[tuple[str, str], ...],
    policy: StagePolicy,
    now: datetime,
) -> ImportProvenance:
    """How the model that is stored was made of the one that came."""
    report, record = settled.inspection.report, settled.record
    made: list[tuple[str, Evidence]] = [("scan", report)]
    made += [("conversion", record)] if record else []
    return ImportProvenance(
        report.artifact.digest,
        origin,
        came,
        record is not None,
        policy.pickle,
        report.knowledge,
        f"{now:%Y-%m-%dT%H:%M:%SZ}",
        report.envelope.finished,
        tuple(Byproduct(name, digest_bytes(canonical_json(evidence.predicate()))) for name, evidence in made),
    )


def _refused_by(opinions: Sequence[EngineReport]) -> str:
    for said in opinions:
        if refuses(said):
            why = f": {plain(said.why, 200)}" if said.why else ""
            return f"{said.name} says {said.verdict}{why}"
    return ""


def _broken_provenance(provenance: ProvenanceReport, policy: StagePolicy) -> str:
    """The link that broke, or the claim that this stage wants verified and that is not."""
    if provenance.contradicted and not policy.contradicted:
        claim = provenance.contradicted[0]
        return f"{claim.claim} is contradicted: {plain(claim.evidence, 400)}"
    if missing := provenance.unverified(policy.provenance):
        return f"this stage takes in models whose {missing[0]} is verified; here it is not"
    return ""


def _refusal(report: ScanReport, policy: StagePolicy) -> str:
    verdict = report.verdict.value
    if verdict == "malicious" or verdict not in policy.verdicts:
        return f"the verdict is {verdict}; this stage takes in what is {' or '.join(policy.verdicts)}"
    if not report.artifact.files:
        return "there is no file to store"
    for file in report.artifact.files:
        if not unescape_name(file.path).isprintable() or any(
            "\udc80" <= char <= "\udcff" for char in unescape_name(file.path)
        ):
            return f"the name {file.path} cannot be signed: rename the file to printable UTF-8"
    return ""


def _publish(
    inspection: Inspection,
    provenance: ProvenanceReport,
    fetched: Fetched,
    bill: ModelBill,
    more: Sequence[Evidence],
    destination: Destination,
    tag: str,
    signers: Signers,
    now: datetime,
) -> Published:
    report, signer = inspection.report, signers.signer
    types = layer_types(inspection, partial(_head, fetched.folder))
    files = [_model_file(fetched.folder, file, types[file.path]) for file in report.artifact.files]
    own = _signature_name({file.path for file in files})
    signature = sign_model(fetched.name, [(file.path, file.digest) for file in files], signer, signature_name=own)

    def attested(record: Evidence, subjects: Sequence[Subject]) -> EvidenceBlob:
        payload = statement(record, subjects)
        return EvidenceBlob(record.kind, record.predicate_type, seal(payload, PAYLOAD_TYPE, signer))

    def evidence(manifest: Descriptor) -> Sequence[EvidenceBlob]:
        subjects = [Subject("manifest", manifest.digest), Subject("files", report.artifact.digest)]
        made_at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
        records: tuple[Evidence, ...] = (report, inspection.facts, provenance, *more)
        blobs = [attested(record, subjects) for record in records]
        blobs.append(EvidenceBlob("model-signature", MODEL_SIGNATURE_PREDICATE, signature))
        if signers.notary is not None:
            blobs.append(_notary_signature(manifest, signers.notary, now))
        # The bills refer to everything before them by the digest of its bundle, the list to the bills too.
        referring = bill._replace(
            evidence=tuple(
                EvidenceReference(blob.kind, blob.predicate_type, digest_bytes(blob.bundle)) for blob in blobs
            )
        )
        blobs += [
            attested(record, subjects) for record in (CycloneDxBill(referring, made_at), SpdxBill(referring, made_at))
        ]
        blobs.append(attested(EvidenceList(report.artifact.digest, tuple(map(_reference, blobs))), subjects))
        return blobs

    return publish_model(
        destination.store,
        tag=tag,
        files=files,
        config=_config(bill, fetched, main_form(report.artifact.files, types)),
        annotations=_annotations(report, provenance, fetched),
        evidence=evidence,
        replace=destination.replace,
    )


def _reference(blob: EvidenceBlob) -> Reference:
    return Reference(blob.kind, blob.predicate_type, blob.layer_type, blob.bundle)


def _notary_signature(manifest: Descriptor, signer: CertifiedKey, now: datetime) -> EvidenceBlob:
    target = Target(manifest.media_type, manifest.digest, manifest.size)
    return EvidenceBlob(
        "notary-signature",
        NOTARY_SIGNATURE,
        notary_signature(target, signer, now),
        NOTARY_SIGNATURE,
        ENVELOPE_TYPE,
        {THUMBPRINTS: thumbprints(signer.certificates)},
    )


def _model_file(folder: str, file: InspectedFile, type_: LayerType) -> ModelFile:
    path = unescape_name(file.path)
    opened = partial(_open, os.path.join(folder, path))
    return ModelFile(path, file.size, file.sha256, type_.media_type, opened, untested=not type_.seen)


def _head(folder: str, path: str) -> bytes:
    with _open(os.path.join(folder, unescape_name(path))) as file:
        return file.read(HEAD)


def _open(path: str) -> BinaryIO:
    return open(path, "rb")


def _signature_name(taken: Collection[str]) -> str:
    """The name that our signature would have as a file: another than that of a signature which came with the model."""
    name, number = SIGNATURE_FILE, 1
    while name in taken:
        number += 1
        name = f"model-{number}.sig"
    return name


def _annotations(report: ScanReport, provenance: ProvenanceReport, fetched: Fetched) -> dict[str, str]:
    return {
        "org.opencontainers.image.title": plain(fetched.name, 200),
        "org.opencontainers.image.source": fetched.origin.place,
        **({"org.opencontainers.image.revision": fetched.origin.revision} if fetched.origin.revision else {}),
        "security.scan.tool": f"{report.tool.name} {report.tool.version}",
        "security.scan.result": scan_result(report.verdict.value),
        "security.scan.date": report.envelope.finished[:10],
        "security.provenance.source": fetched.origin.place,
        "security.provenance.signer": provenance.signer,
        "dev.weighbridge.model.digest": str(report.artifact.digest),
    }


def _config(bill: ModelBill, fetched: Fetched, form: str) -> dict[str, Any]:
    """ModelPack's fields, as far as they are known. `paramSize` is what makes Docker Model Runner know a model."""
    known = {
        "name": plain(fetched.name, 200),
        "revision": fetched.origin.revision,
        "architecture": plain(", ".join(bill.declared.architectures), 200),
        "format": form,
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
