"""Model assets of Azure ML registries: read one, register one, put its bytes where Azure says.

    POST …/registries/R/models/N/versions/V/startPendingUpload  →  a container and a signature for it
    PUT  blobs                                                  →  the files, none of which may be there
    PUT  …/registries/R/models/N/versions/V                     →  the asset, with its digest in its properties
    GET  …                                                      →  what is there now, compared

An asset's properties can be changed by whoever may write it: they are hints, which signed evidence has to bear out.
Source: learn.microsoft.com, Microsoft.MachineLearningServices "Registry Model Versions" 2025-12-01.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from weighbridge.core.errors import AzureError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.registry.wire import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from typing import Any, BinaryIO

    from weighbridge.azure.clients import Service
    from weighbridge.azure.deployments import Asset

API = "2025-12-01"
STORAGE = (".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn")


class Place(NamedTuple):
    """The resource group of an Azure ML registry."""

    subscription: str
    group: str


class Stored(NamedTuple):
    """A model asset as it is there. `state` is its provisioning state, in lower case."""

    name: str
    version: str
    state: str
    archived: bool
    uri: str
    properties: Mapping[str, str]
    created_by: str


class Upload(NamedTuple):
    """One file to put beside the others; `open` gives its bytes."""

    path: str
    size: int
    open: Callable[[], AbstractContextManager[BinaryIO]]


def path_of(place: Place, asset: Asset) -> str:
    """The ARM path of an asset."""
    base = f"/subscriptions/{place.subscription}/resourceGroups/{place.group}"
    registry = f"{base}/providers/Microsoft.MachineLearningServices/registries/{asset.registry}"
    return f"{registry}/models/{asset.name}/versions/{asset.version}"


def read_asset(document: Mapping[str, Any]) -> Stored:
    """An asset as ARM gives it, or as `az ml model show` does. Raises AzureError for anything else."""
    inner = document.get("properties")
    flat = not (isinstance(inner, dict) and ("modelUri" in inner or "provisioningState" in inner))
    if flat and not isinstance(document.get("path"), str):
        raise AzureError("this is no model asset", "write it with az rest, or az ml model show", "")
    identity = str(document.get("id", "")).rstrip("/").split("/")
    name, version = (identity[-3], identity[-1]) if len(identity) > 3 and identity[-2] == "versions" else ("", "")
    said: Mapping[str, Any] = document if flat or not isinstance(inner, dict) else inner
    kept = said.get("properties")
    system = document.get("systemData") or document.get("creation_context") or {}
    return Stored(
        str(document.get("name", name)) if flat else name,
        str(document.get("version", version)),
        # `az ml` says nothing of the state of an asset: it shows those that are there.
        str(said.get("provisioningState", "succeeded" if flat else "")).lower(),
        said.get("isArchived") is True,
        str(said.get("modelUri") or said.get("path") or ""),
        {str(key): str(value) for key, value in kept.items()} if isinstance(kept, dict) else {},
        str(system.get("createdBy") or system.get("created_by") or "") if isinstance(system, dict) else "",
    )


def find_asset(arm: Service, place: Place, asset: Asset) -> Stored | None:
    """The asset as it is there; None if it is not."""
    try:
        return read_asset(arm.get(path_of(place, asset), API))
    except AzureError as error:
        if error.code in ("ResourceNotFound", "NotFound", "404", "UserError"):
            return None
        raise


def body_of(uri: str, about: Mapping[str, str]) -> dict[str, Any]:
    """What registers an asset."""
    tags = {"weighbridge": "admitted"}
    return {"properties": {"modelType": "custom_model", "modelUri": uri, "properties": dict(about), "tags": tags}}


def publish_asset(
    arm: Service, place: Place, asset: Asset, files: Iterable[Upload], about: Mapping[str, str]
) -> Stored:
    """Upload and register. Raises AzureError if the version is there already: versions never change."""
    if find_asset(arm, place, asset) is not None:
        raise AzureError(f"{asset} is there already", "choose another version: versions never change", "Conflict")
    path = path_of(place, asset)
    answer = arm.post(f"{path}/startPendingUpload", API, {"pendingUploadType": "TemporaryBlobReference"})
    blob = answer.get("blobReferenceForConsumption")
    uri = str(blob.get("blobUri", "")) if isinstance(blob, dict) else ""
    credential = blob.get("credential") if isinstance(blob, dict) else None
    signed = str(credential.get("sasUri", "")) if isinstance(credential, dict) else ""
    check_storage(signed)
    _put(signed, files)
    arm.put(path, API, body_of(uri, about))
    stored = find_asset(arm, place, asset)
    wrong = stored is None or any(stored.properties.get(key) != value for key, value in about.items())
    if stored is None or wrong or stored.uri != uri:
        raise AzureError(f"{asset} is not there as it was written", "archive this version and publish another", "")
    return stored


def check_storage(url: str) -> None:
    """Raise AzureError unless an address is one of Azure's storage: the bytes of a model go nowhere else."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or (parts.scheme == "https" and host.endswith(STORAGE)):
        return
    raise AzureError(f"Azure names {plain(host, 100)!r} to upload to, which is no storage of Azure", "", "")


def _put(signed: str, files: Iterable[Upload]) -> None:
    from azure.core.exceptions import AzureError as Refused
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_container_url(signed) as container:
        for file in files:
            try:
                with file.open() as stream:
                    container.upload_blob(file.path, stream, length=file.size, overwrite=False, max_concurrency=1)
            except Refused as error:
                # The message may repeat the address, and with it the signature.
                cause = f"{plain(file.path, 200)} cannot be uploaded: {type(error).__name__}"
                raise AzureError(cause, "publish again under another version", "") from None
