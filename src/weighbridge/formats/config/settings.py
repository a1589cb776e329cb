"""Settings in lines and in TOML: .toml, .ini, .cfg, .conf, .properties, .env, Git's own.

    [section]  key = value  key: value  export KEY=value  # comment  ; comment  ! comment      lines
    a value goes on in lines that are indented, or after a backslash

    build-system.build-backend, backend-path        pip imports it to build the project        road `build-backend`
    project.scripts, entry-points, options.entry_points    names of commands and plug-ins      road `entry-point`
    dependencies, requires, install_requires        packages and where they come from          see `requirements.py`
    _target_, auto_map, …                           as in JSON, see `code_references.py`

Every text is searched for objects. Variables that decide which code others run are settings `environment:NAME`;
options of servers that open them, `server:NAME`; commands of Git, `git:NAME`. TOML larger than `Limits.yaml` is only
searched: its parser takes a second for each megabyte. Sources: TOML 1.0; setuptools and pip documentation; PEP 517,
518, 621; Git 2.51 `git-config`; TorchServe configuration; Log4j 2 lookups (CVE-2021-44228).
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Embedded, Limit, Oddity, Reference, Setting, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match, within_budget
from weighbridge.formats.config.code_references import code_references
from weighbridge.formats.config.git_files import submodule
from weighbridge.formats.config.requirements import requirement_facts
from weighbridge.formats.config.run_lines import command
from weighbridge.formats.config.values import Values
from weighbridge.formats.python.source import source_marks
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import search_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

LINES = (".ini", ".cfg", ".conf", ".properties", ".env")
NAMES = frozenset(
    (
        ".env",
        ".gitmodules",
        ".gitconfig",
        ".lfsconfig",
        ".npmrc",
        ".pypirc",
        ".editorconfig",
        ".flake8",
        ".coveragerc",
        ".pylintrc",
        ".condarc",
    )
)
ENVIRONMENT = (
    "LD_", "DYLD_", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONINSPECT", "PYTHONWARNINGS", "PATH", "PIP_",
    "BASH_ENV", "HF_ENDPOINT", "TRUST_REMOTE_CODE", "HTTP_PROXY", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT",
    "GIT_SSH", "NODE_OPTIONS", "CURL_CA", "TORCH_FORCE_NO_WEIGHTS", "PERL5", "RUBYOPT", "JAVA_TOOL_OPTIONS",
    "IPYTHONDIR", "JUPYTER_CONFIG",
)  # fmt: skip
"""Variables that decide which code other programs run or whom they believe: how their names begin."""
SERVER = frozenset(
    """disable_token_authorization enable_model_api install_py_dep_per_model enable_envvars_config allowed_urls
    management_address default_service_handler load_models service_envelope""".split()  # noqa: SIM905 -- words read better than a list of them
)
GIT = frozenset(
    """fsmonitor sshcommand hookspath pager editor askpass gitproxy smudge clean process textconv driver command
    cmd helper program external update uploadpack receivepack packobjectshook alternaterefscommand templatedir vcs
    insteadof allow""".split()  # noqa: SIM905 -- as above
)
"""Last parts of keys of Git whose value is, or may be, a command."""
_TOX = frozenset(("commands", "commands_pre", "commands_post", "install_command"))
KEPT = 256
_LINE = re.compile(r"\s*(?:export\s+)?([^\s=:#;!\[][^=:\n]{0,200}?)\s*(?:=|:(?=\s|$)|:)\s*(.*)")
_SECTION = re.compile(r"\s*+\[{1,2}+([^\]\n]*+)\]{1,2}\s*(?:[#;].*)?")
_LOOKUP = re.compile(r"\$\{(?:[^{}]{0,40}:)?(?:jndi|script|java|groovy|lower|upper|rmi|ldap)[:}]", re.IGNORECASE)
_COMMENT = ("#", ";", "!", "//")


class Toml:
    """A document of TOML."""

    name = "toml"
    version = 2
    extensions = frozenset((".toml",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name, for text."""
        del data
        return Match.MAYBE if info.extension == ".toml" and b"\0" not in info.head else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read the tables; what loaders and builders act upon become facts."""
        if data.size > budget.limits.yaml:
            yield Limit("yaml", budget.limits.yaml)
            yield from search_text(data, budget)
            return
        text = _decoded(data.read(0, data.size))
        yield from source_marks(text)
        for comment in re.finditer(r"#(.{16,})$", text, re.MULTILINE):
            yield from embedded_in_text(comment[1].strip(), "comment", 0, budget)
        tree = _tables(text)
        if not (yield from within_budget(code_references(tree, info.name), budget)):
            return
        kept = 0
        leading = Values(info.name)
        for path, value in _leaves(tree):
            if isinstance(value, str):
                yield from leading.facts(path, value)
                if len(value) >= SHORTEST:
                    for seen in embedded_in_text(value, path, 0, budget):
                        yield (
                            seen._replace(offset=max(0, text.find(value[:40]))) if isinstance(seen, Embedded) else seen
                        )
                if not (yield from within_budget(_project(path, value), budget)):
                    return
            if kept < KEPT and path.count(".") <= 1:
                kept += 1
                yield Setting(
                    path[:200],
                    str(value)[:200] if not isinstance(value, int) or abs(value) < 1 << 128 else "a large number",
                    0,
                )
        yield Span(0, data.size, "parsed")


class SettingLines:
    """Sections, keys and values in lines."""

    name = "settings"
    version = 2
    extensions = frozenset(LINES)

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name, for text; a `config` that begins like Git's too."""
        del data
        named = info.extension in LINES or info.name in NAMES or info.name.startswith(".env.")
        git = info.name == "config" and info.head.lstrip().startswith((b"[core]", b"[remote", b"[user", b"[include"))
        return Match.MAYBE if (named or git) and b"\0" not in info.head else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Go over the lines."""
        if data.size > budget.limits.document:
            yield Limit("document", budget.limits.document)
            yield from search_text(data, budget)
            return
        text = _decoded(data.read(0, data.size))
        yield from source_marks(text)
        git = info.name in (".gitmodules", ".gitconfig", ".lfsconfig", "config")
        kept = 0
        leading = Values(info.name)
        for section, key, value, offset in _settings(text, indented=not git):
            if len(value) >= SHORTEST or len(key) >= SHORTEST:
                yield from embedded_in_text(f"{key} {value}" if len(key) >= SHORTEST else value, key, offset, budget)
            if not key:
                continue
            path = f"{section}.{key}".strip(".")[-200:]
            if not git:
                yield from leading.facts(path, value.strip("\"'"), offset)
            yield from leading.key(path, key, offset)
            if key in _TOX and section.startswith("testenv"):
                yield command("tox", "build", path, value, offset)
            facts = list(_line_facts(section, key, value, path, offset, git=git))
            if not (yield from within_budget(facts, budget)):
                return
            if not facts and kept < KEPT:
                kept += 1
                yield Setting(path, value[:200], offset)
        yield Span(0, data.size, "parsed")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError("the text is not UTF-8", error.start) from None


def _tables(text: str) -> dict[str, Any]:
    import tomllib

    if text.count("[") + text.count("{") > 100_000:
        raise FormatError("the TOML has more than 100,000 lists and tables", 0)
    if any(len(line) > 2000 and line.count(".") > 500 for line in text.splitlines() if "=" not in line[:2000]):
        # Each part of a dotted key is looked up again for each that follows.
        raise FormatError("a key has too many parts", 0)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+)", str(error))
        line = int(place[1]) if place else 1
        offset = sum(len(one.encode()) + 1 for one in text.split("\n")[: line - 1])
        raise FormatError(f"the TOML is broken: {error}"[:200], offset) from None
    except RecursionError:
        raise FormatError("the TOML is nested too deeply", 0) from None
    except ValueError as error:
        raise FormatError(f"the TOML is broken: {error}"[:200], 0) from None


def _leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every value with its path; keys count as values of their own path."""
    stack: list[tuple[str, Any]] = [("", tree)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict):
            for key in node:
                if len(key) >= SHORTEST:
                    yield f"{path}.{key[:40]}".strip("."), key
            items = [(f"{path}.{key[:100]}"[-300:] if path else key[:100], value) for key, value in node.items()]
            stack.extend(reversed(items))
        elif isinstance(node, list):
            stack.extend((f"{path}.{index}"[-300:], node[index]) for index in range(len(node) - 1, -1, -1))
        else:
            yield path, node


