"""The index made again from the registry: every repository in the order of names, in batches, from where it stopped.

A batch is written in one transaction, and how far the walk came is written after it: whenever it is killed, each model
is there as it was or as it is now, and the next walk goes on. What somebody else wrote in the meantime is read again;
what the index knows and the registry does not have any more is removed, after asking for its digest.
"""

from __future__ import annotations

from weighbridge.core.digests import parse_digest
from weighbridge.core.errors import IndexFailed, NotFound, RegistryError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.putting import Expected
from weighbridge.index.walks import Walk, known_models, known_repositories, note, walk_of
from weighbridge.pipelines.admission import place_of
from weighbridge.pipelines.indexing import bring_up, indexed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.index.models import Index
    from weighbridge.registry.base import Descriptor, Store

BATCH = 20
"""Models that are written in one transaction."""


class Walking(NamedTuple):
    """What a walk needs: the index, the repositories by name, how to open one of them, and whom to believe."""

    into: Index
    registry: str
    names: tuple[str, ...]
    open: Callable[[str], Store]
    trust: TrustPolicy
    now: Callable[[], datetime]
    tell: Callable[[str], None]


class Rebuilt(NamedTuple):
    """What a walk came to; `faults` say what could not be read, one sentence each, the first hundred."""

    walk: Walk
    faults: tuple[str, ...]
    decisions: int


MOST_FAULTS = 100


def rebuild(walking: Walking, *, anew: bool = False) -> Rebuilt:
    """Walk over a registry, or go on where the last walk stopped; with `anew` from its beginning.

    `registry` is its place, as the whole names of its repositories begin. Raises IndexFailed; RegistryError if a
    repository cannot be listed.
    """
    index = walking.into
    walk = walk_of(index, walking.registry)
    if anew or walk.finished:
        walk = Walk(walking.registry)
        note(index, walk)
    faults: list[str] = []
    for name in sorted(set(walking.names)):
        if name <= walk.after and walk.after:
            continue
        walking.tell(f"{plain(name, 100)}: {walk.models} models so far")
        walk = _repository(walking, name, walk, faults)._replace(after=name, repositories=walk.repositories + 1)
        note(index, walk)
    walk = _gone(walking, walk, faults)
    decisions = index.follow_log()
    walk = walk._replace(after="", finished=f"{walking.now():%Y-%m-%dT%H:%M:%SZ}")
    note(index, walk)
    return Rebuilt(walk, tuple(faults[:MOST_FAULTS]), decisions)


def _repository(walking: Walking, name: str, walk: Walk, faults: list[str]) -> Walk:
    store = walking.open(name)
    tagged: dict[str, tuple[Descriptor, list[str]]] = {}
    for tag in store.tags():
        try:
            manifest = store.resolve(store.reference(tag=tag))
        except NotFound:
            continue  # it was removed since it was listed
        except RegistryError as error:
            faults.append(f"{plain(str(store.reference(tag=tag)), 200)}: {error.cause}")
            walk = walk._replace(failed=walk.failed + 1)
            continue
        tagged.setdefault(str(manifest.digest), (manifest, []))[1].append(tag)
    found = list(tagged.values())
    for start in range(0, len(found), BATCH):
        walk = _batch(walking, store, found[start : start + BATCH], walk, faults)
    return _leftover(walking, store, tagged.keys(), walk, faults)


def _batch(
    walking: Walking,
    store: Store,
    batch: Sequence[tuple[Descriptor, list[str]]],
    walk: Walk,
    faults: list[str],
) -> Walk:
    models = []
    for manifest, tags in batch:
        reference = store.reference(digest=manifest.digest)
        touched = walking.into.touched(place_of(reference), str(manifest.digest))
        try:
            model = indexed(store, manifest, tags, walking.trust, walking.now())
        except RegistryError as error:
            faults.append(f"{plain(str(reference), 200)}: {error.cause}")
            walk = walk._replace(failed=walk.failed + 1)
            continue
        if model is not None:
            models.append(Expected(model, touched))
    late = {model.manifest for model in walking.into.put_all(models)} if models else set()
    for manifest, tags in batch:
        if str(manifest.digest) in late:
            walk = _again(walking, store, manifest, tags, walk, faults)
    return walk._replace(models=walk.models + len(models) - len(late))


def _again(
    walking: Walking, store: Store, manifest: Descriptor, tags: Sequence[str], walk: Walk, faults: list[str]
) -> Walk:
    """One model by itself, because somebody wrote it, or because no tag names it."""
    try:
        written = bring_up(walking.into, store, manifest, walking.trust, walking.now, tags)
    except (RegistryError, IndexFailed) as error:
        faults.append(f"{plain(str(store.reference(digest=manifest.digest)), 200)}: {error.cause}")
        return walk._replace(failed=walk.failed + 1)
    return walk._replace(models=walk.models + (written is not None))


def _leftover(walking: Walking, store: Store, met: Collection[str], walk: Walk, faults: list[str]) -> Walk:
    """What the index knows of a repository and no tag names: removed if it is gone, else read again."""
    repository = place_of(store.reference(tag="any"))
    for known in known_models(walking.into, repository):
        if known.manifest in met:
            continue
        try:
            manifest = store.resolve(store.reference(digest=parse_digest(known.manifest)))
        except NotFound:
            gone = walking.into.remove(repository, known.manifest, known.touched)
            walk = walk._replace(removed=walk.removed + gone)
        except RegistryError as error:
            faults.append(f"{plain(repository, 200)}@{known.manifest}: {error.cause}")
            walk = walk._replace(failed=walk.failed + 1)
        else:
            walk = _again(walking, store, manifest, (), walk, faults)
    return walk


def _gone(walking: Walking, walk: Walk, faults: list[str]) -> Walk:
    """Repositories that the index knows and the registry does not list."""
    listed = {place_of(walking.open(name).reference(tag="any")) for name in walking.names}
    separator = ":" if walking.registry.startswith("oci:") else "/"
    for repository in known_repositories(walking.into, f"{walking.registry}{separator}"):
        if repository not in listed:
            name = repository.removeprefix("oci:").partition(separator)[2]
            walk = _leftover(walking, walking.open(name), (), walk, faults)
    return walk
