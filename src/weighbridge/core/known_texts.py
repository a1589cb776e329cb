"""What is known of addresses that data is sent to, and of the forms of secrets.

`network.json` and `secrets.json` are read at the first look, which the search in texts does. `index.json` names them
with their SHA-256: the version of the knowledge covers them.
"""

from __future__ import annotations

from functools import cache

from weighbridge.core.errors import UsageError
from weighbridge.core.knowledge_files import FOLDER, read_table
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any


class Host(NamedTuple):
    """A host, with everything below it, that a model has no reason to know.

    `path` is how the rest of the address has to begin. `bare`: the name counts without `https://` before it.
    """

    host: str
    path: str
    kind: str
    why: str
    bare: bool


class Form(NamedTuple):
    """The form of one kind of secret.

    `anchors` are what every secret of the kind has near it: they are looked for first. The secret is the first group of
    `pattern`; `near` is what must stand close to it, `check` the name of a checksum, `span` the characters that a
    match may take on both sides of an anchor.
    """

    kind: str
    severity: str
    anchors: tuple[str, ...]
    pattern: str
    why: str
    near: str
    check: str
    span: int


@cache
def hosts() -> dict[str, tuple[Host, ...]]:
    """The known hosts by name. Raises UsageError if the knowledge is missing, broken, or not what the index names."""
    found: dict[str, tuple[Host, ...]] = {}
    for row in _rows("network", "hosts"):
        host = Host(row["host"], row["path"], row["kind"], row["why"], row.get("bare", True))
        found[host.host] = (*found.get(host.host, ()), host)
    return found


@cache
def words() -> dict[str, tuple[str, str]]:
    """Words that stand for such an address: their kind, and why. Raises UsageError like `hosts`."""
    return {row["word"]: (row["kind"], row["why"]) for row in _rows("network", "words")}


@cache
def kinds() -> dict[str, str]:
    """The severity of each kind of secret, and why it is one, as `severity why`. Raises UsageError like `hosts`."""
    return {row["kind"]: f"{row['severity']} {row['why']}" for row in _rows("secrets", "forms")}


@cache
def forms() -> tuple[Form, ...]:
    """The forms of secrets. Raises UsageError like `hosts`."""
    return tuple(
        Form(
            row["kind"],
            row["severity"],
            tuple(row["anchors"]),
            row["pattern"],
            row["why"],
            row.get("near", ""),
            row.get("check", ""),
            row.get("span", 320),
        )
        for row in _rows("secrets", "forms")
    )


@cache
def examples() -> frozenset[str]:
    """SHA-256 of values that documentation gives as examples. Raises UsageError like `hosts`."""
    return frozenset(row["sha256"] for row in _rows("secrets", "examples"))


def _rows(name: str, part: str) -> tuple[dict[str, Any], ...]:
    return _tables(name)[part]


@cache
def _tables(name: str) -> dict[str, tuple[dict[str, Any], ...]]:
    return read_tables(FOLDER, name)


def read_rows(folder: str, name: str, part: str) -> tuple[dict[str, Any], ...]:
    """The entries of one list of a knowledge file. Raises UsageError like `hosts`."""
    found = read_tables(folder, name)
    if part not in found:
        raise UsageError(f"the knowledge of {name}.json is broken: it has no {part}", "reinstall weighbridge")
    return found[part]


def read_tables(folder: str, name: str) -> dict[str, tuple[dict[str, Any], ...]]:
    """The lists of a knowledge file by name. Raises UsageError like `hosts`."""
    return read_table(folder, name, f"{name}.json", _lists)


def _lists(table: dict[str, Any]) -> dict[str, tuple[dict[str, Any], ...]]:
    return {part: tuple(rows) for part, rows in table.items() if isinstance(rows, list)}
