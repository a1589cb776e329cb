"""Constants of a template: names that are put together from pieces, folded as far as the pieces are known.

`'__cla' ~ 'ss__'`, `['a', 'b']|join`, `'x'|replace('x', '_')`, slices, `%`, the methods of texts, and variables
that were set to such. Nothing but these operations on texts and lists of the template itself is done, and only on short
ones.
"""

from __future__ import annotations

import re

from jinja2 import nodes

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

NODES = 200_000
"""Nodes of one template; the longest published one has 6,000."""
FOLDED = 4096
"""Characters of a text that is put together from constants."""


class TemplateError(Exception):
    """The text is no template in Jinja's syntax, or too large a one."""


def every(root: nodes.Node) -> Iterator[nodes.Node]:
    """All nodes from `root` on, in the order of the text. Raises TemplateError for too many."""
    stack = [root]
    for _ in range(NODES):
        if not stack:
            return
        node = stack.pop()
        yield node
        stack.extend(reversed(list(node.iter_child_nodes())))
    raise TemplateError(f"more than {NODES} parts")


def folded(node: nodes.Node, parts: list[Any]) -> Any:
    """The constant that an expression over constants is, or None. `parts` are its operands in order."""
    try:
        return _checked(_one(node, parts))
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError):
        return None


def _one(node: nodes.Node, parts: list[Any]) -> Any:
    if isinstance(node, nodes.Concat):
        return "".join(map(str, parts))
    if isinstance(node, nodes.Add):
        return parts[0] + parts[1]
    if isinstance(node, nodes.Mod):
        return _short(parts[0]) % parts[1]
    if isinstance(node, nodes.Neg):
        return -parts[0]
    if isinstance(node, nodes.Tuple):
        return tuple(parts)
    if isinstance(node, nodes.List):
        return parts
    if isinstance(node, nodes.Slice):
        # The operands that are left out are not among the parts.
        given = iter(parts)
        return slice(*(None if part is None else next(given) for part in (node.start, node.stop, node.step)))
    if isinstance(node, nodes.Getitem):
        return parts[0][parts[1]]
    if isinstance(node, nodes.Filter) and not node.kwargs:
        return _filtered(node.name, parts[0], parts[1:])
    if isinstance(node, nodes.Getattr) and isinstance(parts[0], str):
        return _Method(parts[0], node.attr)
    if isinstance(node, nodes.Call) and isinstance(parts[0], _Method) and not node.kwargs:
        return _method(parts[0].owner, parts[0].name, parts[1:])
    raise TypeError


class _Method(NamedTuple):
    """A method of a constant text that waits to be called."""

    owner: str
    name: str


def _filtered(name: str, value: Any, arguments: list[Any]) -> Any:
    if name == "join":
        return (arguments[0] if arguments else "").join(map(str, value))
    if name == "reverse":
        return value[::-1]
    if name in ("first", "last"):
        return value[0 if name == "first" else -1]
    if name == "list":
        return list(value)
    if name == "string":
        return str(value)
    if name == "format":
        return _short(value) % tuple(arguments)
    if name in ("lower", "upper", "replace", "trim"):
        return _method(value, "strip" if name == "trim" else name, arguments)
    raise TypeError


def _method(value: Any, name: str, arguments: list[Any]) -> Any:
    """A method of a constant text that gives a text or a list of texts."""
    if isinstance(value, str) and name in ("lower", "upper", "strip", "replace", "join", "split", "title", "swapcase"):
        if name == "replace" and len(value) * max(1, len(str(arguments[1]))) > FOLDED:
            raise ValueError
        return getattr(value, name)(*arguments)
    raise TypeError


def _short(value: Any) -> Any:
    """A pattern for `%`: widths such as %999999999d would fill the memory."""
    if not isinstance(value, str) or re.search(r"%[^a-zA-Z%]*\d{3}|\*", value):
        raise ValueError
    return value


def _checked(value: Any) -> Any:
    if isinstance(value, str | list) and len(value) > FOLDED:
        raise ValueError
    return value


def written(node: nodes.Node | None, depth: int = 0) -> str:
    """An expression roughly as it was written, shortened: text for people."""
    if node is None or depth > 8:
        return "…"
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Const):
        return repr(node.value)[:60]
    if isinstance(node, nodes.Getattr):
        return f"{written(node.node, depth + 1)}.{node.attr}"
    if isinstance(node, nodes.Getitem):
        return f"{written(node.node, depth + 1)}[{written(node.arg, depth + 1)}]"
    if isinstance(node, nodes.Call):
        return f"{written(node.node, depth + 1)}({', '.join(written(one, depth + 1) for one in node.args[:4])})"
    if isinstance(node, nodes.Filter):
        arguments = f"({', '.join(written(one, depth + 1) for one in node.args[:4])})" if node.args else ""
        return f"{written(node.node, depth + 1)}|{node.name}{arguments}"
    if isinstance(node, nodes.Concat):
        return " ~ ".join(written(one, depth + 1) for one in node.nodes[:6])
    if isinstance(node, nodes.BinExpr):
        return f"{written(node.left, depth + 1)} {node.operator} {written(node.right, depth + 1)}"
    if isinstance(node, nodes.List | nodes.Tuple):
        return f"[{', '.join(written(one, depth + 1) for one in node.items[:6])}]"
    return type(node).__name__.lower()
