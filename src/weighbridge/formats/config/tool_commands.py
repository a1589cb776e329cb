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

from weighbridge.core.facts import Reference
from weighbridge.core.records import TYPE_CHECKING

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


def commands(tree: Any) -> Iterator[Reference]:
    """What a document makes other programs run; at most `MOST` of each kind."""
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
