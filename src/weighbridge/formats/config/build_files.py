r"""Files by which images and programs are built: Dockerfile, Containerfile, Makefile, .envrc.

    Dockerfile    # directive=value      instruction words \           heredocs: RUN <<EOF … EOF
                  FROM image             road `image`                  # syntax=image          road `image-frontend`
                  ADD https://…          road `image-add`              RUN, CMD, ENTRYPOINT, …  kind `command`
                  ENV NAME=value         setting `environment:NAME`    ARG and ENV with a secret: Secret
    Makefile      target: needs          TAB command                   $(shell command), NAME != command
    .envrc        lines for the shell, which direnv runs when somebody enters the folder

Commands are read as words (`texts/shell.py`); nothing is run, and variables are put in only where they are set once.
Sources: Dockerfile reference of BuildKit 1.12; GNU make 4.4; direnv 2.37 stdlib.
"""

from __future__ import annotations

import json
import re
from itertools import islice

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import FileReference, Limit, Oddity, Secret, Setting, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match, within_budget
from weighbridge.formats.config.run_lines import command
from weighbridge.formats.python.source import source_marks
from weighbridge.formats.texts.embedded import embedded_in_text
from weighbridge.formats.texts.secrets import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

HEREDOCS = 16
"""Heredocs of one instruction that are read; more of them are lines that are no instructions."""
LONGEST = 1024 * 1024
"""Bytes of a file that is read; the longest Makefiles have a tenth of it."""
INSTRUCTIONS = frozenset(
    """add arg cmd copy entrypoint env expose from healthcheck label maintainer onbuild run shell stopsignal user
    volume workdir""".split()  # noqa: SIM905 -- words read better than a list of them
)
RISKY = (
    "LD_PRELOAD", "LD_AUDIT", "PYTHONSTARTUP", "PYTHONINSPECT", "BASH_ENV", "HF_ENDPOINT", "TRUST_REMOTE_CODE",
    "HF_HUB_TRUST_REMOTE_CODE", "HTTP_PROXY", "HTTPS_PROXY", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST", "GIT_SSH", "NODE_OPTIONS", "SSL_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA",
    "TORCH_FORCE_NO_WEIGHTS", "PERL5", "RUBYOPT",
)  # fmt: skip
"""How variables begin that images have no honest reason to set once and for all."""
SECRET_NAME = re.compile(
    r"(?:pass(?:word|wd)?|secret|token|api_?key|access_?key|private_?key|credentials?)$", re.IGNORECASE
)
PLACEHOLDER = re.compile(
    r"[$<{]|^(?:changeme|change_me|none|null|xxx+|your|example|secret|password|token|test|dummy|todo|\*+)",
    re.IGNORECASE,
)
_HEREDOC = re.compile(r"<<-?\s*([\"']?)(\w+)\1")


