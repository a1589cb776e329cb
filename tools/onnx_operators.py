"""Brings `knowledge/onnx_domains.json` into its form, and takes the standard operators from the installed onnx package.

The file has three lists, one entry per line: `domains` and `special` are kept by hand, `operators` is generated. Run
it where the newest onnx is installed, then `tools/knowledge.py` for the index. `--check` only compares, `--form` does
not ask the package; a date gives new entries that date.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "src" / "weighbridge" / "knowledge" / "onnx_domains.json"
DATE = re.compile(r"20\d\d-\d\d-\d\d")
TRUSTS = {
    "domains": ("standard", "experimental", "builtin", "library"),
    "special": ("removed", "builtin", "library", "review", "python"),
    "operators": ("standard", "deprecated", "experimental"),
}
FIELDS = {
    "domains": {"domain", "trust", "why", "source", "date"},
    "special": {"domain", "name", "trust", "why", "source", "date"},
    "operators": {"domain", "name", "trust", "since", "source", "date"},
}


def normal_form(table: dict[str, Any]) -> str:
    """The text that the file should be. Raises ValueError for an entry that lacks something or stands twice."""
    lines = ["{", f'"schema": {json.dumps(table["schema"])},']
    parts = []
    for part in TRUSTS:
        entries = sorted(table[part], key=_key)
        for entry in entries:
            _check(part, entry)
        keys = [_key(entry) for entry in entries]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"listed twice: {twice}")
        parts.append(f'"{part}": [\n' + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]")
    newest = max(entry["date"] for part in TRUSTS for entry in table[part])
    lines.append(f'"version": "{newest.replace("-", ".")}",')
    return "\n".join([*lines, ",\n".join(parts), "}", ""])


def from_package(date: str) -> list[dict[str, Any]]:
    """Every operator that the installed onnx package ever defined: its newest status, its first version."""
    onnx, defs = import_module("onnx"), import_module("onnx.defs")
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for schema in sorted(defs.get_all_schemas_with_history(), key=lambda one: one.since_version):
        unstable = "EXPERIMENTAL" in str(schema.support_level) or schema.domain.startswith("ai.onnx.preview")
        before = entries.get((schema.domain, schema.name))
        entries[schema.domain, schema.name] = {
            "domain": schema.domain,
            "name": schema.name,
            "trust": "deprecated" if schema.deprecated else "experimental" if unstable else "standard",
            "since": before["since"] if before else schema.since_version,
            "source": f"onnx {onnx.__version__}, onnx.defs",
            "date": date,
        }
    return list(entries.values())


def _key(entry: dict[str, Any]) -> tuple[str, str]:
    return str(entry["domain"]), str(entry.get("name", ""))


def _check(part: str, entry: dict[str, Any]) -> None:
    where = f"{part}: {_key(entry)}"
    if set(entry) != FIELDS[part]:
        raise ValueError(f"{where} has other fields than {', '.join(sorted(FIELDS[part]))}")
    if not all(entry[field] for field in FIELDS[part] - {"domain"}):
        raise ValueError(f"{where} has an empty field")
    if entry["trust"] not in TRUSTS[part]:
        raise ValueError(f"{where}: trust is one of {', '.join(TRUSTS[part])}")
    if not DATE.fullmatch(entry["date"]):
        raise ValueError(f"{where}: the date is written 2026-01-31")


def main(arguments: list[str]) -> int:
    """Write, or with --check compare; status 1 if the file is not what it should be."""
    raw = FILE.read_text(encoding="utf-8")
    table = json.loads(raw)
    if "--form" not in arguments:
        known = {_key(entry): entry for entry in table["operators"]}
        dates = [argument for argument in arguments if DATE.fullmatch(argument)]
        date = dates[0] if dates else max((entry["date"] for entry in table["operators"]), default="2026-01-31")
        fresh = from_package(date)
        table["operators"] = [entry | {"date": known.get(_key(entry), entry)["date"]} for entry in fresh]
    wanted = normal_form(table)
    if "--check" in arguments:
        if raw != wanted:
            print(f"{FILE.name} is not as it should be: run python tools/onnx_operators.py", file=sys.stderr)
        return int(raw != wanted)
    FILE.write_text(wanted, encoding="utf-8")
    print(f"{FILE.name}: {len(table['domains'])} domains, {len(table['operators'])} operators")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
