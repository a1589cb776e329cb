"""The API of what lies in the registry: models, their evidence, decisions about them, and exemptions."""

from __future__ import annotations

import re

from weighbridge.attest.trusted import trust_of
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.gate.exemption import stamp
from weighbridge.index.models import Index
from weighbridge.pipelines.granting import exemptions_for
from weighbridge.registry.open import open_store
from weighbridge.registry.read import load_model
from weighbridge.web import shapes
from weighbridge.web.access import Query, Rule, caller_of
from weighbridge.web.api import LIMIT, MOST_BODY, MOST_PAGE, NEXT, REPOSITORY, number_of, page
from weighbridge.web.bodies import BadRequest, answer, read_json
from weighbridge.web.catalogue import believed, catalogue
from weighbridge.web.decided import listed as decisions_of
from weighbridge.web.decided import take_up, wanted_by
from weighbridge.web.exempting import grant_for, of_his, revoke_for

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from weighbridge.gate.exemption import Exemption
    from weighbridge.registry.base import Reference
    from weighbridge.registry.read import StoredModel
    from weighbridge.web.desk import Desk

_FILTERS = ("stage", "decision", "refused")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def model_rules(desk: Desk) -> tuple[Rule, ...]:
    """The routes of models, evidence, decisions and exemptions."""
    return (*_models(desk), *_decisions(desk), *_exemptions(desk))


def reference_in(desk: Desk, repository: str, tag: str, digest: str) -> Reference:
    """The reference of a model in the default registry. Raises BadRequest, UsageError."""
    if bool(tag) == bool(digest):
        raise BadRequest(400, "give a tag or a digest")
    if (tag and not _TAG.fullmatch(tag)) or (digest and not _DIGEST.fullmatch(digest)):
        raise BadRequest(400, "that is no tag or no digest")
    if "." in repository.partition("/")[0] or ":" in repository:
        raise BadRequest(404, "there is no such repository")  # it would be read as a host
    return desk.place(f"{repository}:{tag}" if tag else f"{repository}@{digest}")[0]


