"""The list of models, and everything about one."""

from __future__ import annotations

import json
import re

from weighbridge.attest.trusted import trust_of
from weighbridge.core.errors import UsageError
from weighbridge.core.evidence import SCAN_PREDICATE
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.index.models import Index
from weighbridge.index.records import Filters
from weighbridge.pipelines.admission import place_of
from weighbridge.pipelines.proved import proved
from weighbridge.registry.open import open_store
from weighbridge.registry.read import load_model
from weighbridge.render.charts import Node, chain, layers, strip
from weighbridge.web.access import Query
from weighbridge.web.api import number_of
from weighbridge.web.api_models import reference_in
from weighbridge.web.bodies import BadRequest
from weighbridge.web.catalogue import believed, shown
from weighbridge.web.pages.decisions import decision_row
from weighbridge.web.pages.view import page_rule, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from starlette.requests import Request

    from weighbridge.core.settings import Settings
    from weighbridge.index.records import Decided, Family, IndexedModel, Known, Scope
    from weighbridge.render.charts import Svg
    from weighbridge.web.access import Rule
    from weighbridge.web.desk import Desk

PAGE = 50
MOST_FILES = 200
MOST_FINDINGS = 200
VERDICTS = ("malicious", "suspicious", "incomplete", "clean", "unknown")
PROOFS = ("verified", "broken", "missing")
_WORST = {severity.value: -severity.rank for severity in Severity}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
DIGEST = Query("digest", "The digest of its manifest", {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"})


def model_page_rules(desk: Desk) -> tuple[Rule, ...]:
    """The pages of models."""
    index, settings = Index(desk.engine), desk.site.settings

    async def listed(request: Request) -> dict[str, Any]:
        asked = {name: request.query_params.get(name, "")[:300] for name in Filters._fields}
        asked["verdict"] = asked["verdict"] if asked["verdict"] in VERDICTS else ""
        asked["proof"] = asked["proof"] if asked["proof"] in PROOFS else ""
        asked["stage"] = asked["stage"] if asked["stage"] in STAGES else ""
        after, scope = number_of(request, "after", 0), scope_of(request, desk)

        def read() -> dict[str, Any]:
            index.follow_log()
            wanted = Filters(**{**asked, "name": f"{_below(settings)}{asked['name']}" if asked["name"] else ""})
            found = index.page(wanted, after, PAGE, scope)
            counts = index.counts(scope)
            rows = [shown(settings, row) for row in found.rows]
            state = believed(index, settings)
            return {"rows": rows, "after": found.after, "counts": counts._asdict(), "index": state}

        return {**await desk.work(read), "filters": asked, "verdicts": VERDICTS, "stages": list(STAGES)}

    async def one(request: Request) -> dict[str, Any]:
        path, digest = _asked(request)
        scope = scope_of(request, desk)
        found: dict[str, Any] = await desk.work(lambda: _everything(desk, index, path, digest, scope))
        return found

    async def findings(request: Request) -> dict[str, Any]:
        path, digest = _asked(request)
        found: dict[str, Any] = await desk.work(lambda: _report(desk, path, digest))
        return {"path": path, "digest": digest, **found}

    filters = tuple(Query(name, "Only these") for name in Filters._fields)
    return (
        page_rule(desk, "/models", "models.html", "Models", listed, scope="rows", query=filters),
        page_rule(desk, "/models/{repository:path}", "model.html", "Model", one, scope="path", query=(DIGEST,)),
        page_rule(
            *(desk, "/findings/{repository:path}", "findings.html", "Findings", findings), scope="path", query=(DIGEST,)
        ),
    )


def _below(settings: Settings) -> str:
    """What stands before the names of tenants in paths of the default registry."""
    place = "" if settings.registry.startswith("oci:") else settings.registry.partition("/")[2].strip("/")
    return f"{place}/" if place else ""


def _asked(request: Request) -> tuple[str, str]:
    digest = request.query_params.get("digest", "")
    if not _DIGEST.fullmatch(digest):
        raise BadRequest(404, "a model is named by the digest of its manifest")
    return request.path_params["repository"], digest


def _everything(desk: Desk, index: Index, path: str, digest: str, scope: Scope) -> dict[str, Any]:
    reference = reference_in(desk, path, "", digest)
    index.follow_log()
    known = index.model(place_of(reference), digest, scope)
    if known is None:
        raise BadRequest(404, "the index does not know this model")
    model = known.model
    findings = sorted(model.findings, key=lambda one: (_WORST.get(one.severity, 0), one.rule, one.location))
    family = index.lineage(digest, scope)
    previous = _previous(index, known, scope)
    return {
        "model": {**model._asdict(), "path": path, "terms": (), "lineage": (), "findings": (), "evidence": ()},
        "before": known.before if known.before != model.verdict else "",
        "reference": str(reference),
        "about": [
            *(("Model", model.model), ("Source", model.source), ("Revision", model.revision)),
            *(("Publisher", model.publisher), ("Licence", model.licence), ("Inspected", model.scanned[:19])),
            ("Knowledge", model.knowledge),
        ],
        "standing": [one._asdict() for one in known.standing],
        "findings": [one._asdict() for one in findings[:MOST_FINDINGS]],
        "files": [
            (
                file._asdict(),
                strip(
                    {"parsed": file.parsed, "data": file.data, "opaque": file.opaque},
                    f"{file.path}: {file.parsed} bytes parsed, {file.data} data, {file.opaque} opaque",
                    160,
                ),
            )
            for file in model.files[:MOST_FILES]
        ],
        "more_files": max(0, len(model.files) - MOST_FILES),
        "evidence": [item._asdict() for item in model.evidence],
        "chain": _chain(model),
        "edges": [edge._asdict() for edge in family.edges],
        "lineage": _lineage(family, digest, path),
        "decisions": [decision_row(one, path) for one in index.history(digest, 100) if _about(desk, one, path)][:20],
        "previous": previous.model.manifest if previous else "",
        "changes": _changes(model, previous.model) if previous else {},
    }


def _about(desk: Desk, one: Decided, path: str) -> bool:
    """Whether a decision is about this repository, and not about the same bytes in another."""
    try:
        return desk.place(one.reference)[1] == path
    except UsageError:
        return False


def _chain(model: IndexedModel) -> Svg:
    links = [
        Node(f"{item.kind} · {item.result}", f"{item.signer or 'nobody'} {item.made[:10]}", item.result)
        for item in model.evidence
    ]
    held = sum(item.result == "verified" for item in model.evidence)
    title = f"{held} of {len(links)} pieces of evidence are verified"
    return chain(
        Node(model.path, model.manifest[:25], "verified" if model.proof == "verified" else "broken"), links, title
    )


def _lineage(family: Family, digest: str, path: str) -> Svg:
    """What it comes from on the left, itself, and what comes from it on the right."""
    nodes = [Node(path, digest[:22], "verified", 1)]
    edges: list[tuple[int, int]] = []
    for edge in family.edges:
        own = edge.child == digest
        name, state = (edge.target, edge.proof) if own else (edge.repository, edge.proof)
        nodes.append(Node(name, edge.relation, state, 0 if own else 2))
        edges.append((len(nodes) - 1, 0) if own else (0, len(nodes) - 1))
    return layers(nodes, edges, f"Lineage of {path}: {len(edges)} relations")


def _previous(index: Index, known: Known, scope: Scope) -> Known | None:
    """The manifest of the same repository that came into the index before this one."""
    rows = index.page(Filters(name=known.model.path), known.changed, 20, scope).rows
    for row in rows:
        if row.repository == known.model.repository and row.manifest != known.model.manifest:
            return index.model(row.repository, row.manifest, scope)
    return None


def _changes(now: IndexedModel, before: IndexedModel) -> dict[str, list[str]]:
    mine, theirs = ({file.path: file.sha256 for file in model.files} for model in (now, before))
    fired, did = ({f"{one.rule} {one.location}" for one in model.findings} for model in (now, before))
    return {
        "added": sorted(set(mine) - set(theirs))[:MOST_FILES],
        "removed": sorted(set(theirs) - set(mine))[:MOST_FILES],
        "changed": sorted(path for path in set(mine) & set(theirs) if mine[path] != theirs[path])[:MOST_FILES],
        "new_findings": sorted(fired - did)[:MOST_FINDINGS],
        "gone_findings": sorted(did - fired)[:MOST_FINDINGS],
    }


def _report(desk: Desk, path: str, digest: str) -> dict[str, Any]:
    """The findings of the signed scan report, with the bytes and opcodes that the index does not keep."""
    settings, now = desk.site.settings, desk.site.now()
    where = reference_in(desk, path, "", digest)
    model = load_model(open_store(where, settings), where)
    trust = trust_of(settings, now=now)
    newest: Mapping[str, Any] = {}
    signer = ""
    for verified in proved(model, SCAN_PREDICATE, trust, now):
        said = verified.statement.predicate
        if _finished(said) >= _finished(newest):
            newest, signer = said, verified.signer_name
    if not signer:
        raise BadRequest(404, "the model has no scan report that can be verified")
    found = newest.get("findings", [])
    return {
        "finished": _finished(newest),
        "proof": f"signed by {signer}",
        "findings": [_finding(one) for one in found[:MOST_FINDINGS]] if isinstance(found, list) else [],
    }


def _finding(said: Mapping[str, Any]) -> dict[str, Any]:
    evidence = said.get("evidence")
    evidence = evidence if isinstance(evidence, dict) else {"text": json.dumps(evidence)}
    texts = {name: str(said.get(name, "")) for name in ("rule", "severity", "title", "location", "why", "remediation")}
    return {
        **texts,
        "text": str(evidence.get("text", "")),
        "bytes": str(evidence.get("bytes", "")),
        "opcodes": str(evidence.get("opcodes", "")),
        "times": int(evidence.get("times", 1)),
        "references": [str(one) for one in said.get("references", [])],
    }


def _finished(predicate: Mapping[str, Any]) -> str:
    envelope = predicate.get("envelope")
    return str(envelope.get("finished", "")) if isinstance(envelope, dict) else ""
