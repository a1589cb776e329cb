"""Every row of what Azure documents about rules, with cases that hold and cases that do not."""

from __future__ import annotations

from typing import Any

import pytest

from build.azure_requests import GROUP, THING, holds, judged, outcome, policy, thing, value_of
from weighbridge.core.errors import UsageError

ERROR, UNSUPPORTED = "error-deny", "unsupported"


def field(name: str, operator: str, right: Any) -> dict[str, Any]:
    return {"field": f"{THING}/{name}", operator: right}


# Keys and logical operators


def test_keys_are_read_without_regard_to_case() -> None:
    rule = {"ALLOF": [{"Field": "TYPE", "EQUALS": THING.upper()}, {"not": {"field": "name", "NotIn": ["ONE"]}}]}
    assert holds(rule, thing()) is True
    shouted = {"PolicyRule": {"If": rule, "Then": {"Effect": "DENY"}}, "Mode": "ALL"}
    assert outcome(shouted, thing()) == "deny"


def test_logical_operators() -> None:
    yes, no, error = field("a", "equals", 1), field("a", "equals", 2), {"value": "[int('x')]", "equals": 1}
    here = thing(a=1)
    assert holds({"allOf": []}, here) is True
    assert holds({"anyOf": []}, here) is False
    assert holds({"not": yes}, here) is False
    assert holds({"allOf": [yes, no]}, here) is False
    assert holds({"anyOf": [no, yes]}, here) is True
    assert holds({"allOf": [no, error]}, here) is False  # not looked at
    assert holds({"anyOf": [yes, error]}, here) is True
    assert holds({"allOf": [error, no]}, here) == ERROR
    assert holds({"anyOf": [error, yes]}, here) == ERROR
    assert holds({"not": error}, here) == ERROR


@pytest.mark.parametrize("effect", ["audit", "deny", "manual", "append"])
def test_an_error_denies_whatever_the_effect_is(effect: str) -> None:
    broken = policy({"value": "[substring(field('name'), 0, 9)]", "equals": "x"}, effect)
    found = judged(broken, thing())
    assert (found.matched, found.outcome) == (False, "error-deny")
    assert "substring" in found.why
    assert outcome(broken, thing(), enforced=False) == "not-enforced"


def test_a_disabled_effect_looks_at_nothing() -> None:
    assert outcome(policy({"value": "[int('x')]", "equals": 1}, "Disabled"), thing()) == "disabled"


# Conditions


@pytest.mark.parametrize(
    ("left", "operator", "right", "expected"),
    [
        ("Abc", "equals", "aBC", True),
        ("abc", "notEquals", "ABC", False),
        (True, "equals", "true", True),
        (True, "equals", "True", True),
        ("true", "equals", True, True),
        (8, "equals", "8", True),
        ("8", "equals", 8, True),
        (8, "equals", 9, False),
        ("", "equals", "", True),
        ([1], "equals", "1", False),
        ({"a": 1}, "notEquals", "a", True),
        ("registry-prod", "like", "REGISTRY-*", True),
        ("registry-prod", "like", "*-prod", True),
        ("registry-prod", "like", "reg*prod", True),
        ("aba", "like", "ab*ba", False),
        ("registry-prod", "like", "registry", False),
        ("registry-prod", "notLike", "x*", True),
        ("registry-prod", "like", "*gist*", ERROR),
        ("abc-12", "match", "???-##", True),
        ("abc-12", "match", "abc-..", True),
        ("ABC-12", "match", "abc-##", False),
        ("ABC-12", "matchInsensitively", "abc-##", True),
        ("abc-123", "match", "abc-##", False),
        ("abc-12", "notMatch", "###-##", True),
        ("ABC", "notMatchInsensitively", "abc", False),
        (42, "match", "##", True),
        ("wb-PROD-1", "contains", "prod", True),
        ("wb-prod-1", "notContains", "dev", True),
        ("wb-prod-1", "contains", "pr*d", ERROR),
        (["a", "B"], "contains", "b", True),
        (["ab"], "contains", "a", False),
        (["ab"], "notContains", "a", True),
        ("EastUs", "in", ["westus", "eastus"], True),
        ("eastus", "notIn", ["westus"], True),
        (3, "in", ["3"], True),
        ("x", "in", [], False),
        ("x", "in", "x", ERROR),
        ({"Env": 1}, "containsKey", "env", True),
        ({"env": 1}, "notContainsKey", "owner", True),
        ("env", "containsKey", "env", False),
        (3, "less", 4, True),
        (4, "lessOrEquals", 4, True),
        (5, "greater", 4, True),
        (3, "greaterOrEquals", 4, False),
        ("abc", "less", "ABD", True),
        ("1.10", "less", "1.2", True),
        ("2026-01-31T00:00:00Z", "less", "2026-02-01", True),
        ("2026-02-01T01:00:00+02:00", "less", "2026-02-01T00:00:00Z", True),
        (3, "less", "4", ERROR),
        ("4", "greater", 3, ERROR),
        (True, "less", 1, ERROR),
        ("soon", "less", "2026-01-01T00:00:00Z", ERROR),
        ("2026-01-01T00:00:00Z", "less", "soon", ERROR),
        ("2022-01-01-preview", "greater", "2022-01-01", True),
        ("2021-09-01", "less", "2022-01-01", True),
        (8.0, "equals", "8", True),
        (1.5, "equals", "1.5", True),
        ([1], "greater", 0, ERROR),
        ("", "exists", True, True),
        ("x", "exists", "true", True),
        ("x", "exists", "False", False),
        ([], "exists", True, True),
        (False, "exists", True, True),
        (None, "exists", True, False),
        (None, "exists", "false", True),
        ("x", "exists", "perhaps", ERROR),
    ],
)
def test_conditions(left: Any, operator: str, right: Any, expected: bool | str) -> None:
    assert holds(field("a", operator, right), thing(a=left)) == expected