_POINTS = re.compile(
    r"(?:project|tool\.poetry)\.(?:scripts|gui-scripts|entry-points|plugins)\.(.+)|options\.entry_points\.(.+)"
)
_NEEDS = re.compile(
    r"(?:build-system\.requires|project\.dependencies|project\.optional-dependencies\.[^.]+|dependency-groups\.[^.]+)\.\d+"
)


def _project(path: str, value: str) -> Iterator[Fact]:
    """What builders and installers do with a value of pyproject.toml."""
    point = _POINTS.fullmatch(path)
    if point:
        yield Reference("entry-point", value[:200], path[-200:])
    elif path == "build-system.build-backend" or path.startswith("build-system.backend-path"):
        yield Reference("build-backend", value[:200], path)
    elif _NEEDS.fullmatch(path):
        yield from requirement_facts(value.strip(), path, 0)
    elif re.fullmatch(r"tool\.poetry\.(?:[\w.-]*\.)?dependencies\.[^.]+\.(?:git|url|path)", path) or re.fullmatch(
        r"tool\.uv\.sources\..+\.(?:git|url|path)", path
    ):
        yield from requirement_facts(value if "://" in value else f"./{value}", path, 0)
    elif re.fullmatch(r"tool\.(?:poetry\.source|uv\.index|pdm\.source)\.\d+\.url", path):
        yield from requirement_facts(f"--extra-index-url {value}", path, 0)
    elif path.startswith(("tool.setuptools.cmdclass", "tool.hatch.build.hooks.custom", "tool.poetry.build.script")):
        yield Reference("build-backend", value[:200], path)
    elif path.startswith("env.") or path.rpartition(".")[0].endswith((".env", ".environment")):
        name = path.rpartition(".")[2]
        if name.upper().startswith(ENVIRONMENT):
            yield Setting(f"environment:{name}", value[:200], 0)


