"""The pages of docs/reference/, made from what the program itself reads: parsers, records, detections, schemas.

    argparse parsers of weighbridge.cli        → commands/README.md, commands/<command>.md
    core/settings.py, its records and texts    → settings.md
    weighbridge.monitor.detections             → detections/README.md, detections/<id>.md
    src/weighbridge/schemas/*.json             → schemas.md

Part of `python -m tools.docs`, which writes the pages and says which are out of date.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
import re
import typing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, get_args, get_origin, get_type_hints

from weighbridge.cli.main import COMMANDS, parser_of
from weighbridge.core import limits, settings
from weighbridge.core.settings import NOT_KEYS, STAGES, Settings, StagePolicy
from weighbridge.monitor import catalog
from weighbridge.render.monitor import detection_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = "docs/reference"
SCHEMAS = "src/weighbridge/schemas"
EVERYWHERE = ("help", "config", "quiet", "verbose", "no_color")
"""Options that every command has; they are explained once."""
ENVIRONMENT = (
    ("WEIGHBRIDGE_CONFIG", "the settings file, instead of looking upwards"),
    ("WEIGHBRIDGE_REGISTRY", "overrides `registry`"),
    ("WEIGHBRIDGE_KEY", "overrides `key`"),
    ("WEIGHBRIDGE_FAIL_ON", "overrides `fail_on`"),
    ("WEIGHBRIDGE_KEY_PASSPHRASE", "the passphrase of the signing key; it is never printed"),
    ("NO_COLOR", "no colours, whatever its value"),
)


class Table(NamedTuple):
    """One table of the settings file: its heading there, what it is about, and the record that it becomes."""

    heading: str
    about: str
    record: type


def pages(root: str) -> dict[str, str]:
    """Every page of the reference by its path relative to the repository."""
    made = {f"{FOLDER}/commands/README.md": _command_list()}
    made |= {f"{FOLDER}/commands/{name}.md": command_page(name) for name in COMMANDS}
    made[f"{FOLDER}/settings.md"] = settings_page()
    known = catalog.detections()
    values = catalog.values_of(known, {})
    made[f"{FOLDER}/detections/README.md"] = _detection_list()
    made |= {f"{FOLDER}/detections/{found.id}.md": detection_page(found, values) for found in known}
    made[f"{FOLDER}/schemas.md"] = schemas_page(os.path.join(root, SCHEMAS))
    return made


# Commands


def command_page(name: str) -> str:
    """One command with every command below it: usage, description, what it takes, examples."""
    parser = parser_of(name)
    lines = [f"# weighbridge {name}", "", _sentence(COMMANDS[name][1]), ""]
    lines += _parser_lines(parser)
    for below in _below(parser):
        lines += [f"## {below.prog}", "", *_parser_lines(below)]
    lines.append("Every command also takes the [options of all commands](README.md#options-of-every-command).")
    return "\n".join(lines) + "\n"


def _parser_lines(parser: argparse.ArgumentParser) -> list[str]:
    lines = [f"```text\n{usage(parser)}\n```", "", *_prose(parser.description or "")]
    rows = []
    for action in parser._actions:  # noqa: SLF001 -- argparse has no other way to ask what a parser takes
        if action.dest in EVERYWHERE or isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        rows.append(f"| {_names(action)} | {_help_of(action)} |")
    if rows:
        lines += ["| takes | |", "|---|---|", *rows, ""]
    _, _, examples = (parser.epilog or "").partition("Examples:\n")
    if examples:
        shown = "\n".join(line.removeprefix("  ") for line in examples.rstrip().splitlines())
        lines += ["```sh", shown, "```", ""]
    return lines


def _below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The commands below a command, in order, and those below them."""
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for below in dict.fromkeys(action.choices.values()):
                yield below
                yield from _below(below)


def usage(parser: argparse.ArgumentParser) -> str:
    """The usage line, written by us: argparse breaks it differently from one Python to the next."""
    words = [parser.prog]
    for action in parser._actions:  # noqa: SLF001
        if action.dest in EVERYWHERE:
            continue
        if not action.option_strings:
            word = _place(action)
        else:
            word = " ".join((action.option_strings[-1], *([_value(action)] if action.nargs != 0 else [])))
            word = word if action.required else f"[{word}]"
        words.append(word)
    lines, line = [], ""
    for word in words:
        if line and len(line) + len(word) >= 98:
            lines.append(line)
            line = "   "
        line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def _place(action: argparse.Action) -> str:
    name = _value(action)
    if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
        return f"{'|'.join(action.choices)} …"
    return {"*": f"[{name} …]", "+": f"{name} …", "?": f"[{name}]"}.get(str(action.nargs), name)


