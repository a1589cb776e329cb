"""Gate two: judge a model of the registry from its stored and verified evidence.

load → verify → judge the facts again → feeds, exemptions, advisories → every requirement → decision

No model byte is inspected again. Whether the bytes that lie there are those that the manifest names can be read too:
that is wanted where they are deployed from where they lie, and not where whoever pulls them proves each digest.
"""

from __future__ import annotations

from weighbridge.attest.notary import Target, verify_notary
from weighbridge.attest.trust import TrustPolicy, made_at, open_statement, verify
from weighbridge.core.advisories import packaged
from weighbridge.core.artifact import escape_name
from weighbridge.core.digests import digest_bytes, model_digest
from weighbridge.core.errors import Rejected
from weighbridge.core.evidence import (
    CYCLONEDX_PREDICATE,
    ENGINES_PREDICATE,
    EXEMPTION_PREDICATE,
    FACTS_PREDICATE,
    FINE_TUNING_PREDICATE,
    MODEL_SIGNATURE_PREDICATE,
    NOTARY_SIGNATURE,
    PROVENANCE_PREDICATE,
    REFERENCE_PREDICATE,
    SCAN_PREDICATE,
    SLSA_PROVENANCE_PREDICATE,
    TEST_RESULT_PREDICATE,
    VSA_PREDICATE,
)
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.case import Case, Problem, Proof
from weighbridge.gate.decision import Decision, decide
from weighbridge.gate.expressions import cel_reason
from weighbridge.pipelines.exempting import NOTHING_KEPT, Kept, check_signer, open_exemptions
from weighbridge.pipelines.feeds import read_feeds
from weighbridge.pipelines.frameworks import Runtime, affected, runtime_problems
from weighbridge.pipelines.rejudging import Judged, judge_again, todays_knowledge
from weighbridge.provenance.knowledge import load_card_knowledge
from weighbridge.registry.read import StoredEvidence, StoredModel, damaged_blobs, load_model

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime

    from weighbridge.core.advisories import Advisories
    from weighbridge.core.digests import Digest
    from weighbridge.core.settings import StagePolicy
    from weighbridge.registry.base import Reference, Store

KINDS = {
    SCAN_PREDICATE: "scan",
    FACTS_PREDICATE: "facts",
    PROVENANCE_PREDICATE: "provenance",
    ENGINES_PREDICATE: "engines",
    CYCLONEDX_PREDICATE: "sbom",
    MODEL_SIGNATURE_PREDICATE: "model-signature",
    EXEMPTION_PREDICATE: "exemption",
    FINE_TUNING_PREDICATE: "fine-tuning",
}
"""Predicate type → the short name that a policy knows it by."""


class Surroundings(NamedTuple):
    """What a decision rests on beside the model: where the internal registry is, what else is known.

    `exemptions` are those that are kept elsewhere than in the registry, `feeds` paths, `runtime` what serving images
    hold; `newest` is the last time that is known to have passed, and `newest_of` what was written then. `judged` keeps
    what was said of facts that were judged before.
    """

    internal: str = ""
    exemptions: Kept = NOTHING_KEPT
    feeds: tuple[str, ...] = ()
    feeds_signed: bool = False
    runtime: tuple[Runtime, ...] = ()
    advisories: Advisories | None = None
    newest: datetime | None = None
    newest_of: str = ""
    stricter: StagePolicy | None = None
    judged: Judged | None = None


NOTHING_ELSE = Surroundings()


