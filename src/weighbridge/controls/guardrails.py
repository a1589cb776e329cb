"""What keeps the rest from being taken away: C16 exemptions that end, C18 locks on what must not be deleted."""

from __future__ import annotations

from weighbridge.controls.allowed_models import HOW, end_of, expired
from weighbridge.controls.base import Check, az, found, not_exported, remark
from weighbridge.controls.datasets import dataset_accounts
from weighbridge.controls.estate import EXEMPTION, LOCK, VAULT, look, scope_of, shown, within
from weighbridge.controls.registries import model_registries
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate


def exemptions(estate: Estate) -> Iterator[Check]:
    """C16: every exemption from a policy has an end."""
    yield from not_exported(estate, "policyExemptions", EXEMPTION, HOW["policyExemptions"])
    for one in estate.of(EXEMPTION):
        base = ("policy", "exemption", "update", "--name", one.name, "--scope", one.id.rpartition("/providers/")[0])
        mend = az(*base, "--expires-on", f"{estate.now.year + 1}-01-01T00:00:00Z")
        ends = end_of(one)
        yield found(
            one, "properties.expiresOn", ends is not None, shown(look(one, "properties.expiresOn")), "an end", mend
        )
        state = "ended" if expired(one, estate.now) else "holds"
        about = shown(look(one, "properties.policyAssignmentId"))
        yield remark(one, "properties.policyAssignmentId", f"{about} ({state})", "as few as can be")


def locks(estate: Estate) -> Iterator[Check]:
    """C18: model registries, data sets and vaults of production are locked against deletion."""
    kept = [*model_registries(estate), *dataset_accounts(estate)]
    kept += [one for one in estate.of(VAULT) if estate.stage(one) == "production"]
    if not kept:
        yield from not_exported(estate, "resources", "registries, storage, vaults", "export resources.json")
        return
    yield from not_exported(estate, "locks", LOCK, "az lock list > locks.json")
    if not estate.has("locks"):
        return
    for one in kept:
        holding = [
            lock
            for lock in estate.of(LOCK)
            if within(one.key, scope_of(lock))
            and str(look(lock, "properties.level")).lower() in ("cannotdelete", "readonly")
        ]
        seen = ", ".join(lock.name for lock in holding) or "none"
        mend = az("lock", "create", "--name", "keep", "--lock-type", "CanNotDelete", "--resource", one.id)
        yield found(one, "locks", bool(holding), seen, "a lock CanNotDelete", mend)
