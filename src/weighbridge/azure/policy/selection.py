"""Fields → values: `type`, `tags['x']`, and aliases such as `Microsoft.Test/things/list[*].value`.

An alias is a resource type and a path below `properties`. Paths that stand elsewhere are in the knowledge
(`azure_aliases.json`), and so is where the first segments `sku`, `kind`, `identity` … are those of the resource itself.
`[*]` selects every member; while a `count` goes through an array, only the member that it is at.

Source: Learn, "Author policies for array properties", "Azure Policy definition structure aliases".
"""

from __future__ import annotations

import re

from weighbridge.azure.policy.expression import Call, is_expression, parse
from weighbridge.azure.policy.faults import Unsupported
from weighbridge.azure.policy.values import MISSING, lookup
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from weighbridge.azure.policy.knowledge import AliasEntry
    from weighbridge.azure.policy.resource import Resource

PLAIN_FIELDS = (
    *("name", "fullname", "kind", "type", "location", "id", "tags"),
    *("identity.type", "identity.userassignedidentities"),
)
_AT_ROOT = {"sku", "kind", "identity", "zones", "plan", "managedby", "extendedlocation", "etag", "systemdata"}
_STAR = "[*]"


class Path(NamedTuple):
    """An alias taken apart. `prefix` names the resource type; `steps` are keys, and `[*]` for every member."""

    alias: str
    type: str
    steps: tuple[str, ...]

    @property
    def stars(self) -> tuple[str, ...]:
        """The array aliases along the path, in lower case, outermost first."""
        ends = [match.end() for match in re.finditer(r"\[\*\]", self.alias)]
        return tuple(self.alias[:end].casefold() for end in ends)


def alias_path(alias: str) -> Path:
    """An alias taken apart. Raises Unsupported for what is no alias."""
    kind, slash, path = alias.rpartition("/")
    if not slash or "." not in kind.partition("/")[0] or not re.fullmatch(r"[^\[\]]*(?:\[\*\][^\[\]]*)*", path):
        raise Unsupported(f"{plain(alias, 120)} is neither a field nor an alias")
    steps: list[str] = []
    for part in path.split("."):
        name, *stars = part.split(_STAR)
        if not name or any(stars):
            raise Unsupported(f"{plain(alias, 120)} is neither a field nor an alias")
        steps.append(name)
        steps += [_STAR] * len(stars)
    return Path(alias, kind, tuple(steps))


def tag_in(field: str) -> str | None:
    """The tag that a field names (`tags.x`, `tags[x]`, `tags['x']`, `tags['''x''']`); None if it names none."""
    rest = field[4:] if field[:4].lower() == "tags" else ""
    if rest.startswith(".") and len(rest) > 1:
        return rest[1:]
    if not (rest.startswith("[") and rest.endswith("]") and len(rest) > 2):
        return None
    name = rest[1:-1]
    quoted = re.fullmatch(r"'(.*)'", name, re.DOTALL)
    if quoted is None:
        return name
    name = quoted.group(1)
    doubled = re.fullmatch(r"''(.*)''", name, re.DOTALL)
    return (doubled.group(1) if doubled else name).replace("''", "'")


def normal_location(value: Any) -> Any:
    """A location, or an array of them, as Azure compares it: `East US 2` is `eastus2`."""
    if isinstance(value, list):
        return [normal_location(item) for item in value]
    return re.sub(r"\s", "", value).lower() if isinstance(value, str) and not is_expression(value) else value


def select(
    resource: Resource, field: str, pins: Mapping[str, int], aliases: Mapping[str, AliasEntry]
) -> tuple[Any, bool]:
    """The values of a field, and whether it selects a collection (then a list, else one value or MISSING).

    `pins` are the array aliases, in lower case, that a `count` goes through, each with the index of its member.
    Raises Unsupported for a field that does not exist, or a value that only Azure could work out.
    """
    plain_field = _plain(resource, field)
    if plain_field is not None:
        return _settled(resource, plain_field[0]), False
    path = alias_path(field)
    if not _of_type(path.type, resource.type):
        return ([], True) if _STAR in path.steps else (MISSING, False)
    members = _walk(resource.body, _start(resource, path, aliases), path.stars, pins)
    settled = [_settled(resource, value) for value in members]
    return (settled, True) if _STAR in path.steps else (settled[0], False)


def _plain(resource: Resource, field: str) -> tuple[Any] | None:
    folded = field.casefold()
    if folded == "type":
        return (resource.type,)
    if folded == "name":
        return (resource.name or MISSING,)
    if folded == "fullname":
        return (resource.full_name or MISSING,)
    if folded == "id":
        return (resource.id or MISSING,)
    if folded == "location":
        return (normal_location(lookup(resource.body, "location")),)
    if folded in ("kind", "tags"):
        return (lookup(resource.body, folded),)
    if folded in PLAIN_FIELDS:
        identity = lookup(resource.body, "identity")
        return (lookup(identity, folded.partition(".")[2]) if isinstance(identity, dict) else MISSING,)
    tag = tag_in(field)
    if tag is None:
        return None
    tags = lookup(resource.body, "tags")
    return (lookup(tags, tag) if isinstance(tags, dict) else MISSING,)


def _of_type(wanted: str, kind: str) -> bool:
    """Whether an alias of the type `wanted` says something of a resource of type `kind`."""
    if "/" not in wanted:  # an old alias of a whole namespace: Microsoft.Compute/imagePublisher
        return kind.casefold().startswith(wanted.casefold() + "/")
    return wanted.casefold() == kind.casefold()


def _start(resource: Resource, path: Path, aliases: Mapping[str, AliasEntry]) -> tuple[str, ...]:
    """The steps from the root of the resource."""
    known = aliases.get(path.alias.casefold())
    if known is not None and known.path:
        return tuple(step for name in known.path.split(".") for step in _steps(name))
    first = path.steps[0].casefold()
    component = path.type.casefold().partition("/")[0].endswith(".data")
    if (first in _AT_ROOT or component) and lookup(resource.body, first) is not MISSING:
        return path.steps
    return ("properties", *path.steps)


def _steps(name: str) -> list[str]:
    first, *stars = name.split(_STAR)
    return [first, *[_STAR] * len(stars)]


def _walk(body: Any, steps: tuple[str, ...], stars: tuple[str, ...], pins: Mapping[str, int]) -> list[Any]:
    """Everything at the end of the steps; MISSING for a member without the property, nothing for an empty array."""
    found, depth = [body], 0
    for step in steps:
        if step == _STAR:
            pin = pins.get(stars[depth]) if depth < len(stars) else None
            depth += 1
            arrays = [value for value in found if isinstance(value, list)]
            found = [item for value in arrays for item in (value if pin is None else value[pin : pin + 1])]
        else:
            found = [lookup(value, step) if isinstance(value, dict) else MISSING for value in found]
    return found


def _settled(resource: Resource, value: Any) -> Any:
    """A value, null being as good as missing. Raises Unsupported if only a deployment could work it out."""
    if value is None:
        return MISSING
    if resource.template:
        _check_settled(value)
    return value


def _check_settled(value: Any) -> None:
    if isinstance(value, str) and is_expression(value):
        try:
            found = parse(value)
        except Unsupported:
            return
        if isinstance(found, Call) or not value[1:-1].lstrip().startswith("'"):
            raise Unsupported(
                f"{plain(value, 80)} in the resource is an expression of its template: give what it becomes"
            )
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_settled(inner)
