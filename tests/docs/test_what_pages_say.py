"""What pages say of the program is so: commands and options, settings, rules, names to import, variables, files."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from weighbridge.cli import main
from weighbridge.core.settings import load_settings
from weighbridge.rules import RULES
from weighbridge.rules.base import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
GENERATED = ("docs/reference", "docs/rules", "docs/formats")
PAGES = [
    path
    for path in [*sorted(ROOT.glob("*.md")), ROOT / "bench" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if not path.relative_to(ROOT).as_posix().startswith(GENERATED)
]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
CALL = re.compile(r"(?<![\w./@\"-])(?:weighbridge|wb) (?=[a-z-])(.*)")
END = re.compile(r"\s(?:\||&&|;|>|2>|#|\|\|)\s?|;|\)\s|$")
OPEN = re.compile(r"[A-Z…|]")
"""A word that stands for another: `NAME`, `text|json`, `…`."""
NOT_COMMANDS = ("COMMAND", "import", "deploy/helm/weighbridge", "is")
"""What follows the name in `from weighbridge import`, `helm install weighbridge` and the help."""
PROSE = ("", "import", "for", "keeps", "is")
"""What follows the name where it is no command in a sentence."""
PLACES = ("src/", "tests/", "tools/", "docs/", "bench/", "deploy/", "examples/", "packs/")
FOREIGN = {"--private-infrastructure", "--require-hashes", "--docs", "--tool", "--only", "--libraries"}
"""Options of cosign, pip, the benchmarks and the release."""
MADE = ("bench/.work/",)
"""What is there only once somebody ran something."""

page_of = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def calls(text: str) -> Iterator[list[str]]:
    """Every command that a page shows or names, as words behind the program's."""
    lines = [line for _, block in FENCE.findall(text) for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    prose = FENCE.sub("", text)
    lines += re.findall(r"^    (?=\S)(.*)$", prose, re.MULTILINE)
    lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    for line in lines:
        for call in CALL.findall(line):
            words = END.split(call)[0]
            try:
                yield shlex.split(words)
            except ValueError:  # cut off where the page cuts it off
                yield words.split()


@cache
def parser_of(name: str) -> argparse.ArgumentParser:
    return main.parser_of(name)


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(next(found).choices) if any(map(is_choice, parser._actions)) else {}


def is_choice(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def options_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {option: action for action in parser._actions for option in action.option_strings}


def wrong_in(words: list[str]) -> str:
    """What the program would not take of a command; words that stand for others are let pass."""
    name, *rest = words
    if name not in main.COMMANDS:
        return "" if name.startswith("-") or name in NOT_COMMANDS or OPEN.search(name) else f"{name} is no command"
    parser = parser_of(name)
    options, actions = options_of(parser), actions_of(parser)
    while rest:
        word = rest.pop(0)
        option, equals, value = word.partition("=")
        if word.startswith("-") and word != "-":
            if option not in options:
                return f"{name} has no option {option}"
            if options[option].nargs != 0:
                value = value if equals or not rest else rest.pop(0)
                known = [str(choice) for choice in options[option].choices or ()]
                if known and value and not OPEN.search(value) and value not in known:
                    return f"{option} takes {known}"
        elif actions:
            if word not in actions:
                return "" if OPEN.search(word) else f"{name} has no action {word}"
            options |= options_of(actions[word])
            actions = actions_of(actions[word])
    return ""


@page_of
def test_commands_are_those_of_the_program(page: Path) -> None:
    wrong = {
        " ".join(words): why for words in calls(page.read_text(encoding="utf-8")) if words and (why := wrong_in(words))
    }
    assert wrong == {}


@page_of
def test_options_that_stand_alone_are_some_command_s(page: Path) -> None:
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    named = set(re.findall(r"`(--[a-z][\w-]*)", prose)) - FOREIGN
    assert page.parent.name == "bench" or named <= every_option()


@cache
def every_option() -> frozenset[str]:
    return frozenset[str]().union(*(options_below(name) for name in main.COMMANDS))


def test_pages_name_many_commands() -> None:
    named = {words[0] for page in PAGES for words in calls(page.read_text(encoding="utf-8")) if words}
    assert named >= set(main.COMMANDS)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("`weighbridge scam x`", "scam is no command"),
        ("```sh\n$ wb scan \\\n    --no-such x | cat\n```\n", "scan has no option --no-such"),
        ("    weighbridge scan x --format paper", "--format takes"),
        ("`weighbridge policy shout`", "policy has no action shout"),
        ("`weighbridge scan x --format FORMAT`, `weighbridge policy show|test`", ""),
        ("`from weighbridge import scan`", ""),
    ],
)
def test_a_wrong_command_is_seen(text: str, why: str) -> None:
    found = [wrong_in(words) for words in calls(text)]
    assert any(one.startswith(why) for one in found) if why else not any(found)