class Dockerfile:
    """How an image is built."""

    name = "dockerfile"
    version = 1
    extensions = frozenset((".dockerfile", ".containerfile"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name, for text."""
        del data
        named = (
            re.match(r"(?:dockerfile|containerfile)(?:[._-]|$)", info.name.lower()) or info.extension in self.extensions
        )
        return Match.MAYBE if named and b"\0" not in info.head else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield what building and starting the image runs, and what it fetches."""
        del info
        yield from _read(data, budget, _docker)


class Makefile:
    """Targets and their commands."""

    name = "makefile"
    version = 1
    extensions = frozenset((".mk",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name, for text."""
        del data
        named = re.match(r"(?:gnu)?makefile(?:[._-]|$)", info.name.lower()) or info.extension == ".mk"
        return Match.MAYBE if named and b"\0" not in info.head else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield the commands of the targets, and those that run whenever the file is read."""
        del info
        yield from _read(data, budget, _make)


class Envrc:
    """A file of direnv."""

    name = "envrc"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name, for text."""
        del data
        return Match.MAYBE if info.name in (".envrc", ".envrc.local") and b"\0" not in info.head else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield what entering the folder runs."""
        del info
        yield from _read(data, budget, _envrc)


BUILD_FILES = (Dockerfile(), Makefile(), Envrc())


def _read(
    data: Reader, budget: Budget, facts: Callable[[str, Budget], Iterator[Fact]]
) -> Iterator[Fact | Span | Child]:
    if data.size > LONGEST:
        yield Limit("build-file", LONGEST)
        return
    raw = data.read(0, data.size)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError("the text is not UTF-8", error.start) from None
    if "\0" in text:
        raise FormatError("the text holds a zero byte", raw.find(b"\0"))
    yield from source_marks(text)
    yield from embedded_in_text(text, "text", 0, budget)
    if not (yield from within_budget(facts(text.replace("\r\n", "\n"), budget), budget)):
        return
    yield Span(0, data.size, "parsed")


def _docker(text: str, budget: Budget) -> Iterator[Fact]:
    seen = False
    stages: set[str] = set()
    for line, offset, instruction in _instructions(text):
        key = f"line {line}"
        found = re.match(r"#\s*syntax\s*=\s*(\S+)", instruction)
        if found:
            yield FileReference("image-frontend", found[1][:300], key, offset)
            continue
        word, _, rest = instruction.partition(" ")
        word, rest = word.lower(), rest.strip()
        if word not in INSTRUCTIONS:
            raise FormatError(f"{word[:40]!r} is no instruction", offset)
        seen = True
        if word == "onbuild":
            yield Oddity("image-onbuild", f"{key}: {rest[:200]}", offset)
            word, _, rest = rest.partition(" ")
            word, rest = word.lower(), rest.strip()
        yield from _instruction(word, rest, key, offset, stages, budget)
    if not seen and text.strip():
        raise FormatError("there is no instruction", 0)


def _instruction(word: str, rest: str, key: str, offset: int, stages: set[str], budget: Budget) -> Iterator[Fact]:
    options = re.match(r"(?:--[\w-]+(?:=\S+)?\s+)*", rest)
    flags, rest = (options[0], rest[options.end() :]) if options else ("", rest)
    if word == "from":
        parts = rest.split()
        if parts and parts[0] not in stages and parts[0] != "scratch":
            yield FileReference("image", parts[0][:300], key, offset)
        if len(parts) == 3 and parts[1].lower() == "as":
            stages.add(parts[2])
    elif word in ("run", "cmd", "entrypoint", "healthcheck", "shell"):
        if "--security=insecure" in flags or "--network=host" in flags:
            yield Oddity("container-rights", f"{key}: {flags.strip()[:200]}", offset)
        level = "build" if word in ("run", "shell") else "start"
        yield command(f"docker {word.upper()}", level, key, _exec_form(rest.removeprefix("CMD ")), offset)
    elif word in ("add", "copy"):
        for part in rest.split("\n")[0].split():
            if re.match(r"(?:https?|ftp|git)://|git@", part):
                pinned = "--checksum=" in flags or re.search(r"#[0-9a-f]{40}", part) is not None
                yield FileReference("image-add", f"{part[:300]}{' (with its checksum)' if pinned else ''}", key, offset)
    elif word in ("env", "arg"):
        for name, value in _assignments(rest, plain=word == "env"):
            yield from _variable(name, value, f"{key}: {word.upper()} {name}", offset, budget)


def _variable(name: str, value: str, key: str, offset: int, budget: Budget) -> Iterator[Fact]:
    if name.upper().startswith(RISKY):
        yield Setting(f"environment:{name[:100]}", value[:200], offset)
    if SECRET_NAME.search(name) and len(value) >= 6 and not PLACEHOLDER.search(value):
        budget.hidden.add(value)
        yield Secret("image-secret", key[:200], len(value), digest(value), False, offset)


def _instructions(text: str) -> Iterator[tuple[int, int, str]]:
    """Line, place and text of each instruction: continued lines joined, heredocs behind it, comments left out."""
    lines = text.split("\n")
    escape = "`" if re.search(r"^#\s*escape\s*=\s*`", text[:2000], re.MULTILINE) else "\\"
    index = offset = 0
    while index < len(lines):
        start, place = index, offset
        parts: list[str] = []
        while index < len(lines):
            line = lines[index]
            offset += len(line.encode("utf-8", "surrogatepass")) + 1
            index += 1
            bare = line.strip()
            if bare.startswith("#") or (parts and not bare):
                if not parts and re.match(r"#\s*syntax\s*=", bare) and start == index - 1:
                    yield start + 1, place, bare
                    break
                if parts:
                    continue
                break
            parts.append(bare.removesuffix(escape).strip())
            if not bare.endswith(escape):
                break
        whole = " ".join(parts).strip()
        if not whole:
            continue
        heredocs = _HEREDOC.finditer(whole) if whole.lower().startswith(("run", "copy", "add")) else ()
        for found in islice(heredocs, HEREDOCS):
            body = []
            while index < len(lines) and lines[index].strip() != found[2]:
                body.append(lines[index])
                offset += len(lines[index].encode("utf-8", "surrogatepass")) + 1
                index += 1
            if index < len(lines):
                offset += len(lines[index].encode("utf-8", "surrogatepass")) + 1
                index += 1
            if whole.lower().startswith("run"):
                whole = f"{whole.replace(found[0], '')}\n" + "\n".join(body)
        yield start + 1, place, whole


def _exec_form(text: str) -> str:
    """`["sh", "-c", "x"]` as a command line: the text behind `-c` is one itself."""
    if not text.startswith("["):
        return text
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(words, list):
        return text
    words = [str(word) for word in words]
    return words[2] if len(words) > 2 and words[1] in ("-c", "-lc", "-ec") else " ".join(words)


def _assignments(text: str, *, plain: bool) -> Iterator[tuple[str, str]]:
    pairs = re.findall(r"([A-Za-z_]\w*)=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|\S*)", text)
    if pairs:
        yield from ((name, value.strip("\"'")) for name, value in pairs)
    elif plain:
        name, _, value = text.partition(" ")
        yield name, value.strip().strip("\"'")


def _make(text: str, budget: Budget) -> Iterator[Fact]:
    del budget
    variables = _variables(text)
    target = ""
    offset = 0
    held, place, first = "", 0, 0
    for number, line in enumerate(text.split("\n"), 1):
        if not held:
            place, first = offset, number
        offset += len(line.encode("utf-8", "surrogatepass")) + 1
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        whole, held = held + line, ""
        key = f"line {first}"
        for inner in re.findall(r"\$[({]shell\s+((?:[^(){}]|[({][^(){}]*[)}])*)[)}]", whole):
            yield command("make", "open", f"{key}, whenever the file is read", _filled(inner, variables), place)
        assigned = re.match(r"\s*[\w.-]+\s*!=\s*(.+)", whole)
        if assigned:
            yield command("make", "open", f"{key}, whenever the file is read", _filled(assigned[1], variables), place)
        elif whole.startswith("\t"):
            line_ = _filled(whole.strip().lstrip("@-+ "), variables)
            if line_ and not line_.startswith("#"):
                yield command("make", "build", f"{key}, target {target[:60]}", line_, place)
        else:
            head, colon, rest = whole.partition(":")
            if colon and "=" not in head and "#" not in head and head.strip() and not rest.startswith(("=", ":=")):
                target = head.strip()
                recipe = rest.partition(";")[2].strip()
                if recipe:
                    where = f"{key}, target {target[:60]}"
                    yield command("make", "build", where, _filled(recipe, variables), place)
            found = re.match(r"\s*-?include\s+(\S.*)", whole)
            if found and re.search(r"\.\.[\\/]|^[/~]", found[1]):
                yield FileReference("climbing-path", found[1].strip()[:300], f"{key}.include", place)


def _variables(text: str) -> dict[str, str]:
    """Variables that are set once, to something without other variables."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for name, value in re.findall(r"^([A-Za-z_][\w-]*)\s*(?::{0,3}|\?)=[ \t]*([^\n#]*)", text, re.MULTILINE):
        if name in found:
            twice.add(name)
        found[name] = value.strip()
    return {name: value for name, value in found.items() if name not in twice and len(value) < 300}


def _filled(text: str, variables: dict[str, str]) -> str:
    """A command with what is known of its variables; a program that is a variable is only a name."""
    for _ in range(4):
        filled = re.sub(r"\$[({]([\w-]+)[)}]", lambda found: variables.get(found[1], "_"), text[:8000])
        if filled == text:
            break
        text = filled
    return re.sub(r"\$[@<^?*+|]|\$\([^()]{0,300}\)", "_", text).replace("$$", "$")


def _envrc(text: str, budget: Budget) -> Iterator[Fact]:
    for found in re.finditer(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=([^\n;]*)", text, re.MULTILINE):
        yield from _variable(found[1], found[2].strip().strip("\"'"), f".envrc: {found[1]}", 0, budget)
    lines = [
        line
        for line in text.split("\n")
        if line.strip()
        and not re.match(
            r"\s*(?:#|(?:use|layout|dotenv|dotenv_if_exists|PATH_add|path_add|watch_file|source_up|strict_env|env_vars_required|source_up_if_exists|unset)\b)",
            line,
        )
    ]
    plain = [line for line in lines if not re.fullmatch(r"\s*(?:export\s+)?\w+=(?:[^\s`$(;|&]|\$(?!\())*\s*", line)]
    if plain:
        yield command("direnv", "open", "whenever somebody enters the folder", "\n".join(plain), 0)
