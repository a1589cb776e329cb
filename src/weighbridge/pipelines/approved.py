"""The allow-list that a registry really is: the model assets of everything in it that gate two admits today.

An asset is named as `azure publish` names it where nothing else is said: after the repository, with the first twelve
digits of the digest as its version. Assets with other names are named in [azure.admitted].
"""

from __future__ import annotations

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pipelines.gate_two import open_gate
from weighbridge.pipelines.inventory import rows
from weighbridge.registry.base import parse_reference
from weighbridge.registry.open import find_repositories, open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from weighbridge.core.settings import Settings


def approved_assets(
    settings: Settings, registry: str, stage: str, now: datetime, note: Callable[[str], None]
) -> tuple[str, ...]:
    """The assets of every model of `registry` that may be deployed to `stage`; nothing is recorded.

    Raises UsageError if no registry of Azure ML is set, RegistryError if ours does not answer.
    """
    names = dict.fromkeys((*settings.azure.registries, *settings.azure.staging_registries))
    if not names:
        raise UsageError("no registry of Azure ML is set", 'write registries = ["NAME"] under [azure]')
    gate = open_gate(settings, record=False)
    found: dict[str, None] = {}
    for place, name in find_repositories(registry, settings):
        store = open_store(parse_reference(f"{place}{name}:any"), settings)
        for digest in {row.digest for row in rows(store)}:
            reference = str(store.reference(digest=digest))
            note(reference)
            if gate.admit(reference, stage, now=now)[0].allowed:
                called = f"models/{name.rpartition('/')[2]}/versions/{digest.hex[:12]}"
                found |= dict.fromkeys(f"azureml://registries/{azure}/{called}" for azure in names)
    return tuple(sorted(found))
