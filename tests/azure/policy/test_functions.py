"""The functions of the template language, each as documented and each where it fails."""

from __future__ import annotations

from typing import Any

import pytest

from build.azure_requests import GROUP, holds, thing, value_of
from weighbridge.azure.policy.functions_collections import FUNCTIONS, OF_THE_REQUEST

ERROR, UNSUPPORTED = "error-deny", "unsupported"

CASES: list[tuple[str, Any]] = [
    ("concat('a', 'b', 1, true())", "ab1True"),
    ("concat(createArray(1), createArray(2, 3))", [1, 2, 3]),
    ("concat('a', createArray(1))", ERROR),
    ("if(true(), 'yes', int('x'))", "yes"),
    ("if(false(), int('x'), 'no')", "no"),
    ("if('true', 1, 2)", ERROR),
    ("equals('a', 'A')", False),
    ("equals(createArray(1, 'a'), createArray(1, 'a'))", True),
    ("equals(createObject('a', 1), createObject('a', 1))", True),
    ("equals(1, true())", False),
    ("and(true(), false())", False),
    ("and(true(), 1)", ERROR),
    ("or(true(), int('x'))", ERROR),
    ("or(false(), true())", True),
    ("not(false())", True),
    ("not('x')", ERROR),
    ("contains('OneTwo', 'Two')", True),
    ("contains('OneTwo', 'two')", False),
    ("contains(createArray('a', 'b'), 'b')", True),
    ("contains(createObject('Key', 1), 'key')", True),
    ("contains(1, 1)", ERROR),
    ("empty('')", True),
    ("empty(createArray())", True),
    ("empty(createObject('a', 1))", False),
    ("empty(null())", True),
    ("empty(0)", ERROR),
    ("length('abc')", 3),
    ("length(createObject('a', 1, 'b', 2))", 2),
    ("length(5)", ERROR),
    ("first('abc')", "a"),
    ("first(createArray(7, 8))", 7),
    ("first(createArray())", None),
    ("last(split('a/b/c', '/'))", "c"),
    ("last('')", ""),
    ("first(1)", ERROR),
    ("split('a-b_c', createArray('-', '_'))", ["a", "b", "c"]),
    ("split('abc', '/')", ["abc"]),
    ("split(1, '/')", ERROR),
    ("join(createArray('a', 'b', 1), '-')", "a-b-1"),
    ("join('a', '-')", ERROR),
    ("replace('a.b.c', '.', '-')", "a-b-c"),
    ("replace('abc', '', 'x')", ERROR),
    ("toLower('ABC')", "abc"),
    ("toUpper('abc')", "ABC"),
    ("toLower(1)", ERROR),
    ("startsWith('Registry', 'reg')", True),
    ("endsWith('Registry', 'TRY')", True),
    ("endsWith('Registry', 'x')", False),
    ("substring('abcdef', 2, 3)", "cde"),
    ("substring('abc', 1)", "bc"),
    ("substring('abc', 0, 4)", ERROR),
    ("substring('abc', -1, 1)", ERROR),
    ("indexOf('abcABC', 'B')", 1),
    ("lastIndexOf('abcABC', 'b')", 4),
    ("indexOf('abc', 'z')", -1),
    ("indexOf(createArray('a', 'b'), 'b')", 1),
    ("lastIndexOf(createArray('b', 'a', 'b'), 'b')", 2),
    ("trim('  a ')", "a"),
    ("tryGet(createObject('a', createObject('b', 1)), 'A', 'b')", 1),
    ("tryGet(createObject('a', 1), 'z')", None),
    ("tryGet(createArray(1, 2), 1)", 2),
    ("tryGet(createArray(1, 2), 2)", None),
    ("tryGet(null(), 'a')", None),
    ("coalesce(null(), tryGet(null(), 'a'), 'x')", "x"),
    ("coalesce(null())", None),
    ("createArray(1, 'a')", [1, "a"]),
    ("createObject('a', 1)", {"a": 1}),
    ("createObject('a')", ERROR),
    ("createObject(1, 1)", ERROR),
    ("union(createArray(1, 2), createArray(2, 3))", [1, 2, 3]),
    (
        "union(createObject('a', createObject('b', 1)), createObject('a', createObject('c', 2)))",
        {"a": {"b": 1, "c": 2}},
    ),
    ("union('a', 'b')", ERROR),
    ("intersection(createArray(1, 2, 3), createArray(3, 2))", [2, 3]),
    ("intersection(createObject('a', 1, 'b', 2), createObject('a', 1, 'b', 3))", {"a": 1}),
    ("intersection('a', 'b')", ERROR),
    ("string(5)", "5"),
    ("string(true())", "True"),
    ("string(createArray(1, 'a'))", '[1,"a"]'),
    ("int('12')", 12),
    ("int('x')", ERROR),
    ("float('1.5')", 1.5),
    ("float('x')", ERROR),
    ("bool('TRUE')", True),
    ("bool(0)", False),
    ("bool('yes')", ERROR),
    ("less(1, 2)", True),
    ("lessOrEquals('a', 'a')", True),
    ("greater(2, 1)", True),
    ("greaterOrEquals(1, 2)", False),
    ("less(1, '2')", ERROR),
    ("add(1, -2)", -1),
    ("sub(1, 2)", -1),
    ("mul(3, 4)", 12),
    ("div(7, 2)", 3),
    ("div(-7, 2)", -3),
    ("mod(-7, 2)", -1),
    ("div(1, 0)", ERROR),
    ("add(1, '2')", ERROR),
    ("mul(9000000000000000000, 9)", ERROR),
    ("min(3, 1, 2)", 1),
    ("max(createArray(3, 1))", 3),
    ("max(createArray())", ERROR),
    ("range(2, 3)", [2, 3, 4]),
    ("range(0, 10001)", ERROR),
    ("padLeft('7', 3, '0')", "007"),
    ("padLeft(7, 3)", "  7"),
    ("padLeft('7', 3, '00')", ERROR),
    ("take('abc', 2)", "ab"),
    ("take(createArray(1, 2), 9)", [1, 2]),
    ("take('abc', -1)", ""),
    ("skip('abc', 1)", "bc"),
    ("skip(createArray(1, 2), 1)", [2]),
    ("take(1, 1)", ERROR),
    ("array('a')", ["a"]),
    ("array(createArray(1))", [1]),
    ("flatten(createArray(createArray(1), createArray(2, 3)))", [1, 2, 3]),
    ("flatten(createArray(1))", ERROR),
    ("items(createObject('b', 2, 'a', 1))", [{"key": "a", "value": 1}, {"key": "b", "value": 2}]),
    ("objectKeys(createObject('b', 2, 'a', 1))", ["a", "b"]),
    ("items('a')", ERROR),
    ("shallowMerge(createArray(createObject('a', 1), createObject('a', 2)))", {"a": 2}),
    ("shallowMerge('a')", ERROR),
    ("json('{\"a\": [1]}')", {"a": [1]}),
    ("json('{')", ERROR),
    ("format('{0}-{1}-{{}}', 'a', 1)", "a-1-{}"),
    ("format('{1}', 'a')", ERROR),
    ("format('{0:N2}', 1)", UNSUPPORTED),
    ("base64('abc')", "YWJj"),
    ("base64ToString('YWJj')", "abc"),
    ("base64ToString('!')", ERROR),
    ("base64ToJson('eyJhIjoxfQ==')", {"a": 1}),
    ("dataUriToString(dataUri('abc'))", "abc"),
    ("dataUriToString('abc')", ERROR),
    ("uri('https://a.example/b/', 'c')", "https://a.example/b/c"),
    ("uriComponent('a b')", "a%20b"),
    ("uriComponentToString('a%20b')", "a b"),
    ("true()", True),
    ("null()", None),
    ("utcNow()", "2026-11-29T12:00:00.0000000Z"),
    ("utcNow('yyyy-MM-dd')", "2026-11-29"),
    ("utcNow('dddd')", UNSUPPORTED),
    ("addDays('2026-02-27T00:00:00.1234567Z', 2)", "2026-03-01T00:00:00.1234567Z"),
    ("addDays(utcNow(), -29)", "2026-10-31T12:00:00.0000000Z"),
    ("addDays('soon', 1)", ERROR),
    ("addDays('2026-01-01', 99999999)", ERROR),
    ("ipRangeContains('10.0.0.0/24', '10.0.0.7')", True),
    ("ipRangeContains('10.0.0.0/24', '10.0.0.0/23')", False),
    ("ipRangeContains('192.168.0.1-192.168.0.9', '192.168.0.3-192.168.0.9')", True),
    ("ipRangeContains('2001:db8::/110', '2001:0DB8::3:FFFE')", True),
    ("ipRangeContains('10.0.0.0/24', '2001:db8::1')", ERROR),
    ("ipRangeContains('10.0.0.9-10.0.0.1', '10.0.0.2')", ERROR),
    ("ipRangeContains('nowhere', '10.0.0.2')", ERROR),
    ("parseCidr('10.0.0.0/29').lastUsable", "10.0.0.6"),
    ("cidrSubnet('10.0.0.0/16', 24, 1)", "10.0.1.0/24"),
    ("cidrSubnet('10.0.0.0/16', 8, 0)", ERROR),
    ("cidrHost('10.0.0.0/24', 0)", "10.0.0.1"),
    ("cidrHost('10.0.0.0/30', 9)", ERROR),
    ("createObject('A', 1).a", 1),
    ("createObject('a', 1).b", ERROR),
    ("createArray(1, 2)[1]", 2),
    ("createArray(1, 2)[2]", ERROR),
    ("createObject('a', createArray(createObject('b', 5))).a[0].b", 5),
    ("'it''s'", "it's"),
    ("concat()", ERROR),
    ("length('a', 'b')", ERROR),
    ("requestContext().identity", None),
    ("tryGet(requestContext().identity, 'appid')", None),
    ("requestContext().identity.appid", ERROR),
    ("requestContext().apiVersion", UNSUPPORTED),
    ("resourceGroup().name", UNSUPPORTED),
    ("subscription().subscriptionId", UNSUPPORTED),
    ("policy().assignmentId", UNSUPPORTED),
    ("claims().admitted", UNSUPPORTED),
    ("parameters('gone')", ERROR),
]


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_functions(expression: str, expected: Any) -> None:
    found = value_of(f"[{expression}]")
    assert found == expected
    assert type(found) is type(expected)


