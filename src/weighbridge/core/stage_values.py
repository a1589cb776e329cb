"""Values of a stage's policy, read from settings: what each key takes, and a sentence for whoever wrote another."""

from __future__ import annotations

import os

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SEVERITIES = ("critical", "high", "medium", "low", "info")
ADVISORIES = ("off", "runtime", "declared", "required")
DATASETS = ("off", "fine-tuned", "required")
SIGNED = ("scan", "facts", "engines", "provenance", "sbom", "model-signature", "exemption", "feed", "fine-tuning")
"""Kinds of evidence whose signers a stage can name."""
_LISTS = ("registries", "sources", "publishers", "blocked_publishers", "formats", "blocked_formats", "engines", "cel")
_COUNTRIES = ("countries", "blocked_countries")
_COUNTS = ("max_knowledge_age_days", "most_bytes", "sbom_completeness", "max_exemption_days")
_WORDS = {
    "severity": SEVERITIES,
    "exemptable": SEVERITIES,
    "loader_advisories": ADVISORIES,
    "dataset": DATASETS,
    "warn_as": ("", "sandbox", "staging", "production"),
}
STAGE_VALUES = frozenset((*_LISTS, *_COUNTS, *_WORDS, *_COUNTRIES, "signers", "publisher_countries"))
INDEX = ".weighbridge/index.db"


def stage_value(key: str, value: Any, where: str) -> Any:
    """The value of one key of a stage, as the policy holds it. Raises UsageError."""
    if key in _LISTS:
        return _texts(value, key, where)
    if key in _COUNTS:
        if type(value) is int and value >= 0 and (key != "sbom_completeness" or value <= 100):
            return value
        raise UsageError(f"{where}: {key} is not such a number", "write a whole number; 0 is no limit")
    if key in _WORDS:
        if value in _WORDS[key]:
            return value
        words = ", ".join(repr(word) for word in _WORDS[key])
        raise UsageError(f"{where}: {key} can be {words}", f'write {key} = "{_WORDS[key][1]}"')
    if key in _COUNTRIES:
        return tuple(_country(code, key, where) for code in _texts(value, key, where))
    if key == "publisher_countries":
        if not isinstance(value, dict):
            raise UsageError(f"{where}: {key} is no table", f'write {key}."acme*" = "DE"')
        return {name: _country(code, key, where) for name, code in value.items()}
    if not isinstance(value, dict):
        raise UsageError(f"{where}: signers is no table", 'write signers.scan = ["ci"]')
    for kind in value:
        if kind not in SIGNED:
            raise UsageError(f"{where}: {kind!r} is no kind of evidence", f"known are {', '.join(SIGNED)}")
    return {kind: _texts(names, f"signers.{kind}", where) for kind, names in value.items()}


def _country(code: Any, key: str, where: str) -> str:
    if isinstance(code, str) and len(code) == 2 and code.isascii() and code.isupper():
        return code
    raise UsageError(f"{where}: {key} has no country of two capital letters", "write DE, FR or US, as ISO 3166-1 does")


def read_index(table: Mapping[str, Any], folder: str, where: str) -> str:
    """The address of the index; a path of SQLite is relative to the settings' folder."""
    value = table.get("index", "")
    if not isinstance(value, str):
        raise UsageError(f"{where}: index is no text", 'write index = "sqlite:///decisions.db"')
    scheme = "sqlite:///"
    if not value:
        return f"{scheme}{os.path.join(folder, INDEX)}"
    if value.startswith(scheme):
        return f"{scheme}{os.path.join(folder, value.removeprefix(scheme))}"
    if "://" not in value:
        raise UsageError(f"{where}: index is no address of a database", 'write index = "sqlite:///decisions.db"')
    return value


def read_path(table: Mapping[str, Any], key: str, folder: str, where: str) -> str:
    """A path, relative to the settings' folder; empty if the key is not there."""
    value = table.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"{where}: {key} is no text", f'write {key} = "…"')
    return os.path.join(folder, value) if value else ""


def read_paths(table: Mapping[str, Any], key: str, folder: str, where: str) -> tuple[str, ...]:
    """A list of paths, relative to the settings' folder."""
    return tuple(os.path.join(folder, path) for path in _texts(table.get(key, []), key, where))


def read_flag(table: Mapping[str, Any], key: str, where: str) -> bool:
    """True or false; false if the key is not there."""
    value = table.get(key, False)
    if type(value) is not bool:
        raise UsageError(f"{where}: {key} is neither true nor false", "write true or false")
    return value


def _texts(value: Any, key: str, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise UsageError(f"{where}: {key} is no list of texts", f'write {key} = ["…"]')
