"""Commands that JSON settings make editors, package managers, kernels and assistants run.

    tasks.json          {"tasks": [{"command", "runOptions": {"runOn": "folderOpen"}}]}        road `opens`, `task`
    devcontainer.json   {"initializeCommand", "postCreateCommand", …}                          road `opens`, `container`
    package.json        {"scripts": {"preinstall", "install", "postinstall", "prepare"}}       road `installs`
    kernel.json         {"argv": […], "display_name"}                                          road `kernel`
    .mcp.json           {"mcpServers": {name: {"command", "args"}}}                            road `assistant`
    settings.json       {"hooks": {event: [{"hooks": [{"command"}]}]}}                         road `assistant`
                        {"python.defaultInterpreterPath": "./x", …}                            road `setting`

The roads are those of `Reference`; its name is the command, its key the place. Sources: documentation of Visual Studio
Code, of development containers, npm, Jupyter kernels and the Model Context Protocol; looked at on 2026-11-29.
"""

from __future__ import annotations

from weighbridge.core.facts import Oddity, Reference, SourceUse
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.config.run_lines import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_CONTAINER = ("onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand", "postAttachCommand")
_INSTALLS = ("preinstall", "install", "postinstall", "prepare", "prepublish", "preprepare", "postprepare")
_PATHS = (
    "interpreterpath",
    "executablepath",
    ".envfile",
    "shell.linux",
    "shell.windows",
    "shell.osx",
    "pythonpath",
    "gitpath",
    "git.path",
)
MOST = 200


_LEVELS = {"opens": "open", "installs": "open", "assistant": "open", "task": "build", "container": "start"}


def commands(tree: Any) -> Iterator[Reference | SourceUse | Oddity]:
    """What a document makes other programs run; at most `MOST` of each kind. What the commands do is told beside."""
    for found in _named_commands(tree):
        yield found
        if found.road in _LEVELS and found.name:
            use = command(found.road, _LEVELS[found.road], found.key, found.name)
            if any(trait in use.traits for trait in _TELLING):
                yield use
    if isinstance(tree, dict):
        yield from _rights(tree)


_TELLING = ("remote-shell", "sends-secrets", "decoded", "runs-download", "secrets", "persists", "sends", "deletes")
"""What is worth telling beside that there is a command."""


def _rights(tree: dict[str, Any]) -> Iterator[Oddity]:
    """Rights that a container for development asks for."""
    asked = [str(one) for key in ("runArgs", "mounts", "capAdd", "securityOpt") for one in _listed(tree.get(key))]
    if tree.get("privileged") is True:
        asked.append("--privileged")
    for one in asked[:MOST]:
        if any(mark in one for mark in _RIGHTS):
            yield Oddity("container-rights", f"it asks for {one[:200]!r}")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_RIGHTS = (
    "--privileged",
    "docker.sock",
    "SYS_ADMIN",
    "SYS_MODULE",
    "unconfined",
    "--pid=host",
    "/.ssh",
    "source=/,",
    "/.aws",
)


def _named_commands(tree: Any) -> Iterator[Reference]:
    if not isinstance(tree, dict):
        return
    tasks = tree.get("tasks")
    for index, task in enumerate(tasks[:MOST] if isinstance(tasks, list) else ()):
        if isinstance(task, dict) and ("command" in task or "script" in task):
            options = task.get("runOptions")
            opens = isinstance(options, dict) and options.get("runOn") == "folderOpen"
            yield _named(
                "opens" if opens else "task",
                task.get("command", task.get("script")),
                f"tasks.{index}",
                task.get("args"),
            )
    if "initializeCommand" in tree:
        yield _named("opens", tree["initializeCommand"], "initializeCommand")
    for key in _CONTAINER:
        if key in tree:
            yield _named("container", tree[key], key)
    scripts = tree.get("scripts")
    if isinstance(scripts, dict):
        for key in _INSTALLS:
            if isinstance(scripts.get(key), str):
                yield _named("installs", scripts[key], f"scripts.{key}")
    if isinstance(tree.get("argv"), list) and "display_name" in tree:
        yield _named("kernel", tree["argv"], "argv")
    servers = tree.get("mcpServers")
    for name, server in list(servers.items())[:MOST] if isinstance(servers, dict) else ():
        if isinstance(server, dict) and ("command" in server or "url" in server):
            yield _named(
                "assistant", server.get("command", server.get("url")), f"mcpServers.{name}", server.get("args")
            )
    hooks = tree.get("hooks")
    if isinstance(hooks, dict):
        yield from _hooks(hooks)
    for key, value in tree.items():
        if isinstance(value, str) and "." in key and key.lower().endswith(_PATHS) and ("/" in value or "\\" in value):
            yield _named("setting", value, key)


def _hooks(hooks: dict[str, Any]) -> Iterator[Reference]:
    told = 0
    stack: list[tuple[str, Any]] = [("hooks", hooks)]
    while stack and told < MOST:
        path, node = stack.pop()
        if isinstance(node, dict):
            if isinstance(node.get("command"), str):
                told += 1
                yield _named("assistant", node["command"], f"{path}.command")
            stack.extend((f"{path}.{key}"[-200:], value) for key, value in node.items())
        elif isinstance(node, list):
            stack.extend((f"{path}.{index}"[-200:], value) for index, value in enumerate(node))


def _named(road: str, command: Any, key: str, arguments: Any = None) -> Reference:
    words = command if isinstance(command, list) else [command]
    more = arguments if isinstance(arguments, list) else []
    return Reference(road, " ".join(str(word) for word in [*words[:50], *more[:50]])[:500], key[:200])