@pytest.mark.parametrize(
    ("operator", "right", "expected"),
    [
        ("equals", "x", False),
        ("equals", "", False),
        ("notEquals", "x", True),
        ("like", "*", False),
        ("notLike", "*", True),
        ("match", "", False),
        ("notMatch", "x", True),
        ("matchInsensitively", "x", False),
        ("notMatchInsensitively", "x", True),
        ("contains", "", False),
        ("notContains", "x", True),
        ("in", ["x", ""], False),
        ("notIn", ["x"], True),
        ("containsKey", "x", False),
        ("notContainsKey", "x", True),
        ("less", 1, False),
        ("greaterOrEquals", 0, False),
        ("exists", False, True),
        ("notIn", "x", ERROR),
    ],
)
def test_what_is_missing(operator: str, right: Any, expected: bool | str) -> None:
    assert holds(field("a", operator, right), thing(b=1)) == expected
    assert holds(field("a", operator, right), thing(a=None)) == expected


def test_the_field_function_gives_something_for_what_is_missing() -> None:
    assert value_of(f"[field('{THING}/gone')]") == ""
    assert value_of(f"[field('{THING}/gone[*]')]") == []
    assert value_of(f"[field('{THING}/gone[*].part')]") == []


# Arrays

LIST = thing(texts=["a", "b", "c"], things=[{"p": "v1", "inner": [1, 2]}, {"p": "v2", "inner": [3, 4]}])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("texts", ["a", "b", "c"]),
        ("texts[*]", ["a", "b", "c"]),
        ("things[*].p", ["v1", "v2"]),
        ("things[*].inner", [[1, 2], [3, 4]]),
        ("things[*].inner[*]", [1, 2, 3, 4]),
        ("things[*].gone", [None, None]),
        ("gone[*].inner[*]", []),
    ],
)
def test_what_aliases_of_arrays_select(expression: str, expected: Any) -> None:
    assert value_of(f"[field('{THING}/{expression}')]", LIST) == expected


def test_a_condition_on_an_array_is_one_on_all_of_its_members() -> None:
    assert holds(field("texts[*]", "equals", "a"), LIST) is False
    assert holds(field("texts[*]", "notEquals", "z"), LIST) is True
    assert holds(field("texts[*]", "in", ["a", "b", "c", "d"]), LIST) is True
    assert holds(field("things[*].inner[*]", "greater", 0), LIST) is True
    assert holds(field("things[*].inner[*]", "greater", 1), LIST) is False
    assert holds(field("texts", "contains", "B"), LIST) is True  # the array as one value
    assert holds(field("things[*].gone", "exists", False), LIST) is True


