"""JSON that every reader understands alike."""

from __future__ import annotations

import json

import pytest

from weighbridge.core.strict_json import finite, no_constant, unique_keys


def strictly(text: str) -> object:
    return json.loads(text, object_pairs_hook=unique_keys, parse_constant=no_constant, parse_float=finite)


@pytest.mark.parametrize("text", ['{"a": {"b": 1.5}, "b": [2, null]}', "{}", "[-0.0, 1e308]"])
def test_plain_json_is_what_it_was(text: str) -> None:
    assert strictly(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "b": 2, "a": 1}', "the key 'a' stands twice"),
        ('{"x": {"\\u0061": 1, "a": 2}}', "the key 'a' stands twice"),
        ("[NaN]", "NaN is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ("1e999", "the number 1e999 is too large"),
    ],
)
def test_what_readers_take_differently_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        strictly(text)
