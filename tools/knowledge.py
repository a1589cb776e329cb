"""Brings the knowledge files into their one form: entries sorted by name, one per line; `--check` only looks.

An entry needs a name, what is trusted about it, why, a source and the date on which somebody last looked. The version
of a file is the date of its newest entry. `index.json` names all files with their digests.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "src" / "weighbridge" / "knowledge"
TRUSTS = ("dangerous", "callable", "container", "function", "inert")
DATE = re.compile(r"20\d\d-\d\d-\d\d")


def normal_form(raw: str) -> str:
    """The text that a file of globals should be. Raises ValueError for an entry that lacks something."""
    table = json.loads(raw)
    entries: list[dict[str, Any]] = sorted(table["entries"], key=lambda entry: str(entry["name"]))
    names = [entry["name"] for entry in entries]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"listed twice: {', '.join(sorted(twice))}")
    for entry in entries:
        _check(entry)
    version = max(entry["date"] for entry in entries).replace("-", ".")
    lines = ["{", f'"schema": {json.dumps(table["schema"])},', f'"version": "{version}",']
    lines += [f'"renamed": {json.dumps(table["renamed"], sort_keys=True)},']
    lines += [f'"segments": {json.dumps(table["segments"])},', f'"packages": {json.dumps(table["packages"])},']
    lines += [f'"lookalikes": {json.dumps(table["lookalikes"])},', '"entries": [']
    lines.append(",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries))
    return "\n".join([*lines, "]", "}", ""])


def _check(entry: dict[str, Any]) -> None:
    name = entry.get("name")
    for field in ("name", "trust", "why", "source", "date"):
        if not isinstance(entry.get(field), str) or not entry[field]:
            raise ValueError(f"{name}: {field} is missing")
    if entry["trust"] not in TRUSTS:
        raise ValueError(f"{name}: trust is one of {', '.join(TRUSTS)}")
    if not DATE.fullmatch(entry["date"]):
        raise ValueError(f"{name}: the date is written 2026-01-31")
    if set(entry) - {"name", "trust", "why", "source", "date", "arguments", "states"}:
        raise ValueError(f"{name}: has a field that nobody reads")


def index(folder: Path = FOLDER) -> str:
    """The file that names every other knowledge file with its SHA-256."""
    # Their names have a dot: a table of classes goes by the bare name of its package.
    own = (
        "globals onnx_domains keras tensorflow_ops tflite r_functions foreign_names network secrets"
        " card_fields licences publishers publisher_seats regulated_data control_mappings azure_policy"
        " loader_advisories log_tables"
    )
    files = {f"{name}.json": folder / f"{name}.json" for name in own.split()}
    files |= {path.stem: path for path in sorted(folder.glob("classes/*.tsv"))}
    digests = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    return json.dumps({"schema": "weighbridge.knowledge.index/1", "tables": digests}, indent=0) + "\n"


def main(arguments: list[str]) -> int:
    """Write, or with --check compare; status 1 if a file is not in its form."""
    path = FOLDER / "globals.json"
    raw = path.read_text(encoding="utf-8")
    wanted = normal_form(raw)
    if "--check" in arguments:
        if raw != wanted:
            print(f"{path.name} is not in its form: run python tools/knowledge.py", file=sys.stderr)
        stale = (FOLDER / "index.json").read_text(encoding="utf-8") != index()
        if stale:
            print("index.json names other files: run python tools/knowledge.py", file=sys.stderr)
        return int(raw != wanted or stale)
    path.write_text(wanted, encoding="utf-8")
    (FOLDER / "index.json").write_text(index(), encoding="utf-8")
    print(f"{path.name}: {wanted.count(chr(10)) - 10} entries")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
