"""Brings `knowledge/onnx_domains.json` into its form, and takes the standard operators from the installed onnx package.

The file has three lists, one entry per line: `domains` and `special` are kept by hand, `operators` is generated. Run
it where the newest onnx is installed, then `tools/knowledge.py` for the index. `--check` only compares, `--form` does
not ask the package; a date gives new entries that date.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from tools.entries import Layout, bring_into_form, date_of, key_of

FILE = Path(__file__).parents[1] / "src" / "weighbridge" / "knowledge" / "onnx_domains.json"
TRUSTS = {
    "domains": ("standard", "experimental", "builtin", "library"),
    "special": ("removed", "builtin", "library", "review", "python"),
    "operators": ("standard", "deprecated", "experimental"),
}
LAYOUT = Layout(
    fields={
        "domains": ("domain", "trust", "why", "source", "date"),
        "special": ("domain", "name", "trust", "why", "source", "date"),
        "operators": ("domain", "name", "trust", "since", "source", "date"),
    },
    known={part: {"trust": trusts} for part, trusts in TRUSTS.items()},
    key=("domain", "name"),
    empty=("domain",),
    numbers=("since",),
)


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


def main(arguments: list[str]) -> int:
    """Write, or with --check compare; status 1 if the file is not what it should be."""
    table = json.loads(FILE.read_text(encoding="utf-8"))
    if "--form" not in arguments:
        known = {key_of(entry, LAYOUT): entry for entry in table["operators"]}
        fresh = from_package(date_of(arguments, table["operators"]))
        table["operators"] = [entry | {"date": known.get(key_of(entry, LAYOUT), entry)["date"]} for entry in fresh]
    return bring_into_form(FILE, table, LAYOUT, arguments, "python -m tools.onnx_operators")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