def _settings(text: str, *, indented: bool) -> Iterator[tuple[str, str, str, int]]:
    """Section, key, value and place of every line; lines that go on are joined; comments have no key."""
    section = ""
    offset = 0
    key, pieces, place = "", [""], 0
    for line in text.split("\n"):
        start = offset
        offset += len(line.encode("utf-8", "surrogatepass")) + 1
        stripped = line.strip()
        inside = indented and line[:1] in (" ", "\t") and not stripped.startswith(_COMMENT)
        goes_on = pieces[-1].endswith("\\") or inside
        if key and stripped and goes_on:
            pieces[-1] = pieces[-1].removesuffix("\\")
            pieces.append(stripped)
            continue
        if key:
            yield section, key, "\n".join(pieces), place
            key = ""
        if not stripped:
            continue
        found = _SECTION.fullmatch(line)
        if found:
            section = found[1].strip()[:200]
            if len(section) >= SHORTEST:
                yield "", "", section, start
            continue
        pair = None if stripped.startswith(_COMMENT) else _LINE.fullmatch(line.rstrip("\r"))
        if pair:
            key, pieces, place = pair[1].strip(), [pair[2].strip()], start
        else:
            yield section, "", stripped, start
    if key:
        yield section, key, "\n".join(pieces), place


def _line_facts(section: str, key: str, value: str, path: str, offset: int, *, git: bool) -> Iterator[Fact]:
    bare = value.strip("\"'")
    lowered = key.lower()
    if git and (lowered.rpartition(".")[2] in GIT or bare.startswith("!") or section.lower().startswith("include")):
        yield Setting(f"git:{path}", bare[:200], offset)
    elif git and section.startswith("submodule"):
        yield from submodule(section, lowered, bare, offset)
    elif section == "options.entry_points" or section.startswith("entry_points"):
        for line in bare.splitlines():
            name, _, target = line.partition("=")
            if target.strip():
                yield Reference("entry-point", target.strip()[:200], f"{path}.{name.strip()}"[-200:], "", offset)
    elif section == "options.extras_require" or lowered in (
        "install_requires",
        "setup_requires",
        "tests_require",
        "deps",
    ):
        for line in bare.splitlines():
            if line.strip():
                yield from requirement_facts(line.strip(), path, offset)
    elif lowered in (
        "index-url",
        "extra-index-url",
        "find-links",
        "trusted-host",
        "index",
        "index_url",
        "extra_index_url",
        "registry",
    ):
        for word in bare.split():
            yield from requirement_facts(f"--extra-index-url {word}", path, offset)
    elif lowered == "cmdclass":
        yield Reference("build-backend", bare[:200], path, "", offset)
    elif key.upper() == key and key.startswith(ENVIRONMENT):
        yield Setting(f"environment:{key}", bare[:200], offset)
    elif lowered in SERVER:
        yield Setting(f"server:{lowered}", bare[:200], offset)
    if _LOOKUP.search(value):
        yield Oddity("config-lookup", f"{path} is {bare[:200]!r}", offset)
