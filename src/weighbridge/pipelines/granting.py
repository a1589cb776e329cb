"""Granting an exemption for a model of the registry, and taking it back: signed, in our folder and beside the model."""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import NotFound, UsageError
from weighbridge.core.evidence import EXEMPTION_PREDICATE
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.exemption import grant_predicate, revoke_predicate
from weighbridge.pipelines.admission import assemble, digests_of
from weighbridge.pipelines.exempting import open_exemptions, read_folder, seal_exemption, write_bundle
from weighbridge.registry.open import open_store
from weighbridge.registry.publish import EvidenceBlob, attach_evidence
from weighbridge.registry.read import load_model

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.attest.signers import Signer
    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.settings import Settings
    from weighbridge.gate.exemption import Exemption
    from weighbridge.registry.base import Reference


def grant(
    settings: Settings,
    where: Reference,
    *,
    rule: str,
    path: str,
    reason: str,
    approver: str,
    expires: str,
    signer: Signer,
    now: datetime,
) -> dict[str, Any]:
    """Waive one rule for a model, or for one file of it, and give what was signed. Raises UsageError, RegistryError."""
    from weighbridge.gate.weighing import HUB
    from weighbridge.rules import RULES

    if rule not in {one.id for one in RULES} | {HUB}:
        raise UsageError(f"{plain(rule, 80)!r} is no rule", "weighbridge rules lists them")
    store = open_store(where, settings)
    model = load_model(store, where)
    digest = model.manifest.digest
    if path:
        found = [file.digest for file in model.files if path in (file.path, escape_name(file.path))]
        if not found:
            raise NotFound(f"the model has no file {plain(path, 200)!r}", "write its path as the finding does")
        digest = found[0]
    predicate = grant_predicate(rule, digest, reason=reason, approver=approver, made_at=now, expires=time_of(expires))
    bundle = seal_exemption(predicate, {digest, model.manifest.digest}, signer)
    write_bundle(settings.exemptions, predicate["id"], bundle)
    attach_evidence(store, model.manifest, EvidenceBlob("exemption", EXEMPTION_PREDICATE, bundle))
    return predicate


def take_back(
    settings: Settings,
    where: Reference,
    identity: str,
    *,
    reason: str,
    approver: str,
    signer: Signer,
    trust: TrustPolicy,
    now: datetime,
) -> Exemption:
    """Revoke an exemption of a model, and give it. Raises NotFound, UsageError, RegistryError."""
    known = {one.id: one for one in exemptions_for(settings, where, trust, now)}
    if identity not in known:
        raise NotFound("this model has no such exemption", "weighbridge exemption list names them")
    predicate = revoke_predicate(identity, reason=reason, approver=approver, made_at=now)
    bundle = seal_exemption(predicate, {known[identity].digest}, signer)
    write_bundle(settings.exemptions, f"{identity}.revoked", bundle)
    store = open_store(where, settings)
    attach_evidence(store, store.resolve(where), EvidenceBlob("exemption", EXEMPTION_PREDICATE, bundle))
    return known[identity]._replace(revoked=reason)


def exemptions_for(settings: Settings, where: Reference, trust: TrustPolicy, now: datetime) -> tuple[Exemption, ...]:
    """The verified exemptions of a model, whether they still count or not."""
    model = load_model(open_store(where, settings), where)
    stored = [item.bundle for item in model.evidence if item.predicate_type == EXEMPTION_PREDICATE]
    digests = digests_of(assemble(model._replace(evidence=()), trust, now))
    found, _ = open_exemptions(read_folder(settings.exemptions), stored, trust, now, digests=digests)
    return found


def time_of(text: str) -> datetime:
    """A time as people write it, in UTC if they name no zone. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{plain(text, 40)!r} is no time", "write 2027-01-31 or 2027-01-31T12:00:00Z") from error
