"""The walk through a template's syntax tree. `jinja2` parses; nothing is compiled, optimized or rendered.

What a variable may hold is known from `formats/templates/flow.py`. A name that the template itself puts together, and
that cannot be folded to a constant, is a `computed-name`.
"""

from __future__ import annotations

import re
from functools import cache

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension

from weighbridge.core.facts import TemplateUse
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.templates.flow import Flow
from weighbridge.formats.templates.fold import TemplateError, every, written

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
    return Walk(key, offset, tree).tree(tree)


class Walk:
    """One template, with what its variables may hold."""

    def __init__(self, key: str, offset: int, root: nodes.Template) -> None:
        self.key = key
        self.offset = offset
        self.flow = Flow(root)

    def tree(self, root: nodes.Template) -> Iterator[TemplateUse]:
        """Look at every node."""
        for node in every(root):
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
        elif self.is_object(owner):
            yield self.use("object", node)

    def is_object(self, owner: nodes.Node) -> bool:
        return isinstance(owner, nodes.Name) and owner.name in OBJECTS and not self.flow.is_set(owner.name)

    def item(self, node: nodes.Getitem) -> Iterator[TemplateUse]:
        """`a[b]`: b may be a name that is put together."""
        if not isinstance(node.arg, nodes.Slice):
            yield from self.computed(node, node.node, node.arg)

    def computed(self, node: nodes.Node, owner: nodes.Node, name: nodes.Node) -> Iterator[TemplateUse]:
        """A name that is an expression."""
        held = self.flow.of(name)
        for value in held.constants:
            if isinstance(value, str):
                yield from self.named(node, owner, value)
        if held.built:
            yield self.use("computed-name", node)
        elif held.data and self.is_object(owner):
            yield self.use("object", node)
        elif held.data and isinstance(owner, nodes.Const) and isinstance(owner.value, str):
            # What is asked of a constant text by name is an attribute; nothing else has one.
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
                held = self.flow.of(name)
                if held.built or (held.data and name in node.args[:1]):
                    yield self.use("computed-name", node)
                for value in held.constants:
                    for part in value.split(".") if isinstance(value, str) else ():
                        if part.startswith("__") or part in _UNSAFE:
                            yield self.use("escape", node)
            if node.name == "map" and node.args and "attr" in self.flow.of(node.args[0]).constants:
                yield self.use("attr-filter", node)
        elif node.name == "format":
            yield from self.formatted(node, node.node)

    def formatted(self, node: nodes.Node, pattern: nodes.Node | None) -> Iterator[TemplateUse]:
        """`'…'.format()` and `|format`: fields such as {0.a} walk attributes."""
        held = self.flow.of(pattern)
        texts = [value for value in held.constants if isinstance(value, str)]
        fields = any("__" in value or re.search(r"\{[^{}]*[.\[]", value) for value in texts)
        if pattern is None or held.data or held.built or fields:
            yield self.use("format", node)

    def call(self, node: nodes.Call) -> Iterator[TemplateUse]:
        """Whose function is called."""
        function = node.node
        if isinstance(function, nodes.Name):
            if self.flow.is_set(function.name):
                yield self.use("computed-call", node)
            elif function.name not in FUNCTIONS and function.name not in self.flow.macros:
                yield self.use("unknown-call", node)
        elif isinstance(function, nodes.Getattr):
            if function.attr == "format":
                yield from self.formatted(node, function.node)
            elif function.attr not in METHODS and function.attr not in self.flow.macros:
                yield self.use("unknown-method", node)
        else:
            yield self.use("computed-call", node)

    def condition(self, node: nodes.If | nodes.CondExpr) -> Iterator[TemplateUse]:
        """A phrase of a message that decides over a text of the template's own: how a template is poisoned."""
        phrase = next((text for text in _phrases(node.test) if _WORDS.search(text)), "")
        body = node.body if isinstance(node, nodes.If) else [node.expr1]
        said = " ".join(text for part in body for text in _texts(part))
        if phrase and _WORDS.search(said):
            yield self.use("trigger", node, f"if {phrase!r}: {' '.join(said.split())[:80]!r}")


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