def said(text: str) -> Iterator[list[str]]:
    """Commands in a sentence: up to the first word that is none of a command's."""
    for line in text.splitlines():
        for call in CALL.findall(line):
            words: list[str] = []
            for word in call.split():
                plain = word.strip("`'\".,:;)")
                if not re.fullmatch(r"[\w…./:=@-]+", plain):
                    break
                words.append(plain)
                if plain != word:
                    break
            # A sentence goes on behind the command: only its options, and what follows the first word, are its own.
            yield words[:1] + [word for word in words[1:] if word.startswith("--")]


def test_commands_in_messages_are_those_of_the_program() -> None:
    wrong, seen = [], 0
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in parts)
            for words in said(text) if isinstance(node, ast.JoinedStr | ast.Constant) else ():
                seen += 1
                name = words[0] if words else ""
                known = options_below(name) if name in main.COMMANDS else frozenset(words)
                if name not in (*main.COMMANDS, *PROSE) and not OPEN.search(name) and not name.startswith("-"):
                    wrong.append((path.name, node.lineno, name))
                wrong += [(path.name, node.lineno, word) for word in words[1:] if word.partition("=")[0] not in known]
    assert wrong == []
    assert seen > 150


@cache
def options_below(name: str) -> frozenset[str]:
    found, parsers = set(), [parser_of(name)]
    while parsers:
        parser = parsers.pop()
        found |= set(options_of(parser))
        parsers += actions_of(parser).values()
    return frozenset(found)


@page_of
def test_settings_are_settings(page: Path, tmp_path: Path) -> None:
    for kind, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if kind == "toml" and "case" not in tomllib.loads(block):  # cases of a policy are a file of their own
            (tmp_path / "weighbridge.toml").write_text(block)
            load_settings(str(tmp_path / "weighbridge.toml"), {})
        if kind == "yaml":
            list(yaml.safe_load_all(block))


@page_of
def test_what_is_imported_is_there(page: Path) -> None:
    for kind, block in FENCE.findall(page.read_text(encoding="utf-8")):
        nodes = ast.walk(ast.parse(block)) if kind == "python" else ()
        for node in nodes:
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            # What the page itself has its reader write is not there.
            if module.startswith("weighbridge") and f"{module.replace('.', '/')}.py" not in page.read_text():
                for alias in node.names:
                    assert hasattr(import_module(module), alias.name), f"{module} has no {alias.name}"


@page_of
def test_rules_make_targets_and_variables_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    rules = {name for name in re.findall(r"`([a-z]+/[a-z][a-z0-9-]+)`", text) if name.partition("/")[0] in FAMILIES}
    assert rules - {"card/front-matter"} <= {rule.id for rule in RULES}  # a claim of provenance
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    blocks = "".join(block for _, block in FENCE.findall(text))
    made = re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^(?:\$ )?make ([a-z-]+)", blocks, re.MULTILINE)
    assert set(made) <= targets
    assert set(re.findall(r"\bWEIGHBRIDGE_[A-Z_]+\b", text)) <= variables()


@cache
def variables() -> frozenset[str]:
    """The environment variables that the program, its templates and the action know."""
    files = [
        *(ROOT / "src").rglob("*"),
        *(ROOT / "tools").rglob("*.py"),
        *(ROOT / "deploy").rglob("*"),
        ROOT / "action.yml",
    ]
    texts = (path.read_bytes().decode("utf-8", "replace") for path in files if path.is_file() and path.suffix != ".pyc")
    return frozenset(name for text in texts for name in re.findall(r"\bWEIGHBRIDGE_[A-Z_]+\b", text))


@page_of
def test_files_of_the_repository_are_there(page: Path) -> None:
    for name in re.findall(r"`([\w.-]+(?:/[\w.-]+)+/?)`", page.read_text(encoding="utf-8")):
        if (
            name.startswith(PLACES)
            and not name.startswith(MADE)
            and not re.search(r"[A-Z]{4}", name.replace("README", ""))
        ):
            assert (ROOT / name).exists(), name
