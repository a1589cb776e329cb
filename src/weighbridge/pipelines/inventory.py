"""What a registry holds, and whether it is what it says: lists, trees of models with their evidence, and verification.

Nothing here decides about a stage: that is gate two. A link is `verified` if its bytes have their digests and a trusted
key signed a statement about this very model; `broken` if that is not so, with the reason; `unchecked` if it is of a
kind that Weighbridge does not read, though its bytes have their digests.
"""

from __future__ import annotations

from weighbridge.attest.notary import Target, verify_notary
from weighbridge.attest.trust import TrustPolicy, Verified, open_statement, verify
from weighbridge.core.artifact import escape_name
from weighbridge.core.digests import Digest
from weighbridge.core.errors import NotFound, RegistryError, Rejected
from weighbridge.core.evidence import MODEL_SIGNATURE_PREDICATE, NOTARY_SIGNATURE
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.registry.manifests import IMAGE_MANIFEST, read_manifest
from weighbridge.registry.publish import (
    BUNDLE_PREDICATE,
    BUNDLE_TYPE,
    EVIDENCE_KIND,
    MODEL_TYPE,
)
from weighbridge.registry.read import MAX_BUNDLE, StoredFile, stored_files
from weighbridge.registry.streams import drain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Any, Literal

    from weighbridge.registry.base import Descriptor, Reference, Store
    from weighbridge.registry.manifests import Manifest

SHORT_KINDS = 80
"""Characters of an artifact type that stand for a kind of evidence without a name."""


class Row(NamedTuple):
    """One tag of one repository. `kind` is the artifact type; `scan` and `date` are claims of the manifest."""

    reference: str
    digest: Digest
    size: int
    kind: str
    scan: str
    date: str


class Annotation(NamedTuple):
    """One annotation of a manifest."""

    key: str
    value: str


class ShownModel(NamedTuple):
    """A model as its manifest describes it. Everything but digests and sizes is a claim of whoever pushed it."""

    reference: str
    digest: Digest
    kind: str
    size: int
    files: tuple[StoredFile, ...]
    annotations: tuple[Annotation, ...]


class Link(NamedTuple):
    """One thing that refers to a model. `kind` and `type` are its manifest's words; `why` says what decides."""

    kind: str
    type: str
    digest: Digest
    size: int
    result: Literal["verified", "broken", "unchecked"]
    signer: str
    why: str


class Tree(NamedTuple):
    """A model and everything that refers to it."""

    model: ShownModel
    evidence: tuple[Link, ...]

    @property
    def sound(self) -> bool:
        """Whether there is evidence and none of it is broken."""
        return any(link.result == "verified" for link in self.evidence) and not any(
            link.result == "broken" for link in self.evidence
        )


class Fault(NamedTuple):
    """Something in a registry that is not what it should be."""

    reference: str
    digest: str
    why: str


class Verification(NamedTuple):
    """What was looked at in a registry, and what is wrong with it. `bytes` were read and hashed."""

    models: int
    evidence: int
    blobs: int
    bytes: int
    faults: tuple[Fault, ...]


def rows(store: Store) -> Iterator[Row]:
    """A row for every tag of a repository, in their order. A tag that was removed meanwhile has none."""
    for tag in store.tags():
        reference = store.reference(tag=tag)
        try:
            manifest = store.resolve(reference)
        except NotFound:
            continue
        kind, size, annotations = manifest.artifact_type, manifest.size, {}
        if manifest.media_type == IMAGE_MANIFEST:
            content = read_manifest(store.get_manifest(manifest))
            kind, annotations = content.artifact_type, content.annotations
            size = sum(layer.size for layer in content.layers)
        scan, date = annotations.get("security.scan.result", ""), annotations.get("security.scan.date", "")
        yield Row(str(reference), manifest.digest, size, kind, scan, date)


def show(store: Store, reference: Reference) -> ShownModel:
    """What the manifest that a reference names says. Raises NotFound, DigestMismatch, RegistryError."""
    manifest = store.resolve(reference)
    return shown(reference, manifest, read_manifest(store.get_manifest(manifest)))


def tree(store: Store, reference: Reference, trust: TrustPolicy, now: datetime | None = None) -> Tree:
    """A model and all its evidence, each piece read and verified at `now`; the files are not read."""
    manifest = store.resolve(reference)
    model = shown(reference, manifest, read_manifest(store.get_manifest(manifest)))
    proofs = (prove(store, referrer, manifest, model, trust, now) for referrer in store.referrers(manifest))
    return Tree(model, tuple(link for link, _ in proofs))


def verify_repository(
    store: Store, references: tuple[Reference, ...], trust: TrustPolicy, now: datetime | None = None
) -> Verification:
    """Read every byte of these models of a repository and of all that refers to them, and verify every signature."""
    faults: list[Fault] = []
    read: dict[Digest, int] = {}
    seen: set[Digest] = set()
    models = evidence = 0
    for reference in references:
        try:
            manifest = store.resolve(reference)
            if manifest.digest in seen:
                continue
            seen.add(manifest.digest)
            content = read_manifest(store.get_manifest(manifest))
        except RegistryError as error:
            faults.append(Fault(str(reference), "", error.cause))
            continue
        faults += _read_blobs(store, str(reference), content, read)
        if content.artifact_type != MODEL_TYPE:
            continue
        models += 1
        try:
            found = tree(store, store.reference(digest=manifest.digest), trust, now)
        except RegistryError as error:
            faults.append(Fault(str(reference), str(manifest.digest), error.cause))
            continue
        evidence += len(found.evidence)
        faults += [
            Fault(str(reference), str(link.digest), f"{link.kind}: {link.why}")
            for link in found.evidence
            if link.result == "broken"
        ]
        if not any(link.result == "verified" for link in found.evidence):
            faults.append(Fault(str(reference), str(manifest.digest), "no evidence of it is verified"))
    return Verification(models, evidence, len(read), sum(read.values()), tuple(faults))


