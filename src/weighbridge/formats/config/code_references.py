"""Configuration that names code: what a loader would import, from where, and what would switch it on.

    auto_map                        transformers: {"AutoModel": "modeling_x.Class" or "owner/repo--modeling_x.Class"}
    custom_pipelines                transformers: {"task": {"impl": "pipeline_x.Class"}}
    trust_remote_code: true         nested configurations that allow themselves other people's code (CVE-2026-5241)
    attn_implementation             a repository in place of a name loads a kernel from it (CVE-2026-4372)
    model_index.json                diffusers: {"component": ["library", "Class"]}
    modules.json                    sentence-transformers: [{"type": "package.Class"}]
    _target_, class_path, target    Hydra, jsonargparse, latent diffusion: a dotted callable with its arguments

Roads of `Reference`: `remote-code`, `local-code`, `allow`, `kernel`, `target`, `component`. Sources: transformers 5
`dynamic_module_utils.py`, diffusers `pipelines/pipeline_utils.py`, Hydra 1.3 documentation, jsonargparse documentation.
"""

from __future__ import annotations

import re

from weighbridge.core.facts import Reference
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeAlias

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?:[@:][\w./-]+)?")
_TARGETS = ("_target_", "class_path")
_KERNELS = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal", "experts_implementation")
_KEYS = frozenset(("auto_map", "custom_pipelines", "trust_remote_code", "target", *_TARGETS, *_KERNELS))
_NESTED = frozenset((dict, list))
NODES = 200_000
"""Objects and lists of one document that are looked at for such keys."""


def code_references(tree: Any, name: str) -> Iterator[Reference]:
    """What the document `tree` in a file called `name` makes loaders import, build or allow."""
    stack: list[tuple[_Link, Any]] = [(None, tree)]
    for _ in range(NODES):
        if not stack:
            break
        link, node = stack.pop()
        if isinstance(node, dict):
            if not node.keys().isdisjoint(_KEYS):
                yield from _object(_path(link), node)
            if not _NESTED.isdisjoint(map(type, node.values())):
                stack.extend(((link, key), value) for key, value in node.items() if isinstance(value, dict | list))
        elif isinstance(node, list) and not _NESTED.isdisjoint(map(type, node)):
            # Lists of words only, such as the merges of a tokenizer, hold no keys.
            stack.extend(
                ((link, index), value) for index, value in enumerate(node) if isinstance(value, dict) or _holds(value)
            )
    else:
        yield Reference("target", "…", "", f"more than {NODES} objects")
    if name == "model_index.json" and isinstance(tree, dict):
        yield from _components(tree)
    if name == "modules.json" and isinstance(tree, list):
        for index, module in enumerate(tree):
            kind = module.get("type") if isinstance(module, dict) else None
            if isinstance(kind, str):
                yield Reference("target", kind[:200], f"{index}.type")


_Link: TypeAlias = "tuple[Any, Any] | None"
"""A key or index, behind the link of what it is in."""


def _holds(value: Any) -> bool:
    return isinstance(value, list) and not _NESTED.isdisjoint(map(type, value))


def _path(link: _Link) -> str:
    """The path that a link stands for, its last 200 characters."""
    parts: list[str] = []
    while link is not None:
        link, key = link
        parts.append(str(key)[-200:])
    return ".".join(reversed(parts))[-200:]


def _object(path: str, node: dict[str, Any]) -> Iterator[Reference]:
    for key in [key for key in node if key in _KEYS]:
        value = node[key]
        place = f"{path}.{key}" if path else key
        if key == "auto_map":
            for task, names in value.items() if isinstance(value, dict) else [("", value)]:
                for target in names if isinstance(names, list) else [names]:
                    if isinstance(target, str):
                        yield _mapped(target, f"{place}.{task}".rstrip("."))
        elif key == "custom_pipelines" and isinstance(value, dict):
            for task, entry in value.items():
                target = entry.get("impl") if isinstance(entry, dict) else None
                if isinstance(target, str):
                    yield _mapped(target, f"{place}.{task}.impl")
        elif key == "trust_remote_code" and value is True:
            yield Reference("allow", key, place)
        elif key in _KERNELS and isinstance(value, str) and _REPOSITORY.fullmatch(value):
            yield Reference("kernel", value[:200], place)
        elif isinstance(value, str) and (key in _TARGETS or (key == "target" and "params" in node and _is_name(value))):
            yield Reference("target", value[:200], place, _arguments(node))


def _is_name(value: str) -> bool:
    return _DOTTED.fullmatch(value) is not None


def _mapped(target: str, place: str) -> Reference:
    return Reference("remote-code" if "--" in target else "local-code", target[:200], place[:200])


def _components(tree: dict[str, Any]) -> Iterator[Reference]:
    for part, entry in tree.items():
        if part == "_class_name" and isinstance(entry, list):
            yield Reference("component", ".".join(str(one) for one in entry)[:200], part)
        elif not part.startswith("_") and isinstance(entry, list) and len(entry) == 2:
            library, class_ = entry
            if isinstance(library, str) and isinstance(class_, str):
                yield Reference("component", f"{library}.{class_}"[:200], part[:200])


def _arguments(node: dict[str, Any]) -> str:
    given = {key: value for key, value in node.items() if key not in (*_TARGETS, "target")}
    return repr(given)[:200] if given else ""
