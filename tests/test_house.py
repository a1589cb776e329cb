"""The rules of the house: floors, registration, generated files, start-up, and what must not stand in the sources."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from importlib import import_module
from pkgutil import iter_modules, walk_packages
from typing import TYPE_CHECKING

import pytest

import weighbridge.cli
import weighbridge.formats
import weighbridge.rules
from tools import docs, schemas
from weighbridge.cli.main import COMMANDS
from weighbridge.core import errors
from weighbridge.formats import FORMATS, REGISTRY, Entry
from weighbridge.formats import loaded as format_entry
from weighbridge.rules import JUDGED, RULES
from weighbridge.rules import loaded as family_rules
from weighbridge.rules.base import FAMILIES, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SRC = os.path.join(ROOT, "src")
PACKAGE = os.path.join(SRC, "weighbridge")
MOST_LINES = {"src": 500, "tests": 600, "tools": 600, "bench": 600}
SAYS_NOTHING = re.compile(r"(?:^|_)(?:utils?|helpers?|managers?|misc|stuff)(?:_|$)", re.IGNORECASE)
TALKERS = re.compile(r"cli/|[a-z_]*/(?:[a-z]+_)?child\.py$")
"""The command line, and children that speak to their parents."""
READ_BY_OTHERS = {
    "scan_html": "by the name of its format",
    "CODE_TYPE": "one of the media types of the specification",
    "FAMILIES": "checked above",
    "NEWEST_IR": "compared with the package by a test",
    "SENTINEL_CHARACTERS": "a limit of the platform, held by a test",
}
"""Names in the sources that stand there once, and why."""
NOT_FOR_SCAN = {
    "asyncio",
    "cryptography",
    "dataclasses",
    "contextlib",
    "email",
    "gettext",
    "hashlib",
    "http",
    "importlib",
    "inspect",
    "locale",
    "logging",
    "ctypes",
    "selectors",
    "ssl",
    "subprocess",
    "tempfile",
    "tomllib",
    "typing",
    "urllib",
}
LEFT_OUT = ("corpus", "build", "dist", "htmlcov", "__pycache__")
"""Folders that are not part of the repository; neither are those that begin with a dot."""


def sources() -> list[str]:
    return [path for path in texts(SRC) if path.endswith(".py")]


def texts(folder: str) -> Iterator[str]:
    """Every file of the repository below `folder` that is text."""
    for place, folders, names in os.walk(folder):
        kept = [name for name in folders if name not in LEFT_OUT or place == os.path.join(ROOT, "tests")]
        folders[:] = [name for name in kept if not name.startswith(".") and not name.endswith(".egg-info")]
        for name in names:
            path = os.path.join(place, name)
            if name == ".git":  # a worktree's, which names its repository
                continue
            with open(path, "rb") as file:
                if b"\0" not in file.read(8192):
                    yield path


def read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def relative(path: str) -> str:
    return os.path.relpath(path, ROOT)


# Floors


def lint_imports(root: str) -> subprocess.CompletedProcess[str]:
    code = "import sys\nfrom importlinter.cli import lint_imports\nsys.exit(lint_imports(no_cache=True))"
    environ = {**os.environ, "PYTHONPATH": os.path.join(root, "src"), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environ, capture_output=True, text=True, check=False
    )


def test_a_floor_imports_only_from_floors_below_it() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_import_that_goes_up_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(SRC, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(os.path.join(ROOT, "pyproject.toml"), tmp_path)
    with open(tmp_path / "src/weighbridge/gate/case.py", "a", encoding="utf-8") as file:
        file.write("\nif TYPE_CHECKING:\n    from weighbridge.pipelines.intake import Intake\n")
    done = lint_imports(str(tmp_path))
    assert done.returncode == 1
    assert "weighbridge.gate.case -> weighbridge.pipelines.intake" in done.stdout


def test_every_folder_has_its_floor_and_says_what_it_is() -> None:
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        (contract,) = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    floors = {name.strip() for layer in contract["layers"] for name in layer.split("|")}
    folders = {relative(os.path.dirname(path)) for path in sources()} - {relative(PACKAGE)}
    assert floors == {".".join(folder.split("/")[1:3]) for folder in folders}
    for folder in (*folders, relative(PACKAGE)):
        assert ast.get_docstring(ast.parse(read(os.path.join(ROOT, folder, "__init__.py")))), folder


# Registration


def test_every_format_is_registered() -> None:
    registered = {type(found) for found in FORMATS}
    for info in walk_packages(weighbridge.formats.__path__, "weighbridge.formats."):
        module = import_module(info.name)
        for name, found in vars(module).items():
            own = isinstance(found, type) and found.__module__ == module.__name__ and name != "Format"
            if own and hasattr(found, "sniff") and hasattr(found, "parse"):
                assert found in registered, f"{name} of {info.name} is not in REGISTRY"
    assert len({found.name for found in FORMATS}) == len(FORMATS)


@pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: entry.attribute)
def test_the_registry_promises_what_the_formats_do(entry: Entry) -> None:
    formats = format_entry(entry.module, entry.attribute)
    assert entry.promised == {extension: found.name for found in formats for extension in found.extensions}


def test_every_rule_is_registered() -> None:
    registered = {rule.id for rule in RULES}
    for info in iter_modules(weighbridge.rules.__path__):
        module = import_module(f"weighbridge.rules.{info.name}")
        for name, found in vars(module).items():
            if isinstance(found, Rule):
                assert found.id in registered, f"{name} of rules/{info.name}.py is not in RULES, or its file in JUDGED"
                assert found.id.partition("/")[0] in FAMILIES
    assert len(registered) == len(RULES)


@pytest.mark.parametrize("module", JUDGED)
def test_the_facts_of_a_family_are_those_of_its_rules(module: str) -> None:
    assert JUDGED[module] == {rule.on.__name__ for rule in family_rules(module)}


def test_every_command_has_a_module_and_every_module_of_a_command_is_listed() -> None:
    commands = set()
    for info in iter_modules(weighbridge.cli.__path__):
        path = os.path.join(PACKAGE, "cli", f"{info.name}.py")
        names = {node.name for node in ast.parse(read(path)).body if isinstance(node, ast.FunctionDef)}
        if {"arguments", "run"} <= names:
            commands.add(info.name)
    assert commands == set(COMMANDS)


# Generated files


def test_generated_pages_and_schemas_are_up_to_date() -> None:
    assert docs.out_of_date(ROOT) == [], "run make docs"
    assert schemas.out_of_date() == [], "run make docs"


def test_every_decision_has_a_number_of_its_own_and_is_listed() -> None:
    folder = os.path.join(ROOT, "docs", "decisions")
    notes = [name for name in os.listdir(folder) if name != "README.md"]
    assert all(re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name) for name in notes)
    assert len({name[:4] for name in notes}) == len(notes)
    listed = read(os.path.join(folder, "README.md"))
    assert [name for name in notes if f"({name})" not in listed] == []


def test_links_between_pages_lead_somewhere() -> None:
    for path in texts(ROOT):
        if not path.endswith(".md"):
            continue
        page = re.sub(r"```.*?```", "", read(path), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)", page):
            if "://" not in target and not target.startswith("mailto:"):
                assert os.path.exists(os.path.join(os.path.dirname(path), target)), f"{relative(path)}: {target}"


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/architecture.md"])
def test_files_that_pages_name_are_there(page: str) -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py|\.json)?)`", read(os.path.join(ROOT, page)))
    assert named
    for name in named:
        assert any(os.path.exists(os.path.join(top, name)) for top in (ROOT, SRC, PACKAGE)), f"{page}: {name}"


# Start-up


def loaded(*words: str, cwd: Path) -> tuple[int, set[str]]:
    """The exit status of a command and every module that it loaded, in a Python without any installed package."""
    code = (
        "import json, os, sys\n"
        f"sys.path.insert(0, {SRC!r})\n"
        "from weighbridge.cli.main import run\n"
        f"status = run({list(words)!r})\n"
        "os.write(2, json.dumps([status, sorted(sys.modules)]).encode())\n"
    )
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "WEIGHBRIDGE", "COV"))}
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", code], cwd=cwd, env=environ, capture_output=True, text=True, check=True
    )
    status, modules = json.loads(done.stderr)
    return status, set(modules)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_small_scan_loads_little(tmp_path: Path, form: str) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.pkl").write_bytes(b"\x80\x02K\x01.")
    (model / "config.json").write_text('{"model_type": "net"}')
    status, modules = loaded("scan", str(model), "--format", form, cwd=tmp_path)
    assert status == 0
    assert "weighbridge.scan.engine" in modules
    heavy = {module.partition(".")[0] for module in modules} & NOT_FOR_SCAN
    assert not heavy, f"scan loads {sorted(heavy)}"


def test_help_loads_no_other_package(tmp_path: Path) -> None:
    status, modules = loaded("--help", cwd=tmp_path)
    assert status == 0
    tops = {module.partition(".")[0] for module in modules} - {"weighbridge", "__main__", "__mp_main__"}
    assert tops <= sys.stdlib_module_names
    assert "argparse" not in modules
    assert {module for module in modules if module.startswith("weighbridge.")} <= {
        "weighbridge.cli",
        "weighbridge.cli.main",
        "weighbridge.core",
        "weighbridge.core.errors",
        "weighbridge.core.loading",
        "weighbridge.core.plain",
        "weighbridge.core.records",
    }


# Sources


@pytest.mark.parametrize("folder", MOST_LINES)
def test_no_file_is_too_long(folder: str) -> None:
    for path in texts(os.path.join(ROOT, folder)):
        assert not path.endswith(".py") or read(path).count("\n") <= MOST_LINES[folder], relative(path)


@pytest.mark.parametrize("folder", MOST_LINES)
def test_names_say_what_is_in_them(folder: str) -> None:
    for path in texts(os.path.join(ROOT, folder)):
        if path.endswith(".py"):
            named = os.path.splitext(relative(path))[0].split(os.sep)
            named += [name for name, _ in public(path)] if folder != "tests" else []
            assert not [name for name in named if SAYS_NOTHING.search(name)], relative(path)


def public(path: str) -> Iterator[tuple[str, ast.AST]]:
    """The functions and classes of a module that others may use."""
    for node in ast.parse(read(path)).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node


def test_every_public_function_and_class_says_what_it_gives() -> None:
    for path in sources():
        assert not [name for name, node in public(path) if not ast.get_docstring(node)], relative(path)


def test_only_the_command_line_prints() -> None:
    """Ruff forbids `print`; this is about the streams themselves. A function that gives back text can be asked twice."""
    for path in sources():
        if not TALKERS.match(os.path.relpath(path, PACKAGE)):
            assert not re.search(r"\bsys\.(?:stdout|stderr)\b", read(path)), relative(path)


def test_what_nobody_uses_is_gone() -> None:
    """By name alone, and tests are no users: a name that stands once in all that is shipped or makes it is unused."""
    words: Counter[str] = Counter()
    for folder in ("src", "tools", "bench"):
        for path in texts(os.path.join(ROOT, folder)):
            if path.endswith((".py", ".html", ".toml")):
                words.update(re.findall(r"\w+", read(path)))
    once = {name for path in sources() for name in defined(path) if words[name] == 1 and not name.endswith("_")}
    assert once <= set(READ_BY_OTHERS)


def defined(path: str) -> Iterator[str]:
    """Every name that a module defines, and every method and field of its classes."""
    nodes: list[ast.stmt] = list(ast.parse(read(path)).body)
    nodes += [inner for node in nodes if isinstance(node, ast.ClassDef) for inner in node.body]
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_every_module_says_what_it_is() -> None:
    for path in sources():
        assert ast.get_docstring(ast.parse(read(path))), relative(path)


def test_nothing_is_left_to_do() -> None:
    words = re.compile(r"\bTODO\b|\bFIXME\b|\bXXX\b|\bNotImplementedError\b")
    for path in sources():
        assert not words.search(read(path)), relative(path)


def test_a_broad_except_stands_at_the_fences_only() -> None:
    """One that raises again what it does not know is no fence."""
    fences = set()
    for path in sources():
        for node in ast.walk(ast.parse(read(path))):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            again = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in ast.walk(node))
            if broad and not again:
                fences.add(relative(path).removeprefix("src/weighbridge/"))
    # The last decodes pictures behind walls, by a library that raises anything.
    assert fences == {"scan/engine.py", "cli/main.py", "web/app.py", "dataset/pixel_child.py"}


def test_every_error_says_what_to_do() -> None:
    """Those whose mend is an argument that nobody has to give."""
    spoken = {name for name, found in vars(errors).items() if isinstance(found, type)} - {
        "FormatError",
        "NotFetched",
        "Rejected",
    }
    for path in sources():
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in spoken:
                words = [*node.args, *(one.value for one in node.keywords)]
                empty = [word for word in words if isinstance(word, ast.Constant) and word.value == ""]
                starred = any(isinstance(word, ast.Starred) for word in words)
                allowed = node.func.id == "AzureError"  # whose last word is Azure's own, if it has one
                assert starred or (len(words) > 1 and (allowed or not empty)), f"{relative(path)}: {ast.unparse(node)}"


def test_nothing_of_a_model_could_be_run() -> None:
    """No source names the functions that load code or objects from data; knowledge and documentation may."""
    forbidden = {"pickle", "marshal", "shelve", "runpy", "code", "ctypes", "torch", "joblib", "dill", "cloudpickle"}
    for path in sources():
        # The walls are made by system calls that Python has no name for; nothing there reads a model.
        walls = relative(path).startswith("src/weighbridge/sandbox/")
        # A Python of its own runs this one, behind walls; nobody imports it.
        beyond = relative(path) == "src/weighbridge/convert/torch_child.py"
        assert beyond or not re.search(r"import.*\btorch_child\b", read(path)), relative(path)
        forbidden_here = forbidden - ({"ctypes"} if walls else {"torch"} if beyond else set())
        for node in ast.walk(ast.parse(read(path))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert not {name.partition(".")[0] for name in names} & forbidden_here, relative(path)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                here = {"eval", "exec", "compile", "__import__"}
                if relative(path) == "src/weighbridge/core/loading.py":  # what it loads is named in our own tables
                    here.discard("__import__")
                assert node.func.id not in here, relative(path)


def test_no_path_of_one_machine_stands_anywhere() -> None:
    path_of_a_machine = re.compile(r"(?<![\w.~$}/-])/(?:work|root|home|Users)/[\w.]")
    for path in texts(ROOT):
        found = path_of_a_machine.search(read(path))
        assert found is None, f"{relative(path)}: {found}"