def _value(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "|".join(str(choice) for choice in action.choices)
    return action.dest.upper()


def _names(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{_value(action)}`"
    value = f" {_value(action)}" if action.nargs != 0 else ""
    return ", ".join(f"`{name}{value}`" for name in action.option_strings).replace("|", "\\|")


def _help_of(action: argparse.Action) -> str:
    text = _escaped((action.help or "").replace("%%", "%"))
    known = [str(choice) for choice in action.choices or ()]
    shown = isinstance(action.metavar, str) and known and not all(choice in text for choice in known)
    return f"{text} ({', '.join(f'`{choice}`' for choice in known)})" if shown else text


def _command_list() -> str:
    lines = [
        "# Commands",
        "",
        "`weighbridge COMMAND --help` says the same in the terminal; `wb` is the same program.",
        "",
    ]
    lines += ["| command | | |", "|---|---|---|"]
    lines += [f"| [`{name}`]({name}.md) | {group} | {_cell(line)} |" for name, (group, line) in COMMANDS.items()]
    lines += ["", "## Options of every command", "", "| option | |", "|---|---|"]
    general = {action.dest: action for action in parser_of("scan")._actions}  # noqa: SLF001
    lines += [f"| {_names(general[name])} | {_help_of(general[name])} |" for name in EVERYWHERE]
    lines += ["", "## Exit status", "", "| status | meaning |", "|---|---|", "| 0 | the gate is open |"]
    lines += ["| 1 | it is shut: something was found, could not be read, or was refused |"]
    lines += ["| 2 | the command could not do its work; one sentence says why and how to mend it |"]
    lines += ["| 130 | interrupted; nothing is left behind |", "", "`scan --exit-verdict` has 10, 11 and 12 besides."]
    return "\n".join(lines) + "\n"


# Settings


def settings_page() -> str:
    """Every key of weighbridge.toml: its type, its default and what it means."""
    lines = [
        "# Settings",
        "",
        "`weighbridge.toml`, or `[tool.weighbridge]` in `pyproject.toml`: the nearest one upwards from the working",
        "directory, never one inside of what is inspected. An unknown key is an error that names the nearest known.",
        "Paths are relative to the folder of the file.",
        "",
    ]
    for table in tables():
        lines += [f"## `{table.heading}`" if table.heading else "## At the top", ""]
        lines += [_escaped(table.about), ""] if table.about else []
        lines += ["| key | type | default | what it means |", "|---|---|---|---|", *_key_rows(table.record), ""]
    lines += [
        "## Defaults of the stages",
        "",
        "`weighbridge policy show` prints what holds here, and where each value is set.",
        "",
    ]
    lines += [f"| key | {' | '.join(STAGES)} |", "|---" * (len(STAGES) + 1) + "|"]
    for key in StagePolicy._fields:
        values = [_default(getattr(Settings().stages[stage], key)) for stage in STAGES]
        lines.append(f"| `{key}` | {' | '.join(values)} |")
    lines += ["", "## Environment", "", "| variable | |", "|---|---|"]
    lines += [f"| `{name}` | {about} |" for name, about in ENVIRONMENT]
    return "\n".join(lines) + "\n"


def tables() -> Iterator[Table]:
    """The tables of the settings file, that at the top first. A record in a field of the settings is one."""
    yield Table("", "", Settings)
    for name, kind in get_type_hints(Settings).items():
        if name in NOT_KEYS and name != "stages":
            continue
        record = next((part for part in (kind, *get_args(kind)) if _is_record(part)), None)
        if record is not None:
            heading = {"stages": f"[stage.{'|'.join(STAGES)}]"}.get(name)
            if heading is None:
                origin = get_origin(kind)
                heading = f'[{name}."NAME"]' if origin is dict else f"[[{name}]]" if origin is tuple else f"[{name}]"
            yield Table(heading, inspect.getdoc(record) or "", record)


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _key_rows(record: type) -> Iterator[str]:
    texts = field_texts(record)
    defaults: Mapping[str, Any] = record._field_defaults  # type: ignore[attr-defined]
    for name, kind in get_type_hints(record).items():
        if record is Settings:
            if (name in NOT_KEYS and name != "index_address") or any(
                _is_record(part) for part in (kind, *get_args(kind))
            ):
                continue
            key = "index" if name == "index_address" else name
        else:
            key = name
        default = _default(defaults[name]) if name in defaults else "must be given"
        yield f"| `{key}` | {kind_text(kind)} | {default} | {_escaped(texts.get(name, ''))} |"


def field_texts(record: type) -> dict[str, str]:
    """What stands under each field of a record in its source."""
    module = limits if record.__module__ == limits.__name__ else settings
    (body,) = (
        node.body
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef) and node.name == record.__name__
    )
    found = {}
    for field, below in pairwise(body):
        text = below.value if isinstance(below, ast.Expr) else None
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Constant):
            found[field.target.id] = " ".join(str(text.value).split())
    return found


def kind_text(kind: Any) -> str:
    """A type in the words of a settings file."""
    plain = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if kind in plain:
        return plain[kind]
    origin, inside = get_origin(kind), [part for part in get_args(kind) if part not in (type(None), ...)]
    if origin is dict:
        return f"table of {_several(inside[1])}"
    if origin in (tuple, list):
        return f"list of {_several(inside[0])}"
    return " or ".join(kind_text(part) for part in inside)


def _several(kind: Any) -> str:
    words = {str: "texts", int: "whole numbers", float: "numbers"}
    return words.get(kind) or ("lists" if get_origin(kind) is tuple else "values")


def _default(value: Any) -> str:
    if value is None or value in ((), {}, ""):
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{json.dumps(value)}`"


# Detections and schemas


def _detection_list() -> str:
    lines = ["# Detections", "", "What `weighbridge monitor` looks for in logs ([how](../../monitoring.md)).", ""]
    lines += ["| | detection | severity | what happened | references |", "|---|---|---|---|---|"]
    for found in catalog.detections():
        references = ", ".join(found.references) or "-"
        link = f"[`{found.id}`]({found.id}.md)"
        lines.append(f"| {found.number} | {link} | {found.severity.value} | {_cell(found.title)} | {references} |")
    return "\n".join(lines) + "\n"


def schemas_page(folder: str) -> str:
    """Each document that is printed as JSON, with the type of every field at its top."""
    lines = [
        "# JSON documents",
        "",
        "What `--format json` prints. Each document names its schema and version in `schema`; a number goes up only",
        "when a field changes its meaning or goes away. The schemas (draft 2020-12) come with the package, in",
        "`weighbridge/schemas/`.",
        "",
    ]
    for file in sorted(os.listdir(folder)):
        with open(os.path.join(folder, file), encoding="utf-8") as stream:
            schema = json.load(stream)
        lines += [f"## {file.removesuffix('.json')}", "", _sentence(_escaped(schema.get("description", ""))), ""]
        lines += [f"[`{file}`](../../{SCHEMAS}/{file})", ""]
        for shape in schema.get("oneOf") or [schema]:
            body = _resolved(shape, schema)
            if body.get("properties"):
                needed = body.get("required", ())
                lines += ["| field | type | |", "|---|---|---|"]
                for name, kind in body["properties"].items():
                    lines.append(
                        f"| `{name}` | {_schema_type(kind, schema)} | {'' if name in needed else 'may be missing'} |"
                    )
                lines.append("")
    return "\n".join(lines)


def _resolved(shape: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = str(shape.get("$ref", "")).removeprefix("#/$defs/")
    return typing.cast("dict[str, Any]", schema["$defs"][name]) if name else shape


def _schema_type(kind: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in kind:
        body = _resolved(kind, schema)
        name = str(kind["$ref"]).rpartition("/")[2]
        return f"{name} ({_schema_type(body, schema)})" if "properties" not in body else name
    if "const" in kind:
        return f"`{json.dumps(kind['const'])}`"
    if "enum" in kind:
        return ", ".join(f"`{json.dumps(value)}`" for value in kind["enum"])
    if "anyOf" in kind or "oneOf" in kind:
        return " or ".join(_schema_type(part, schema) for part in kind.get("anyOf") or kind["oneOf"])
    if kind.get("type") == "array":
        return f"list of {_schema_type(kind['items'], schema)}" if "items" in kind else "list"
    given = kind.get("type", "anything")
    return given if isinstance(given, str) else " or ".join(given)


# Text


def _prose(text: str) -> list[str]:
    """The description of a command: paragraphs, and what is indented as it stands."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if not block.strip():
            continue
        if all(line.startswith("  ") for line in block.splitlines()):
            lines += ["```text", inspect.cleandoc(block), "```", ""]
        else:
            lines += [_escaped(block), ""]
    return lines


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) or not text else ".")


def _escaped(text: str) -> str:
    """Text as Markdown that reads as it stands; what is between backticks stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts = [text.replace("`", "\\`")]
    parts[::2] = [re.sub(r"([\\*<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    return _cell("`".join(parts))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
