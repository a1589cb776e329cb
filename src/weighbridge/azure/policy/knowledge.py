"""What is known of Azure's aliases, resource types and built-in definitions, each entry with its source and date.

The list of aliases is no complete one: a tenant's own can be given beside it, as `az provider show` writes it.
"""

from __future__ import annotations

from weighbridge.core.errors import UsageError
from weighbridge.core.knowledge_files import FOLDER, read_table
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any


class AliasEntry(NamedTuple):
    """One alias. `path` is where it stands if not below `properties` by its own name.

    `certainty`: `alias` was seen in a definition that Azure accepts; `property` is a property of the REST schema, whose
    alias nobody has seen. `modifiable`: whether the effects modify and append may change it (None: not known).
    """

    alias: str
    path: str
    certainty: str
    modifiable: bool | None
    source: str
    date: str


class TypeEntry(NamedTuple):
    """One resource type. `indexed`: whether it has tags and a location, without which mode Indexed passes it over.

    `deploys`: what it is as a way to run a model; empty if it is none.
    """

    type: str
    indexed: bool
    deploys: str
    source: str
    date: str


class BuiltIn(NamedTuple):
    """A definition of Microsoft's that is assigned. `parameters` may name ours as `{prefixes}` and the like.

    `trap` is what it does with its defaults, or leaves open.
    """

    id: str
    reference: str
    name: str
    effect: str
    effects: tuple[str, ...]
    parameters: dict[str, Any]
    trap: str
    source: str
    date: str


class AzureKnowledge(NamedTuple):
    """All of it. Aliases and types go by their names in lower case."""

    version: str
    aliases: dict[str, AliasEntry]
    types: dict[str, TypeEntry]
    built_ins: tuple[BuiltIn, ...]


def load_azure_knowledge() -> AzureKnowledge:
    """Read it. Raises UsageError if the file is missing, broken, or not what the index names."""
    return read_table(FOLDER, "azure_policy", "policies of Azure", _known)


def _known(table: dict[str, Any]) -> AzureKnowledge:
    aliases = [
        AliasEntry(
            row["alias"], row.get("path", ""), row["certainty"], row.get("modifiable"), row["source"], row["date"]
        )
        for row in table["aliases"]
    ]
    types = [
        TypeEntry(row["type"], row["indexed"], row.get("deploys", ""), row["source"], row["date"])
        for row in table["types"]
    ]
    built_ins = tuple(
        BuiltIn(
            row["id"],
            row["reference"],
            row["name"],
            row["effect"],
            tuple(row["effects"]),
            row["parameters"],
            row["trap"],
            row["source"],
            row["date"],
        )
        for row in table["built_ins"]
    )
    return AzureKnowledge(
        table["version"],
        {entry.alias.casefold(): entry for entry in aliases},
        {entry.type.casefold(): entry for entry in types},
        built_ins,
    )


def snapshot_of(document: Any, when: str) -> dict[str, AliasEntry]:
    """The aliases of a tenant: a list of names, `{alias: {path, modifiable}}`, or `az provider show … --expand`.

    Raises UsageError for any other document.
    """
    rows: list[tuple[str, str, bool | None]] = []
    if isinstance(document, list) and all(isinstance(name, str) for name in document):
        rows = [(name, "", None) for name in document]
    elif isinstance(document, dict) and isinstance(document.get("resourceTypes"), list):
        for kind in document["resourceTypes"]:
            for alias in kind.get("aliases") or ():
                attributes = (alias.get("defaultMetadata") or {}).get("attributes", "")
                rows.append((alias["name"], alias.get("defaultPath") or "", "Modifiable" in str(attributes)))
    elif isinstance(document, dict) and all(isinstance(value, dict) for value in document.values()):
        rows = [(name, value.get("path", ""), value.get("modifiable")) for name, value in document.items()]
    if not rows:
        raise UsageError("the snapshot has no aliases", "write it with az provider show --expand resourceTypes/aliases")
    return {
        name.casefold(): AliasEntry(name, path, "alias", modifiable, "snapshot of a tenant", when)
        for name, path, modifiable in rows
    }
