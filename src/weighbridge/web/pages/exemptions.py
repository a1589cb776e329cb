"""Exemptions: which count, which end soon, granting and revoking."""

from __future__ import annotations

from weighbridge.attest.trusted import trust_of
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.exemption import stamp
from weighbridge.index.models import Index
from weighbridge.pipelines.exempting import open_exemptions, read_folder
from weighbridge.web.access import caller_of
from weighbridge.web.bodies import BadRequest
from weighbridge.web.catalogue import named_here, sight
from weighbridge.web.exempting import grant_for, revoke_for
from weighbridge.web.pages.view import form_rule, link, page_rule

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request

    from weighbridge.web.access import Caller, Rule
    from weighbridge.web.desk import Desk

MOST = 200
_GRANT = {"reference", "rule", "reason", "expires"}


def exemption_page_rules(desk: Desk) -> tuple[Rule, ...]:
    """The page of exemptions and its forms."""

    async def listed(request: Request) -> dict[str, Any]:
        return {"rows": await desk.work(lambda: exemption_rows(desk, caller_of(request)))}

    async def granted(request: Request, form: dict[str, str]) -> str:
        if set(form) != _GRANT or not all(form.values()):
            raise BadRequest(400, "an exemption has a rule, a reason and an end")
        caller, expires = caller_of(request), form["expires"]
        await desk.work(
            lambda: grant_for(
                desk, caller, form["reference"], rule=form["rule"], reason=form["reason"], expires=expires
            )
        )
        path, _, digest = form["reference"].partition("@")
        return link(f"/models/{path}", digest=digest)

    async def revoked(request: Request, form: dict[str, str]) -> str:
        if set(form) != {"reference", "reason"} or not form["reason"]:
            raise BadRequest(400, "a revocation has a reason")
        caller, identity = caller_of(request), request.path_params["id"]
        await desk.work(lambda: revoke_for(desk, caller, form["reference"], identity, reason=form["reason"]))
        return "/exemptions"

    return (
        page_rule(desk, "/exemptions", "exemptions.html", "Exemptions", listed, scope="rows"),
        form_rule(desk, "/exemptions", "Grant an exemption", granted, role="approver"),
        form_rule(desk, "/exemptions/{id}", "Revoke an exemption", revoked, role="approver"),
    )


def exemption_rows(desk: Desk, caller: Caller) -> list[dict[str, Any]]:
    """The exemptions of our folder that are about models of the caller's, those that end first on top."""
    settings, now = desk.site.settings, desk.site.now()
    known, _ = open_exemptions(read_folder(settings.exemptions), (), trust_of(settings, now=now), now)
    index, scope = Index(desk.engine), sight(settings, caller)
    rows = []
    for one in sorted(known, key=lambda one: one.expires)[:MOST]:
        about = index.search(str(one.digest), 1, scope).rows
        if not about and not caller.sees_all:
            continue
        counts = not one.revoked and now < one.expires
        rows.append(
            {
                "id": one.id,
                "rule": one.rule,
                "digest": str(one.digest),
                "reason": one.reason,
                "approver": one.approver,
                "signer": one.signer,
                "expires": stamp(one.expires),
                "counts": counts,
                "state": "counts" if counts else "revoked" if one.revoked else "expired",
                "reference": f"{named_here(settings, about[0].repository)[0]}@{about[0].manifest}" if about else "",
            }
        )
    return rows
