"""Knowledge files whose lists hold one entry per line: their one form, and what every entry must say."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

DATE = re.compile(r"20\d\d-\d\d-\d\d")


class Layout(NamedTuple):
    """What a file holds.

    `fields`: of each list the fields that every entry has. `known`: of some lists, the values that a field may have.
    `key`: the fields by which entries are sorted, and which no two share. `empty`: fields that may be. `numbers`:
    fields that are no texts.
    """

    fields: Mapping[str, Collection[str]]
    known: Mapping[str, Mapping[str, Sequence[str]]]
    key: Sequence[str]
    empty: Collection[str] = ()
    numbers: Collection[str] = ()


def key_of(entry: Mapping[str, Any], layout: Layout) -> tuple[str, ...]:
    """What tells an entry from the others of its list."""
    return tuple(str(entry.get(field, "")) for field in layout.key)


def normal_form(table: Mapping[str, Any], layout: Layout) -> str:
    """The text that the file should be. Raises ValueError for an entry that lacks something or stands twice."""
    lines = ["{", f'"schema": {json.dumps(table["schema"])},']
    parts = []
    for part in layout.fields:
        entries = sorted(table[part], key=lambda entry: key_of(entry, layout))
        for entry in entries:
            _check(part, entry, layout)
        keys = [key_of(entry, layout) for entry in entries]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"listed twice: {twice}")
        parts.append(f'"{part}": [\n' + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]")
    newest = max(entry["date"] for part in layout.fields for entry in table[part])
    lines.append(f'"version": "{newest.replace("-", ".")}",')
    return "\n".join([*lines, ",\n".join(parts), "}", ""])


def date_of(arguments: Sequence[str], entries: Sequence[Mapping[str, Any]]) -> str:
    """The date that new entries get: the one that was given, or that of the newest entry."""
    given = [argument for argument in arguments if DATE.fullmatch(argument)]
    return given[0] if given else max((entry["date"] for entry in entries), default="2026-01-31")


def bring_into_form(file: Path, table: Mapping[str, Any], layout: Layout, arguments: Sequence[str], mend: str) -> int:
    """Write the file, or with --check compare; status 1 if it is not what it should be."""
    wanted = normal_form(table, layout)
    if "--check" in arguments:
        stale = file.read_text(encoding="utf-8") != wanted
        if stale:
            print(f"{file.name} is not as it should be: run {mend}", file=sys.stderr)
        return int(stale)
    file.write_text(wanted, encoding="utf-8")
    print(f"{file.name}: {', '.join(f'{len(table[part])} {part}' for part in layout.fields)}")
    return 0


def _check(part: str, entry: Mapping[str, Any], layout: Layout) -> None:
    where = f"{part}: {key_of(entry, layout)}"
    fields = layout.fields[part]
    if set(entry) != set(fields):
        raise ValueError(f"{where} has other fields than {', '.join(sorted(fields))}")
    for field in fields:
        kind = int if field in layout.numbers else str
        if not isinstance(entry[field], kind) or not (entry[field] or field in layout.empty):
            raise ValueError(f"{where} has an empty field")
    for field, values in layout.known.get(part, {}).items():
        if entry[field] not in values:
            raise ValueError(f"{where}: {field} is one of {', '.join(values)}")
    if not DATE.fullmatch(entry["date"]):
        raise ValueError(f"{where}: the date is written 2026-01-31")
