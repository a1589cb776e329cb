"""Help: every command shows what it takes and examples that it would accept."""

from __future__ import annotations

import shlex
from importlib import import_module

import pytest

from build.running import command
from weighbridge.cli import main


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    outcome = command(name, "--help")
    assert outcome.status == 0
    assert outcome.err == ""
    assert outcome.out.startswith(f"usage: weighbridge {name}")
    _, _, examples = outcome.out.partition("Examples:\n")
    assert f"  weighbridge {name}" in examples
    assert max(map(len, outcome.out.splitlines())) <= 120


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_example_is_accepted(name: str) -> None:
    module = import_module(f"weighbridge.cli.{name}")
    _, _, examples = (module.__doc__ or "").partition("Examples:\n")
    lines = [line for line in examples.splitlines() if line.strip()]
    assert lines
    for line in lines:
        program, first, *rest = shlex.split(line)
        assert (program, first) == ("weighbridge", name)
        parser = main._parser(name, module.__doc__ or "")
        module.arguments(parser)
        parser.parse_args(rest)


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_the_program_lists_every_command(words: list[str]) -> None:
    outcome = command(*words)
    assert outcome.status == 0
    for name, (group, line) in main.COMMANDS.items():
        assert f"{group}:\n" in outcome.out
        assert f"  {name:<10} {line}\n" in outcome.out
    _, _, examples = outcome.out.partition("Examples:\n")
    for line in examples.splitlines():
        assert shlex.split(line)[1] in main.COMMANDS


def test_no_command_is_bad_usage_and_shows_the_help() -> None:
    outcome = command()
    assert outcome.status == 2
    assert "Examples:" in outcome.out


def test_an_unknown_command_names_the_nearest() -> None:
    outcome = command("scna")
    assert outcome.status == 2
    assert outcome.out == ""
    assert "did you mean 'scan'?" in outcome.err


@pytest.mark.parametrize("name", main.COMMANDS)
def test_an_unknown_option_is_one_sentence(name: str) -> None:
    outcome = command(name, "--no-such-option")
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.startswith(f"weighbridge: weighbridge {name}: ")
    assert outcome.err.count("\n") == 2


def test_the_version_is_one_line() -> None:
    from weighbridge import __version__

    assert command("--version").out == f"weighbridge {__version__}\n"
