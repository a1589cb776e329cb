"""Resources in every form that Azure's tools write, and documents that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.azure_requests import GROUP, NOW, THING, holds, knowledge, thing
from weighbridge.azure.policy.definition import definition_of, definitions_in, given_parameters
from weighbridge.azure.policy.effects import Surroundings, judge
from weighbridge.azure.policy.lint import lint_document
from weighbridge.azure.policy.request import Request, request_of
from weighbridge.azure.policy.resource import load_json, resource_of
from weighbridge.core.errors import UsageError

ONLINE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
CHILD = f"{THING}/children"


def test_names_are_completed_from_the_identifier() -> None:
    shown = resource_of({"type": CHILD, "name": "c", "id": f"{GROUP}{THING}/one/children/c"})
    assert (shown.name, shown.full_name) == ("c", "one/c")
    template = resource_of({"type": CHILD, "name": "one/c", "apiVersion": "2026-01-01"})
    assert (template.name, template.full_name, template.template) == ("c", "one/c", True)
    alone = resource_of({"type": CHILD, "name": "c", "id": "/elsewhere"})
    assert (alone.name, alone.full_name) == ("c", "c")
    row = resource_of({"type": CHILD.lower(), "name": "c", "id": f"{GROUP}{THING}/one/children/c".lower()})
    assert row.full_name == "one/c"


@pytest.mark.parametrize(
    "document",
    [
        thing(a=1),
        [thing(a=1)],
        {"resources": [thing(a=1)], "$schema": "x"},
        {"changes": [{"after": thing(a=1)}]},
        {"properties": {"changes": [{"after": thing(a=1)}, {"after": None}]}},
    ],
)
def test_forms_of_one_resource(document: Any) -> None:
    found = resource_of(document)
    assert found.type == THING
    assert found.body["properties"] == {"a": 1}


def test_a_deployment_file() -> None:
    online = {
        "$schema": "https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json",
        "name": "blue",
        "endpoint_name": "chat",
        "model": "azureml:azureml://registries/wb-prod/models/n/versions/1",
        "environment": "azureml:env:1",
        "egress_public_network_access": "disabled",
        "properties": {"weighbridge.digest": "sha256:x"},
        "tags": {"owner": "us"},
    }
    found = resource_of(online)
    assert (found.type, found.full_name) == (ONLINE, "chat/blue")
    assert found.body["properties"]["model"] == "azureml://registries/wb-prod/models/n/versions/1"
    assert found.body["properties"]["egressPublicNetworkAccess"] == "disabled"
    assert found.body["properties"]["environmentId"] == "azureml:env:1"
    assert found.body["properties"]["properties"] == {"weighbridge.digest": "sha256:x"}
    assert holds({"field": f"{ONLINE}/model", "like": "azureml://registries/wb-prod/*"}, online) is True
    batch = resource_of({"type": "batch", "endpoint_name": "e", "name": "b", "model": "azureml:n:1"})
    assert batch.type.endswith("batchEndpoints/deployments")
    assert batch.body["properties"]["model"] == {"referenceType": "Id", "assetId": "azureml:n:1"}


@pytest.mark.parametrize(
    "document",
    [
        None,
        "x",
        1,
        [],
        {},
        {"name": "x"},
        {"type": "x"},
        {"resources": []},
        {"resources": [thing(), thing()]},
        {"changes": []},
        [thing(), thing()],
    ],
)
def test_what_is_no_resource(document: Any) -> None:
    with pytest.raises(UsageError):
        resource_of(document)


def test_expressions_of_a_template_are_not_guessed() -> None:
    rule = {"field": f"{THING}/model", "like": "*"}
    open_value = "[parameters('model')]"
    assert holds(rule, thing(at_apiVersion="2026-01-01", model=open_value)) == "unsupported"
    assert holds(rule, {"resources": [thing(model=open_value)]}) == "unsupported"
    assert holds(rule, thing(at_apiVersion="2026-01-01", model={"a": [open_value]})) == "unsupported"
    assert holds(rule, thing(at_apiVersion="2026-01-01", model='["a"]')) is True
    assert holds({"field": "name", "equals": "one"}, thing(at_apiVersion="2026-01-01", model=open_value)) is True
    assert holds(rule, thing(model=open_value)) is True  # what az shows is what it is


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"model": 1, "Model": 2}',
        b'{"a": NaN}',
        b"\xff",
        b"[" * 5000,
        b"[" * 150 + b"]" * 150,
    ],
)
def test_documents_that_are_refused(raw: bytes) -> None:
    with pytest.raises(UsageError):
        load_json(raw, "the resource")


def test_documents_that_are_read() -> None:
    assert load_json(b'\xef\xbb\xbf{"a": [1, 2.5, null]}', "x") == {"a": [1, 2.5, None]}
    with pytest.raises(UsageError, match="larger"):
        load_json(b" " * 11, "x", 10)


def test_forms_of_parameters() -> None:
    assert given_parameters(None) == {}
    assert given_parameters({"a": 1, "b": {"value": [1]}, "c": {"value": 1, "x": 2}}) == {
        "a": 1,
        "b": [1],
        "c": {"value": 1, "x": 2},
    }
    assert given_parameters({"$schema": "x", "parameters": {"a": {"value": 1}}}) == {"a": 1}
    with pytest.raises(UsageError):
        given_parameters([1])


def test_forms_of_requests() -> None:
    assert request_of(None) == Request()
    assert request_of({"idtyp": "app"}).identity == {"idtyp": "app"}
    assert request_of({"request": {"identity": {"appid": "a"}}}).identity == {"appid": "a"}
    whole = request_of(
        {"identity": None, "apiVersion": "2026-01-01", "action": "delete", "resourceGroup": {"name": "g"}}
    )
    assert (whole.identity, whole.api_version, whole.action, whole.resource_group) == (
        None,
        "2026-01-01",
        "delete",
        {"name": "g"},
    )
    for wrong in ([], "x", {"identity": "me"}, {"identity": {}, "colour": "red"}, {"apiVersion": 1}):
        with pytest.raises(UsageError):
            request_of(wrong)


def test_forms_of_definitions() -> None:
    rule = {"if": {"field": "name", "equals": "one"}, "then": {"effect": "deny"}}
    for form in (
        rule,
        {"policyRule": rule},
        {"properties": {"policyRule": rule}},
        {"type": "x", "name": "n", "properties": {"policyRule": rule}},
    ):
        assert definition_of(form).rule == rule["if"]
    template = {
        "resources": [
            {
                "type": "Microsoft.Authorization/policyDefinitions",
                "name": "n",
                "properties": {
                    "policyRule": {"if": {"value": "[[concat('a')]", "equals": "a"}, "then": {"effect": "deny"}}
                },
            },
            {"type": "other"},
        ]
    }
    (only,) = definitions_in(template)
    assert definition_of(only).rule == {"value": "[concat('a')]", "equals": "a"}
    for wrong in (
        None,
        [],
        "x",
        {},
        {"if": {}},
        {"policyRule": []},
        {"policyRule": {"if": {}, "then": "deny"}},
        {**rule, "parameters": []},
    ):
        with pytest.raises(UsageError):
            definition_of(wrong)


WORDS = st.sampled_from(
    [
        "field",
        "value",
        "count",
        "where",
        "name",
        "not",
        "allOf",
        "anyOf",
        "equals",
        "in",
        "less",
        "exists",
        "like",
        "type",
        "tags",
        f"{THING}/a[*]",
        f"{THING}/a",
        "[field('name')]",
        "[current()]",
        "[concat('a', field('name'))]",
        "[",
        "]",
        "[[",
        "*",
        "effect",
        "deny",
        "append",
        "modify",
        "auditIfNotExists",
        "details",
        "operations",
        "if",
        "then",
        "a",
    ]
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(JSON, JSON, JSON)
def test_anything_gives_an_outcome_or_a_sentence(rule: Any, then: Any, body: Any) -> None:
    document = {"mode": "All", "policyRule": {"if": rule, "then": then if isinstance(then, dict) else {"effect": then}}}
    resource = resource_of({"type": THING, "name": "one", "tags": body, "properties": body})
    known = knowledge()
    around = Surroundings(Request(), NOW, known, known.aliases, related=(resource,))
    try:
        found = judge(definition_of(document), resource, {}, around)
    except UsageError:
        return
    assert found.outcome
    json.dumps(found)
    lint_document(document, known)


@settings(max_examples=300, deadline=None)
@given(st.text("[]()',.'abf 019-_\\\"", max_size=40))
def test_any_text_is_an_expression_or_is_not(text: str) -> None:
    found = holds({"value": f"[{text}]", "equals": "x"}, thing())
    assert found in (True, False, "error-deny", "unsupported")
