"""What can be looked up: rules, search over everything, and how this server is."""

from __future__ import annotations

from weighbridge.core.errors import UsageError
from weighbridge.core.evidence import Tool
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.asking import ask
from weighbridge.index.language import Compare, read_query
from weighbridge.index.models import Index
from weighbridge.pipelines.rejudging import todays_knowledge
from weighbridge.rules import RULES
from weighbridge.web.access import Query, caller_of
from weighbridge.web.bodies import BadRequest
from weighbridge.web.catalogue import believed, shown, sight
from weighbridge.web.pages.view import page_rule, scope_of

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request

    from weighbridge.core.settings import Settings
    from weighbridge.index.records import Scope
    from weighbridge.rules.base import Rule as JudgingRule
    from weighbridge.web.access import Caller, Rule
    from weighbridge.web.desk import Desk

SHOWN = 50
MOST_ASKED = 300
_OPERATORS = ("=", "<", ">", " in ")


def reference_rules(desk: Desk) -> tuple[Rule, ...]:
    """The pages of rules, search and status."""
    index, settings = Index(desk.engine), desk.site.settings

    async def rules(request: Request) -> dict[str, Any]:
        del request
        rows = sorted((_row(rule) for rule in RULES), key=lambda row: row["id"])
        return {"rows": rows, "version": Tool().version, "knowledge": todays_knowledge().version}

    async def rule(request: Request) -> dict[str, Any]:
        wanted = f"{request.path_params['family']}/{request.path_params['name']}"
        found = next((one for one in RULES if one.id == wanted), None)
        if found is None:
            raise BadRequest(404, "there is no such rule")
        scope = scope_of(request, desk)
        hits = await desk.work(lambda: ask(index, Compare("rule", "=", (wanted,)), count=SHOWN, scope=scope))
        return {
            "rule": _row(found),
            "sections": list(found.sections().items()),
            "hits": [shown(settings, row) for row in hits.rows],
        }

    async def search(request: Request) -> dict[str, Any]:
        asked = request.query_params.get("q", "")[:MOST_ASKED].strip()
        found: dict[str, Any] = await desk.work(lambda: _search(index, settings, asked, scope_of(request, desk)))
        return {"asked": asked, **found}

    async def status(request: Request) -> dict[str, Any]:
        found: dict[str, Any] = await desk.work(lambda: _status(desk, index, caller_of(request)))
        return found

    return (
        page_rule(desk, "/rules", "rules.html", "Rules", rules),
        page_rule(desk, "/rules/{family}/{name}", "rule.html", "Rule", rule, scope="rows"),
        page_rule(
            *(desk, "/search", "search.html", "Search", search),
            scope="rows",
            query=(Query("q", "Words, the beginning of a digest, or a query"),),
        ),
        page_rule(desk, "/status", "status.html", "Status", status),
    )


def _row(rule: JudgingRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "severity": rule.severity.value,
        "title": rule.title,
        "references": list(rule.references),
    }


def _search(index: Index, settings: Settings, asked: str, scope: Scope) -> dict[str, Any]:
    nothing: dict[str, Any] = {"rows": [], "more": False, "rules": [], "problem": ""}
    if not asked:
        return nothing
    if any(sign in asked for sign in _OPERATORS):
        try:
            answer = ask(index, read_query(asked), count=SHOWN, scope=scope)
        except UsageError as error:
            return {**nothing, "problem": f"{error.cause}. {error.mend or ''}"}
        return {**nothing, "rows": [shown(settings, row) for row in answer.rows], "more": answer.more}
    found = index.search(asked, SHOWN, scope)
    words = asked.lower().split()
    rules = [_row(rule) for rule in RULES if all(word in f"{rule.id} {rule.title}".lower() for word in words)]
    return {**nothing, "rows": [shown(settings, row) for row in found.rows], "more": found.more, "rules": rules[:SHOWN]}


def _status(desk: Desk, index: Index, caller: Caller) -> dict[str, Any]:
    from weighbridge.index.sheets import last_sweep

    counts = index.counts(sight(desk.site.settings, caller))
    jobs = desk.jobs.counts(caller.tenants)
    state = believed(index, desk.site.settings)
    rows = [
        ("Weighbridge", Tool().version),
        ("Knowledge", todays_knowledge().version),
        ("Registry", desk.site.settings.registry or "none is set"),
        (
            "Sign-in",
            "by an issuer" if desk.sign_in is not None else "none: this machine only" if desk.local else "tokens",
        ),
        ("Models in the index", f"{counts.models:,}"),
        ("Index made from the registry", state["why"] or state["walked"]),
        ("Models without a verdict", f"{counts.verdicts.get('unknown', 0):,}"),
        ("Intakes", ", ".join(f"{count} {state}" for state, count in jobs.items() if count) or "none yet"),
        ("Waiting for", f"{desk.jobs.oldest():.0f} s"),
    ]
    sweep = last_sweep(desk.engine)
    return {"rows": rows, "sweep": sweep._asdict() if sweep else None}
