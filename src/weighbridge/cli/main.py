"""The command line: finds the command, runs it, and turns errors into one sentence and an exit status.

This is the second of the two fences: nothing leaves it as a traceback. Commands are loaded only when they are asked
for, so that a small scan starts fast.
"""

from __future__ import annotations

import sys
from functools import partial

from weighbridge import __version__
from weighbridge.core.errors import UsageError, WeighbridgeError, did_you_mean
from weighbridge.core.loading import load
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import NoReturn

COMMANDS: dict[str, tuple[str, str]] = {
    "scan": ("Inspect", "inspect files or folders; the exit status is the verdict"),
    "sbom": ("Inspect", "write the bill of materials of a model"),
    "explain": ("Inspect", "say what a rule finds, why it matters and what to do"),
    "rules": ("Inspect", "list every rule"),
    "dataset": ("Inspect", "say which version training data is, what is in it, and what may be poison"),
    "convert": ("Convert", "turn pickle checkpoints into safetensors, without running them"),
    "provenance": ("Prove", "say where a model comes from, and what of it is proven"),
    "sign": ("Prove", "sign a model folder (OpenSSF Model Signing)"),
    "verify": ("Prove", "verify the signature of a model folder"),
    "intake": ("Gates", "gate one: inspect, sign and store a model in the registry, or refuse it"),
    "admit": ("Gates", "gate two: decide whether a registry model may be deployed"),
    "policy": ("Gates", "say what each stage demands, and try it on cases of your own"),
    "exemption": ("Gates", "waive one rule for one digest, signed and for a time"),
    "decisions": ("Gates", "show the log of decisions, and prove it whole"),
    "sweep": ("Gates", "judge every indexed model again with the knowledge of today"),
    "registry": ("Gates", "list, show, verify, copy and clear what registries hold"),
    "query": ("Gates", "ask the index which models contain, declare or come from something"),
    "index": ("Gates", "make the index of the registry again, or say what is in it"),
    "serve": ("Serve", "intakes, evidence and gate two over HTTP, and the admission webhook of Kubernetes"),
    "work": ("Serve", "do the intakes that a server was asked for"),
    "token": ("Serve", "hand out and revoke tokens for the server's API"),
    "azure": ("Azure", "audit an estate, judge policies and identities, gate deployments, publish"),
    "monitor": ("Watch", "judge logs of what runs, write alert rules, probe an endpoint"),
    "trust": ("Set up", "say whose signatures count"),
    "init": ("Set up", "write settings and a signing key for this folder"),
    "doctor": ("Set up", "check that everything needed is there"),
}
"""Command → its group in the help and its one line. The module of the same name in this package implements it."""

EXIT_OPEN, EXIT_SHUT, EXIT_FAILED = 0, 1, 2


def main() -> NoReturn:
    """The entry point of the installed command: run and leave at once.

    Taking the interpreter apart costs a small scan a sixth of its time and frees what the system frees anyway. The
    collector of reference cycles is told to wait: inspection makes many objects and hardly a cycle.
    """
    import gc
    import os

    gc.set_threshold(200_000, 50, 100)
    status = run()
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105 -- loading `contextlib` costs a small scan as much as a format does
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass
    os._exit(status)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status: 0 the gate is open, 1 it is shut, 2 the command could not work."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _dispatch(words)
        sys.stdout.flush()
    except WeighbridgeError as error:
        _say(plain(error.cause))
        if error.mend:
            sys.stderr.write(f"  {plain(error.mend)}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        _say("interrupted; nothing was left behind")
        return 130
    except BrokenPipeError:
        # Whoever read the output stopped reading. Python would complain once more when it closes stdout.
        sys.stdout = None
        return EXIT_FAILED
    except Exception as error:  # noqa: BLE001 -- the fence: a person gets a sentence, never a traceback
        _say(f"internal error: {type(error).__name__}: {plain(str(error), 300)}")
        sys.stderr.write("  please report this with the command that you ran; nothing was decided\n")
        return EXIT_FAILED
    return status


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        sys.stdout.write(_help())
        return EXIT_OPEN if words else EXIT_FAILED
    if words[0] in ("-V", "--version"):
        sys.stdout.write(f"weighbridge {__version__}\n")
        return EXIT_OPEN
    name = words[0]
    if name not in COMMANDS:
        mend = did_you_mean(name, COMMANDS, "weighbridge --help lists the commands")
        raise UsageError(f"{name!r} is no command", mend)
    status: int = load(f"weighbridge.cli.{name}").run(parser_of(name).parse_args(words[1:]))
    return status


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one command: what it takes, with its documentation."""
    command = load(f"weighbridge.cli.{name}")
    parser = _parser(name, command.__doc__ or "")
    command.arguments(parser)
    return parser


def _parser(name: str, documentation: str) -> argparse.ArgumentParser:
    """A parser whose description and examples are the documentation of the command's module."""
    _load_argparse()
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise UsageError(f"{self.prog}: {message}", f"{self.prog} --help shows what it takes")

    description, _, examples = documentation.partition("Examples:\n")
    return Parser(
        prog=f"weighbridge {name}",
        description=description.strip(),
        epilog="Examples:\n" + examples.rstrip() if examples else None,
        # A fixed width keeps argparse from loading a module just to ask the terminal for one.
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=100),
        allow_abbrev=False,
    )


def _load_argparse() -> None:
    """Load `argparse` with its headings in English, like ours.

    It would load `gettext` and `locale` to translate them, a tenth of what a small scan costs. The stand-in is gone
    before anybody else could meet it.
    """
    if "argparse" not in sys.modules and "gettext" not in sys.modules:
        english = type(sys)("gettext")
        english.gettext = lambda message: message  # type: ignore[attr-defined]
        english.ngettext = lambda one, many, count: one if count == 1 else many  # type: ignore[attr-defined]
        sys.modules["gettext"] = english
        try:
            import argparse  # noqa: F401 -- loaded, for whoever imports it next
        finally:
            del sys.modules["gettext"]


def _help() -> str:
    lines = ["Weighbridge weighs AI models before they may drive on to production.", ""]
    lines += ["usage: weighbridge COMMAND [OPTIONS]     (wb is the same program)", ""]
    group = ""
    for name, (heading, line) in COMMANDS.items():
        if heading != group:
            lines.append(f"{heading}:")
            group = heading
        lines.append(f"  {name:<10} {line}")
    lines += ["", "Exit status: 0 the gate is open, 1 it is shut, 2 the command could not do its work."]
    lines += ["weighbridge COMMAND --help shows examples.", "", "Examples:"]
    lines += ["  weighbridge scan ./model", "  weighbridge intake ./model --stage production"]
    lines += ["  weighbridge admit oci:registry:model:v1 --stage production", ""]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stderr.write(f"weighbridge: {text}\n")
