"""What a cluster and a container engine are given: valid by their schemas, and as narrow as the pages say."""

from __future__ import annotations

import base64
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from typing import TYPE_CHECKING, Any

import httpx2
import kubernetes_validate
import pytest
import yaml

from build.missing import missing
from build.reviews import pod, review
from build.sites import served
from weighbridge.core.settings import STAGES, load_settings
from weighbridge.web.workloads import KSERVE, read_workload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEPLOY = os.path.join(ROOT, "deploy")
VERSIONS = ("1.33", "1.35", "1.37")
IMAGE = "registry.example.com/tools/weighbridge@sha256:" + "0" * 64


def read(*parts: str) -> str:
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


def documents(*parts: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(read(*parts)) if item]


def base() -> list[dict[str, Any]]:
    (kustomization,) = documents("deploy/kubernetes/base/kustomization.yaml")
    folder = os.path.join(DEPLOY, "kubernetes/base")
    assert {*kustomization["resources"], "kustomization.yaml"} == set(os.listdir(folder))
    return [item for name in kustomization["resources"] for item in documents("deploy/kubernetes/base", name)]


def one(kind: str) -> dict[str, Any]:
    (found,) = (item for item in base() if item["kind"] == kind)
    return found


def webhooks() -> list[dict[str, Any]]:
    return one("ValidatingWebhookConfiguration")["webhooks"]


# Kubernetes


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_by_the_schema_of_its_kind(version: str) -> None:
    assert len(base()) == 9
    for item in base():
        kubernetes_validate.validate(item, version, strict=True)


def test_a_manifest_with_a_mistake_is_noticed() -> None:
    for change in ({"failurePolicy": ["Fail"]}, {"failurepolicy": "Fail"}):
        wrong = one("ValidatingWebhookConfiguration")
        wrong["webhooks"][0].update(change)
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, "1.35", strict=True)


def test_every_stage_has_its_webhook_and_each_fails_closed() -> None:
    assert [hook["name"] for hook in webhooks()] == [f"{stage}.weighbridge.dev" for stage in STAGES]
    for stage, hook in zip(STAGES, webhooks(), strict=True):
        assert hook["failurePolicy"] == "Fail"
        assert hook["sideEffects"] == "NoneOnDryRun"
        assert hook["matchPolicy"] == "Equivalent"
        assert hook["clientConfig"]["service"]["path"] == f"/admission/{stage}"
        assert hook["namespaceSelector"] == {"matchLabels": {"weighbridge.dev/stage": stage}}
        assert "objectSelector" not in hook, "whoever makes an object would choose whether it is judged"
        # The server answers with a denial before Kubernetes stops waiting.
        assert hook["timeoutSeconds"] > 8
        assert all(rule["operations"] == ["CREATE", "UPDATE"] for rule in hook["rules"])


def test_the_webhook_is_asked_about_every_kind_that_it_understands() -> None:
    from weighbridge.web.workloads import KSERVE_KINDS, TEMPLATES

    understood = {(group, kind.lower() + "s") for group, kind in (*TEMPLATES, *((KSERVE, k) for k in KSERVE_KINDS))}
    for hook in webhooks():
        asked = {(group, kind) for rule in hook["rules"] for group in rule["apiGroups"] for kind in rule["resources"]}
        assert asked - {("", "pods/ephemeralcontainers")} == understood
        assert ("", "pods/ephemeralcontainers") in asked


def test_our_own_namespace_is_not_judged_by_us() -> None:
    """Else a cluster whose gate is down could never start it again."""
    assert not any(label.startswith("weighbridge.dev/") for label in one("Namespace")["metadata"]["labels"])


