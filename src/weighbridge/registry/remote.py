"""A repository of a registry over HTTP, by the OCI distribution specification: the same promises as the folder's.

What a registry says is not believed: every blob and every manifest is hashed while it is read, and the header
`Docker-Content-Digest` is only compared. A registry cannot be asked to remove a manifest on the condition that no tag
names it: `remove` looks first, so a tag that is set in that moment is lost with it. Publishing therefore never takes
anything back here.
Content named by its digest is asked of a mirror first, if the settings name one; tags, lists and writing never are.
Source: github.com/opencontainers/distribution-spec, spec.md (1.1).
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager, suppress

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import DigestMismatch, NotFound, RegistryError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import RegistrySetting
from weighbridge.registry.attached import INDEX, enter_referrer, listed, strike_referrer
from weighbridge.registry.base import (
    Descriptor,
    Reference,
    check_free,
    check_host,
    check_name,
    check_tag,
    is_fallback_tag,
)
from weighbridge.registry.contents import is_small
from weighbridge.registry.credentials import credential_for
from weighbridge.registry.manifests import (
    IMAGE_MANIFEST,
    MAX_MANIFEST,
    check_manifest,
    read_manifest,
)
from weighbridge.registry.streams import verified
from weighbridge.registry.tokens import Tokens
from weighbridge.registry.transfer import (
    mount_blob,
    open_remote_blob,
    pull_scopes,
    push_scopes,
    send_blob,
    send_manifest,
)
from weighbridge.registry.wire import Pace, Wire, is_plain, next_page, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from weighbridge.core.digests import Digest
    from weighbridge.registry.contents import Contents
    from weighbridge.registry.credentials import Identity

MAX_LIST = 16 * 1024 * 1024
"""Bytes of one page of tags or repositories."""
MAX_PAGES = 1000
LANES = 3
"""Blobs that are moved at a time: enough to hide the pauses between requests."""
DOCKER_HUB = "registry-1.docker.io"
"""The host that answers for docker.io."""
MANIFESTS = f"{IMAGE_MANIFEST}, {INDEX}, application/vnd.docker.distribution.manifest.v2+json"


def open_wire(
    host: str,
    settings: Mapping[str, RegistrySetting],
    *,
    environ: Mapping[str, str] = os.environ,
    pace: Pace | None = None,
    identity: Callable[[], Identity] | None = None,
) -> Wire:
    """A wire to a registry with what the settings say of it. Nothing is sent yet."""
    pace = pace or Pace()
    setting = settings.get(host, RegistrySetting())
    address = check_host(DOCKER_HUB if host == "docker.io" else host)
    origin = f"{'http' if is_plain(address, setting) else 'https'}://{address}"
    tokens = Tokens(
        address,
        secure=origin.startswith("https:"),
        credential=credential_for(host, origin, setting, environ, identity),
        clock=pace.clock,
    )
    wire = Wire(address, setting, tokens, pace)
    tokens.send = wire.send_plainly
    return wire


def open_remote(
    host: str,
    repository: str,
    settings: Mapping[str, RegistrySetting],
    *,
    environ: Mapping[str, str] = os.environ,
    pace: Pace | None = None,
    identity: Callable[[], Identity] | None = None,
    contents: Contents | None = None,
) -> RemoteStore:
    """One repository of a registry. Raises UsageError for a bad name or host; nothing is asked of the registry yet.

    `contents`: keep what is small and has a digest there, and do not ask for it again.
    """
    check_name(repository)
    wire = open_wire(host, settings, environ=environ, pace=pace, identity=identity)
    mirror = settings.get(host, RegistrySetting()).mirror
    mirrored = None
    if mirror:
        place, _, prefix = mirror.partition("/")
        name = f"{prefix}/{repository}" if prefix else repository
        mirrored = (open_wire(place, settings, environ=environ, pace=pace, identity=identity), check_name(name))
    return RemoteStore(host, repository, wire, mirrored, contents)


def remote_repositories(wire: Wire) -> tuple[str, ...]:
    """Names of all repositories of a registry, sorted. Raises RegistryError if it does not tell them."""
    return tuple(sorted(set(_pages(wire, "/v2/_catalog?n=1000", ("registry:catalog:*",), "repositories"))))


class RemoteStore:
    """One repository of a registry over HTTP. See `Store`."""

    removes_safely = False
    lanes = LANES

    def __init__(
        self,
        host: str,
        repository: str,
        wire: Wire,
        mirror: tuple[Wire, str] | None,
        contents: Contents | None = None,
    ) -> None:
        self.host = host
        self.repository = repository
        self._wire = wire
        self._mirror = mirror
        self._contents = contents
        self._there: set[tuple[Digest, int]] = set()
        """Blobs that this object stored or saw there, so that a manifest need not ask for them again."""

    def reference(self, *, tag: str | None = None, digest: Digest | None = None) -> Reference:
        return Reference("remote", self.host, self.repository, tag, digest)

    def put_blob(self, data: BinaryIO, *, expect: Digest, size: int) -> Descriptor:
        blob = Descriptor("application/octet-stream", expect, size)
        if self._size_of(expect) != size:
            send_blob(self._wire, self.repository, data, expect=expect, size=size)
        self._there.add((expect, size))
        return blob

    def mount(self, blob: Descriptor, repository: str) -> bool:
        """Take a blob over from another repository of this registry; False if the registry does not do that."""
        if self._size_of(blob.digest) != blob.size and not mount_blob(
            self._wire, self.repository, blob.digest, repository
        ):
            return False
        self._there.add((blob.digest, blob.size))
        return True

    @contextmanager
    def open_blob(self, blob: Descriptor) -> Iterator[BinaryIO]:
        kept = self._contents.find(blob) if self._contents is not None else None
        if kept is not None:
            yield io.BytesIO(kept)
            return
        where = f"{plain(self.host)}/{self.repository}"
        with verified(self._open(blob), blob, where) as stream:
            if self._contents is None or not is_small(blob):
                yield stream
                return
            proved = stream.read()
        self._contents.keep(blob, proved)
        yield io.BytesIO(proved)

    def open_part(self, blob: Descriptor, offset: int) -> BinaryIO:
        return open_remote_blob(self._wire, self.repository, blob, offset)

    def put_manifest(self, raw: bytes, media_type: str, tag: str | None = None) -> Descriptor:
        if tag is not None:
            check_tag(tag)
        manifest = check_manifest(raw, media_type)
        subject = None
        if media_type == IMAGE_MANIFEST:
            content = read_manifest(raw)
            manifest = manifest._replace(artifact_type=content.artifact_type, annotations=content.annotations)
            subject = content.subject
            for blob in (content.config, *content.layers):
                self._require(blob)
        indexed = self._put(raw, media_type, str(manifest.digest))
        if subject is not None and indexed != str(subject.digest):
            enter_referrer(self._wire, self.repository, subject.digest, manifest)
        if tag is not None:
            self._put(raw, media_type, tag)
        return manifest._replace(annotations={})

    def resolve(self, reference: Reference) -> Descriptor:
        if reference.name != self.repository or reference.place != self.host:
            raise UsageError(f"{reference} is not in {self.host}/{self.repository}", "open the repository it names")
        raw, media_type = self._get(str(reference.digest or reference.tag))
        manifest = check_manifest(raw, media_type)
        if reference.digest not in (None, manifest.digest):
            raise DigestMismatch(
                f"{plain(self.host)} gives other bytes for {reference.digest}",
                "the registry is broken, or was tampered with",
            )
        kind = read_manifest(raw).artifact_type if media_type == IMAGE_MANIFEST else ""
        return manifest._replace(artifact_type=kind)

    def get_manifest(self, manifest: Descriptor) -> bytes:
        if manifest.size > MAX_MANIFEST:
            raise RegistryError(f"the manifest {manifest.digest} has {manifest.size} bytes", "at most 4 MiB are read")
        kept = self._contents.find(manifest) if self._contents is not None else None
        if kept is not None:
            return kept
        raw, _ = self._get(str(manifest.digest))
        if check_manifest(raw, manifest.media_type)[1:3] != (manifest.digest, manifest.size):
            raise DigestMismatch(
                f"{plain(self.host)} does not hold the {manifest.size} bytes that {manifest.digest} names",
                "the stored bytes were damaged or changed: push the model again from its source",
            )
        if self._contents is not None:
            self._contents.keep(manifest, raw)
        return raw

    def referrers(self, subject: Descriptor, kind: str | None = None) -> Iterator[Descriptor]:
        for found in listed(self._wire, self.repository, subject.digest, kind):
            if found.media_type != IMAGE_MANIFEST or found.size > MAX_MANIFEST:
                continue
            try:
                content = read_manifest(self.get_manifest(found))
            except NotFound:
                continue  # the list is kept by others too, and may name what was removed
            if content.subject is None or content.subject.digest != subject.digest:
                continue
            if kind is None or content.artifact_type == kind:
                yield found._replace(annotations=content.annotations, artifact_type=content.artifact_type)

    def tags(self) -> tuple[str, ...]:
        try:
            found = set(_pages(self._wire, f"/v2/{self.repository}/tags/list?n=1000", self._pull, "tags"))
        except NotFound:
            return ()
        return tuple(sorted(tag for tag in found if not is_fallback_tag(tag)))

    def tag(self, manifest: Descriptor, name: str, *, replace: bool = True) -> None:
        check_tag(name)
        raw = self.get_manifest(manifest)
        if not replace:
            check_free(self, manifest.digest, name)
        self._put(raw, manifest.media_type, name)
        if self.resolve(self.reference(tag=name)).digest != manifest.digest:
            raise RegistryError(
                f"{plain(str(self.reference(tag=name)))} was set by somebody else at the same time",
                "see which of the two it should be, and set it again",
            )

    def remove(self, manifest: Descriptor) -> None:
        try:
            raw = self.get_manifest(manifest)
        except NotFound:
            return
        if any(self._digest_of(tag) == manifest.digest for tag in self.tags()):
            return
        answer = self._wire.request(
            "DELETE",
            f"/v2/{self.repository}/manifests/{manifest.digest}",
            scopes=(f"repository:{self.repository}:delete,pull,push",),
            expect=(200, 202, 204, 404, 405),
        )
        if answer.status == 405:
            raise RegistryError(f"{plain(self.host)} lets nothing be removed", "allow removing, or leave it")
        subject = read_manifest(raw).subject if manifest.media_type == IMAGE_MANIFEST else None
        if subject is not None:
            strike_referrer(self._wire, self.repository, subject.digest, manifest.digest)

    @property
    def _pull(self) -> tuple[str, ...]:
        return pull_scopes(self.repository)

    def _open(self, blob: Descriptor) -> BinaryIO:
        if self._mirror is not None:
            with suppress(RegistryError):  # a mirror may lack anything; the registry itself has the last word
                return open_remote_blob(*self._mirror, blob)
        return open_remote_blob(self._wire, self.repository, blob)

    def _size_of(self, digest: Digest) -> int | None:
        """Bytes of a blob that is there, else None."""
        answer = self._wire.request(
            "HEAD", f"/v2/{self.repository}/blobs/{digest}", scopes=push_scopes(self.repository), expect=(200, 404)
        )
        said = answer.headers.get("Content-Length", "")
        return int(said) if answer.status == 200 and said.isdigit() else None

    def _require(self, blob: Descriptor) -> None:
        """A manifest may only name blobs that are there, so that a visible model is a whole model."""
        if (blob.digest, blob.size) in self._there:
            return
        size = self._size_of(blob.digest)
        if size is None:
            raise NotFound(f"the manifest names {blob.digest}, which is not stored", "store its blobs first")
        if size != blob.size:
            raise DigestMismatch(f"{blob.digest} has {size} bytes, not {blob.size}", "store its blobs again")
        self._there.add((blob.digest, blob.size))

    def _get(self, name: str) -> tuple[bytes, str]:
        """The bytes of a manifest and what type the registry says they are."""
        if self._mirror is not None and name.startswith("sha256:"):
            with suppress(RegistryError):  # as for blobs
                raw, media_type = self._get_from(*self._mirror, name)
                if str(digest_bytes(raw)) == name:
                    return raw, media_type
        return self._get_from(self._wire, self.repository, name)

    def _get_from(self, wire: Wire, repository: str, name: str) -> tuple[bytes, str]:
        answer = wire.request(
            "GET",
            f"/v2/{repository}/manifests/{name}",
            scopes=pull_scopes(repository),
            headers={"Accept": MANIFESTS},
            expect=(200, 404),
            most=MAX_MANIFEST,
        )
        if answer.status == 404:
            shown = f"{self.host}/{self.repository}{'@' if ':' in name else ':'}{name}"
            raise NotFound(f"there is no {plain(shown)}", "check the name and the tag")
        return answer.body, answer.headers.get("Content-Type", "").partition(";")[0].strip()

    def _put(self, raw: bytes, media_type: str, name: str) -> str:
        """Store a manifest under a digest or a tag; the subject that the registry says it has understood."""
        answer = send_manifest(self._wire, self.repository, name, raw, media_type)
        said = answer.headers.get("Docker-Content-Digest", "")
        expect = check_manifest(raw, media_type).digest
        if said and said != str(expect):
            raise DigestMismatch(f"{plain(self.host)} stored {plain(said, 80)} for {expect}", "the registry is broken")
        return answer.headers.get("OCI-Subject", "")

    def _digest_of(self, tag: str) -> Digest | None:
        try:
            return self.resolve(self.reference(tag=tag)).digest
        except NotFound:
            return None


def _pages(wire: Wire, target: str, scopes: tuple[str, ...], key: str) -> Iterator[str]:
    following: str | None = target
    for _ in range(MAX_PAGES):
        if following is None:
            return
        answer = wire.request("GET", following, scopes=scopes, most=MAX_LIST)
        names = read_json(answer, f"the list of {key}").get(key) or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise RegistryError(f"{plain(wire.host)} gives a list of {key} that is none", "is this a registry?")
        yield from names
        following = next_page(answer)
    raise RegistryError(f"{plain(wire.host)} has more than {MAX_PAGES} pages of {key}", "name one repository")