def together(parts: list[Verification]) -> Verification:
    """Several repositories as one; a blob that is in two of them counts twice."""
    return Verification(
        sum(part.models for part in parts),
        sum(part.evidence for part in parts),
        sum(part.blobs for part in parts),
        sum(part.bytes for part in parts),
        tuple(fault for part in parts for fault in part.faults),
    )


def shown(reference: Reference, manifest: Descriptor, content: Manifest) -> ShownModel:
    """A manifest as it is shown: its files, if it is a model, and its annotations."""
    files = stored_files(content) if content.artifact_type == MODEL_TYPE else ()
    size = sum(layer.size for layer in content.layers)
    annotations = tuple(Annotation(key, value) for key, value in sorted(content.annotations.items()))
    return ShownModel(str(reference), manifest.digest, content.artifact_type, size, files, annotations)


def prove(
    store: Store,
    referrer: Descriptor,
    manifest: Descriptor,
    model: ShownModel,
    trust: TrustPolicy,
    now: datetime | None,
) -> tuple[Link, dict[str, Any] | None]:
    """One thing that refers to a model, and what it says if that is a statement that holds."""
    kind = referrer.annotations.get(EVIDENCE_KIND, "") or referrer.artifact_type[:SHORT_KINDS]
    predicate_type = referrer.annotations.get(BUNDLE_PREDICATE, "")
    size = 0
    try:
        content = read_manifest(store.get_manifest(referrer))
        size = sum(layer.size for layer in content.layers)
        others = (content.config,) if content.artifact_type == BUNDLE_TYPE else (content.config, *content.layers)
        for blob in others:
            with store.open_blob(blob) as stream:
                drain(stream)
        if content.artifact_type == NOTARY_SIGNATURE and now is not None:
            return _notary(kind, referrer, _bundle(store, content), manifest, trust, now), None
        if content.artifact_type != BUNDLE_TYPE:
            why = "of a kind that is not read; its bytes have their digests"
            return Link(kind, content.artifact_type, referrer.digest, size, "unchecked", "", why), None
        found = _prove(_bundle(store, content), predicate_type, model, trust, now)
    except Rejected as error:
        return Link(kind, predicate_type, referrer.digest, size, "broken", "", f"{error.code}: {error.cause}"), None
    except RegistryError as error:
        return Link(kind, predicate_type, referrer.digest, size, "broken", "", error.cause), None
    why = f"signed by {found.signer_name} for this model"
    link = Link(kind, predicate_type, referrer.digest, size, "verified", found.signer_name, why)
    return link, found.statement.predicate


def _notary(
    kind: str, referrer: Descriptor, envelope: bytes, manifest: Descriptor, trust: TrustPolicy, now: datetime
) -> Link:
    target = Target(manifest.media_type, manifest.digest, manifest.size)
    size = len(envelope)
    try:
        signer = verify_notary(envelope, target, trust, now).authority
    except Rejected as error:
        if error.code != "signer-unknown":
            raise
        return Link(kind, NOTARY_SIGNATURE, referrer.digest, size, "unchecked", "", error.cause)
    why = f"signed by {signer} for this model"
    return Link(kind, NOTARY_SIGNATURE, referrer.digest, size, "verified", signer, why)


def _bundle(store: Store, content: Manifest) -> bytes:
    if len(content.layers) != 1 or content.layers[0].size > MAX_BUNDLE:
        raise Rejected(
            "evidence-malformed", "a referrer without one bundle in it", f"one of at most {MAX_BUNDLE} bytes"
        )
    with store.open_blob(content.layers[0]) as stream:
        return stream.read()


def _prove(bundle: bytes, predicate_type: str, model: ShownModel, trust: TrustPolicy, now: datetime | None) -> Verified:
    """The statement and its trusted signer. Raises Rejected."""
    if predicate_type != MODEL_SIGNATURE_PREDICATE:
        return verify(bundle, trust, predicate_type=predicate_type, subject=model.digest, now=now)
    # A model signature names files, not the manifest: they must be those of the manifest and no other.
    found = open_statement(bundle, trust, predicate_type=predicate_type, now=now)
    resources = found.statement.predicate.get("resources")
    listed = resources if isinstance(resources, list) else []
    signed = {(str(item.get("name")), str(item.get("digest"))) for item in listed if isinstance(item, dict)}
    files = {(escape_name(file.path), file.digest.hex) for file in model.files}
    if {(escape_name(name), digest) for name, digest in signed} != files:
        raise Rejected("digest-mismatch", "a signature over other files", f"the {len(files)} files of the manifest")
    return found


def _read_blobs(store: Store, reference: str, content: Manifest, read: dict[Digest, int]) -> Iterator[Fault]:
    for blob in (content.config, *content.layers):
        if blob.digest in read:
            continue
        try:
            with store.open_blob(blob) as stream:
                drain(stream)
        except RegistryError as error:
            yield Fault(reference, str(blob.digest), error.cause)
        else:
            read[blob.digest] = blob.size