def _models(desk: Desk) -> tuple[Rule, ...]:
    settings, index = desk.site.settings, Index(desk.engine)

    def tags(repository: str) -> tuple[str, ...]:
        return open_store(desk.place(f"{repository}:latest")[0], settings).tags()

    async def listed(request: Request) -> Response:
        limit, after = number_of(request, "limit", 50, MOST_PAGE), request.query_params.get("after", "")
        caller, below = caller_of(request), request.query_params.get("repository", "")

        def read() -> dict[str, Any]:
            state = believed(index, settings)
            rows, following = catalogue(index, settings, caller, below=below, after=after, limit=limit)
            return {"models": rows, "next": following, "index": state}

        return answer(await desk.work(read))

    async def one(request: Request) -> Response:
        repository = request.path_params["repository"]
        tag, digest = request.query_params.get("tag", ""), request.query_params.get("digest", "")
        if not tag and not digest:
            reference_in(desk, repository, "latest", "")
            return answer({"repository": repository, "tags": list(await desk.work(lambda: tags(repository)))})
        where = reference_in(desk, repository, tag, digest)
        model: StoredModel = await desk.work(lambda: load_model(open_store(where, settings), where))
        return answer(_model(repository, model))

    async def evidence(request: Request) -> Response:
        from starlette.responses import Response as Plain

        repository, digest = request.path_params["repository"], request.query_params.get("digest", "")
        wanted = request.query_params.get("evidence", "")
        where = reference_in(desk, repository, "", digest)
        model: StoredModel = await desk.work(lambda: load_model(open_store(where, settings), where))
        for item in model.evidence:
            if str(item.descriptor.digest) == wanted:
                named = {"content-type": "application/vnd.dev.sigstore.bundle.v0.3+json"}
                return Plain(item.bundle, 200, {**named, "content-disposition": 'attachment; filename="bundle.json"'})
        raise BadRequest(404, "the model has no such evidence")

    after = Query("after", "The `next` of the page before: the last repository and tag that were seen")
    tag = Query("tag", "The tag of one model")
    digest = Query("digest", "The digest of its manifest", {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"})
    which = Query("evidence", "The digest of the evidence, as the model shows it", digest.schema)
    return (
        Rule(
            "/v1/models",
            ("GET",),
            "viewer",
            listed,
            "Models of the default registry by name, out of the index; `index.why` says if some may be missing",
            scope="rows",
            query=(REPOSITORY, after, LIMIT),
            gives=shapes.listing("models", shapes.MODEL, index=shapes.INDEX),
        ),
        Rule(
            "/v1/models/{repository:path}",
            ("GET",),
            "viewer",
            one,
            "The tags of a repository; with a tag or a digest, the model, its files and its evidence",
            scope="path",
            query=(tag, digest),
            gives={"oneOf": [shapes.MODEL_PAGE, shapes.record({"repository": shapes.TEXT, "tags": shapes.TENANTS})]},
        ),
        Rule(
            "/v1/evidence/{repository:path}",
            ("GET",),
            "viewer",
            evidence,
            "One piece of evidence, as it was signed",
            scope="path",
            query=(digest, which),
        ),
    )


def _model(repository: str, model: StoredModel) -> dict[str, Any]:
    return {
        "repository": repository,
        "digest": str(model.manifest.digest),
        "annotations": dict(model.annotations),
        "files": [
            {"path": file.path, "size": file.size, "digest": str(file.digest), "mediaType": file.media_type}
            for file in model.files
        ],
        "evidence": [
            {"kind": item.kind, "predicateType": item.predicate_type, "digest": str(item.descriptor.digest)}
            for item in model.evidence
        ],
    }


def _decisions(desk: Desk) -> tuple[Rule, ...]:
    index = Index(desk.engine)

    async def listed(request: Request) -> Response:
        limit, before = number_of(request, "limit", 50, MOST_PAGE), number_of(request, "before", 0)
        caller, asked = caller_of(request), {name: request.query_params.get(name, "") for name in _FILTERS}
        if asked["decision"] not in ("", "allow", "deny"):
            raise BadRequest(400, "decision is neither allow nor deny")
        if asked["stage"] and asked["stage"] not in STAGES:
            raise BadRequest(400, f"stage is not one of {', '.join(STAGES)}")
        wanted = wanted_by(desk.site.settings, caller, request.query_params.get("repository", ""), **asked)

        def read() -> dict[str, Any]:
            left = take_up(index)
            found = decisions_of(desk, index, caller, wanted, before=before, limit=limit)
            rows = [
                {"sequence": one.entry.sequence, "hash": one.entry.hash, "repository": one.repository}
                | {"decision": one.said}
                for one in found.rows
            ]
            return {"decisions": rows, "next": str(found.following or ""), "behind": left}

        return answer(await desk.work(read))

    filters = (
        Query("stage", "Only for this stage", shapes.STAGE),
        Query("decision", "Only these", {"type": "string", "enum": ["allow", "deny"]}),
        Query("refused", "Only where this requirement was not met"),
    )
    return (
        Rule(
            "/v1/decisions",
            ("GET",),
            "viewer",
            listed,
            "Decisions, the newest first; `behind` counts those at the end of the log that are not taken up yet",
            scope="rows",
            query=(REPOSITORY, *filters, NEXT, LIMIT),
            gives=shapes.listing("decisions", shapes.DECISION, behind=shapes.COUNT),
        ),
    )


def _exemption(one: Exemption, now: datetime) -> dict[str, Any]:
    return {
        "id": one.id,
        "rule": one.rule,
        "digest": str(one.digest),
        "reason": one.reason,
        "approver": one.approver,
        "signer": one.signer,
        "made": stamp(one.made_at),
        "expires": stamp(one.expires),
        "revoked": one.revoked,
        "counts": not one.revoked and now < one.expires,
    }


def _exemptions(desk: Desk) -> tuple[Rule, ...]:
    settings = desk.site.settings

    async def listed(request: Request) -> Response:
        where = of_his(desk, caller_of(request), request.query_params.get("reference", ""))
        now = desk.site.now()
        found = await desk.work(lambda: exemptions_for(settings, where, trust_of(settings, now=now), now))
        return page("exemptions", [_exemption(one, now) for one in found], "")

    async def add(request: Request) -> Response:
        asked = shapes.checked(await read_json(request, MOST_BODY), shapes.GRANT)
        caller = caller_of(request)

        def do() -> dict[str, Any]:
            return grant_for(
                desk,
                caller,
                asked["reference"],
                rule=asked["rule"],
                reason=asked["reason"],
                expires=asked["expires"],
                path=asked.get("file", ""),
            )

        said = await desk.work(do)
        return answer({name: said[name] for name in ("id", "rule", "digest", "reason", "approver", "expires")}, 201)

    async def revoke(request: Request) -> Response:
        asked = shapes.checked(await read_json(request, MOST_BODY), shapes.REVOCATION)
        caller, identity = caller_of(request), request.path_params["id"]

        def do() -> Exemption:
            return revoke_for(desk, caller, asked["reference"], identity, reason=asked["reason"])

        return answer(_exemption(await desk.work(do), desk.site.now()))

    given = shapes.record(dict.fromkeys(("id", "rule", "digest", "reason", "approver", "expires"), shapes.TEXT))
    reference = Query("reference", "The model", {**shapes.REFERENCE})
    return (
        Rule(
            "/v1/exemptions",
            ("GET",),
            "viewer",
            listed,
            "The exemptions of a model, and whether they count",
            scope="item",
            query=(reference,),
            gives=shapes.listing("exemptions", shapes.EXEMPTION),
        ),
        Rule(
            "/v1/exemptions",
            ("POST",),
            "approver",
            add,
            "Waive one rule for one model, signed by the server's key in the caller's name",
            scope="item",
            body=shapes.GRANT,
            gives=given,
            status=201,
        ),
        Rule(
            "/v1/exemptions/{id}/revoke",
            ("POST",),
            "approver",
            revoke,
            "Take an exemption back",
            scope="item",
            body=shapes.REVOCATION,
            gives=shapes.EXEMPTION,
        ),
    )
