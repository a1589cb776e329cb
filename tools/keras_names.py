"""Brings `knowledge/keras.json` into its form, and takes the public names of Keras from the installed package.

The file has three lists, one entry per line: `modules` and `gadgets` are kept by hand; of `names` those with the source
`keras …` are generated. The package is read, not imported: it needs a backend. Run this where the newest Keras is
installed, then `tools/knowledge.py` for the index. `--check` only compares, `--form` does not look at the package; a
date gives new entries that date.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "src" / "weighbridge" / "knowledge" / "keras.json"
DATE = re.compile(r"20\d\d-\d\d-\d\d")
FIELDS = {
    "modules": {"module", "trust", "why", "source", "date"},
    "gadgets": {"package", "names", "why", "source", "date"},
    "names": {"module", "kind", "names", "source", "date"},
}
TRUSTS = ("core", "library")
KINDS = ("classes", "functions")
CLASSES = ("", "layers", "models", "optimizers", "losses", "metrics", "initializers", "regularizers", "constraints")
MORE_CLASSES = ("dtype_policies", "quantizers", "optimizers.schedules")
FUNCTIONS = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints", "ops")
_LOADERS = ("get", "serialize", "deserialize")


def normal_form(table: dict[str, Any]) -> str:
    """The text that the file should be. Raises ValueError for an entry that lacks something or stands twice."""
    lines = ["{", f'"schema": {json.dumps(table["schema"])},']
    parts = []
    for part in FIELDS:
        entries = sorted(table[part], key=_key)
        for entry in entries:
            _check(part, entry)
        keys = [_key(entry) for entry in entries]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"listed twice: {twice}")
        parts.append(f'"{part}": [\n' + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]")
    newest = max(entry["date"] for part in FIELDS for entry in table[part])
    lines.append(f'"version": "{newest.replace("-", ".")}",')
    return "\n".join([*lines, ",\n".join(parts), "}", ""])


def from_package(date: str) -> list[dict[str, Any]]:
    """The public classes and functions of the installed package that a configuration may name."""
    package = distribution("keras")
    top = Path(str(package.locate_file("keras")))
    entries = []
    for kind, modules in (("classes", CLASSES + MORE_CLASSES), ("functions", FUNCTIONS)):
        for module in modules:
            source = (top / module.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")
            found = {
                alias.asname or alias.name
                for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keras.src.")
                for alias in node.names
            }
            names = {name for name in found if name[:1].isupper() == (kind == "classes") and name not in _LOADERS}
            entries.append(
                {
                    "module": f"keras.{module}".rstrip("."),
                    "kind": kind,
                    "names": " ".join(sorted(name for name in names if not name.startswith("_"))),
                    "source": f"keras {package.version}",
                    "date": date,
                }
            )
    return entries


def _key(entry: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(entry.get(field, "")) for field in ("module", "package", "kind", "source", "why"))


def _check(part: str, entry: dict[str, Any]) -> None:
    where = f"{part}: {_key(entry)}"
    if set(entry) != FIELDS[part]:
        raise ValueError(f"{where} has other fields than {', '.join(sorted(FIELDS[part]))}")
    if not all(isinstance(entry[field], str) and entry[field] for field in FIELDS[part]):
        raise ValueError(f"{where} has an empty field")
    if entry.get("trust", "core") not in TRUSTS or entry.get("kind", "classes") not in KINDS:
        raise ValueError(f"{where}: trust is one of {', '.join(TRUSTS)}, kind one of {', '.join(KINDS)}")
    if not DATE.fullmatch(entry["date"]):
        raise ValueError(f"{where}: the date is written 2026-01-31")


def main(arguments: list[str]) -> int:
    """Write, or with --check compare; status 1 if the file is not what it should be."""
    raw = FILE.read_text(encoding="utf-8")
    table = json.loads(raw)
    if "--form" not in arguments:
        known = {_key(entry): entry for entry in table["names"]}
        dates = [argument for argument in arguments if DATE.fullmatch(argument)]
        found = from_package(dates[0] if dates else "2000-01-01")
        for entry in found:
            before = known.get(_key(entry), entry)
            if before["names"] == entry["names"]:
                entry["date"] = before["date"]
        kept = [entry for entry in table["names"] if not re.fullmatch(r"keras [0-9.]+", entry["source"])]
        table["names"] = kept + found
    wanted = normal_form(table)
    if "--check" in arguments:
        if raw != wanted:
            print(f"{FILE.name} is not what it should be: run python tools/keras_names.py DATE", file=sys.stderr)
        return int(raw != wanted)
    FILE.write_text(wanted, encoding="utf-8")
    print(f"{FILE.name}: {len(table['names'])} lists of names")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
