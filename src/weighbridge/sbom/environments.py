"""Packages in lists that are not pip's own: conda's environments (MLflow writes one), and pyproject.toml.

    dependencies:                     [project]
      - python=3.10.13                requires-python = ">=3.11"
      - numpy>=1.24                   dependencies = ["torch==2.4.0", "numpy>=1.24"]
      - conda-forge::pytorch=2.1=py310
      - pip:
        - mlflow==2.9.2

An environment is read line by line: items of the list `dependencies` and of the list `pip` in it, and `python:` as
MLflow's python_env.yaml has it. That is all that these files say of packages; anything else in them names none.
Sources: conda, "Managing environments" and "Package match specifications"; MLflow 2, "MLflow Models"; PEP 621.
"""

from __future__ import annotations

import re
import tomllib

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT = re.compile(r"(?:conda|environment|conda_env|python_env|env)\.ya?ml", re.IGNORECASE)
"""Names of files with an environment."""
PROJECT = "pyproject.toml"
LINES = 5_000
_ITEM = re.compile(r"\s*-\s+[\"']?(?P<text>[^\"'#]{1,300}?)[\"']?\s*(?:#.*)?")
_PIP = re.compile(r"\s*-\s+pip\s*:\s*(?:#.*)?")
_KEY = re.compile(r"(?P<key>[A-Za-z_]+)\s*:\s*[\"']?(?P<value>[\w.]*)[\"']?\s*(?:#.*)?")
_CONDA = re.compile(r"(?:[\w./-]+::)?(?P<name>[A-Za-z0-9][\w.-]{0,80})\s*(?P<rest>(?:[=<>!~].{0,120})?)")


def environment(text: str) -> Iterator[tuple[str, bool]]:
    """Each package of an environment as pip would be asked for it, and whether it is pip that gets it."""
    listed, nested = False, -1
    for line in text.splitlines()[:LINES]:
        indent = len(line) - len(line.lstrip())
        if key := _KEY.fullmatch(line):
            listed, nested = key["key"] == "dependencies", -1
            if key["key"] == "python" and key["value"]:
                yield f"python=={key['value']}", False
        elif listed and _PIP.fullmatch(line):
            nested = indent
        elif listed and (item := _ITEM.fullmatch(line)):
            asked = item["text"].strip()
            if 0 <= nested < indent:
                yield asked, True
            elif match := _CONDA.fullmatch(asked):
                yield match["name"] + _wanted(match["rest"]), False


def project(text: str) -> Iterator[str]:
    """Each package that a project asks for, and the Python that it runs on; nothing for what is no such document."""
    try:
        table = tomllib.loads(text).get("project")
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    if not isinstance(table, dict):
        return
    if isinstance(python := table.get("requires-python"), str):
        yield f"python{python}"
    asked = table.get("dependencies")
    for one in asked[:LINES] if isinstance(asked, list) else ():
        if isinstance(one, str):
            yield one


def _wanted(rest: str) -> str:
    """A version as pip writes it: conda's `=1.2` means anything that begins so, and its third part a build."""
    if not re.fullmatch(r"={1,2}[\w.!+*-]+(?:=[\w.*-]+)?", rest):
        return rest
    version = rest.lstrip("=").partition("=")[0]
    exact = rest.startswith("==") or rest.count("=") > 1 or version.count(".") > 1
    return f"=={version}" if exact else f"=={version}.*"