def test_the_pod_has_no_rights() -> None:
    template = one("Deployment")["spec"]["template"]
    spec = template["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["automountServiceAccountToken"] is False
    assert one("ServiceAccount")["automountServiceAccountToken"] is False
    assert container["resources"]["limits"]["memory"]
    assert all("secret" not in volume and "hostPath" not in volume for volume in spec["volumes"])
    assert "command" not in container
    assert not any("exec" in container[probe] for probe in ("readinessProbe", "livenessProbe")), "there is no shell"


def test_names_and_ports_lead_to_each_other() -> None:
    deployment, service = one("Deployment"), one("Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (
        deployment["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector == labels
    (port,) = deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert one("NetworkPolicy")["spec"]["ingress"][0]["ports"][0]["port"] == port["containerPort"]
    assert f'"--port", "{port["containerPort"]}"' in read("Containerfile")
    for hook in webhooks():
        named = hook["clientConfig"]["service"]
        assert (named["namespace"], named["name"]) == (service["metadata"]["namespace"], service["metadata"]["name"])
        assert named["port"] == service["spec"]["ports"][0]["port"]


def test_the_overlay_names_what_the_base_needs() -> None:
    (overlay,) = documents("deploy/kubernetes/own-certificate/kustomization.yaml")
    (image,) = overlay["images"]
    assert image["name"] == one("Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert f"{image['newName']}@{image['digest']}" == IMAGE
    sources = one("Deployment")["spec"]["template"]["spec"]["volumes"][0]["projected"]["sources"]
    assert sources[0]["configMap"]["name"] == overlay["configMapGenerator"][0]["name"]
    assert sources[1]["secret"]["name"] == overlay["secretGenerator"][0]["name"]
    assert [item["key"] for item in sources[1]["secret"]["items"]] == overlay["secretGenerator"][0]["files"]
    (named,) = one("Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    log = overlay["secretGenerator"][1]
    assert named["name"] == "WEIGHBRIDGE_INDEX"
    assert named["valueFrom"]["secretKeyRef"] == {"name": log["name"], "key": log["files"][0]}
    where = one("Deployment")["spec"]["template"]["spec"]["containers"][0]["volumeMounts"][0]["mountPath"]
    assert f"WEIGHBRIDGE_CONFIG={where}/weighbridge.toml" in read("Containerfile")
    for item in sources[1]["secret"]["items"]:
        assert f'"{where}/{item["path"]}"' in read("Containerfile")


def test_the_patch_reaches_every_webhook() -> None:
    (patch,) = documents("deploy/kubernetes/own-certificate/ca.yaml")
    configuration = one("ValidatingWebhookConfiguration")
    patched = copy.deepcopy(configuration)
    authority = base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode()
    for change in patch:
        assert change["op"] == "add"
        *way, last = change["path"].strip("/").split("/")
        node: Any = patched
        for step in way:
            node = node[int(step)] if step.isdigit() else node[step]
        node[last] = authority
    assert all(hook["clientConfig"]["caBundle"] == authority for hook in patched["webhooks"])
    kubernetes_validate.validate(patched, "1.35", strict=True)


def test_what_is_deployed_would_pass_its_own_gate() -> None:
    deployment = one("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = IMAGE
    wanted = read_workload(deployment)
    assert wanted.refused == ()
    assert wanted.images == (IMAGE,)
    assert set(wanted.volumes) <= {"projected", "emptyDir"}


@pytest.mark.parametrize(
    "path", ["deploy/kubernetes/own-certificate/weighbridge.toml", "deploy/compose/weighbridge.toml"]
)
def test_settings_that_are_shipped_are_read(path: str) -> None:
    settings = load_settings(os.path.join(ROOT, path), {})
    assert settings.stages["production"].verdicts == ("clean",)
    assert settings.registry


# Containers


def test_the_composition_is_valid_and_every_image_is_the_users_to_pin() -> None:
    words = [
        os.path.join(os.path.dirname(sys.executable), "check-jsonschema"),
        "--builtin-schema",
        "vendor.compose-spec",
    ]
    path = os.path.join(DEPLOY, "compose/compose.yaml")
    done = subprocess.run([*words, path], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    composition = yaml.safe_load(read("deploy/compose/compose.yaml"))
    for name, service in composition["services"].items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == "65532:65532"
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert not any("docker.sock" in str(volume) for volume in service["volumes"])
        assert name == "gate" or re.match(r"\$\{[A-Z_]+:\?", service["image"])
    for value in composition["services"]["gate"]["build"]["args"].values():
        assert re.match(r"\$\{[A-Z_]+:\?", value)


def instructions() -> Iterator[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", read("Containerfile"), flags=re.MULTILINE)
    for line in text.splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest


def test_the_image_runs_without_root_and_without_a_shell() -> None:
    steps = list(instructions())
    last_stage = steps[max(place for place, (word, _) in enumerate(steps) if word == "FROM") :]
    assert [rest for word, rest in steps if word == "FROM"] == ["${BUILD_IMAGE} AS build", "${RUN_IMAGE}"]
    assert [rest for word, rest in steps if word == "ARG"] == ["BUILD_IMAGE", "RUN_IMAGE"], "an image has a default"
    assert [rest for word, rest in last_stage if word == "USER"] == ["65532:65532"]
    assert not any(word == "RUN" for word, _ in last_stage)
    assert not any(word == "ADD" for word, _ in steps)
    for word, rest in steps:
        if word in ("RUN", "ENTRYPOINT", "CMD"):
            assert isinstance(json.loads(rest), list), "a shell would be needed"
    install = json.loads(next(rest for word, rest in steps if word == "RUN"))
    assert {"--require-hashes", "--only-binary"} <= set(install)
    assert "--chmod=a-w,a+rX" in next(rest for word, rest in last_stage if word == "COPY")


def test_the_image_holds_nothing_but_what_it_needs() -> None:
    kept = read(".containerignore").split()
    assert kept[0] == "*"
    for word, rest in instructions():
        if word == "COPY" and "--from" not in rest:
            assert f"!{rest.split()[0]}" in kept


@pytest.mark.parametrize("lock", ["tools/container/requirements.txt", "tools/action/requirements.txt"])
def test_locked_libraries_are_those_of_the_package(lock: str) -> None:
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    extras = ["azure", "server", "postgres"] if "container" in lock else ["azure"]
    wanted = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    locked = set(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==", read(lock).replace(".", "-"), flags=re.MULTILINE))
    for line in wanted:
        name = re.split(r"[^A-Za-z0-9._-]", line)[0].lower().replace(".", "-").replace("_", "-")
        assert name in locked, name
    for entry in re.split(r"\n(?=\S)", read(lock).strip()):
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def test_the_server_needs_no_shell_no_root_and_nothing_to_write_to_but_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of the image, in a view of this machine that has no shell and cannot be written to."""
    if shutil.which("bwrap") is None:
        missing("apt-get install bubblewrap")
    monkeypatch.chdir(tmp_path)
    gate = served(tmp_path)
    tmp_path.chmod(0o755)
    shells = ("sh", "bash", "dash", "busybox", "rbash", "perl")
    hidden = [os.path.join(folder, name) for folder in ("/bin", "/usr/bin") for name in shells]
    hidden = sorted({os.path.realpath(path) for path in hidden if os.path.exists(path)})
    port = 20_000 + os.getpid() % 20_000
    words = ["bwrap", "--unshare-user", "--uid", "65532", "--gid", "65532", "--unshare-pid", "--cap-drop", "ALL"]
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--die-with-parent", "--new-session"]
    for path in hidden:
        words += ["--ro-bind", "/dev/null", path]
    # The log of decisions is the one thing that is written, and it may lie elsewhere.
    words += ["--bind", str(tmp_path / ".weighbridge"), str(tmp_path / ".weighbridge")]
    inner = [sys.executable, "-P", "-m", "weighbridge", "serve", "--port", str(port)]
    environ = {"PATH": "/nonexistent", "PYTHONPATH": os.path.join(ROOT, "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    environ["WEIGHBRIDGE_CONFIG"] = str(tmp_path / "weighbridge.toml")
    bwrap = str(shutil.which("bwrap"))
    with open(tmp_path / "said", "wb") as said:
        one = subprocess.Popen([bwrap, *words[1:], "--", *inner], env=environ, stdout=said, stderr=said)
    try:
        answer = None
        for _ in range(400):
            if one.poll() is not None:
                break
            try:
                url = f"http://127.0.0.1:{port}/admission/production"
                answer = httpx2.post(url, json=review(pod(models=(gate.model,))), timeout=30).json()
                break
            except httpx2.ConnectError:
                time.sleep(0.05)
        assert answer is not None, (tmp_path / "said").read_text()
        assert answer["response"]["allowed"] is True, answer
    finally:
        one.kill()
        one.wait()
