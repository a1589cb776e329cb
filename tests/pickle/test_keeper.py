"""The keeper has whole what the machine shortens, and knows when it is full."""

from __future__ import annotations

import collections
import pickle

from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.pickle.keeper import Keeper, kept_limits
from weighbridge.pickle.machine import Program, interpret
from weighbridge.pickle.values import Container


def followed(value: object, keeper: Keeper, protocol: int = 4) -> Program:
    raw = pickle.dumps(value, protocol)
    budget = Budget(kept_limits(Limits()), len(raw))
    return interpret(Reader(MemorySource(raw)), 0, budget, keeper=keeper)


def test_everything_that_is_put_into_a_container_is_kept() -> None:
    items = [*range(5000), "a", *("word" * 20 for _ in range(40)), None, 1.5]
    for protocol in range(6):
        keeper = Keeper()
        program = followed(items, keeper, protocol)
        kept = [value for _, values in keeper.of(program.value) for value in values]
        assert kept == items, protocol


def test_keys_and_items_stand_in_turn_whoever_is_filled() -> None:
    keeper = Keeper()
    program = followed(collections.OrderedDict((f"k{number}", [number]) for number in range(100)), keeper)
    kept = [value for mode, values in keeper.of(program.value) for value in values if mode == "setitem"]
    assert kept[::2] == [f"k{number}" for number in range(100)]
    assert [keeper.of(item)[0].values for item in kept[1::2]] == [(number,) for number in range(100)]


def test_a_keeper_that_is_full_ends_the_reading() -> None:
    program = followed(list(range(1000)), Keeper(100))
    assert program.exhausted
    assert not program.complete


def test_without_a_keeper_nothing_changes() -> None:
    raw = pickle.dumps([[number] for number in range(100)], 4)
    alone = interpret(Reader(MemorySource(raw)), 0, Budget(Limits(), len(raw)))
    watched = interpret(Reader(MemorySource(raw)), 0, Budget(Limits(), len(raw)), keeper=Keeper())
    assert alone.facts == watched.facts
    assert isinstance(alone.value, Container)
    assert len(alone.value.items) == 32
