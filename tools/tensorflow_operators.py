"""Brings `knowledge/tensorflow_ops.json` into its form, and takes the operators from the TensorFlow of `make writers`.

The file has two lists, one entry per line: `special` is kept by hand and counts before `operators`, which is
generated. TensorFlow is asked in a child, in its own environment. Run `tools/knowledge.py` afterwards for the index.
`--check` only compares, `--form` does not ask TensorFlow; a date gives new entries that date.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.entries import Layout, bring_into_form, date_of

ROOT = Path(__file__).parents[1]
FILE = ROOT / "src" / "weighbridge" / "knowledge" / "tensorflow_ops.json"
PYTHON = ROOT / ".venv-writers" / "bin" / "python"
SCRIPT = ROOT / "tests" / "writers" / "tensorflow_operators.py"
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
LAYOUT = Layout(
    fields={
        "special": ("name", "trust", "why", "source", "date"),
        "operators": ("name", "trust", "source", "date"),
    },
    known={part: {"trust": trusts} for part, trusts in TRUSTS.items()},
    key=("name",),
)


def from_package(date: str) -> list[dict[str, Any]]:
    """Every operator that TensorFlow registers. Raises FileNotFoundError without `make writers`."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(PYTHON), str(SCRIPT), folder], check=True, capture_output=True)
        found = json.loads(Path(folder, "operators.json").read_text(encoding="utf-8"))
    source = f"tensorflow-cpu {found['version']}, registered operators"
    return [{"name": name, "trust": "standard", "source": source, "date": date} for name in found["names"]]


def main(arguments: list[str]) -> int:
    """Write, or with --check compare; status 1 if the file is not what it should be."""
    table = json.loads(FILE.read_text(encoding="utf-8"))
    if "--form" not in arguments:
        known = {entry["name"]: entry for entry in table["operators"]}
        fresh = from_package(date_of(arguments, table["operators"]))
        table["operators"] = [known.get(entry["name"], entry) for entry in fresh]
    return bring_into_form(FILE, table, LAYOUT, arguments, "python -m tools.tensorflow_operators")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
