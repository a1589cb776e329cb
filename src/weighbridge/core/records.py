"""Records: `typing.NamedTuple` for type checkers and in use, without what it costs to declare one.

Declaring a `typing.NamedTuple` compiles a constructor, and a small scan declares seventy of them to make a dozen.
Here a constructor is compiled when a class has shown that it is used, and `typing` is not imported at all. Type
checkers see what the standard library has. See `docs/decisions/0001-named-tuples.md`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
"""What type checkers take for true; stands here so that a module need not import `typing` to ask."""

if TYPE_CHECKING or sys.version_info >= (3, 14):  # from 3.14 on, annotations do not stand in a class's namespace
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414 -- exported again
    from typing import Protocol as Protocol  # noqa: PLC0414
else:
    from collections import _tuplegetter, namedtuple

    BY_HAND = 3
    """Records of one class after which a constructor of its own is worth what it costs to make."""

    class Protocol:
        """A protocol when nobody checks types."""

    class _Record(tuple):
        """What all records have in common; `collections.namedtuple` gives the same to each."""

        __slots__ = ()
        _fields = ()
        _field_defaults = {}  # as the standard library has it, and never changed
        _made = 0

        def __new__(cls, /, *values, **named):
            """Put the first few records of a class together by hand; then have its constructor made, and use that."""
            declared = next(kind for kind in cls.__mro__ if "_field_defaults" in vars(kind))
            fields, given = declared._fields, declared._field_defaults
            rest = fields[len(values) :]
            fits = len(values) <= len(fields) and named.keys() <= set(rest) <= {*named, *given}
            if fits and declared._made < BY_HAND:
                declared._made += 1
                filled = [named[field] if field in named else given[field] for field in rest]
                return tuple.__new__(cls, (*values, *filled))
            made = namedtuple(declared.__name__, fields, defaults=tuple(given.values())).__new__  # noqa: PYI024
            declared.__new__ = staticmethod(made)
            return made(cls, *values, **named)

        @classmethod
        def _make(cls, iterable):
            """A record of the values in `iterable`."""
            values = tuple(iterable)
            if len(values) != len(cls._fields):
                raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(values)}")
            return tuple.__new__(cls, values)

        def _replace(self, /, **named):
            """A record with other values in the fields that are named."""
            made = self._make(map(named.pop, self._fields, self))
            if named:
                raise ValueError(f"Got unexpected field names: {list(named)!r}")
            return made

        def _asdict(self):
            """The fields and their values, in order."""
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            values = ", ".join(f"{field}={value!r}" for field, value in self._asdict().items())
            return f"{type(self).__name__}({values})"

        def __getnewargs__(self):
            return tuple(self)

    class _Declaring(type):
        """Turns a class statement with fields into a record."""

        def __new__(cls, name, _bases, namespace):
            fields = tuple(namespace.get("__annotations__", ()))
            given = {field: namespace[field] for field in fields if field in namespace}
            if tuple(given) != fields[len(fields) - len(given) :]:
                raise TypeError(f"{name}: a field without a default stands behind one that has one")
            for index, field in enumerate(fields):
                namespace[field] = _tuplegetter(index, "")
            namespace.update(__slots__=(), __match_args__=fields, _fields=fields, _field_defaults=given)
            return type(name, (_Record,), namespace)

    class _Base:
        """What stands behind `class X(NamedTuple)`: bases that are no class are asked what to take in their place."""

        def __mro_entries__(self, _bases):
            return (type.__new__(_Declaring, "NamedTuple", (), {}),)

    NamedTuple = _Base()