def admit(
    store: Store,
    reference: Reference,
    *,
    stage: str,
    policy: StagePolicy,
    trust: TrustPolicy,
    now: datetime,
    surroundings: Surroundings = NOTHING_ELSE,
    read_bytes: bool = False,
) -> tuple[Decision, Case]:
    """Decide on the manifest that `reference` names at this moment, and give the case that was judged too.

    `read_bytes`: read every file of the model and compare it with its digest.
    Raises NotFound or RegistryError if the registry cannot answer: then there is no decision.
    """
    model = load_model(store, reference, NOTARY_SIGNATURE)
    case = assemble(model, trust, now, policy.signers)
    if read_bytes:
        case = case._replace(damaged=tuple(damaged_blobs(store, model)))
    case = _surrounded(case, model, trust, now, surroundings, policy)
    moved = ""
    if reference.tag is not None and (there := store.resolve(reference).digest) != model.manifest.digest:
        moved = f"it names {there.short} by now"
    case = case._replace(place=place_of(reference), moved=moved)
    decision = decide(case, stage, policy, now, stricter=surroundings.stricter, more=cel_reason(case, policy, now))
    return decision._replace(reference=str(reference), knowledge=todays_knowledge().version), case


def assemble(
    model: StoredModel, trust: TrustPolicy, now: datetime, signers: Mapping[str, Collection[str]] | None = None
) -> Case:
    """Verify every piece of stored evidence; what is refused becomes a problem and proves nothing.

    `signers` are the patterns of names that may have signed a kind of evidence.
    """
    proofs: dict[str, Proof] = {}
    summaries: list[Proof] = []
    lists: list[Proof] = []
    problems: list[Problem] = []
    newest: datetime | None = None
    newest_of = ""
    for item in model.evidence:
        if item.predicate_type == EXEMPTION_PREDICATE:
            continue
        try:
            proof = _prove(item, model, trust, now)
            check_signer(proof.signer, (signers or {}).get(KINDS.get(item.predicate_type, ""), ()))
        except Rejected as error:
            problems.append(Problem(item.predicate_type, error.code, error.cause))
            continue
        made = made_at(dict(proof.predicate))
        if made is not None and (newest is None or made > newest):
            newest, newest_of = made, f"the evidence {KINDS.get(item.predicate_type, 'of another kind')}"
        several = {VSA_PREDICATE: summaries, REFERENCE_PREDICATE: lists}.get(item.predicate_type)
        if several is not None:
            several.append(proof)
            continue
        there = proofs.get(item.predicate_type)
        if there is None or _made_at(proof) >= _made_at(there):
            proofs[item.predicate_type] = proof
    return Case(
        manifest=model.manifest.digest,
        files=frozenset((escape_name(file.path), file.size, file.digest.hex) for file in model.files),
        annotations=model.annotations,
        scan=proofs.get(SCAN_PREDICATE),
        sbom=proofs.get(CYCLONEDX_PREDICATE),
        signature=proofs.get(MODEL_SIGNATURE_PREDICATE),
        problems=tuple(problems),
        provenance=proofs.get(PROVENANCE_PREDICATE),
        facts=proofs.get(FACTS_PREDICATE),
        engines=proofs.get(ENGINES_PREDICATE),
        model=model_digest([(file.path, file.size, file.digest) for file in model.files]),
        newest=newest,
        newest_of=newest_of,
        result=proofs.get(TEST_RESULT_PREDICATE),
        slsa=proofs.get(SLSA_PROVENANCE_PREDICATE),
        training=proofs.get(FINE_TUNING_PREDICATE),
        lists=tuple(lists),
        attached=frozenset(digest_bytes(item.bundle).hex for item in model.evidence),
        summaries=tuple(summaries),
    )


def digests_of(case: Case) -> frozenset[Digest]:
    """Every digest that an exemption or a feed can name: the manifest, the model, each file."""
    from weighbridge.core.digests import Digest

    files = (Digest(digest) for _, _, digest in case.files)
    return frozenset((case.manifest, *((case.model,) if case.model else ()), *files))


def place_of(reference: Reference) -> str:
    """Where a model lies, without its tag, as policies name it."""
    import os

    if reference.kind == "layout":
        return f"oci:{os.path.realpath(reference.place)}:{reference.name}"
    return f"{reference.place.lower()}/{reference.name}"


