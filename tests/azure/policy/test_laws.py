"""What holds of not, allOf, anyOf and count whatever their conditions are."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from build.azure_requests import THING, holds, thing
from weighbridge.azure.policy.authoring import MOST_COUNTS_OF_ONE_ARRAY

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text("aAb*#?.", max_size=4))
RESOURCES = st.builds(
    lambda a, b, many: thing(a=a, b=b, many=many),
    SCALARS,
    SCALARS,
    st.one_of(st.none(), st.lists(st.fixed_dictionaries({"p": SCALARS}), max_size=5)),
)
OPERATORS = (
    "equals",
    "notEquals",
    "like",
    "notLike",
    "match",
    "notMatch",
    "contains",
    "notContains",
    "less",
    "greaterOrEquals",
)
FIELDS = ("name", f"{THING}/a", f"{THING}/b", f"{THING}/gone", f"{THING}/many[*].p", f"{THING}/many")
OPPOSITES = {"equals": "notEquals", "like": "notLike", "match": "notMatch", "contains": "notContains"}
LEAVES = st.one_of(
    st.builds(
        lambda field, operator, right: {"field": field, operator: right},
        st.sampled_from(FIELDS),
        st.sampled_from(OPERATORS),
        st.one_of(st.integers(-5, 5), st.text("aAb*#?.", max_size=4)),
    ),
    st.builds(lambda field, there: {"field": field, "exists": there}, st.sampled_from(FIELDS), st.booleans()),
    st.builds(
        lambda right, least: {
            "count": {"field": f"{THING}/many[*]", "where": {"field": f"{THING}/many[*].p", "equals": right}},
            "greaterOrEquals": least,
        },
        SCALARS.filter(lambda value: value is not None),
        st.integers(0, 3),
    ),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda rule: {"not": rule}, inner),
        st.builds(lambda rules: {"allOf": rules}, st.lists(inner, max_size=3)),
        st.builds(lambda rules: {"anyOf": rules}, st.lists(inner, max_size=3)),
    ),
    max_leaves=6,
)
CALM = settings(max_examples=150, deadline=None)


def negated(found: bool | str) -> bool | str:
    return found if isinstance(found, str) else not found


@CALM
@given(RULES, RESOURCES)
def test_not_turns_round_and_two_of_them_do_nothing(rule: Any, resource: Any) -> None:
    assert holds({"not": rule}, resource) == negated(holds(rule, resource))
    assert holds({"not": {"not": rule}}, resource) == holds(rule, resource)


@CALM
@given(st.lists(RULES, max_size=4), RESOURCES)
def test_the_laws_of_de_morgan(rules: list[Any], resource: Any) -> None:
    """Errors too: both sides look at the same conditions in the same order."""
    each = [{"not": rule} for rule in rules]
    assert holds({"not": {"anyOf": rules}}, resource) == holds({"allOf": each}, resource)
    assert holds({"not": {"allOf": rules}}, resource) == holds({"anyOf": each}, resource)


@CALM
@given(st.lists(RULES, max_size=4), RESOURCES)
def test_logical_operators_are_decided_by_the_first_that_can(rules: list[Any], resource: Any) -> None:
    assume(json.dumps(rules).count('"count"') <= MOST_COUNTS_OF_ONE_ARRAY)  # else Azure refuses them together
    found = [holds(rule, resource) for rule in rules]
    for name, stops in (("allOf", False), ("anyOf", True)):
        decides = next((value for value in found if value is stops or isinstance(value, str)), not stops)
        assert holds({name: rules}, resource) == decides


@CALM
@given(RULES, RULES, RESOURCES)
def test_a_rule_beside_what_always_holds_is_itself(rule: Any, other: Any, resource: Any) -> None:
    always, never = {"allOf": []}, {"anyOf": []}
    assert holds({"allOf": [always, rule]}, resource) == holds(rule, resource)
    assert holds({"anyOf": [never, rule]}, resource) == holds(rule, resource)
    assert holds({"allOf": [never, other]}, resource) is False
    assert holds({"anyOf": [always, other]}, resource) is True


@CALM
@given(st.sampled_from(FIELDS[:4]), st.sampled_from(sorted(OPPOSITES)), st.text("aAb#?.", max_size=4), RESOURCES)
def test_a_negative_condition_is_the_opposite_on_one_value(
    field: str, operator: str, right: str, resource: Any
) -> None:
    positive = holds({"field": field, operator: right}, resource)
    assert holds({"field": field, OPPOSITES[operator]: right}, resource) == negated(positive)


def members(where: Any, **compared: Any) -> dict[str, Any]:
    return {"count": {"field": f"{THING}/many[*]", "where": where}, **compared}


@CALM
@given(SCALARS.filter(lambda value: value is not None), RESOURCES)
def test_a_count_and_that_of_the_rest_are_all(right: Any, resource: Any) -> None:
    here = {"field": f"{THING}/many[*].p", "equals": right}
    length = len(resource["properties"]["many"] or ())
    counts = [n for n in range(6) if holds(members(here, equals=n), resource) is True]
    rest = [n for n in range(6) if holds(members({"not": here}, equals=n), resource) is True]
    assert len(counts) == len(rest) == 1
    assert counts[0] + rest[0] == length
    assert holds({"count": {"field": f"{THING}/many[*]"}, "equals": length}, resource) is True
    assert holds(members({"allOf": []}, equals=length), resource) is True
    assert holds(members({"anyOf": []}, equals=0), resource) is True


@CALM
@given(SCALARS.filter(lambda value: value is not None), RESOURCES)
def test_a_condition_on_all_members_is_a_count_of_none_that_fails(right: Any, resource: Any) -> None:
    here = {"field": f"{THING}/many[*].p", "equals": right}
    assert holds(here, resource) == holds(members({"not": here}, equals=0), resource)
    assert holds(members(here, greater=0), resource) == negated(holds(members(here, equals=0), resource))


@CALM
@given(st.lists(st.integers(0, 4), max_size=8), st.integers(0, 4))
def test_counting_values_is_counting(values: list[int], wanted: int) -> None:
    where = {"value": "[current('x')]", "equals": wanted}
    rule = {"count": {"value": values, "name": "x", "where": where}, "equals": values.count(wanted)}
    assert holds(rule, thing()) is True
    assert holds({"not": rule}, thing()) is False
