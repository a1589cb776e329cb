"""The walk through a template's syntax tree. `jinja2` parses; nothing is compiled, optimized or rendered.

What cannot be folded to a constant (`formats/template_fold.py`) and still builds a name is a `computed-name`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension

from weighbridge.core.facts import TemplateUse
from weighbridge.formats.template_fold import TemplateError, Values, every, folded, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2.parser import Parser

SHOWN = 160
FUNCTIONS = frozenset(
    ("raise_exception", "strftime_now", "range", "namespace", "dict", "tojson", "caller", "loop", "super")
)
"""Names that templates of published models call (transformers 5 documentation, "Chat templates")."""
METHODS = frozenset(
    """append capitalize copy count endswith extend find format get index insert isalnum isalpha isdigit
    islower isnumeric isspace istitle isupper items join keys lower lstrip partition pop remove
    removeprefix removesuffix replace reverse rfind rindex rpartition rsplit rstrip setdefault split
    splitlines startswith strip swapcase title update upper values zfill cycle strftime isoformat""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Methods of strings, lists, dictionaries and times without effects outside of them."""
OBJECTS = frozenset(
    (
        "lipsum",
        "cycler",
        "joiner",
        "self",
        "request",
        "config",
        "url_for",
        "get_flashed_messages",
        "g",
        "session",
        "context",
    )
)
"""Globals of Jinja and of web frameworks whose attributes lead into Python."""
_UNSAFE = frozenset(
    """mro func_globals func_code func_closure func_defaults gi_frame gi_code cr_frame cr_code ag_frame ag_code
    f_globals f_locals f_builtins f_back f_code tb_frame tb_next im_func im_self im_class co_code func_dict
    format_map environment popen system eval exec modules""".split()  # noqa: SIM905 -- words read better than a list of them
)
_BY_ATTRIBUTE = frozenset(("map", "selectattr", "rejectattr", "groupby", "sort", "unique", "min", "max", "sum"))
_TEXT_FILTERS = frozenset(
    (
        "join",
        "format",
        "replace",
        "reverse",
        "lower",
        "upper",
        "string",
        "trim",
        "first",
        "last",
        "urlize",
        "list",
        "batch",
    )
)
_ADDRESS = re.compile(r"https?://[^\s\"'<>]{4,200}")
_WORDS = re.compile(r"[A-Za-z][\w'-]*(?:\s+[\w'-]+){2,}")


class Generation(Extension):
    """`{% generation %} … {% endgeneration %}`: marks what the model says. The body stands for itself."""

    tags = {"generation"}  # noqa: RUF012 -- as jinja2 declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The statements between the tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@cache
def _environment() -> Environment:
    # Nothing is rendered with it: escaping is no question.
    return Environment(extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", Generation], optimized=False)  # noqa: S701


def uses(text: str, key: str, offset: int) -> Iterator[TemplateUse]:
    """Everything worth telling that the template does. Raises TemplateError."""
    try:
        tree = _environment().parse(text)
    except TemplateSyntaxError as error:
        raise TemplateError(f"line {error.lineno}: {error.message}"[:200]) from None
    except (RecursionError, ValueError, OverflowError, MemoryError) as error:
        raise TemplateError(type(error).__name__) from None
    return Walk(key, offset).tree(tree)


class Walk:
    """One template. `values` are the constants that a variable may hold; None stands for one that is not known."""

    def __init__(self, key: str, offset: int) -> None:
        self.key = key
        self.offset = offset
        self.values: Values = {}
        self.macros: set[str] = set()

    def tree(self, root: nodes.Template) -> Iterator[TemplateUse]:
        """Look at every node; assignments first, because templates may use a name before the walk reaches it."""
        found = list(every(root))
        for node in found:
            if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
                self.values.setdefault(node.target.name, []).append(node.node)
            elif isinstance(node, nodes.For) and isinstance(node.target, nodes.Name):
                items = node.iter.items if isinstance(node.iter, nodes.List | nodes.Tuple) else [None]
                self.values.setdefault(node.target.name, []).extend(items)
            elif isinstance(node, nodes.Macro):
                self.macros.add(node.name)
        for node in found:
            yield from self.node(node)

    def use(self, kind: str, node: nodes.Node, shown: str = "") -> TemplateUse:
        return TemplateUse(self.key, kind, f"line {node.lineno}: {shown or written(node)}"[:SHOWN], self.offset)

    def node(self, node: nodes.Node) -> Iterator[TemplateUse]:
        """What one node does by itself."""
        if isinstance(node, nodes.Getattr):
            yield from self.named(node, node.node, node.attr)
        elif isinstance(node, nodes.Getitem):
            yield from self.item(node)
        elif isinstance(node, nodes.Filter):
            yield from self.filter(node)
        elif isinstance(node, nodes.Call):
            yield from self.call(node)
        elif isinstance(node, nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends):
            yield self.use("include", node, type(node).__name__.lower() + " " + written(node.template))
        elif isinstance(node, nodes.If | nodes.CondExpr):
            yield from self.condition(node)
        elif isinstance(node, nodes.TemplateData | nodes.Const):
            value = node.data if isinstance(node, nodes.TemplateData) else node.value
            for match in _ADDRESS.finditer(value if isinstance(value, str) else ""):
                yield self.use("address", node, match[0])

    def named(self, node: nodes.Node, owner: nodes.Node, name: str) -> Iterator[TemplateUse]:
        """An attribute or item of a constant name."""
        if name.startswith("__") or name in _UNSAFE:
            yield self.use("escape", node)
        elif name.startswith("_"):
            yield self.use("private", node)
        elif isinstance(owner, nodes.Name) and owner.name in OBJECTS and owner.name not in self.values:
            yield self.use("object", node)

    def item(self, node: nodes.Getitem) -> Iterator[TemplateUse]:
        """`a[b]`: b may be a name that is put together."""
        if isinstance(node.arg, nodes.Slice):
            return
        yield from self.computed(node, node.node, node.arg)

    def computed(self, node: nodes.Node, owner: nodes.Node, name: nodes.Node) -> Iterator[TemplateUse]:
        """A name that is an expression."""
        known = folded(self.values, name)
        for value in known:
            if isinstance(value, str):
                yield from self.named(node, owner, value)
        if None in known:
            if isinstance(owner, nodes.Name) and owner.name in OBJECTS and owner.name not in self.values:
                yield self.use("object", node)
            elif self.builds(name):
                yield self.use("computed-name", node)

    def filter(self, node: nodes.Filter) -> Iterator[TemplateUse]:
        """Filters that look up attributes, or format."""
        if node.name == "attr":
            yield self.use("attr-filter", node)
            if node.args:
                yield from self.computed(node, node.node or node, node.args[0])
        elif node.name in _BY_ATTRIBUTE:
            given = [pair.value for pair in node.kwargs if pair.key == "attribute"]
            # `map('attr', …)` names a filter first; sort and its likes take the attribute by keyword.
            names = given if node.name in ("sort", "unique", "min", "max", "sum") else given + node.args
            for name in names:
                for value in folded(self.values, name):
                    if value is None and self.builds(name):
                        yield self.use("computed-name", node)
                    for part in value.split(".") if isinstance(value, str) else ():
                        if part.startswith("__") or part in _UNSAFE:
                            yield self.use("escape", node)
            if node.name == "map" and node.args and folded(self.values, node.args[0]) == ["attr"]:
                yield self.use("attr-filter", node)
        elif node.name == "format":
            yield from self.formatted(node, node.node)

    def formatted(self, node: nodes.Node, pattern: nodes.Node | None) -> Iterator[TemplateUse]:
        """`'…'.format()` and `|format`: fields such as {0.a} walk attributes."""
        for value in folded(self.values, pattern) if pattern is not None else [None]:
            if value is None or (isinstance(value, str) and ("__" in value or re.search(r"\{[^{}]*[.\[]", value))):
                yield self.use("format", node)

    def call(self, node: nodes.Call) -> Iterator[TemplateUse]:
        """Whose function is called."""
        function = node.node
        if isinstance(function, nodes.Name):
            if function.name not in FUNCTIONS and function.name not in self.macros:
                known = self.values.get(function.name)
                yield self.use("computed-call" if known else "unknown-call", node)
        elif isinstance(function, nodes.Getattr):
            if function.attr == "format":
                yield from self.formatted(node, function.node)
            elif function.attr not in METHODS and not self._macro_of(function):
                yield self.use("unknown-method", node)
        else:
            yield self.use("computed-call", node)

    def _macro_of(self, function: nodes.Getattr) -> bool:
        return function.attr in self.macros

    def condition(self, node: nodes.If | nodes.CondExpr) -> Iterator[TemplateUse]:
        """A phrase of a message that decides over a text of the template's own: how a template is poisoned."""
        phrase = next((text for text in _phrases(node.test) if _WORDS.search(text)), "")
        body = node.body if isinstance(node, nodes.If) else [node.expr1]
        said = " ".join(text for part in body for text in _texts(part))
        if phrase and _WORDS.search(said):
            yield self.use("trigger", node, f"if {phrase!r}: {' '.join(said.split())[:80]!r}")

    def builds(self, node: nodes.Node) -> bool:
        """Whether an expression puts a text together, directly or by a variable."""
        for part in every(node):
            if isinstance(part, nodes.Concat):
                return True
            if isinstance(part, nodes.Filter) and part.name in _TEXT_FILTERS:
                return True
            if isinstance(part, nodes.Add | nodes.Mod | nodes.Mul) and any(
                isinstance(side, nodes.Const) and isinstance(side.value, str) for side in (part.left, part.right)
            ):
                return True
            if (
                isinstance(part, nodes.Call)
                and isinstance(part.node, nodes.Getattr)
                and part.node.attr in METHODS - {"get"}
            ):
                return True
            if isinstance(part, nodes.Name):
                set_to = [value for value in self.values.get(part.name, []) if value is not None]
                if any(isinstance(value, nodes.Concat) for value in set_to):
                    return True
        return False


def _phrases(test: nodes.Node) -> Iterator[str]:
    """Constant texts that are compared with, or looked for in, something that is called content or text."""
    for node in every(test):
        if isinstance(node, nodes.Compare):
            sides = [node.expr, *(operand.expr for operand in node.ops)]
            if any(_is_content(side) for side in sides):
                yield from (one.value for one in sides if isinstance(one, nodes.Const) and isinstance(one.value, str))


def _is_content(node: nodes.Node) -> bool:
    for part in every(node):
        name = part.attr if isinstance(part, nodes.Getattr) else part.name if isinstance(part, nodes.Name) else ""
        if isinstance(part, nodes.Getitem) and isinstance(part.arg, nodes.Const):
            name = part.arg.value
        if name in ("content", "text", "prompt", "query", "user_message"):
            return True
    return False


def _texts(node: nodes.Node) -> Iterator[str]:
    for part in every(node):
        if isinstance(part, nodes.TemplateData):
            yield part.data
        elif isinstance(part, nodes.Const) and isinstance(part.value, str):
            yield part.value
