"""What detections know without being told twice: the settings of Azure, and what the registry admits."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from build.running import command
from weighbridge.core.settings import AzureSettings, MonitorSettings
from weighbridge.monitor import catalog
from weighbridge.monitor.organisation import parameters_of
from weighbridge.monitor.parameters import APPROVED_SOURCES

ROOT = Path(__file__).parents[2]
ASSET = "azureml://registries/wb-prod/models/net/versions/1"


def approved(monitor: MonitorSettings, azure: AzureSettings, *assets: str) -> str:
    values = catalog.values_of(catalog.detections(), parameters_of(monitor, azure, assets))
    return catalog.pattern(APPROVED_SOURCES, values["approved_sources"])


def test_the_settings_of_azure_are_the_allow_list() -> None:
    azure = AzureSettings(registries=("wb-prod",), models=("OpenAI/gpt-4o/2024-08-06",))
    loose = approved(MonitorSettings(), azure)
    assert re.match(loose, ASSET)
    assert re.match(loose, "OpenAI/gpt-4o/2024-08-06")
    for wrong in (
        "azureml://registries/wb-prod2/models/net/versions/1",
        "OpenAI/gpt-4o/2024-08-06x",
        "OpenAI/gpt-4o/2024",
    ):
        assert not re.match(loose, wrong)
    strict = approved(MonitorSettings(), azure._replace(admitted={ASSET: "sha256:" + "0" * 64}))
    assert re.match(strict, ASSET)
    assert not re.match(strict, f"{ASSET}0")
    assert not re.match(strict, ASSET.replace("net", "other"))
    assert approved(MonitorSettings(), AzureSettings()) == catalog.NOTHING
    named = MonitorSettings(parameters={"approved_sources": ["azureml://registries/own/models/"]})
    assert not re.match(approved(named, azure), ASSET)


def test_rules_are_rendered_with_what_the_registry_admits(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples/digits", "digits")
    assert command("init").status == 0
    for stage in ("production", "sandbox"):
        stored = command(
            "intake", "digits", "--to", f"oci:registry:{stage}/digits:v1", "--stage", stage, "--format", "json"
        )
        assert stored.status == 0, stored.err
    digest = stored.json()["digest"].removeprefix("sha256:")
    refused = command("monitor", "render", "--registry", "oci:registry", "--detection", "D02")
    assert refused.status == 2
    assert "registries" in refused.err
    settings = Path("weighbridge.toml")
    settings.write_text(settings.read_text() + '\n[azure]\nregistries = ["wb-prod"]\n')
    for kind in ("alerts", "sentinel", "kql"):
        outcome = command("monitor", "render", "--as", kind, "--registry", "oci:registry", "--detection", "D02")
        assert outcome.status == 0, outcome.err
        assert f"azureml://registries/wb-prod/models/digits/versions/{digest[:12]}" in outcome.out
        assert "wb-prod/models/)" not in outcome.out
        assert "1 model assets" in outcome.err
    shown = command("monitor", "explain", "D02").out
    assert "azureml://registries/wb-prod/models/" in shown
    shutil.rmtree("registry")
    assert command("monitor", "render", "--registry", "oci:registry", "--detection", "D02").status == 2
