"""The OpenAPI 3.1 description of the API, made from the table of routes. Pages for people are not in it."""

from __future__ import annotations

import re

from weighbridge import __version__
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.web.access import GATE, PUBLIC, Rule
from weighbridge.web.bodies import answer
from weighbridge.web.gate import gate_rules
from weighbridge.web.shapes import PROBLEM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

WORDS = {
    200: "Done",
    201: "Made",
    202: "Taken into the queue",
    400: "What was sent makes no sense",
    401: "Nobody is signed in, or the token is not valid",
    403: "The caller's role does not allow it, or another site asked",
    404: "It is not there, or belongs to another tenant",
    409: "It stands against something that is there",
    413: "The body is too large",
    415: "The body is no JSON",
    421: "Without sign-in the server answers as localhost only",
    429: "Too much at once; Retry-After says when to come again",
    500: "An error inside",
    502: "The registry does not answer as it should",
    503: "The index cannot be used now",
    504: "There was no answer in time",
}
ALWAYS = (400, 401, 403, 404, 421, 429, 500, 502, 503, 504)


def openapi_rule(rules: Sequence[Rule]) -> Rule:
    """The route of the description of these rules, of gate two, and of itself."""

    async def described(request: Request) -> Response:
        del request
        return answer(document)

    itself = Rule("/v1/openapi.json", ("GET",), PUBLIC, described, "This description")
    document = openapi((*gate_rules(described, described, described, described), *rules, itself))
    return itself


def openapi(rules: Sequence[Rule]) -> dict[str, Any]:
    """The description of a table of routes."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in rules:
        if rule.page:
            continue
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", rule.path)
        for method in rule.methods:
            paths.setdefault(path, {})[method.lower()] = _operation(rule, path, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Weighbridge",
            "version": __version__,
            "description": "Intake, admission and evidence of AI models. A problem is one sentence in `why`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token, `wbt_…`"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-weighbridge"},
            },
        },
    }


def _operation(rule: Rule, path: str, method: str) -> dict[str, Any]:
    name = re.sub(r"[^a-z0-9]+", "_", f"{method} {path}".lower()).strip("_")
    parameters: list[dict[str, Any]] = [
        {"name": one, "in": "path", "required": True, "schema": _of_path(one)} for one in re.findall(r"\{(\w+)\}", path)
    ]
    parameters += [
        {"name": one.name, "in": "query", "description": one.about, "schema": dict(one.schema)} for one in rule.query
    ]
    parameters += [
        {"name": one, "in": "header", "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,200}$"}}
        for one in rule.parameters
    ]
    schema = dict(rule.gives) if rule.gives is not None else {"type": "object"}
    if rule.media != "application/json":
        schema = {"type": "string"}
    answers: dict[str, Any] = {}
    for status in sorted({rule.status, *rule.also, *ALWAYS, *((413, 415) if rule.body else ())}):
        content = {rule.media: {"schema": schema}}
        if status >= 400:
            content = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if status == 503 and rule.path == "/readyz":
            content = {rule.media: {"schema": schema}}
        answers[str(status)] = {"description": WORDS[status], "content": content}
    said: dict[str, Any] = {
        "operationId": name,
        "summary": rule.summary,
        "parameters": parameters,
        "responses": answers,
    }
    if rule.body is not None:
        said["requestBody"] = {"required": True, "content": {"application/json": {"schema": dict(rule.body)}}}
    if rule.role == PUBLIC:
        said["security"] = []
    else:
        said["security"] = [{"token": []}, {"session": []}, *([{}] if rule.role == GATE else [])]
        said["description"] = f"Takes the role {'viewer' if rule.role == GATE else rule.role}."
    return said


def _of_path(name: str) -> dict[str, Any]:
    if name == "id":
        return {"type": "string", "pattern": "^[0-9a-f]{8,64}$"}
    if name == "stage":
        return {"type": "string", "enum": ["sandbox", "staging", "production"]}
    return {"type": "string", "minLength": 1, "maxLength": 255}