def test_every_function_has_a_case() -> None:
    cases = " ".join(expression for expression, _ in CASES).lower()
    elsewhere = {"field", "current"}
    missing = {name for name in (*FUNCTIONS, *OF_THE_REQUEST) if f"{name}(" not in cases}
    assert missing - elsewhere == {"false"} - {name for name in FUNCTIONS if f"{name}(" in cases}


def test_names_of_functions_have_no_case() -> None:
    assert value_of("[TOUPPER(Concat('a', 'b'))]") == "AB"


def test_what_a_request_tells() -> None:
    here = thing(at_id=GROUP + "Microsoft.Test/things/one")
    assert value_of("[resourceGroup().name]", here) == "models"
    assert value_of("[subscription().subscriptionId]", here) == "0a"
    assert value_of("[resourceGroup().tags.env]", here) == "unsupported"  # an identifier has no tags
    assert value_of("[resourcegroup().tags['Env']]", here, resource_group={"tags": {"env": "prod"}}) == "prod"
    assert value_of("[resourceGroup().location]", here, resource_group={"name": "g"}) == "error-deny"
    assert value_of("[subscription().displayName]", subscription={"displayName": "s"}) == "s"
    assert value_of("[requestContext().apiVersion]", api_version="2026-01-01") == "2026-01-01"
    assert value_of("[requestContext().apiVersion]", thing(at_apiVersion="2025-09-01")) == "2025-09-01"
    assert value_of("[requestContext().identity.appid]", identity={"idtyp": "app", "appid": "a1"}) == "a1"
    assert value_of("[tryGet(requestContext().identity, 'acrs')]", identity={"idtyp": "user"}) is None
    assert value_of("[policy().assignmentId]", policy={"assignmentId": "x"}) == "x"
    assert value_of("[claims().admitted]", claims={"admitted": True}) is True


def test_strong_authentication_as_documented() -> None:
    rule = {"value": "p1", "notIn": "[split(requestContext().identity.acrs, ',')]"}
    assert holds(rule, thing(), identity={"acrs": "c1,p1"}) is False
    assert holds(rule, thing(), identity={"acrs": "c1"}) is True
    assert holds(rule, thing()) == "error-deny"
