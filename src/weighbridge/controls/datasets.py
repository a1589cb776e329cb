"""C10: training data can be had back as it was, and says what it is.

Storage with a hierarchical namespace keeps no versions of blobs: there the deleted can be restored and no more, which
is a remark, and so is storage whose blobs are not immutable. Of data in git the branch must demand signed commits and
refuse to be rewritten: GitHub's protection of it, exported. Labels live in Purview and not in Azure Resource Manager:
without its export nobody knows.
"""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from weighbridge.controls.base import (
    Check,
    az,
    expect,
    found,
    is_false,
    is_true,
    not_exported,
    remark,
    unknown,
)
from weighbridge.controls.estate import BLOBS, LABEL, REPOSITORY, ROLE_TAG, STORAGE, Resource, items, look, tag
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate

HOW = "az rest --url {account}/blobServices/default?api-version=2023-05-01, all of them as a list in blobServices.json"
BRANCH = "gh api repos/OWNER/NAME/branches/BRANCH/protection, all of them as a list in dataRepositories.json"
PURVIEW = "the answer of Purview's /datamap/api/search/query in datasetLabels.json"


def dataset_accounts(estate: Estate) -> tuple[Resource, ...]:
    """Storage that is said to hold training data."""
    named = {key.lower() for key in estate.datasets}
    return tuple(one for one in estate.of(STORAGE) if one.key in named or tag(one, ROLE_TAG).lower() == "dataset")


def kept(estate: Estate) -> Iterator[Check]:
    """Versions, soft deletion, no keys, nobody anonymous, labels; signed commits where data is in git."""
    yield from _repositories(estate)
    accounts = dataset_accounts(estate)
    if not accounts:
        yield from not_exported(estate, "resources", STORAGE, "export resources.json")
        if estate.of(STORAGE):
            mend = "tag it with weighbridge.role=dataset"
            yield unknown("storage", "tags.weighbridge.role", "nobody says", "which storage holds training data", mend)
        return
    for one in accounts:
        update = ("storage", "account", "update", "--name", one.name, "--resource-group", one.group)
        keys = az(*update, "--allow-shared-key-access", "false")
        yield expect(one, "properties.allowSharedKeyAccess", is_false, "false", mend=keys)
        public = az(*update, "--allow-blob-public-access", "false")
        yield expect(one, "properties.allowBlobPublicAccess", is_false, "false", mend=public)
        yield from _immutable(one)
        yield from _service(one, estate)
        yield from _labelled(one, estate)


def _immutable(one: Resource) -> Iterator[Check]:
    path = "properties.immutableStorageWithVersioning.enabled"
    if is_true(look(one, path)):
        yield found(one, path, True, "true", "true")
    else:
        wanted = "true: then nobody replaces or deletes a version before its time, whatever his role"
        yield remark(one, path, "not true", wanted)


def _repositories(estate: Estate) -> Iterator[Check]:
    """Branches that data is taken from: every change signed, none of them rewritten."""
    protections = estate.of(REPOSITORY)
    for named in estate.data_repositories:
        path = urlsplit(named).path.strip("/").removesuffix(".git").lower()
        if not any(f"/repos/{path}/" in one.key for one in protections):
            yield unknown(named, "dataRepositories.json", "not in the export", "the protection of its branch", BRANCH)
    for one in protections:
        mend = f"gh api --method POST {shlex.quote(one.id)}/required_signatures"
        yield expect(one, "required_signatures.enabled", is_true, "true", mend=mend)
        forced = "turn force pushes off in the protection of the branch"
        yield expect(one, "allow_force_pushes.enabled", is_false, "false", mend=forced)
        if not is_true(look(one, "enforce_admins.enabled")):
            yield remark(one, "enforce_admins.enabled", "not true", "true: the rules hold for administrators too")


def _service(one: Resource, estate: Estate) -> Iterator[Check]:
    services = estate.below(one, BLOBS)
    if not services:
        yield unknown(one.id, "blobServices.json", "not in the export", "its blob service", HOW)
    base = ("storage", "account", "blob-service-properties", "update", "--account-name", one.name)
    for service in services:
        if is_true(look(one, "properties.isHnsEnabled")):
            seen = "a hierarchical namespace keeps none"
            yield remark(service, "properties.isVersioningEnabled", seen, "versions: take snapshots of data sets")
        else:
            mend = az(*base, "--enable-versioning", "true")
            yield expect(service, "properties.isVersioningEnabled", is_true, "true", mend=mend)
        mend = az(*base, "--enable-delete-retention", "true", "--delete-retention-days", "30")
        yield expect(service, "properties.deleteRetentionPolicy.enabled", is_true, "true", mend=mend)
        mend = az(*base, "--enable-container-delete-retention", "true", "--container-delete-retention-days", "30")
        yield expect(service, "properties.containerDeleteRetentionPolicy.enabled", is_true, "true", mend=mend)
        if not is_true(look(service, "properties.changeFeed.enabled")):
            yield remark(service, "properties.changeFeed.enabled", "false", "true: what changed, in order")


def _labelled(one: Resource, estate: Estate) -> Iterator[Check]:
    if not estate.has("datasetLabels"):
        yield unknown(one.id, "datasetLabels.json", "not in the export", "a label on its assets", PURVIEW)
        return
    assets = [asset for asset in estate.of(LABEL) if _account_of(asset) == one.name.lower()]
    marked = [asset for asset in assets if any(items(asset.body.get(key)) for key in ("label", "classification"))]
    bare = [asset for asset in assets if asset not in marked]
    met = bool(marked) and not bare
    seen = f"{len(marked)} of {len(assets)} assets" + (f"; not {bare[0].id}" if bare else "")
    yield found(
        one, "label, classification", met, seen, "a label or classification on every asset", "label it in Purview"
    )


def _account_of(asset: Resource) -> str:
    try:
        host = urlsplit(asset.id).hostname or ""
    except ValueError:
        return ""
    return host.partition(".")[0].lower()
