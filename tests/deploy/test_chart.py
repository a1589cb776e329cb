"""The chart: what Helm makes of it is valid, and the same as the manifests beside it, which are tested one by one."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml

from build.helm import ROOT, helm, needs_helm
from weighbridge.core.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

CHART = os.path.join(ROOT, "deploy/helm/weighbridge")
BASE = os.path.join(ROOT, "deploy/kubernetes/base")
SETTINGS = os.path.join(ROOT, "deploy/kubernetes/own-certificate/weighbridge.toml")
IMAGE = "registry.example.com/tools/weighbridge@sha256:" + "0" * 64
AUTHORITY = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def _helm() -> None:
    needs_helm()


@pytest.fixture
def given(tmp_path: Path) -> list[str]:
    (tmp_path / "ca.crt").write_text(AUTHORITY)
    (tmp_path / "trust.toml").write_text('# whom "we" trust: {{ nobody }}\n')
    files = {"settings": SETTINGS, "trust": f"{tmp_path}/trust.toml", "authority": f"{tmp_path}/ca.crt"}
    return [f"--set=image.name={IMAGE}", *(f"--set-file={key}={path}" for key, path in files.items())]


def rendered(*words: str, namespace: str = "weighbridge") -> dict[tuple[str, str], dict[str, Any]]:
    done = helm("template", "weighbridge", CHART, "--namespace", namespace, *words)
    assert done.returncode == 0, done.stderr
    items = [item for item in yaml.safe_load_all(done.stdout) if item]
    found = {(item["kind"], item["metadata"]["name"]): item for item in items}
    assert len(found) == len(items)
    return found


def base() -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for name in ("server.yaml", "webhook.yaml"):
        with open(os.path.join(BASE, name), encoding="utf-8") as file:
            found |= {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(file) if item}
    return found


@pytest.mark.parametrize("version", ["1.33", "1.35", "1.37"])
def test_everything_is_valid_by_the_schema_of_its_kind(given: list[str], version: str) -> None:
    for item in rendered(*given).values():
        kubernetes_validate.validate(item, version, strict=True)


def test_the_lint_of_helm_has_nothing_against_it(given: list[str]) -> None:
    done = helm("lint", CHART, "--strict", *given)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_makes_what_the_manifests_make(given: list[str]) -> None:
    """But for what an overlay fills in: image, authority, settings."""
    made, wanted = rendered(*given), base()
    settings = made.pop(("ConfigMap", "weighbridge"))
    (container,) = made["Deployment", "weighbridge"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == IMAGE
    container["image"] = "weighbridge"
    assert made["Deployment", "weighbridge"]["spec"]["template"]["metadata"].pop("annotations")
    for hook in made["ValidatingWebhookConfiguration", "weighbridge"]["webhooks"]:
        assert base64.b64decode(hook["clientConfig"].pop("caBundle")).decode() == AUTHORITY
    assert made == wanted
    with open(SETTINGS, encoding="utf-8") as file:
        assert settings["data"]["weighbridge.toml"] == file.read()
    assert settings["data"]["trust.toml"] == '# whom "we" trust: {{ nobody }}\n', "what is given is no template"


def test_it_goes_into_another_namespace_whole(given: list[str]) -> None:
    made = rendered(*given, namespace="gates")
    places = {item["metadata"].get("namespace", "gates") for item in made.values()}
    services = {
        hook["clientConfig"]["service"]["namespace"]
        for hook in made["ValidatingWebhookConfiguration", "weighbridge"]["webhooks"]
    }
    assert places == services == {"gates"}
    assert ("Namespace", "weighbridge") not in made


def test_new_settings_start_new_pods(given: list[str], tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('registry = "registry.example.com/others"\n')
    assert load_settings(f"{tmp_path}/other.toml", {}).registry
    marks = {
        str(rendered(*words)["Deployment", "weighbridge"]["spec"]["template"]["metadata"]["annotations"])
        for words in (given, given, [*given, f"--set-file=settings={tmp_path}/other.toml"])
    }
    assert len(marks) == 2


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("--set=image.name=registry.example.com/tools/weighbridge:v1", "image/name"),
        ("--set=image.name=", "image/name"),
        ("--set-file=trust=/dev/null", "trust"),
        ("--set-file=authority=/dev/null", "authority"),
        ("--set=replicas=1", "replicas"),
        ("--set=imagee=x", "imagee"),
        ("--set=stewards=x' || true || '", "stewards"),
        ("--set=indexSecret=a}", "indexSecret"),
    ],
)
def test_it_installs_nothing_that_would_not_hold(given: list[str], change: str, where: str) -> None:
    done = helm("template", "weighbridge", CHART, *given, change)
    assert done.returncode != 0
    assert where in done.stderr
