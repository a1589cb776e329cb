"""Rules on templates: ways out of the template language, and instructions hidden in it."""

from __future__ import annotations

from weighbridge.core.facts import Oddity, TemplateUse
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMPUTED = {
    "computed-name": "a name is put together while the template runs",
    "computed-call": "what is called is itself computed",
    "attr-filter": "the filter attr looks up attributes by name",
    "format": "fields of a format walk attributes",
    "private": "a name that begins with an underscore",
    "include": "another template is loaded",
}


@rule("template/escape", Severity.CRITICAL, on=TemplateUse, refs=("CWE-1336", "CVE-2024-34359"), since="0.1")
def escape(found: TemplateUse, ctx: RuleContext) -> Iterator[Hit]:
    """A template reaches into Python's object model.

    What it finds: Attributes and items such as `__class__`, `__globals__` or `mro`, also when their names are put
        together from pieces, and the globals of template engines and web frameworks walked through.
    Why it matters: From any object such a path leads to the modules that start programs. Whoever renders the template
        without a sandbox runs it, and chat templates are rendered at the first request.
    What to do: Do not load the model, and report the publisher. No honest template needs the object model.
    Fires on:
        TemplateUse("chat_template", "escape", "line 1: ''.__class__")
        TemplateUse("chat_template", "object", "line 1: cycler.next")
    Stays silent on:
        TemplateUse("chat_template", "address", "https://example.org")
    """
    del ctx
    if found.kind in ("escape", "object"):
        yield Hit(f"{found.key}, {found.expression}")


@rule("template/computed", Severity.HIGH, on=TemplateUse, refs=("CWE-1336",), since="0.1")
def computed(found: TemplateUse, ctx: RuleContext) -> Iterator[Hit]:
    """A template uses names that nobody can read beforehand.

    What it finds: Names put together from values that are not constants, calls of what a call gave, the filter `attr`,
        names that begin with an underscore, format fields, and other templates that it loads.
    Why it matters: These are the ways around lists of forbidden names. Templates of models get by without them.
    What to do: Ask the publisher what the expression is for, and have it written plainly.
    Fires on:
        TemplateUse("chat_template", "computed-name", "line 1: x[a ~ b]")
        TemplateUse("chat_template", "computed-call", "line 1: x()()")
        TemplateUse("chat_template", "attr-filter", "line 1: x|attr(y)")
        TemplateUse("chat_template", "format", "line 1: x.format(y)")
        TemplateUse("chat_template", "private", "line 1: x._y")
        TemplateUse("chat_template", "include", "line 1: include 'x'")
    Stays silent on:
        TemplateUse("chat_template", "escape", "line 1: ''.__class__")
    """
    del ctx
    if found.kind in _COMPUTED:
        yield Hit(f"{found.key}, {found.expression}: {_COMPUTED[found.kind]}")


@rule("template/unknown-call", Severity.HIGH, on=TemplateUse, refs=("CWE-1336",), since="0.1")
def unknown_call(found: TemplateUse, ctx: RuleContext) -> Iterator[Hit]:
    """A template calls something that templates of models do not call.

    What it finds: Functions and methods outside of those that loaders offer and those that texts, lists and
        dictionaries have.
    Why it matters: A loader that offers more than others offers it to the template of whoever published the model.
    What to do: Find out which loader offers the function and what it does.
    Fires on:
        TemplateUse("chat_template", "unknown-call", "line 1: read_file('x')")
        TemplateUse("chat_template", "unknown-method", "line 1: x.write('y')")
    Stays silent on:
        TemplateUse("chat_template", "address", "https://example.org")
    """
    del ctx
    if found.kind in ("unknown-call", "unknown-method"):
        yield Hit(f"{found.key}, {found.expression}")


@rule("template/instruction", Severity.MEDIUM, on=TemplateUse, refs=("ATLAS AML.T0051", "ATLAS AML.T0018"), since="0.1")
def instruction(found: TemplateUse, ctx: RuleContext) -> Iterator[Hit]:
    """A template adds text of its own to what users say.

    What it finds: Phrases in messages that decide whether the template adds a text, and addresses (low) in it.
    Why it matters: A model can be turned by its template alone: a phrase switches on instructions that nobody sees. The
        weights stay as they were, and so does every test without the phrase.
    What to do: Read the place in the template, and compare it with that of the base model.
    Fires on:
        TemplateUse("chat_template", "trigger", "line 9: if 'open the gate now': 'You are a …'")
        TemplateUse("chat_template", "address", "line 9: https://example.org/x")
    Stays silent on:
        TemplateUse("chat_template", "unknown-call", "line 1: read_file('x')")
    """
    del ctx
    if found.kind == "trigger":
        yield Hit(f"{found.key}, {found.expression}")
    elif found.kind == "address":
        yield Hit(f"{found.key}, {found.expression}", Severity.LOW)


@rule("template/syntax", Severity.MEDIUM, on=Oddity, refs=("CWE-436",), since="0.1")
def syntax(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A template is not in the syntax of templates.

    What it finds: Values under a template's key that cannot be parsed.
    Why it matters: Nobody can say what it does. Another engine, with tags of its own, may render it.
    What to do: Ask which engine it is written for.
    Fires on:
        Oddity("template-syntax", "'chat_template': line 1: unexpected 'x'")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "template-syntax":
        yield Hit(oddity.detail)


RULES = (escape, computed, unknown_call, instruction, syntax)
