"""Jinja templates: what one would do if somebody rendered it. It is parsed into its syntax tree and never rendered.

Chat templates stand in `tokenizer_config.json`, `chat_template.jinja`, processor configurations and GGUF keys. Loaders
render them with what a model's users type, some without a sandbox (CVE-2024-34359). A template of an honest model
reads variables, compares, loops and calls a dozen names; what never occurs is a way into Python's object model.

Kinds of `TemplateUse`: `escape` (a name of the object model), `object` (a global of the engine walked through),
`private` (a name with an underscore), `computed-name`, `computed-call`, `attr-filter`, `format` (format fields walk
attributes), `include` (another template), `unknown-call`, `unknown-method`, `trigger` (what users say decides over text
of the template's own), `address`. One more, `whole`, has the digest of the template in place of an expression: by it a
template is found again in other models.
Source: Jinja 3.1 template designer documentation; transformers `utils/chat_template_utils.py` for its additions.
"""

from __future__ import annotations

from weighbridge.core.digests import digest_bytes
from weighbridge.core.facts import Limit, Oddity, Span, TemplateUse, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match, within_budget
from weighbridge.formats.texts.embedded import embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

LONGEST = 1024 * 1024
"""Characters of a template that is parsed; the longest published one has 30,000."""
KEYS = ("chat_template", "chat_templates", "prompt_template", "generation_template")
"""Keys whose values are templates."""
EXTENSIONS = (".jinja", ".jinja2", ".j2")


class Template:
    """A file that is a template."""

    name = "template"
    version = 3
    extensions = frozenset(EXTENSIONS)

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """By name alone: any text is a template."""
        del data
        return Match.YES if info.extension in EXTENSIONS and b"\0" not in info.head else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield what the template does; the text counts as parsed if all of it was understood."""
        del info
        if data.size > LONGEST:
            yield Limit("template", LONGEST)
            return
        try:
            text = data.read(0, data.size).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            yield UnreadSpan(0, data.size, f"the template is not UTF-8 at byte {error.start}")
            return
        yield from embedded_in_text(text, "template", 0, budget)
        facts = list(template_uses(text, "template", 0, budget))
        yield from facts
        if not any(isinstance(fact, Limit | UnreadSpan) for fact in facts):
            yield Span(0, data.size, "parsed")


def template_uses(text: str, key: str, offset: int, budget: Budget) -> Iterator[Fact]:
    """What the template in `text` does beyond printing its variables. `key` says where it stands.

    A text that is no template in Jinja's syntax is an oddity and unread.
    """
    if "{" not in text:
        return
    if budget.facts > 0:
        budget.facts -= 1
        yield TemplateUse(key[:200], "whole", str(digest_bytes(text.encode("utf-8", "surrogatepass"))), offset)
    if len(text) > LONGEST:
        yield Limit("template", LONGEST, offset)
        return
    from weighbridge.formats.templates.fold import TemplateError
    from weighbridge.formats.templates.tree import uses

    try:
        if not (yield from within_budget(uses(text, key[:200], offset), budget, offset)):
            return
    except TemplateError as error:
        yield Oddity("template-syntax", f"{key[:100]!r}: {error}", offset)
        yield UnreadSpan(offset, 0, f"the template {key[:100]!r} cannot be parsed: {error}")


def is_template_key(key: str) -> bool:
    """Whether the value at this path of a document is a template."""
    return any(part in KEYS for part in key.split("."))


def looks_like_template(text: str) -> bool:
    """Whether a value that is not known to be a template may be one all the same."""
    return ("{{" in text and "}}" in text) or ("{%" in text and "%}" in text)
