"""Derive which arguments the Terraform provider azurerm knows, for the resources that our templates use.

The provider's own schema needs the provider; its published Python classes say the same and are a package. What they
say is kept in tests/scaffold/azurerm.json, so that the test of the templates needs neither.

Run: python tools/azurerm.py WHEEL     (WHEEL: cdktf-cdktf-provider-azurerm, as pip downloads it)
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import zipfile
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TEMPLATES = os.path.join(ROOT, "src/weighbridge/scaffold/templates/azure/terraform")
TARGET = os.path.join(ROOT, "tests/scaffold/azurerm.json")
META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners", "id"}


def main(wheel: str) -> None:
    """Read the wheel and write the facts."""
    used = set()
    for name in sorted(os.listdir(TEMPLATES)):
        with open(os.path.join(TEMPLATES, name), encoding="utf-8") as file:
            used.update(re.findall(r'^resource "azurerm_(\w+)"', file.read(), flags=re.MULTILINE))
    package = "cdktf_cdktf_provider_azurerm"
    facts: dict[str, Any] = {}
    version = ""
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(used):
            text = archive.read(f"{package}/{name}/__init__.py").decode()
            version = re.search(r"providers/hashicorp/azurerm/([0-9.]+)/", text)[1]  # type: ignore[index]
            classes = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
            config = next(
                one for one in classes if one.endswith("Config") and "Meta" in ast.unparse(classes[one].bases[0])
            )
            facts[f"azurerm_{name}"] = _arguments(classes, config)
    origin = f"{os.path.basename(wheel).partition('-py3')[0]}, made from hashicorp/azurerm {version}"
    with open(TARGET, "w", encoding="utf-8") as file:
        json.dump({"source": origin, "resources": facts}, file, indent=1, sort_keys=True)
        file.write("\n")


def _arguments(classes: dict[str, ast.ClassDef], name: str) -> dict[str, Any]:
    """Argument → whether it is required, and its own arguments if it is a block."""
    found: dict[str, Any] = {}
    (made,) = (one for one in classes[name].body if isinstance(one, ast.FunctionDef) and one.name == "__init__")
    for argument, default in zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True):
        if argument.arg in META:
            continue
        kind = ast.unparse(argument.annotation) if argument.annotation else ""
        entry: dict[str, Any] = {"required": default is None}
        inner = [word for word in re.findall(r"\w+", kind) if word in classes and word != name]
        if inner:
            entry["block"] = _arguments(classes, inner[0])
        found[argument.arg.rstrip("_")] = entry
    return found


if __name__ == "__main__":
    main(sys.argv[1])
