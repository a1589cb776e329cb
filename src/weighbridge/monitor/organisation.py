"""What the rest of the settings say that detections have to know, so that nobody writes it twice.

    [azure.admitted]               approved_sources: these assets, and no others
    [azure] registries, models     approved_sources, where no assets are named: all of these registries, and these
                                   models of Foundry

What [monitor.parameters] names itself goes before all of it. Who may deploy ([azure] deployers) is not taken for who
may push: these are different identities, or should be.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from weighbridge.core.settings import AzureSettings, MonitorSettings


def parameters_of(monitor: MonitorSettings, azure: AzureSettings, assets: Iterable[str] = ()) -> dict[str, Any]:
    """The parameters that hold. `assets` are model assets that are known to be admitted, whatever the settings name."""
    given: dict[str, Any] = dict(monitor.parameters)
    if "approved_sources" not in given:
        whole = [*azure.admitted, *assets]
        registries = dict.fromkeys((*azure.registries, *azure.staging_registries))
        beginnings = [] if whole else [f"azureml://registries/{name}/models/" for name in registries]
        known = list(dict.fromkeys((*whole, *beginnings, *azure.models)))
        if known:
            given["approved_sources"] = known
    return given
