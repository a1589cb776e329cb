"""AdmissionReviews and the objects in them, as the API server of Kubernetes sends them."""

from __future__ import annotations

from typing import Any

DIGEST = "sha256:" + "a" * 64
IMAGE = f"registry.example.com/serving/server@{DIGEST}"


def pod(*, models: tuple[str, ...] = (), annotation: str = "", image: str = IMAGE, **spec: Any) -> dict[str, Any]:
    """A pod that mounts `models` as image volumes, and names `annotation`."""
    volumes = [{"name": f"m{i}", "image": {"reference": text, "pullPolicy": "Always"}} for i, text in enumerate(models)]
    volumes += spec.pop("volumes", [])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "net", **({"annotations": {"weighbridge.dev/model": annotation}} if annotation else {})},
        "spec": {"containers": [{"name": "server", "image": image}], "volumes": volumes, **spec},
    }


def inference_service(address: str | None = None, **predictor: Any) -> dict[str, Any]:
    model = {"modelFormat": {"name": "sklearn"}, **({"storageUri": address} if address else {})}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "net"},
        "spec": {"predictor": {"model": model, **predictor}},
    }


def deployment(of: dict[str, Any]) -> dict[str, Any]:
    template = {"metadata": {**of["metadata"], "labels": {"app": "net"}}, "spec": of["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "net"},
        "spec": {"selector": {"matchLabels": {"app": "net"}}, "template": template},
    }


def review(item: Any, operation: str = "CREATE", old: Any = None, **changes: Any) -> dict[str, Any]:
    of = item if isinstance(item, dict) else old if isinstance(old, dict) else {"apiVersion": "v1", "kind": "Pod"}
    group, _, version = str(of.get("apiVersion", "")).rpartition("/")
    request = {
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "kind": {"group": group, "version": version, "kind": of.get("kind")},
        "namespace": "serving",
        "name": "net",
        "operation": operation,
        "userInfo": {"username": "somebody"},
        "object": item,
        "oldObject": old,
        "dryRun": False,
        **changes,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
