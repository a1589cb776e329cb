r"""A document as the tree that a browser makes of it, and what in it does more than show text.

    kind              what                                     kind              what
    script            a script                                 handler           an attribute that runs at an event
    script-address    javascript:, data: documents             local-address     file:, \\\\server, programs' schemes
    frame             another page inside (iframe, object)     redirect          meta refresh, base, link
    form              fields that send what is typed           control           buttons and such outside of a form
    style-code        a style that runs something              own-frame         a frame of the Hub or of a video site
    style-load        a style that loads something             overlay           a style that covers the page
    mutation          text for one parser, markup for another  foreign           drawings and formulas in a card
    template          an expression that a front end runs      server            a directive for a server
    lookalike         a link that leads elsewhere              tracking          a picture that watches
    hidden-order      hidden text that tells a model what to do
    odd-address       a scheme that cards do not use           style             a style block
    unknown           an element or attribute on no list       data-picture      a drawing inside an address

The tree is that of an HTML parser after the WHATWG standard; nothing is shown, loaded or run.
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.markup import names
from weighbridge.formats.markup.css import effects, hides
from weighbridge.formats.markup.link_hosts import disagrees, effect, parts, watches
from weighbridge.formats.texts.hidden import instruction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

DEEPEST = 3
"""Documents inside of documents (`srcdoc`) that are looked into."""
OWN_FRAMES = ("hf.space", "huggingface.co", "youtube.com", "youtube-nocookie.com", "colab.research.google.com")
"""Hosts whose frames cards of the Hub show."""
_TEXT = 160


class Seen(NamedTuple):
    """One thing that was seen; `place` is a character of the text that was parsed, -1 if that is not known."""

    kind: str
    name: str
    text: str
    place: int = -1


_BARE = re.compile(r"</?(?:a|b|i|p|br|em|div|span|code|strong)>")
"""Tags without attributes that only format text."""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(
            r"(?:\{\{|\[\[|\$\{|#\{|\{%|<%)[^}\]%]{0,300}?(?:constructor|__proto__|__class__|\$eval|\$on\b|\$root|_c\.|alert\s*\("
            r"|eval\s*\(|Function\s*\(|document\b|window\b|import\s*\(|fetch\s*\(|T\(java|getRuntime|process\.|require\s*\("
            r"|self\._|cycler|lipsum|config\.|request\.|popen|system\s*\()",
        ),
        re.compile(r"<\?(?:php|=)|<%[@=!]?|<!--\s*#\s*(?:exec|include|echo)", re.IGNORECASE),
        re.compile(r"<\s*/?[a-zA-Z!]|--!?>|\]\]>"),
    )


def walked(html: str, *, drawing: bool = False, card: bool = False, depth: int = 0) -> Iterator[Seen]:
    """Walk a document or a part of one. `drawing`: a file of its own that is one; `card`: it comes from Markdown."""
    from justhtml import JustHTML

    document = JustHTML(html, sanitize=False, track_node_locations=True)
    walk = _Walk(drawing=drawing, card=card, depth=depth)
    stack: list[tuple[Any, bool, bool, bool]] = [(document.root, False, False, False)]
    while stack:
        node, hidden, code, foreign = stack.pop()
        name = str(node.name).lower()
        if name == "#comment":
            yield from walk.comment(str(node.data or ""), _place(node))
            continue
        if name == "#text":
            yield from walk.text(str(node.data or ""), _place(node), hidden=hidden, code=code)
            continue
        if not name.startswith(("#", "!")):
            attributes = {str(key).lower(): str(value or "") for key, value in (node.attrs or {}).items()}
            yield from walk.element(node, name.rpartition(":")[2], attributes, hidden=hidden, foreign=foreign)
            hidden = hidden or _hidden(name, attributes)
            code = code or name in ("code", "pre", "samp", "kbd", "script", "style")
            foreign = foreign or name in ("svg", "math")
        inner = getattr(node, "template_content", None)
        children = [*(node.children or ()), *([inner] if inner is not None else [])]
        stack.extend((child, hidden, code, foreign) for child in reversed(children))


class _Walk:
    __slots__ = ("_card", "_depth", "_drawing")

    def __init__(self, *, drawing: bool, card: bool, depth: int) -> None:
        self._drawing = drawing
        self._card = card
        self._depth = depth

    def comment(self, text: str, place: int) -> Iterator[Seen]:
        if text.lstrip().lower().startswith(("#exec", "#include", "#echo")):
            yield Seen("server", "comment", text[:_TEXT], place)
        if text.startswith(("[if", "?")) and not text.startswith(("[if !", "?xml ")):
            yield Seen("server", "conditional comment", text[:_TEXT], place)
        order = instruction(text)
        if order:
            yield Seen("hidden-order", "comment", order[:_TEXT], place)

    def text(self, text: str, place: int, *, hidden: bool, code: bool) -> Iterator[Seen]:
        if hidden:
            order = instruction(text)
            if order:
                yield Seen("hidden-order", "hidden element", order[:_TEXT], place)
        if not code:
            for kind, pattern in zip(("template", "server"), _patterns(), strict=False):
                match = pattern.search(text)
                if match:
                    yield Seen(kind, "text", text[match.start() : match.start() + _TEXT], place)

    def element(
        self, node: Any, name: str, attributes: dict[str, str], *, hidden: bool, foreign: bool
    ) -> Iterator[Seen]:
        place = _place(node)
        yield from self._kind(node, name, attributes, place, foreign=foreign)
        for attribute, value in attributes.items():
            yield from self._attribute(name, attribute, value, place)
        if name in ("img", "image", "video", "audio", "source", "input") and self._depth == 0:
            source = {**attributes, "src": attributes.get("src") or attributes.get("href", "")}
            why = watches(source, hidden=hidden or hides(attributes.get("style", "")) or "hidden" in attributes)
            if why:
                yield Seen("tracking", name, f"{why}: {source['src'][:100]}", place)
        if name == "a" and "href" in attributes:
            why = disagrees(_content(node, 400), attributes["href"])
            if why:
                yield Seen("lookalike", "a href", why, place)

    def _kind(self, node: Any, name: str, attributes: dict[str, str], place: int, *, foreign: bool) -> Iterator[Seen]:
        if name == "script":
            content = attributes.get("src") or _content(node, 400)
            data = attributes.get("type", "").lower() in ("application/json", "application/ld+json")
            if not data:
                yield Seen("script", "script", " ".join(content.split())[:_TEXT], place)
        elif name in names.FRAMES:
            source = attributes.get("src") or attributes.get("data", "")
            host = parts(source).host
            own = any(host == mine or host.endswith("." + mine) for mine in OWN_FRAMES) and name == "iframe"
            yield Seen("own-frame" if own and "srcdoc" not in attributes else "frame", name, source[:_TEXT], place)
        elif name in names.LEADS:
            yield from self._lead(name, attributes, place)
        elif name in names.CONTROLS:
            if (
                name != "input"
                or attributes.get("type", "").lower() not in ("checkbox", "radio")
                or "name" in attributes
            ):
                kind = "form" if name in ("form", "input", "isindex") or "formaction" in attributes else "control"
                yield Seen(kind, name, (attributes.get("action") or attributes.get("type", ""))[:_TEXT], place)
        elif name in names.ANIMATES:
            target = attributes.get("attributename", "").lower()
            risky = target.startswith("on") or target.rpartition(":")[2] in ("href", "src", "action", "style")
            yield Seen("handler" if risky else "foreign", name, " ".join(attributes.values())[:_TEXT], place)
        elif name == "style":
            content = _content(node)
            found = effects(content)
            for kind, text in found:
                yield Seen(kind, "style", text[:_TEXT], place)
            if not found and not self._drawing and not foreign:
                yield Seen("style", "style", content[:_TEXT], place)
            yield from self._mutation(node, name, content, place, foreign=foreign)
        elif name in names.RAW:
            if name == "title" and not self._card and not foreign:
                return
            content = _content(node)
            if name != "title" or not self._drawing:
                yield Seen("foreign", name, content[:_TEXT], place)
            yield from self._mutation(node, name, content, place, foreign=foreign)
        elif name in ("foreignobject", "annotation-xml", "mglyph", "malignmark", "mtext"):
            yield Seen("mutation" if name != "mtext" else "foreign", name, _content(node)[:_TEXT], place)
        elif foreign or self._drawing:
            if name not in names.DRAWS and name not in names.FORMULA and name not in names.SHOWS:
                yield Seen("unknown", name, "", place)
        elif name in ("svg", "math"):
            yield Seen("foreign", name, "", place)
        elif name not in names.SHOWS:
            yield Seen("unknown", name, "", place)

    def _lead(self, name: str, attributes: dict[str, str], place: int) -> Iterator[Seen]:
        if name == "meta":
            meant = attributes.get("http-equiv", "").strip().lower()
            harmless = meant in ("", "content-type", "x-ua-compatible", "content-language", "content-security-policy")
            if not harmless:
                yield Seen("redirect", f"meta {meant[:40]}", attributes.get("content", "")[:_TEXT], place)
            charset = (
                attributes.get("charset") or attributes.get("content", "").lower().partition("charset=")[2]
            ).lower()
            if charset and charset.strip(" ;\"'") not in ("utf-8", "utf8", "us-ascii", "iso-8859-1", "windows-1252"):
                yield Seen("mutation", "meta charset", charset[:40], place)
        elif name == "base":
            yield Seen("redirect", "base", attributes.get("href", "")[:_TEXT], place)
        else:
            rels = attributes.get("rel", "").lower().split()
            quiet = {
                "icon",
                "canonical",
                "license",
                "author",
                "alternate",
                "shortcut",
                "apple-touch-icon",
                "next",
                "prev",
            }
            own = not parts(attributes.get("href", "")).host and not self._card
            if not (rels and set(rels) <= quiet) and not (own and rels == ["stylesheet"]):
                yield Seen("redirect", f"link {' '.join(rels)[:40]}", attributes.get("href", "")[:_TEXT], place)

    def _mutation(self, node: Any, name: str, content: str, place: int, *, foreign: bool) -> Iterator[Seen]:
        del node
        # A comment may name a tag; what becomes of it elsewhere shows nothing and runs nothing.
        deep = foreign and not self._drawing and name != "title"
        text = _BARE.sub("", content) if name == "style" else content
        if deep or _patterns()[2].search(text):
            yield Seen("mutation", name, content[:_TEXT], place)

    def _attribute(self, element: str, name: str, value: str, place: int) -> Iterator[Seen]:
        where = f"{element} {name}"[:80]
        local = name.rpartition(":")[2] if not name.startswith(":") else name
        if local.startswith("on") and len(local) > 3 and local.isalnum():
            yield Seen("handler", where, value[:_TEXT], place)
        elif name == "srcdoc":
            yield Seen("frame", where, value[:_TEXT], place)
            if self._depth < DEEPEST:
                for seen in walked(value, depth=self._depth + 1):
                    yield seen._replace(place=place)
        elif name in names.ADDRESSES or local == "href":
            yield from self._addresses(element, name, value, place)
        elif name == "style":
            for kind, text in effects(value):
                yield Seen(kind, where, text[:_TEXT], place)
        elif name.startswith(names.FRONT_ENDS) and value.strip():
            yield Seen("handler", where, value[:_TEXT], place)
        elif name in ("alt", "title", "aria-label", "data-prompt", "content"):
            order = instruction(value)
            if order:
                yield Seen("hidden-order", where, order[:_TEXT], place)
        elif name == "is" or "<" in name or '"' in name:
            yield Seen("mutation", where, value[:_TEXT], place)
        elif (
            not (name in names.PLAIN or name.startswith(("data-", "aria-")))
            and not self._drawing
            and element in names.SHOWS
        ):
            yield Seen("unknown", where, value[:_TEXT], place)
        if name not in names.ADDRESSES and "<" in value and _patterns()[2].search(value) and "-->" in value:
            yield Seen("mutation", where, value[:_TEXT], place)

    def _addresses(self, element: str, name: str, value: str, place: int) -> Iterator[Seen]:
        several = {"srcset": ",", "imagesrcset": ",", "values": ";", "archive": " ", "ping": " "}.get(name)
        for address in value.split(several) if several and not value.strip().startswith("data:") else [value]:
            one = address.strip().split(" ")[0] if name.endswith("srcset") else address
            picture = element in ("img", "image", "source", "video", "input") and name in (
                "src",
                "srcset",
                "href",
                "xlink:href",
            )
            kind, why = effect(one, picture=picture)
            if (kind == "odd-address" and name in ("values", "from", "to", "by")) or element == "color-profile":
                continue
            if kind:
                yield Seen(kind, f"{element} {name}"[:80], f"{why}: {one.strip()[:120]}", place)
            elif element in ("use", "image", "feimage") and self._drawing and parts(one).host:
                yield Seen("style-load", f"{element} {name}"[:80], one[:_TEXT], place)
            elif name in ("ping", "manifest", "action", "formaction", "background") and parts(one).host:
                yield Seen(
                    "redirect" if name != "background" else "style-load", f"{element} {name}", one[:_TEXT], place
                )


def _place(node: Any) -> int:
    place = getattr(node, "origin_offset", None)
    return place if isinstance(place, int) else -1


def _content(node: Any, most: int = 64 * 1024) -> str:
    """The first characters of the text inside of a node: `most` of them, from at most a thousand nodes."""
    found: list[str] = []
    stack = [node]
    size = nodes = 0
    while stack and size < most and nodes < 1000:
        inner = stack.pop()
        nodes += 1
        if inner.name == "#text":
            found.append(str(inner.data or ""))
            size += len(found[-1])
        template = getattr(inner, "template_content", None)
        children = [*(inner.children or ())[:1000], *([template] if template is not None else [])]
        stack.extend(reversed(children))
    return "".join(found)[:most]


def _hidden(name: str, attributes: dict[str, str]) -> bool:
    if "hidden" in attributes or name in ("template", "noscript", "noembed", "noframes"):
        return True
    if attributes.get("color", "").strip().lower() in ("white", "#fff", "#ffffff", "transparent"):
        return True
    if attributes.get("size", "").strip() == "0" and name == "font":
        return True
    style = attributes.get("style", "")
    return bool(style) and hides(style)
