"""What a Kubernetes object would run: its models, its container images and its kinds of volumes. Judges nothing.

    Pod, PodTemplate, and what makes pods      containers, volumes, two annotations of the pod
    serving.kserve.io/*                        the same, and every storageUri

A model is named by an image volume (`volumes[].image.reference`), by the annotation `weighbridge.dev/model` (several
with commas), by KServe's `storageUri`, `storageUris[].uri` and `model.uri`, and by what KServe's own webhook makes of
them: the annotation of its storage initializer, that container's arguments, and the container `modelcar`.

What is not understood is a sentence in `refused`, never nothing. What a program fetches on its own once it runs is
not visible here: that is for the network to stop.
Sources: kubernetes.io/docs/concepts/storage/volumes (image), kserve.github.io/website (storage, modelcars).
"""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MODEL_ANNOTATION = "weighbridge.dev/model"
SOURCE_ANNOTATION = "internal.serving.kserve.io/storage-initializer-sourceuri"
KSERVE = "serving.kserve.io"
KSERVE_KINDS = ("InferenceService", "LLMInferenceService", "TrainedModel")
TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}
"""Where each kind keeps the pod that it makes."""
MODEL_CONTAINERS = ("modelcar", "modelcar-init")
DEPTH = 60


class Workload(NamedTuple):
    """What an object would run. Models and images are as they are written."""

    models: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    """Sentences on what cannot be judged."""


def read_workload(item: Any) -> Workload:
    """What an object would run; `refused` is never empty for one that is not understood."""
    if not isinstance(item, dict):
        return Workload(refused=("there is no object to judge",))
    group, _, version = str(item.get("apiVersion", "")).rpartition("/")
    kind = str(item.get("kind", ""))
    seen = _Seen([], [], [], [])
    if group == KSERVE and kind in KSERVE_KINDS:
        _metadata(item, seen)
        _walk(item.get("spec"), seen, 0)
        if not seen.models and not seen.images and not seen.refused:
            seen.refused.append(f"the {kind} names no model")
    elif (group, kind) in TEMPLATES and version == "v1":
        pod: Any = item
        for key in TEMPLATES[group, kind]:
            pod = pod.get(key) if isinstance(pod, dict) else None
        if isinstance(pod, dict) and isinstance(pod.get("spec"), dict):
            _metadata(pod, seen)
            _walk(pod["spec"], seen, 0)
            if not seen.images:
                seen.refused.append(f"the {kind} names no container image")
        else:
            seen.refused.append(f"the {kind} has no pod in it")
    else:
        seen.refused.append(f"objects of the kind {plain(kind, 80)!r} of {plain(group, 80)!r} are not understood")
    return Workload(*(tuple(dict.fromkeys(values)) for values in seen))


class _Seen(NamedTuple):
    models: list[str]
    images: list[str]
    volumes: list[str]
    refused: list[str]


def _metadata(item: dict[str, Any], seen: _Seen) -> None:
    metadata = item.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if annotations is None:
        return
    if not isinstance(annotations, dict):
        seen.refused.append("its annotations are no table")
        return
    for name in (MODEL_ANNOTATION, SOURCE_ANNOTATION):
        value = annotations.get(name)
        if value is None:
            continue
        named = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else []
        if not named:
            seen.refused.append(f"the annotation {name} names no model")
        seen.models.extend(named)


def _walk(node: Any, seen: _Seen, depth: int) -> None:
    """Look at every part of a specification, wherever it stands: new fields are then seen rather than missed."""
    if depth > DEPTH:
        seen.refused.append(f"it is nested more than {DEPTH} deep")
        return
    if isinstance(node, list):
        for part in node:
            _walk(part, seen, depth + 1)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "volumes":
            seen.refused.extend(_volumes(value, seen))
            continue
        if key == "image" and value is not None:
            named = seen.models if node.get("name") in MODEL_CONTAINERS else seen.images
            _text(value, "an image", named, seen)
        elif key in ("storageUri", "uri") and value is not None:
            _text(value, "a storage address", seen.models, seen)
        elif key == "storage" and isinstance(value, dict) and "modelFormat" in node:
            seen.refused.append("a storage that the cluster keeps is named instead of a digest")
        _walk(value, seen, depth + 1)
    arguments = node.get("args")
    if node.get("name") == "storage-initializer" and isinstance(arguments, list):
        for address in arguments[::2]:
            _text(address, "a storage address", seen.models, seen)


def _volumes(value: Any, seen: _Seen) -> Iterator[str]:
    if value is None:
        return
    if not isinstance(value, list):
        yield "its volumes are no list"
        return
    for volume in value:
        kinds = [key for key in volume if key != "name"] if isinstance(volume, dict) else []
        if not kinds:
            # Kubernetes reads a volume without a kind as an empty folder.
            seen.volumes.append("emptyDir")
        for kind in kinds:
            if kind != "image":
                seen.volumes.append(str(kind))
                continue
            source = volume[kind]
            _text(source.get("reference") if isinstance(source, dict) else None, "an image volume", seen.models, seen)


def _text(value: Any, what: str, into: list[str], seen: _Seen) -> None:
    if isinstance(value, str) and value:
        into.append(value)
    else:
        seen.refused.append(f"{what} is not named by a text")
