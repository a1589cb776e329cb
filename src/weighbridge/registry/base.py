"""Seam 4: a store is one repository of a registry. Content is addressed by digest, puts are idempotent, and every
byte that is moved is checked against its digest.

References, as people write them:

    oci:DIR:NAME:TAG          oci:DIR:NAME@sha256:…       a name in an image layout folder (DIR without a colon)
    HOST/NAME:TAG             HOST/NAME@sha256:…          a name in a registry; HOST has a dot, a port, or is localhost
    NAME:TAG                  NAME@sha256:…               only with a default registry (`oci:DIR` or HOST)

In a layout folder the tag is the index annotation `org.opencontainers.image.ref.name` with the value `NAME:TAG`, so
`skopeo inspect --raw oci:DIR:NAME:TAG` finds it. skopeo (1.9.3) cuts at the first colon, takes the rest as the
annotation's value, and knows no digests there. It refuses a value with two separators in a row, or one at the start
or end of a part (`a__b`, `v1..2`, `_x`), although the distribution specification allows such names: they work here,
but not with skopeo.
Grammar: github.com/opencontainers/distribution-spec, "Pulling manifests".
"""

from __future__ import annotations

import re
from types import MappingProxyType

from weighbridge.core.digests import Digest, parse_digest
from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import BinaryIO, Literal

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
_FALLBACK_TAG = re.compile(r"sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?")
MAX_NAME = 255
"""Characters of a repository name; registries allow no more."""


class Descriptor(NamedTuple):
    """What names a blob or a manifest: digest and size in bytes are proof, the rest are claims."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = MappingProxyType({})
    artifact_type: str = ""


class Reference(NamedTuple):
    """Where a model is. `place` is a folder or a host; either `tag` or `digest` is set."""

    kind: Literal["layout", "remote"]
    place: str
    name: str
    tag: str | None
    digest: Digest | None

    def __str__(self) -> str:
        end = f":{self.tag}" if self.digest is None else f"@{self.digest}"
        return (f"oci:{self.place}:" if self.kind == "layout" else f"{self.place}/") + self.name + end


class Store(Protocol):
    """One repository. Raises NotFound, DigestMismatch, and RegistryError for everything else that goes wrong."""

    def reference(self, *, tag: str | None = None, digest: Digest | None = None) -> Reference:
        """How people write a manifest of this repository; exactly one of the two is given."""

    def put_blob(self, data: BinaryIO, *, expect: Digest, size: int) -> Descriptor:
        """Store a stream that must have this digest and size (bytes); otherwise nothing is left. May leave the
        stream unread if the store holds these bytes already.
        """

    def open_blob(self, blob: Descriptor) -> AbstractContextManager[BinaryIO]:
        """A stream of the blob that raises DigestMismatch instead of giving the last bytes of a wrong blob."""

    def put_manifest(self, raw: bytes, media_type: str, tag: str | None = None) -> Descriptor:
        """Store a manifest, exactly these bytes, whose blobs are all there; visible by digest, and by tag if given."""

    def resolve(self, reference: Reference) -> Descriptor:
        """The manifest that a tag or a digest names now. Raises NotFound."""

    def get_manifest(self, manifest: Descriptor) -> bytes:
        """The bytes of a manifest, verified."""

    def referrers(self, subject: Descriptor, kind: str | None = None) -> Iterator[Descriptor]:
        """Manifests whose subject is this one; `kind` is their artifact type. The order is that of arrival."""

    def tags(self) -> tuple[str, ...]:
        """All tags that people set, sorted; not those that tools use to attach signatures."""

    def tag(self, manifest: Descriptor, name: str) -> None:
        """Make a tag name this manifest, atomically. What it named before stays available by digest."""

    def remove(self, manifest: Descriptor) -> None:
        """Make an untagged manifest invisible. Does nothing if a tag names it or if it is not there."""


def parse_reference(text: str, default: str = "") -> Reference:
    """Read a reference; `default` is the registry of a bare NAME:TAG. Raises UsageError."""
    shown = plain(text, 200)
    if text.startswith("oci:"):
        place, colon, rest = text[len("oci:") :].partition(":")
        if not place or not colon or place.startswith("//"):
            raise UsageError(f"{shown!r} is not a reference", "write oci:DIR:NAME:TAG; DIR cannot contain a colon")
        name, tag, digest = _split(rest, shown)
        return Reference("layout", place, name, tag, digest)
    host, slash, rest = text.partition("/")
    if not slash or not (host == "localhost" or "." in host or ":" in host):
        if not default:
            raise UsageError(
                f"{shown!r} names no registry", "write HOST/NAME:TAG or oci:DIR:NAME:TAG, or set a default registry"
            )
        return parse_reference(f"{default}:{text}" if default.startswith("oci:") else f"{default}/{text}")
    if not _HOST.fullmatch(host):
        raise UsageError(f"{plain(host, 200)!r} is not a registry host", "write HOST/NAME:TAG")
    name, tag, digest = _split(rest, shown)
    return Reference("remote", host, name, tag, digest)


def check_name(name: str) -> str:
    """The repository name, if it follows the grammar. Raises UsageError."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise UsageError(
            f"{plain(name, 200)!r} is not a repository name",
            "use lower-case letters and digits, joined by . _ - and /",
        )
    return name


def check_tag(tag: str) -> str:
    """The tag, if it follows the grammar and people may set it. Raises UsageError."""
    if not _TAG.fullmatch(tag):
        raise UsageError(
            f"{plain(tag, 200)!r} is not a tag", "use up to 128 letters, digits and . _ -, not starting with . or -"
        )
    if is_fallback_tag(tag):
        raise UsageError(f"the tag {tag!r} has the form that tools use for signatures", "choose another tag")
    return tag


def is_fallback_tag(tag: str) -> bool:
    """Whether tools use a tag of this form to attach things to a digest (OCI referrers fallback, older cosign)."""
    return _FALLBACK_TAG.fullmatch(tag) is not None


def _split(text: str, shown: str) -> tuple[str, str | None, Digest | None]:
    name, at, digest = text.partition("@")
    if at:
        if ":" in name:
            raise UsageError(f"{shown!r} has both a tag and a digest", "give one of the two")
        return check_name(name), None, parse_digest(digest)
    name, colon, tag = text.partition(":")
    if not colon:
        raise UsageError(f"{shown!r} has neither a tag nor a digest", "write NAME:TAG or NAME@sha256:…")
    return check_name(name), check_tag(tag), None
