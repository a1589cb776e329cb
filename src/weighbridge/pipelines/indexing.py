"""One entry of the registry as the index holds it: the manifest, and what the evidence that holds says of it.

Nothing that is not proved is believed: files and sizes are those of the manifest, the verdict is that of a scan that a
trusted key signed for this manifest, terms come from stored facts, bills and reports that hold. What does not hold is
in the index too, with the reason.
"""

from __future__ import annotations

import os

from weighbridge.core.artifact import escape_name
from weighbridge.core.digests import model_digest
from weighbridge.core.errors import IndexFailed, NotFound, WeighbridgeError
from weighbridge.core.evidence import (
    CONVERSION_PREDICATE,
    CYCLONEDX_PREDICATE,
    FACTS_PREDICATE,
    PROVENANCE_PREDICATE,
    SCAN_PREDICATE,
)
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.database import SQLITE
from weighbridge.index.models import open_index
from weighbridge.index.putting import Expected
from weighbridge.index.records import Edge, IndexedEvidence, IndexedFile, IndexedFinding, IndexedModel, Term
from weighbridge.index.terms import terms_of
from weighbridge.index.walks import known_models, known_repositories
from weighbridge.pipelines.admission import internal_place, place_of
from weighbridge.pipelines.frameworks import declared
from weighbridge.pipelines.gate_two import DEFAULT_INDEX
from weighbridge.pipelines.inventory import prove, shown
from weighbridge.registry.layout import open_layout
from weighbridge.registry.manifests import IMAGE_MANIFEST, read_manifest
from weighbridge.registry.publish import MODEL_TYPE
from weighbridge.registry.read import MAX_EVIDENCE
from weighbridge.scan.packed_facts import pack
from weighbridge.scan.stored_facts import UnknownFacts, read_facts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.digests import Digest
    from weighbridge.core.settings import Settings
    from weighbridge.index.models import Index
    from weighbridge.pipelines.inventory import Link, ShownModel
    from weighbridge.registry.base import Descriptor, Reference, Store
    from weighbridge.registry.read import StoredFile

TRIES = 5
"""Times that a model is read again because somebody else wrote it meanwhile."""
_READ = frozenset((SCAN_PREDICATE, FACTS_PREDICATE, PROVENANCE_PREDICATE, CYCLONEDX_PREDICATE, CONVERSION_PREDICATE))


def indexed(
    store: Store, manifest: Descriptor, tags: Sequence[str], trust: TrustPolicy, now: datetime
) -> IndexedModel | None:
    """What the registry says of a manifest, verified; None if it is no model. Raises RegistryError."""
    if manifest.media_type != IMAGE_MANIFEST:
        return None
    content = read_manifest(store.get_manifest(manifest))
    if content.artifact_type != MODEL_TYPE:
        return None
    reference = store.reference(digest=manifest.digest)
    model = shown(reference, manifest, content)
    said: dict[str, tuple[str, Link, dict[str, Any]]] = {}
    evidence = []
    for number, referrer in enumerate(store.referrers(manifest)):
        if number == MAX_EVIDENCE:
            break
        link, predicate = prove(store, referrer, manifest, model, trust, now)
        made = _made(predicate or {})
        evidence.append(
            IndexedEvidence(str(link.digest), link.kind, link.type, link.signer, made, link.result, link.why)
        )
        if predicate is not None and link.type in _READ and made >= said.get(link.type, ("",))[0]:
            said[link.type] = (made, link, predicate)
    results = {one.result for one in evidence}
    base = IndexedModel(
        repository=place_of(reference),
        path=reference.name,
        manifest=str(manifest.digest),
        model=str(model_digest([(file.path, file.size, file.digest) for file in model.files])),
        name=reference.name.rpartition("/")[2],
        tags=tuple(tags),
        proof="broken" if "broken" in results else "verified" if "verified" in results else "missing",
        size=sum(file.size for file in model.files),
        newest=max((one.made for one in evidence), default=""),
        evidence=tuple(evidence),
    )
    predicates = {kind: predicate for kind, (_, _, predicate) in said.items()}
    return _with_evidence(base, model, predicates)._replace(
        facts=str(said[FACTS_PREDICATE][1].digest) if FACTS_PREDICATE in said else "", sheet=_sheet(model, predicates)
    )


def bring_up(
    index: Index,
    store: Store,
    manifest: Descriptor,
    trust: TrustPolicy,
    now: Callable[[], datetime],
    tags: Sequence[str] = (),
) -> IndexedModel | None:
    """Write into the index what the registry says of one manifest now, however many others write; what was written.

    Of its tags, `tags` and those that the index knows are looked up. None: it is no model. Raises RegistryError,
    IndexFailed.
    """
    repository = place_of(store.reference(digest=manifest.digest))
    for _ in range(TRIES):
        known = index.model(repository, str(manifest.digest))
        touched = index.touched(repository, str(manifest.digest)) if known else 0
        candidates = {*tags, *(known.model.tags if known else ())}
        model = indexed(store, manifest, naming(store, manifest, candidates), trust, now())
        if model is None or not index.put_all([Expected(model, touched)]):
            return model
    raise IndexFailed(
        f"{plain(repository, 200)} changes all the time", "run weighbridge index rebuild when it is quiet"
    )


