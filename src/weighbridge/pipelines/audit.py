"""An audit: the export of an estate, and what the internal registry proves, judged against the checklist."""

from __future__ import annotations

from weighbridge.controls.checklist import audit
from weighbridge.controls.evidence import Held, Holdings
from weighbridge.controls.reading import read_export
from weighbridge.core.errors import RegistryError, Rejected
from weighbridge.core.evidence import FACTS_PREDICATE
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import PICKLES
from weighbridge.pipelines.admission import assemble
from weighbridge.pipelines.proved import proved
from weighbridge.registry.read import load_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.controls.checklist import Audited
    from weighbridge.core.settings import StagePolicy
    from weighbridge.registry.base import Reference, Store
    from weighbridge.registry.read import StoredModel


def audit_export(
    folder: str,
    now: datetime,
    *,
    owners_word: str = "",
    holdings: Holdings | None = None,
    baseline: Mapping[str, str] | None = None,
) -> Audited:
    """Judge an exported estate. Raises SourceError or UsageError if there is none."""
    return audit(read_export(folder, now, owners_word), holdings, baseline)


def hold(
    registry: str,
    repositories: Iterable[tuple[Store, Iterable[Reference]]],
    policy: StagePolicy,
    trust: TrustPolicy,
    now: datetime,
) -> Holdings:
    """What every tag of a registry proves. One that cannot be read is held with the reason."""
    held = [_held(store, one, trust, now) for store, references in repositories for one in references]
    return Holdings(registry, tuple(held), policy, now)


def _held(store: Store, reference: Reference, trust: TrustPolicy, now: datetime) -> Held:
    try:
        model = load_model(store, reference)
        return Held(str(reference), assemble(model, trust, now), _pickled(model, trust, now))
    except (RegistryError, Rejected) as error:
        return Held(str(reference), None, None, error.cause)


def _pickled(model: StoredModel, trust: TrustPolicy, now: datetime) -> tuple[str, ...] | None:
    """Files with a pickle in them, by every signed sheet of facts; None if there is none."""
    found: set[str] | None = None
    for sheet in proved(model, FACTS_PREDICATE, trust, now):
        blobs = sheet.statement.predicate.get("blobs")
        if isinstance(blobs, list):
            found = (found or set()) | {
                str(blob.get("location")).partition("!")[0]
                for blob in blobs
                if isinstance(blob, dict) and blob.get("format") in PICKLES
            }
    return None if found is None else tuple(sorted(found))