@pytest.mark.parametrize("empty", [thing(texts=[]), thing(), thing(texts=None)])
def test_an_array_without_members_satisfies_everything_but_existence(empty: Any) -> None:
    assert holds(field("texts[*]", "equals", "a"), empty) is True
    assert holds(field("texts[*]", "notEquals", "a"), empty) is True
    assert holds({"not": field("texts[*]", "notEquals", "a")}, empty) is False
    assert holds(field("texts[*]", "exists", True), empty) is False
    assert holds(field("texts[*]", "exists", "false"), empty) is True


def count(alias: str, where: Any = None, **compared: Any) -> dict[str, Any]:
    inside = {"field": f"{THING}/{alias}"} if where is None else {"field": f"{THING}/{alias}", "where": where}
    return {"count": inside, **compared}


def test_counting_members() -> None:
    assert holds(count("texts[*]", equals=3), LIST) is True
    assert holds(count("things[*].inner[*]", greaterOrEquals=4), LIST) is True
    assert holds(count("texts[*]", field("texts[*]", "equals", "a"), equals=1), LIST) is True
    assert holds(count("gone[*]", equals=0), LIST) is True
    assert holds(count("gone[*]", field("gone[*]", "equals", "a"), greater=0), LIST) is False
    both = {"allOf": [field("things[*].p", "equals", "v2"), field("things[*].inner[*]", "greater", 2)]}
    assert holds(count("things[*]", both, equals=1), LIST) is True
    outside = {"field": "tags.env", "equals": "prod"}
    tagged = {**LIST, "tags": {"env": "prod"}}
    assert holds(count("things[*]", outside, equals=2), tagged) is True
    missing = field("things[*].gone", "exists", False)
    assert holds(count("things[*]", missing, equals=2), LIST) is True
    assert holds(count("things[*]", field("things[*].gone", "equals", "x"), equals=0), LIST) is True


def test_field_inside_of_a_count_gives_an_array_of_one() -> None:
    alias = f"{THING}/texts[*]"
    assert holds(count("texts[*]", {"field": alias, "equals": f"[field('{alias}')]"}, equals=0), LIST) is True
    assert holds(count("texts[*]", {"field": alias, "equals": f"[first(field('{alias}'))]"}, equals=3), LIST) is True


def test_counts_inside_of_counts() -> None:
    inner = count("things[*].inner[*]", field("things[*].inner[*]", "equals", 3), greater=0)
    rule = count("things[*]", {"allOf": [field("things[*].p", "equals", "v2"), inner]}, equals=1)
    assert holds(rule, LIST) is True
    same = count("things[*]", {"allOf": [field("things[*].p", "equals", "v1"), inner]}, equals=0)
    assert holds(same, LIST) is True


def test_current_with_an_alias() -> None:
    member = f"{THING}/things[*]"
    where = {"value": f"[current('{member}.p')]", "equals": "v2"}
    assert holds(count("things[*]", where, equals=1), LIST) is True
    whole = {"value": f"[current('{member}').p]", "equals": "v1"}
    assert holds(count("things[*]", whole, equals=1), LIST) is True
    bare = {"value": "[current().p]", "equals": "v1"}
    assert holds(count("things[*]", bare, equals=1), LIST) is True
    arrays = {"value": f"[length(current('{member}.inner[*]'))]", "equals": 2}
    assert holds(count("things[*]", arrays, equals=2), LIST) is True
    assert holds({"value": "[current()]", "equals": 1}, LIST) == ERROR
    assert holds(count("texts[*]", where, equals=1), LIST) == ERROR


def values(value: Any, where: Any = None, name: str = "", **compared: Any) -> dict[str, Any]:
    inside: dict[str, Any] = {"value": value}
    if name:
        inside["name"] = name
    if where is not None:
        inside["where"] = where
    return {"count": inside, **compared}


