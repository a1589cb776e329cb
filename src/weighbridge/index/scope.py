"""What is asked for, as conditions that an index answers: names that begin with something, whose models may be seen."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from weighbridge.index.records import Scope
    from weighbridge.index.tables import ModelTables


def begins(column: ColumnElement[str], start: str) -> ColumnElement[bool]:
    """Whether text begins with `start`, as a range of code points: every index has that order."""
    from sqlalchemy import and_, true

    if not start:
        return true()
    end = after(start)
    return and_(column >= start, column < end) if end else column >= start


def after(start: str) -> str:
    """The least text that is greater than all that begins with `start`; empty if there is none."""
    while start and start[-1] == "\U0010ffff":
        start = start[:-1]
    if not start:
        return ""
    code = ord(start[-1]) + 1
    return start[:-1] + chr(0xE000 if code == 0xD800 else code)


def tenant_of(name: str) -> str:
    """The outermost namespace of a repository, or of a namespace, by its whole name (`HOST/team`, `oci:DIR:team`)."""
    colon = name.rfind(":") if name.startswith("oci:") else name.find("/")
    return name[: colon + 1] + name[colon + 1 :].partition("/")[0]


def is_registry(name: str) -> bool:
    """Whether this is a host, and no namespace of it."""
    return not name.startswith("oci:") and "/" not in name


def within(tables: ModelTables, prefix: str) -> ColumnElement[bool]:
    """The models of one namespace: the repository of this name, and all below it."""
    from sqlalchemy import and_, or_

    models = tables.models.c
    if is_registry(prefix):
        return begins(models.repository, f"{prefix}/")
    tenant = tenant_of(prefix)
    mine = models.tenant == tenant
    if prefix == tenant:
        return mine
    return and_(mine, or_(models.repository == prefix, begins(models.repository, f"{prefix}/")))


def seen(tables: ModelTables, scope: Scope) -> ColumnElement[bool]:
    """The models that a scope lets see."""
    from sqlalchemy import false, or_, true

    if scope is None:
        return true()
    return or_(false(), *(within(tables, prefix) for prefix in parts(scope)))


def parts(scope: tuple[str, ...]) -> tuple[str, ...]:
    """The namespaces of a scope, without those that lie in another one; names are as registries write them."""
    names = sorted({name.strip("/") for name in scope} - {""})
    kept: list[str] = []
    for name in names:
        if not any(name == other or name.startswith(f"{other}/") for other in kept):
            kept.append(name)
    return tuple(kept)
