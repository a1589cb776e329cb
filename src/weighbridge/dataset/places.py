"""Where data sets come from: what models come from, with what a version of data needs besides.

A folder of a git checkout is held against its commit; a container of Azure storage must keep versions or snapshots, and
what is deleted; `hf://datasets/ORG/NAME@REVISION` is a data set of the Hugging Face Hub.
"""

from __future__ import annotations

from weighbridge.core.claims import Claim, Status
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sources.open import is_remote, open_source

if TYPE_CHECKING:
    from weighbridge.core.origin import Origin
    from weighbridge.core.settings import Settings
    from weighbridge.sources.base import Source

HUB = "hf://datasets/"
VERSIONS, DELETION = "storage-versions", "storage-soft-delete"


def open_data(text: str, settings: Settings) -> Source:
    """The data set that `text` names. Raises UsageError."""
    if text[: len(HUB)].lower() == HUB:
        from weighbridge.sources.hub import open_data as open_hub_data

        return open_hub_data(HUB + text[len(HUB) :], settings)
    if text[:5].lower() == "az://":
        from weighbridge.sources.azure_blob import open_blob

        return open_blob(f"az://{text[5:]}", settings)._replace(kept=True)
    if not is_remote(text):
        from weighbridge.sources.checkout import checkout_of

        found = checkout_of(text, settings.limits, settings.quarantine.most_bytes)
        if found is not None:
            return found
    return open_source(text, settings)


def storage_claims(origin: Origin) -> tuple[Claim, ...]:
    """Whether the storage keeps exactly these bytes, and what somebody deletes; of Azure storage only."""
    if origin.kind != "azure-blob":
        return ()
    kept = sum(bool(file.version) for file in origin.files)
    whole = kept == len(origin.files)
    versions = sum(bool(file.version) and not file.version.startswith("snapshot ") for file in origin.files)
    said = f"{versions} of {len(origin.files)} blobs have a version id, {kept - versions} a snapshot with these bytes"
    state = next((one.value for one in origin.told if one.key == "soft-delete"), "unknown")
    deletion = Status.VERIFIED if state.startswith("on") else Status.ABSENT
    return (
        Claim(VERSIONS, Status.VERIFIED if whole else Status.ABSENT, said, f"{kept}/{len(origin.files)}"),
        Claim(DELETION, deletion, f"soft delete of the account: {state}", state),
    )


def storage_lacks(claims: tuple[Claim, ...]) -> tuple[str, ...]:
    """What the storage does not keep, a sentence each: a version that can be lost names nothing for good."""
    found = {claim.claim: claim for claim in claims if claim.status is not Status.VERIFIED}
    lacks = []
    if VERSIONS in found:
        mend = "turn versioning on, or take a snapshot of each blob"
        lacks.append(f"the storage does not keep this version: {found[VERSIONS].evidence}; {mend}")
    if DELETION in found:
        mend = "turn soft delete on, and let this identity read the properties of the blob service"
        lacks.append(f"what is deleted may be gone: {found[DELETION].evidence}; {mend}")
    return tuple(lacks)