def internal_place(registry: str) -> str:
    """How places of the settings' registry begin."""
    import os

    if registry.startswith("oci:"):
        return f"oci:{os.path.realpath(registry.removeprefix('oci:'))}"
    host, slash, prefix = registry.partition("/")
    return f"{host.lower()}{slash}{prefix}"


def _surrounded(
    case: Case, model: StoredModel, trust: TrustPolicy, now: datetime, around: Surroundings, policy: StagePolicy
) -> Case:
    digests = digests_of(case)
    stored = [item.bundle for item in model.evidence if item.predicate_type == EXEMPTION_PREDICATE]
    exemptions, refused = open_exemptions(
        around.exemptions, stored, trust, now, digests=digests, signers=policy.signers.get("exemption", ())
    )
    feeds = read_feeds(around.feeds, {str(digest) for digest in digests}, trust, now, signed=around.feeds_signed)
    today = None
    if case.facts is not None:
        files = frozenset(path for path, _, _ in case.files)
        if around.judged is None:
            today = judge_again(case.facts.predicate, files, todays_knowledge())
        else:
            today = around.judged.of(case.facts.digest, case.facts.predicate, files, todays_knowledge())
    advisories = around.advisories or packaged()
    formats = _formats(case) | (today.formats if today else frozenset())
    installed = tuple(package for one in around.runtime for package in one.packages)
    newest, newest_of = case.newest, case.newest_of
    if around.newest is not None and (newest is None or around.newest > newest):
        newest, newest_of = around.newest, around.newest_of
    return case._replace(
        internal=around.internal,
        today=today,
        exemptions=exemptions,
        problems=(*case.problems, *refused),
        bad=tuple(bad for feed in feeds for bad in feed.bad),
        feeds=sum(feed.digests for feed in feeds),
        feed_problems=tuple(feed.problem for feed in feeds if feed.problem),
        affected=(
            *affected(installed, formats, advisories, "runtime"),
            *affected(today.declared if today else (), formats, advisories, "declared"),
        ),
        runtime=bool(around.runtime),
        runtime_problems=runtime_problems(around.runtime),
        newest=newest,
        newest_of=newest_of,
        knowledge_date=_knowledge_date(advisories),
        countries=load_card_knowledge().countries if policy.countries or policy.blocked_countries else {},
    )


def _knowledge_date(advisories: Advisories) -> date:
    """The day of the newest of what is known: of the rules' knowledge, and of the advisories."""
    from datetime import date

    day = todays_knowledge().version.partition("+")[0].replace(".", "-")
    try:
        return max(date.fromisoformat(day), advisories.date)
    except ValueError:
        return advisories.date


def _formats(case: Case) -> frozenset[str]:
    artifact = case.scan.predicate.get("artifact") if case.scan else None
    files = artifact.get("files") if isinstance(artifact, dict) else None
    named = files if isinstance(files, list) else []
    return frozenset(str(file.get("format")) for file in named if isinstance(file, dict))


def _prove(item: StoredEvidence, model: StoredModel, trust: TrustPolicy, now: datetime) -> Proof:
    if item.predicate_type == NOTARY_SIGNATURE:
        manifest = model.manifest
        target = Target(manifest.media_type, manifest.digest, manifest.size)
        return Proof(verify_notary(item.bundle, target, trust, now).authority, item.descriptor.digest, {})
    if item.predicate_type == MODEL_SIGNATURE_PREDICATE:
        # A model signature names files, not the manifest; the gate compares them with the manifest's.
        verified = open_statement(item.bundle, trust, predicate_type=item.predicate_type, now=now)
    else:
        subject = model.manifest.digest
        verified = verify(item.bundle, trust, predicate_type=item.predicate_type, subject=subject, now=now)
    return Proof(verified.signer_name, item.descriptor.digest, verified.statement.predicate)


def _made_at(proof: Proof) -> str:
    envelope = proof.predicate.get("envelope")
    return str(envelope.get("finished", "")) if isinstance(envelope, dict) else ""
