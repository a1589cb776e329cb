"""What refers to a manifest in a registry over HTTP: by the referrers API, and where there is none, by a tag.

    GET /v2/NAME/referrers/DIGEST?artifactType=…   → an image index of the referrers; 404: there is no such API
    the tag sha256-<hex of the subject>            → the same index, kept by the clients themselves

A registry that knows the API says `OCI-Subject` when a manifest with a subject is stored; one that does not leaves it
to us to enter the manifest under the tag. No registry that lacks the API is known to change a tag on a condition
(`If-Match` is sent, and ignored by some), so two writers may overwrite each other's entry: after writing we read back
until our entry is there, twice, with longer between than our own change took. A writer that sleeps for longer between
its reading and its writing can still undo an entry; publishing notices that, as it lists all evidence before it tags.
Source: github.com/opencontainers/distribution-spec, spec.md, "Listing referrers" and "Pushing manifests with subject".
"""

from __future__ import annotations

from urllib.parse import quote

from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.errors import RegistryError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.registry.base import Descriptor
from weighbridge.registry.manifests import MAX_MANIFEST, read_descriptor, strict_object, write_descriptor
from weighbridge.registry.transfer import pull_scopes, send_manifest
from weighbridge.registry.wire import next_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.registry.wire import Answer, Wire

INDEX = "application/vnd.oci.image.index.v1+json"
MAX_PAGES = 100
"""Pages of referrers that are followed."""
ROUNDS = 20
"""Times that an entry is written again because somebody else overwrote it."""
SETTLED = 0.03
"""Least seconds between the two times that an entry must be seen."""


def listed(wire: Wire, name: str, subject: Digest, kind: str | None) -> Iterator[Descriptor]:
    """Every referrer that the API or the tag names, each once; what they say is not proved. Raises RegistryError."""
    seen: set[Digest] = set()
    target: str | None = f"/v2/{name}/referrers/{subject}" + (f"?artifactType={quote(kind)}" if kind else "")
    for _ in range(MAX_PAGES):
        if target is None:
            break
        answer = wire.request(
            "GET",
            target,
            scopes=pull_scopes(name),
            headers={"Accept": INDEX},
            expect=(200, 400, 404, 405),
            most=MAX_MANIFEST,
        )
        if answer.status != 200 or not _is_index(answer):
            break
        for entry in _entries(answer.body):
            if entry.digest not in seen:
                seen.add(entry.digest)
                yield entry
        target = next_page(answer)
    for entry in _entries(_tagged(wire, name, subject).body):
        if entry.digest not in seen:
            seen.add(entry.digest)
            yield entry


def enter_referrer(wire: Wire, name: str, subject: Digest, referrer: Descriptor) -> None:
    """Enter a manifest under the tag of its subject. Raises RegistryError if others overwrite it again and again."""

    def change(entries: list[Descriptor]) -> list[Descriptor]:
        return entries if any(entry.digest == referrer.digest for entry in entries) else [*entries, referrer]

    _change(wire, name, subject, change)


def strike_referrer(wire: Wire, name: str, subject: Digest, referrer: Digest) -> None:
    """Take a manifest off the tag of its subject, if it is there."""

    def change(entries: list[Descriptor]) -> list[Descriptor]:
        return [entry for entry in entries if entry.digest != referrer]

    _change(wire, name, subject, change)


def fallback_tag(subject: Digest) -> str:
    """The tag under which clients keep the referrers of a digest."""
    return f"sha256-{subject.hex}"


def _change(wire: Wire, name: str, subject: Digest, change: Callable[[list[Descriptor]], list[Descriptor]]) -> None:
    seen, longest = 0, SETTLED
    for attempt in range(1, ROUNDS + 1):
        began = wire.pace.clock()
        answer = _tagged(wire, name, subject)
        entries = list(_entries(answer.body))
        wanted = change(entries)
        if wanted == entries:
            seen += 1
            if seen == 2 or attempt == 1:
                return
            wire.pace.sleep(2 * longest * (1 + wire.pace.chance()))
            continue
        seen = 0
        etag = answer.headers.get("ETag", "")
        send_manifest(wire, name, fallback_tag(subject), _index(wanted), INDEX, etag=etag, expect=(201, 409, 412))
        longest = max(longest, wire.pace.clock() - began)
        if attempt > 1:
            wire.pace.sleep(longest * wire.pace.chance() * min(attempt, 8))
    raise RegistryError(
        f"the list of what refers to {subject} is overwritten again and again by others",
        "try again when fewer write to it, or use a registry with the referrers API",
    )


def _tagged(wire: Wire, name: str, subject: Digest) -> Answer:
    answer = wire.request(
        "GET",
        f"/v2/{name}/manifests/{fallback_tag(subject)}",
        scopes=pull_scopes(name),
        headers={"Accept": INDEX},
        expect=(200, 404),
        most=MAX_MANIFEST,
    )
    if answer.status == 404:
        return answer._replace(body=b"", headers={})
    if not _is_index(answer):
        raise RegistryError(
            f"the tag {fallback_tag(subject)} of {plain(name)} is not a list of referrers", "remove the tag"
        )
    return answer


def _is_index(answer: Answer) -> bool:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip() == INDEX


def _entries(raw: bytes) -> Iterator[Descriptor]:
    if not raw:
        return
    entries = strict_object(raw, "the list of referrers").get("manifests")
    if entries is not None and not isinstance(entries, list):
        raise RegistryError("the list of referrers is not an image index", "the registry is broken, or damaged")
    for entry in entries or ():
        yield read_descriptor(entry, "a referrer")


def _index(entries: list[Descriptor]) -> bytes:
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [write_descriptor(entry) for entry in entries],
    }
    raw = canonical_json(document)
    if len(raw) > MAX_MANIFEST:
        raise RegistryError(
            f"the list of referrers {digest_bytes(raw).short} would have {len(raw)} bytes, more than registries take",
            "remove old evidence, or use a registry with the referrers API",
        )
    return raw