def test_counting_values() -> None:
    like = {"field": "name", "like": "[current('pattern')]"}
    assert holds(values(["o*", "x*"], like, "pattern", greater=0), thing()) is True
    assert holds(values(["o*", "x*"], {"field": "name", "like": "[current()]"}, equals=1), thing()) is True
    assert holds(values(["a", "b"], equals=2), thing()) is True
    assert holds(values([], like, "pattern", equals=0), thing()) is True
    assert holds(values("[split('a,b,c', ',')]", name="x", equals=3), thing()) is True
    assert holds(values("[field('name')]", name="x", equals=1), thing()) == ERROR
    given = policy(
        values("[parameters('wanted')]", {"value": "[current('w').p]", "equals": "v2"}, "w", equals=1), wanted="Array"
    )
    assert outcome(given, LIST, {"wanted": [{"p": "v1"}, {"p": "V2"}]}) == "deny"


def test_values_and_members_together() -> None:
    each = count("things[*]", {"field": f"{THING}/things[*].p", "equals": "[current('w')]"}, equals=1)
    assert holds(values(["v1", "v2"], each, "w", equals=2), LIST) is True
    assert holds(values(["v1", "v3"], each, "w", equals=2), LIST) is False
    nameless = values([1], values([1], greater=0), "w", greater=0)
    assert holds(nameless, LIST) == UNSUPPORTED  # inside of another a name is needed


# Limits


def test_limits() -> None:
    assert holds(values(list(range(100)), name="x", equals=100), thing()) is True
    assert holds(values(list(range(101)), name="x", equals=101), thing()) == ERROR
    nested = values(list(range(11)), values(list(range(10)), name="y", equals=10), "x", equals=11)
    assert holds(nested, thing()) == ERROR
    assert holds({"anyOf": [count("texts[*]", equals=n) for n in range(6)]}, LIST) == UNSUPPORTED
    assert holds({"anyOf": [count("texts[*]", equals=n) for n in range(5)]}, LIST) is True
    assert holds({"anyOf": [values([1], name="x", equals=n) for n in range(11)]}, LIST) == UNSUPPORTED
    deep = "'a'"
    for _ in range(66):
        deep = f"concat({deep})"
    assert holds({"value": f"[{deep}]", "equals": "a"}, thing()) == UNSUPPORTED
    assert holds({"value": f"[concat({', '.join(['1'] * 129)})]", "equals": "a"}, thing()) == UNSUPPORTED
    assert holds({"value": f"[concat('{'a' * 81_920}')]", "equals": "a"}, thing()) == UNSUPPORTED
    assert holds({"allOf": [field("a", "exists", True)] * 4097}, thing()) == UNSUPPORTED
    assert holds({"allOf": [{"value": "[concat('a')]", "equals": "a"}] * 2049}, thing()) == UNSUPPORTED
    long = thing(a="x" * 131_072)
    assert holds({"value": f"[concat(field('{THING}/a'), 'y')]", "equals": "a"}, long) == ERROR
    many = thing(a=[0] * 32_769)
    assert holds({"value": f"[length(field('{THING}/a'))]", "equals": 1}, many) == ERROR


# Fields


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("name", "child"),
        ("fullName", "one/child"),
        ("type", "Microsoft.Test/things/children"),
        ("location", "eastus2"),
        ("kind", "Hub"),
        ("identity.type", "SystemAssigned"),
        ("tags['Acct.Cost']", "7"),
        ("tags[acct.cost]", "7"),
        ("tags.env", "prod"),
        ("tags['''quo'ted''']", "q"),
        ("[concat('tags[', 'env', ']')]", "prod"),
        ("id", GROUP + "Microsoft.Test/things/one/children/child"),
    ],
)
def test_fields_of_a_resource(name: str, expected: str) -> None:
    resource = {
        "id": GROUP + "Microsoft.Test/things/one/children/child",
        "type": "Microsoft.Test/things/children",
        "name": "child",
        "location": "East US 2",
        "kind": "Hub",
        "identity": {"type": "SystemAssigned"},
        "tags": {"Acct.Cost": "7", "env": "prod", "quo'ted": "q"},
        "properties": {},
    }
    assert holds({"field": name, "equals": expected}, resource) is True
    assert holds({"field": name, "equals": expected + "x"}, resource) is False


def test_locations_are_the_same_however_they_are_written() -> None:
    here = thing(at_location="eastus2")
    for condition in ({"equals": "East US 2"}, {"in": ["westus", "East US 2"]}, {"like": "East US*"}):
        assert holds({"field": "location", **condition}, here) is True
    assert holds({"field": "location", "notIn": ["East US"]}, here) is True