def naming(store: Store, manifest: Descriptor, tags: Iterable[str]) -> tuple[str, ...]:
    """Those of some tags that name a manifest at this moment."""
    found = []
    for tag in sorted(tags):
        try:
            there = store.resolve(store.reference(tag=tag)).digest
        except NotFound:
            continue
        if there == manifest.digest:
            found.append(tag)
    return tuple(found)


def tell_index(
    settings: Settings, store: Store, reference: Reference, trust: TrustPolicy, now: datetime, tag: str = ""
) -> str:
    """Bring up the index, if there is one, after something changed about a model; empty, or a sentence that says why
    that could not be done.

    The registry and the log are the truth: whatever goes wrong here is mended by `weighbridge index rebuild`, and never
    changes what was decided.
    """

    def bring(index: Index) -> None:
        tags = [one for one in (reference.tag, tag) if one]
        bring_up(index, store, store.resolve(reference), trust, lambda: now, tags)
        index.follow_log()

    return _if_there(settings, bring)


def tell_index_of_removed(settings: Settings, folder: str, removed: Collection[Digest]) -> str:
    """Have the index, if there is one, forget models whose manifests were removed from a layout folder; empty, or a
    sentence that says why that could not be done. As `tell_index`.
    """
    gone = {str(digest): digest for digest in removed}

    def forget(index: Index) -> None:
        start = f"{internal_place(f'oci:{folder}')}:"
        for repository in known_repositories(index, start):
            store = open_layout(folder, repository.removeprefix(start))
            for known in known_models(index, repository):
                if known.manifest in gone and not _is_there(store, gone[known.manifest]):
                    index.remove(repository, known.manifest, known.touched)

    return _if_there(settings, forget) if gone else ""


def _is_there(store: Store, manifest: Digest) -> bool:
    """Whether a manifest is in the registry: somebody may have pushed it again."""
    try:
        store.resolve(store.reference(digest=manifest))
    except NotFound:
        return False
    return True


def _if_there(settings: Settings, tell: Callable[[Index], None]) -> str:
    address = settings.index_address or DEFAULT_INDEX
    if address.startswith(SQLITE) and not os.path.exists(address.removeprefix(SQLITE)):
        return ""
    try:
        index = open_index(address)
        try:
            tell(index)
        finally:
            index.close()
    except WeighbridgeError as error:
        return f"the index was not brought up ({error.cause}): run weighbridge index rebuild"
    except ImportError as error:
        return f"the index was not brought up ({error}): install what it needs, and run weighbridge index rebuild"
    return ""


def _with_evidence(base: IndexedModel, model: ShownModel, said: Mapping[str, Mapping[str, Any]]) -> IndexedModel:
    scan = said.get(SCAN_PREDICATE, {})
    artifact = _table(scan, "artifact")
    formats = {one.get("path"): one for one in _tables(artifact, "files")}
    files = tuple(_file(file, formats.get(escape_name(file.path), {})) for file in model.files)
    state, facts_terms = _facts(said.get(FACTS_PREDICATE))
    claims = dict(_flat(said.get(PROVENANCE_PREDICATE, {}).get("claims")))
    source = _table(said.get(PROVENANCE_PREDICATE, {}), "source")
    publisher = claims.get("signal/publisher", ("", ""))[0]
    name = _text(artifact, "name") or base.name
    bill = tuple(_bill(said.get(CYCLONEDX_PREDICATE, {})))
    licences = [term.value for term in bill if term.kind == "licence"]
    licence = " AND ".join(licences) or claims.get("licence", ("", ""))[0]
    terms = (
        *(Term("format", file.format) for file in files if file.format),
        *facts_terms,
        *bill,
        *(Term(kind, value) for kind, value in (("licence", licence), ("publisher", publisher)) if value),
        *(Term("base", edge.target) for edge in _origins(said, claims) if edge.relation == "base"),
    )
    return base._replace(
        name=f"{publisher}/{name.rpartition('/')[2]}" if publisher else name,
        verdict=_text(scan, "verdict") or "unknown",
        scanned=_text(_table(scan, "envelope"), "finished"),
        source=_text(source, "place"),
        revision=_text(source, "revision"),
        publisher=publisher,
        licence=licence,
        knowledge=_text(scan, "knowledge"),
        facts_state=state,
        files=files,
        findings=tuple(_finding(one) for one in _tables(scan, "findings")),
        terms=tuple(dict.fromkeys(terms)),
        lineage=_origins(said, claims),
    )


