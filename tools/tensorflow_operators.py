"""Brings `knowledge/tensorflow_ops.json` into its form, and takes the operators from the TensorFlow of `make writers`.

The file has two lists, one entry per line: `special` is kept by hand and counts before `operators`, which is
generated. TensorFlow is asked in a child, in its own environment. Run `tools/knowledge.py` afterwards for the index.
`--check` only compares, `--form` does not ask TensorFlow; a date gives new entries that date.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILE = ROOT / "src" / "weighbridge" / "knowledge" / "tensorflow_ops.json"
PYTHON = ROOT / ".venv-writers" / "bin" / "python"
SCRIPT = ROOT / "tests" / "writers" / "tensorflow_operators.py"
DATE = re.compile(r"20\d\d-\d\d-\d\d")
TRUSTS = {
    "special": (
        "python",
        "network",
        "native",
        "configures",
        "review",
        "program",
        "cluster",
        "reads",
        "writes",
        "checkpoint",
        "library",
    ),
    "operators": ("standard",),
}
FIELDS = {
    "special": {"name", "trust", "why", "source", "date"},
    "operators": {"name", "trust", "source", "date"},
}


def normal_form(table: dict[str, Any]) -> str:
    """The text that the file should be. Raises ValueError for an entry that lacks something or stands twice."""
    lines = ["{", f'"schema": {json.dumps(table["schema"])},']
    parts = []
    for part in TRUSTS:
        entries = sorted(table[part], key=lambda entry: str(entry["name"]))
        for entry in entries:
            _check(part, entry)
        names = [entry["name"] for entry in entries]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"listed twice: {twice}")
        parts.append(f'"{part}": [\n' + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]")
    newest = max(entry["date"] for part in TRUSTS for entry in table[part])
    lines.append(f'"version": "{newest.replace("-", ".")}",')
    return "\n".join([*lines, ",\n".join(parts), "}", ""])


def from_package(date: str) -> list[dict[str, Any]]:
    """Every operator that TensorFlow registers. Raises FileNotFoundError without `make writers`."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(PYTHON), str(SCRIPT), folder], check=True, capture_output=True)
        found = json.loads(Path(folder, "operators.json").read_text(encoding="utf-8"))
    source = f"tensorflow-cpu {found['version']}, registered operators"
    return [{"name": name, "trust": "standard", "source": source, "date": date} for name in found["names"]]


def _check(part: str, entry: dict[str, Any]) -> None:
    where = f"{part}: {entry.get('name')}"
    if set(entry) != FIELDS[part]:
        raise ValueError(f"{where} has other fields than {', '.join(sorted(FIELDS[part]))}")
    if not all(isinstance(entry[field], str) and entry[field] for field in FIELDS[part]):
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
        known = {entry["name"]: entry for entry in table["operators"]}
        dates = [argument for argument in arguments if DATE.fullmatch(argument)]
        date = dates[0] if dates else max((entry["date"] for entry in table["operators"]), default="2026-01-31")
        table["operators"] = [known.get(entry["name"], entry) for entry in from_package(date)]
    wanted = normal_form(table)
    if "--check" in arguments:
        if raw != wanted:
            print(f"{FILE.name} is not as it should be: run python tools/tensorflow_operators.py", file=sys.stderr)
        return int(raw != wanted)
    FILE.write_text(wanted, encoding="utf-8")
    print(f"{FILE.name}: {len(table['special'])} special, {len(table['operators'])} operators")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
