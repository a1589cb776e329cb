"""Models by the name of their repository and their tag: a list that can be walked page by page and stands still.

The order is that of code points, first of repositories and then of tags, and a page goes on behind the last name that
was seen. What is written or removed between two pages neither repeats nor hides any other name.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.database import reading, told
from weighbridge.index.scope import after as least_after
from weighbridge.index.scope import begins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement

    from weighbridge.index.models import Index


class Named(NamedTuple):
    """A tag, the repository that it is in (its whole name), and the manifest that it names."""

    repository: str
    tag: str
    manifest: str


class Names(NamedTuple):
    """Some repositories: that of this very name, or with `below` all whose names begin so."""

    text: str
    below: bool = False


def of_namespaces(root: str, namespaces: Iterable[str]) -> tuple[Names, ...]:
    """The repositories of namespaces below a registry's place, which ends in `:` or `/`: each itself and all below."""
    return tuple(names for one in namespaces for names in (Names(f"{root}{one}"), Names(f"{root}{one}/", below=True)))


def named(index: Index, wanted: Iterable[Names], after: tuple[str, str], count: int) -> list[Named]:
    """Tags of these repositories, which must not overlap, behind the repository and the tag `after`.

    At most `count`; every part of the answer is read off the end of an index. Raises IndexFailed.
    """
    from sqlalchemy import select

    tags, models = index.tables.tags, index.tables.models
    columns = select(tags.c.repository, tags.c.tag, models.c.manifest)
    joined = columns.select_from(tags.join(models, models.c.id == tags.c.id))
    found: list[Named] = []
    with told(), reading(index.engine) as connection:
        for names in sorted(wanted):
            if len(found) == count:
                break
            if not names.below and names.text < after[0]:
                continue
            query = joined.where(*_behind(tags.c.repository, tags.c.tag, names, after))
            ordered = query.order_by(tags.c.repository, tags.c.tag).limit(count - len(found))
            found += [Named(*row) for row in connection.execute(ordered)]
    return found


def _behind(
    repository: ColumnElement[str], tag: ColumnElement[str], names: Names, after: tuple[str, str]
) -> tuple[ColumnElement[bool], ...]:
    """What is meant and behind the last name that was seen, with one lower end: of two, a database may begin at the
    lesser one, and walk over all that was seen before.
    """
    from sqlalchemy import literal, tuple_

    if not names.below:
        return (repository == names.text, *((tag > after[1],) if names.text == after[0] else ()))
    if after[0] < names.text:
        return (begins(repository, names.text),)
    seen = tuple_(repository, tag) > tuple_(literal(after[0]), literal(after[1]))
    end = least_after(names.text)
    return (seen, repository < end) if end else (seen,)