def test_identities_by_name() -> None:
    rule = {"field": "identity.userAssignedIdentities", "containsKey": "/x/Y"}
    assert holds(rule, thing(at_identity={"userAssignedIdentities": {"/X/y": {}}})) is True
    assert holds(rule, thing(at_identity={"type": "None"})) is False
    assert holds(rule, thing()) is False


def test_aliases_of_other_types_are_empty() -> None:
    assert holds({"field": "Microsoft.Test/others/a", "exists": True}, thing(a=1)) is False
    assert holds({"field": "Microsoft.Test/a", "exists": True}, thing(a=1)) is True  # of a whole namespace


def test_some_aliases_stand_beside_the_properties() -> None:
    registry = "Microsoft.ContainerRegistry/registries"
    resource = {"type": registry, "name": "r", "sku": {"name": "Premium"}, "properties": {"sku": {"name": "Basic"}}}
    assert holds({"field": f"{registry}/sku.name", "equals": "Premium"}, resource) is True
    assert holds({"field": f"{THING}/sku.name", "equals": "Basic"}, thing(sku={"name": "Basic"})) is True
    assert holds({"field": f"{THING}/sku.name", "equals": "S1"}, thing(at_sku={"name": "S1"})) is True


def test_a_field_that_does_not_exist() -> None:
    assert holds({"field": "colour", "equals": "red"}, thing()) == UNSUPPORTED
    assert holds({"field": f"{THING}/a[0]", "equals": "red"}, thing()) == UNSUPPORTED


# Expressions


def test_escapes() -> None:
    assert holds({"value": "[[parameters('x')]", "equals": "[[parameters('x')]"}, thing()) is True
    assert value_of("['[a]']") == "[a]"
    assert holds({"field": "name", "equals": "[one] or two"}, thing(name="[one] or two")) is True


@pytest.mark.parametrize(
    "function",
    [
        "reference('x')",
        "newGuid()",
        "listKeys('x', '2020-01-01')",
        "listAnything()",
        "resourceId('a')",
        "variables('x')",
        "environment()",
        "dateTimeAdd(utcNow(), 'P1D')",
        "copyIndex()",
        "uniqueString('x')",
        "map(createArray(1), 1)",
        "unheardOf()",
    ],
)
@pytest.mark.parametrize("rest", [{"equals": "x"}, {"notEquals": "x"}, {"exists": True}])
def test_a_function_that_is_not_supported_is_never_a_pass(function: str, rest: dict[str, Any]) -> None:
    condition = {"value": f"[{function}]", **rest}
    never = {"allOf": [{"field": "type", "equals": "Microsoft.Other/things"}, condition]}
    for rule in (condition, {"not": condition}, {"anyOf": [condition]}, never):
        assert holds(rule, thing()) == UNSUPPORTED


@pytest.mark.parametrize(
    "text", ["[concat('a']", "[concat(]", "[a b()]", "[.a]", "[concat('a',)]", "[f(1)..a]", "[]", "[x]"]
)
def test_what_is_no_expression(text: str) -> None:
    assert holds({"value": text, "equals": "x"}, thing()) == UNSUPPORTED


@pytest.mark.parametrize(
    "rule",
    [
        {},
        [],
        "x",
        {"field": "name"},
        {"field": "name", "equalz": "x"},
        {"field": "name", "equals": "x", "like": "y"},
        {"field": "name", "value": "x", "equals": "y"},
        {"source": "action", "like": "x"},
        {"allOf": {"field": "name", "equals": "x"}},
        {"allOf": [], "anyOf": []},
        {"not": [{"field": "name", "equals": "x"}]},
        {"count": {}, "equals": 0},
        {"count": {"field": f"{THING}/a"}, "equals": 0},
        {"count": {"field": f"{THING}/a[*]", "value": []}, "equals": 0},
    ],
)
def test_what_is_no_condition(rule: Any) -> None:
    assert holds(rule, thing()) == UNSUPPORTED


# Modes


def test_indexed_passes_over_types_without_tags_and_location() -> None:
    pricing = {"type": "Microsoft.Security/pricings", "name": "AI", "properties": {"pricingTier": "Free"}}
    rule = {"field": "Microsoft.Security/pricings/pricingTier", "equals": "Free"}
    assert outcome(policy(rule), pricing) == "deny"
    assert outcome(policy(rule, mode="Indexed"), pricing) == "not-applicable"
    assert outcome(policy({"field": "name", "equals": "one"}, mode="Indexed"), thing()) == "deny"