def _file(file: StoredFile, seen: Mapping[str, Any]) -> IndexedFile:
    """A file of the manifest, with what the scan saw in it if that was a file of these very bytes."""
    path = escape_name(file.path)
    if seen.get("sha256") != file.digest.hex:
        return IndexedFile(path, file.size, file.digest.hex, "", 0, 0, file.size)
    covered = _table(seen, "coverage")
    amounts = (number if type(number := covered.get(key)) is int else 0 for key in ("parsed", "data", "opaque"))
    return IndexedFile(path, file.size, file.digest.hex, _text(seen, "format"), *amounts)


def _finding(said: Mapping[str, Any]) -> IndexedFinding:
    rule, severity, title, location = (_text(said, key) for key in ("rule", "severity", "title", "location"))
    return IndexedFinding(rule, severity, title, location, _text(_table(said, "evidence"), "text"))


def _sheet(model: ShownModel, said: Mapping[str, Mapping[str, Any]]) -> bytes:
    """What a sweep judges the model by; empty if there are no facts that this version understands."""
    try:
        blobs = read_facts(said[FACTS_PREDICATE])
    except (KeyError, UnknownFacts):
        return b""
    scan = said.get(SCAN_PREDICATE, {})
    unread = bool(_table(scan, "coverage").get("unread", True) or scan.get("limits_reached", True))
    return pack((escape_name(file.path) for file in model.files), blobs, unread=unread)


def _facts(sheet: Mapping[str, Any] | None) -> tuple[str, tuple[Term, ...]]:
    if sheet is None:
        return "missing", ()
    try:
        blobs = read_facts(sheet)
    except UnknownFacts:
        return "unreadable", ()
    versions = (Term("framework", f"{name}=={version}") for name, version in declared(blobs))
    return "known", (*terms_of(blobs), *versions)


def _bill(bill: Mapping[str, Any]) -> Iterator[Term]:
    """What a CycloneDX bill names: data sets, what is needed to run, licences."""
    kinds = {"data": "dataset", "library": "package", "framework": "package", "platform": "package"}
    for one in _tables(bill, "components"):
        kind, name, version = kinds.get(_text(one, "type")), _text(one, "name"), _text(one, "version")
        if kind and name:
            yield Term(kind, f"{name}=={version}" if version and kind == "package" else name)
    for one in _tables(_table(_table(bill, "metadata"), "component"), "licenses"):
        said = _table(one, "license")
        if name := _text(one, "expression") or _text(said, "id") or _text(said, "name"):
            yield Term("licence", name)


def _origins(said: Mapping[str, Mapping[str, Any]], claims: Mapping[str, tuple[str, str]]) -> tuple[Edge, ...]:
    """Base models and data sets, as bill and report name them, and what the model was converted from."""
    found: dict[tuple[str, str], Edge] = {}
    bill = said.get(CYCLONEDX_PREDICATE, {})
    component = _table(_table(bill, "metadata"), "component")
    named = [_text(one, "name") for one in _tables(_table(component, "pedigree"), "ancestors")]
    value, status = claims.get("lineage", ("", "declared"))
    named += [name.strip() for name in value.split(",") if name.strip() != "none"]
    edges = [Edge("base", name, status) for name in named if name]
    edges += [
        Edge("dataset", _text(one, "name")) for one in _tables(bill, "components") if _text(one, "type") == "data"
    ]
    digest = _text(_table(said.get(CONVERSION_PREDICATE, {}), "from"), "digest")
    edges += [Edge("converted-from", digest, "verified")] if digest else []
    for edge in edges:
        found.setdefault(edge[:2], edge)
    return tuple(found.values())


def _flat(claims: object) -> Iterator[tuple[str, tuple[str, str]]]:
    """Every claim with its value and status, parts included; the outermost last, so that it counts."""
    stack = list(claims) if isinstance(claims, list) else []
    while stack:
        claim = stack.pop()
        if isinstance(claim, dict):
            yield _text(claim, "claim"), (_text(claim, "value"), _text(claim, "status"))
            parts = claim.get("parts")
            stack.extend(parts if isinstance(parts, list) else [])


def _made(predicate: Mapping[str, Any]) -> str:
    """When a statement says that it was made, in the words of its kind; empty if it does not say."""
    for holder, field in (("envelope", "finished"), ("envelope", "made"), ("metadata", "timestamp")):
        if text := _text(_table(predicate, holder), field):
            return text
    return _text(predicate, "timeVerified")


def _table(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = holder.get(key)
    return inner if isinstance(inner, dict) else {}


def _tables(holder: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    inner = holder.get(key)
    return [one for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []


def _text(holder: Mapping[str, Any], key: str) -> str:
    value = holder.get(key)
    return value if isinstance(value, str) else ""
