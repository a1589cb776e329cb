"""Commands in YAML that tools obey: pipelines, compositions of containers, hooks of pre-commit.

    jobs.NAME.steps.N.run, .uses            GitHub          command, road `pipeline-action`
    script, before_script, NAME.script.N    GitLab          command;  include.*.remote: road `pipeline-include`
    steps.N.script, .bash, .powershell      Azure           command
    jobs.NAME.steps.N.run.command           CircleCI        command
    services.NAME.command, .entrypoint      compose         command             image              road `image`
    services.NAME.privileged, .volumes.N …  compose         oddity `container-rights`
    repos.N.repo, .rev, .hooks.N.entry      pre-commit      road `hook-repository`, command

They are known by the keys that lead to them, since a pipeline may have any name; GitLab's and pre-commit's also by the
name of their file. Sources: documentation of GitHub Actions, GitLab CI, Azure Pipelines, CircleCI, the Compose
specification and pre-commit 4; looked at on 2026-11-29.
"""

from __future__ import annotations

import re

from weighbridge.core.facts import FileReference, Oddity, Secret
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.config.build_files import PLACEHOLDER, SECRET_NAME
from weighbridge.formats.config.run_lines import command
from weighbridge.formats.texts.secrets import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget

_STEP = re.compile(
    r"(?:jobs\.[^.]+\.(?:steps\.\d+\.)?(?:run(?:\.command)?|script|bash|pwsh|powershell)"
    r"|(?:stages\.\d+\.)?(?:jobs\.\d+\.)?steps\.\d+\.(?:run(?:\.command)?|script|bash|pwsh|powershell|inputs\.(?:inlineScript|script))"
    r"|runs\.steps\.\d+\.run|commands\.[^.]+\.steps\.\d+\.run(?:\.command)?)"
)
_SCRIPT = re.compile(r"(?:[^.]+\.)?(?:before_script|after_script|script|pre_get_sources_script)(?:\.\d+)?")
_SERVICE = re.compile(r"services\.([^.]+)\.(.+)")
_STARTS = re.compile(
    r"(?:command|entrypoint)(?:\.\d+)?|(?:post_start|pre_stop)\.\d+\.command(?:\.\d+)?|healthcheck\.test(?:\.\d+)?"
)
_MOUNTED = re.compile(
    r"docker\.sock|^/:|^/(?:etc|root|proc|sys|boot|dev):|[/~]\.(?:ssh|aws|azure|kube|docker|gnupg)(?:[/:]|$)|^~:|^\$HOME:|^\$\{HOME\}:"
)
_INJECTED = re.compile(
    r"\$\{\{\s*(?:github\.event\.(?:issue|pull_request|comment|review|head_commit|discussion|commits)[\w.\[\]]*"
    r"\.(?:title|body|message|ref|label|name|email)|github\.head_ref)"
)


class Pipelines:
    """One document. Lists of words are one command."""

    def __init__(self, name: str) -> None:
        lowered = name.lower()
        self._gitlab = lowered.endswith((".gitlab-ci.yml", ".gitlab-ci.yaml"))
        self._hooks = lowered in (".pre-commit-config.yaml", ".pre-commit-hooks.yaml", ".pre-commit-config.yml")
        self._compose = re.fullmatch(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml", lowered) is not None
        self._words: dict[str, tuple[list[str], int]] = {}
        self._repository = ""

    def facts(self, path: str, value: str, offset: int, budget: Budget) -> Iterator[Fact]:
        """What the value at `path` makes a tool run or fetch."""
        if _STEP.fullmatch(path):
            yield command("pipeline", "build", path[-80:], value, offset)
            found = _INJECTED.search(value)
            if found:
                yield Oddity("pipeline-injection", f"{path[-80:]} puts {found[0][:100]} into a command", offset)
        elif re.fullmatch(r"(?:jobs\.[^.]+|runs)\.steps\.\d+\.uses|jobs\.[^.]+\.uses", path):
            yield FileReference("pipeline-action", value[:300], path[-80:], offset)
        elif self._gitlab and _SCRIPT.fullmatch(path):
            yield command("pipeline", "build", path[-80:], value, offset)
        elif self._gitlab and re.fullmatch(r"include(?:\.\d+)?(?:\.remote)?", path) and "://" in value:
            yield FileReference("pipeline-include", value[:300], path[-80:], offset)
        elif self._hooks:
            yield from self._hook(path, value, offset)
        elif path.startswith("services."):
            yield from self._service(path, value, offset, budget)

    def rest(self) -> Iterator[Fact]:
        """Commands that were written as lists of words."""
        for key, (words, offset) in self._words.items():
            shell = len(words) > 2 and words[1] in ("-c", "-lc", "-ec")
            skipped = words[1:] if words[0] in ("CMD", "CMD-SHELL", "NONE") else words
            yield command("compose", "start", key, words[2] if shell else " ".join(skipped), offset)

    def _hook(self, path: str, value: str, offset: int) -> Iterator[Fact]:
        if re.fullmatch(r"repos\.\d+\.repo", path):
            self._repository = value
            if value not in ("local", "meta"):
                yield FileReference("hook-repository", value[:300], path, offset)
        elif re.fullmatch(r"(?:repos\.\d+\.hooks\.)?\d+\.entry", path):
            yield command("pre-commit", "build", path, value, offset)

    def _service(self, path: str, value: str, offset: int, budget: Budget) -> Iterator[Fact]:
        found = _SERVICE.fullmatch(path)
        if found is None:
            return
        key = found[2]
        if _STARTS.fullmatch(key):
            if key[-1].isdigit():
                self._words.setdefault(path.rpartition(".")[0][-80:], ([], offset))[0].append(value)
            else:
                yield command("compose", "start", path[-80:], value, offset)
        elif not self._compose:
            return
        elif key == "image":
            yield FileReference("image", value[:300], path[-80:], offset)
        elif (
            (key == "privileged" and value.lower() in ("true", "yes", "on"))
            or (key in ("network_mode", "pid", "ipc", "userns_mode", "uts", "cgroup") and value == "host")
            or (key.startswith("cap_add.") and value.upper().removeprefix("CAP_") in _CAPABILITIES)
            or (key.startswith("security_opt.") and "unconfined" in value)
            or (
                re.fullmatch(r"volumes\.\d+(?:\.source)?", key)
                and _MOUNTED.search(f"{value}:" if key.endswith("source") else value)
            )
        ):
            yield Oddity("container-rights", f"{path[-80:]} is {value[:100]!r}", offset)
        elif key.startswith("environment."):
            name, equals, given = value.partition("=") if key[-1].isdigit() else (key.partition(".")[2], "=", value)
            if equals and SECRET_NAME.search(name) and len(given) >= 6 and not PLACEHOLDER.search(given):
                budget.hidden.add(given)
                yield Secret("image-secret", path[-80:], len(given), digest(given), False, offset)


_CAPABILITIES = frozenset(
    ("ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "NET_ADMIN", "DAC_READ_SEARCH", "BPF", "SYS_RAWIO")
)
