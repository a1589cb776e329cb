"""Records behave like those of the standard library; only their declaration is cheaper."""

import copy
import pickle
import typing
from typing import Any

import pytest

from weighbridge.core import records


class Ours(records.NamedTuple):
    """A thing."""

    name: str
    size: int = 3
    tags: tuple[str, ...] = ()

    @property
    def twice(self) -> int:
        return self.size * 2

    @classmethod
    def named(cls, name: str) -> "Ours":
        return cls(name)


class Theirs(typing.NamedTuple):
    """A thing."""

    name: str
    size: int = 3
    tags: tuple[str, ...] = ()

    @property
    def twice(self) -> int:
        return self.size * 2

    @classmethod
    def named(cls, name: str) -> "Theirs":
        return cls(name)


class Empty(records.NamedTuple):
    pass


def outcome(call: Any) -> Any:
    try:
        found = call()
    except (TypeError, ValueError, AttributeError) as error:
        return type(error)
    return tuple(found) if isinstance(found, tuple) else found


USES = {
    "by position": lambda kind: kind("a", 1, ("x",)),
    "by name": lambda kind: kind(size=4, name="b"),
    "defaults": lambda kind: kind("c"),
    "too few": lambda kind: kind(),
    "too many": lambda kind: kind(1, 2, 3, 4),
    "a name that is no field": lambda kind: kind("a", colour="red"),
    "make": lambda kind: kind._make(["a", 1, ()]),
    "make too few": lambda kind: kind._make(["a"]),
    "replace": lambda kind: kind("a")._replace(size=9),
    "replace what is no field": lambda kind: kind("a")._replace(colour=1),
    "as a dictionary": lambda kind: kind("a")._asdict(),
    "fields": lambda kind: kind._fields,
    "defaults of fields": lambda kind: kind._field_defaults,
    "what a pattern matches": lambda kind: kind.__match_args__,
    "equal to a tuple": lambda kind: kind("a") == ("a", 3, ()),
    "hash": lambda kind: hash(kind("a")),
    "order": lambda kind: min([kind("b"), kind("a")]).name,
    "setting a field": lambda kind: setattr(kind("a"), "name", "b"),
    "a new attribute": lambda kind: setattr(kind("a"), "other", 1),
    "property": lambda kind: kind("a", 5).twice,
    "class method": lambda kind: kind.named("z"),
    "pickled": lambda kind: pickle.loads(pickle.dumps(kind("a", 1))),
    "copied": lambda kind: copy.deepcopy(kind("a", 1)),
    "documentation": lambda kind: kind.__doc__,
    "types of fields": typing.get_type_hints,
    "text": lambda kind: repr(kind("a")).replace("Theirs", "Ours"),
}


def fresh() -> Any:
    """A class of which no record was made yet."""

    class Ours(records.NamedTuple):
        """A thing."""

        name: str
        size: int = 3
        tags: tuple[str, ...] = ()

        @property
        def twice(self) -> int:
            return self.size * 2

        @classmethod
        def named(cls, name: str) -> "Ours":
            return cls(name)

    return Ours


@pytest.mark.parametrize("use", sorted(USES.keys() - {"pickled"}))  # what is local to a function has no name to pickle
def test_the_first_records_of_a_class_do_too(use: str) -> None:
    kind = fresh()
    for _ in range(5):
        assert outcome(lambda: USES[use](kind)) == outcome(lambda: USES[use](Theirs))


@pytest.mark.parametrize("use", USES)
def test_a_record_does_what_a_named_tuple_does(use: str) -> None:
    assert outcome(lambda: USES[use](Ours)) == outcome(lambda: USES[use](Theirs))


def test_the_first_record_of_a_class_is_as_good_as_the_second() -> None:
    class Fresh(records.NamedTuple):
        one: int
        two: int = 2

    first, second = Fresh(1), Fresh(1)
    assert first == second == (1, 2)
    assert type(first) is type(second) is Fresh
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'one'"):
        Fresh()


def test_a_record_without_fields() -> None:
    assert Empty() == ()
    assert repr(Empty()) == "Empty()"


def test_a_pattern_takes_a_record_apart() -> None:
    match Ours("a", 7):
        case Ours(name, size):
            assert (name, size) == ("a", 7)


def test_a_field_without_a_default_may_not_follow_one_that_has_one() -> None:
    with pytest.raises(TypeError, match="default"):

        class Wrong(records.NamedTuple):
            one: int = 1
            two: int  # type: ignore[misc]