def test_modes_of_resource_providers_are_not_for_custom_definitions() -> None:
    assert outcome(policy({"field": "name", "equals": "one"}, mode="Microsoft.Kubernetes.Data"), thing()) == UNSUPPORTED


def test_what_a_definition_does_not_concern() -> None:
    of_type = {"field": "type", "equals": "Microsoft.Other/x"}
    bad = field("a", "equals", 1)
    assert outcome(policy({"allOf": [of_type, bad]}), thing(a=1)) == "not-applicable"
    assert outcome(policy({"allOf": [{"field": "type", "equals": THING}, bad]}), thing(a=2)) == "compliant"
    assert outcome(policy({"anyOf": [of_type, bad]}), thing(a=2)) == "compliant"
    assert (
        outcome(policy({"not": {"anyOf": [{"field": "type", "equals": THING}, bad]}}), thing(a=2)) == "not-applicable"
    )


# Parameters


def test_parameters() -> None:
    rule = field("a", "in", "[parameters('Good')]")
    declared = policy(
        {"not": rule},
        "[parameters('effect')]",
        good="Array",
        effect={"type": "String", "defaultValue": "Audit", "allowedValues": ["Audit", "Deny"]},
    )
    assert outcome(declared, thing(a="x"), {"good": ["y"]}) == "audit"
    assert outcome(declared, thing(a="x"), {"good": ["y"], "EFFECT": "deny"}) == "deny"
    assert outcome(declared, thing(a="x"), {"good": ["X"]}) == "compliant"
    for wrong in ({}, {"good": "y"}, {"good": [], "effect": "Modify"}, {"good": [], "goods": []}):
        with pytest.raises(UsageError):
            judged(declared, thing(a="x"), wrong)
    assert outcome(policy({"value": "[parameters('none')]", "equals": "x"}), thing()) == ERROR


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("String", "x", 1),
        ("Array", [], "x"),
        ("Object", {}, []),
        ("Boolean", False, "false"),
        ("Integer", 3, True),
        ("Float", 1.5, "1"),
        ("DateTime", "2026-01-01T00:00:00Z", "soon"),
    ],
)
def test_types_of_parameters(kind: str, good: Any, bad: Any) -> None:
    declared = policy({"field": "name", "equals": "one"}, p=kind)
    assert outcome(declared, thing(), {"p": good}) == "deny"
    with pytest.raises(UsageError, match="type"):
        judged(declared, thing(), {"p": bad})


# The trace


def test_the_trace_says_what_was_looked_at_and_what_came_of_it() -> None:
    rule = {"allOf": [{"field": "type", "equals": THING}, field("a", "equals", 1), field("b", "equals", 1)]}
    found = judged(policy(rule), thing(a=2))
    assert [(line.path, line.result) for line in found.trace] == [
        ("if", "false"),
        ("if.allOf[0]", "true"),
        ("if.allOf[1]", "false"),
    ]
    assert "2, compared with 1" in found.trace[2].why
    failed = judged(policy({"not": {"value": "[int('x')]", "equals": 1}}), thing())
    assert [line.result for line in failed.trace] == ["error", "error"]
    assert "no whole number" in failed.trace[1].why


def test_what_azure_refuses_is_named_in_the_trace() -> None:
    found = judged(
        policy({"allOf": [{"field": "name", "equalz": "x"}, {"value": "[newGuid()]", "equals": 1}]}), thing()
    )
    assert [(line.path, line.result) for line in found.trace] == [
        ("if.allOf[0]", "unsupported"),
        ("if.allOf[1].value", "unsupported"),
    ]


def test_a_long_trace_ends_and_says_so() -> None:
    many = thing(a=list(range(3000)))
    found = judged(policy(count("a[*]", field("a[*]", "greaterOrEquals", 0), equals=3000)), many)
    assert found.outcome == "deny"
    assert len(found.trace) == 2001
    assert found.trace[-1].why == "what follows is left out"
    too_many = thing(a=list(range(20_001)))
    assert holds(count("a[*]", field("a[*]", "equals", 1), equals=1), too_many) == UNSUPPORTED
