"""How a repository looks from outside: nothing of it proves anything, some of it makes a person look."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Earlier(NamedTuple):
    """What an earlier intake of the same place remembered.

    `resolutions` maps what was asked for (a branch, a tag; empty: the default) to the revision that it was then,
    `files` the escaped paths to hex SHA-256. `is_ancestor(old, new)` says whether one commit leads to the other, None
    if that cannot be told; without it a revision that changed is told and nothing more.
    """

    resolutions: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    is_ancestor: Callable[[str, str], bool | None] | None = None
