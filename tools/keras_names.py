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

from tools.entries import Layout, bring_into_form, date_of, key_of

FILE = Path(__file__).parents[1] / "src" / "weighbridge" / "knowledge" / "keras.json"
LAYOUT = Layout(
    fields={
        "modules": ("module", "trust", "why", "source", "date"),
        "gadgets": ("package", "names", "why", "source", "date"),
        "names": ("module", "kind", "names", "source", "date"),
    },
    known={"modules": {"trust": ("core", "library")}, "names": {"kind": ("classes", "functions")}},
    key=("module", "package", "kind", "source", "why"),
)
CLASSES = ("", "layers", "models", "optimizers", "losses", "metrics", "initializers", "regularizers", "constraints")
MORE_CLASSES = ("dtype_policies", "quantizers", "optimizers.schedules")
FUNCTIONS = ("activations", "losses", "metrics", "initializers", "regularizers", "constraints", "ops")
_LOADERS = ("get", "serialize", "deserialize")


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


def main(arguments: list[str]) -> int:
    """Write, or with --check compare; status 1 if the file is not what it should be."""
    table = json.loads(FILE.read_text(encoding="utf-8"))
    if "--form" not in arguments:
        known = {key_of(entry, LAYOUT): entry for entry in table["names"]}
        found = from_package(date_of(arguments, table["names"]))
        for entry in found:
            before = known.get(key_of(entry, LAYOUT), entry)
            if before["names"] == entry["names"]:
                entry["date"] = before["date"]
        kept = [entry for entry in table["names"] if not re.fullmatch(r"keras [0-9.]+", entry["source"])]
        table["names"] = kept + found
    return bring_into_form(FILE, table, LAYOUT, arguments, "python -m tools.keras_names DATE")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
